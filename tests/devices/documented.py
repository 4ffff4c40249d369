# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/devices.md, as tests compare them with the code."""

from __future__ import annotations

import functools
import pathlib

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "devices.md"
READ, NO_END, NOT_READ = "yes", "yes*", "-"


@functools.cache
def table(heading: str) -> dict[str, dict[str, str]]:
    """The table below a heading: by the first column, and then by the names of the others; raises StopIteration."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.strip("# ") == heading)
    first = next(line for line in lines if line.startswith("|"))
    names = _cells(first)
    next(lines)
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = _cells(line)
        rows[cells[0]] = dict(zip(names[1:], cells[1:], strict=True))
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def without_an_end(platform: str) -> set[str]:
    """Parts that may come from answers of which nobody can tell that a device ended them early."""
    return {part for part, row in table("What is read").items() if row.get(platform) == NO_END}
