# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a verdict of make state-sync is wrong: the judge, without a lab."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.tests.state_sync import cells
from ansible_collections.netpath.symmetry.tests.state_sync.cells import ECHO, ONLY_TCP, Cell
from ansible_collections.netpath.symmetry.tests.state_sync.verdict import Said, Seen, wrong

FAST, SLOW, MIXED = Seen(60, 0, 0), Seen(0, 1, 11), Seen(58, 2, 0)
SHARES, NEAR, WAITS = Cell("ftfw", False, 3000), Cell("ftfw", False, 1000), Cell("ftfw", True, 3000)
MIXED_MODES = Cell("ftfw", False, 3000, modes=("ftfw", "notrack"))
LEFT_OUT = Cell("ftfw", False, 3000, flow=ECHO, leaves_out="udp", filters=ONLY_TCP)


@pytest.mark.parametrize(
    ("cell", "seen", "verdict", "message"),
    [
        (SHARES, FAST, "protects", ""),
        (SHARES, MIXED, "protects", "protects, but 2 of 60 were slow"),
        (SHARES, FAST, "not shared", "not shared, but 60 of 60 were fast"),
        (SHARES, FAST, "races", "too vague"),
        (SHARES, MIXED, "races", ""),
        (SHARES, FAST, "unknown", "unknown, of a pair that could be asked"),
        (NEAR, FAST, "races", ""),
        (NEAR, MIXED, "races", ""),
        (NEAR, FAST, "unknown", "unknown, of a pair that could be asked"),
        (MIXED_MODES, FAST, "unknown", "unknown, of a pair that could be asked and agrees"),
        (MIXED_MODES, FAST, "protects", "sure of a pair that does not agree"),
        (WAITS, SLOW, "not shared", ""),
        (WAITS, SLOW, "protects", "protects, but 12 of 12 were slow"),
        (LEFT_OUT, SLOW, "not shared", "what is left out is not named: udp"),
    ],
)
def test_what_is_wrong(cell: Cell, seen: Seen, verdict: str, message: str) -> None:
    found = wrong(cell, seen, Said(verdict, "because"))
    assert (message in found) if message else not found
    assert not wrong(MIXED_MODES, FAST, Said("unknown", "fw_a is in mode ftfw, fw_b in notrack"))
    assert not wrong(LEFT_OUT, SLOW, Said("not shared", "fw_a leaves out the protocol udp"))


def test_the_matrix_has_every_mode_with_every_delay() -> None:
    matrix = cells.matrix()
    assert len(matrix) == len(set(matrix)) == len(cells.DELAYS) * len(cells.MODES) >= 24
    assert {cell.shares for cell in matrix} == {True, False}
    for cell in matrix:
        text = cell.configuration("fw_a")
        assert ("Sync" in text) == (cell.mode != "none") and ("DisableExternalCache yes" in text) == cell.shares
