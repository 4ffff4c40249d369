# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a trial, and the summary of a change, by what was seen."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.change import change_summary, comparison_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.trial import judge_trial

MENDED = {"name": "api", "before": "broken", "after": "symmetric", "change": "better"}
OTHER = {"name": "other", "before": "symmetric", "after": "symmetric", "change": "equal"}
ALL, SOME, NONE = ({"sent": 5, "received": 5}, {"sent": 5, "received": 4}, {"sent": 0, "received": 0})


@pytest.mark.parametrize(("measured", "failed", "answer", "why"), [
    ({"api": ALL, "other": ALL}, [], "held", "each time"),
    ({"api": SOME, "other": ALL}, [], "not held", "api did not"),
    ({"api": ALL, "other": SOME}, [], "not held", "other did not"),
    ({"api": NONE}, [], "not held", "api did not"),
    ({"api": ALL}, ["api"], "not held", "api did not"),
    ({"other": ALL}, [], "no answer", "no flow that the change would mend"),
    ({}, [], "no answer", "no flow that the change would mend"),
])  # fmt: skip
def test_the_answer_of_a_trial(measured: dict[str, dict[str, int]], failed: list[str], answer: str, why: str) -> None:
    told = judge_trial([MENDED, OTHER], measured, failed, 5)
    assert told["answer"] == answer and why in told["why"]
    assert max(map(len, told["lines"])) <= 100 and answer in told["lines"][-1]


def test_a_change_board_reads_what_was_not_reached_and_why() -> None:
    batch = {"canary": False, "joined": [], "change_id": "CHG1.1", "hosts": ["gw1"]}
    batches = [{**batch, "number": number} for number in (1, 2, 3)]
    batches[1]["joined"] = ["api"]
    failures = {"gw1": "Another host failed and the change was taken back", "gw2": "Not proven: " + "long " * 60}
    outcomes = {1: {"state": "kept", "failures": {}}, "2": {"state": "taken back", "failures": failures}}
    told = change_summary({"change_id": "CHG1", "batches": batches}, outcomes, {"fw9"})
    assert [one["state"] for one in told["batches"]] == ["kept", "taken back", "not reached"]
    assert told["batches"][1]["why"].startswith("gw2: Not proven"), "the host that failed, not those that followed it"
    assert told["batches"][2]["why"] == "batch 2 was taken back"
    assert told["failed"].startswith("Batch 2 of 3 was taken back: gw2")
    text = chr(10).join(told["lines"])
    assert "not read, so neither judged nor changed: fw9" in text and "would make api worse in between" in text
    assert max(map(len, told["lines"])) <= 100


def test_a_comparison_counts() -> None:
    rows = [{"name": "a", "before": "broken", "after": "symmetric", "change": "better"},
            {"name": "b", "before": "-", "after": "at_risk (1 of 2)", "change": "new"}]  # fmt: skip
    lines = comparison_lines(rows)
    assert lines[-1] == "1 better, 0 equal, 0 worse, 1 new"
