# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults at every step of a change under the guard: every host ends in the old or in the new state, all alike.

Usage, as root, with PYTHONPATH=build/collections:
    python -m ansible_collections.netpath.symmetry.tests.faults.run --faults 200 [--seed 1]
The last line is the result; the exit status is not 0 when a host was left between the states or out of reach of
management, when hosts differ, or when a cell of the matrix is empty.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import queue
import random
import shutil
import signal
import sys
import tempfile
import threading
import typing as t

from ansible_collections.netpath.symmetry.tests.faults import clock
from ansible_collections.netpath.symmetry.tests.faults.case import Case, Outcome, Stage
from ansible_collections.netpath.symmetry.tests.faults.inject import CLOCK, FAULTS, NOT_COVERED, STEPS

LAB_CELLS = tuple(itertools.product(FAULTS, STEPS))
CELLS = (*LAB_CELLS, *((CLOCK, step) for step in STEPS))


def cases(count: int, seed: int) -> list[Case]:
    """``count`` cases, half of them on two hosts: a clock jump at each step, and the other faults in random order.

    They go through all cells again and again, each time in another order.
    """
    rng = random.Random(seed)
    found = [Case(number, CLOCK, step, hosts=1 + number % 2, seed=seed) for number, step in enumerate(STEPS, 1)]
    visits: collections.Counter[tuple[str, str]] = collections.Counter()
    while len(found) < count:
        for cell in rng.sample(LAB_CELLS, len(LAB_CELLS)):
            visits[cell] += 1
            hosts = 1 + (LAB_CELLS.index(cell) + visits[cell]) % 2
            found.append(Case(len(found) + 1, *cell, hosts=hosts, seed=seed))
    return found[:count]


def attempt(stage: Stage, case: Case) -> Outcome:
    """The outcome of a case; one that cannot be judged counts as bad, and the next has another lab."""
    try:
        return stage.play(case)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other cases go on
        stage.renew()
        return Outcome(case, wrong=[f"{type(error).__name__}: {error}"])


class Crew:
    """Labs side by side, each with a thread that takes one case after another."""

    def __init__(self, wanted: t.Sequence[Case], workers: int) -> None:
        self.directory = tempfile.mkdtemp(prefix="nps-faults-")
        self.waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        jumps = [case for case in wanted if case.fault == CLOCK]
        for case in wanted:
            if case.fault != CLOCK:
                self.waiting.put(case)
        self.threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(workers)]
        if jumps:
            self.threads.append(threading.Thread(target=self._emulate, args=(jumps,), daemon=True))
        for thread in self.threads:
            thread.start()

    def _work(self, number: int) -> None:
        try:
            stage = Stage(self.directory, f"faults_{os.getpid()}_{number}")
            try:
                while True:
                    self.done.put(attempt(stage, self.waiting.get_nowait()))
            except queue.Empty:
                pass
            finally:
                stage.lab.remove()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the outcomes
            self.done.put(error)

    def _emulate(self, jumps: t.Sequence[Case]) -> None:
        """The cases that need a clock of their own."""
        try:
            outcomes = clock.play(jumps)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the outcomes
            outcomes = [Outcome(case, wrong=[str(error)] if case is jumps[0] else []) for case in jumps]
        for outcome in outcomes:
            self.done.put(outcome)

    def end(self) -> None:
        """No further case; what has gone wrong is left in the directory."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        for thread in self.threads:
            thread.join()
        if not any(name.startswith("faults_") and "." in name and not name.endswith(".undisturbed")
                   for name in os.listdir(self.directory)):
            shutil.rmtree(self.directory)


def run(wanted: t.Sequence[Case], workers: int) -> t.Iterator[Outcome]:
    """The outcomes as they come, from several labs side by side."""
    crew = Crew(wanted, workers)
    try:
        for _number in wanted:
            outcome = crew.done.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        crew.end()


def matrix(outcomes: t.Sequence[Outcome]) -> t.Iterator[str]:
    """How many faults were injected in each cell, and how often the change was kept."""
    counts = collections.Counter((one.case.fault, one.case.step) for one in outcomes if one.injected)
    width = max(len(name) for name in (*FAULTS, *NOT_COVERED))
    yield f"{'':{width}}  {'  '.join(f'{step:>12}' for step in STEPS)}"
    for fault in (*FAULTS, CLOCK):
        yield f"{fault:{width}}  {'  '.join(f'{counts[fault, step] or chr(45):>12}' for step in STEPS)}"
    for fault, why in NOT_COVERED.items():
        yield f"{fault:{width}}  not covered: {why}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faults", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the order and the moments (default: 1)")
    parser.add_argument("--workers", type=int, default=4, help="labs side by side (default: 4)")
    options = parser.parse_args()
    if options.faults < len(CELLS):
        parser.error(f"--faults {options.faults}: the matrix has {len(CELLS)} cells, and each needs one at least")
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the labs are removed
        if signal.getsignal(sign) != signal.SIG_IGN:  # nohup means it
            signal.signal(sign, signal.default_int_handler)
    outcomes = []
    for outcome in run(cases(options.faults, options.seed), options.workers):
        outcomes.append(outcome)
        print(outcome.line(), flush=True)
        for text in outcome.wrong:
            print(text, flush=True)
    print("\n".join(matrix(outcomes)))
    injected = [one for one in outcomes if one.injected]
    half, lost = sum(one.half for one in outcomes), sum(bool(one.unreachable) for one in outcomes)
    reached = {(one.case.fault, one.case.step) for one in injected}
    empty = [f"{fault} at {step}" for fault, step in CELLS if (fault, step) not in reached]
    kept = sum(set(one.states.values()) == {"new"} for one in injected)
    late = len(outcomes) - len(injected)
    print(f"{kept} changes were kept, {len(injected) - kept - half} taken back, {late} faults came too late")
    for cell in empty:
        print(f"failed: no fault was injected for {cell}")
    multi = sum(one.case.hosts > 1 for one in injected)
    print(f"faults: injected={len(injected)} multi_host={multi} half_states={half} "
          f"unreachable={lost} seed={options.seed}")
    return 1 if half or lost or empty else 0


if __name__ == "__main__":
    sys.exit(main())
