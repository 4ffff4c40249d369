# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of make state-sync: what is said of a pair that shares, waits or leaves out, against connections."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.state_sync import run, verdict
from ansible_collections.netpath.symmetry.tests.state_sync.cells import ECHO, ONLY_TCP, Cell
from ansible_collections.netpath.symmetry.tests.state_sync.pair import Pair

LATE = 10_000  # microseconds; also a machine that does much else shares a connection in less
SAMPLE = {
    "waits": (Cell("ftfw", True, LATE), verdict.NOT_SHARED),
    "left out": (Cell("ftfw", False, LATE, flow=ECHO, leaves_out="udp", filters=ONLY_TCP), verdict.NOT_SHARED),
    "shares": (Cell("ftfw", False, LATE), verdict.PROTECTS),
}


def test_a_verdict_says_what_connections_see() -> None:
    fooled = 0
    with Pair(LATE) as pair:
        for name, (cell, expected) in SAMPLE.items():
            outcome = run.play(pair, cell, 20)
            assert not outcome.wrong and outcome.said.verdict == expected, (name, outcome)
            fooled += bool(verdict.wrong(cell, outcome.seen, outcome.control))
    assert fooled, "who trusts a link that is up is wrong"
