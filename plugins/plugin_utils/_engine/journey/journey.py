# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A flow's first packets both ways: request, reply and, for TCP, the acknowledgement, over every pair of paths."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.branch_pairs import together
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walks import Walks
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import (
    Entries,
    Entry,
    Observed,
    entries,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow, contains
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage.transit import answer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed


@dataclasses.dataclass(frozen=True)
class Pair:
    """One forward path with one return path, and how that ended."""

    forward: Path
    back: Path | None = None
    again: Path | None = None  # the acknowledgement of a TCP handshake
    data: Path | None = None  # what the server sends after it
    share: float = 1.0
    result: str = "ok"  # ok, broken, unknown
    direction: str = ""  # forward or return: where it ended early
    culprit: Path | None = None  # the path that did not arrive


@dataclasses.dataclass(frozen=True)
class Journey:
    """All pairs of paths of a flow, and what was taken for granted about the outside."""

    pairs: tuple[Pair, ...]
    assumptions: tuple[str, ...] = ()
    undecided: bool = False  # some share rests on uplinks between which no preference is known


def travel(network: Network, named: NamedFlow, observed: Observed) -> Journey:
    """Send the flow's first packets through the network and see what becomes of them."""
    walks = Walks(network)
    notes: list[str] = [named.note] if named.note else []
    undecided = False
    pairs: list[Pair] = []
    first = Packet(named.flow, tcp="syn" if named.flow.protocol == "tcp" else "")
    forwards, undecided = send_out(walks, first, None, observed, notes)
    for forward in forwards:
        if not forward.arrived:
            pairs.append(_ended(Pair(forward, share=forward.share), forward, "forward"))
            continue
        backs, doubt = _back(walks, forward, observed, notes)
        backs = together(network, forward, backs, named.flow)
        undecided = undecided or doubt
        for back in backs:
            pair = Pair(forward, back, share=forward.share * back.share)
            pairs.append(pair if named.one_way else _judge(walks, named.flow, observed, pair))
    return Journey(tuple(pairs), tuple(dict.fromkeys(notes)), undecided)


def send_out(
    walks: Walks, packet: Packet, before: Path | None, observed: Observed, notes: list[str]
) -> tuple[list[Path], bool]:
    """The paths of a packet, from the host of its source or from where it comes in, after that of ``before``."""
    network, flow = walks.network, packet.flow
    owners = sorted({host for host, _interface in network.owners(flow.source)})
    if len(owners) > 1:
        detail = f"the source {flow.source} is an address of {' and '.join(owners)}: which of them sends is not known"
        return [Path("unknown", 1.0, packet, host=owners[0], reason="join", detail=detail)], False
    if owners:
        return _beyond(walks, walks.send(owners[0], packet, before), observed, notes)
    found = entries(network, flow.destination, flow.source, observed)
    unknown = _no_origin(network, flow, found)
    if unknown:
        return [Path("unknown", 1.0, packet, reason="origin", detail=unknown)], False
    notes += found.assumptions
    return _come_in(walks, found, packet, before), found.undecided


def _no_origin(network: Network, flow: Flow, found: Entries) -> str:
    """Why it is not known where a flow begins whose source no host that was read has."""
    if network.site.external_of(flow.source) is None:
        if network.unread:
            return (f"no host that was read has the source {flow.source}; it may be one of "
                    f"{', '.join(sorted(network.unread))}, which could not be read")
        inside = any(contains(prefix, flow.source) for uplink in network.site.announcing for prefix in uplink.announces)
        if inside and not network.topology.attached(flow.source):
            return (f"the source {flow.source} is announced by us, but no host that was read has it or is on its "
                    "segment; add its host to the inventory")
    if not found.ways and not found.unknown and not network.owners(flow.destination):
        return (f"neither {flow.source} nor {flow.destination} is an address of a host that was read, or announced by "
                "an uplink; add the host, or the prefix to announces in symmetry_uplinks")
    return ""


def _beyond(walks: Walks, paths: list[Path], observed: Observed, notes: list[str]) -> tuple[list[Path], bool]:
    """Paths that leave towards one of our own hosts come in again where its address is announced."""
    network = walks.network
    result: list[Path] = []
    undecided = False
    for path in paths:
        flow = path.packet.flow
        if path.outcome != "left" or not network.owners(flow.destination):
            result.append(path)
            continue
        found = entries(network, flow.destination, flow.source, observed, beyond=True)
        notes += found.assumptions
        undecided = undecided or found.undecided
        for rest in _come_in(walks, found, path.packet, path):
            result.append(changed(rest, hops=(*path.hops, *rest.hops), share=path.share * rest.share))
    return result, undecided


def _come_in(
    walks: Walks, found: Entries, packet: Packet, before: Path | None = None, guide: Path | None = None
) -> list[Path]:
    trackers = before.trackers if before else {}
    if found.unknown:
        return [Path("unknown", 1.0, packet, trackers=trackers, reason="entry", detail=found.unknown)]
    if not found.ways:
        return [Path("dropped", 1.0, packet, trackers=trackers, reason="not_announced",
                     detail="; ".join(found.assumptions) or f"nothing leads to {packet.flow.destination}")]
    return [path for way in found.ways for path in walks.enter(way, packet, before, guide)]


def _back(walks: Walks, forward: Path, observed: Observed, notes: list[str]) -> tuple[list[Path], bool]:
    """The paths of the reply to a packet that arrived, through the connection tables that it left."""
    if forward.outcome == "delivered":
        reply = answer(walks.network.hosts[forward.host], forward.hops[-1].transit)
    else:
        flow = forward.packet.flow.reversed()
        reply = Packet(flow, first=False, tcp="syn_ack" if flow.protocol == "tcp" else "")
    return send_back(walks, forward, reply, forward, observed, notes)


def send_back(
    walks: Walks, forward: Path, reply: Packet, before: Path, observed: Observed, notes: list[str]
) -> tuple[list[Path], bool]:
    """The paths of a packet of the end where that of ``forward`` arrived, after that of ``before``."""
    network = walks.network
    if forward.outcome == "delivered":
        return _beyond(walks, walks.send(forward.host, reply, before), observed, notes)
    on_link = Entry(forward.host, forward.interface) if forward.next_hop == reply.flow.source else None
    found = entries(network, reply.flow.destination, reply.flow.source, observed, on_link)
    notes += found.assumptions
    return _come_in(walks, found, reply, before), found.undecided


def _judge(walks: Walks, flow: Flow, observed: Observed, pair: Pair) -> Pair:
    """Whether the reply reaches the one that asked, as the answer to what it asked, and the handshake completes."""
    back = t.cast(Path, pair.back)
    if not back.arrived:
        return _ended(pair, back, "return")
    wrong = walks.once("astray", back, lambda: astray(walks.network, flow, back))
    if wrong:
        return _ended(pair, changed(back, outcome="dropped", reason=wrong[0], detail=wrong[1]), "return")
    if flow.protocol != "tcp":
        return pair
    again = _later(walks, observed, pair.forward, Packet(flow, first=False, tcp="ack"), back)
    complete = changed(pair, again=again)
    if not again.arrived:
        return _ended(complete, again, "forward")
    looks = walks.once("chains", back, lambda: any(walks.network.hosts[hop.host].ruleset.chains for hop in back.hops))
    return _with_data(walks, flow, observed, complete, again) if looks else complete


def _with_data(walks: Walks, flow: Flow, observed: Observed, pair: Pair, again: Path) -> Pair:
    """The server's first data. Where rules look at packets it may fare otherwise than the SYN-ACK did.

    A host that sees replies only takes the SYN-ACK for invalid, and then picks the connection up from the data
    (tcp_loose): as a new one, which it may drop or translate.
    """
    back = t.cast(Path, pair.back)
    sent = Packet(again.packet.flow.reversed(), first=False, tcp="ack")
    if again.outcome == "delivered":
        sent = answer(walks.network.hosts[again.host], again.hops[-1].transit)
    data = _later(walks, observed, back, sent, again)
    complete = changed(pair, data=data)
    if not data.arrived:
        return _ended(complete, data, "return")
    wrong = walks.once("astray", data, lambda: astray(walks.network, flow, data))
    if wrong:
        data = changed(data, outcome="dropped", reason=wrong[0], detail=wrong[1])
        return _ended(changed(complete, data=data), data, "return")
    return complete


def _later(walks: Walks, observed: Observed, guide: Path, packet: Packet, before: Path) -> Path:
    """A later packet of the flow on the way that an earlier one took."""
    same = walks.along(guide, packet, before)
    if same is not None:
        return same
    if guide.entry:
        return walks.enter(guide.entry, packet, before, guide)[0]
    paths, _undecided = _beyond(walks, walks.send(guide.hops[0].host, packet, before, guide), observed, [])
    return paths[0]


def astray(network: Network, flow: Flow, back: Path) -> tuple[str, str] | None:
    """Why a reply that arrived somewhere is not the reply that was waited for."""
    asking = sorted({host for host, _interface in network.owners(flow.source)})
    if asking and back.outcome != "delivered":
        return "astray", f"the reply leaves by {back.host}:{back.interface} instead of reaching {asking[0]}"
    if asking and back.host != asking[0]:
        return "astray", f"the reply to {back.packet.flow.destination} ends at {back.host}; {asking[0]} asked"
    if not asking and back.outcome == "delivered":
        return "astray", f"the reply to {back.packet.flow.destination} ends at {back.host}; {flow.source} is outside"
    if back.packet.flow != flow.reversed():
        return "translation", (f"the reply arrives as {back.packet.flow}, but the sender waits for {flow.reversed()}: "
                               "it missed the host that holds the translation")
    return None


def _ended(pair: Pair, culprit: Path, direction: str) -> Pair:
    result = "unknown" if culprit.outcome == "unknown" else "broken"
    return changed(pair, result=result, direction=direction, culprit=culprit)
