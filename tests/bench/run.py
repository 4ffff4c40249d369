# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the benchmarks: every tests/bench/bench_*.py, each a module with ``run(work_dir) -> list[Result]``.

Prints a table and writes build/bench/results.json, a list of objects with the fields of harness.Result.
The exit status is 1 when a goal is missed, 2 when a benchmark could not be run.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import pathlib
import sys
import tempfile
import time

from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "build" / "bench"
NAME_WIDTH = 32


def benches() -> dict[str, str]:
    """The module of each benchmark by its short name."""
    package = "ansible_collections.netpath.symmetry.tests.bench"
    return {path.stem.removeprefix("bench_"): f"{package}.{path.stem}" for path in sorted(HERE.glob("bench_*.py"))}


def number(value: float | None, unit: str = "") -> str:
    """Three or four figures that count, without an exponent."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    return f"{value:,.{digits}f} {unit}".rstrip()


def row(name: str, value: str, reference: str, ratio: str, goal: str, met: str) -> str:
    """One line of the table; at most 100 columns."""
    if len(name) > NAME_WIDTH:
        name = name[: NAME_WIDTH - 1] + "…"
    return f"{name:{NAME_WIDTH}} {value:>14} {reference:>14} {ratio:>8}  {goal:19.19} {met:>6}".rstrip()


def table(results: list[Result]) -> str:
    lines = [row("what", "value", "reference", "ratio", "goal", "met")]
    for result in results:
        met = {True: "yes", False: "MISSED", None: ""}[result.met]
        value = "not measured" if result.value is None else number(result.value, result.unit)
        reference = number(result.reference, result.unit)
        lines.append(row(result.name, value, reference, number(result.ratio), result.goal or "", met))
    return "\n".join(lines)


def save(results: list[Result], ran: set[str]) -> pathlib.Path:
    """Write all results; a run of some benchmarks only keeps what the file says of the others."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / "results.json"
    new = [dataclasses.asdict(result) for result in results]
    if ran != set(benches()) and path.exists():
        names = {entry["name"] for entry in new}
        new = [entry for entry in json.loads(path.read_text()) if entry["name"] not in names] + new
    path.write_text(json.dumps(new, indent=2) + "\n")
    return path


def main() -> int:
    known = benches()
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", choices=sorted(known), help=f"one of: {', '.join(known)}")
    wanted = {name: known[name] for name in known if parser.parse_args().only in (None, name)}
    results: list[Result] = []
    broken = 0
    for place, (name, module) in enumerate(wanted.items(), 1):
        print(f"[{place}/{len(wanted)}] {name} ... ", end="", flush=True)
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix=f"nps-bench-{name}-") as folder:
                found = importlib.import_module(module).run(pathlib.Path(folder))
        except BenchError as error:
            broken += 1
            print(f"could not be run:\n{error}", flush=True)
            continue
        results += found
        print(f"{len(found)} results in {time.monotonic() - began:.0f} s", flush=True)
    path = save(results, set(wanted))
    print(f"\n{table(results)}\n\nwritten to {path.relative_to(OUTPUT.parent.parent)}")
    missed = sum(result.met is False for result in results)
    if missed or broken:
        print(f"{missed} goals missed, {broken} benchmarks could not be run")
    return 2 if broken else 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
