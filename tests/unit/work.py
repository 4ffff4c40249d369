# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much work something is, counted: tests compare it between sizes, as no clock can be trusted on a busy machine.

Times are measured by tests/bench, against a reference in the same run.
"""

from __future__ import annotations

import collections
import sys
import types
import typing as t


def steps(work: t.Callable[[], object]) -> int:
    """The steps (instructions of Python) that the work takes. What C does between two steps counts as one."""
    counted = 0

    def inside(frame: types.FrameType, event: str, _argument: t.Any) -> t.Any:
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return inside

    _under(sys.settrace, sys.gettrace(), inside, work)
    return counted


def calls(work: t.Callable[[], object]) -> collections.Counter[str]:
    """How often each function of Python is called by the work, by its name."""
    counted: collections.Counter[str] = collections.Counter()

    def inside(frame: types.FrameType, event: str, _argument: t.Any) -> None:
        if event == "call":
            counted[frame.f_code.co_name] += 1

    _under(sys.setprofile, sys.getprofile(), inside, work)
    return counted


def _under(install: t.Callable[[t.Any], None], before: t.Any, watcher: t.Any, work: t.Callable[[], object]) -> None:
    install(watcher)
    try:
        work()
    finally:
        install(before)


class Compared(str):
    """A text that counts how often it is compared with another one: searching a list does so, out of sight."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)  # type: ignore[arg-type]

    __hash__ = str.__hash__
