# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against the kernel's own `ip route get`, on random hosts. Needs root."""

from __future__ import annotations

import os
import pathlib
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.oracle import broken_engines, coverage, run, shrink

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
ACCURACY = pathlib.Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
CASES = 3000
OF_A_BROKEN_ENGINE = 100
MAX_UNKNOWN = 15  # of one world, where a group suppresses legs that a hash chooses
MIN_ROWS = 60  # of the table, that must decide at least one case each of so few
SEED = int(os.environ.get("ORACLE_SEED", "30"))
# a sample without one of these has not compared what it is for
MUST_OCCUR = (
    "IPv4 in forward",
    "IPv4 in local",
    "IPv4 in martian",
    "IPv4 in reverse_path",
    "IPv4 in no_route",
    "IPv4 in blackhole",
    "IPv4 in prohibit",
    "IPv4 in not_forwarding",
    "IPv4 out forward",
    "IPv4 out local",
    "IPv6 in forward",
    "IPv6 in local",
    "IPv6 in no_route",
    "IPv6 out forward",
)


def test_the_engine_agrees_with_the_kernel() -> None:
    tally = run.run(CASES, SEED)
    print(f"{tally.cases} cases from seed {SEED}: {dict(sorted(tally.outcomes.items()))}")
    assert not tally.mismatches, tally.mismatches[0]
    assert tally.cases == CASES and not tally.skipped
    assert [kind for kind in MUST_OCCUR if not tally.outcomes[kind]] == []
    assert tally.unknowns <= MAX_UNKNOWN, tally.unknown
    assert tally.spreads
    assert len([row for row in coverage.ROWS if tally.rows[row]]) >= MIN_ROWS


@pytest.mark.parametrize(
    ("breaks", "seed"), broken_engines.ALL, ids=[breaks.__name__ for breaks, _seed in broken_engines.ALL]
)
def test_a_broken_engine_is_caught(
    breaks: t.Callable[[pytest.MonkeyPatch], None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without one of the kernel's habits the comparison must fail, and with all it must not."""
    assert run.run_world(seed, OF_A_BROKEN_ENGINE, decides=False).mismatches == []
    breaks(monkeypatch)
    monkeypatch.setattr(shrink, "explain", lambda world, question, seen: seen)
    assert run.run_world(seed, OF_A_BROKEN_ENGINE, decides=False).mismatches


def test_the_documentation_lists_every_engine_that_is_broken_on_purpose() -> None:
    listed = set(re.findall(r"^\* `(\w+)`: ", ACCURACY.read_text(), re.MULTILINE))
    assert {breaks.__name__ for breaks, _seed in broken_engines.ALL} <= listed
