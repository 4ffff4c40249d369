# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy routing: 1,000 pinned prefixes applied, against ``ip -batch``; planning 10,000 objects against 10,000."""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import prefixes
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.policy_routing import plan
from ansible_collections.netpath.symmetry.tests.bench import harness, policy_run
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

RUN = pathlib.Path(__file__).with_name("policy_run.py")
PREFIXES, ROUNDS = 1_000, 7
MANY = 10_000
INTERFACES = {"wan": {"up": True, "addresses": [{"family": 4, "address": "198.51.100.2", "prefixlen": 30}]}}


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    return [*applied(), planned()]


def applied() -> list[Result]:
    """All in one process of a namespace, in turns."""
    host = Netns("policy").create()
    try:
        host.run("ip link add wan type veth peer name far; ip link set far up; ip link set wan up; "
                 "ip address add 198.51.100.2/30 dev wan")
        done = subprocess.run(
            host.with_state(sys.executable, str(RUN), str(PREFIXES), str(ROUNDS)), capture_output=True, text=True,
            check=False, timeout=600)
    finally:
        host.delete()
    if done.returncode:
        raise BenchError((done.stdout + done.stderr)[-2000:])
    ours, reference, whole = (statistics.median(seconds) for seconds in zip(*json.loads(done.stdout), strict=True))
    return [
        Result.of("1,000 pinned prefixes, ip -batch", ours, "s", reference, harness.at_most_times(2)),
        Result.of("the same with reading, planning, comparing", whole, "s", reference),
    ]


def planned() -> Result:
    """From declared pins to the plan: 10,000 pins, a tenth of them new, on a host with 10,000 routes of ours.

    It also has 10,000 rules of others, each of which might be in the way.
    """
    old = policy_run.pinned(MANY + MANY // 10)
    hop = (NextHop(gateway="198.51.100.1", device="wan"),)
    host = Host(
        rules=(*(Rule(family=4, priority=20_000 + place % 5_000, table=254, src=f"10.{place >> 8}.{place & 255}.0/24",
                      protocol=4) for place in range(MANY)),
               Rule(family=4, priority=10_100, table=10_100, protocol=PROTOCOL)),
        routes=tuple(Route(family=4, table=10_100, dst=route.dst, nexthops=hop, protocol=PROTOCOL)
                     for route in old.tables[0].routes[MANY // 10:]),
        interfaces=t.cast("dict[str, t.Any]", INTERFACES),
    )
    seconds = []
    for _round in range(ROUNDS):
        prefixes.network.cache_clear()  # as in a new process
        prefixes._canonical.cache_clear()
        began = time.perf_counter()
        found = plan(host, policy_run.pinned(MANY), policy_run.OPTIONS)
        seconds.append(time.perf_counter() - began)
    if len(found.changes) < MANY:
        raise BenchError(f"only {len(found.changes)} changes were planned")
    return Result.of("planning 10,000 against 10,000", statistics.median(seconds), "s", goal=harness.at_most(1, "s"))
