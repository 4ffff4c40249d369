# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks' arithmetic: what counts as met, who is timed when, what the table looks like."""

from __future__ import annotations

import sys
import time

import pytest

from ansible_collections.netpath.symmetry.tests.bench import harness, run


def test_turns_alternate_and_the_first_does_not_count():
    order = []
    harness.compare(lambda: order.append("a"), lambda: order.append("b"), rounds=3)
    assert "".join(order) == "abababab"


def test_a_slower_reference_gives_a_ratio_below_one():
    goal = harness.times_faster(3)
    result = harness.measure("sleep", lambda: time.sleep(0.005), lambda: time.sleep(0.05), goal, rounds=3)
    assert 0.05 < result.ratio < 0.33
    assert result.met and result.goal == "3 times faster"


@pytest.mark.parametrize(
    ("value", "reference", "goal", "met"),
    [
        (1.0, 8.0, harness.times_faster(8), True),
        (1.1, 8.0, harness.times_faster(8), False),
        (3.0, 2.0, harness.at_most_times(1.5), True),
        (3.1, 2.0, harness.at_most_times(1.5), False),
        (96.0, None, harness.at_most(96, "MB"), True),
        (96.1, 1000.0, harness.at_most(96, "MB"), False),
        (1.0, None, None, None),
    ],
)
def test_met(value, reference, goal, met):
    assert harness.Result.of("x", value, "s", reference, goal).met is met


def test_a_goal_for_the_ratio_needs_a_reference():
    with pytest.raises(ValueError, match="needs a reference"):
        harness.Result.of("x", 1.0, "s", None, harness.times_faster(8))


@pytest.mark.parametrize("how", [harness.seconds, harness.peak_memory])
def test_a_command_that_fails_is_not_measured(how):
    with pytest.raises(harness.BenchError, match="exit status 3\nno such table"):
        how([sys.executable, "-c", "import sys; sys.stderr.write('no such table'); sys.exit(3)"])


def test_peak_memory_sees_what_the_command_held():
    held = harness.peak_memory([sys.executable, "-c", "held = bytearray(800 << 20)"])  # more than this process holds
    assert 800 < held < 830


def test_what_could_not_be_measured_is_told_so():
    line = run.table([harness.Result.not_measured("a flow, against another", "it is not here")]).splitlines()[1]
    assert line.split("  ")[-1] == "it is not here"
    assert " not measured " in line


def test_the_table_fits_100_columns():
    long = harness.Result.of("n" * 80, 123456789.0, "MB", 987654321.0, harness.at_most_times(1000))
    assert all(len(line) <= 100 for line in run.table([long]).splitlines())
