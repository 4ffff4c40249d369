# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Will this host's kernel take a declared route? Its interfaces, its gateways, its IPv6."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import covers, family_of


def checked_routes(host: Host, routes: t.Sequence[Route], where: str) -> list[Route]:
    """The routes of one table, the devices of their gateways filled in; raises PlanError where the kernel would refuse.

    A gateway may be on link through an interface's addresses or through any link route, also one of the same table.
    """
    links = [route for route in (*routes, *host.routes) if _is_link_route(route)]
    known: dict[tuple[NextHop, int], NextHop] = {}  # many routes have few gateways
    return [_checked_route(host, route, links, known, where) for route in routes]


def _checked_route(
    host: Host, route: Route, links: t.Sequence[Route], known: dict[tuple[NextHop, int], NextHop], where: str
) -> Route:
    for leg in route.nexthops:
        if (leg, route.family) not in known:
            known[leg, route.family] = _checked_leg(host, leg, route, links, where)
    legs = tuple(known[leg, route.family] for leg in route.nexthops)
    if route.family == 6 and "all" in host.no_ipv6:
        raise PlanError(f"{where}: {route.dst}: this host has no IPv6 (disable_ipv6); enable it or drop the prefix")
    if route.prefsrc and host.owner(route.prefsrc) is None:
        raise PlanError(f"{where}: prefsrc {route.prefsrc} is not an address of this host; add it first")
    return dataclasses.replace(route, nexthops=legs) if legs != route.nexthops else route


def require_interface(host: Host, name: str, where: str) -> None:
    """Raise PlanError where the host has no interface of this name."""
    if name not in host.interfaces:
        known = ", ".join(sorted(host.interfaces)) or "none"
        raise PlanError(f"{where}: interface {name!r} does not exist on this host; it has {known}")


def _checked_leg(host: Host, leg: NextHop, route: Route, links: t.Sequence[Route], where: str) -> NextHop:
    device = leg.device or _device_of(host, leg.gateway or "", links, where)
    leg = dataclasses.replace(leg, device=device)
    require_interface(host, device, where)
    if not host.interfaces[device].get("up", True):
        raise PlanError(f"{where}: interface {device} is down; bring it up first (ip link set dev {device} up)")
    if route.family == 6 and device in host.no_ipv6:
        raise PlanError(
            f"{where}: {route.dst}: IPv6 is disabled on interface {device} "
            f"(/proc/sys/net/ipv6/conf/{device}/disable_ipv6 is 1); enable it or use another uplink"
        )
    if leg.gateway is None or "onlink" in leg.flags:
        return leg
    if host.owner(leg.gateway) is not None:
        raise PlanError(f"{where}: gateway {leg.gateway} is an address of this host itself; give the next router's")
    if not _is_on_link(host, leg.gateway, device, links):
        attached = ", ".join(_connected(host, device)) or "no prefix"
        raise PlanError(
            f"{where}: gateway {leg.gateway} is not on link at interface {device} (it has {attached}); correct the "
            "gateway or the interface, or set onlink where the gateway answers there all the same"
        )
    return leg


def _device_of(host: Host, gateway: str, links: t.Sequence[Route], where: str) -> str:
    if family_of(gateway) == 6 and ipaddress.ip_address(gateway).is_link_local:
        raise PlanError(f"{where}: gateway {gateway} is link-local and may be at any interface; give the device")
    found = [name for name in host.interfaces if _is_on_link(host, gateway, name, links)]
    if len(found) == 1:
        return found[0]
    if found:
        raise PlanError(f"{where}: gateway {gateway} is on link at {', '.join(found)}; say which with device")
    disabled = sorted(host.no_ipv6 & set(host.interfaces)) if family_of(gateway) == 6 else []
    hint = f" (IPv6 is disabled on interface {', '.join(disabled)})" if disabled else ""
    raise PlanError(f"{where}: gateway {gateway} is not on link anywhere{hint}; correct it, or give device and onlink")


def _connected(host: Host, device: str) -> list[str]:
    """The prefixes that the addresses of an interface put on its link."""
    prefixes = []
    for address in host.interfaces[device].get("addresses", ()):
        base = address.get("peer") or address["address"]
        prefixes.append(str(ipaddress.ip_network(f"{base}/{address['prefixlen']}", strict=False)))
    return prefixes


def _is_on_link(host: Host, gateway: str, device: str, links: t.Sequence[Route]) -> bool:
    if family_of(gateway) == 6 and ipaddress.ip_address(gateway).is_link_local:
        return True
    if any(covers(prefix, gateway) for prefix in _connected(host, device)):
        return True
    return any(link.nexthops[0].device == device and covers(link.dst, gateway) for link in links)


def _is_link_route(route: Route) -> bool:
    return route.type == "unicast" and len(route.nexthops) == 1 and route.nexthops[0].gateway is None
