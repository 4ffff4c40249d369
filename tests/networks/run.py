# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random networks by number: the engine's verdicts against what real packets do.

Usage, as root, with PYTHONPATH=build/collections:
    python -m ansible_collections.netpath.symmetry.tests.networks.run --networks 500 [--seed 1]
The network of each seed is built of network namespaces; what the engine says of its flows is written to a file and
hashed before the first packet. The last line is the result; the exit status is not 0 when a verdict was wrong or a full
run has not shown enough.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import pathlib
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.networks import kept, narrow
from ansible_collections.netpath.symmetry.tests.networks.network import Result, run_network

FULL = 500  # networks from which on the floors below count
MIN_REASON = 20
MIN_PLANS = 200
MIN_KEPT = 5
MIN_BROKEN = 0.40
MAX_UNKNOWN = 0.01
FOLDER = pathlib.Path("build/networks")
# a drop reason that no network of a full run shows is a hole in this test, not a success
REASONS = (
    "astray", "blackhole", "filter: policy", "filter: reject", "filter: rule",
    "filter: rule on state", "link_down", "loop", "martian", "neighbour", "no_route", "not_forwarding", "prohibit",
    "reverse_path", "translation", "unreachable",
)


def run(seeds: t.Iterable[int], workers: int, folder: pathlib.Path | None = None) -> t.Iterator[Result]:
    """The results of the networks of these seeds, in order."""
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        waiting = [pool.submit(run_network, seed, folder) for seed in seeds]
        for future in waiting:
            yield future.result()


def total_of(results: t.Iterable[Result]) -> Result:
    """All results as one."""
    total = Result(0)
    for one in results:
        total.flows += one.flows
        total.broken += one.broken
        total.unknown += one.unknown
        total.plans += one.plans
        total.packets += one.packets
        total.wrong += one.wrong
        for name in ("verdicts", "reasons", "features", "unknowns", "remedies", "large", "kept"):
            getattr(total, name).update(getattr(one, name))
    return total


def shortcomings(total: Result, networks: int) -> list[str]:
    """Why the run as a whole has failed."""
    found = [f"{len(total.wrong)} wrong"] if total.wrong else []
    if total.unknown > MAX_UNKNOWN * total.flows:
        found.append(f"{total.unknown} of {total.flows} flows are unknown, at most {MAX_UNKNOWN:.0%} may be")
    if networks < FULL:
        return found
    if total.broken < MIN_BROKEN * total.flows:
        found.append(f"{total.broken} of {total.flows} flows are broken, at least {MIN_BROKEN:.0%} must be")
    if total.flows < 10 * networks:
        found.append(f"{total.flows} flows in {networks} networks")
    if total.plans < MIN_PLANS:
        found.append(f"{total.plans} plans, at least {MIN_PLANS} are wanted")
    found += [f"{total.reasons[reason]} flows die for {reason}, at least {MIN_REASON} must"
              for reason in sorted({*REASONS, *total.reasons}) if total.reasons[reason] < MIN_REASON]
    found += [f"{total.kept[what]} {what}, at least {MIN_KEPT} must" for what in kept.FATES.values()
              if total.kept[what] < MIN_KEPT]
    found += [f"{total.large[what]} {what}, at least {MIN_REASON} must" for what in narrow.FATES.values()
              if total.large[what] < MIN_REASON]
    return found


def table(total: Result) -> t.Iterator[str]:
    """What has occurred, with counts."""
    parts = (("verdicts", total.verdicts), ("drop reasons", total.reasons), ("features of networks", total.features),
             ("forecast", total.remedies), ("narrow links", total.large), ("over a plan", total.kept),
             ("not known", total.unknowns))
    for title, counted in parts:
        if counted:
            yield title
            yield from (f"{count:8}  {name}" for name, count in sorted(counted.items()))
    yield f"packets sent as flows of their own, with those over several client ports and after plans: {total.packets}"
    yield f"plans={total.plans}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, default=FULL, help=f"how many (default: {FULL})")
    parser.add_argument("--seed", type=int, default=1, help="of the first network; each has the next (default: 1)")
    parser.add_argument("--workers", type=int, default=4, help="processes; they wait more than they work (default: 4)")
    options = parser.parse_args()
    results, digests = [], hashlib.sha256()
    for one in run(range(options.seed, options.seed + options.networks), options.workers, FOLDER):
        results.append(one)
        digests.update(one.digest.encode())
        print(f"network {one.seed}: {one.flows} flows, {one.broken} broken, {len(one.wrong[:-1])} wrong, predictions "
              f"{FOLDER}/{one.seed}.json sha256 {one.digest}", flush=True)
        for text in one.wrong:
            print(f"{text}\n", flush=True)
        one.wrong = one.wrong[:-1]  # without the transcript
    total = total_of(results)
    print("\n".join(table(total)))
    print(f"sha256 over those of all predictions: {digests.hexdigest()}")
    failures = shortcomings(total, options.networks)
    for failure in failures:
        print(f"failed: {failure}")
    print(f"networks: networks={len(results)} flows={total.flows} broken={total.broken} wrong={len(total.wrong)} "
          f"unknown={total.unknown} seed={options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
