# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what a firewall pair shares come before the reply? Real connections, and beside them what the collection says.

Usage, as root, with PYTHONPATH=build/collections:
    python -m ansible_collections.netpath.symmetry.tests.state_sync.run [--connections 60] [--only ftfw]
Each cell of the matrix is a mode of conntrackd, with or without its external cache, and a delay of replies. All
requests cross one firewall and all replies the other. The last line is the result; the exit status is not 0 when a
verdict is wrong, when a cell is empty, or when the control, who trusts a link that is up, is never wrong.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.tests.state_sync import verdict
from ansible_collections.netpath.symmetry.tests.state_sync.cells import Cell, half_covered, matrix, translated
from ansible_collections.netpath.symmetry.tests.state_sync.pair import Pair
from ansible_collections.netpath.symmetry.tests.state_sync.verdict import Said, Seen

CONNECTIONS = 60
AT_LEAST = 5  # connections, for a cell that is not empty
MEASURED_AGAIN = 3  # times, where a verdict is vague: a busy machine delays what it measures


class Outcome(t.NamedTuple):
    """What was seen and said of a cell."""

    cell: Cell
    seen: Seen
    said: Said
    control: Said

    @property
    def wrong(self) -> str:
        if self.seen.total < AT_LEAST:
            return f"empty: {self.seen.total} connections"
        return verdict.wrong(self.cell, self.seen, self.said)


def play(pair: Pair, cell: Cell, connections: int) -> Outcome:
    """One cell: configured, asked, measured where something is shared, and then tried."""
    pair.configure(cell)
    flow = Flow.parse(cell.flow)
    facts = pair.facts()
    said = verdict.say(facts, flow)
    for _each in range(MEASURED_AGAIN if said.verdict == verdict.UNKNOWN else 0):  # nobody has measured it
        measured = pair.measure(cell.flow)
        facts = pair.facts()
        said = verdict.say(facts, flow)
        if said.verdict != verdict.RACES or not hopeful(measured["fw_b"]["received"]):
            break
    return Outcome(cell, pair.connect(cell.flow, connections), said, verdict.say_by_the_link(facts))


def hopeful(measured: t.Mapping[str, t.Any]) -> bool:
    """Whether at least half of the entries were in time: then it is worth while to look at the late ones again."""
    fastest = min((one["rtt_ms"]["p01"] for one in measured["returns"]), default=0.0)
    return bool(measured["latency_ms"].get("p50", fastest) + measured["bound_ms"] < fastest)


def play_all(cells: t.Sequence[Cell], connections: int) -> t.Iterator[Outcome]:
    """All cells, those of one topology and delay on one lab."""

    def lab_of(cell: Cell) -> tuple[str, int]:
        return cell.network, -1 if cell.delay is None else cell.delay

    for (network, delay), group in itertools.groupby(sorted(cells, key=lab_of), key=lab_of):
        with Pair(None if delay < 0 else delay, network) as pair:
            for cell in group:
                yield play(pair, cell, connections)


def row(outcome: Outcome) -> str:
    """A line of the table."""
    cell, seen = outcome.cell, outcome.seen
    delay = "none" if cell.delay is None else f"{cell.delay / 1000:g} ms"
    counts = f"{seen.fast:4} {seen.stalled:7} {seen.failed:6}"
    end = f"   WRONG: {outcome.wrong}" if outcome.wrong else ""
    return f"{cell.name:46} {delay:>7} {counts}  {outcome.said.verdict:10} {outcome.said.why}{end}"


HEADER = f"{'configuration':46} {'delay':>7} fast stalled failed  {'verdict':10} because"


def summary(outcomes: t.Sequence[Outcome]) -> tuple[str, bool]:
    """The last line, and whether all is as it has to be."""
    wrong = sum(1 for outcome in outcomes if outcome.wrong)
    fooled = sum(1 for one in outcomes if verdict.wrong(one.cell, one.seen, one.control))
    control = f"state-sync: who trusts a link that is up is wrong in {fooled} of {len(outcomes)} cells"
    print(control, flush=True)
    return f"state-sync: cells={len(outcomes)} wrong={wrong}", not wrong and fooled > 0


def main() -> int:
    """Play the matrix and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="of each cell")
    parser.add_argument("--only", action="append", help="cells whose name contains this; may be given several times")
    arguments = parser.parse_args()
    cells = [*matrix(), *half_covered(), *translated()]
    if arguments.only:
        cells = [cell for cell in cells if any(word in cell.name for word in arguments.only)]
    begun = time.monotonic()
    outcomes = []
    print(HEADER, flush=True)
    for outcome in play_all(cells, arguments.connections):
        outcomes.append(outcome)
        print(row(outcome), flush=True)
    print(f"state-sync: {time.monotonic() - begun:.0f} s", flush=True)
    line, good = summary(outcomes)
    print(line)
    return 0 if good and len(outcomes) == len(cells) else 1


if __name__ == "__main__":
    sys.exit(main())
