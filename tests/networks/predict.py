# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine says of a network, from facts that its own collectors read there. Nothing here has seen a packet."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.gather import Request, gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Pair
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces
from ansible_collections.netpath.symmetry.tests.networks.world import Ask

_SUBSETS = ("interfaces", "routing", "sysctls", "netfilter", "conntrack")
BY_RULE = "unreachable, by a rule"  # which the kernel reports as a network without a route
LEFT = "astray, out of the inventory"


@dataclasses.dataclass(frozen=True)
class Fate:
    """What becomes of packets: they arrive and are answered, or die at a host for a reason."""

    works: bool
    host: str = ""
    reason: str = ""
    rule: str = ""  # of netfilter, as text
    direction: str = ""  # forward or return: on which way
    cycle: frozenset[str] = frozenset()  # with a loop that was observed: the nodes on it

    def __str__(self) -> str:
        where = f"{self.direction} dies at {self.host}: {self.reason}" + (f" ({self.rule})" if self.rule else "")
        return "works" if self.works else where

    def place(self) -> tuple[bool, str, str, str]:
        return self.works, self.host, self.reason, self.rule


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A flow's verdict and every fate that its packets may have, with the share of each."""

    flow: str
    verdict: str
    fates: tuple[tuple[Fate, float], ...]
    why: str = ""  # where it is not known

    @property
    def only(self) -> Fate | None:
        """The fate, where there is one for all packets."""
        return self.fates[0][0] if len(self.fates) == 1 else None

    @property
    def share_broken(self) -> float:
        return sum(share for fate, share in self.fates if not fate.works)

    def to_dict(self) -> dict[str, t.Any]:
        return {"flow": self.flow, "verdict": self.verdict, "why": self.why,
                "fates": [[str(fate), round(share, 4)] for fate, share in self.fates]}


def read_facts(spaces: Namespaces) -> dict[str, dict[str, t.Any]]:
    """The facts of every node, as host_facts reads them."""
    return {name: read_node(spaces, name) for name in spaces.names()}


def read_node(spaces: Namespaces, name: str) -> dict[str, t.Any]:
    with spaces.inside(name):
        return gather(Request(subsets=_SUBSETS))


def predict(facts: t.Mapping[str, dict[str, t.Any]], asks: t.Sequence[Ask]) -> tuple[Diagnosis, dict[str, Prediction]]:
    """The engine's verdicts through its public entrance."""
    flows = [{"name": ask.name, "flow": ask.text()} for ask in asks]
    diagnosis = diagnose(facts, {}, flows, live=False)
    return diagnosis, {told.name: prediction_of(told) for told in diagnosis.verdicts}


def prediction_of(told: FlowVerdict) -> Prediction:
    if told.verdict == "unknown" or any(pair.result == "unknown" for pair in told.journey.pairs):
        return Prediction(str(told.named.flow), "unknown", (), told.summary())
    shares: dict[Fate, float] = {}
    for pair in told.journey.pairs:
        fate = _fate(pair)
        shares[fate] = shares.get(fate, 0.0) + pair.share
    return Prediction(str(told.named.flow), told.verdict, tuple(shares.items()))


def _fate(pair: Pair) -> Fate:
    if pair.result == "ok" or pair.culprit is None:
        return Fate(True)
    path = pair.culprit
    last = path.hops[-1].transit if path.hops else None
    rule = next((item.rule for item in last.filters if item.verdict in ("drop", "reject")), "") if last else ""
    rule_of = last.lookup.rule if last and last.lookup else None
    if path.reason == "unreachable" and rule_of and rule_of.action == "unreachable":
        return Fate(False, path.host, BY_RULE, "", pair.direction)
    reason = LEFT if path.reason == "astray" and path.next_hop else path.reason
    return Fate(False, path.host, reason, rule if reason == "filter" else "", pair.direction)


def write(
    path: pathlib.Path, predictions: t.Mapping[str, Prediction],
    large: t.Mapping[str, list[tuple[int, int]] | None] | None = None,
) -> str:
    """Write predictions down, and which sizes are lost; returns the SHA-256 of the file."""
    told = {name: one.to_dict() | ({"large": large[name]} if large else {}) for name, one in predictions.items()}
    text = json.dumps(told, indent=1, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()
