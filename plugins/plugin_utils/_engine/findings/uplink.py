# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM101 to SYM105: what goes out by one uplink comes back by another, or is sent out by the wrong one."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.deaths import without_session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, contains

DEFAULTS = ("0.0.0.0/0", "::/0")


def of_failing_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM101 and SYM104: why replies come by another way than the request went."""
    yield from _other_uplink(told)
    yield from _other_entry(network, told)


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM102 and SYM105, which need no flow."""
    yield from _foreign_sources(network, host)
    yield from _preferred_sources(network, host)


def of_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM103, where a failing flow hangs on it."""
    if told.failing and _leaves_and_returns_differently(told):
        yield from _competing_defaults(network, told)


def _other_uplink(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM101: the host that answers sends its reply out by another uplink than the request came in on."""
    for pair in told.journey.pairs:
        if pair.result != "broken" or pair.forward.outcome != "delivered" or not pair.back or not pair.back.hops:
            continue
        first: Hop = pair.back.hops[0]
        if first.oif and first.oif != pair.forward.interface:
            answer = first.transit.packet.flow.source
            yield finding("SYM101", first.host, f"the request came in on {pair.forward.interface}, the reply from "
                          f"{answer} leaves by {first.oif}", pair.forward.interface)


def _other_entry(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM104: the reply enters by another uplink than the request left by, and the firewall there has no session."""
    for dead, forward in without_session(told):
        if dead.entry and forward.outcome == "left" and (dead.entry.host, dead.entry.interface) != (
                forward.host, forward.interface):
            out = _uplink_name(network, forward.host, forward.interface)
            back = dead.entry.uplink or f"{dead.entry.host}:{dead.entry.interface}"
            yield finding("SYM104", dead.entry.host, f"{told.named.flow.destination} is reached by uplink {out}, but "
                          f"its replies to {dead.hops[-1].transit.packet.flow.destination} enter by uplink {back}, "
                          f"whose firewall {dead.host} has no session", dead.entry.interface)


def _uplink_name(network: Network, host: str, interface: str) -> str:
    uplink = network.site.uplink_of(host, interface)
    return uplink.name if uplink else f"{host}:{interface}"


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
