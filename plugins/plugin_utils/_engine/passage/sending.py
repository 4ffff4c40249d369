# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The ways by which a host's own packet may leave, and the source address that it chooses for each."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing, source_address
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host


def domain(host: Host, packet: Packet) -> str | None:
    """The VRF that the socket of a packet must be bound to: that of its source address (inet_addr_type_table)."""
    return next(iter(source_address.domains(host.interfaces, packet.flow.source)), None) if host.vrf_tables else None


def domain_doubt(host: Host, packet: Packet, oif: str | None) -> str:
    """Why it is not known which VRF a packet is sent in; empty where it is, or where its socket is bound."""
    vrfs = source_address.domains(host.interfaces, packet.flow.source) if host.vrf_tables and not oif else set()
    if len(vrfs) > 1:
        return f"{host.name}: {packet.flow.source} is an address inside and outside of VRFs: which sends is not known"
    vrf = next(iter(vrfs), None)
    if vrf and packet.flow.protocol == "udp" and host.sysctls.get("net/ipv4/udp_l3mdev_accept"):
        ways = [routing.route_output(host, packet, bound) for bound in (vrf, None)]
        if len({tuple((one.outcome, one.device, one.next_hop) for one in way) for way in ways}) > 1:
            return f"{host.name}: udp_l3mdev_accept is set: a socket that is not bound to {vrf} sends another way"
    return ""


def choose_source(host: Host, packet: Packet, oif: str | None) -> list[tuple[Packet, Decision]]:
    """Every way the packet may leave, with the source address that it then has.

    TCP asks twice over IPv4, the second time with the source it got (ip_route_connect), so that rules on the source
    apply. UDP does so on a connected socket only: where that makes a difference the way is not known.
    """
    first = routing.route_output(host, packet, oif)
    if packet.has_source:
        return [(packet, decision) for decision in first]
    ways: list[tuple[Packet, Decision]] = []
    for decision in first:
        if ":" in packet.flow.destination:
            ways += _source_v6(host, packet, oif, decision)
        elif decision.outcome not in ("forward", "local") or packet.flow.protocol == "icmp":
            ways.append(_with_source(host, packet, decision))
        else:
            ways += _source_connected(host, packet, oif, decision)
    return ways


def _with_source(host: Host, packet: Packet, decision: Decision) -> tuple[Packet, Decision]:
    if decision.outcome not in ("forward", "local"):
        return packet, decision
    if decision.source is None:
        detail = f"{host.name}: no address to send from by {decision.device}"
        return packet, dataclasses.replace(decision, outcome="drop", reason="no_source", detail=detail)
    return dataclasses.replace(packet, flow=dataclasses.replace(packet.flow, source=decision.source)), decision


def _source_connected(host: Host, packet: Packet, oif: str | None, first: Decision) -> list[tuple[Packet, Decision]]:
    sent, decision = _with_source(host, packet, first)
    if decision.source is None:
        return [(sent, decision)]
    again = routing.route_output(host, sent, oif)
    ways = [(sent, dataclasses.replace(one, share=one.share * first.share)) for one in again]
    same = all(
        (one.outcome, one.device, one.next_hop) == (first.outcome, first.device, first.next_hop) for one in again
    )
    if packet.flow.protocol == "tcp" or same or len(again) > 1:
        return ways
    detail = f"{host.name}: a connected UDP socket sends by {again[0].device}, an unconnected one by {first.device}"
    return [(sent, dataclasses.replace(first, outcome="unknown", detail=detail))]


def _source_v6(host: Host, packet: Packet, oif: str | None, first: Decision) -> list[tuple[Packet, Decision]]:
    """ip6_dst_lookup_tail: one lookup; only where it fails, a second with the source chosen from all addresses."""
    if first.outcome != "drop":
        return [_with_source(host, packet, first)]
    source = source_address.select_v6(host.interfaces, "", packet.flow.destination)
    if source is None:
        return [(packet, first)]
    sent = dataclasses.replace(packet, flow=dataclasses.replace(packet.flow, source=source))
    return [(sent, one) for one in routing.route_output(host, sent, oif)]
