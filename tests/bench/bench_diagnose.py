# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the diagnose action costs beside the analysis itself, on the facts of 1,000 hosts out of a fact cache on disk.

The task is timed from its start to its result: reading hostvars, analysis, texts, and the way of the result back to
Ansible. Ansible imports an action before it says that the task has begun, so importing the engine is timed by itself,
in a process that has imported Ansible, and added. The analysis is timed in a process that has imported the engine and
read the facts. Facts are copied among the variables (inject_facts_as_vars) as Ansible does unless told otherwise.
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
TASK = "Diagnose"
IMPORT = """
import time
import ansible.executor.process.worker, ansible.plugins.action, ansible.template, ansible.vars.hostvars
began = time.perf_counter()
import ansible_collections.netpath.symmetry.plugins.action.diagnose
print(time.perf_counter() - began)
"""


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    made = scale_networks.make(scale_networks.shape_of(HOSTS, 30))
    flows = [flow for flow in made.flows(200) if flow.split()[1].startswith("10.")][:FLOWS]
    inventory(folder, made, flows)
    play(folder, "give.json")
    tasks, analyses, imports = [], [], []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        found = diagnose(made.facts, made.variables, flows).to_dict()
        analyses.append(time.perf_counter() - began)
        tasks.append(task_seconds(folder))
        same_verdicts(folder, [told["verdict"] for told in found["verdicts"]])
        imports.append(import_seconds())
    task, analysis, imported = (statistics.median(seconds) for seconds in (tasks, analyses, imports))
    print(f"{len(made.facts)} hosts: import {imported:.1f} s, task {task:.1f} s, analysis {analysis:.1f} s ... ",
          end="", flush=True)
    return [Result.of("diagnose beside its analysis", imported + task - analysis, "s", goal=harness.at_most(2, "s"))]


def inventory(folder: pathlib.Path, made: scale_networks.Made, flows: list[str]) -> None:
    """Hosts with their variables, a playbook that gives each its facts, and one that runs the one task."""
    known = folder / "facts"
    known.mkdir()
    for name, facts in made.facts.items():
        (known / name).write_text(json.dumps(facts))
    hosts = {name: made.variables.get(name, {}) for name in made.facts}
    everywhere = {"symmetry_flows": flows, "ansible_python_interpreter": sys.executable}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": everywhere}}))
    read = f"{{{{ lookup('ansible.builtin.file', '{known}/' ~ inventory_hostname) | from_json }}}}"
    told = "{{ found.verdicts | map(attribute='verdict') | list | to_json }}"
    give = {"hosts": "all", "gather_facts": False, "connection": "local",
            "tasks": [{"ansible.builtin.set_fact": {"symmetry": read, "cacheable": True}}]}
    ask = {"hosts": next(iter(made.facts)), "gather_facts": False, "connection": "local", "tasks": [
        {"name": TASK, "netpath.symmetry.diagnose": {"hosts": list(made.facts), "quiet": True}, "register": "found"},
        {"ansible.builtin.copy": {"content": told, "dest": str(folder / "verdicts.json"), "mode": "0600"}},
    ]}
    (folder / "give.json").write_text(json.dumps([give]))
    (folder / "ask.json").write_text(json.dumps([ask]))


def same_verdicts(folder: pathlib.Path, expected: list[str]) -> None:
    """The task must have done the same work: a play that lost the facts would be fast."""
    seen = json.loads((folder / "verdicts.json").read_text())
    if seen != expected or "unknown" in seen:
        raise BenchError(f"the task came to {seen[:5]}, the analysis to {expected[:5]}")


def task_seconds(folder: pathlib.Path) -> float:
    """How long the task took, as the journal callback tells."""
    journal = folder / "journal"
    journal.unlink(missing_ok=True)
    play(folder, "ask.json")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return float(next(event["seconds"] for event in events if event["event"] == "result" and event["task"] == TASK))


def play(folder: pathlib.Path, name: str) -> None:
    """Run a playbook of the folder, with a fact cache there."""
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "NETPATH_SYMMETRY_JOURNAL": str(folder / "journal"),
        "ANSIBLE_CALLBACKS_ENABLED": "netpath.symmetry.journal", "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "cache"),
        "ANSIBLE_INJECT_FACT_VARS": "true",
    }
    run_here([str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "hosts.json"),
              str(folder / name)], environment)


def import_seconds() -> float:
    """How long it takes to import the action where Ansible is imported already."""
    told = run_here([sys.executable, "-c", IMPORT], dict(os.environ))
    return float(told)


def run_here(command: list[str], environment: dict[str, str]) -> str:
    """Run a command to its end; raises BenchError with its output."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900)
    if done.returncode:
        raise BenchError((done.stdout + done.stderr)[-2000:])
    return done.stdout
