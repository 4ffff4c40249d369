# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not judged again after a failure, and what is judged once for many flows, is as each would be by itself.

SEED, NETWORKS, FAILURES and UNEVEN_FLOWS make longer runs: random networks (test_bulk.py), and of each so many.
"""

from __future__ import annotations

import os
import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import FlowForecast
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failures
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import what_if as what_if_module
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import Cables
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.what_if import kinds_of, what_if
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.outcome import outcome
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict, judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.test_bulk import uneven

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
NETWORKS = int(os.environ.get("NETWORKS", "1"))
FAILURES = int(os.environ.get("FAILURES", "8"))
FLOWS = int(os.environ.get("UNEVEN_FLOWS", "12"))


def some(seed: int) -> tuple[Network, dict[tuple[str, str], str], list[FlowVerdict], list[failures.Failure]]:
    """A random network, verdicts on flows of which about half are like another one, and failures."""
    network, observed, flows = uneven(seed)
    choose = random.Random(seed)
    classes = Alike(network, observed)
    members: dict[t.Hashable, list[NamedFlow]] = {}
    for flow in flows:
        members.setdefault(classes.of(flow), []).append(flow)
    many = [flow for kind, group in members.items() if kind is not None and len(group) > 1 for flow in group[:3]]
    chosen = list({flow.name: flow for flow in [*many[:FLOWS // 2], *choose.sample(flows, FLOWS)]}.values())[:FLOWS]
    verdicts = [judge(network, flow, observed) for flow in chosen]
    every = [one for one in failures.every_failure(network, Cables(network)) if one.kind != "sessions"]
    on_paths = {hop.host for told in verdicts for path in told.forward_paths() for hop in path.hops}
    near_by = [one for one in every if one.host in on_paths]
    wanted = [*choose.sample(near_by, min(len(near_by), FAILURES - 3)), *choose.sample(every, 3)]
    return network, observed, verdicts, list(dict.fromkeys(wanted))


def fares(before: FlowVerdict, after: FlowVerdict) -> tuple[str, str, float]:
    return after.verdict, FlowForecast(before, after).change, round(after.share_broken, 9)


@pytest.mark.parametrize("number", range(NETWORKS))
def test_rows_are_those_of_every_flow_judged_by_itself_after_every_failure(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if_module, "ESTABLISHED_PATHS", 0)
    seed = SEED + number
    network, observed, verdicts, chosen = some(seed)
    cables = Cables(network)
    found = what_if(network, verdicts, observed, [str(one) for one in chosen])
    rows = {(row.failure, row.before.name): row for row in found.rows}
    concerned = {(failure, told.name) for failure, groups in kinds_of(network, verdicts, observed, chosen, cables)
                 for group in groups for told in group}
    for failure in chosen:
        broken = failures.after(network, failure, cables)
        for told in verdicts:
            where = f"SEED={seed} {failure}: {told.name}"
            alone = judge(broken, told.named, observed)
            if (failure, told.name) not in concerned:
                assert outcome(alone) == outcome(told), where
                continue
            row = rows.get((failure, told.name))
            if row is None:
                assert fares(told, alone) == fares(told, told), where
            else:
                assert fares(told, row.after) == fares(told, alone), where
    assert found.judged <= found.pairs == len(concerned)


@pytest.mark.parametrize("number", range(NETWORKS))
def test_flows_under_way_fare_alike_where_one_stands_for_all_and_as_before_where_nothing_concerns_them(
    number: int
) -> None:
    seed = SEED + number
    network, observed, verdicts, chosen = some(seed)
    spared = joined = 0
    for failure, groups in kinds_of(network, verdicts, observed, chosen, Cables(network), all_failures=True):
        concerned = {told.name for group in groups for told in group}
        broken = failures.after(network, failure, Cables(network))

        def fate(told: FlowVerdict, after: Network) -> str:
            return reroute(network, after, told.named.flow, observed).outcome

        for told in [one for one in verdicts if one.name not in concerned and is_established(one)][:1]:
            spared += 1
            assert fate(told, broken) == fate(told, network), f"SEED={seed} {failure}: {told.name}"
        for told, *like in [group for group in groups if len(group) > 1 and is_established(group[0])][:1]:
            joined += 1
            assert fate(told, broken) == fate(like[-1], broken), f"SEED={seed} {failure}: {told.name}, {like[-1].name}"
    print(f"{spared} spared and {joined} joined")


def is_established(told: FlowVerdict) -> bool:
    return told.verdict in ("symmetric", "asymmetric_harmless") and len(told.journey.pairs) < 5


def test_most_pairs_of_a_fabric_are_spared() -> None:
    """Of a fabric with spines, a link of one leaf concerns the flows of this leaf only."""
    network, observed, verdicts, _chosen = some(3)
    cables = Cables(network)
    links = [one for one in failures.every_failure(network, cables) if one.kind in ("link", "carrier")]
    pairs = sum(len(group) for _failure, groups in kinds_of(network, verdicts, observed, links, cables)
                for group in groups)
    assert 0 < pairs < 0.5 * len(links) * len(verdicts)
