# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a verdict says beyond the addresses and ports of its flow: equal for flows that fare alike."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path, translation_of

Value = tuple[t.Any, ...]


def outcome(told: FlowVerdict) -> Value:
    """Verdict, place, reason and every path between the ends: hashable, and the same for flows that fare alike."""
    flow = told.named.flow
    death = told.dies_at
    place = death and (death.host, death.interface, death.direction, death.reason, death.rule, death.state)
    pairs = tuple(sorted(
        (pair.result, pair.direction, round(pair.share, 9), _path(pair.forward, flow), _path(pair.back, flow),
         _path(pair.again, flow)) for pair in told.journey.pairs))
    boundaries = tuple(sorted((one.host, one.forward, one.back) for one in told.boundaries))
    return told.verdict, told.share, place, without_ends(told.read_next, flow), pairs, boundaries


def without_ends(text: str, flow: Flow) -> str:
    """A text without the flow's own addresses and ports."""
    for value, word in ((flow.source, "SOURCE"), (flow.destination, "DESTINATION")):
        text = re.sub(rf"(?<![0-9A-Fa-f.:]){re.escape(value)}(?![0-9A-Fa-f]|\.\d)(:\d+)?", word, text)
    return text


def _path(path: Path | None, flow: Flow) -> Value:
    """One path between its ends, as values that can be sorted.

    The host that sends and the one that is reached are left out: a neighbour outside the inventory has the same path
    from the first router on as a host of the inventory beside it.
    """
    if path is None:
        return ()
    between = [hop for hop in path.hops if hop.iif is not None]
    if path.outcome == "delivered":
        between = between[:-1]
    hops = tuple((hop.host, hop.iif or "", hop.oif or "", translation_of(hop.transit), hop.stateful) for hop in between)
    uplink = path.entry.uplink if path.entry else ""
    if path.arrived:
        return "arrived", round(path.share, 9), hops, uplink
    why = without_ends(path.detail, flow) if path.outcome == "unknown" else ""
    return path.outcome, round(path.share, 9), hops, uplink, path.host, path.interface, path.reason, why
