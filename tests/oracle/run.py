# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a real kernel and the engine the same random questions: they must agree on every one.

Usage, as root, with PYTHONPATH=build/collections:
    python3 -m ansible_collections.netpath.symmetry.tests.oracle.run --cases 100000 [--seed 1]
Prints a count for each kind of answer; a disagreement is shrunk, printed as ip commands, and fails the run.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import Host
from ansible_collections.netpath.symmetry.tests.oracle import kernel
from ansible_collections.netpath.symmetry.tests.oracle.compare import agrees, decide
from ansible_collections.netpath.symmetry.tests.oracle.kernel import Answer
from ansible_collections.netpath.symmetry.tests.oracle.world import Generator, Question, World

PER_WORLD = 300
MAX_UNKNOWN = 0.05  # of all answers; more would make agreement cheap


@dataclasses.dataclass
class Tally:
    """How often which kind of answer was compared."""

    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unknown: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)  # by reason
    moved: int = 0  # worlds that changed while they were asked
    mismatches: list[str] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def run_world(seed: int, tally: Tally) -> None:
    """Build one world, ask it PER_WORLD questions, and compare."""
    generator = Generator(seed, kernel.has_vrfs())
    world = generator.world()
    host = _build(world)
    own = _own_addresses(host)
    questions = [generator.question(own) for _each in range(PER_WORLD)]
    answers = kernel.ask(questions)
    if kernel.read_facts() != host.facts:  # carrier and IPv6 addresses settle a little later than ip returns
        tally.moved += 1
        return
    for question, answer in zip(questions, answers, strict=True):
        decisions = decide(host, question)
        same = agrees(question, decisions, answer)
        way = "in" if question.iif else "out"
        reason = decisions[0].reason or decisions[0].outcome
        tally.counts[f"IPv{question.family} {way} {'unknown' if same is None else reason}"] += 1
        if same is None:
            tally.unknown[decisions[0].detail.partition(": ")[2][:48]] += 1
        if same is False:
            tally.mismatches.append(f"seed {seed}: {explain(world, question)}")
            return


def _build(world: World) -> Host:
    kernel.enter_new_namespace()
    kernel.build(world)
    return Host.from_facts("oracle", kernel.read_facts())


def _own_addresses(host: Host) -> dict[int, list[str]]:
    return {
        family: sorted(
            address.address
            for one in host.interfaces.values()
            for address in one.addresses
            if address.family == family and not address.address.startswith("fe80")
        )
        for family in (4, 6)
    }


def explain(world: World, question: Question) -> str:
    """The smallest world that still disagrees, as commands, with both answers."""
    world = shrink(world, question)
    host, answer = _ask_once(world, question)
    lines = [f"sysctl -w net/{path}={value}" for path, value in world.sysctls]
    lines += [f"ip {command}" for command in world.commands]
    lines += [f"ip -{question.family} {question.words()}", f"  kernel: {answer.text or answer.error}"]
    lines += [
        f"  engine: {one.outcome} {one.device or ''} {one.next_hop or ''} {one.source or ''} {one.reason} {one.detail}"
        for one in decide(host, question)
    ]
    return "\n".join(["the kernel and the engine disagree", *lines])


def _ask_once(world: World, question: Question) -> tuple[Host, Answer]:
    host = _build(world)
    return host, kernel.ask([question])[0]


def _disagrees(world: World, question: Question) -> bool:
    host, answer = _ask_once(world, question)
    try:
        return agrees(question, decide(host, question), answer) is False
    except ValueError:  # an interface of the question was shrunk away
        return False


def shrink(world: World, question: Question) -> World:
    """Leave out every command and sysctl without which they still disagree."""
    for field in ("commands", "sysctls"):
        items: tuple[t.Any, ...] = getattr(world, field)
        size = max(1, len(items) // 2)
        while size:
            at = 0
            while at < len(items):
                fewer = items[:at] + items[at + size :]
                if _disagrees(dataclasses.replace(world, **{field: fewer}), question):
                    items = fewer
                else:
                    at += size
            size //= 2
        world = dataclasses.replace(world, **{field: items})
    return world


def run(cases: int, seed: int, most_mismatches: int = 1, progress: bool = False) -> Tally:
    """Compare at least ``cases`` questions, over worlds of consecutive seeds."""
    tally = Tally()
    started = time.monotonic()
    while tally.total < cases and len(tally.mismatches) < most_mismatches:
        run_world(seed, tally)
        seed += 1
        if progress and seed % 100 == 0:
            print(f"{tally.total} of {cases} cases, {time.monotonic() - started:.0f} s", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=30000, help="how many questions at least (default: 30000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; each world has the next (default: 1)")
    parser.add_argument("--mismatches", type=int, default=1, help="stop after so many (default: 1)")
    options = parser.parse_args()
    tally = run(options.cases, options.seed, options.mismatches, progress=True)
    for kind, count in sorted(tally.counts.items()):
        print(f"{count:9} {kind}")
    for why, count in tally.unknown.most_common(20):
        print(f"{count:9} unknown: {why}")
    for text in tally.mismatches:
        print(text)
    unknown = sum(count for kind, count in tally.counts.items() if kind.endswith(" unknown"))
    told = f"{len(tally.mismatches)} disagree, {unknown} unknown, {tally.moved} worlds moved meanwhile"
    print(f"{tally.total} cases from seed {options.seed}: {told}")
    return 1 if tally.mismatches or unknown > MAX_UNKNOWN * tally.total else 0


if __name__ == "__main__":
    sys.exit(main())
