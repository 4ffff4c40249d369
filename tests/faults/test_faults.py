# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of the faults, and the negative control: without the guard the same faults leave hosts between the states.

Needs root. ``make faults`` goes through the whole matrix.
"""

from __future__ import annotations

import collections
import os
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.faults import late
from ansible_collections.netpath.symmetry.tests.faults.case import Case, Outcome, Stage
from ansible_collections.netpath.symmetry.tests.faults.inject import STEPS
from ansible_collections.netpath.symmetry.tests.faults.run import (
    CELLS,
    CONTROLS,
    DEFAULT,
    LAB_CELLS,
    MEANING,
    WHOLE_CELLS,
    cases,
    judge,
    matrix,
)
from ansible_collections.netpath.symmetry.tests.faults.whole import EMULATED_STEPS, WITHOUT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Stage]:
    stage = Stage(str(tmp_path_factory.mktemp("faults")), f"faults_{os.getpid()}")
    yield stage
    stage.lab.remove()


def test_a_control_node_that_dies_while_hosts_confirm_leaves_all_alike(stage: Stage) -> None:
    outcome = stage.play(Case(1, "kill -9 control", "confirmed", hosts=2, seed=1))
    assert outcome.injected and not outcome.half and not outcome.unreachable, outcome.wrong or outcome.line()


def test_without_the_guard_a_fault_leaves_a_half_state(stage: Stage) -> None:
    outcome = stage.play(Case(2, "kill -9 control", "reverse path", hosts=2, seed=1, guarded=False))
    assert outcome.injected and outcome.half and set(outcome.states.values()) == {"half"}, outcome.line()


def test_a_full_run_reaches_every_cell_and_enough_changes_of_two_hosts() -> None:
    assert DEFAULT >= 200
    wanted = cases(DEFAULT, 7)
    counts = collections.Counter((case.fault, case.step) for case in wanted)
    assert set(counts) == set(CELLS) and min(counts.values()) >= 1
    others = DEFAULT - (len(CELLS) - len(LAB_CELLS))
    assert min(counts[cell] for cell in LAB_CELLS) >= others // len(LAB_CELLS) >= 2
    assert sum(case.hosts > 1 for case in wanted) >= 50
    for fault in {fault for fault, _step in CELLS}:
        assert {case.hosts for case in wanted if case.fault == fault} == {1, 2}
    assert cases(DEFAULT, 7) == wanted != cases(DEFAULT, 8)
    anywhere = (len(late.ANYWHERE) + len(late.ON_A_DISK)) * len(late.STEPS)
    assert len(STEPS) == 8 and len(WHOLE_CELLS) == 5 * len(MEANING) + len(EMULATED_STEPS) + anywhere


def test_an_empty_cell_and_a_control_that_finds_nothing_are_told() -> None:
    both = [("reboot", "proven"), ("power cut", "proven")]
    kept = Outcome(Case(1, "reboot", "proven", 1, 1), "rebooted", {"left": "new"})
    shown = Outcome(CONTROLS[0], "reset", {"left": "half"})
    nothing = Outcome(CONTROLS[1], "cut", {"left": "new"})
    assert judge([kept, shown, nothing], both, CONTROLS) == [
        "no fault was injected for power cut at proven",
        "power cut without syncing left no half state, so the other cells show nothing",
    ]
    assert {case.without for case in CONTROLS} == set(WITHOUT)
    gone = Outcome(Case(1, "power cut", "ended", 1, 1), "cut", {"left": "old"})
    assert gone.half and "LOST THOUGH CONFIRMED" in gone.line() and not kept.half
    rows = {line.split("  ")[0]: line for line in matrix([kept], both)}
    assert "1, 1 kept" in rows["reboot"] and rows["power cut"].split()[-1] == "n/a" and " - " in rows["power cut"]
