# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What benchmarks share: results with goals, times of two things compared, and peak memory.

A number that is compared is always measured in one run with its reference, in turns (A B A B ...), and the medians
are compared: load from elsewhere then falls on both.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import time
import typing as t

# A command, or a function that does the work once.
Work = t.Union[t.Sequence[str], t.Callable[[], object]]


class BenchError(RuntimeError):
    """A measured command failed; the message holds the command and the end of its output."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a number should be. ``limit`` is for the ratio to the reference, or for the value if ``absolute``."""

    limit: float
    text: str
    absolute: bool = False

    def met(self, value: float, ratio: float | None) -> bool:
        number = value if self.absolute else ratio
        if number is None:
            raise ValueError(f"the goal {self.text!r} needs a reference")
        return number <= self.limit


def times_faster(factor: float) -> Goal:
    """Ours takes at most 1/factor of the reference's time."""
    return Goal(1 / factor, f"{factor:g} times faster")


def at_most_times(factor: float) -> Goal:
    """Ours is at most factor times the reference."""
    return Goal(factor, f"at most {factor:g} times")


def at_most(limit: float, unit: str) -> Goal:
    """Ours is at most this, whatever anything else takes."""
    return Goal(limit, f"at most {limit:g} {unit}", absolute=True)


@dataclasses.dataclass(frozen=True)
class Result:
    """One number. ``ratio`` is value / reference; ``goal`` is in words; ``met`` is None where there is no goal.

    A value of None is one that could not be measured; ``goal`` then says why.
    """

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None

    @classmethod
    def of(cls, name: str, value: float, unit: str, reference: float | None = None, goal: Goal | None = None) -> Result:
        ratio = value / reference if reference else None
        return cls(name, value, unit, reference, ratio, goal and goal.text, goal and goal.met(value, ratio))

    @classmethod
    def not_measured(cls, name: str, why: str) -> Result:
        return cls(name, None, "", goal=why)


def do(work: Work) -> None:
    """Run the work once; a command that fails raises BenchError."""
    if callable(work):
        work()
        return
    done = subprocess.run(work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout)[-2000:]
        raise BenchError(f"{' '.join(work)}: exit status {done.returncode}\n{output}")


def seconds(work: Work) -> float:
    """The wall time of one run, in seconds."""
    began = time.perf_counter()
    do(work)
    return time.perf_counter() - began


def compare(ours: Work, reference: Work, rounds: int = 5) -> tuple[float, float]:
    """The median wall times of both in seconds, run in turns after one turn that does not count."""
    do(ours), do(reference)
    times: list[tuple[float, float]] = [(seconds(ours), seconds(reference)) for _round in range(rounds)]
    return statistics.median(one for one, _other in times), statistics.median(other for _one, other in times)


def measure(name: str, ours: Work, reference: Work, goal: Goal | None = None, rounds: int = 5) -> Result:
    """Compare two pieces of work by time."""
    value, other = compare(ours, reference, rounds)
    return Result.of(name, value, "s", other, goal)


def peak_memory(command: t.Sequence[str]) -> float:
    """The most memory that a command held at once, in MB (ru_maxrss, getrusage(2)).

    The kernel counts what the process held before it became the command, so that a result is never below
    the size of this process.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process.stderr as stream:
        output = stream.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = output[-2000:].decode(errors="replace")
        raise BenchError(f"{' '.join(command)}: exit status {process.returncode}\n{message}")
    return usage.ru_maxrss / 1024
