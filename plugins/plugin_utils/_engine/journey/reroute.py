# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a change of the network does to a flow that is established: does it go on, or is it stranded, and where?

A new flow is judged by its first packets. One that lives meets other hosts with connection tables that never saw it
(it may be picked up in the middle, or is invalid), and hosts that go on translating as before. So its next packets are
sent through the changed network with the tables that the flow has left: a few small ones in turn, from either end
first, then more data than a window holds, as a host that sees one direction only drops a connection by then.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import conntrack_tcp
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Entry, Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import (
    Pair,
    astray,
    send_back,
    send_out,
    travel,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walks import Walks
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Segment

_START = 1_000_000  # what both ends have sent so far
_WINDOW = 65_535
_SIZES = (100, 100, 100, 30_000, 30_000, 30_000, 30_000)  # bytes of data, in turn from each end
_ORDER = ("survives", "recovers", "unknown", "stranded")  # the worst last


@dataclasses.dataclass(frozen=True)
class Way:
    """What becomes of the packets of one direction."""

    direction: str  # forward, return
    outcome: str  # survives; recovers: lost at first; stranded; unknown
    path: Path  # of the packet that was lost or unknown, else of the last one
    reason: str = ""
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Stale:
    """A connection entry that has to be deleted before the flow, or one of the same ports, works again."""

    host: str
    entry: Entry
    why: str


@dataclasses.dataclass(frozen=True)
class Continuation:
    """How the flow goes on where one of its ends is the next to send (source or destination), on one pair of paths."""

    speaker: str
    forward: Way
    back: Way
    share: float

    @property
    def outcome(self) -> str:
        return max(self.forward.outcome, self.back.outcome, key=_ORDER.index)


@dataclasses.dataclass(frozen=True)
class Rerouted:
    """The answer for a flow. ``outcome``: that of the worst continuation, or not_established, with ``detail``."""

    flow: Flow
    outcome: str
    continuations: tuple[Continuation, ...] = ()
    stale: tuple[Stale, ...] = ()
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Established:
    """A flow that has exchanged packets: where they went, and the last of them with the tables that it left."""

    forward: Path
    last: Path
    share: float = 1.0

    @property
    def seen(self) -> Flow:
        """How the end that was asked knows the flow."""
        return self.forward.packet.flow


def reroute(
    before: Network, after: Network, flow: Flow, observed: Observed | None = None, live: bool = False,
    lost: t.Collection[str] = (),
) -> Rerouted:
    """What becomes of a flow that is established in ``before`` when the network is ``after``.

    ``live``: the connection tables are those in the facts of ``before``; otherwise those that the flow's own first
    packets leave behind. ``lost``: the hosts whose connection tables are lost with the change.
    """
    known: Observed = observed if observed is not None else {}
    before, after = before.of_flow(flow), after.of_flow(flow)
    states = _from_facts(before, flow, known) if live else _from_handshake(before, flow, known)
    if isinstance(states, str):
        return Rerouted(flow, "not_established", detail=states)
    states = [dataclasses.replace(state, last=_without_tables(before, after, state.last, lost)) for state in states]
    found = [
        dataclasses.replace(one, share=one.share * state.share / 2)
        for state in states for speaker in ("source", "destination")
        for one in _Talk(after, flow, state, known).continuations(speaker)
    ]
    outcome = max((one.outcome for one in found), key=_ORDER.index, default="unknown")
    worst = next((one for one in found if one.outcome == outcome), None)
    detail = "" if worst is None else "; ".join(way.detail for way in (worst.forward, worst.back) if way.detail)
    return Rerouted(flow, outcome, tuple(found), _stale(after, flow, states, found, known), detail)


def _without_tables(before: Network, after: Network, path: Path, lost: t.Collection[str]) -> Path:
    """What a host has lost is still there where another member of its state domain has it."""
    left = {after.keeper(host): before.keeper(host) for host in after.facts if host not in lost}
    kept = {now: path.trackers[name] for now, name in left.items() if name in path.trackers}
    return dataclasses.replace(path, trackers=kept)


def _from_handshake(network: Network, flow: Flow, observed: Observed) -> list[Established] | str:
    pairs = travel(network, NamedFlow(str(flow), flow), observed).pairs
    good = [pair for pair in pairs if pair.result == "ok" and pair.back is not None]
    if not good:
        why = next((pair.culprit.detail for pair in pairs if pair.culprit), "")
        return f"the flow is not established to begin with: {why}"
    states = []
    for pair in good:
        states.append(Established(pair.forward, _in_step(_last_of(pair)), pair.share))
    return states


def _last_of(pair: Pair) -> Path:
    return pair.data or pair.again or pair.back or pair.forward


def _from_facts(network: Network, flow: Flow, observed: Observed) -> list[Established] | str:
    trackers: dict[str, Tracker] = {}
    for name, facts in network.facts.items():
        tracker, keeper = Tracker.from_facts(facts), network.keeper(name)
        known = trackers.get(keeper)
        trackers[keeper] = dataclasses.replace(known, entries=known.entries + tracker.entries) if known else tracker
    notes: list[str] = []
    packet = Packet(flow, first=flow.protocol != "tcp", tcp="ack" if flow.protocol == "tcp" else "")
    left = _in_step(Path("delivered", 1.0, packet, trackers=trackers))
    forwards, _undecided = send_out(Walks(network), packet, left, observed, notes)
    good = [path for path in forwards if path.arrived]
    if not good:
        return f"the flow is not established to begin with: {'; '.join(path.detail for path in forwards)}"
    return [Established(path, left, path.share) for path in good]


def _in_step(path: Path) -> Path:
    """The path with tables that hold the windows of a connection whose ends have seen all of each other."""
    trackers = {host: _tracker_in_step(tracker) for host, tracker in path.trackers.items()}
    return dataclasses.replace(path, trackers=trackers)


def _tracker_in_step(tracker: Tracker) -> Tracker:
    entries = tuple(
        dataclasses.replace(entry, tcp=conntrack_tcp.in_step(entry.tcp, _START, _WINDOW))
        if entry.tcp is not None and entry.tcp.state == "ESTABLISHED" and entry.seen_reply
        else entry
        for entry in tracker.entries
    )
    return dataclasses.replace(tracker, entries=entries)


@dataclasses.dataclass
class _Side:
    """One end of the flow: what it has sent and had acknowledged, what it has received, and how its packets fared."""

    sent: int = _START
    received: int = _START
    paths: list[tuple[bool, Path, str, str]] = dataclasses.field(default_factory=list)  # arrived, path, reason, detail

    def way(self, direction: str) -> Way:
        arrived = [one[0] for one in self.paths]
        _arrived, path, reason, detail = next((one for one in self.paths if not one[0]), self.paths[-1])
        if all(arrived):
            return Way(direction, "survives", path)
        if path.outcome == "unknown":
            return Way(direction, "unknown", path, reason, detail)
        if arrived[-1]:
            return Way(direction, "recovers", path, reason, detail)
        if arrived[0]:
            detail += ", once data has gone on one way only"
        last = self.paths[-1]
        if last[2] != reason:
            detail += f"; then {last[3]}"
        return Way(direction, "stranded", path, reason, detail)


class _Talk:
    """The next packets of an established flow, from both ends in turn."""

    def __init__(self, network: Network, flow: Flow, state: Established, observed: Observed) -> None:
        self.network, self.flow, self.state, self.observed = network, flow, state, observed
        self.walks = Walks(network)

    def continuations(self, speaker: str) -> list[Continuation]:
        """One for each path of the first packet and each of the answer to it; the rest keeps to these."""
        first = speaker == "source"
        sides = (_Side(), _Side())
        opening = self._paths(first, self._packet(first, sides, _SIZES[0], self.state.seen), self.state.last)
        found = []
        for path in opening:
            seen, after_one = self._take(first, path, self.state.seen, sides, _SIZES[0])
            answers = self._paths(not first, self._packet(not first, after_one, _SIZES[0], seen), path)
            for answer in answers:
                found.append(self._go_on(speaker, path, answer, seen, after_one))
        return found

    def _go_on(
        self, speaker: str, path: Path, answer: Path, seen: Flow, sides: tuple[_Side, _Side]
    ) -> Continuation:
        first = speaker == "source"
        seen, sides = self._take(not first, answer, seen, sides, _SIZES[0])
        guides, before = {first: path, not first: answer}, answer
        for size in _SIZES[1:]:
            for forward in (first, not first):
                packet = self._packet(forward, sides, size, seen)
                before = self._paths(forward, packet, before, guides[forward])[0]
                seen, sides = self._take(forward, before, seen, sides, size)
        return Continuation(speaker, sides[0].way("forward"), sides[1].way("return"), path.share * answer.share)

    def _packet(self, forward: bool, sides: tuple[_Side, _Side], size: int, seen: Flow) -> Packet:
        mine = sides[0] if forward else sides[1]
        flow = self.flow if forward else seen.reversed()
        if flow.protocol != "tcp":
            return Packet(flow, first=forward or flow.protocol == "udp")
        return Packet(flow, first=False, tcp="ack", segment=Segment(mine.sent, mine.received, _WINDOW, size))

    def _paths(self, forward: bool, packet: Packet, before: Path, guide: Path | None = None) -> list[Path]:
        notes: list[str] = []
        if forward:
            paths, _undecided = send_out(self.walks, packet, before, self.observed, notes)
        else:
            paths, _undecided = send_back(self.walks, self.state.forward, packet, before, self.observed, notes)
        if guide is not None:
            same = [path for path in paths if path.links() == guide.links()]
            paths = same or paths
        return paths

    def _take(
        self, forward: bool, path: Path, seen: Flow, sides: tuple[_Side, _Side], size: int
    ) -> tuple[Flow, tuple[_Side, _Side]]:
        """What both ends know after a packet: how the flow is seen, and their numbers."""
        wrong = (path.reason, path.detail)
        arrived = path.arrived
        if arrived:
            wrong = self._astray(forward, path, seen)
            arrived = not wrong[0]
        if arrived and forward:
            seen = path.packet.flow
        mine, peer = sides if forward else (sides[1], sides[0])
        mine = dataclasses.replace(mine, paths=[*mine.paths, (arrived, path, *wrong)])
        if arrived:
            peer = dataclasses.replace(peer, received=mine.sent + size)
            mine = dataclasses.replace(mine, sent=mine.sent + size)
        return seen, ((mine, peer) if forward else (peer, mine))

    def _astray(self, forward: bool, path: Path, seen: Flow) -> tuple[str, str]:
        """Why a packet that arrived somewhere is none of this flow to the one that gets it."""
        if not forward:
            return astray(self.network, self.flow, path) or ("", "")
        there = self.state.forward
        if there.outcome != path.outcome or (path.outcome == "delivered" and path.host != there.host):
            where = f"reaching {there.host}" if there.outcome == "delivered" else "leaving the inventory"
            return "astray", f"the packets end at {path.host} instead of {where}"
        if path.packet.flow != seen and self.flow.protocol == "tcp":
            return "translation", (f"the packets arrive as {path.packet.flow}, but the other end has a connection "
                                   f"{seen}: what holds its translation is no longer on the way, or holds another")
        return "", ""


def _stale(
    after: Network, flow: Flow, states: t.Sequence[Established], found: t.Sequence[Continuation], observed: Observed
) -> tuple[Stale, ...]:
    """The entries that end the flow's packets, or that translate otherwise than a new connection would be."""
    fresh = [
        _last_of(pair).trackers
        for pair in travel(after, NamedFlow(str(flow), flow), observed).pairs if pair.result == "ok"
    ]
    stale: dict[tuple[str, Flow], Stale] = {}
    for state in states:
        for way in [way for one in found for way in (one.forward, one.back)]:
            for host, packet in _arrivals(way.path, flow if way.direction == "forward" else state.seen.reversed()):
                entry = _entry_of(state.last.trackers.get(after.keeper(host)), packet)
                if entry is None:
                    continue
                died_here = way.outcome == "stranded" and way.path.outcome == "dropped" and way.path.host == host
                others = [_entry_of(trackers.get(after.keeper(host)), entry.original) for trackers in fresh]
                changed = [one for one in others if one is not None and one.reply != entry.reply]
                if changed:
                    why = f"it keeps the translation to {entry.reply.reversed()}; a new connection gets " \
                          f"{changed[0].reply.reversed()}"
                    stale[host, entry.original] = Stale(host, entry, why)
                elif died_here and fresh:
                    stale.setdefault((host, entry.original), Stale(host, entry, way.detail))
    return tuple(stale.values())


def _arrivals(path: Path, first: Flow) -> list[tuple[str, Flow]]:
    """Each host of a path with the packet as it came there."""
    flows = [first, *(hop.transit.packet.flow for hop in path.hops)]
    return [(hop.host, flow) for hop, flow in zip(path.hops, flows, strict=False)]


def _entry_of(tracker: Tracker | None, flow: Flow) -> Entry | None:
    entries = tracker.entries if tracker else ()
    return next((entry for entry in entries if flow in (entry.original, entry.reply)), None)
