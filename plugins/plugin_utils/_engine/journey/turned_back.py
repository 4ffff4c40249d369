# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A packet that does not fit into a link is turned back: what it leaves behind, and what becomes of the error about it.

The host before the link looks at the size after prerouting and before the forward hook (ip_forward, ip6_forward).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import (
    NO_ZONE,
    Connection,
    Entry,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Pair
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.path_mtu import Link
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path, enter, send
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import ByHash
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage.passage import Passage

_DEFRAG = -400  # NF_IP_PRI_CONNTRACK_DEFRAG
_PORTS = re.compile(r"\b[sd]ports?\b|--ports")
_PRECEDENCE, _TOS = 0xC0, 0x1E  # IPTOS_PREC_INTERNETCONTROL and IPTOS_TOS_MASK: the tos of an error (icmp_send)


@dataclasses.dataclass(frozen=True)
class TurnedBack:
    """A large packet of a flow that did not fit into a link of its path."""

    network: Network
    link: Link
    before: Flow  # the packet as it came to the host before the link
    state: Path  # with the connection tables that it and all before it have left
    passage: Passage | None = None  # of the packet through prerouting; None: sent by the host itself, or not known

    @property
    def host(self) -> str:
        return self.link.hop.host

    def error(self) -> tuple[list[Path], str]:
        """The ways of the ICMP error to the sender, or why they are not known."""
        hop, host = self.link.hop, self.network.hosts[self.host]
        mark = 0
        if host.sysctls.get(f"net/ipv{self.before.family}/fwmark_reflect") and hop.iif is not None:
            if self.passage is None:
                return [], f"{self.host}: fwmark_reflect is set, and a rule that hangs on a hash decides about the mark"
            if self.passage.unknown_mark:
                return [], f"{self.host}: fwmark_reflect is set, and a rule may set the mark or not"
            mark = self.passage.packet.mark
        protocol, unset = ("icmpv6", "::") if self.before.family == 6 else ("icmp", "0.0.0.0")
        inside = dataclasses.replace(hop.transit.packet, flow=self._about(), mark=0)
        tos = _PRECEDENCE | inside.tos & _TOS if self.before.family == 4 else 0
        error = Packet(Flow(protocol, unset, self.before.source), mark, tos, first=False, error="too_big", about=inside)
        return send(self.network, self.host, error, self._attached(inside.flow)), ""

    def _about(self) -> Flow:
        """The packet where it did not fit: its destination may be translated already, its source not yet."""
        after = self.link.hop.transit.packet.flow
        return Flow(self.before.protocol, self.before.source, after.destination, self.before.sport, after.dport)

    def _attached(self, about: Flow) -> Path:
        """The tables with an entry by which the error is related: it takes the connection of the packet over.

        The kernel attaches that (nf_ct_attach in icmp_glue_bits and icmpv6_getfrag), and does not look for it: it may
        be new, and the packet that the error tells of looks like neither direction of the entry where the source would
        have been translated later. So the entry is one without that later translation.
        """
        connection = self.passage.connection if self.passage else Connection()
        entry: Entry | None = connection.entry
        if entry is None or connection.state == "invalid":
            return self.state
        mirrored, answers = about.reversed(), connection.direction == "reply"
        half = dataclasses.replace(entry, zone=NO_ZONE, original=mirrored if answers else entry.original,
                                   reply=entry.reply if answers else mirrored)
        keeper = self.network.keeper(self.host)
        tracker = self.state.trackers.get(keeper) or self.network.new_tracker(self.host)
        tracker = tracker.forget(entry).note(half)
        return dataclasses.replace(self.state, trackers={**self.state.trackers, keeper: tracker})

    def request_again(self, flow: Flow, forward: Path) -> list[Path]:
        """The ways of the request of a flow by UDP, once its answer was turned back."""
        if forward.entry:
            return enter(self.network, forward.entry, Packet(flow), self.state, forward)
        return send(self.network, forward.hops[0].host, Packet(flow), self.state, forward)


def turned_back(network: Network, pair: Pair, path: Path, link: Link, first: Flow) -> TurnedBack:
    """What a large packet meets and leaves that begins as ``first``, on a path of the pair.

    By TCP the handshake went before it. By UDP it may be the first of its direction, so that the hosts beyond the link
    have seen none, and the host before it has not let one pass.
    """
    state = _state(network, pair, path, link, first)
    hop = link.hop
    known = path.hops[link.position - 1].transit.packet if link.position else hop.transit.packet
    before = known.flow if link.position else first
    if hop.iif is None:
        return TurnedBack(network, link, before, state)
    large = dataclasses.replace(
        known, flow=before, mark=0, uid=None, first=False, tcp="ack" if first.protocol == "tcp" else "")
    keeper = network.keeper(hop.host)
    tracker = state.trackers.get(keeper) or network.new_tracker(hop.host)
    try:
        passage = Passage.start(network.hosts[hop.host], tracker, large, hop.iif).arrive(hop.iif)
    except ByHash:
        return TurnedBack(network, link, before, state)
    state = dataclasses.replace(state, trackers={**state.trackers, keeper: passage.tracker})
    return TurnedBack(network, link, before, state, passage)


def _state(network: Network, pair: Pair, path: Path, link: Link, first: Flow) -> Path:
    if first.protocol == "tcp":
        return pair.data or pair.again or pair.back or path
    passed = {network.keeper(hop.host) for hop in path.hops[:link.position]}
    trackers = dict(pair.forward.trackers) if path is pair.back else {}
    trackers.update({host: tracker for host, tracker in path.trackers.items() if host in passed})
    return dataclasses.replace(path, trackers=trackers)


def learned_elsewhere(network: Network, path: Path, first: Flow) -> str:
    """Why a sender does not heed the path MTU that it is told: it learns it of another route than it takes.

    The lookup for an error knows neither the ports nor a mark that rules at output set, and over IPv6 no protocol
    either (build_sk_flow_key, ip6_sk_update_pmtu). IPv4 goes by the route that the socket found, so that a mark does
    not matter there; IPv6 cuts a datagram by the route that it takes in the end, and tells a TCP connection itself.
    """
    hop = path.hops[0]
    host = network.hosts[hop.host]
    if hop.iif is not None or host.vrf_tables or (first.protocol == "tcp" and first.family == 6):
        return ""
    key = dataclasses.replace(host.key(Packet(first)), mark=0)
    taken: Route | None = hop.branch.route if hop.branch else None
    if first.family == 4:
        hit = host.answer(key).hit
        taken = hit.route if hit else None
    without = dataclasses.replace(key, sport=0, dport=0, protocol=key.protocol if first.family == 4 else 0)
    told = host.answer(without).hit
    if taken is None or told is None or told.route == taken:
        return ""
    return (f"{hop.host} learns it of its route {_named(told.route)}, and sends by its route {_named(taken)}, which a "
            "rule finds by the ports, the protocol or a mark that is set at output")


def in_pieces(network: Network, path: Path, first: Flow) -> str:
    """Why it is not known whether fragments take the path: later ones have no ports, and some host asks for these.

    Where connections are tracked they are put together first (nf_defrag, priority -400); a host reads its own whole.
    """
    if first.protocol != "udp":
        return ""
    foreign = "ip" if first.family == 6 else "ip6"
    for hop in path.hops:
        host = network.hosts[hop.host]
        if hop.iif is None:
            continue
        joined = host.tracks(first.family)
        asking = any(rule.sport or rule.dport for rule in host.rules[first.family]) and not joined
        chains = [chain for chain in host.ruleset.chains if chain.family not in (foreign, "arp") and chain.hook not in (
            "input", "output") and (not joined or chain.hook == "ingress" or chain.priority <= _DEFRAG)]
        if asking or any(_PORTS.search(str(rule)) for chain in chains for rule in chain.rules):
            return f"rules of {hop.host} ask for ports, which later fragments of a datagram do not have"
    return ""


def _named(route: Route) -> str:
    return f"{route.dst} of table {route.table}"


def dead_end(ways: t.Sequence[Path]) -> tuple[str, str]:
    """Where a packet dies on one of its ways; else why it is not known whether it does."""
    dead = next((way for way in ways if way.outcome == "dropped"), None)
    if dead:
        return dead.detail or f"it dies at {dead.host}", ""
    return "", next((way.detail or way.host for way in ways if way.outcome == "unknown"), "")
