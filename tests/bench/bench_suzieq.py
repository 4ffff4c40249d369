# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One flow judged, against SuzieQ's ``path show`` on the same 100 hosts, both with all their data read.

SuzieQ is installed from PyPI into an environment of its own below build/; where that cannot be, the result is "not
measured". It traces one direction through routes; ours is judged on both directions with rules, firewalls and
connection tracking, one flow after the other, each in full. The flows are between servers, as SuzieQ wants both ends
in its data, and only those count for which it finds the destination.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import read_flows
from ansible_collections.netpath.symmetry.tests.bench import harness, scale_networks
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result

VERSION = "0.25.0"
HOME = pathlib.Path(__file__).resolve().parents[2] / "build" / "suzieq"
NAME = "a flow, against SuzieQ"
FLOWS = 20


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    python, why = install()
    if python is None:
        print(f"SuzieQ could not be installed: {why} ... ", end="", flush=True)
        return [Result.not_measured(NAME, "no SuzieQ here")]
    made = scale_networks.make(scale_networks.shape_of(100, 20))
    servers = set(made.private) | set(made.public)
    inside = [one for one in read_flows(made.flows(2000)) if {one.flow.source, one.flow.destination} <= servers]
    asked = inside[:FLOWS]
    given = {"facts": made.facts, "flows": [[one.flow.source, one.flow.destination] for one in asked]}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), str(pathlib.Path(__file__).with_name("suzieq_reference.py")), str(folder)],
        input=json.dumps(given), capture_output=True, text=True, check=False, env=environment, timeout=600,
    )
    if done.returncode:
        raise BenchError(f"SuzieQ: exit status {done.returncode}\n{done.stderr[-2000:]}")
    theirs = json.loads(done.stdout)
    found = [place for place, reached in enumerate(theirs["reached"]) if reached]
    if len(found) < FLOWS / 2:
        raise BenchError(f"SuzieQ found the destination of {len(found)} of {FLOWS} flows only")
    network = Network.build(made.facts, made.variables)
    for one in inside[-50:]:
        judge(network, one, {})
    ours = []
    for place in found:
        began = time.perf_counter()
        judge(network, asked[place], {})
        ours.append(time.perf_counter() - began)
    print(f"SuzieQ found {len(found)} of {FLOWS} destinations ... ", end="", flush=True)
    reference = statistics.median(theirs["seconds"][place] for place in found)
    return [Result.of(NAME, statistics.median(ours), "s", reference, harness.times_faster(100))]


def install() -> tuple[pathlib.Path | None, str]:
    """The Python of an environment with SuzieQ, or None and what failed."""
    python = HOME / "venv" / "bin" / "python"
    if not (HOME / "venv" / "bin" / "suzieq-cli").exists():
        for command in ([sys.executable, "-m", "venv", str(HOME / "venv")],
                        [str(python), "-m", "pip", "install", "--quiet", f"suzieq=={VERSION}"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
            if done.returncode:
                return None, (done.stderr.strip().splitlines() or ["no message"])[-1]
    return python, ""
