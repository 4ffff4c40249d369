# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Errors of the lab, and the places in a topology file that they name."""

from __future__ import annotations

import dataclasses


class LabError(Exception):
    """Something about a lab went wrong; the message says what, where and what to do."""


@dataclasses.dataclass(frozen=True)
class Mark:
    """A place in a topology file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class TopologyError(LabError):
    """A topology file is wrong; the message begins with file, line and column."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(f"{mark}: {message}")
        self.mark = mark
