# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which branches of the way there and of the way back occur together.

A host spreads by the position of a flow's hash among its next hops. Where both directions have the same hash (the same
host, or hosts with one seed; see host/multipath_hash.py) they have the same position: the first half there is the first
half back. Branches that share no position never meet, and are no pair. The position is not known, and not needed.

Done for forwarded IPv4 packets and plain multipath routes. Elsewhere every branch may meet every other.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.multipath_hash import same_hash
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop, Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

_NOTHING = 1e-6  # shares below are rounding

Region = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class _Choice:
    """The region of the hash that led a flow into a branch, and the branch's share."""

    region: Region
    share: float


def together(network: Network, forward: Path, backs: list[Path], first: Flow) -> list[Path]:
    """The ways back that a flow can take which went out by ``forward``, with their shares given that it did.

    ``first``: the flow as it set out; its reply sets out as the reverse of what arrived.
    """
    there = _choices(network, forward, first)
    if not there:
        return backs
    answer = forward.packet.flow.reversed()
    found = []
    for back in backs:
        share = back.share
        for key, choice in _choices(network, back, answer).items():
            if key in there and _length(there[key].region) > _NOTHING:
                shared = _length(_meet(there[key].region, choice.region)) / _length(there[key].region)
                share *= shared / choice.share
        if share > _NOTHING:
            found.append(changed(back, share=share))
    return found or backs


def _choices(network: Network, path: Path, first: Flow) -> dict[t.Hashable, _Choice]:
    """What each hash of a path has decided: several hosts may have used the same one."""
    found: dict[t.Hashable, _Choice] = {}
    before = first
    for hop in path.hops:
        flow = hop.transit.packet.flow
        if hop.ways > 1 and hop.iif is not None and flow == before and flow.family == 4:
            host = network.hosts[hop.host]
            key = same_hash(host, flow)
            region = None if key is None else _region(host, hop)
            if region is not None:
                old = found.get(key, _Choice((0.0, 1.0), 1.0))
                found[key] = _Choice(_meet(old.region, region), old.share * _length(region))
        before = flow
    return found


def _region(host: Host, hop: Hop) -> Region | None:
    """The part of the hash's range that leads to the branch that was taken; None where that does not show."""
    branches = hop.transit.lookup.branches if hop.transit.lookup else ()
    route = branches[0].route if branches else None
    if route is None or route.nhid is not None or len(route.nexthops) != len(branches):
        return None  # a next-hop object may be resilient, and legs that cannot be taken leave their region to others
    if host.sysctls.get("net/ipv4/fib_multipath_use_neigh", 0):
        return None
    legs = [(leg.device, leg.gateway) for leg in route.nexthops]
    total = sum(leg.weight for leg in route.nexthops)
    taken = [index for index, one in enumerate(branches) if one is hop.branch]
    listed = [(one.device, one.leg.gateway if one.leg else None) for one in branches]
    if len(set(legs)) != len(legs) or not taken or listed != legs:
        return None
    start = sum(leg.weight for leg in route.nexthops[:taken[0]])
    return start / total, (start + route.nexthops[taken[0]].weight) / total


def _meet(one: Region, other: Region) -> Region:
    return max(one[0], other[0]), min(one[1], other[1])


def _length(region: Region) -> float:
    return max(0.0, region[1] - region[0])
