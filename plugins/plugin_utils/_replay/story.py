# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The telling of a replay: numbered steps, checks that hold or do not, and the record of both."""

from __future__ import annotations

import contextlib
import dataclasses
import textwrap
import time
import typing as t

WIDTH = 100


class ReplayError(Exception):
    """The replay cannot go on; the message says what happened and where to look."""


@dataclasses.dataclass
class Check:
    """One statement about what was seen."""

    text: str
    ok: bool
    detail: str = ""


@dataclasses.dataclass
class Step:
    """One chapter: what was done, what was checked, how long it took."""

    name: str
    title: str
    checks: list[Check] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and bool(self.checks) and all(check.ok for check in self.checks)


class Story:
    """Tells the steps as they happen through ``emit`` (one call per line) and keeps them."""

    def __init__(self, emit: t.Callable[[str], None], colour: bool = False) -> None:
        self._emit = emit
        self._colour = colour
        self.steps: list[Step] = []
        self.lines: list[str] = []

    def say(self, text: str = "", indent: int = 2) -> None:
        """Print text, indented, line by line."""
        for line in text.split("\n"):
            line = (" " * indent + line).rstrip()
            self.lines.append(line)
            self._emit(self._paint(line))

    @contextlib.contextmanager
    def step(self, name: str, title: str) -> t.Iterator[Step]:
        """Open a step; an exception inside marks it as failed and ends the replay."""
        step = Step(name, title)
        self.steps.append(step)
        number = len(self.steps)
        self.say("", 0)
        self.say(f"── {number}. {title} " + "─" * max(3, WIDTH - len(title) - len(str(number)) - 6), 0)
        started = time.monotonic()
        try:
            yield step
        except BaseException as error:
            step.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.seconds = round(time.monotonic() - started, 2)
            mark = "✔" if step.ok else "✘"
            hold = sum(check.ok for check in step.checks)
            self.say(f"{mark} {title}: {hold} of {len(step.checks)} checks hold, {step.seconds:.1f} s")

    def check(self, step: Step, text: str, ok: bool, detail: str = "") -> bool:
        """State whether something holds; the detail shows what was seen."""
        step.checks.append(Check(text, ok, detail))
        line = f"{'✔' if ok else '✘'} {text}" + (f"  ({detail})" if detail else "")
        self.say(
            "\n    ".join(textwrap.wrap(line, WIDTH - 6, break_on_hyphens=False)) if len(line) > WIDTH - 2 else line
        )
        return ok

    def _paint(self, line: str) -> str:
        if not self._colour:
            return line
        stripped = line.lstrip()
        for start, code in _COLOURS:
            if stripped.startswith(start):
                return f"\033[{code}m{line}\033[0m"
        return line


_COLOURS = (
    ("──", "1;36"),
    ("✔", "32"),
    ("✘", "1;31"),
    ("$ ", "1"),
    ("+++", "1"),
    ("---", "1"),
    ("+", "32"),
    ("-", "31"),
    ("@@", "36"),
)
