# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The race of shared state against the reply, and the clocks that it is measured by."""

from __future__ import annotations

import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import race

GOOD: dict[str, t.Any] = {
    "samples": 500,
    "lost": 0,
    "latency_ms": {"p50": 0.2, "p99": 0.4, "p999": 0.5},
    "bound_ms": 0.1,
    "wait_ms": 2000.0,
}


@pytest.mark.parametrize(
    ("changes", "fastest", "verdict", "not_below"),
    [
        ({}, 0.61, "protects", 0.6),
        ({}, 0.6, "races", 0.6),
        ({}, 0.05, "races", 0.6),
        ({"bound_ms": 3}, 3.0, "races", 3.5),
        ({}, None, "unknown", 0.6),
        ({"samples": 99}, 10.0, "unknown", None),
        ({"lost": 400, "latency_ms": {"p50": 1.0}}, 10.0, "races", 2000),
        ({"lost": 500, "latency_ms": {}}, 5000.0, "races", 2000),
        ({"lost": 1, "latency_ms": {"p50": 0.2, "p99": 0.4}}, 10.0, "races", 2000),
    ],
)
def test_verdicts(changes: dict[str, t.Any], fastest: float | None, verdict: str, not_below: float | None) -> None:
    said = race.judge({**GOOD, **changes}, fastest)
    assert (said.verdict, said.not_below_ms) == (verdict, not_below)
    assert not_below is None or f"{not_below:g} ms" in said.sentence


def test_nothing_is_assumed_without_a_measurement() -> None:
    for nothing in (None, {}):
        assert race.judge(nothing, 10.0).verdict == "unknown"


def test_what_was_lost_counts_as_later_than_all() -> None:
    values = [float(number) for number in range(1, 100)]
    assert race.percentile(values, 0.99, lost=1) == 99.0 and race.percentile(values, 0.99, lost=2) is None
    assert race.percentile(values, 0.5) == 50.0 and race.percentile([3.0], 0.01) == 3.0
    assert race.percentile([], 0.5) is None


def exchange(random_: random.Random, ahead: t.Callable[[float], float], when: float) -> race.Exchange:
    """An exchange over a link that takes 40 microseconds or more each way, not equally."""
    there = when + 40e-6 + random_.expovariate(1 / 50e-6)
    sent_there = there + random_.expovariate(1 / 20e-6)
    back = sent_there + 40e-6 + random_.expovariate(1 / 50e-6)
    return when, there + ahead(there), sent_there + ahead(sent_there), back


@pytest.mark.parametrize("seed", range(20))
def test_the_offset_of_steady_clocks_is_within_its_bound(seed: int) -> None:
    random_ = random.Random(seed)
    ahead = random_.uniform(-1e6, 1e6)
    found = race.offset([exchange(random_, lambda _when: ahead, when * 0.05) for when in range(40)])
    assert abs(found.value - ahead) <= found.bound + 1e-9 and found.bound < 60e-6


@pytest.mark.parametrize("seed", range(20))
def test_a_drifting_clock_widens_the_bound(seed: int) -> None:
    random_ = random.Random(seed)
    rate = random_.choice((-1, 1)) * random_.uniform(200e-6, 500e-6)  # of a second, a second; good clocks have 20e-6
    found = race.offset([exchange(random_, lambda when: 5 + rate * when, when * 0.05) for when in range(100)])
    ends = [5.0, 5 + rate * 99 * 0.05]
    assert all(abs(found.value - end) <= found.bound + 1e-4 for end in ends)
    assert found.bound > abs(rate) * 5 / 2 * 0.8


def test_without_an_exchange_there_is_no_offset() -> None:
    with pytest.raises(ValueError, match="no exchange"):
        race.offset([])
