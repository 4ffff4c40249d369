# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One packet through one Linux host: hooks, connection tracking, routing and translation in the kernel's order."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import flowtable
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import every_pick
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import (
    Packet,
    Transit,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import sending
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage.passage import Passage
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host


def forward(host: Host, tracker: Tracker, packet: Packet, iif: str) -> tuple[Transit, ...]:
    """The fates of a packet that arrives on ``iif``; raises ValueError where the host has no such interface."""
    _check_interface(host, iif)
    # a VRF takes over its members' packets and runs the hook again (l3mdev_ip_rcv); rules may name either interface
    ingress = host.vrf_of(iif) or iif
    # ip_rcv_finish routes as from the member, ip6_route_input as from the VRF
    routed_from = ingress if ":" in packet.flow.destination else iif
    if _only_routed(host, tracker, packet):
        return tuple([_routed(packet, tracker, one) for one in routing.route_input(host, packet, routed_from)])
    if host.ruleset.offloads(packet.flow.family):
        taken, tracker = flowtable.pass_by(host, tracker, packet, iif)
        if taken is not None:
            return (taken,)
    return every_pick(
        lambda picked: _through(Passage.start(host, tracker, packet, iif, picked), iif, ingress, routed_from))


def _through(passage: Passage, iif: str, ingress: str, routed_from: str) -> tuple[Transit, ...]:
    """Hooks and routing of a packet that arrives."""
    passage = passage.arrive(iif)
    if ingress != iif:
        passage = changed(passage, iif=ingress).come_back()
    if passage.end is not None:
        return (passage.finish(),)
    decisions = routing.route_input(passage.host, passage.packet, routed_from)
    return tuple(passage.after_routing(decision, ingress).finish() for decision in decisions)


def originate(host: Host, tracker: Tracker, packet: Packet, oif: str | None = None) -> tuple[Transit, ...]:
    """The fates of a packet that the host itself sends; ``oif`` is the interface or VRF its socket is bound to."""
    if oif is not None:
        _check_interface(host, oif)
    doubt = sending.domain_doubt(host, packet, oif)
    if doubt:
        return (Passage.start(host, tracker, packet, None).stop("unknown", "", doubt).finish(),)
    oif = oif or sending.domain(host, packet)
    transits: list[Transit] = []
    for sent, decision in sending.choose_source(host, packet, oif):
        if _only_routed(host, tracker, sent):
            transits.append(_routed(sent, tracker, decision))
            continue
        passage = Passage.start(host, tracker, sent, None)
        for one in passage.leave(decision, oif):
            transits.append(
                changed(one, share=one.share * decision.share if one.split else one.share).finish()
            )
    return tuple(transits)


def answer(host: Host, arrived: Transit) -> Packet:
    """The host's own reply to a packet that reached its socket: SYN-ACK, datagram or echo reply.

    It carries the mark of the request only where tcp_fwmark_accept or fwmark_reflect says so (inet_request_mark).
    """
    packet = arrived.packet
    name = "net/ipv4/tcp_fwmark_accept" if packet.flow.protocol == "tcp" else "net/ipv4/fwmark_reflect"
    if packet.flow.protocol == "icmpv6":
        name = "net/ipv6/fwmark_reflect"
    keeps_mark = packet.flow.protocol != "udp" and bool(host.sysctls.get(name, 0))
    tcp = {"syn": "syn_ack", "syn_ack": "ack"}.get(packet.tcp_kind, "ack") if packet.flow.protocol == "tcp" else ""
    return Packet(packet.flow.reversed(), packet.mark if keeps_mark else 0, packet.tos, first=False, tcp=tcp)


def _only_routed(host: Host, tracker: Tracker, packet: Packet) -> bool:
    """Whether routing alone decides: no rule of netfilter and no connection table is there to meet the packet."""
    return not tracker.entries and host.only_routes(6 if ":" in packet.flow.destination else 4)


def _routed(packet: Packet, tracker: Tracker, decision: Decision) -> Transit:
    """The fate of a packet that meets nothing but one branch of the routing decision."""
    forwarded = decision.outcome == "forward"
    ended = decision.outcome not in ("forward", "local")
    return Transit(
        decision.outcome,
        decision.share,
        changed(packet, mark=0) if forwarded and packet.mark else packet,
        tracker,
        decision.device if forwarded else None,
        decision.next_hop if forwarded else None,
        decision.reason if ended else "",
        decision.detail if ended else "",
        lookup=decision.lookup,
        reverse_path=decision.reverse_path,
    )


def _check_interface(host: Host, name: str) -> None:
    if name not in host.interfaces:
        raise ValueError(f"{host.name} has no interface {name!r}; it has {', '.join(sorted(host.interfaces))}")
