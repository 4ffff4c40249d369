# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Remedies for what findings tell of flows: large packets that stall (mss_clamp), hashes that differ (ecmp_hash).

They stand beside the remedies for the paths of failing flows, and are no part of the proposed change: the clamp touches
every TCP connection at its interface, the hash every flow that the routers spread. Whoever wants that names it
(wide_remedies.py).
"""

from __future__ import annotations

import dataclasses
import typing as t
import zlib

from ansible_collections.netpath.symmetry.plugins.module_utils._plan import ecmp_hash, mss_clamp
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import live_part
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import plan_remedy
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.candidates import (
    NO_COST,
    Candidate,
    candidates,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import (
    Forecast,
    ForecastError,
    Step,
    forecast,
    planned,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.remedies import (
    LIMIT,
    Proposal,
    Rejected,
    Remedy,
    with_what_is_declared,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.shared_state import (
    rejected as state_sync,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import mtu
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.path_mtu import links
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

Verdicts = t.Sequence[FlowVerdict]
Stalling = t.Mapping[str, tuple[FlowVerdict, list[Finding]]]  # by the names of the flows
Results = list[t.Union[Remedy, Rejected]]
_LAST = ("rp_filter",)  # what these give up in security is more
_SEED_COST = "none, but who knows the seed can choose ports that meet on one link; take one of your own"


def with_more(
    network: Network, verdicts: Verdicts, observed: Observed, proposal: Proposal, found: t.Iterable[Finding]
) -> Proposal:
    """The proposal with these remedies among the others, by what they give up and what they touch.

    ``found`` are the findings: only flows of which they tell that large packets stall are looked at for that.
    """
    named = {flow for one in found if one.id == "SYM601" and one.severity == "critical" for flow in one.flows}
    stalling = {told.name: (told, seen) for told in verdicts if told.name in named
                and (seen := stalls(network, told))}
    results = [*_for_stalls(network, verdicts, stalling, observed), *_for_hashes(network, verdicts, observed)]
    proposal = dataclasses.replace(proposal, rejected=(*proposal.rejected, *state_sync(network, verdicts)))
    if not results:
        return proposal
    more = [one for one in results if isinstance(one, Remedy)]
    last = [one for one in proposal.remedies if one.role in _LAST]
    first = [one for one in proposal.remedies if one.role not in _LAST]
    rejected = [one for one in results if isinstance(one, Rejected)]
    return dataclasses.replace(
        proposal, remedies=(*first, *more, *last), rejected=(*proposal.rejected, *rejected))


# ---- large packets that stall


def stalls(network: Network, told: FlowVerdict) -> list[Finding]:
    """Where large packets of the flow are lost without its sender being told, while small ones arrive."""
    return [one for one in mtu.of_flow(network, told) if one.id == "SYM601" and one.severity == "critical"]


def _for_stalls(network: Network, verdicts: Verdicts, stalling: Stalling, observed: Observed) -> Results:
    if not stalling:
        return []
    aims = [told for told, _found in stalling.values()]
    results: Results = []
    # Another way first, which touches only what it is made for; then the clamp.
    clamps = [dataclasses.replace(one, step=_with_what_stands(network, with_what_is_declared(network, one.step)))
              for one in _clamps(network, stalling)]
    tried = [*_other_ways(network, stalling)[:LIMIT], *clamps]
    for candidate in tried:
        named = [told for told in aims if told.name in candidate.flows]
        results.append(_try(network, verdicts, named, candidate, observed))
    results += [
        Rejected("mss_clamp", one.host, f"clamp TCP's segment size at {one.interface} of {one.host}",
                 f"helps TCP only, and {told.name} is {told.named.flow.protocol}: {one.text}")
        for told, found in stalling.values() if told.named.flow.protocol != "tcp" for one in found[:1]
    ]
    return results


def _other_ways(network: Network, stalling: Stalling) -> list[Candidate]:
    """Pins to an uplink by another interface than those where the flows stall.

    Tables of ours do not take over the MTU of a route of the main table: by the same interface, a narrow path would
    only be hidden.
    """
    narrow = {(one.host, one.interface) for _told, found in stalling.values() for one in found}
    return [
        candidate for candidate in candidates(network, [told for told, _found in stalling.values()])
        if candidate.step.role == "policy_route" and (candidate.step.host, _interface(candidate)) not in narrow
    ]


def _interface(candidate: Candidate) -> str:
    """The interface by which the packets of a pin leave."""
    variables = candidate.step.variables
    chosen = variables["policy_route_pins"][0]["uplink"]
    return next(str(one["interface"]) for one in variables["policy_route_uplinks"] if one["name"] == chosen)


def _clamps(network: Network, stalling: Stalling) -> list[Candidate]:
    """mss_clamp at each interface where large packets of TCP stall, with the least that fits there."""
    found: dict[tuple[str, str], Candidate] = {}
    for told, seen in stalling.values():
        if told.named.flow.protocol != "tcp":
            continue
        for one in seen:
            if one.host in network.foreign:
                continue  # nothing of it is ours to change
            key = (one.host, one.interface)
            fits = _fits(network, told, one)
            known = found.get(key)
            if known:
                before = known.step.variables["mss_clamp_edges"][0].get("mtu")
                fits = min(fits, before) if before else fits
            found[key] = _clamp(network, one, fits, (*(known.flows if known else ()), told.name))
    return list(found.values())


def _with_what_stands(network: Network, step: Step) -> Step:
    """The role removes what it is not told of: clamps of an earlier change at other interfaces stay."""
    edges = list(step.variables["mss_clamp_edges"])
    named = {edge["interface"] for edge in edges}
    live = live_part(network.facts[step.host].get("netfilter") or {}, mss_clamp.PREFIX)
    stays = [edge for edge in mss_clamp.standing_edges(live)
             if edge["interface"] not in named and edge["interface"] in network.hosts[step.host].interfaces]
    return dataclasses.replace(step, variables={"mss_clamp_edges": [*stays, *edges]}) if stays else step


def _fits(network: Network, told: FlowVerdict, stall: Finding) -> int:
    """The largest packet that fits where the flow stalls, in bytes."""
    sizes = [network.hosts[stall.host].interfaces[stall.interface].mtu]
    for pair in told.journey.pairs:
        for path in (pair.forward, pair.back):
            sizes += [link.limit for link in (links(network, path) if path else ())
                      if (link.hop.host, link.hop.oif) == (stall.host, stall.interface)]
    return min(sizes)


def _clamp(network: Network, stall: Finding, fits: int, flows: tuple[str, ...]) -> Candidate:
    edge: dict[str, t.Any] = {"interface": stall.interface}
    if fits < network.hosts[stall.host].interfaces[stall.interface].mtu:
        edge["mtu"] = fits  # else the routes say it
    return Candidate(
        Step("mss_clamp", stall.host, {"mss_clamp_edges": [edge]}), 0, NO_COST,
        f"TCP then agrees on segments that fit there; it helps TCP only, and touches every TCP connection by "
        f"{stall.interface}. Better, where it can be done, is to let the ICMP errors arrive, which no role does: "
        f"{stall.text}",
        f"clamp TCP's segment size at {stall.interface} of {stall.host} to packets of {fits} bytes", flows=flows)


def _try(
    network: Network, verdicts: Verdicts, aims: Verdicts, candidate: Candidate, observed: Observed
) -> Remedy | Rejected:
    """The candidate as a remedy where no flow gets worse and one of its flows stalls no more."""
    step = candidate.step
    try:
        after = planned(network, [step])
        outlook = forecast(network, aims, [step], observed)
        fixes = [flow.before.name for flow in outlook.flows
                 if flow.after.verdict in ("symmetric", "asymmetric_harmless") and not stalls(after, flow.after)]
        if fixes:
            outlook = forecast(network, verdicts, [step], observed)
    except ForecastError as error:
        return Rejected(step.role, step.host, candidate.text, str(error))
    if outlook.worse:
        return Rejected(step.role, step.host, candidate.text, f"makes worse: {', '.join(outlook.worse)}")
    if not fixes:
        return Rejected(step.role, step.host, candidate.text, _still(after, outlook))
    seen = _source(outlook, fixes) if candidate.source_after else ("", "")
    return Remedy(step.role, step.host, step.variables, candidate.why, candidate.text, tuple(fixes),
                  candidate.security_cost, *seen)


def _still(after: Network, outlook: Forecast) -> str:
    """What still happens to the first of the flows."""
    flow = outlook.flows[0]
    seen = stalls(after, flow.after)
    return f"{flow.before.name}: {seen[0].text if seen else flow.after.summary()}"


def _source(outlook: Forecast, fixes: t.Sequence[str]) -> tuple[str, str]:
    """The source address that the far side of the first mended flow sees, before and after."""
    flow = next(one for one in outlook.flows if one.before.name == fixes[0])
    before, after = ([path.packet.flow.source for path in told.forward_paths() if path.outcome == "left"]
                     for told in (flow.before, flow.after))
    return (before[0], after[0]) if before and after and before[0] != after[0] else ("", "")


# ---- hashes that differ


def _for_hashes(network: Network, verdicts: Verdicts, observed: Observed) -> Results:
    """ecmp_hash on all routers together that spread the two directions of a flow, of which only some pairs break."""
    groups: dict[tuple[str, ...], list[FlowVerdict]] = {}
    for told in verdicts:
        results = {pair.result for pair in told.journey.pairs}
        if told.failing and "broken" in results and len(results) > 1:
            hosts = {hop.host for pair in told.journey.pairs for path in (pair.forward, pair.back) if path
                     for hop in path.hops if hop.ways > 1}
            if hosts and not hosts & network.foreign:
                groups.setdefault(tuple(sorted(hosts)), []).append(told)
    found: Results = []
    for together, aims in list(groups.items())[:LIMIT]:
        found += _try_hash(network, verdicts, aims, together, observed)
    return found


def _try_hash(
    network: Network, verdicts: Verdicts, aims: Verdicts, hosts: tuple[str, ...], observed: Observed
) -> Results:
    variables = {"ecmp_hash_fields": list(ecmp_hash.FIVE_TUPLE), "ecmp_hash_seed": _seed(network, hosts)}
    text = f"hash flows by the five-tuple with the seed {variables['ecmp_hash_seed']}, alike on {' and '.join(hosts)}"
    try:
        steps = [Step("ecmp_hash", host, variables) for host in hosts
                 if plan_remedy(network.facts[host], "ecmp_hash", variables)]
        if not steps:
            return []  # they hash so already: that is not what breaks the flow
        outlook = forecast(network, aims, steps, observed)
        fixes = tuple(outlook.mended)
        if fixes:
            outlook = forecast(network, verdicts, steps, observed)
    except (ForecastError, PlanError) as error:
        return [Rejected("ecmp_hash", hosts[0], text, str(error))]
    if outlook.worse or not fixes:
        told = outlook.flows[0]
        why = f"makes worse: {', '.join(outlook.worse)}" if outlook.worse else (
            f"{told.before.name} would be {told.after.verdict}: {told.after.summary()}")
        return [Rejected("ecmp_hash", hosts[0], text, why)]
    others = "" if len(steps) == 1 else f", on all of {', '.join(step.host for step in steps)} or on none"
    why = f"both directions of a flow then take the same next hop while none goes or comes{others}"
    return [Remedy(step.role, step.host, step.variables, why, text, fixes, _SEED_COST) for step in steps]


def _seed(network: Network, hosts: t.Iterable[str]) -> int:
    """The seed that one of them has, where they do not have several; else one by their names, the same every time."""
    seeds = {network.hosts[host].sysctls.get(ecmp_hash.SEED, 0) for host in hosts} - {0}
    return seeds.pop() if len(seeds) == 1 else zlib.crc32(" ".join(hosts).encode()) or 1
