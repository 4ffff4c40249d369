# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The whole diagnosis: facts and variables in; verdicts, findings, remedies, boundaries and a draft inventory out."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change import remedies as _remedies
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.finding_remedies import with_more
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import Forecast, Step, forecast
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.what_if import (
    JUDGED_LIMIT,
    WhatIf,
    what_if,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import find as _findings
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.checks import Check, checks
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.prefix_flow import (
    is_wide,
    judge_classes,
    verdict_dicts,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.evidence import gather, observe_uplinks
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER, FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.draft import boundaries, draft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.live import LIMIT, live_flows
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, read_flows

SCHEMA = "netpath.symmetry/diagnosis/1"


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Everything that is known about the flows of a network at one moment."""

    verdicts: tuple[FlowVerdict, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    proposal: _remedies.Proposal
    boundaries: tuple[t.Mapping[str, t.Any], ...]
    assumptions: tuple[str, ...]
    draft: t.Mapping[str, t.Any]
    unread: t.Mapping[str, str]
    network: Network
    observed: Observed

    @property
    def counts(self) -> dict[str, int]:
        """How many flows have each verdict; a prefix flow has that of its worst class."""
        worst: dict[str, str] = {}
        for told in self.verdicts:
            worst.setdefault(told.named.parent or told.name, told.verdict)
        counted = collections.Counter(worst.values())
        return {verdict: counted[verdict] for verdict in ORDER}

    def forecast(self, steps: t.Sequence[Step]) -> Forecast:
        """Every flow's verdict before and after the steps; raises ForecastError."""
        return forecast(self.network, self.verdicts, steps, self.observed)

    def what_if(self, asked: t.Sequence[str], limit: int = JUDGED_LIMIT) -> WhatIf:
        """What failures do to every flow: ``single`` for all single ones, or names; raises FailureError."""
        return what_if(self.network, self.verdicts, self.observed, asked, limit)

    def to_dict(self) -> dict[str, t.Any]:
        """Plain data for reports and artifacts."""
        proposal = self.proposal
        return {
            "schema": SCHEMA,
            "counts": self.counts,
            "verdicts": verdict_dicts(self.network, self.verdicts),
            "findings": [finding.to_dict() for finding in self.findings],
            "checks": [check.to_dict() for check in self.checks],
            "remedies": [remedy.to_dict() for remedy in proposal.remedies],
            "rejected_remedies": [rejected.to_dict() for rejected in proposal.rejected],
            "change": proposal.change_to_list(),
            "forecast": proposal.forecast.to_dict() if proposal.forecast else None,
            "boundaries": [dict(boundary) for boundary in self.boundaries],
            "assumptions": list(self.assumptions),
            "draft": dict(self.draft),
            "unread": dict(self.unread),
        }


def diagnose(
    hosts: t.Mapping[str, Facts | None],
    variables: t.Mapping[str, Facts],
    flows: t.Sequence[t.Any] | None = None,
    live: bool = True,
    max_live: int = LIMIT,
) -> Diagnosis:
    """Judge flows on the facts of all hosts.

    ``hosts``: facts (``ansible_facts['symmetry']``) per host, None where a host could not be read.
    ``variables``: the inventory variables per host.
    ``flows``: texts or ``{name, flow, one_way}``; None takes ``symmetry_flows``.
    ``live``: judge the flows of the connection tables too, at most ``max_live``.
    Raises SiteError on variables that cannot be used.
    """
    network = Network.build(hosts, variables)
    named = list(network.site.flows) if flows is None else read_flows(list(flows))
    living, left_out = live_flows(network, named, max_live) if live else ([], 0)
    observed = observe_uplinks(network)
    verdicts = [
        _with_evidence(network, told) for one in [*named, *living] for told in judge_classes(network, one, observed)]
    narrow = [told for told in verdicts if not is_wide(told)]
    found = _findings.find(network, verdicts)
    proposal = with_more(network, narrow, observed, _remedies.propose(network, narrow, observed), found)
    found = _with_remedies(found, proposal)
    verdicts = _with_findings(verdicts, found)
    return Diagnosis(
        tuple(verdicts), tuple(found), tuple(checks(network, verdicts, found)), proposal, tuple(boundaries(verdicts)),
        tuple(_assumptions(network, verdicts, left_out, proposal.not_tried)), draft(network, verdicts, observed),
        network.unread, network, observed,
    )


def forecast_change(
    hosts: t.Mapping[str, Facts | None], variables: t.Mapping[str, Facts], steps: t.Sequence[Facts],
    flows: t.Sequence[t.Any] | None = None,
) -> Forecast:
    """Verdicts before and after ``steps``, each ``{role, host, variables}``; raises SiteError and ForecastError."""
    before = diagnose(hosts, variables, flows)
    return before.forecast([Step(step["role"], step["host"], step["variables"]) for step in steps])


def _with_evidence(network: Network, told: FlowVerdict) -> FlowVerdict:
    return dataclasses.replace(told, evidence=gather(network, told)) if told.failing else told


def _with_remedies(found: t.Sequence[Finding], proposal: _remedies.Proposal) -> list[Finding]:
    """Each with the recommended remedy for its flows, else the best other one."""
    ranked = sorted(proposal.remedies, key=lambda remedy: not remedy.recommended)
    best: dict[str, int] = {}
    for rank, remedy in enumerate(ranked):
        for flow in remedy.fixes:
            best.setdefault(flow, rank)
    texts = [f"{remedy.role} on {remedy.host}: {remedy.text}" for remedy in ranked]
    ranks = [min((best[flow] for flow in one.flows if flow in best), default=None) for one in found]
    return [
        one if rank is None else dataclasses.replace(one, remedy=texts[rank])
        for one, rank in zip(found, ranks, strict=True)
    ]


def _with_findings(verdicts: t.Sequence[FlowVerdict], found: t.Sequence[Finding]) -> list[FlowVerdict]:
    ids: dict[str, dict[str, None]] = {}
    for one in found:
        for flow in one.flows:
            ids.setdefault(flow, {})[one.id] = None
    return [dataclasses.replace(told, findings=tuple(ids.get(told.name, ()))) for told in verdicts]


def _assumptions(
    network: Network, verdicts: t.Sequence[FlowVerdict], left_out: int, not_tried: int
) -> t.Iterator[str]:
    told = [note for verdict in verdicts for note in verdict.journey.assumptions]
    yield from dict.fromkeys(told)
    yield from (balancer.assumption() for balancer in network.declared.balancers)
    crossed = {boundary.host for verdict in verdicts for boundary in verdict.boundaries}
    for host in sorted(crossed & network.foreign):
        if network.facts[host].get("device", {}).get("session_key"):
            yield f"the policy of {host} permits the first packet of every flow: its policy is not read"
    for uplink in network.site.uplinks:
        if not uplink.declared:
            yield f"inferred uplink {uplink.name} (gateway {', '.join(uplink.gateways) or 'on link'})"
    for name in dict.fromkeys(verdict.named.parent for verdict in verdicts if is_wide(verdict)):
        yield f"remedies were not tried for {name}: it has too many classes; ask for a part of it"
    if left_out:
        yield (f"{left_out} more live flows were not judged; raise the limit, or name those that matter in "
               "symmetry_flows")
    if not_tried:
        yield f"{not_tried} more remedies were not tried; diagnose one flow at a time to see those for it"
