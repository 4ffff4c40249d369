# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which failure breaks which flow, as a person reads it: flows that one failure treats alike share a row."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import MARKS, paragraph, table

Data = t.Mapping[str, t.Any]
HEADERS = ["failure", "new flows", "under way", "which, and why"]
MOST_ROWS = 60
_FLOWS = 4


def what_if_lines(found: Data) -> list[str]:
    """Single points of failure, then the table, what was left out of it, and what was assumed."""
    lines = ["WHAT IF (what one failure does)", *paragraph(_measure(found)), ""]
    lines += ["single points of failure"]
    for point in found["single_points"]:
        lines += paragraph(f"{point['failure']}: breaks {_some(point['flows'])}", "- ")
    if not found["single_points"]:
        lines += ["- none: no failure that was looked at breaks a flow that works now, but for those of its own ends"]
    rows = what_if_rows(found)
    if rows:
        lines += ["", *table(HEADERS, rows[:MOST_ROWS])]
    if len(rows) > MOST_ROWS:
        lines.append(f"and {len(rows) - MOST_ROWS} more rows: see what_if in diagnosis.json")
    own = own_ends(found)
    if own:
        lines += ["", *paragraph(own)]
    lines += ["", "assumed of failures"]
    for text in found["assumptions"]:
        lines += paragraph(text, "- ")
    return lines


def what_if_rows(found: Data) -> list[list[str]]:
    """Failure, new flows, flows under way, and which they are with the reason; without failures of their own ends."""
    grouped: dict[tuple[str, str, str, str], list[Data]] = {}
    for row in found["rows"]:
        if not row["own"]:
            grouped.setdefault((row["failure"], row["before"], row["after"], row["established"]), []).append(row)
    return [
        [failure, _change(before, after), under_way or "-",
         f"{_some([row['flow'] for row in rows])}: {_why(rows[0])}"]
        for (failure, before, after, under_way), rows in grouped.items()
    ]


def _why(row: Data) -> str:
    """Of new flows where they fare otherwise than now, else of those under way."""
    return row["why"] if row["before"] != row["after"] or not row["why_established"] else row["why_established"]


def own_ends(found: Data) -> str:
    """The failures that were left out of the table."""
    own = {row["failure"] for row in found["rows"] if row["own"]}
    if not own:
        return ""
    flows = {row["flow"] for row in found["rows"] if row["own"]}
    return (f"Not listed: {len(own)} failures of a host that is itself an end of a flow, or of its only link "
            f"({len(flows)} flows).")


def _measure(found: Data) -> str:
    return (f"{len(found['failures'])} failures and {found['flows']} flows: {found['pairs']} pairs of them touch each "
            f"other, of which {found['judged']} were judged: one for all flows that are alike.")


def _change(before: str, after: str) -> str:
    return f"{MARKS.get(before, ' ')} → {MARKS.get(after, ' ')} {after}" if before != after else \
        f"{MARKS.get(after, ' ')} {after}"


def _some(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - _FLOWS} more" if len(names) > _FLOWS else ""
    return ", ".join(names[:_FLOWS]) + more
