# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Sets of flows as boxes: ranges of sources, destinations and ports, joined to the fewest and told as text."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import ALL_PORTS, FlowSpec
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.classes import Range, range_of, range_text
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.source_address import to_text

SIDES = ("source", "destination", "sport", "dport")
_SHOWN = 3  # ranges of one side that a line shows
_WORDS = {"source": "from", "destination": "to", "sport": "from port", "dport": "to port"}
Spans = tuple[Range, ...]
Group = tuple[Spans, Spans, Spans, Spans]


@dataclasses.dataclass(frozen=True)
class Box:
    """All flows between two ranges of addresses with ports of two ranges; ports of None are left open."""

    source: Range
    destination: Range
    sport: Range | None = None
    dport: Range | None = None

    @property
    def flows(self) -> int:
        """How many flows; one from an address to itself is none. Both ranges of addresses are the same or apart."""
        count = _size(self.source) * _size(self.destination)
        if self.source == self.destination:
            count -= _size(self.source)
        return count * _size(self.sport) * _size(self.dport)

    def with_source_ports(self) -> Box:
        return self if self.sport else dataclasses.replace(self, sport=ALL_PORTS)

    def holds(self, flow: Flow) -> bool:
        sides = zip(SIDES, (number_of(flow.source), number_of(flow.destination), flow.sport, flow.dport), strict=True)
        return all(_fits(getattr(self, side), value) for side, value in sides)

    @property
    def on_equal_ports(self) -> Box | None:
        """One flow of the box with the same port at both ends, where its other flows have different ones."""
        if self.sport is None or self.sport != self.dport or self.sport[0] == self.sport[1]:
            return None
        port = (self.sport[0], self.sport[0])
        return dataclasses.replace(self, sport=port, dport=port)

    def example(self, protocol: str, family: int) -> Flow:
        """A flow of the box, not from an address to itself and, where it may be so, with different ports."""
        source, destination = self.source[0], self.destination[0]
        if source == destination:
            source, destination = (source + 1, destination) if _size(self.source) > 1 else (source, destination + 1)
        sport, dport = self.sport[0] if self.sport else None, self.dport[0] if self.dport else None
        if sport is not None and sport == dport and self.sport and self.dport:
            sport, dport = (sport + 1, dport) if _size(self.sport) > 1 else (sport, min(dport + 1, self.dport[1]))
        return Flow(protocol, to_text(source, family), to_text(destination, family), sport, dport)


@dataclasses.dataclass(frozen=True)
class Region:
    """Boxes of flows of one protocol, which do not overlap."""

    protocol: str
    family: int
    boxes: tuple[Box, ...]

    @classmethod
    def of(cls, spec: FlowSpec) -> Region:
        box = Box(range_of(spec.source), range_of(spec.destination), spec.sport, spec.dport)
        return cls(spec.protocol, spec.family, (box,))

    def holds(self, flow: Flow) -> bool:
        return flow.protocol == self.protocol and flow.family == self.family and any(
            box.holds(flow) for box in self.boxes)

    def example(self) -> Flow:
        """One of the flows."""
        return self.boxes[0].example(self.protocol, self.family)

    def hull(self) -> Box:
        """The smallest box around all."""
        sides = {side: [getattr(box, side) for box in self.boxes if getattr(box, side)] for side in SIDES}
        spans = {side: (min(low for low, _high in found), max(high for _low, high in found)) if found else None
                 for side, found in sides.items()}
        return Box(**t.cast(dict[str, t.Any], spans))

    def ranges(self, side: str) -> list[Range]:
        """The ranges of one side over all boxes."""
        return _union(span for box in self.boxes if (span := getattr(box, side)))

    def prefixes(self, side: str) -> list[str]:
        """The addresses of one side as the fewest prefixes."""
        kind = ipaddress.IPv4Address if self.family == 4 else ipaddress.IPv6Address
        return [str(prefix) for low, high in self.ranges(side)
                for prefix in ipaddress.summarize_address_range(kind(low), kind(high))]

    def to_list(self) -> list[dict[str, t.Any]]:
        """Each group of boxes as data: lists of prefixes, addresses or ``first-last`` for each side."""
        return [
            {side: [self._text(side, span) for span in spans]
             for side, spans in zip(SIDES, group, strict=True) if spans}
            for group in _grouped(self.boxes)
        ]

    def text(self, asked: Region) -> str:
        """What of ``asked`` it is, in words; what makes no difference is not told."""
        hull = asked.hull()
        parts = []
        for group in _grouped(self.boxes):
            told = [
                f"{_WORDS[side]} {self._shown(side, spans)}" for side, spans in zip(SIDES, group, strict=True)
                if self._is_told(side, spans, getattr(hull, side))]
            parts.append(" ".join(told) or "all")
        more = f" and {len(parts) - 2} more groups" if len(parts) > 2 else ""
        return "; ".join(parts[:2]) + more

    def _is_told(self, side: str, spans: Spans, asked: Range | None) -> bool:
        """Addresses that were asked as a range always, ports only where they make a difference."""
        if side.endswith("port"):
            return bool(spans) and spans != (asked or ALL_PORTS,)
        return asked is not None and asked[0] < asked[1]

    def _shown(self, side: str, spans: t.Sequence[Range]) -> str:
        more = f" and {len(spans) - _SHOWN} more" if len(spans) > _SHOWN else ""
        return ", ".join(self._text(side, span) for span in spans[:_SHOWN]) + more

    def _text(self, side: str, span: Range) -> str:
        if not side.endswith("port"):
            return range_text(self.family, span)
        return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def merge(boxes: t.Sequence[Box], protocol: str, family: int) -> Region:
    """The same flows in as few boxes as joining neighbours gives."""
    result = [
        Box(source, destination, sport, dport)
        for group in _grouped(boxes) for source in group[0] for destination in group[1]
        for sport in group[2] or (None,) for dport in group[3] or (None,)
    ]
    return Region(protocol, family, tuple(sorted(result, key=lambda box: (box.source, box.destination))))


def _grouped(boxes: t.Iterable[Box]) -> list[Group]:
    """Boxes that differ in one side only are joined on that side, until none are left that do."""
    groups: list[Group] = [
        t.cast(Group, tuple((span,) if (span := getattr(box, side)) else () for side in SIDES)) for box in boxes]
    count = 0
    while count != len(groups):
        count = len(groups)
        for index in range(len(SIDES)):
            alike: dict[t.Any, list[Range]] = {}
            for group in groups:
                alike.setdefault((*group[:index], *group[index + 1:]), []).extend(group[index])
            groups = [t.cast(Group, (*key[:index], tuple(_union(spans)), *key[index:]))
                      for key, spans in alike.items()]
    return sorted(groups)


def _union(spans: t.Iterable[Range]) -> list[Range]:
    joined: list[Range] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _size(span: Range | None) -> int:
    return 1 if span is None else span[1] - span[0] + 1


def _fits(span: Range | None, value: int | None) -> bool:
    return span is None or value is None or span[0] <= value <= span[1]
