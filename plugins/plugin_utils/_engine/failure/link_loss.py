# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The facts of a host after one of its interfaces went down or lost its carrier, as the kernel changes them.

Down (fib_sync_down_dev, addrconf_ifdown): routes by the interface die and vanish, a multipath route keeps its living
legs; IPv4 addresses stay, and their local routes with them; IPv6 addresses go, and their local routes too.
Carrier lost (NETDEV_CHANGE): nothing vanishes; legs by the interface are marked ``linkdown``, and only
ignore_routes_with_linkdown makes lookups pass over them.
"""

from __future__ import annotations

import typing as t

Facts = t.Mapping[str, t.Any]
_AGGREGATES = ("bridge", "bond", "team")


def after_down(facts: Facts, interface: str) -> dict[str, t.Any]:
    """The host with the interface set down, and the interfaces upon it with it."""
    gone = {interface, *_upon(facts, interface)}
    changed = dict(facts)
    changed["interfaces"] = {
        name: _downed(one) if name in gone else one for name, one in facts.get("interfaces", {}).items()}
    changed["routes"] = [kept for route in facts.get("routes", ()) if (kept := _without(route, gone)) is not None]
    changed["neighbours"] = [one for one in facts.get("neighbours", ()) if one["device"] not in gone]
    for master in _idle_masters(changed, gone):
        changed = after_carrier_loss(changed, master)
    return changed


def after_carrier_loss(facts: Facts, interface: str) -> dict[str, t.Any]:
    """The host with the carrier of the interface lost, and that of the interfaces upon it."""
    gone = {interface, *_upon(facts, interface)}
    changed = dict(facts)
    changed["interfaces"] = {
        name: {**one, "carrier": False} if name in gone else one for name, one in facts.get("interfaces", {}).items()}
    passed_over = {family: _ignore_linkdown(facts, gone, family) for family in (4, 6)}
    changed["routes"] = [_marked(route, gone, passed_over[route["family"]]) for route in facts.get("routes", ())]
    changed["neighbours"] = [  # neigh_carrier_down
        one for one in facts.get("neighbours", ()) if one["device"] not in gone or one.get("state") == "permanent"]
    for master in _idle_masters(changed, gone):
        changed = after_carrier_loss(changed, master)
    return changed


def switched_off(facts: Facts) -> dict[str, t.Any]:
    """A host that is gone: nothing of it answers any more. Its addresses stay, so that it is known who is missed."""
    interfaces = {name: {**one, "up": False, "carrier": False} for name, one in facts.get("interfaces", {}).items()}
    return {**facts, "interfaces": interfaces}


def without_neighbours(facts: Facts, addresses: t.Container[str]) -> dict[str, t.Any]:
    """A host after the ones with these addresses have stopped to answer, and it has noticed."""
    return {**facts, "neighbours": [
        {key: value for key, value in {**one, "state": "failed"}.items() if key != "mac"}
        if one["address"] in addresses else one for one in facts.get("neighbours", ())]}


def _upon(facts: Facts, interface: str) -> list[str]:
    """VLAN interfaces on top, told by their names: the facts do not say what an interface stands on."""
    return [name for name, one in facts.get("interfaces", {}).items()
            if one.get("kind") == "vlan" and name.startswith(f"{interface}.")]


def _idle_masters(facts: Facts, gone: t.Collection[str]) -> list[str]:
    """Bridges and bonds without a port that still has a carrier."""
    interfaces = facts.get("interfaces", {})
    masters = {interfaces[name].get("master") for name in gone if name in interfaces}
    return [
        master for master in sorted(one for one in masters if one)
        if interfaces.get(master, {}).get("kind") in _AGGREGATES and interfaces[master].get("carrier", True)
        and not any(one.get("master") == master and one.get("up", True) and one.get("carrier", True)
                    for one in interfaces.values())
    ]


def _downed(interface: Facts) -> dict[str, t.Any]:
    kept = [one for one in interface.get("addresses", ()) if one["family"] == 4]
    return {**interface, "up": False, "carrier": False, "addresses": kept}


def _without(route: Facts, gone: t.Container[str]) -> Facts | None:
    """The route without its dead legs; None where none is left."""
    legs = route.get("nexthops", ())
    dead = [leg for leg in legs if leg.get("device") in gone]
    if not dead or (route["family"] == 4 and _is_local(route)):
        return route
    alive = [leg for leg in legs if leg.get("device") not in gone and "dead" not in leg.get("flags", ())]
    if not alive:
        return None
    if "nhid" in route:  # nexthop_flush_dev takes the members out of their group
        return {**route, "nexthops": alive}
    return {**route, "nexthops": [_flagged(leg, "dead", "linkdown") if leg in dead else leg for leg in legs]}


def _ignore_linkdown(facts: Facts, interfaces: t.Iterable[str], family: int) -> set[str]:
    """The interfaces whose routes are passed over without a carrier; the kernel then shows them as dead too."""
    name = "ignore_routes_with_linkdown" if family == 4 else "ignore_routes_with_linkdown6"
    sysctls = facts.get("interface_sysctls", {})
    return {one for one in interfaces if sysctls.get("all", {}).get(name) or sysctls.get(one, {}).get(name)}


def _marked(route: Facts, gone: t.Container[str], passed_over: t.Container[str]) -> Facts:
    legs = route.get("nexthops", ())
    if _is_local(route) or not any(leg.get("device") in gone for leg in legs):
        return route
    flags = {True: ("dead", "linkdown"), False: ("linkdown",)}
    return {**route, "nexthops": [
        _flagged(leg, *flags[leg["device"] in passed_over]) if leg.get("device") in gone else leg for leg in legs]}


def _is_local(route: Facts) -> bool:
    return route.get("type") in ("local", "anycast") or route.get("scope") == "host"


def _flagged(leg: Facts, *flags: str) -> dict[str, t.Any]:
    return {**leg, "flags": sorted({*leg.get("flags", ()), *flags})}
