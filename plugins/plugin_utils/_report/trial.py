# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a trial has shown: did every flow do what was forecast, for as long as the change stood?"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import marked, paragraph, table

Data = t.Mapping[str, t.Any]
HELD, NOT_HELD, NO_ANSWER = "held", "not held", "no answer"


def judge_trial(
    flows: t.Sequence[Data], measured: t.Mapping[str, Data], failed: t.Collection[str], seconds: int
) -> dict[str, t.Any]:
    """``flows`` of the forecast; ``measured`` by the name of a flow its {sent, received}; ``failed`` by the proof, as
    packets that went another way than was forecast.

    The hypothesis has held where every flow that was measured got an answer each time and went as was forecast, and at
    least one of them is one that the change is to mend. The result has ``answer``, ``why``, ``flows`` and ``lines``.
    """
    rows = []
    for flow in flows:
        if flow["name"] in measured:
            counts = measured[flow["name"]]
            good = counts["received"] == counts["sent"] > 0 and flow["name"] not in failed
            rows.append({**{key: flow[key] for key in ("name", "before", "after", "change")}, **counts, "held": good})
    bad = [row["name"] for row in rows if not row["held"]]
    if bad:
        answer, why = NOT_HELD, f"{', '.join(bad)} did not do what was forecast"
    elif not any(row["change"] == "better" for row in rows):
        answer, why = NO_ANSWER, "no flow that the change would mend could be measured"
    else:
        answer, why = HELD, "every flow that was measured did what was forecast, each time"
    found = {"answer": answer, "why": why, "seconds": seconds, "flows": rows}
    return {**found, "lines": _lines(found, failed)}


def _lines(found: Data, failed: t.Collection[str]) -> list[str]:
    cells = [
        [row["name"], marked(row["before"]), marked(row["after"]), f"{row['received']} of {row['sent']} answered"
         + (", not as forecast in the proof" if row["name"] in failed else "")]
        for row in found["flows"]
    ]
    return [
        f"TRIAL, {found['seconds']} s",
        *table(["flow", "before", "forecast", "measured"], cells),
        *paragraph(f"the hypothesis: {found['answer']}: {found['why']}", "- "),
    ]
