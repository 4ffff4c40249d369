# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the legs of multipath routes are taken as often as the engine foretells: a branch that never is, is wrong."""

from __future__ import annotations

import collections
import math
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.tests.oracle import asking
from ansible_collections.netpath.symmetry.tests.oracle.compare import decide, route_of
from ansible_collections.netpath.symmetry.tests.oracle.generator import Generator
from ansible_collections.netpath.symmetry.tests.oracle.tally import Tally
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

PER_WORLD = 2  # multipath answers of each world that are looked at
_VARIANTS = 200
_FEWEST = 30  # variants with the same legs, without which nothing can be said
_DEVIATIONS = 7  # standard deviations; by chance about one in 10**11 is further off

Shares = t.Mapping[tuple[str, str], float]


def check(host: Host, generator: Generator, questions: t.Sequence[Question], tally: Tally) -> list[str]:
    """Ask variants of a few multipath questions; a sentence for each leg that is taken too often or too rarely."""
    asker = generator.questions({4: (), 6: ()})
    complaints: list[str] = []
    seen: set[frozenset[tuple[str, str]]] = set()
    for question in questions:
        shares = _shares(decide(host, question))
        if len(shares) < 2 or frozenset(shares) in seen:
            continue
        seen.add(frozenset(shares))
        if len(seen) > PER_WORLD:
            break
        # each pair of addresses once: policy 0 hashes nothing else
        different = {(one.src, one.dst): one for one in asker.variants(question, _VARIANTS)}.values()
        alike = [one for one in different if _shares(decide(host, one)) == shares]
        if len(alike) >= _FEWEST:
            tally.spreads += 1
            complaints += _complaints(question, shares, alike)
    return complaints


def _shares(decisions: t.Sequence[Decision]) -> dict[tuple[str, str], float]:
    if any(decision.outcome != "forward" for decision in decisions):
        return {}
    if len({route_of(decision) for decision in decisions}) > 1:
        return {}  # equal default routes: no hash chooses between them
    shares: dict[tuple[str, str], float] = collections.defaultdict(float)
    for decision in decisions:
        shares[decision.device or "", _gateway(decision)] += decision.share
    return dict(shares)


def _gateway(decision: Decision) -> str:
    """The gateway; empty on link, where the next hop is another for each destination."""
    route = decision.lookup.branches[0].route if decision.lookup else None
    gateways = {leg.gateway for leg in route.nexthops} if route else set()
    return decision.next_hop or "" if decision.next_hop in gateways else ""


def _complaints(question: Question, shares: Shares, alike: list[Question]) -> list[str]:
    taken = collections.Counter((answer.device, answer.gateway) for answer in asking.ask(alike))
    total = len(alike)
    complaints = []
    for leg in {*shares, *taken}:
        share = shares.get(leg, 0.0)
        expected, room = total * share, _DEVIATIONS * math.sqrt(total * share * (1 - share))
        if abs(taken[leg] - expected) > room + 1:
            way = f"{leg[1] or 'on link'} dev {leg[0]}"
            complaints.append(f"{way} was taken {taken[leg]} of {total} times, not {expected:.0f}: {question.words()}")
    return complaints
