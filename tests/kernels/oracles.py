# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oracle of tests/oracle/run.py as one kind of case: random routing questions."""

from __future__ import annotations

import contextlib
import io
import re
import sys

from ansible_collections.netpath.symmetry.tests.kernels.outcome import Outcome
from ansible_collections.netpath.symmetry.tests.oracle import run

_LAST_LINE = re.compile(r"oracle: cases=(\d+) mismatches=(\d+) unknown=(\d+) skipped=(\d+) seed=\d+")


def routing(cases: int, seed: int) -> Outcome:
    """Run the oracle's own command in this process and read its last line."""
    output, arguments = io.StringIO(), sys.argv
    sys.argv = ["oracle", "--cases", str(cases), "--seed", str(seed)]
    try:
        with contextlib.redirect_stdout(output):
            run.main()
    finally:
        sys.argv = arguments
    text = output.getvalue().strip()
    told = _LAST_LINE.fullmatch(text.rpartition("\n")[2])
    if told is None:
        raise RuntimeError(f"the oracle ended with another line: {text[-500:]}")
    compared, mismatches, unknown, skipped = map(int, told.groups())
    return Outcome(compared, unknown, skipped, [text] * mismatches)
