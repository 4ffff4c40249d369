# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run roles by ansible-playbook inside a real host, and compare four runs by what ip, nft and /proc/sys tell."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns


class Run(t.NamedTuple):
    """What a run of a playbook told."""

    rc: int
    changed: int
    diff: list[str]
    text: str


class Host:
    """A multi-homed host between a client and two providers, of which the second is the way out."""

    def __init__(self, netns: Netns, far: Netns, client: Netns, directory: pathlib.Path) -> None:
        self.netns = netns
        self.far = far
        self.client = client
        self._directory = directory

    def play(self, roles: t.Sequence[str], variables: t.Mapping[str, t.Any], *options: str) -> Run:
        guard = {f"{role}_require_guard": False for role in roles}
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, **guard, **variables},
            "roles": [f"netpath.symmetry.{role}" for role in roles],
        }
        playbook = self._directory / "play.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        environment = {
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_COLLECTIONS_PATH": os.environ.get("ANSIBLE_COLLECTIONS_PATH", _collections()),
        }
        executable = shutil.which("ansible-playbook", path=os.path.dirname(sys.executable)) or "ansible-playbook"
        command = [executable, "-i", "localhost,", "--diff", str(playbook), *options]
        done = subprocess.run(
            self.netns.with_state(*command),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        recap = re.search(r"^localhost .*changed=(\d+)", done.stdout, re.M)
        marks = ("+", "-", "@", " \t", "# ")
        diff = [line for line in done.stdout.splitlines() if line.startswith(marks)]
        return Run(done.returncode, int(recap[1]) if recap else -1, diff, done.stdout + done.stderr)

    def state(self) -> str:
        return self.netns.output(
            "ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft -s list ruleset; "
            "cat /proc/sys/net/ipv4/conf/*/rp_filter"
        )

    def way(self, destination: str, source: str = "") -> str:
        family = "-6 " if ":" in destination else ""
        origin = f"from {source}" if source else ""
        return str(self.netns.json(f"ip -j {family}route get {destination} {origin}")[0]["dev"])


def _collections() -> str:
    """The directory above ansible_collections from which this test was imported."""
    return str(pathlib.Path(sys.modules[Netns.__module__].__file__ or "").parents[5])


def four_runs(host: Host, role: str, variables: t.Mapping[str, t.Any], changed: int) -> None:
    """Check, run, check, run: the first check predicts, nothing is left for the second."""
    before = host.state()
    check = host.play([role], variables, "--check")
    assert (check.rc, check.changed) == (0, changed), check.text
    assert host.state() == before, "check mode changed the host"
    run = host.play([role], variables)
    assert (run.rc, run.changed) == (0, changed), run.text
    assert run.diff == check.diff and run.diff, "the prediction is not the outcome"
    after = host.state()
    assert after != before
    for options in (["--check"], []):
        again = host.play([role], variables, *options)
        assert (again.rc, again.changed, again.diff) == (0, 0, []), again.text
        assert host.state() == after
