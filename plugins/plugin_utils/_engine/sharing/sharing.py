# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which hosts share connection state, flow by flow: the state domains of a network."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import FlowSpec
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import race
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing import conntrackd, devices
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.bond import Bond

Facts = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Sharing:
    """Every two hosts that share state, or mean to."""

    bonds: tuple[Bond, ...] = ()

    @classmethod
    def read(cls, facts: t.Mapping[str, Facts], variables: t.Mapping[str, Facts]) -> Sharing:
        """From the facts of all hosts; raises SiteError on bad variables."""
        return cls((*devices.bonds(facts, variables), *conntrackd.bonds(facts)))

    def keepers(self, flow: Flow, *kinds: str) -> Keepers:
        """The domains of a flow, over bonds of these kinds that do not leave it out."""
        return Keepers(self, flow, kinds)

    def of(self, host: str) -> t.Sequence[Bond]:
        """The bonds of a host."""
        return self._by_host.get(host, ())

    @functools.cached_property
    def _by_host(self) -> dict[str, list[Bond]]:
        found: dict[str, list[Bond]] = {}
        for bond in self.bonds:
            for host in (bond.one, bond.other):
                found.setdefault(host, []).append(bond)
        return found

    def between(self, one: str, other: str) -> Bond | None:
        """The bond of two hosts; the best where there are several."""
        order = ("shared", "waiting", "doubtful", "apart")
        return min((bond for bond in self.of(one) if bond.joins(one, other)), key=lambda bond: order.index(bond.kind),
                   default=None)


class Keepers:
    """Of a flow: under whose name the connections of a host are kept, that of the first member of its domain.

    Domains are looked for where somebody asks: a flow crosses few of the hosts of a network.
    """

    def __init__(self, sharing: Sharing | None = None, flow: Flow | None = None, kinds: t.Sequence[str] = ()) -> None:
        self._sharing, self._flow, self._kinds = sharing or Sharing(), flow, kinds
        self._known: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._sharing.bonds)

    def of(self, host: str) -> str:
        """The name; that of the host itself where it shares nothing of the flow."""
        if host not in self._known:
            domain = self._domain(host)
            self._known.update(dict.fromkeys(domain, min(domain)))
        return self._known[host]

    def _domain(self, host: str) -> set[str]:
        found, todo = {host}, [host]
        while todo and self._flow is not None:
            for bond in self._sharing.of(todo.pop()):
                if bond.kind in self._kinds and not {bond.one, bond.other} <= found and not bond.left_out(self._flow):
                    todo += {bond.one, bond.other} - found
                    found |= {bond.one, bond.other}
        return found


def written(facts: Facts) -> list[list[str]]:
    """The addresses and prefixes with which a host's sharing compares the ends of a flow; a list is one question."""
    found = []
    for item in facts.get("state_sync") or ():
        found += [list(names) for names in (item.get("addresses") or {}).values()]
        found += [[end] for one in item.get("measured", {}).get("returns", ()) for end in _ends(one["flow"])]
    return found


def race_of(flow: Flow, first: Facts, second: Facts) -> race.Verdict:
    """Whether what one Linux member learns from a packet of the flow is at the other before the answer to it is.

    ``first`` and ``second``: the facts of the member that sees the packet, and of the one that sees the answer.
    """
    addresses = {each["address"] for one in first["interfaces"].values() for each in one["addresses"]}
    found = (item["measured"] for item in second.get("state_sync") or () if "measured" in item
             and item["measured"]["from"] in addresses
             and item["measured"].get("configuration_digest") in (None, item.get("configuration_digest")))
    measured = next(found, None)
    return race.judge(measured, _return_p01(flow, measured or {}))


def _return_p01(flow: Flow, measured: Facts) -> float | None:
    """The fastest answers that were measured between the same ends, in ms; ports do not count."""
    found = (one.get("rtt_ms", {}).get("p01") for one in measured.get("returns", ())
             if _ends(one["flow"]) == (flow.source, flow.destination))
    return min((time for time in found if time is not None), default=None)


def _ends(text: str) -> tuple[str, ...]:
    """Source and destination of a flow; nothing where it is none that we know."""
    try:
        spec = FlowSpec.parse(text)  # an answer may go to any port
    except FlowError:
        return ()
    return tuple(end.partition("/")[0] for end in (spec.source, spec.destination))
