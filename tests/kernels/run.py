# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the engine with more than one kernel: this machine's, and the distribution's in an emulated machine.

Usage, as root, with PYTHONPATH=build/collections:
    python3 -m ansible_collections.netpath.symmetry.tests.kernels.run [--cases 6000] [--seed 1]
Prints how many cases of each kind each kernel had; "-" where a kernel lacks what the kind needs. The last line is
"kernels: kernels=K cases=N mismatches=M unknown=U". Fails on a mismatch, on more than 0.1 % unknown, on a skipped
case, and where no kernel had a case of some kind.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.kernels import guest, image, job

MAX_UNKNOWN = 0.001
_SHARES = {
    **{"routing": 1.0, "packets": 0.2, "VLAN packets": 0.1, "VRF packets": 0.1},
    **{"VRF replies": 0.05, "delayed packets": 0.02, "offloaded packets": 0.05},
}
_SECONDS_PER_CASE = 0.5  # in the emulated machine at the very most; with a start of 100 s


def cases_of(total: int) -> dict[str, int]:
    """How many cases of each kind make a run of ``total`` routing questions for each kernel."""
    return {kind: max(1, round(total * _SHARES[kind])) for kind in job.KINDS}


def on_this_machine(one: t.Any) -> t.Any:
    """The result of a job on the kernel that this runs on, in a process of its own: it changes its namespaces."""
    done = subprocess.run(
        [sys.executable, "-m", job.__name__, json.dumps(one)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def on_stock_kernel(one: t.Any, timeout: float) -> t.Any:
    """The result of a job on the stock kernel; raises image.ImageError and guest.GuestError."""
    return guest.run(image.stock_image(), job.__name__, one, timeout)


def table(results: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """A row for each kernel, a column for each kind."""
    width = max(len(result["release"]) for result in results)
    lines = [f"{'kernel':{width}}" + "".join(f"  {kind:>{len(kind)}}" for kind in job.KINDS)]
    for result in results:
        counts = (str(result["kinds"][kind]["cases"]) if kind in result["kinds"] else "-" for kind in job.KINDS)
        cells = "".join(f"  {count:>{len(kind)}}" for kind, count in zip(job.KINDS, counts, strict=True))
        lines.append(f"{result['release']:{width}}{cells}")
    return "\n".join(lines)


def total(results: t.Sequence[t.Mapping[str, t.Any]], field: str) -> int:
    return sum(int(outcome[field]) for result in results for outcome in result["kinds"].values())


def mismatches(results: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    return [
        f"{result['release']}, {kind}:\n{text}"
        for result in results
        for kind, outcome in result["kinds"].items()
        for text in outcome["mismatches"]
    ]


def faults(results: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """Why the run has failed; empty where it has not."""
    wrong, unknown, skipped = len(mismatches(results)), total(results, "unknown"), total(results, "skipped")
    cases = total(results, "cases")
    found = [f"{wrong} mismatches"] if wrong else []
    found += [f"{unknown} of {cases} unknown"] if unknown > MAX_UNKNOWN * cases else []
    found += [f"{skipped} skipped"] if skipped else []
    found += [f"only {len(results)} kernel"] if len({result["release"] for result in results}) < 2 else []
    empty = [kind for kind in job.KINDS if not any(result["kinds"].get(kind, {}).get("cases") for result in results)]
    return found + ([f"no case of {', '.join(empty)}"] if empty else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--cases",
        type=int,
        default=6000,
        help="routing questions for each kernel, other cases in proportion (default: 6000)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first case of each kind (default: 1)")
    options = parser.parse_args()
    one = {"cases": cases_of(options.cases), "seed": options.seed}
    try:
        results = [on_this_machine(one), on_stock_kernel(one, 100 + _SECONDS_PER_CASE * sum(one["cases"].values()))]
    except (image.ImageError, guest.GuestError) as error:
        print(f"kernels: error: {error}", file=sys.stderr)
        return 2
    for text in mismatches(results):
        print(text)
    print(table(results))
    found = faults(results)
    if found:
        print(f"failed: {'; '.join(found)}")
    counts = f"kernels={len(results)} cases={total(results, 'cases')} mismatches={len(mismatches(results))}"
    print(f"kernels: {counts} unknown={total(results, 'unknown')}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
