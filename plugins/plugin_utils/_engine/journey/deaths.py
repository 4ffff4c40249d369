# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Where the packets of a flow died: what the findings of a flow are told from."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path


def deaths(told: FlowVerdict, *reasons: str) -> t.Iterator[tuple[str, Path, Path]]:
    """Direction, dead path and forward path of every pair that broke for one of the reasons."""
    for pair in told.journey.pairs:
        if pair.result == "broken" and pair.culprit and (not reasons or pair.culprit.reason in reasons):
            yield pair.direction, pair.culprit, pair.forward


def arriving(dead: Path) -> str:
    """The source address of the packet as it reached the host where it died."""
    before = dead.hops[-2].transit.packet if len(dead.hops) > 1 else dead.packet
    return before.flow.source


def without_session(told: FlowVerdict) -> t.Iterator[tuple[Path, Path]]:
    """Dead return path and forward path where the reply died at a stateful host that the request did not cross."""
    for direction, dead, forward in deaths(told, "filter"):
        if direction == "return" and dead.hops[-1].stateful and dead.host not in {hop.host for hop in forward.hops}:
            yield dead, forward
