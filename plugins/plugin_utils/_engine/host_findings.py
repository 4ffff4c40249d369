# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Findings that one host's own facts show, also without a flow: rules, defaults, sources, rp_filter, ARP."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.site import Facts, contains
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.walk import Hop

DEFAULTS = ("0.0.0.0/0", "::/0")
STRICT, LOOSE = 1, 2


def find(network: Network, verdicts: t.Sequence[FlowVerdict]) -> list[Finding]:
    """SYM102, 105, 202 and 203 of every host, and SYM103 where a failing flow hangs on it."""
    raised: list[Finding] = []
    for host in network.hosts:
        raised += _foreign_sources(network, host)
        raised += _preferred_sources(network, host)
        raised += _unanswered_arp(network, host)
        raised += _overridden(network, host)
    for told in verdicts:
        if told.verdict in ("broken", "at_risk") and _leaves_and_returns_differently(told):
            raised += _competing_defaults(network, told)
    return raised


def _uplink_interfaces(network: Network, host: str) -> set[str]:
    return {uplink.interface for uplink in network.site.uplinks_of(host)}


def _announced(network: Network, host: str, interface: str, address: str) -> bool:
    return any(
        contains(prefix, address) for uplink in network.site.uplinks_of(host)
        if uplink.interface == interface for prefix in uplink.announces
    )


def _foreign_sources(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM102: ``from ADDRESS`` leads to a table whose default leaves by another uplink than the address belongs to."""
    uplinks = _uplink_interfaces(network, host)
    routes = network.facts[host].get("routes", ())
    for rule in network.facts[host].get("rules", ()):
        source = rule.get("src")
        if not source or rule.get("invert") or rule.get("action", "lookup") != "lookup" or rule.get("iif"):
            continue
        legs = {leg.get("device") for route in routes for leg in route.get("nexthops", ())
                if route["table"] == rule.get("table") and route["dst"] in DEFAULTS
                and route["family"] == rule["family"]}
        owned = {
            name: str(item.ip) for name in uplinks for item in network.topology.addresses(host, name, rule["family"])
            if contains(source, str(item.ip)) and not item.ip.is_link_local
        }
        if not legs or not legs <= uplinks or not owned or legs & set(owned):
            continue
        for name, address in owned.items():
            if not any(_announced(network, host, str(leg), address) for leg in legs):
                yield finding(
                    "SYM102", host, f"rule {rule['priority']} sends {source} to table {rule['table']}, whose default "
                    f"leaves by {' or '.join(sorted(map(str, legs)))}, but {address} belongs to {name}", name)


def _preferred_sources(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM105: a default route of one uplink gives locally generated packets the address of another uplink."""
    uplinks = _uplink_interfaces(network, host)
    for route in network.facts[host].get("routes", ()):
        source = route.get("prefsrc")
        devices = {leg.get("device") for leg in route.get("nexthops", ())}
        if not source or route["dst"] not in DEFAULTS or len(devices) != 1:
            continue
        device = str(devices.pop())
        owners = {name for owner, name in network.owners(source) if owner == host}
        if device in owners or not owners & uplinks or _announced(network, host, device, source):
            continue
        owner = sorted(owners & uplinks)[0]
        yield finding("SYM105", host, f"the default route by {device} (table {route['table']}) gives packets the "
                      f"source {source}, which belongs to uplink interface {owner}: replies to it come back by {owner}",
                      device)


def _overridden(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM203: the kernel takes the greater of ``all`` and the interface (IN_DEV_MAXCONF)."""
    sysctls = network.facts[host].get("interface_sysctls", {})
    everyone = sysctls.get("all", {}).get("rp_filter")
    default = sysctls.get("default", {}).get("rp_filter")
    for name in network.topology.interfaces(host):
        own = sysctls.get(name, {}).get("rp_filter")
        if own is None or everyone is None or not network.topology.addresses(host, name, 4):
            continue
        if everyone == LOOSE and own == STRICT and default != STRICT:
            yield finding("SYM203", host, f"rp_filter of {name} asks for strict (1), but all is 2 and the greater "
                          f"number is in force: {name} is loose", name)
        elif everyone == STRICT and own == 0 and default not in (None, 0):
            yield finding("SYM203", host, f"rp_filter of {name} is switched off (0, where new interfaces get "
                          f"{default}), but all is 1 and the greater number is in force: {name} is strict", name)


def _unanswered_arp(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM202: ARP requests are validated like packets (arp_process); where that fails, no answer and no count."""
    for device, setting in network.facts[host].get("rp_filter", {}).items():
        ours = network.topology.addresses(host, device, 4)
        if setting.get("mode") != STRICT or not ours or not network.topology.is_up(host, device):
            continue
        for who, address, asked in _askers(network, host, device):
            check = network.hosts[host].reverse_path(Packet(Flow("icmp", address, asked)), device, None)
            if check.verdict == "drop" and check.mode == STRICT:
                elsewhere = " or ".join(check.expected_devices) or "no interface"
                yield finding(
                    "SYM202", host, f"strict rp_filter on {device} leaves ARP requests of {who} ({address}) for "
                    f"{asked} unanswered: the route back to {address} leaves by {elsewhere}. Silent: no counter rises",
                    device)


def _askers(network: Network, host: str, device: str) -> t.Iterator[tuple[str, str, str]]:
    """Who asks on this segment for which of our addresses: (name, its address, our address)."""
    ours = network.topology.addresses(host, device, 4)
    for entry in network.facts[host].get("neighbours", ()):
        if entry["device"] == device and entry["family"] == 4 and entry.get("mac"):
            yield "a neighbour", entry["address"], str(ours[0].ip)
    for peer in network.hosts:
        for name in network.topology.interfaces(peer) if peer != host else ():
            for asked in (str(own.ip) for own in ours):
                source = _arp_source(network, peer, name, asked)
                if source and _on_segment(network, host, device, peer, name, asked):
                    yield peer, source, asked


def _arp_source(network: Network, peer: str, name: str, asked: str) -> str | None:
    """The address in the peer's ARP request for ours: the source of the packet that it wants to send (arp_solicit)."""
    found = network.hosts[peer].lookup(Packet(Flow("udp", "0.0.0.0", asked, None, 9)))
    on_link = (one for one in found.branches if one.kind == "forward" and (one.device, one.next_hop) == (name, asked))
    return next((one.source for one in on_link), None)


def _on_segment(network: Network, host: str, device: str, peer: str, name: str, asked: str) -> bool:
    """The peer's own join of our address leads to this very interface."""
    found = network.topology.join(peer, name, asked).neighbour
    return found is not None and (found.host, found.interface) == (host, device)


def _leaves_and_returns_differently(told: FlowVerdict) -> bool:
    """The death has to do with the choice of an uplink: the reply came another way than the request."""
    for pair in told.journey.pairs:
        if pair.result == "broken" and pair.back and pair.forward.arrived and pair.direction == "return":
            last, first = pair.forward, pair.back
            here = (last.host, last.interface)
            there = (first.entry.host, first.entry.interface) if first.entry else (
                first.hops[0].host, first.hops[0].oif) if first.hops else here
            if here != there:
                return True
    return False


def _competing_defaults(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM103: a hop of the failing flow took a default route that only its metric put before another."""
    hops = [hop for path in (*told.forward_paths(), *told.return_paths()) for hop in path.hops]
    for hop in hops:
        taken = _default_taken(hop)
        if taken is None:
            continue
        table, family = taken
        rivals = _defaults(network.facts[hop.host], table, family)
        others = sorted({device for _metric, device in rivals if device != hop.oif})
        if others:
            metrics = ", ".join(f"{device} metric {metric}" for metric, device in sorted(rivals))
            yield finding("SYM103", hop.host, f"{hop.transit.packet.flow.destination} is sent out by "
                          f"{hop.oif} only because of the metric of its default route ({metrics})", hop.oif or "",
                          flows=(told.name,))


def _default_taken(hop: Hop) -> tuple[int, int] | None:
    lookup = hop.transit.lookup
    branches = [b for b in lookup.branches if b.device == hop.oif and b.route] if lookup else []
    route = branches[0].route if branches else None
    return (route.table, route.family) if route and route.dst in DEFAULTS and len(route.nexthops) == 1 else None


def _defaults(facts: Facts, table: int, family: int) -> list[tuple[int, str]]:
    """Metric and device of every default route of a table."""
    return [
        (int(route.get("metric", 0)), str(leg["device"])) for route in facts.get("routes", ())
        if route["table"] == table and route["family"] == family and route["dst"] in DEFAULTS
        for leg in route.get("nexthops", ()) if leg.get("device")
    ]
