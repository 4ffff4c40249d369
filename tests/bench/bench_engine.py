# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the engine judges, how that grows, and what it takes on 10,000 hosts.

The networks and the mix of flows are those of scale_networks.py; every figure is of a process of its own, in wall time.
A flow is judged both ways, along every branch. Flows that the network cannot tell apart are judged once
(_engine/flows/alike.py says when that is so), and what is counted is the verdict with the share of path pairs that
break; paths and texts are made for the flows that somebody asks about. Reading the facts and finding out which flows
may be alike is told separately in the lines that are printed, and is part of the time on 10,000 hosts.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.bench import harness
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result

RUN = pathlib.Path(__file__).with_name("engine_run.py")
MANY, FEW = 10_000, 1_000


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    few_flows = engine(hosts=100, routes=FEW, flows=FEW)
    few_routes = engine(hosts=100, routes=FEW, flows=MANY)
    many_routes = engine(hosts=100, routes=MANY, flows=MANY)
    large = engine(hosts=10_000, routes=30, flows=100_000, cores=2)
    in_all = large["build"] + large["classes"] + large["seconds"]
    return [
        Result.of("a flow, 10,000 routes per host", per_flow(many_routes), "us", goal=harness.at_most(200, "us")),
        Result.of("the same, 1,000 routes", per_flow(many_routes), "us", per_flow(few_routes),
                  harness.at_most_times(1.3)),
        Result.of("10,000 flows, against 1,000", few_routes["seconds"], "s", few_flows["seconds"],
                  harness.at_most_times(12)),
        Result.of("10,000 hosts, 100,000 flows", in_all, "s", goal=harness.at_most(60, "s")),
        Result.of("their memory", large["memory"], "MB", goal=harness.at_most(4096, "MB")),
    ]


def per_flow(ran: t.Mapping[str, t.Any]) -> float:
    """Microseconds for each flow."""
    return 1e6 * ran["seconds"] / ran["flows"]


def engine(**options: int) -> dict[str, t.Any]:
    """One run of engine_run.py: its answer, with that on the flows in it."""
    command = [sys.executable, str(RUN), *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    ran = {**answer, **answer["judged"][0]}
    print(f"{ran['hosts']} hosts, {options['routes']} routes each: read in {ran['build']:.1f} s, classes in "
          f"{ran['classes']:.1f} s, {ran['flows']} flows in {ran['seconds']:.2f} s ... ", end="", flush=True)
    return ran
