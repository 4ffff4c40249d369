# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Flows that work only because two hosts share connection state, and whether that state comes before the reply does."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.race import Verdict as Race
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Pair
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.bond import Bond
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import race_of

_ANSWERS = {"requests": "replies", "replies": "acknowledgements"}


@dataclasses.dataclass(frozen=True)
class Reliance:
    """A host sees packets of a flow, and another host, with which it shares state, sees what answers them."""

    first: str
    second: str
    packets: str  # requests, answered by replies; or the replies of TCP, answered by acknowledgements
    bond: Bond
    race: Race | None  # None: packets wait until the other has been told, or are handed to it

    @property
    def verdict(self) -> str:
        """``holds``, ``at_risk`` (the reply may be first) or ``unknown`` (nobody has measured it)."""
        if self.race is None or self.race.verdict == "protects":
            return "holds"
        return "at_risk" if self.race.verdict == "races" else "unknown"

    @property
    def text(self) -> str:
        """In words."""
        told = (f"{self.packets} cross {self.first}, {_ANSWERS[self.packets]} {self.second}, which share connection "
                "state")
        return f"{told}: {self.race.sentence}" if self.race else told

    def to_dict(self) -> dict[str, t.Any]:
        return {"first": self.first, "second": self.second, "packets": self.packets, "verdict": self.verdict,
                "text": self.text, "not_below_ms": self.race.not_below_ms if self.race else None}


def relied_on(network: Network, flow: Flow, pairs: t.Sequence[Pair]) -> tuple[Reliance, ...]:
    """Where the pairs that work rest on shared state; ``network`` is that of the flow."""
    found: dict[tuple[str, str], Reliance] = {}
    for pair in pairs if network.keepers else ():
        if pair.result == "ok" and pair.back is not None:
            for one, other in _split(network, pair):
                bond = network.sharing.between(one, other)
                if bond is not None and (one, other) not in found:
                    found[one, other] = _reliance(network, flow, bond, one, other, "requests")
                    if flow.protocol == "tcp":
                        found[other, one] = _reliance(network, flow.reversed(), bond, other, one, "replies")
    return tuple(found.values())


def _reliance(network: Network, flow: Flow, bond: Bond, first: str, second: str, packets: str) -> Reliance:
    return Reliance(first, second, packets, bond, _race(network, flow, bond, first, second))


def _split(network: Network, pair: Pair) -> t.Iterator[tuple[str, str]]:
    """The members of one domain of which each sees another direction of what a stateful one of them has to see."""
    forward = {network.keeper(hop.host): hop for hop in pair.forward.hops}
    for hop in pair.back.hops if pair.back else ():
        met = forward.get(network.keeper(hop.host))
        if met is not None and met.host != hop.host and (met.transit.stateful or hop.transit.stateful):
            yield met.host, hop.host


def _race(network: Network, flow: Flow, bond: Bond, first: str, second: str) -> Race | None:
    if not bond.races:
        return None
    if "device" in network.facts[first]:
        return Race("unknown", "how long that takes is measured on Linux only", None)
    return race_of(flow, network.facts[first], network.facts[second])


def parted(network: Network, pairs: t.Sequence[Pair], kinds: t.Collection[str]) -> list[Bond]:
    """Bonds of these kinds of whose members each sees another direction of a pair that fails."""
    found: dict[tuple[str, str], Bond] = {}
    for pair in pairs if network.sharing.bonds else ():
        if pair.result == "broken" and pair.back is not None:
            back, forward = {hop.host for hop in pair.back.hops}, {hop.host for hop in pair.forward.hops}
            for bond in network.sharing.bonds:
                ends = (bond.one, bond.other) if bond.one in forward else (bond.other, bond.one)
                if bond.kind in kinds and ends[0] in forward - back and ends[1] in back - forward:
                    found.setdefault((bond.one, bond.other), bond)
    return list(found.values())
