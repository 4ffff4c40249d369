# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The flows that live now, out of the connection tables of all hosts, each once and end to end."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, NamedFlow, contains

LIMIT = 200

_UNREPLIED_UDP = ("no reply was seen so far: judged as if replies were expected; declare the flow with one_way: true "
                  "if there are none")


def tuples(entry: Facts) -> tuple[Flow, Flow]:
    """The original and the reply direction of a connection entry of the facts schema."""
    original, reply = (
        Flow(entry["protocol"], side["source"], side["destination"], side.get("sport"), side.get("dport"))
        for side in (entry["original"], entry["reply"])
    )
    return original, reply


def same_flow(one: Flow, other: Flow) -> bool:
    """Equal, where a source port that one of them leaves open fits any."""
    return (one.protocol, one.source, one.destination, one.dport) == (
        other.protocol, other.source, other.destination, other.dport
    ) and (one.sport is None or other.sport is None or one.sport == other.sport)


def connection_entries(network: Network, host: str) -> t.Iterator[Facts]:
    """The entries of one host's table that name a protocol the engine judges."""
    for entry in network.facts[host].get("conntrack", {}).get("flows", ()):
        if entry.get("protocol") in PROTOCOLS and "original" in entry and "reply" in entry:
            yield entry


def live_flows(network: Network, named: t.Sequence[NamedFlow], limit: int = LIMIT) -> tuple[list[NamedFlow], int]:
    """The live flows that ``named`` does not cover, and how many were left out because of the limit.

    A flow that several hosts track, or that a host tracks again after another has translated it, is one flow; so
    are flows that differ in their source port only.
    """
    entries = [entry for host in network.hosts for entry in connection_entries(network, host)]
    translated = {reply.reversed() for original, reply in map(tuples, entries) if reply.reversed() != original}
    found: dict[tuple[str, str, str, int | None], NamedFlow] = {}
    left_out = 0
    for entry in sorted(entries, key=lambda item: not item.get("unreplied", False)):
        flow, _reply = tuples(entry)
        key = (flow.protocol, flow.source, flow.destination, flow.dport)
        if flow in translated or key in found or not _concerns(network, flow) or _backwards(flow, found):
            continue
        if any(other.region.holds(flow) if other.region else same_flow(flow, other.flow) for other in named):
            continue
        if len(found) >= limit:
            left_out += 1
            continue
        note = _UNREPLIED_UDP if flow.protocol == "udp" and entry.get("unreplied") else ""
        text = str(Flow(flow.protocol, flow.source, flow.destination, None, flow.dport))
        found[key] = NamedFlow(f"live: {text}", flow, live=True, note=note)
    return list(found.values()), left_out


def _concerns(network: Network, flow: Flow) -> bool:
    """False for what no path is asked of: within one host, to groups, on one link only, or by ignored interfaces."""
    ends = [ipaddress.ip_address(address) for address in (flow.source, flow.destination)]
    if any(end.is_loopback or end.is_multicast or end.is_link_local or end.is_unspecified for end in ends):
        return False
    if _is_broadcast(network, flow.destination) or any(_on_ignored(network, end) for end in ends):
        return False
    source, destination = ({host for host, _i in network.owners(str(end))} for end in ends)
    if not source and not destination and not _touches_us(network, flow):
        return False  # between two boxes outside: nothing of ours tells where it goes
    return not source & destination


def _is_broadcast(network: Network, address: str) -> bool:
    if address == "255.255.255.255":
        return True
    return any(
        str(item.network.broadcast_address) == address and item.version == 4
        for key in network.topology.attached(address) for item in network.topology.addresses(*key)
    )


def _touches_us(network: Network, flow: Flow) -> bool:
    """One end is announced by us, or sits on a connected segment and the other does not sit on the same."""
    announced = [prefix for uplink in network.site.uplinks for prefix in uplink.announces]
    if any(contains(prefix, flow.source) or contains(prefix, flow.destination) for prefix in announced):
        return True
    source, destination = (set(network.topology.attached(end)) for end in (flow.source, flow.destination))
    return source != destination


def _on_ignored(network: Network, end: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    for host, name in network.site.ignored:
        interface = network.facts.get(host, {}).get("interfaces", {}).get(name, {})
        for item in interface.get("addresses", ()):
            if end in ipaddress.ip_network(f"{item['address']}/{item['prefixlen']}", strict=False):
                return True
    return False


def _backwards(flow: Flow, found: t.Mapping[tuple[str, str, str, int | None], NamedFlow]) -> bool:
    """A connection picked up in the middle may be tracked from its reply: it is a flow that is there already."""
    return any(same_flow(flow.reversed(), other.flow) for other in found.values())
