# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Two judgements of the same flows, before and after: better, equal or worse for each."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER

Data = t.Mapping[str, t.Any]
BETTER, EQUAL, WORSE, GONE, NEW = "better", "equal", "worse", "gone", "new"


def compare(before: t.Sequence[Data], after: t.Sequence[Data]) -> list[dict[str, str]]:
    """``{name, before, after, change}`` of each flow that was named, in the order of ``before``, and then of new ones.

    Both are verdicts as diagnose gives them. With the same verdict the share that breaks decides. Live flows come and
    go and are left out. A flow of one side only is "gone" or "new".
    """
    was, now = ({one["name"]: one for one in side if not one.get("live")} for side in (before, after))
    rows = []
    for name in [*was, *(name for name in now if name not in was)]:
        one, two = was.get(name), now.get(name)
        told = [f"{side['verdict']}{_share(side)}" if side else "-" for side in (one, two)]
        rows.append({"name": name, "before": told[0], "after": told[1], "change": _change(one, two)})
    return rows


def _change(before: t.Optional[Data], after: t.Optional[Data]) -> str:
    if before is None or after is None:
        return NEW if before is None else GONE
    (was, failed), (now, fails) = ((ORDER.index(one["verdict"]), _part(one)) for one in (before, after))
    if was < 2 and now < 2:
        return EQUAL  # both work
    if (was, failed) == (now, fails):
        return EQUAL
    return BETTER if (now, fails) < (was, failed) else WORSE


def _part(verdict: Data) -> float:
    """The part of the paths that breaks, by their weight."""
    return round(float(verdict.get("share_broken") or 0.0), 6)


def _share(verdict: Data) -> str:
    return f" ({verdict['share']})" if verdict["verdict"] == "at_risk" and verdict.get("share") else ""


def verdicts_of(report: Data) -> list[Data]:
    """The verdicts of a diagnosis.json, or those before the change of a forecast.json; raises ValueError."""
    if isinstance(report.get("verdicts"), list):
        return list(report["verdicts"])
    if isinstance(report.get("flows"), list):
        return [{**flow, "verdict": flow["before"], "share": flow.get("share_before", ""),
                 "share_broken": flow.get("share_broken_before", 0.0)} for flow in report["flows"]]
    raise ValueError("it holds neither verdicts nor flows: give diagnosis.json or forecast.json of an earlier run")
