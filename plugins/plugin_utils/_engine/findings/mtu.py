# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM601: small packets of a flow arrive and large ones do not, or its directions have different path MTUs."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Pair
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.path_mtu import (
    Link,
    first_size,
    links,
    narrowest,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path, enter, send
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import ByHash
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage.passage import Passage

_PRECEDENCE, _TOS = 0xC0, 0x1E  # IPTOS_PREC_INTERNETCONTROL and IPTOS_TOS_MASK: the tos of an error (icmp_send)


def of_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM601 for a flow whose small packets arrive. Pings are small unless somebody asks for more."""
    if told.named.flow.protocol not in ("tcp", "udp") or network.one_mtu:
        return
    seen: set[t.Any] = set()
    for pair in told.journey.pairs:
        if pair.result != "ok":
            continue
        directions = [(pair.forward, told.named.flow)]
        if pair.back and not told.named.one_way:
            directions.append((pair.back, pair.forward.packet.flow.reversed()))
        for path, first in directions:
            key = (tuple(path.links()), path is pair.back and first.protocol == "udp" and tuple(pair.forward.links()))
            if key not in seen:
                seen.add(key)
                yield from _lost(network, told, pair, path, first)
        yield from _different(network, told, pair)


def _lost(network: Network, told: FlowVerdict, pair: Pair, path: Path, first: Flow) -> t.Iterator[Finding]:
    """Where a packet as large as its sender makes them is lost without its sender being told."""
    size = _largest(network, told, pair, path)
    if size is None:
        return
    for link in links(network, path):
        host, device = link.hop.host, link.hop.oif or ""
        if link.limit < size:
            why, doubt = _untold(network, pair, path, link, first) if link.position or link.hop.iif else ("", "")
            if doubt:
                yield finding("SYM901", host, f"whether the sender of packets of more than {link.limit} bytes is told "
                              f"that they do not fit out of {host}:{device} is not known: {doubt}", device, "info",
                              (told.name,))
            if why:
                yield finding(
                    "SYM601", host, f"packets of more than {link.limit} bytes do not fit out of {host}:{device}, and "
                    f"their sender is not told: {why}. Small ones work, large ones stall (up to {size} bytes are sent)",
                    device, "critical", (told.name,))
            elif path is pair.back and first.protocol == "udp" and not doubt:
                yield from _asked_again(network, told, pair, link)
            size = link.limit
        if link.taken is not None and link.taken < size:
            after = path.hops[link.position + 1]
            yield finding(
                "SYM601", after.host, f"{after.host}:{after.iif} takes {link.taken} bytes, but {host}:{device} on the "
                f"same wire sends up to {size}: larger packets are lost, and no ICMP tells of it", after.iif or "",
                "critical", (told.name,))
            size = link.taken


def _asked_again(network: Network, told: FlowVerdict, pair: Pair, link: Link) -> t.Iterator[Finding]:
    """Where a large answer by UDP is lost though its sender is told: a service keeps no datagram to send it again.

    It takes another request, and that meets what the answer has left behind as far as it came: to connection tables
    the flow is established now, to the other hosts the request is as new as the first.
    """
    host, device = link.hop.host, link.hop.oif or ""
    before, doubt = _turned_back(network, pair, link)
    again: list[Path] = []
    if before is not None:
        start, packet = pair.forward, Packet(told.named.flow)
        again = enter(network, start.entry, packet, before, start) if start.entry else send(
            network, start.hops[0].host, packet, before, start)
    dead = next((path for path in again if path.outcome == "dropped"), None)
    doubt = doubt or next((path.detail or path.host for path in again if path.outcome == "unknown"), "")
    if dead:
        yield finding(
            "SYM601", host, f"answers of more than {link.limit} bytes do not fit out of {host}:{device}; their sender "
            "is told, but does not send them again, and another request by the same port is lost: "
            f"{dead.detail or f'it dies at {dead.host}'}. Small ones work, large ones stall", device, "critical",
            (told.name,))
    elif doubt:
        yield finding("SYM901", host, f"whether an answer of more than {link.limit} bytes, which does not fit out of "
                      f"{host}:{device}, can be asked for again by the same port is not known: {doubt}", device, "info",
                      (told.name,))


def _turned_back(network: Network, pair: Pair, link: Link) -> tuple[Path | None, str]:
    """The forward path with the connection tables that an answer leaves which does not fit; or why they are not known.

    The host that turns it back has seen it in prerouting; the later hooks there, and the hosts beyond, have not.
    """
    back = t.cast(Path, pair.back)
    trackers = dict(pair.forward.trackers)
    for hop in back.hops[:link.position]:
        if hop.host in back.trackers:
            trackers[hop.host] = back.trackers[hop.host]
    hop = link.hop
    if hop.iif is not None:
        answered = pair.forward.packet.flow.reversed()
        known = back.hops[link.position - 1].transit.packet if link.position else Packet(answered, first=False)
        known = dataclasses.replace(known, mark=0, uid=None)  # which stay on the host before
        tracker = trackers.get(hop.host) or network.new_tracker(hop.host)
        try:
            passage = Passage.start(network.hosts[hop.host], tracker, known, hop.iif).arrive(hop.iif)
        except ByHash:
            return None, f"{hop.host}: a rule that hangs on a hash decides about the answer"
        trackers[hop.host] = passage.tracker
    return dataclasses.replace(pair.forward, trackers=trackers, known=back.known), ""


def _largest(network: Network, told: FlowVerdict, pair: Pair, path: Path) -> int | None:
    """The largest packet of the flow: TCP agrees on what both ends can take, or on what a box clamps it to."""
    size = first_size(network, path)
    if size is None or told.named.flow.protocol != "tcp" or pair.back is None:
        return size
    limits = [size, *(other for one in (pair.forward, pair.back) if (other := first_size(network, one)))]
    if any(_clamps(network, hop.host) for one in (pair.forward, pair.back) for hop in one.hops):
        limits += [mtu for one in (pair.forward, pair.back) if (mtu := narrowest(network, one))]
    return min(limits)


def _clamps(network: Network, host: str) -> bool:
    return any(
        statement.get("do") == "set_mss" for chain in network.hosts[host].ruleset.chains for rule in chain.rules
        for statement in rule.get("statements", ())
    )


def _untold(network: Network, pair: Pair, path: Path, link: Link, first: Flow) -> tuple[str, str]:
    """Why the ICMP error of the host before a narrow link does not reach the sender, or why that is not known."""
    before = path.hops[link.position - 1].transit.packet.flow if link.position else first
    about = _after_prerouting(before, link)
    protocol, unset = ("icmpv6", "::") if about.family == 6 else ("icmp", "0.0.0.0")
    inside = dataclasses.replace(link.hop.transit.packet, flow=about, mark=0)
    latest = pair.data or pair.again or pair.back or path
    mark, doubt = _reflected_mark(network, latest, path, link, before)
    if doubt:
        return "", doubt
    tos = _PRECEDENCE | inside.tos & _TOS if about.family == 4 else 0
    error = Packet(Flow(protocol, unset, before.source), mark, tos, first=False, error="too_big", about=inside)
    fates = send(network, link.hop.host, error, latest)
    dead = next((fate for fate in fates if fate.outcome == "dropped"), None)
    if dead:
        return dead.detail or f"the ICMP error dies at {dead.host}", ""
    return "", next((fate.detail or fate.host for fate in fates if fate.outcome == "unknown"), "")


def _reflected_mark(network: Network, latest: Path, path: Path, link: Link, before: Flow) -> tuple[int, str]:
    """The mark of the error, or why it is not known: with fwmark_reflect it is that of the packet that did not fit.

    That is looked at before the forward hook (ip_forward, ip6_forward), so prerouting has the last word.
    """
    hop, host = link.hop, network.hosts[link.hop.host]
    if not host.sysctls.get(f"net/ipv{before.family}/fwmark_reflect") or hop.iif is None:
        return 0, ""
    known = path.hops[link.position - 1].transit.packet if link.position else hop.transit.packet
    large = dataclasses.replace(known, flow=before, mark=0, first=False, tcp="ack" if known.tcp else "")
    tracker = latest.trackers.get(hop.host) or network.new_tracker(hop.host)
    try:
        passage = Passage.start(host, tracker, large, hop.iif).arrive(hop.iif)
    except ByHash:
        return 0, f"{hop.host}: fwmark_reflect is set, and a rule that hangs on a hash decides about the mark"
    if passage.unknown_mark:
        return 0, f"{hop.host}: fwmark_reflect is set, and a rule may set the mark or not"
    return passage.packet.mark, ""


def _after_prerouting(before: Flow, link: Link) -> Flow:
    """The packet as it was where it did not fit: its destination may be translated already, its source not yet."""
    after = link.hop.transit.packet.flow
    return Flow(before.protocol, before.source, after.destination, before.sport, after.dport)


def _different(network: Network, told: FlowVerdict, pair: Pair) -> t.Iterator[Finding]:
    """Both path MTUs, where they differ and the larger one is not for nothing: something larger does come back."""
    if pair.back is None or told.named.one_way:
        return
    there, back = narrowest(network, pair.forward), narrowest(network, pair.back)
    sizes = [_largest(network, told, pair, path) for path in (pair.forward, pair.back)]
    if there is None or back is None or there == back:
        return
    if all(size is None or size <= min(there, back) for size in sizes):
        return
    path = pair.forward if there < back else pair.back
    tight = min(links(network, path), key=lambda link: min(link.limit, link.taken or link.limit)).hop
    yield finding("SYM601", tight.host, f"packets to {told.named.flow.destination} may have {there} bytes, replies "
                  f"{back}: the directions differ at {tight.host}:{tight.oif}", tight.oif or "", "info", (told.name,))
