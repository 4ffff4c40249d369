# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM501 to SYM503: flows or packets are spread over ways that do not share connection state."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.verdict import FlowVerdict


def of_failing_flow(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM501, where some pairs of branches break."""
    yield from _spread(told)


def _spread(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM501: path pairs differ because a host spreads flows over next hops."""
    results = {pair.result for pair in told.journey.pairs}
    if "broken" not in results or len(told.journey.pairs) < 2:
        return
    for pair in told.journey.pairs:
        for hop in (*pair.forward.hops, *(pair.back.hops if pair.back else ())):
            if hop.ways > 1:
                yield finding("SYM501", hop.host, f"{hop.host} spreads flows over {hop.ways} next hops that do not "
                              f"share connection state: {told.share} path pairs break")
