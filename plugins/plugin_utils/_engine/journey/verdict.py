# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a flow's journey means: one verdict per flow, with its share, the place where it dies and the boundaries."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Journey, Pair, travel
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reliance import (
    Reliance,
    parted,
    relied_on,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop, Path, translation_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.inspectors import Inspector
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow

# From best to worst; unknown stands apart, but a forecast that loses certainty has got worse.
ORDER = ("symmetric", "asymmetric_harmless", "unknown", "at_risk", "broken")


@dataclasses.dataclass(frozen=True)
class Death:
    """Where a packet of the flow ends before its goal, and why."""

    host: str
    interface: str
    direction: str  # forward or return
    reason: str
    detail: str
    rule: str = ""
    state: str = ""  # connection state of the packet there

    def to_dict(self) -> dict[str, str]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Boundary:
    """Who must see both directions of the flow, and which it sees: a host that keeps state, or an inspector."""

    host: str  # or the name of the inspector
    why: str
    forward: bool
    back: bool
    inspects: bool = False  # it only listens: nothing is dropped, and nobody notices

    @property
    def blind(self) -> bool:
        return self.forward != self.back

    def to_dict(self) -> dict[str, t.Any]:
        return {"host": self.host, "why": self.why, "forward": self.forward, "return": self.back}


@dataclasses.dataclass(frozen=True)
class FlowVerdict:
    """The verdict on one flow. ``findings`` and ``evidence`` are filled in by the diagnosis."""

    named: NamedFlow
    verdict: str  # symmetric, asymmetric_harmless, broken, at_risk, unknown
    journey: Journey
    share: str = ""  # "5 of 16": path pairs that break
    share_broken: float = 0.0  # the same by weight of the paths
    dies_at: Death | None = None
    read_next: str = ""  # with unknown: what could not be told, and what to read
    boundaries: tuple[Boundary, ...] = ()
    relies: tuple[Reliance, ...] = ()  # on connection state that hosts share
    evidence: tuple[t.Mapping[str, t.Any], ...] = ()
    findings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.named.name

    @property
    def failing(self) -> bool:
        return self.verdict in ("broken", "at_risk")

    def forward_paths(self) -> list[Path]:
        return _distinct([pair.forward for pair in self.journey.pairs])

    def return_paths(self) -> list[Path]:
        return _distinct([pair.back for pair in self.journey.pairs if pair.back])

    def to_dict(self) -> dict[str, t.Any]:
        """Plain data for reports; the whole of it can be written as JSON."""
        return {
            "name": self.name, "flow": str(self.named.flow), "one_way": self.named.one_way, "live": self.named.live,
            "verdict": self.verdict, "share": self.share, "share_broken": round(self.share_broken, 6),
            "summary": self.summary(), "dies_at": self.dies_at.to_dict() if self.dies_at else None,
            "read_next": self.read_next,
            "forward": [path.to_dict() for path in self.forward_paths()],
            "return": [path.to_dict() for path in self.return_paths()],
            "boundaries": [boundary.to_dict() for boundary in self.boundaries],
            "relies_on_shared_state": [one.to_dict() for one in self.relies],
            "assumptions": list(self.journey.assumptions), "evidence": [dict(item) for item in self.evidence],
            "findings": list(self.findings),
        }

    def summary(self) -> str:
        """One sentence for a person."""
        if self.verdict == "unknown":
            return f"not known: {self.read_next}"
        if self.dies_at:
            place = f"{self.dies_at.host}:{self.dies_at.interface}" if self.dies_at.interface else self.dies_at.host
            share = f" ({self.share} path pairs)" if self.verdict == "at_risk" else ""
            where = f" at {place}" if place else ""
            detail = self.dies_at.detail.removeprefix(f"{self.dies_at.host}: ")  # the place says it already
            return f"the {self.dies_at.direction} path dies{where}{share}: {detail}"
        if self.verdict == "at_risk":
            late = [one.text for one in self.relies if one.verdict == "at_risk"]
            if late:
                return f"works where state comes before the reply: {late[0]}"
            blind = [boundary for boundary in self.boundaries if boundary.blind]
            return f"works, but {', '.join(sorted({b.host for b in blind}))} sees one direction only"
        if self.verdict == "symmetric":
            return "both directions cross the same hosts by the same interfaces"
        if self.relies:
            return f"the directions differ: {self.relies[0].text}"
        return "the directions differ; every state boundary sees what it must see"


def judge(network: Network, named: NamedFlow, observed: Observed) -> FlowVerdict:
    """Walk the flow both ways and judge it. ``observed``: uplinks by which replies were seen to come."""
    known = network.of_flow(named.flow)
    told = _judge(known, named, observed)
    doubts = parted(network, told.journey.pairs, ("doubtful",))
    if doubts and _judge(network.of_flow(named.flow, "doubtful"), named, observed).verdict != told.verdict:
        why = f"whether {doubts[0].one} and {doubts[0].other} share connection state: {doubts[0].why}"
        return dataclasses.replace(told, verdict="unknown", dies_at=None, read_next=why)
    return _weighed(dataclasses.replace(told, relies=relied_on(known, named.flow, told.journey.pairs)))


def _weighed(told: FlowVerdict) -> FlowVerdict:
    """A verdict that rests on shared state is no better than what is known of the race between state and reply."""
    if told.verdict not in ("symmetric", "asymmetric_harmless"):
        return told
    if any(one.verdict == "at_risk" for one in told.relies):
        return dataclasses.replace(told, verdict="at_risk")
    unknown = next((one for one in told.relies if one.verdict == "unknown"), None)
    if unknown:
        return dataclasses.replace(told, verdict="unknown", read_next=f"{unknown.text}; run verify_state_sync")
    return told


def _judge(network: Network, named: NamedFlow, observed: Observed) -> FlowVerdict:
    journey = travel(network, named, observed)
    pairs = journey.pairs
    bad = [pair for pair in pairs if pair.result == "broken"]
    doubtful = [pair for pair in pairs if pair.result == "unknown"]
    boundaries = (*_boundaries(network, pairs), *_inspected(network.inspectors, pairs))
    blind = [
        pair for pair in pairs
        if pair.result == "ok" and not named.one_way and (_misses(network, pair) or _unseen(network.inspectors, pair))
    ]
    worst = max(bad, key=lambda pair: pair.share, default=None)
    told = FlowVerdict(
        named, _verdict(pairs, bad, doubtful, blind), journey, boundaries=boundaries,
        share=f"{len(bad or blind)} of {len(pairs)}", share_broken=sum(pair.share for pair in bad),
        dies_at=_death(worst) if worst else None,
    )
    if told.verdict == "unknown" and doubtful:
        return dataclasses.replace(told, read_next=_read_next(doubtful[0]))
    return told


def _verdict(pairs: t.Sequence[Pair], bad: list[Pair], doubtful: list[Pair], blind: list[Pair]) -> str:
    if bad:
        return "broken" if len(bad) == len(pairs) else "at_risk"
    if doubtful or not pairs:
        return "unknown"
    if blind:
        return "at_risk"
    same = all(pair.back is not None and mirrors(pair.forward, pair.back) for pair in pairs)
    return "symmetric" if same else "asymmetric_harmless"


def mirrors(forward: Path, back: Path) -> bool:
    """True where the return path crosses the same hosts by the same interfaces in the opposite order."""
    return forward.links() == [(host, oif, iif) for host, iif, oif in reversed(back.links())]


def _misses(network: Network, pair: Pair) -> bool:
    back = pair.back
    return back is not None and (
        _passes_by(network, pair.forward, back) or _passes_by(network, back, pair.forward))


def _passes_by(network: Network, one: Path, other: Path) -> bool:
    """Whether the other direction misses a state boundary of one direction, and all that share its state."""
    stateful = [network.keeper(hop.host) for hop in one.hops if hop.transit.stateful]
    return bool(stateful) and not {network.keeper(hop.host) for hop in other.hops}.issuperset(stateful)


def _unseen(inspectors: t.Sequence[Inspector], pair: Pair) -> bool:
    """Some inspector sees one direction of the pair only."""
    return any(one.sees(pair.forward) != one.sees(pair.back) for one in inspectors)


def _inspected(inspectors: t.Sequence[Inspector], pairs: t.Sequence[Pair]) -> t.Iterator[Boundary]:
    """The inspectors that see anything; of the pairs that one sees one way only, the first tells."""
    for one in inspectors:
        seen = [(one.sees(pair.forward), one.sees(pair.back)) for pair in pairs if pair.back]
        forward, back = next((ways for ways in seen if ways[0] != ways[1]), next(iter(seen), (False, False)))
        if forward or back:
            yield Boundary(one.name, "inspects what passes", forward, back, inspects=True)


def _boundaries(network: Network, pairs: t.Sequence[Pair]) -> tuple[Boundary, ...]:
    """A member of a state domain sees what any of them sees."""
    forward = {network.keeper(hop.host) for pair in pairs for hop in pair.forward.hops}
    back = {network.keeper(hop.host) for pair in pairs if pair.back for hop in pair.back.hops}
    found: dict[str, Boundary] = {}
    for pair in pairs:
        for hop in (*pair.forward.hops, *(pair.back.hops if pair.back else ())):
            if hop.stateful and hop.host not in found:
                keeper = network.keeper(hop.host)
                found[hop.host] = Boundary(hop.host, why_stateful(hop), keeper in forward, keeper in back)
    return tuple(found.values())


def why_stateful(hop: Hop) -> str:
    """What makes the host a state boundary: a translation, or the rule that looks at connection state."""
    translation = translation_of(hop.transit)
    if translation:
        return f"translates: {translation}"
    rule = next((item.rule for item in hop.transit.filters if item.stateful and item.rule), "")
    return f"its rules look at connection state: {rule}" if rule else "its rules look at connection state"


def _death(pair: Pair) -> Death:
    path = t.cast(Path, pair.culprit)
    last = path.hops[-1].transit if path.hops else None
    rule = next((item.rule for item in last.filters if item.verdict in ("drop", "reject")), "") if last else ""
    return Death(path.host, path.interface, pair.direction, path.reason, path.detail, rule, last.state if last else "")


def _read_next(pair: Pair) -> str:
    path = t.cast(Path, pair.culprit)
    return path.detail or f"{path.host} could not tell ({path.reason})"


def _distinct(paths: t.Iterable[Path]) -> list[Path]:
    seen: dict[t.Any, Path] = {}
    for path in paths:
        seen.setdefault((tuple(path.links()), path.outcome, path.host, path.interface, str(path.packet.flow)), path)
    return list(seen.values())
