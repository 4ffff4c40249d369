# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The findings: stable ids, and the ones that the facts of a network show.

A finding is raised only where something is wrong or about to be: a healthy network has none.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine import host_findings
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.walk import Hop, Path, translation_of


def find(network: Network, verdicts: t.Sequence[FlowVerdict]) -> list[Finding]:
    """Every finding of the network, merged over flows, the most severe first."""
    raised: list[Finding] = []
    for told in verdicts:
        raised += flow_findings(network, told)
    raised += host_findings.find(network, verdicts)
    raised += [
        finding("SYM901", host, f"{host} could not be read: {why}", severity="warning")
        for host, why in sorted(network.unread.items())
    ]
    raised += [finding("SYM901", host, problem, severity="warning") for host, problem in network.site.problems]
    return merge(raised)


def merge(raised: t.Iterable[Finding]) -> list[Finding]:
    """One finding per id, host and interface, with the flows and the evidence of all."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for item in raised:
        groups.setdefault((item.id, item.host, item.interface), []).append(item)
    merged = [_merged(group) for group in groups.values()]
    return sorted(merged, key=lambda item: (_rank(item.severity), item.id, item.host, item.interface))


def _merged(group: t.Sequence[Finding]) -> Finding:
    evidence = {entry["text"]: entry for item in reversed(group) for entry in reversed(item.evidence)}
    return dataclasses.replace(
        group[0],
        flows=tuple(dict.fromkeys(flow for item in group for flow in item.flows)),
        severity=min((item.severity for item in group), key=_rank),
        evidence=tuple(reversed(evidence.values())),
    )


def _rank(severity: str) -> int:
    return ("critical", "warning", "info").index(severity)


def flow_findings(network: Network, told: FlowVerdict) -> list[Finding]:
    """What one flow's verdict shows; nothing where it works."""
    if told.verdict == "unknown":
        return _unread(told)
    if not told.failing:
        return []
    found = [*_reverse_path(network, told), *_missed_state(network, told), *_missed_translation(network, told)]
    found += [*_other_uplink(network, told), *_spread(told), *_blind(told)]
    severity = "critical" if told.verdict == "broken" else "warning"
    return [
        dataclasses.replace(item, severity=severity, flows=(told.name,), evidence=told.evidence) for item in found
    ]


def _unread(told: FlowVerdict) -> list[Finding]:
    pair = next((pair for pair in told.journey.pairs if pair.result == "unknown" and pair.culprit), None)
    host = pair.culprit.host if pair and pair.culprit else ""
    return [finding("SYM901", host, told.read_next, severity="warning", flows=(told.name,))]


def _deaths(told: FlowVerdict, *reasons: str) -> t.Iterator[tuple[str, Path, Path]]:
    """Direction, dead path and forward path of every pair that broke for one of the reasons."""
    for pair in told.journey.pairs:
        if pair.result == "broken" and pair.culprit and (not reasons or pair.culprit.reason in reasons):
            yield pair.direction, pair.culprit, pair.forward


def _reverse_path(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM201, or SYM202 where the sender is a neighbour: then its ARP request is what goes unanswered."""
    for _direction, dead, _forward in _deaths(told, "reverse_path"):
        check = dead.hops[-1].transit.reverse_path
        expected = " or ".join(check.expected_devices) if check and check.expected_devices else "no interface"
        source = dead.hops[-1].transit.packet.flow.source if not dead.hops else _arriving(dead)
        mode = "strict" if check is None or check.mode == 1 else "loose"
        origin = f" (set by {check.origin})" if check and check.origin else ""
        text = (f"{mode} rp_filter on {dead.interface}{origin} drops packets from {source}: the route back to it "
                f"leaves by {expected}")
        if len(dead.hops) == 2 and dead.hops[0].iif is None and mode == "strict":
            yield finding("SYM202", dead.host, f"{text}. The sender {dead.hops[0].host} is a neighbour, so its ARP "
                          "requests go unanswered: silent, no counter rises", dead.interface)
        else:
            yield finding("SYM201", dead.host, text, dead.interface)


def _arriving(dead: Path) -> str:
    """The source address of the packet as it reached the host where it died."""
    before = dead.hops[-2].transit.packet if len(dead.hops) > 1 else dead.packet
    return before.flow.source


def _missed_state(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM301 at the stateful host that never saw the request; SYM104 where the reply came in by another uplink."""
    for direction, dead, forward in _deaths(told, "filter"):
        last = dead.hops[-1]
        if direction != "return" or not last.stateful or dead.host in {hop.host for hop in forward.hops}:
            continue
        yield finding("SYM301", dead.host, f"replies cross {dead.host}, which never saw the request: {dead.detail}",
                      dead.interface)
        if dead.entry and forward.outcome == "left" and (dead.entry.host, dead.entry.interface) != (
                forward.host, forward.interface):
            out = _uplink_name(network, forward.host, forward.interface)
            back = dead.entry.uplink or f"{dead.entry.host}:{dead.entry.interface}"
            yield finding("SYM104", dead.entry.host, f"{told.named.flow.destination} is reached by uplink {out}, but "
                          f"its replies to {last.transit.packet.flow.destination} enter by uplink {back}, whose "
                          f"firewall {dead.host} has no session", dead.entry.interface)


def _uplink_name(network: Network, host: str, interface: str) -> str:
    uplink = network.site.uplink_of(host, interface)
    return uplink.name if uplink else f"{host}:{interface}"


def _missed_translation(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM401: the reply misses the source translation. SYM402: it bypasses a boundary or a destination translation."""
    for pair in told.journey.pairs:
        if pair.result != "broken" or not pair.back or not pair.culprit:
            continue
        crossed = {hop.host for hop in pair.back.hops}
        missed = [hop for hop in pair.forward.hops if translation_of(hop.transit) and hop.host not in crossed]
        at_edge = pair.culprit.entry is not None and any(hop.host == pair.forward.host for hop in missed)
        if missed and (pair.culprit.reason in ("translation", "astray") or at_edge):
            hop = missed[0]
            what = translation_of(hop.transit)
            kind = "SYM402" if what.startswith(("dnat", "redirect")) else "SYM401"
            yield finding(kind, hop.host, f"the reply does not come back through {hop.host}, which holds the "
                          f"translation ({what})", hop.oif or "")
        elif pair.direction == "forward" and pair.again is not None and pair.culprit.host not in crossed:
            dead = pair.culprit
            yield finding("SYM402", dead.host, f"replies bypass {dead.host}, which sees the request only: "
                          f"{dead.detail}", dead.interface)


def _blind(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM402 where nothing drops yet, but a state boundary sees one direction only."""
    if told.dies_at is None:
        for boundary in told.boundaries:
            if boundary.forward != boundary.back:
                missed = "replies" if boundary.forward else "requests"
                yield finding("SYM402", boundary.host, f"{missed} bypass {boundary.host}, which keeps connection state "
                              f"({boundary.why})")


def _other_uplink(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM101: the host that answers sends its reply out by another uplink than the request came in on."""
    for pair in told.journey.pairs:
        if pair.result != "broken" or pair.forward.outcome != "delivered" or not pair.back or not pair.back.hops:
            continue
        first: Hop = pair.back.hops[0]
        if first.oif and first.oif != pair.forward.interface:
            answer = first.transit.packet.flow.source
            yield finding("SYM101", first.host, f"the request came in on {pair.forward.interface}, the reply from "
                          f"{answer} leaves by {first.oif}", pair.forward.interface)


def _spread(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM501: path pairs differ because a host spreads flows over next hops."""
    results = {pair.result for pair in told.journey.pairs}
    if "broken" not in results or len(told.journey.pairs) < 2:
        return
    for pair in told.journey.pairs:
        for hop in (*pair.forward.hops, *(pair.back.hops if pair.back else ())):
            if hop.ways > 1:
                yield finding("SYM501", hop.host, f"{hop.host} spreads flows over {hop.ways} next hops that do not "
                              f"share connection state: {told.share} path pairs break")
