# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether a member's sync link is what it is declared to be, and carries nothing but state. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.members import Group

NO_AUTHENTICATION = (
    "the protocol has neither authentication nor encryption: whoever reaches it can open any connection through the "
    "firewalls"
)
_Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def check_link(host: Host, group: Group, neighbours: t.Iterable[str], shared_accepted: bool) -> list[str]:
    """Raise PlanError where the link cannot carry state, or is shared and that is not accepted; returns warnings.

    ``neighbours`` are addresses that the host has heard of on the interface.
    """
    own = group.own
    if own.interface not in host.interfaces:
        known = ", ".join(sorted(host.interfaces)) or "none"
        raise PlanError(f"{own.name}: the sync link's interface {own.interface} does not exist here; it has {known}")
    network = _network_of(host, group)
    for peer in group.peers:
        if ipaddress.ip_address(peer.address) not in network:
            raise PlanError(
                f"{peer.name} has {peer.address} on its sync link, which is not in {network} of {own.interface} of "
                f"{own.name}; all members must be in one subnet, on one link"
            )
    others = sharers(host, group, network, neighbours)
    if not others:
        return []
    told = f"{own.interface} of {own.name} is no link for state alone: {'; '.join(others)}"
    if not shared_accepted:
        raise PlanError(
            f"{told}. {NO_AUTHENTICATION[0].upper()}{NO_AUTHENTICATION[1:]}. Give the members a link of their own, or "
            "set state_sync_accept_shared_link: true"
        )
    return [f"{told}; {NO_AUTHENTICATION}"]


def _network_of(host: Host, group: Group) -> _Network:
    """The subnet of the sync link, by this host's address on it."""
    own = group.own
    found = host.interfaces[own.interface].get("addresses", ())
    wanted = ipaddress.ip_address(own.address)
    for one in found:
        if ipaddress.ip_address(one["address"]) == wanted:
            return ipaddress.ip_network(f"{one['address']}/{one['prefixlen']}", strict=False)
    there = ", ".join(f"{one['address']}/{one['prefixlen']}" for one in found) or "no address"
    raise PlanError(
        f"{own.name}: {own.interface} does not have the address {own.address}, it has {there}; configure it, or "
        "correct state_sync_address"
    )


def sharers(host: Host, group: Group, network: _Network, neighbours: t.Iterable[str]) -> list[str]:
    """What else uses the interface, in words."""
    name, found = group.own.interface, []
    for one in host.interfaces[name].get("addresses", ()):
        address = ipaddress.ip_address(one["address"])
        # An address of the other family may be the members' own, too: a stranger there would be heard.
        if address.version == network.version and address not in network and not address.is_link_local:
            found.append(f"it has {one['address']}/{one['prefixlen']}, too")
    routes = sorted(
        {
            "a default route" if route.prefixlen == 0 else f"a route to {route.dst}"
            for route in host.routes
            if route.type == "unicast" and any(leg.device == name for leg in route.nexthops)
            and not _is_connected(host, name, route.dst)
        }
    )
    if routes:
        found.append(f"{', '.join(routes[:5])}{' and more' if len(routes) > 5 else ''} leave by it")
    members = {ipaddress.ip_address(one.address) for one in group.members}
    strangers = [one for one in neighbours if ipaddress.ip_address(one) not in members]
    strangers = [one for one in strangers if not ipaddress.ip_address(one).is_link_local]
    if strangers:
        found.append(f"{', '.join(sorted(strangers)[:5])} is on it, and no member")
    return found


def _is_connected(host: Host, interface: str, dst: str) -> bool:
    """Whether a route is one that the kernel makes for an address of the interface."""
    network = ipaddress.ip_network(dst)
    if network.is_multicast or network.is_link_local:
        return True
    own = host.interfaces[interface].get("addresses", ())
    return network in {ipaddress.ip_network(f"{one['address']}/{one['prefixlen']}", strict=False) for one in own}
