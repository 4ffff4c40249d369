# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which single failure breaks which flow: a flow is judged again on the network after each failure that concerns it.

What concerns a flow is told in concern.py. Of flows that nothing in the network tells apart (flows/alike.py) one is
judged for all, with the same ends where these fail: exchanging two ends that are left alone changes nothing else.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import FlowForecast
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failures
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.concern import Concerns, Effects, Rests
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import (
    Cables,
    Failure,
    FailureError,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.prefix_flow import assess
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import Rerouted, reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER, FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

JUDGED_LIMIT = 20_000  # judgements, each of flows that are alike after one failure, unless more are asked for
UNDER_WAY_COST = 10  # judgements of new flows that take as long as that of one under way
ESTABLISHED_PATHS = 8  # pairs of paths; of flows that spread over more, those under way are not judged
_PROTOCOLS = {186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp", 12: "bird", 42: "babel", 11: "zebra"}


@dataclasses.dataclass(frozen=True)
class Row:
    """What one failure does to one flow. ``own``: the failure takes one of its ends, so no path could save it."""

    failure: Failure
    before: FlowVerdict
    after: FlowVerdict
    own: bool = False
    established: Rerouted | None = None  # what becomes of the flow if it is under way; None: not judged
    like: str = ""  # the flow that was judged for this one

    @property
    def change(self) -> str:
        return FlowForecast(self.before, self.after).change

    @property
    def under_way(self) -> str:
        """survives; recovers (after losses); stranded at a host; unknown; not judged; empty where none can be."""
        told = self.established
        if told is None:
            return "" if self.before.named.one_way or not _works(self.before) else "not judged"
        if told.outcome == "not_established":
            return ""
        places = [way.path.host for one in told.continuations for way in (one.forward, one.back)
                  if way.outcome == told.outcome and way.path.host]
        return f"stranded at {places[0]}" if told.outcome == "stranded" and places else told.outcome

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "failure": str(self.failure), "kind": self.failure.kind, "host": self.failure.host,
            "flow": self.before.name, "before": self.before.verdict, "after": self.after.verdict,
            "change": self.change, "own": self.own, "why": self.after.summary(),
            "established": self.under_way, "why_established": self.established.detail if self.established else "",
            **({"like": self.like} if self.like else {}),
        }


@dataclasses.dataclass(frozen=True)
class WhatIf:
    """The rows that make a difference, the worst first, and how much was looked at."""

    failures: tuple[Failure, ...]
    rows: tuple[Row, ...]
    pairs: int  # of a failure and a flow that it concerns
    judged: int
    flows: int
    assumptions: tuple[str, ...]

    def single_points(self) -> list[dict[str, t.Any]]:
        """Each failure that breaks flows which work now, with them; not where it takes an end of the flow itself."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            if row.change == "worse" and row.after.verdict == "broken" and not row.own:
                found.setdefault(str(row.failure), []).append(row.before.name)
        return [{"failure": name, "flows": flows} for name, flows in
                sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))]

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "failures": [str(one) for one in self.failures], "flows": self.flows,
            "pairs": self.pairs, "judged": self.judged,
            "rows": [row.to_dict() for row in self.rows], "single_points": self.single_points(),
            "assumptions": list(self.assumptions),
        }


def what_if(
    network: Network, verdicts: t.Sequence[FlowVerdict], observed: Observed, asked: t.Sequence[str],
    limit: int = JUDGED_LIMIT,
) -> WhatIf:
    """Judge flows after failures. ``asked``: ``single`` for every single one, or names.

    Raises FailureError for a name that means none, and where it would come to more judgements than ``limit``.
    """
    cables = Cables(network)
    every = [failures.every_failure(network, cables) if text.strip() == "single"
             else [failures.read_failure(network, text)] for text in asked]
    chosen = list(dict.fromkeys(one for group in every for one in group))
    kinds = list(kinds_of(network, verdicts, observed, chosen, cables))
    judged = sum(len(groups) for _failure, groups in kinds)
    if judged > limit:
        raise FailureError(f"what_if: {len(chosen)} failures and {len(verdicts)} flows come to {judged} judgements, "
                           f"more than {limit}; name some failures in place of single, ask for fewer flows, or take "
                           "the time that it needs and raise what_if_limit")
    under_way = sum(_may_be_under_way(network, failure, group[0]) for failure, groups in kinds for group in groups)
    most = limit // UNDER_WAY_COST
    few = under_way <= most
    rows: list[Row] = []
    for failure, groups in kinds:
        broken = failures.after(network, failure, cables)
        for told, *like in groups:
            row = _row(network, broken, failure, told, observed, with_established=few)
            if _differs(row):
                rows += [row, *(_like(row, other) for other in like)]
    rows.sort(key=lambda row: (-ORDER.index(row.after.verdict), row.change != "worse", row.own,
                               not row.under_way.startswith("stranded"), str(row.failure)))
    notes = list(_assumptions(network, chosen))
    if any(row.under_way == "not judged" for row in rows) and few:
        notes.append(f"flows that spread over more than {ESTABLISHED_PATHS} pairs of paths were not judged under way")
    if not few:
        notes.append(f"flows under way were not judged: {under_way} judgements are more than {most}; name "
                     "some failures to see those, or raise what_if_limit")
    pairs = sum(len(group) for _failure, groups in kinds for group in groups)
    return WhatIf(tuple(chosen), tuple(rows), pairs, judged, len(verdicts), tuple(notes))


Groups = list[list[FlowVerdict]]


def kinds_of(
    network: Network, verdicts: t.Sequence[FlowVerdict], observed: Observed, chosen: t.Sequence[Failure],
    cables: Cables, all_failures: bool = False,
) -> t.Iterator[tuple[Failure, Groups]]:
    """Each failure with the flows that it concerns, those together that will fare alike.

    A failure that concerns none is left out, unless ``all_failures`` are asked for.
    """
    alike = Alike(network, observed) if len(verdicts) > 1 else None
    effects, concerns = Effects(network, cables), Concerns(network, observed, alike)
    rests = [concerns.of(told) for told in verdicts]
    by_host: dict[str, list[int]] = {}
    anywhere = [place for place, one in enumerate(rests) if one is None]
    for place, one in enumerate(rests):
        for host in one.hosts if one else ():
            by_host.setdefault(host, []).append(place)
    ends = [_ends(network, told) for told in verdicts]
    classes = [alike.of(told.named) if alike and told.named.region is None else None for told in verdicts]
    for failure in chosen:
        changed = effects.of(failure)
        found = set(anywhere)
        for host, change in changed.items():
            found.update(place for place in by_host.get(host, ())
                         if place not in found and change.concerns(host, t.cast(Rests, rests[place])))
        groups: dict[t.Hashable, list[FlowVerdict]] = {}
        for place in sorted(found):
            own = tuple(end & changed.keys() for end in ends[place])
            kind = (classes[place], *(frozenset(one) for one in own)) if classes[place] is not None else place
            groups.setdefault(kind, []).append(verdicts[place])
        if groups or all_failures:
            yield failure, list(groups.values())


def _ends(network: Network, told: FlowVerdict) -> tuple[set[str], set[str]]:
    """The hosts that have the source, and those that have the destination."""
    flow = told.named.flow
    source, destination = ({host for host, _interface in network.owners(end)}
                           for end in (flow.source, flow.destination))
    return source, destination


def _like(row: Row, told: FlowVerdict) -> Row:
    """The row of a flow for which another one was judged."""
    after = dataclasses.replace(row.after, named=told.named)
    return dataclasses.replace(row, before=told, after=after, like=row.before.name)


def _row(
    network: Network, broken: Network, failure: Failure, told: FlowVerdict, observed: Observed, with_established: bool
) -> Row:
    after = told if failure.kind == "sessions" else assess(broken, told.named, observed)  # new flows need no table
    row = Row(failure, told, after, _takes_an_end(network, failure, told))
    if not with_established or not _may_be_under_way(network, failure, told):
        return row
    lost = (failure.host,) if failure.kind == "sessions" else ()
    return dataclasses.replace(row, established=reroute(network, broken, told.named.flow, observed, lost=lost))


def _may_be_under_way(network: Network, failure: Failure, told: FlowVerdict) -> bool:
    """Whether it is asked what becomes of the flow if it is established; too many paths take too long."""
    few = len(told.journey.pairs) <= ESTABLISHED_PATHS
    return few and not told.named.one_way and _works(told) and not _takes_an_end(network, failure, told)


def _works(told: FlowVerdict) -> bool:
    return told.verdict in ("symmetric", "asymmetric_harmless", "at_risk")


def _differs(row: Row) -> bool:
    return row.after.verdict != row.before.verdict or row.change != "equal" or row.under_way not in (
        "", "survives", "not judged")


def _takes_an_end(network: Network, failure: Failure, told: FlowVerdict) -> bool:
    """True where the failed host is an end of the flow, or the failed interface is the only one of an end."""
    ends = {host for end in (told.named.flow.source, told.named.flow.destination)
            for host, _interface in network.owners(end)}
    if failure.host not in ends or failure.kind in ("uplink", "sessions"):
        return False
    up = [name for name in network.topology.interfaces(failure.host)
          if network.topology.is_up(failure.host, name) and network.topology.addresses(failure.host, name)]
    return failure.kind == "node" or up == [failure.interface]


def _assumptions(network: Network, chosen: t.Sequence[Failure]) -> t.Iterator[str]:
    yield ("flows under way are taken to be as their first packets leave them, and to send a few packets at once")
    yield ("one thing fails at a time, for long enough that neighbours have noticed; no address moves to another host "
           "(VRRP, keepalived and the like are not followed)")
    dynamic = sorted({
        f"{_PROTOCOLS[route['protocol']]} on {host}" for host, facts in network.facts.items()
        for route in facts.get("routes", ()) if route.get("protocol") in _PROTOCOLS})
    if dynamic:
        more = " and more" if len(dynamic) > 5 else ""
        yield (f"routes of routing protocols ({', '.join(dynamic[:5])}{more}) stay as they are: what the protocol "
               "would do about a failure is not followed")
    else:
        yield "no route of a routing protocol was read: routes change only as the kernel changes them by itself"
    if any(failure.kind in ("link", "carrier", "node") for failure in chosen):
        yield ("interfaces that are alone with one other in a network of four addresses or fewer are the two ends of a "
               "cable: both lose their carrier; between all others there is a switch, and the others keep theirs")
    if any(failure.kind == "link" for failure in chosen):
        yield "IPv6 addresses of an interface that goes down are lost (keep_addr_on_down is off)"
    if any(failure.kind == "uplink" for failure in chosen):
        yield ("when what is beyond an uplink is lost, the outside stops using it, and reaches by the others what is "
               "announced there too")
