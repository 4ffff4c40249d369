# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Verdicts on very many flows: those that are alike are judged once, on as many cores as are given."""

from __future__ import annotations

import dataclasses
import multiprocessing
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import seldom_collected

CHUNK = 200  # flows that a process takes at a time


@dataclasses.dataclass(frozen=True)
class Brief:
    """The verdict on one flow in short; ``verdict.judge`` tells paths, place of death and boundaries."""

    named: NamedFlow
    verdict: str
    share: str
    share_broken: float


class _Judged(t.NamedTuple):
    verdict: str
    share: str
    share_broken: float
    reads_ports: bool  # some host on the way may look at the ports


def judge_all(
    network: Network, flows: t.Sequence[NamedFlow], observed: Observed, cores: int = 1, alike: Alike | None = None
) -> list[Brief]:
    """The verdict on every flow, in their order. ``alike``: the classes of the network's flows, where they are there.

    With more than one core the network is shared with forked processes, so no threads may run.
    """
    classes = alike or Alike(network, observed)
    likes = [classes.of(named) for named in flows]
    kinds: list[t.Hashable] = [place if like is None else like.but_ports for place, like in enumerate(likes)]
    found = _judge_first(network, flows, kinds, observed, cores)
    # where no host on the way looks at ports, flows that differ in nothing else have one verdict
    finer = [like if like and found[kind].reads_ports else kind for kind, like in zip(kinds, likes, strict=True)]
    for kind, like in dict(zip(reversed(kinds), reversed(finer), strict=True)).items():
        found[like] = found[kind]  # that of the first of its kind, which was judged
    rest = [place for place, kind in enumerate(finer) if kind not in found]
    found |= _judge_first(network, [flows[place] for place in rest], [finer[place] for place in rest], observed, cores)
    return [Brief(named, *found[kind][:3]) for named, kind in zip(flows, finer, strict=True)]


def _judge_first(
    network: Network, flows: t.Sequence[NamedFlow], kinds: t.Sequence[t.Hashable], observed: Observed, cores: int
) -> dict[t.Hashable, _Judged]:
    """By kind the verdict on the first flow of it."""
    first: dict[t.Hashable, NamedFlow] = {}
    for kind, named in zip(kinds, flows, strict=True):
        first.setdefault(kind, named)
    return dict(zip(first, _judged(network, list(first.values()), observed, cores), strict=True))


def _judged(network: Network, flows: list[NamedFlow], observed: Observed, cores: int) -> list[_Judged]:
    with seldom_collected():
        if cores < 2 or len(flows) <= CHUNK:
            return [_judge(network, named, observed) for named in flows]
        _work.append((network, flows, observed))
        try:
            with multiprocessing.get_context("fork").Pool(cores) as pool:
                parts = pool.map(_chunk, range(0, len(flows), CHUNK), chunksize=1)
        finally:
            _work.clear()
    return [_Judged(*one) for part in parts for one in part]


# what the forked processes find in their memory: handing it over would copy the network
_work: list[tuple[Network, list[NamedFlow], Observed]] = []


def _chunk(begin: int) -> list[tuple[str, str, float, bool]]:
    network, flows, observed = _work[0]
    return [(*_judge(network, named, observed),) for named in flows[begin : begin + CHUNK]]


def _judge(network: Network, named: NamedFlow, observed: Observed) -> _Judged:
    told = judge(network, named, observed)
    paths = (path for pair in told.journey.pairs for path in (pair.forward, pair.back, pair.again, pair.data) if path)
    met = {hop.host for path in paths for hop in path.hops}
    reads_ports = any(network.hosts[host].reads_ports(named.flow.family) for host in met)
    return _Judged(told.verdict, told.share, told.share_broken, reads_ports)
