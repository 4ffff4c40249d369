# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The routing decision of a packet: rules and FIB, then what ip_route_input and ip_route_output check around them."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import settled
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import (
    Branch,
    Lookup,
    Packet,
    ReversePath,
)

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host


@dataclasses.dataclass(frozen=True)
class Decision:
    """One branch of the routing decision."""

    outcome: str  # forward, local, drop, unknown
    share: float = 1.0
    device: str | None = None
    next_hop: str | None = None
    source: str | None = None  # chosen for a packet of the host itself that had none
    reason: str = ""  # with drop: as in Transit
    detail: str = ""
    lookup: Lookup | None = None
    reverse_path: ReversePath | None = None


def route_input(host: Host, packet: Packet, iif: str) -> tuple[Decision, ...]:
    """What becomes of a packet that arrives on ``iif`` (ip_route_input_slow; ip6_rcv and ip6_route_input)."""
    same = settled.like(host, packet, iif)
    return host.settled.of(same, packet.flow.destination, lambda: _route_input(host, packet, iif))


def _route_input(host: Host, packet: Packet, iif: str) -> tuple[Decision, ...]:
    martian = _martian_input(host, packet, iif)
    if martian:
        return (Decision("drop", reason="martian", detail=f"{host.name}: {martian}"),)
    lookup = host.lookup(packet, iif)
    if lookup.unknown:
        return (Decision("unknown", detail=f"{host.name}: {lookup.unknown}", lookup=lookup),)
    return tuple(_input_branch(host, packet, iif, branch, lookup) for branch in lookup.branches)


def _martian_input(host: Host, packet: Packet, iif: str) -> str:
    """The addresses that no packet may have which arrives from outside."""
    source, destination = number_of(packet.flow.source), number_of(packet.flow.destination)
    if ":" in packet.flow.source:
        if source >> 120 == 0xFF:
            return f"source {packet.flow.source} is multicast"
        if 1 in (source, destination) and iif != "lo":
            return "::1 on the wire"
        return ""
    if source >> 28 == 0xE or source == 0xFFFFFFFF or source >> 24 == 0 or destination >> 24 == 0:
        return f"{packet.flow.source} > {packet.flow.destination}: not an address of a host"
    if 127 in (source >> 24, destination >> 24) and not host.interfaces[iif].is_set("route_localnet") and iif != "lo":
        return "127.0.0.0/8 on the wire, and route_localnet is off"
    return ""


def _input_branch(host: Host, packet: Packet, iif: str, branch: Branch, lookup: Lookup) -> Decision:
    forwards = host.forwards(packet, iif)
    if branch.kind == "drop" and (forwards is not False or ":" in packet.flow.destination):
        return _refused(host, packet, branch, lookup)
    if branch.kind != "local" and not forwards:
        return _not_forwarded(host, packet, iif, branch, lookup, forwards)
    checked = packet
    if branch.route is not None and branch.route.type == "broadcast":
        # ip_route_input_slow, brd_input: the check is not told the destination
        checked = dataclasses.replace(packet, flow=dataclasses.replace(packet.flow, destination="0.0.0.0"))
    check = host.reverse_path(checked, iif, branch.device if branch.kind == "forward" else None)
    decision = Decision(
        branch.kind,
        branch.share,
        branch.device,
        branch.next_hop,
        lookup=lookup,
        reverse_path=check,
    )
    if check.verdict == "pass":
        return decision
    detail = f"{host.name}: {check.reason}"
    if check.verdict == "unknown":
        return dataclasses.replace(decision, outcome="unknown", detail=detail)
    if check.martian:
        return dataclasses.replace(decision, outcome="drop", reason="martian", detail=detail)
    mode = {1: "strict", 2: "loose"}.get(check.mode, str(check.mode))
    detail = f"{host.name}: {mode} rp_filter on {iif} (from {check.origin}): {check.reason}"
    return dataclasses.replace(decision, outcome="drop", reason="reverse_path", detail=detail)


def _not_forwarded(
    host: Host, packet: Packet, iif: str, branch: Branch, lookup: Lookup, forwards: bool | None
) -> Decision:
    where = iif if ":" not in packet.flow.destination else "all"
    if forwards is None:
        detail = f"{host.name}: whether {where} forwards was not read"
        return Decision("unknown", branch.share, detail=detail, lookup=lookup)
    detail = f"{host.name}: forwarding is off on {where}, and {packet.flow.destination} is not an address of the host"
    return Decision("drop", branch.share, reason="not_forwarding", detail=detail, lookup=lookup)


def _refused(host: Host, packet: Packet, branch: Branch, lookup: Lookup) -> Decision:
    """A route or rule that ends the lookup, or no route at all."""
    reason = branch.reason.replace(" ", "_")
    by = ""
    if branch.route is not None:
        by = f" by route {branch.route.type} {branch.route.dst} of table {branch.route.table}"
    elif lookup.rule is not None:
        by = f" by rule {lookup.rule.priority}"
    reason = "martian" if reason == "martian_destination" else reason
    detail = f"{host.name}: {branch.reason} for {packet.flow.destination}{by}"
    return Decision("drop", branch.share, reason=reason, detail=detail, lookup=lookup)


def route_output(host: Host, packet: Packet, oif: str | None = None) -> tuple[Decision, ...]:
    """Where a packet of the host itself goes (ip_route_output_key_hash_rcu, ip6_route_output)."""
    same = settled.like(host, packet, None, oif)
    return host.settled.of(same, packet.flow.destination, lambda: _route_output(host, packet, oif))


def _route_output(host: Host, packet: Packet, oif: str | None) -> tuple[Decision, ...]:
    invalid = _invalid_output(host, packet, oif)
    if invalid:
        return (Decision("drop", reason="no_source", detail=f"{host.name}: {invalid}"),)
    return route_any_source(host, packet, oif)


def route_any_source(host: Host, packet: Packet, oif: str | None = None) -> tuple[Decision, ...]:
    """The same for what the host sends in the name of another, as a rule that rejects does (FLOWI_FLAG_ANYSRC)."""
    lookup = host.lookup(packet, oif=oif)
    if lookup.unknown:
        return (Decision("unknown", detail=f"{host.name}: {lookup.unknown}", lookup=lookup),)
    return tuple(_output_branch(host, packet, branch, lookup) for branch in lookup.branches)


def _output_branch(host: Host, packet: Packet, branch: Branch, lookup: Lookup) -> Decision:
    if branch.kind == "drop":
        return _refused(host, packet, branch, lookup)
    device = host.interfaces.get(branch.device or "")
    source = branch.source or packet.flow.source
    if (
        branch.kind == "forward"
        and _is_loopback(source)
        and device
        and device.name != "lo"
        and not device.is_set("route_localnet")
    ):
        detail = f"{host.name}: source {source} may not leave by {device.name}: route_localnet is off"
        return Decision("drop", branch.share, reason="martian", detail=detail, lookup=lookup)
    return Decision(branch.kind, branch.share, branch.device, branch.next_hop, branch.source, lookup=lookup)


def _is_loopback(address: str) -> bool:
    return ":" not in address and number_of(address) >> 24 == 127


def _invalid_output(host: Host, packet: Packet, oif: str | None) -> str:
    flow = packet.flow
    if ":" in flow.destination:
        return ""  # IPv6 looks the route up whatever the interface and the source
    if oif is not None and oif in host.interfaces and not host.interfaces[oif].up:
        return f"{oif} is down"
    if not packet.has_source:
        return ""
    if host.owns(flow.source) is None:
        return f"{flow.source} is not an address of the host"
    return ""
