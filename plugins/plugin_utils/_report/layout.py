# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Tables and paragraphs for a terminal of 100 columns."""

from __future__ import annotations

import textwrap
import typing as t

WIDTH = 100
MARKS = {"symmetric": "✔", "asymmetric_harmless": "≈", "at_risk": "!", "broken": "✘", "unknown": "?"}


def marked(verdict: str) -> str:
    """A verdict with the sign that shows it at a glance."""
    return f"{MARKS.get(verdict, ' ')} {verdict}"


def table(headers: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], width: int = WIDTH) -> list[str]:
    """Lines of a table; the last column is wrapped to what the others leave of the width."""
    fixed = [max(len(row[index]) for row in [headers, *rows]) for index in range(len(headers) - 1)]
    last = max(20, width - sum(fixed) - 2 * len(fixed))
    lines = [_row(headers, fixed), "  ".join("─" * size for size in [*fixed, min(last, _longest(headers, rows))])]
    for row in rows:
        wrapped = textwrap.wrap(row[-1], last) or [""]
        lines.append(_row([*row[:-1], wrapped[0]], fixed))
        lines += [_row([""] * len(fixed) + [more], fixed) for more in wrapped[1:]]
    return lines


def paragraph(text: str, indent: str = "", hanging: str = "", width: int = WIDTH) -> list[str]:
    """Wrapped lines: the first after ``indent``, the others after ``hanging`` (default: as wide as ``indent``)."""
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=hanging or " " * len(indent), break_long_words=False
    ) or [indent.rstrip()]


def _row(cells: t.Sequence[str], fixed: t.Sequence[int]) -> str:
    return "  ".join([*(cell.ljust(size) for cell, size in zip(cells, fixed, strict=False)), cells[-1]]).rstrip()


def _longest(headers: t.Sequence[str], rows: t.Sequence[t.Sequence[str]]) -> int:
    return max(len(row[-1]) for row in [headers, *rows])
