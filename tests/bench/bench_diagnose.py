# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the diagnose action costs beside the analysis itself, on the facts of 1,000 hosts out of a fact cache.

The task is timed from its start to its result: reading hostvars, importing the engine, analysis, texts, and the way of
the result back to Ansible. The analysis is timed in a process that has imported the engine and read the facts.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import ansible_collections
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.bench import harness, scale_networks
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result

COLLECTIONS = str(pathlib.Path(next(iter(ansible_collections.__path__))).parent)
HOSTS, FLOWS, ROUNDS = 1000, 20, 3


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    made = scale_networks.make(scale_networks.shape_of(HOSTS, 30))
    flows = [flow for flow in made.flows(200) if flow.split()[1].startswith("10.")][:FLOWS]
    inventory(folder, made, flows)
    tasks, analyses = [], []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        diagnose(made.facts, made.variables, flows).to_dict()
        analyses.append(time.perf_counter() - began)
        tasks.append(task_seconds(folder))
    task, analysis = statistics.median(tasks), statistics.median(analyses)
    print(f"{len(made.facts)} hosts: task {task:.1f} s, analysis {analysis:.1f} s ... ", end="", flush=True)
    return [Result.of("diagnose beside its analysis", task - analysis, "s", goal=harness.at_most(2, "s"))]


def inventory(folder: pathlib.Path, made: scale_networks.Made, flows: list[str]) -> None:
    """Hosts with their variables, their facts in a cache of files, and a play with the one task."""
    cache = folder / "cache"
    cache.mkdir()
    for name, facts in made.facts.items():
        (cache / name).write_text(json.dumps({"symmetry": facts}))
    hosts = {name: made.variables.get(name, {}) for name in made.facts}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": {"symmetry_flows": flows}}}))
    task = {"name": "diagnose", "netpath.symmetry.diagnose": {"hosts": list(made.facts), "quiet": True}}
    play = {"hosts": next(iter(made.facts)), "gather_facts": False, "tasks": [task]}
    (folder / "play.json").write_text(json.dumps([play]))


def task_seconds(folder: pathlib.Path) -> float:
    """How long the task took, as the journal callback tells."""
    journal = folder / "journal"
    journal.unlink(missing_ok=True)
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "NETPATH_SYMMETRY_JOURNAL": str(journal),
        "ANSIBLE_CALLBACKS_ENABLED": "netpath.symmetry.journal", "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "cache"),
    }
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "hosts.json"),
         str(folder / "play.json")],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900,
    )
    if done.returncode:
        raise BenchError((done.stdout + done.stderr)[-2000:])
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return float(next(event["seconds"] for event in events if event["event"] == "result"))
