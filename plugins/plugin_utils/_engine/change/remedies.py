# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Remedies for failing flows, ranked by their cost in security; none is proposed that the forecast does not confirm."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.candidates import Candidate, candidates
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import (
    Forecast,
    ForecastError,
    Step,
    forecast,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

# Each costs a forecast of every flow: with many different failures the first ones are tried, and the rest counted.
LIMIT = 16

# The lists of a role's variables, each with the key that names an entry: a role states all that it wants on a host.
_LISTS: dict[str, dict[str, str]] = {
    "policy_route": {"policy_route_uplinks": "name", "policy_route_pins": "name"},
    "source_routing": {"source_routing_uplinks": "name"},
    "symmetric_return": {"symmetric_return_uplinks": "name"},
    "rp_filter": {"rp_filter_interfaces": "name"},
    "mss_clamp": {"mss_clamp_edges": "interface"},
    "ecmp_hash": {},
}


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A role with its variables that the forecast has confirmed. ``recommended``: part of the proposed change."""

    role: str
    host: str
    variables: Facts
    why: str
    text: str
    fixes: tuple[str, ...]
    security_cost: str
    source_before: str = ""  # the address that the far side sees now, where the remedy changes it
    source_after: str = ""
    recommended: bool = False

    @property
    def step(self) -> Step:
        return Step(self.role, self.host, self.variables)

    def to_dict(self) -> dict[str, t.Any]:
        data = dataclasses.asdict(self)
        return {**data, "variables": dict(self.variables), "fixes": list(self.fixes)}


@dataclasses.dataclass(frozen=True)
class Rejected:
    """A remedy that was tried on the planned state and is not proposed, and why."""

    role: str
    host: str
    text: str
    why_not: str

    def to_dict(self) -> dict[str, str]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Proposal:
    """Ranked remedies, the change made of the recommended ones, and its forecast."""

    remedies: tuple[Remedy, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    change: tuple[Step, ...] = ()
    forecast: Forecast | None = None
    not_tried: int = 0

    def change_to_list(self) -> list[dict[str, t.Any]]:
        """The recommended change as data: one role with all its variables per host and role."""
        return [{"role": step.role, "host": step.host, "variables": dict(step.variables)} for step in self.change]


def propose(network: Network, verdicts: t.Sequence[FlowVerdict], observed: Observed) -> Proposal:
    """Try every candidate on the planned state; recommend the cheapest ones that together mend what can be mended."""
    failing = [told for told in verdicts if told.failing]
    remedies: list[Remedy] = []
    rejected: list[Rejected] = []
    found = candidates(network, failing)
    tried = [
        dataclasses.replace(candidate, step=with_what_is_declared(network, candidate.step))
        for candidate in found[:LIMIT]
    ]
    for candidate in tried:
        result = _try(network, verdicts, candidate, observed)
        (remedies if isinstance(result, Remedy) else rejected).append(result)  # type: ignore[arg-type]
    change, chosen, outlook = _recommend(network, verdicts, remedies, observed)
    change, lasting, outlook = _with_lasting(network, verdicts, tried, change, outlook, observed)
    ranked = [dataclasses.replace(remedy, recommended=remedy in chosen) for remedy in remedies]
    kept = [one for one in rejected if (one.role, one.host) not in {(more.role, more.host) for more in lasting}]
    return Proposal((*ranked, *lasting), tuple(kept), tuple(change), outlook, max(0, len(found) - LIMIT))


def _with_lasting(
    network: Network, verdicts: t.Sequence[FlowVerdict], tried: t.Sequence[Candidate], change: list[Step],
    outlook: Forecast | None, observed: Observed,
) -> tuple[list[Step], list[Remedy], Forecast | None]:
    """Where destinations are pinned, add source rules for all uplinks of the host, if they worsen nothing.

    A pin mends the flows that are known; source rules keep every address of the host on its own uplink.
    """
    lasting: list[Remedy] = []
    pinned = {step.host for step in change if step.role == "policy_route"}
    routed = {step.host for step in change if step.role == "source_routing"}
    for candidate in tried:
        step = candidate.step
        if step.role != "source_routing" or step.host not in pinned - routed or outlook is None:
            continue
        together = [*change, step]
        try:
            combined = forecast(network, verdicts, together, observed)
        except ForecastError:
            continue
        if combined.worse or set(combined.mended) != set(outlook.mended):
            continue
        why = f"the pin is the quick fix; with source rules every address of {step.host} keeps to its own uplink"
        lasting.append(Remedy(
            step.role, step.host, step.variables, why, candidate.text, (), candidate.security_cost, recommended=True))
        change, outlook = together, combined
        routed.add(step.host)
    return change, lasting, outlook


def _try(
    network: Network, verdicts: t.Sequence[FlowVerdict], candidate: Candidate, observed: Observed
) -> Remedy | Rejected:
    step = candidate.step
    aim = [told for told in verdicts if told.name in candidate.flows]
    try:
        outlook = forecast(network, aim, [step], observed)
        if outlook.mended:  # only then is it worth the time to ask what it does to all others
            outlook = forecast(network, verdicts, [step], observed)
    except ForecastError as error:
        return Rejected(step.role, step.host, candidate.text, str(error))
    if outlook.worse:
        return Rejected(step.role, step.host, candidate.text, f"makes worse: {', '.join(outlook.worse)}")
    if not outlook.mended:
        return Rejected(step.role, step.host, candidate.text, _why_not(outlook))
    before, after = _seen_by_far_side(outlook) if candidate.source_after else ("", "")
    return Remedy(step.role, step.host, step.variables, candidate.why, candidate.text, tuple(outlook.mended),
                  candidate.security_cost, before, after)


def _why_not(outlook: Forecast) -> str:
    """What still happens to the flow that comes nearest to being mended."""
    failing = [flow for flow in outlook.flows if flow.before.failing]
    nearest = next((flow for flow in failing if flow.change == "better"), failing[0])
    return f"{nearest.before.name} would be {nearest.after.verdict}: {nearest.after.summary()}"


def _seen_by_far_side(outlook: Forecast) -> tuple[str, str]:
    for flow in outlook.flows:
        if flow.before.name in outlook.mended:
            before = [path for path in flow.before.forward_paths() if path.outcome == "left"]
            after = [path for path in flow.after.forward_paths() if path.outcome == "left"]
            if before and after and before[0].packet.flow.source != after[0].packet.flow.source:
                return before[0].packet.flow.source, after[0].packet.flow.source
    return "", ""


def _recommend(
    network: Network, verdicts: t.Sequence[FlowVerdict], remedies: t.Sequence[Remedy], observed: Observed
) -> tuple[list[Step], list[Remedy], Forecast | None]:
    """Take remedies in their order while they mend more, agree with each other and worsen nothing together."""
    change: list[Step] = []
    chosen: list[Remedy] = []
    outlook: Forecast | None = None
    for remedy in remedies:
        mended = set(outlook.mended) if outlook else set()
        if set(remedy.fixes) <= mended:
            continue
        together = merge_steps([*change, remedy.step])
        if together is None:
            continue
        try:
            combined = forecast(network, verdicts, together, observed)
        except ForecastError:
            continue
        if not combined.worse and mended < set(combined.mended):
            change, outlook = together, combined
            chosen.append(remedy)
    return change, chosen, outlook


def merge_steps(steps: t.Iterable[Step]) -> list[Step] | None:
    """One step per host and role; None where two of them want different things under the same name."""
    merged: dict[tuple[str, str], Step] = {}
    for step in steps:
        key = (step.role, step.host)
        if key not in merged:
            merged[key] = step
            continue
        variables = _merge_variables(step.role, merged[key].variables, step.variables)
        if variables is None:
            return None
        merged[key] = Step(step.role, step.host, variables)
    return list(merged.values())


def _merge_variables(role: str, one: Facts, other: Facts) -> dict[str, t.Any] | None:
    variables = {**one, **other}
    if any(one[name] != other[name] for name in one.keys() & other.keys() if name not in _LISTS[role]):
        return None
    for name, key in _LISTS[role].items():
        entries: dict[str, t.Any] = {}
        for entry in (*one.get(name, ()), *other.get(name, ())):
            if entries.setdefault(entry[key], entry) != entry:
                return None
        if name in variables:
            variables[name] = list(entries.values())
    return variables


def with_what_is_declared(network: Network, step: Step) -> Step:
    """A role removes what it is not told of: entries that the inventory already declares for the host stay."""
    declared = network.variables.get(step.host, {})
    already = {name: declared[name] for name in _LISTS[step.role] if declared.get(name)}
    if not already:
        return step
    fresh = {name: {entry[key] for entry in step.variables.get(name, ())} for name, key in _LISTS[step.role].items()}
    kept = {name: [entry for entry in entries if entry[_LISTS[step.role][name]] not in fresh[name]]
            for name, entries in already.items()}
    merged = _merge_variables(step.role, kept, step.variables)
    return step if merged is None else dataclasses.replace(step, variables=merged)
