# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role state_sync mends a pair between routers that spread flows: over SSH, under the guard, with real packets."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.sync_pair import wait
from ansible_collections.netpath.symmetry.tests.lab.test_firewall_pairs import SERVER, answered, echoed, http, spread

PLAYBOOK = str(pathlib.Path(sys.executable).with_name("ansible-playbook"))
MEMBERS = {"fw_a": "172.31.0.1", "fw_b": "172.31.0.2"}
TOUCHED = ("cat /etc/conntrackd/*; nft list tables; ls -A /var/lib/netpath-symmetry 2>/dev/null; "
           "sysctl net.netfilter.nf_conntrack_tcp_be_liberal; pgrep -c conntrackd || :")
ARM = {"netpath.symmetry.change_guard": {"state": "armed", "change_id": "CHG1", "timeout": 120}}
REVERT = {"netpath.symmetry.change_guard": {"state": "reverted", "change_id": "CHG1"}}
ROLE = {"ansible.builtin.include_role": {"name": "netpath.symmetry.state_sync"}}


class Deployed:
    """A lab, and plays over the members of its pair."""

    def __init__(self, lab: Lab, folder: pathlib.Path) -> None:
        self.lab, self._folder = lab, folder

    def play(self, *tasks: t.Mapping[str, t.Any], **variables: t.Any) -> str:
        play = {"hosts": "firewalls", "gather_facts": False, "tasks": list(tasks), "vars": variables}
        path = self._folder / "play.json"
        path.write_text(json.dumps([play]))
        command = [PLAYBOOK, str(path), *self.lab.ansible_options("firewall_pair_ecmp"),
                   "-e", f"@{self._addresses()}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, "ANSIBLE_NOCOLOR": "1"})
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def _addresses(self) -> pathlib.Path:
        """What the inventory of a user says of each member."""
        path = self._folder / "extra.json"
        path.write_text(json.dumps({"state_sync_group": "firewalls", "state_sync_interface": "sync",
                                    "state_sync_address": "{{ members[inventory_hostname] }}", "members": MEMBERS}))
        return path

    def state(self) -> dict[str, str]:
        return {name: self.lab.output(name, TOUCHED) for name in MEMBERS}

    def dies(self) -> bool:
        return set(answered(self.lab, SERVER)) == {True, False}


def without_guard(state: t.Mapping[str, str]) -> list[list[str]]:
    """What is there beside the guard's own files, which stay."""
    ours = ("changes", "lock", "symmetry-guard")
    return [[line for line in text.splitlines() if line not in ours] for text in state.values()]


@pytest.mark.long
def test_flows_die_until_the_pair_shares_state_and_again_when_it_is_taken_back(
    lab: BuildLab, tmp_path: pathlib.Path
) -> None:
    pair = Deployed(lab("firewall_pair_ecmp_unsynchronised"), tmp_path)
    try:
        spread(pair.lab, SERVER)
        http(pair.lab, SERVER)
        before = pair.state()
        assert pair.dies(), "nothing is shared"
        told = pair.play(ARM, ROLE, state_sync_sysctls={"nf_conntrack_tcp_be_liberal": 1})
        assert told.count("changed=2 ") == 2, told
        http(pair.lab, SERVER)
        assert all(answered(pair.lab, SERVER)) and all(echoed(pair.lab, SERVER)), "every flow lives"
        pair.play(REVERT)
        assert without_guard(pair.state()) == without_guard(before), "the guard takes all of it back"
        wait(pair.dies, "a pair that shares nothing lets every flow live")
        told = pair.play(ROLE, state_sync_require_guard=False)
        assert told.count("changed=1 ") == 2, told
        http(pair.lab, SERVER)
        assert all(answered(pair.lab, SERVER)) and all(echoed(pair.lab, SERVER))
    finally:
        pair.play(ROLE, state_sync_require_guard=False, state_sync_state="absent")
    assert without_guard(pair.state()) == without_guard(before)
    assert pair.dies(), "what other tests find is what they expect"
