# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Verdicts on very many flows: those that are alike are judged once, on as many cores as are given."""

from __future__ import annotations

import dataclasses
import gc
import multiprocessing
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow

CHUNK = 200  # flows that a process takes at a time


@dataclasses.dataclass(frozen=True)
class Brief:
    """The verdict on one flow in short; ``verdict.judge`` tells paths, place of death and boundaries."""

    named: NamedFlow
    verdict: str
    share: str
    share_broken: float


def judge_all(
    network: Network, flows: t.Sequence[NamedFlow], observed: Observed, cores: int = 1, alike: Alike | None = None
) -> list[Brief]:
    """The verdict on every flow, in their order. ``alike``: the classes of the network's flows, where they are there.

    With more than one core the network is shared with forked processes, so no threads may run.
    """
    classes = alike or Alike(network, observed)
    first: dict[t.Hashable, int] = {}
    like: list[int] = []  # for each flow the place of the one that is judged for it
    for place, named in enumerate(flows):
        found = classes.of(named)
        like.append(place if found is None else first.setdefault(found, place))
    judged = [place for place, other in enumerate(like) if place == other]
    briefs = dict(zip(judged, _judged(network, [flows[place] for place in judged], observed, cores), strict=True))
    return [
        dataclasses.replace(briefs[place], named=named) if briefs[place].named is not named else briefs[place]
        for place, named in zip(like, flows, strict=True)
    ]


def _judged(network: Network, flows: list[NamedFlow], observed: Observed, cores: int) -> list[Brief]:
    if cores < 2 or len(flows) <= CHUNK:
        return [_brief(network, named, observed) for named in flows]
    global _work
    _work = (network, flows, observed)
    gc.freeze()  # what is there already stays shared between the processes
    try:
        with multiprocessing.get_context("fork").Pool(cores) as pool:
            parts = pool.map(_chunk, range(0, len(flows), CHUNK), chunksize=1)
    finally:
        gc.unfreeze()
        _work = None
    short = (brief for part in parts for brief in part)
    return [Brief(named, *brief) for named, brief in zip(flows, short, strict=True)]


# what the forked processes find in their memory: handing it over would copy the network
_work: tuple[Network, list[NamedFlow], Observed] | None = None


def _chunk(begin: int) -> list[tuple[str, str, float]]:
    network, flows, observed = t.cast(tuple[Network, list[NamedFlow], Observed], _work)
    briefs = (_brief(network, named, observed) for named in flows[begin : begin + CHUNK])
    return [(brief.verdict, brief.share, brief.share_broken) for brief in briefs]


def _brief(network: Network, named: NamedFlow, observed: Observed) -> Brief:
    told = judge(network, named, observed)
    return Brief(named, told.verdict, told.share, told.share_broken)
