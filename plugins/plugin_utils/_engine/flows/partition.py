# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A prefix flow's exact partition: judge one flow of every class of equals, and join the classes that fare alike.

The flows asked for are a box: a range of sources, of destinations, of ports. One flow of the box is judged, and the
hosts that its journey asked are noted. Where no constant that those hosts (and the declarations) look at divides the
box, all flows in it fare as the one did; else the box is cut there and both parts are treated the same way. So nothing
is sampled, and only constants that matter on the way cut anything.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows import classes
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.classes import Cuts, Range
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.region import SIDES, Box, Region, merge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.watched import Watched
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.outcome import outcome
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER, FlowVerdict, judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow

LIMIT = 20_000
_LAST_PORT = 65_535


class TooManyClasses(Exception):
    """The flows asked for fall into more classes than can be judged; the message says what to narrow."""


@dataclasses.dataclass(frozen=True)
class FlowClass:
    """Flows that fare alike: the verdict of one of them, and all that it speaks for."""

    told: FlowVerdict
    region: Region
    size: int  # flows; a source port that is left open counts once


@dataclasses.dataclass(frozen=True)
class Partition:
    """Every flow that was asked for is in one class; the worst verdicts come first, of those the largest class."""

    classes: tuple[FlowClass, ...]
    judged: int  # flows that were judged, one for each class of equals

    @property
    def size(self) -> int:
        return sum(one.size for one in self.classes)


def partition(
    network: Network, named: NamedFlow, region: Region, observed: Observed, limit: int = LIMIT
) -> Partition:
    """The exact partition of a region; raises TooManyClasses."""
    search = _Search(network, named, region, observed, limit)
    found: dict[t.Any, list[tuple[Box, FlowVerdict]]] = {}
    for box, told in _with_one_measure(list(search.leaves())):
        found.setdefault(outcome(told), []).append((box, told))
    parts = [
        FlowClass(alike[0][1], merge([box for box, _told in alike], region.protocol, region.family),
                  sum(box.flows for box, _told in alike))
        for alike in found.values()
    ]
    parts.sort(key=lambda part: (-ORDER.index(part.told.verdict), -part.size))
    return Partition(tuple(parts), search.judged)


def _with_one_measure(leaves: list[tuple[Box, FlowVerdict]]) -> list[tuple[Box, FlowVerdict]]:
    """Where a source port that was left open decides anywhere, it is told, and counted, everywhere; else nowhere."""
    if not any(box.sport for box, _told in leaves):
        return leaves
    return [(box.with_source_ports(), told) for box, told in leaves]


class _Search:
    """The division of one region into boxes in which all flows fare alike."""

    def __init__(self, network: Network, named: NamedFlow, region: Region, observed: Observed, limit: int) -> None:
        self.watched = Watched(network)
        self.network = network
        self.named = named
        self.region = region
        self.observed = observed
        self.limit = limit
        self.judged = 0
        site = network.site
        declared = [prefix for one in site.uplinks for prefix in (*one.announces, *one.gateways)]
        declared += [prefix for one in site.externals for prefix in one.prefixes]
        declared += [preference.prefix for one in site.externals for preference in one.preferences]
        self.shared = classes.shared_cuts(network.facts, declared, [end for pair in observed for end in pair])
        self._by_host: dict[str, Cuts] = {}
        # one set of cuts serves sources and destinations, so that ranges of both are the same or apart
        ends = [end for box in region.boxes for end in (box.source, box.destination)]
        self._edges = sorted({edge for low, high in ends for edge in (low, high + 1)})
        ports = [end for box in region.boxes for end in (box.sport, box.dport) if end]
        self._port_edges = sorted({edge for low, high in ports for edge in (low, high + 1)})

    def leaves(self) -> t.Iterator[tuple[Box, FlowVerdict]]:
        """Boxes that no constant divides, each with the verdict of a flow in it."""
        todo: list[tuple[Box, FlowVerdict | None, frozenset[str]]] = [
            (box, None, frozenset()) for box in self.region.boxes]
        while todo:
            box, told, asked = todo.pop()
            if not box.flows:
                continue  # only an address to itself: that flow leaves no host
            if told is None:
                told, asked = self._judge(box)
            parts = self._divide(box, asked)
            if parts is None and self._needs_source_port(box, told, asked):
                todo.append((box.with_source_ports(), None, frozenset()))
                continue
            if parts is None:
                self._check_equal_ports(box, told)
                yield box, told
                continue
            for part in parts:
                todo.append((part, told, asked) if part.holds(told.named.flow) else (part, None, frozenset()))

    def _needs_source_port(self, box: Box, told: FlowVerdict, asked: frozenset[str]) -> bool:
        """A source port that was left open makes the verdict unknown where a rule asks for it: then take them all."""
        if self.region.protocol not in ("tcp", "udp") or box.sport is not None or not _in_doubt(told):
            return False
        cuts = {cut for host in asked for cut in self._cuts_of(host).ports if cut <= _LAST_PORT}
        return bool(cuts) and any(outcome(self._from_port(told, port)) != outcome(told) for port in {1, *cuts} - {0})

    def _from_port(self, told: FlowVerdict, port: int) -> FlowVerdict:
        flow = dataclasses.replace(told.named.flow, sport=port)
        return judge(self.network, dataclasses.replace(self.named, flow=flow), self.observed)

    def _check_equal_ports(self, box: Box, told: FlowVerdict) -> None:
        """Flows with the same port at both ends can only differ by a translation to the sender; no range tells them."""
        equal = box.on_equal_ports
        if equal is not None and outcome(self._judge(equal)[0]) != outcome(told):
            raise TooManyClasses(f"flows with the same port {equal.dport} at both ends fare differently from others; "
                                 "ask for one range of ports at a time")

    def _judge(self, box: Box) -> tuple[FlowVerdict, frozenset[str]]:
        self.judged += 1
        if self.judged > self.limit:
            raise TooManyClasses(self._too_many())
        flow = box.example(self.region.protocol, self.region.family)
        return self.watched.judge(dataclasses.replace(self.named, flow=flow), self.observed)

    def _divide(self, box: Box, asked: frozenset[str]) -> tuple[Box, Box] | None:
        """The box in two parts; None where no constant divides it."""
        cuts = [self.shared, *(self._cuts_of(host) for host in asked)]
        found: list[tuple[str, t.Sequence[int]]] = []
        for side in SIDES:
            span: Range | None = getattr(box, side)
            if span and span[0] < span[1]:
                found += [(side, inside) for inside in self._inside(cuts, side, span)]
        side, inside = max(found, key=lambda item: len(item[1]), default=("", ()))
        if not inside:
            return None
        (low, high), cut = getattr(box, side), inside[len(inside) // 2]
        return dataclasses.replace(box, **{side: (low, cut - 1)}), dataclasses.replace(box, **{side: (cut, high)})

    def _inside(self, cuts: t.Iterable[Cuts], side: str, span: Range) -> t.Iterator[t.Sequence[int]]:
        if side.endswith("port"):
            yield from (classes.within(part.ports, span) for part in cuts)
            yield classes.within(self._port_edges, span)
        else:
            yield from (part.inside(self.region.family, span) for part in cuts)
            yield classes.within(self._edges, span)

    def _cuts_of(self, host: str) -> Cuts:
        if host not in self._by_host:
            found = classes.host_cuts(host, self.network.facts[host])
            if found.opaque:
                raise TooManyClasses(f"{found.opaque[0]}; name single flows to be judged there")
            self._by_host[host] = found
        return self._by_host[host]

    def _too_many(self) -> str:
        """What divides the flows most, and what to ask instead."""
        counted = {}
        cuts = classes.joined([self.shared, *self._by_host.values()])
        box = self.region.hull()
        for side, what in (("source", "sources"), ("destination", "destinations"), ("sport", "source ports"),
                           ("dport", "destination ports")):
            span = getattr(box, side)
            if span and span[0] < span[1]:
                counted[what] = 1 + len({cut for inside in self._inside([cuts], side, span) for cut in inside})
        product = 1
        for number in counted.values():
            product *= number
        shown = " × ".join(f"{number} ranges of {what}" for what, number in counted.items())
        widest = max(counted, key=lambda what: counted[what])
        return (f"these flows fall into more than {self.limit} classes ({shown} = up to {product}); none is judged in "
                f"part: ask for fewer {widest}, for example one half at a time")


def _in_doubt(told: FlowVerdict) -> bool:
    """Whether something about the flow is not certain: how a branch ends, or that a host is a state boundary."""
    pairs = told.journey.pairs
    paths = (path for pair in pairs for path in (pair.forward, pair.back, pair.again, pair.data) if path)
    return told.verdict == "unknown" or any(pair.result == "unknown" for pair in pairs) or any(
        item.doubtful for path in paths for hop in path.hops for item in hop.transit.filters)
