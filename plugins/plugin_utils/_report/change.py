# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What became of a change in batches, and of its flows, for those who have to sign it."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import MARKS, paragraph, table
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import not_carried_lines, reach_lines

Data = t.Mapping[str, t.Any]
SIGNS = {"kept": "✔", "returned": "✔", "checked": "✔", "unchanged": "≈", "taken back": "✘", "in doubt": "?"}


def change_summary(forecast: Data, outcomes: Data, unread: t.Collection[str]) -> dict[str, t.Any]:
    """``{change_id, batches: [{number, canary, change_id, hosts, state, why}], unread, failed, reach, not_carried,
    lines}``.

    ``outcomes`` by the number of the batch: ``{state, failures: {host: why}}``. A batch without one was not reached.
    ``failed`` says in one sentence why it stopped, and is empty where it did not.
    """
    told = [_batch(batch, outcomes.get(batch["number"]) or outcomes.get(str(batch["number"])))
            for batch in forecast.get("batches", ())]
    stopped = next((one for one in told if one["why"]), None)
    for one in told:
        if one["state"] == "not reached" and stopped:
            one["why"] = f"batch {stopped['number']} was {stopped['state']}"
    failed = f"Batch {stopped['number']} of {len(told)} was {stopped['state']}: {stopped['why']}" if stopped else ""
    found = {"change_id": forecast["change_id"], "batches": told, "unread": sorted(unread), "failed": failed,
             "reach": list(forecast.get("reach", ())), "not_carried": list(forecast.get("not_carried", ()))}
    return {**found, "lines": change_lines(found)}


def _batch(batch: Data, outcome: Data | None) -> dict[str, t.Any]:
    failures = outcome["failures"] if outcome else {}
    reasons = {why: [host for host in failures if failures[host] == why] for why in failures.values()}
    first = {why: hosts for why, hosts in reasons.items() if not why.startswith("Another host failed")} or reasons
    return {
        **{key: batch[key] for key in ("number", "canary", "change_id", "hosts", "joined")},
        "state": outcome["state"] if outcome else "not reached",
        "why": "; ".join(f"{', '.join(hosts)}: {why}" for why, hosts in first.items()),
    }


def change_lines(found: Data) -> list[str]:
    """The summary for a terminal of 100 columns."""
    rows = [
        [f"{one['number']}{' canary' if one['canary'] else ''}", one["change_id"],
         f"{SIGNS.get(one['state'], '-')} {one['state']}", ", ".join(one["hosts"])]
        for one in found["batches"]
    ]
    lines = [f"CHANGE {found['change_id']}", *table(["batch", "change", "outcome", "hosts"], rows)]
    if not rows:
        lines = [f"CHANGE {found['change_id']}: nothing was to be changed"]
    for one in found["batches"]:
        if one["joined"]:
            lines += paragraph(f"batch {one['number']} is larger than asked for: cut in two it would make "
                               f"{', '.join(one['joined'])} worse in between", "! ")
        if one["why"]:
            lines += paragraph(f"batch {one['number']} {one['state']}: {one['why']}", "! ")
    lines += [*reach_lines(found), *not_carried_lines(found)]
    if found["unread"]:
        lines += paragraph(f"not read, so neither judged nor changed: {', '.join(found['unread'])}", "! ")
    return lines


def comparison_lines(rows: t.Sequence[Data]) -> list[str]:
    """Verdicts before and after, a row for each flow, and how many are better, equal and worse."""
    cells = [[row["name"], *(f"{MARKS.get(row[key].partition(' ')[0], ' ')} {row[key]}" for key in ("before", "after")),
              row["change"]] for row in rows]
    counts = {word: sum(row["change"] == word for row in rows) for word in ("better", "equal", "worse", "gone", "new")}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count or word not in ("gone", "new"))
    return ["BEFORE AND AFTER", *table(["flow", "before", "after", "change"], cells), told]
