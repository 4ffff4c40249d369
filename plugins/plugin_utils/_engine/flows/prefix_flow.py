# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Prefix flows among other flows: each class of one is judged, named and forecast like a flow of its own."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.partition import (
    FlowClass,
    TooManyClasses,
    partition,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.region import Region
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Journey
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict, judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow

FORECAST_LIMIT = 2_000  # every remedy is forecast on all classes
_COUNTABLE = 1_000_000
_LONG = 60  # characters: a longer description of the largest class is "the rest"


def assess(network: Network, named: NamedFlow, observed: Observed) -> FlowVerdict:
    """The verdict on a flow; on a prefix flow, or a class of one, the worst in it, with the share that breaks."""
    if named.region is None:
        return judge(network, named, observed)
    try:
        parts = partition(network, named, named.region, observed)
    except TooManyClasses as error:
        return _unjudged(named, str(error))
    worst = parts.classes[0].told
    broken = sum(part.told.share_broken * part.size for part in parts.classes)
    return dataclasses.replace(
        worst, named=dataclasses.replace(named, flow=worst.named.flow), share_broken=broken / parts.size)


def judge_classes(network: Network, named: NamedFlow, observed: Observed) -> list[FlowVerdict]:
    """A verdict for each class of a prefix flow, the worst first; of any other flow its one verdict."""
    if named.region is None:
        return [judge(network, named, observed)]
    try:
        parts = partition(network, named, named.region, observed)
    except TooManyClasses as error:
        return [_unjudged(named, str(error))]
    labels = _labels(named.region, parts.classes)
    return [
        dataclasses.replace(part.told, named=dataclasses.replace(
            named, name=f"{named.name} ({label})" if len(labels) > 1 else named.name, flow=part.told.named.flow,
            region=part.region, size=part.size, judged=parts.judged))
        for part, label in zip(parts.classes, labels, strict=True)
    ]


def is_wide(told: FlowVerdict) -> bool:
    """True for a class of so many that a remedy cannot be forecast on all of them."""
    return told.named.judged > FORECAST_LIMIT


def _unjudged(named: NamedFlow, why: str) -> FlowVerdict:
    return FlowVerdict(named, "unknown", Journey(()), read_next=why)


def _labels(asked: Region, parts: t.Sequence[FlowClass]) -> list[str]:
    """What each class is, in words that differ; the largest of those that take many words is "the rest"."""
    labels = [part.region.text(asked) for part in parts]
    long = [index for index, label in enumerate(labels) if len(label) > _LONG]
    if long and len(labels) > 1:
        labels[max(long, key=lambda index: parts[index].size)] = "the rest"
    seen: dict[str, int] = {}
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        labels[index] = label if seen[label] == 1 else f"{label}, {seen[label]}"
    return labels


def verdict_dicts(network: Network, verdicts: t.Sequence[FlowVerdict]) -> list[dict[str, t.Any]]:
    """One dictionary per flow; a prefix flow is its worst class, with every class in ``partition``."""
    grouped: dict[str, list[FlowVerdict]] = {}
    for told in verdicts:
        grouped.setdefault(told.named.parent or told.name, []).append(told)
    return [_prefix_dict(network, name, group) if group[0].named.asked else group[0].to_dict()
            for name, group in grouped.items()]


def _prefix_dict(network: Network, name: str, group: t.Sequence[FlowVerdict]) -> dict[str, t.Any]:
    asked = group[0].named.asked
    whole = Region.of(t.cast(t.Any, asked))
    total = sum(told.named.size for told in group)
    by_port = whole.boxes[0].sport is None and any(
        box.sport for told in group for box in t.cast(Region, told.named.region).boxes)
    unit = "flows" if by_port else _unit(whole)
    parts = [_part_dict(network, name, told, total, unit) for told in group]
    worst = parts[0]
    failing = sum(told.named.size for told in group if told.verdict == group[0].verdict)
    summary = group[0].summary() if not total else f"{share_text(failing, total, unit)}: {group[0].summary()}"
    return {
        **worst, "name": name, "flow": str(asked), "example": str(group[0].named.flow), "summary": summary,
        "findings": list(dict.fromkeys(one for told in group for one in told.findings)),
        "share_broken": round(sum(told.share_broken * told.named.size for told in group) / total, 6) if total else 0.0,
        "partition": parts if total else [], "judged": group[0].named.judged,
    }


def _part_dict(network: Network, name: str, told: FlowVerdict, total: int, unit: str) -> dict[str, t.Any]:
    named = told.named
    region = t.cast(Region, named.region)
    label = named.name.removeprefix(name).strip()
    return {
        **told.to_dict(), "part": label[1:-1] if label else "all", "size": named.size, "of": total, "unit": unit,
        "share_of_flow": share_text(named.size, total, unit), "flows": region.to_list(),
        "hosts": _owners(network, region),
    }


def _owners(network: Network, region: Region) -> list[str]:
    """The hosts of the inventory that have one of the sources."""
    spans = region.ranges("source")
    owned = {
        host for host, facts in network.facts.items() for interface in facts.get("interfaces", {}).values()
        for item in interface.get("addresses", ())
        if item["family"] == region.family and any(
            low <= number_of(item["address"]) <= high for low, high in spans)
    }
    return sorted(owned)


def share_text(part: int, whole: int, unit: str) -> str:
    """How many of how many, in figures that can be read."""
    if part == whole:
        return f"all {whole} {unit}" if whole < _COUNTABLE else f"all {unit}"
    if whole < _COUNTABLE:
        return f"{part} of {whole} {unit}"
    return f"{part / whole:.1%} of the {unit}" if part / whole > 0.001 else f"less than 0.1% of the {unit}"


def _unit(asked: Region) -> str:
    """What the flows are counted by: the one side that was asked as a range, else flows."""
    hull = asked.hull()
    wide = [side for side in ("source", "destination", "sport", "dport")
            if (span := getattr(hull, side)) and span[0] < span[1]]
    if wide in (["source"], ["destination"]):
        return "addresses"
    if wide == ["source", "destination"]:
        return "pairs of addresses"
    return "ports" if wide in (["sport"], ["dport"]) else "flows"
