# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which single failure breaks which flow: a flow is judged again on the network after each failure that concerns it.

A failure concerns a flow when it changes a host that the flow's judgement asked, or an uplink by which its replies
could come. Nothing else can make a difference to it, so nothing else is judged.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import FlowForecast
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failures
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import (
    Cables,
    Failure,
    FailureError,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.prefix_flow import assess
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.watched import Watched
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import Rerouted, reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER, FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import contains

PAIRS_LIMIT = 20_000  # pairs of a failure and a flow
ESTABLISHED_LIMIT = 2_000  # of them; each costs some twenty packets more where flows under way are judged
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
        }


@dataclasses.dataclass(frozen=True)
class WhatIf:
    """The rows that make a difference, the worst first, and how much was looked at."""

    failures: tuple[Failure, ...]
    rows: tuple[Row, ...]
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
            "failures": [str(one) for one in self.failures], "flows": self.flows, "judged": self.judged,
            "rows": [row.to_dict() for row in self.rows], "single_points": self.single_points(),
            "assumptions": list(self.assumptions),
        }


def what_if(
    network: Network, verdicts: t.Sequence[FlowVerdict], observed: Observed, asked: t.Sequence[str]
) -> WhatIf:
    """Judge flows after failures. ``asked``: ``single`` for every single one, or names; raises FailureError."""
    cables = Cables(network)
    every = [failures.every_failure(network, cables) if text.strip() == "single"
             else [failures.read_failure(network, text)] for text in asked]
    chosen = list(dict.fromkeys(one for group in every for one in group))
    concerned = _Concerns(network, observed)
    needs = [(told, concerned.by(told)) for told in verdicts]
    pairs = [(failure, [told for told, asks in needs if asks is None or asks & _changed(network, failure, cables)])
             for failure in chosen]
    judged = sum(len(affected) for _failure, affected in pairs)
    if judged > PAIRS_LIMIT:
        raise FailureError(f"what_if: {len(chosen)} failures and {len(verdicts)} flows make {judged} pairs that concern"
                           f" each other, more than {PAIRS_LIMIT}; name some failures in place of single, or ask for "
                           "fewer flows")
    alike = Alike(network, observed) if len(verdicts) > 1 else None
    rows: list[Row] = []
    for failure, affected in pairs:
        if affected:
            broken = failures.after(network, failure, cables)
            changed = _changed(network, failure, cables)
            unmoved: set[t.Hashable] = set()  # kinds of flows of which one fares as before
            for told in affected:
                kind = _kind(network, alike, told, changed)
                if kind is not None and kind in unmoved:
                    continue
                row = _row(network, broken, failure, told, observed, with_established=judged <= ESTABLISHED_LIMIT)
                if _differs(row):
                    rows.append(row)
                elif kind is not None:
                    unmoved.add(kind)
    rows.sort(key=lambda row: (-ORDER.index(row.after.verdict), row.change != "worse", row.own,
                               not row.under_way.startswith("stranded"), str(row.failure)))
    notes = list(_assumptions(network, chosen))
    if any(row.under_way == "not judged" for row in rows) and judged <= ESTABLISHED_LIMIT:
        notes.append(f"flows that spread over more than {ESTABLISHED_PATHS} pairs of paths were not judged under way")
    if judged > ESTABLISHED_LIMIT:
        notes.append(f"flows under way were not judged: {judged} pairs of a failure and a flow are more than "
                     f"{ESTABLISHED_LIMIT}; name some failures to see those")
    return WhatIf(tuple(chosen), tuple(rows), judged, len(verdicts), tuple(notes))


def _kind(network: Network, alike: Alike | None, told: FlowVerdict, changed: set[str]) -> t.Hashable | None:
    """What flows have in common that nothing tells apart, after a failure that leaves their ends alone; else None.

    Exchanging the ends of two flows that are alike changes no other host, so none that fails either.
    """
    named = told.named
    if alike is None or named.region is not None:
        return None
    ends = {host for end in (named.flow.source, named.flow.destination) for host, _i in network.owners(end)}
    return None if ends & changed else alike.of(named)


def _changed(network: Network, failure: Failure, cables: Cables) -> set[str]:
    """The hosts that the failure changes."""
    if failure.kind in ("uplink", "sessions"):
        return {failure.host}
    return set(failures.changes(network, failure, cables))


def _row(
    network: Network, broken: Network, failure: Failure, told: FlowVerdict, observed: Observed, with_established: bool
) -> Row:
    after = told if failure.kind == "sessions" else assess(broken, told.named, observed)  # new flows need no table
    row = Row(failure, told, after, _takes_an_end(network, failure, told))
    spread = len(told.journey.pairs) > ESTABLISHED_PATHS
    if not with_established or spread or told.named.one_way or not _works(told) or row.own:
        return row
    lost = (failure.host,) if failure.kind == "sessions" else ()
    return dataclasses.replace(row, established=reroute(network, broken, told.named.flow, observed, lost=lost))


def _works(told: FlowVerdict) -> bool:
    return told.verdict in ("symmetric", "asymmetric_harmless", "at_risk")


def _differs(row: Row) -> bool:
    return row.after.verdict != row.before.verdict or row.change != "equal" or row.under_way not in (
        "", "survives", "not judged")


class _Concerns:
    """Which hosts can make a difference to a flow."""

    def __init__(self, network: Network, observed: Observed) -> None:
        self._network = network
        self._observed = observed
        self._watched = Watched(network)

    def by(self, told: FlowVerdict) -> set[str] | None:
        """The hosts; None where every host may be one."""
        if told.named.region is not None or not told.journey.pairs:
            return None  # other flows of its class may ask other hosts after the failure
        _told, asked = self._watched.judge(told.named, self._observed)
        hosts = set(asked)
        for path in (*told.forward_paths(), *told.return_paths()):
            hosts |= {host for host, _interface in self._network.owners(path.next_hop)} if path.next_hop else set()
            last = path.hops[-1].transit.next_hop if path.hops else None
            hosts |= {host for host, _interface in self._network.owners(last)} if last else set()
        for end in (told.named.flow.source, told.named.flow.destination):
            if not self._network.owners(end):
                hosts |= {host for host, _interface in self._network.topology.attached(end)}
        return hosts | self._uplinks(told)

    def _uplinks(self, told: FlowVerdict) -> set[str]:
        """The hosts of the uplinks by which its packets may come in; translation may give it other addresses."""
        paths = (*told.forward_paths(), *told.return_paths())
        if not any(path.entry or path.outcome == "left" for path in paths):
            return set()
        ours = {end for path in paths for end in (path.packet.flow.source, path.packet.flow.destination)}
        announcing = {uplink.host for uplink in self._network.site.uplinks
                      for prefix in uplink.announces if any(contains(prefix, end) for end in ours)}
        return announcing or {uplink.host for uplink in self._network.site.uplinks}


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
