# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a real kernel and the engine the same random questions: they must agree on every one.

Usage, as root, with PYTHONPATH=build/collections:
    python3 -m ansible_collections.netpath.symmetry.tests.oracle.run --cases 1000000 [--seed 1] [--jobs 2]
Prints how many cases each element of a host decides. A disagreement is shrunk and printed as a script of commands.
The last line is "oracle: cases=N mismatches=M unknown=U skipped=K seed=S".
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import signal
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.tests.oracle import asking, coverage, kernel, shrink, spread
from ansible_collections.netpath.symmetry.tests.oracle.compare import decide, difference
from ansible_collections.netpath.symmetry.tests.oracle.generator import Generator
from ansible_collections.netpath.symmetry.tests.oracle.random_questions import Questions
from ansible_collections.netpath.symmetry.tests.oracle.tally import Tally
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

PER_WORLD = 300
MAX_UNKNOWN = 0.001  # of all cases; more would make agreement cheap
_ATTEMPTS = 20  # to ask a world that changes meanwhile
_FULL_TABLE = 100_000  # cases from which on every row of the table must reach its floor


class Asked(t.NamedTuple):
    """A host with questions and the kernel's answers."""

    host: Host
    questions: list[Question]
    answers: list[asking.Answer]
    matched: list[t.Any]
    rows: dict[Question, set[str]]  # what decides those that were chosen among several


def run_world(seed: int, cases: int, decides: bool = True) -> Tally:
    """Build one world, ask it questions, and compare.

    With ``decides`` the questions are chosen for what decides them, and that is counted.
    """
    tally = Tally()
    generator = Generator(seed, kernel.has_vrfs(), kernel.has_dscp_rules())
    world = generator.world()
    kernel.enter_new_namespace()
    kernel.build(world)
    asked = _ask(generator, cases, decides, tally)
    if asked is None:
        tally.skipped += cases
        return tally
    for question, answer, matched in zip(asked.questions, asked.answers, asked.matched, strict=True):
        decisions = decide(asked.host, question)
        differs = difference(asked.host, question, decisions, answer, matched)
        tally.cases += 1
        if differs is None:
            tally.unknown[_reason(decisions[0].detail)] += 1
        elif differs:
            seen = f"{differs}; kernel: {answer.text or answer.error}; engine: {', '.join(map(shrink.told, decisions))}"
            tally.mismatches.append(f"seed {seed}: {shrink.explain(world, question, seen)}")
            return tally
        else:
            way = "in" if question.iif else "out"
            tally.outcomes[f"IPv{question.family} {way} {decisions[0].reason or decisions[0].outcome}"] += 1
            if decides:
                known = asked.rows.get(question)
                tally.rows.update(coverage.deciding(asked.host, question, decisions) if known is None else known)
    uneven = spread.check(asked.host, generator, asked.questions, tally)
    tally.mismatches += [f"seed {seed}: {text}" for text in uneven]
    return tally


def _ask(generator: Generator, cases: int, chosen: bool, tally: Tally) -> Asked | None:
    """The answers of the namespace, which must be the same before and after; None where it never stands still."""
    host = Host.from_facts("oracle", kernel.read_settled_facts())
    questions = generator.questions(own_addresses(host))
    candidates = generator.theme.candidates if chosen else 1
    rows: dict[Question, set[str]] = {}
    wanted = [_choose(host, questions, candidates, rows) for _each in range(cases)]
    for _attempt in range(_ATTEMPTS):
        answers, matched = asking.ask(wanted), asking.matched_routes(wanted)
        facts = kernel.read_settled_facts()
        if facts == host.facts:
            return Asked(host, wanted, answers, matched, rows)
        tally.moved += 1
        rows = {}
        host = Host.from_facts("oracle", facts)
    return None


def _choose(host: Host, questions: Questions, candidates: int, rows: dict[Question, set[str]]) -> Question:
    """The first question that something rare decides, by the engine's account, else the last."""
    question = questions.question()
    for _each in range(candidates - 1):
        rows[question] = coverage.deciding(host, question, decide(host, question))
        if rows[question] & coverage.RARE:
            break
        question = questions.question()
    return question


def own_addresses(host: Host) -> dict[int, list[str]]:
    """The host's addresses by family, without link-local ones."""
    return {
        family: sorted(
            address.address
            for one in host.interfaces.values()
            for address in one.addresses
            if address.family == family and not address.address.startswith("fe80")
        )
        for family in (4, 6)
    }


def _reason(detail: str) -> str:
    return detail.removeprefix("oracle: ")[:60]


def run(cases: int, seed: int, most_mismatches: int = 1, jobs: int = 1, progress: bool = False) -> Tally:
    """Compare exactly ``cases`` questions, over worlds of consecutive seeds, until too many disagree."""
    tasks = [(seed + at // PER_WORLD, min(PER_WORLD, cases - at)) for at in range(0, cases, PER_WORLD)]
    tally = Tally()
    started = shown = time.monotonic()
    try:
        for part in _parts(tasks, jobs):
            tally.add(part)
            if progress and time.monotonic() - shown > 15:
                shown = time.monotonic()
                print(f"{tally.cases} of {cases} cases, {tally.numbers()}, {shown - started:.0f} s", flush=True)
            if len(tally.mismatches) >= most_mismatches:
                break
    except KeyboardInterrupt:  # what was seen until then is worth a report, and fails for the cases that are missing
        print("interrupted", flush=True)
    return tally


def _parts(tasks: list[tuple[int, int]], jobs: int) -> t.Iterator[Tally]:
    if jobs == 1:
        yield from (run_world(*task) for task in tasks)
        return
    with multiprocessing.get_context("fork").Pool(jobs, _end_quietly) as pool:
        yield from pool.imap_unordered(_run_task, tasks, chunksize=4)


def _end_quietly() -> None:
    """The process that asked for the work reports; those that do it only end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run_task(task: tuple[int, int]) -> Tally:
    return run_world(*task)


def report(tally: Tally, cases: int) -> bool:
    """Print what was seen; true where all that was promised holds."""
    print(coverage.table(tally, absent_rows()))
    for kind, count in sorted(tally.outcomes.items()):
        print(f"{count:9} {kind}")
    for why, count in tally.unknown.most_common(20):
        print(f"{count:9} unknown: {why}")
    for text in tally.mismatches:
        print(text)
    print(f"{tally.spreads} multipath routes had the shares foretold, {tally.moved} worlds moved and were asked again")
    good = not tally.mismatches and not tally.skipped and tally.cases == cases
    good &= tally.unknowns <= MAX_UNKNOWN * tally.cases
    if cases >= _FULL_TABLE:
        low = coverage.under_floor(tally, absent_rows())
        if low:
            print(f"under their floor: {', '.join(low)}")
        good &= not low
    return good


@functools.cache
def absent_rows() -> frozenset[str]:
    """The rows of the table that this kernel cannot show."""
    kernel_has = {"l3mdev": kernel.has_vrfs(), "dscp": kernel.has_dscp_rules()}
    return frozenset(f"rule: selector: {selector}" for selector, there in kernel_has.items() if not there)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=30000, help="how many questions (default: 30000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; each world has the next (default: 1)")
    parser.add_argument("--mismatches", type=int, default=1, help="stop after so many (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all processors)")
    options = parser.parse_args()
    # a shell ignores SIGINT for what it runs in the background
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    tally = run(options.cases, options.seed, options.mismatches, options.jobs, progress=True)
    good = report(tally, options.cases)
    print(f"oracle: cases={tally.cases} {tally.numbers()} seed={options.seed}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
