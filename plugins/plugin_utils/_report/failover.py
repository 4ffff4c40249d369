# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A failover test for those who have to sign it: a line for each kind of failure, and one for each uplink."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import paragraph, table

Data = t.Mapping[str, t.Any]


def failover_lines(runs: t.Sequence[Data], untested: t.Sequence[Data] = ()) -> list[str]:
    """``runs`` as the filter failover_result gives them; lines of at most 100 columns."""
    rows = [
        [_uplink(run), run["kind"], f"{'✔' if run['state'] == 'survived' else '✘'} {run['state']}",
         _seconds(run["to_b_seconds"]), f"{run['lost']} of {run['sent']}", _seconds(run["home_seconds"]), run["flow"]]
        for run in runs
    ]
    lines = ["FAILOVER", *table(["uplink", "dies by", "outcome", "until B", "lost", "home in", "flow"], rows)]
    for uplink in dict.fromkeys(_uplink(run) for run in runs):
        mine = [run for run in runs if _uplink(run) == uplink]
        survived = [run["kind"] for run in mine if run["state"] == "survived"]
        lost, sent = (sum(run[key] for run in mine) for key in ("lost", "sent"))
        home = "home each time" if all(run["home"] for run in mine) else "NOT HOME after: " + ", ".join(
            run["kind"] for run in mine if not run["home"])
        lines += paragraph(f"{uplink}: survived {', '.join(survived) or 'nothing'} of {len(mine)} kinds, "
                           f"{lost} of {sent} probes lost, {home}", "- ")
    for one in untested:
        lines += paragraph(f"{_uplink(one)}: not tested: {one['why']}", "! ")
    return lines


def _uplink(run: Data) -> str:
    return f"{run['uplink']['host']} {run['uplink']['interface']}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
