# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults at every step of a change under the guard: every host ends in the old or in the new state, all alike.

Usage, as root, with PYTHONPATH=build/collections:
    python -m ansible_collections.netpath.symmetry.tests.faults.run --faults 200 [--seed 1]
        [--only "power cut"] [--step proven]
The last line is the result; the exit status is not 0 when a host was left between the states or out of reach of
management, when hosts differ, when a cell of the matrix is empty, or when a negative control finds nothing. With --only
or --step, which may be given several times, the cases keep their numbers, so a case is the same as in the whole run.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
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
from ansible_collections.netpath.symmetry.tests.faults.inject import CLOCK, STEPS
from ansible_collections.netpath.symmetry.tests.faults.whole import DiskStage, EmulatedStage, WholeStage

LAB_CELLS = Stage.cells
CLOCK_CELLS = tuple((CLOCK, step) for step in STEPS)
WHOLE_CELLS = (*WholeStage.cells, *DiskStage.cells, *EmulatedStage.cells)
CELLS = (*LAB_CELLS, *CLOCK_CELLS, *WHOLE_CELLS)
DEFAULT = 210  # each cell of a lab twice, the others once
# Faults that must be found to leave half a state where something is left out: number, seed and what is left out.
CONTROLS = (
    Case(9003, "reboot", "confirmed", hosts=1, seed=1, without="the guard's unit", alone=True),
    Case(9002, "power cut", "ended", hosts=1, seed=1, without="syncing"),
)


def cases(count: int, seed: int) -> list[Case]:
    """``count`` cases, half of them on two hosts: clock jumps and whole hosts once at each step, then the other faults.

    The others go through their cells again and again, each time in another order.
    """
    rng = random.Random(seed)
    once = (*CLOCK_CELLS, *WHOLE_CELLS)
    found = [Case(number, *cell, hosts=1 + number % 2, seed=seed) for number, cell in enumerate(once, 1)]
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
        self.done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self.queues: list[queue.SimpleQueue[Case]] = []
        self.threads: list[threading.Thread] = []
        self._engage(Stage, wanted, workers)
        self._engage(WholeStage, wanted, 1)
        self._engage(DiskStage, wanted, 1)
        self._engage(EmulatedStage, wanted, 1)
        jumps = [case for case in wanted if case.fault == CLOCK]
        if jumps:
            self.threads.append(threading.Thread(target=self._emulate, args=(jumps,), daemon=True))
        for thread in self.threads:
            thread.start()

    def _engage(self, kind: type[Stage], wanted: t.Sequence[Case], workers: int) -> None:
        """Threads with a lab of this kind each, for the cases whose cells are its own."""
        waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
        self.queues.append(waiting)
        mine = [case for case in wanted if (case.fault, case.step) in kind.cells]
        for case in mine:
            waiting.put(case)
        for number in range(min(workers, len(mine))):
            name = f"faults_{os.getpid()}_{kind.__name__.lower()}{number}"
            self.threads.append(threading.Thread(target=self._work, args=(kind, name, waiting), daemon=True))

    def _work(self, kind: type[Stage], name: str, waiting: queue.SimpleQueue[Case]) -> None:
        try:
            stage = kind(self.directory, name)
            try:
                while True:
                    self.done.put(attempt(stage, waiting.get_nowait()))
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
        for waiting in self.queues:
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
        for thread in self.threads:
            thread.join()
        if not any(name.startswith("faults_") and "." in name and not name.endswith((".undisturbed", ".json"))
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


# What the steps are: the playbook is held in front of them, and the fault comes then, or while they are made.
MEANING = {
    "armed": "the dead-man switch is armed",
    "routes": "routes and rules are made",
    "translation": "source NAT is made",
    "reverse path": "the reverse-path filter is set",
    "probed": "packets prove it",
    "persisted": "it is written to the host's files, and the managers read them",
    "proven": "packets prove it again",
    "promised": "every host promises to take a confirm",
    "confirmed": "every host confirms",
    "ended": "all have confirmed, and the run ends",
    "reverting": "it is taken back, as the last proof has failed",
}


FAULT_MEANING = {
    fault: (function.__doc__ or "").splitlines()[0]
    for kind in (WholeStage, DiskStage, EmulatedStage, Stage) for fault, function in kind.faults.items()
} | {CLOCK: "The wall clock jumps, by minutes to a year (in an emulated machine)."}


def matrix(outcomes: t.Sequence[Outcome], cells: t.Collection[tuple[str, str]] = CELLS) -> t.Iterator[str]:
    """How many faults were injected in each cell, and how often the change was kept."""
    injected = [one for one in outcomes if one.injected]
    counts = collections.Counter((one.case.fault, one.case.step) for one in injected)
    kept = collections.Counter(
        (one.case.fault, one.case.step) for one in injected if set(one.states.values()) == {"new"}
    )
    half = collections.Counter((one.case.fault, one.case.step) for one in injected if one.half)
    yield "Each cell: faults injected at that step of a change, and how many of these changes were kept (new on all"
    yield "hosts); the others were taken back (old on all hosts), but for those between the states: !N of them."
    yield "-: a cell that is empty. n/a: no such step there, or not made there, as a machine is slow. Steps:"
    for step, meaning in MEANING.items():
        yield f"  {step:12}  {meaning}"
    faults = list(dict.fromkeys(fault for fault, _step in cells))
    yield "Faults:"
    for fault in faults:
        yield f"  {fault:{max(map(len, faults))}}  {FAULT_MEANING[fault]}"
    width = max(len(name) for name in faults)
    yield f"{'':{width}}  {'  '.join(f'{step:>12}' for step in MEANING)}"
    for fault in faults:
        told = []
        for cell in ((fault, step) for step in MEANING):
            bad = f" !{half[cell]}" if half[cell] else ""
            count = f"{counts[cell]}, {kept[cell]} kept{bad}" if counts[cell] else "-"
            told.append(count if cell in cells else "n/a")
        yield f"{fault:{width}}  {'  '.join(f'{text:>12}' for text in told)}"


def judge(outcomes: t.Sequence[Outcome], cells: t.Collection[tuple[str, str]], controls: t.Sequence[Case]) -> list[str]:
    """What is wrong beyond half states and lost hosts, a line each: empty cells, and controls that show nothing."""
    reached = {(one.case.fault, one.case.step) for one in outcomes if one.injected and not one.case.without}
    wrong = [f"no fault was injected for {fault} at {step}" for fault, step in cells if (fault, step) not in reached]
    found = {one.case.number for one in outcomes if one.case.without and one.injected and one.half}
    for case in controls:
        if case.number not in found:
            wrong.append(f"{case.fault} without {case.without} left no half state, so the other cells show nothing")
    return wrong


def chosen(options: argparse.Namespace) -> tuple[list[Case], list[tuple[str, str]], list[Case]]:
    """The cases, cells and negative controls of this run."""

    def asked(fault: str, step: str) -> bool:
        return (not options.only or fault in options.only) and (not options.step or step in options.step)

    wanted = [case for case in cases(options.faults, options.seed) if asked(case.fault, case.step)]
    cells = [cell for cell in CELLS if asked(*cell)]
    rows = {fault for fault, _step in cells}
    return wanted, cells, [case for case in CONTROLS if case.fault in rows and not options.step]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    rows = list(dict.fromkeys(fault for fault, _step in CELLS))
    parser.add_argument("--faults", type=int, default=DEFAULT, help=f"how many (default: {DEFAULT})")
    parser.add_argument("--seed", type=int, default=1, help="of the order and the moments (default: 1)")
    parser.add_argument("--workers", type=int, default=4, help="labs of namespaces side by side (default: 4)")
    parser.add_argument("--only", action="append", choices=rows, metavar="FAULT", help=f"of {', '.join(rows)}")
    parser.add_argument("--step", action="append", choices=list(MEANING), metavar="STEP", help=", ".join(MEANING))
    options = parser.parse_args()
    if options.faults < len(CELLS):
        parser.error(f"--faults {options.faults}: the matrix has {len(CELLS)} cells, and each needs one at least")
    if not chosen(options)[1]:
        parser.error("no such step of such a change: nothing is persisted in the labs of namespaces")
    return options


def main() -> int:
    options = read_options()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the labs are removed
        if signal.getsignal(sign) != signal.SIG_IGN:  # nohup means it
            signal.signal(sign, signal.default_int_handler)
    wanted, cells, controls = chosen(options)
    everything = []
    for outcome in run([*wanted, *controls], options.workers):
        everything.append(outcome)
        print(outcome.line(), flush=True)
        for text in outcome.wrong:
            print(text[:300] if outcome.case.without else text, flush=True)
    outcomes = [one for one in everything if not one.case.without]
    print("\n".join(matrix(outcomes, cells)))
    injected = [one for one in outcomes if one.injected]
    half, lost = sum(one.half for one in outcomes), sum(bool(one.unreachable) for one in outcomes)
    kept = sum(set(one.states.values()) == {"new"} for one in injected)
    late = len(outcomes) - len(injected)
    print(f"{kept} changes were kept, {len(injected) - kept - half} taken back, {late} faults came too late; "
          f"{len(controls)} negative controls")
    wrong = judge(everything, cells, controls)
    for line in wrong:
        print(f"failed: {line}")
    multi = sum(one.case.hosts > 1 for one in injected)
    print(f"faults: injected={len(injected)} multi_host={multi} half_states={half} "
          f"unreachable={lost} seed={options.seed}")
    return 1 if half or lost or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
