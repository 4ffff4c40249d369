# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded changes of real hosts are rolled back by their ids: those that nothing depends on, in any order."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import PLAYBOOK, kernel, play
from ansible_collections.netpath.symmetry.tests.lab.test_remediate_safety import messages, standing

HOSTS = ("server", "server_strict")
ROUTES = {"scope": "manual", "tables": [{"name": "t", "id": "10500", "routes": [
    {"dst": "203.0.113.0/25", "gateway": "10.2.0.1", "device": "eth1"}]}]}  # fmt: skip
LOOKUP = {**ROUTES, "rules": [{"priority": 10500, "dst": "203.0.113.0/25", "table": "t"}]}
MORE = {**ROUTES, "rules": [*LOOKUP["rules"], {"priority": 10501, "dst": "198.18.0.0/15", "table": "t"}]}  # type: ignore[misc]
LOOSE = {"interfaces": [{"name": "eth1", "mode": "loose", "reason": "two uplinks"}]}
# Loose has nothing to do with the others, Lookup needs what Filled has put into the table.
CHANGES = [("Loose", "rp_filter", LOOSE), ("Filled", "policy_routing", ROUTES), ("Lookup", "policy_routing", LOOKUP)]


def make(lab: Lab, folder: pathlib.Path, prefix: str, changes: t.Sequence[tuple[str, str, t.Any]] = CHANGES) -> None:
    """Make and confirm the changes on both hosts, one after another."""
    tasks: list[t.Any] = []
    for name, module, options in changes:
        change_id = prefix + name
        tasks += [
            {"netpath.symmetry.change_guard": {"state": "armed", "change_id": change_id, "hosts": list(HOSTS)}},
            {f"netpath.symmetry.{module}": {**options, "require_guard": True, "change_id": change_id}},
            {"netpath.symmetry.change_guard": {"state": "confirmed", "change_id": change_id}},
        ]
    playbook = folder / "changes.yml"
    playbook.write_text(json.dumps([{"hosts": ",".join(HOSTS), "gather_facts": False, "tasks": tasks}]))
    command = [PLAYBOOK, str(playbook), *lab.ansible_options()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:]


def state(lab: Lab) -> dict[str, str]:
    """Both hosts: their network and their registers of exceptions."""
    listing = "cat /var/lib/netpath-symmetry/register/*.entry 2>/dev/null || true"
    return {host: kernel(lab, host) + lab.output(host, listing) for host in HOSTS}


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    return lab("multihomed_server", fresh=True)


@pytest.mark.long
def test_what_a_later_change_needs_is_not_rolled_back_and_a_list_is_in_the_right_order(
    network: Lab, tmp_path: pathlib.Path
) -> None:
    before = state(network)
    make(network, tmp_path, "a")
    made = state(network)
    assert all("10500" in text and "two uplinks" in text for text in made.values()), "nothing was changed"
    refused = messages(play(network, tmp_path, "rollback", "-e", "symmetry_change_id=aFilled", status=2).output)
    assert "these may depend on it: aLookup; roll them back first in this order" in refused, refused
    assert "Why: aLookup touches route/4/10500" in refused, refused
    assert "aLoose" not in refused and state(network) == made, "nothing was rolled back"
    # Older than both, and nothing of theirs: the negative control of the refusal.
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=aLoose")
    assert {standing(network, host, "aLoose") for host in HOSTS} == {"rolled_back"}
    assert all("10500" in text and "two uplinks" not in text for text in state(network).values())
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=aFilled,aLookup")
    assert state(network) == before


@pytest.mark.long
def test_changes_that_are_independent_go_in_any_order(network: Lab, tmp_path: pathlib.Path) -> None:
    before = state(network)
    for number, order in enumerate((("Loose", "Lookup"), ("Lookup", "Loose"))):
        make(network, tmp_path, f"b{number}", [CHANGES[0], CHANGES[2]])
        for name in order:
            play(network, tmp_path, "rollback", "-e", f"symmetry_change_id=b{number}{name}")
        assert state(network) == before
        again = play(network, tmp_path, "rollback", "-e", f"symmetry_change_id=b{number}Loose,b{number}Lookup")
        assert "changed=0" in again.output and not re.search(r"changed=[1-9]", again.output), again.output


@pytest.mark.long
def test_a_list_that_leaves_out_what_depends_rolls_back_nothing(network: Lab, tmp_path: pathlib.Path) -> None:
    make(network, tmp_path, "c", [CHANGES[1], CHANGES[2], ("More", "policy_routing", MORE)])
    made = state(network)
    dry = play(network, tmp_path, "rollback", "--check", "--diff", "-e", "symmetry_change_id=cFilled,cLookup,cMore")
    assert "+state: rolled_back" in dry.output and state(network) == made
    refused = play(network, tmp_path, "rollback", "-e", '{"symmetry_change_id": ["cLookup", "cFilled"]}', status=2)
    assert "these may depend on it: cMore; roll them back first" in messages(refused.output), refused.output
    assert state(network) == made and standing(network, "server", "cLookup") == "confirmed"
    # One host of the change is away: it would keep its part.
    network.run("server_strict", "ip link set mgmt0 down")
    away = ("-e", "ansible_timeout=2", "-e", "symmetry_change_id=cMore,cLookup,cFilled")
    silent = play(network, tmp_path, "rollback", *away, status=4)
    assert "Nothing was rolled back: server_strict could not be reached" in messages(silent.output), silent.output
    network.run("server_strict", "ip link set mgmt0 up")
    names = ("cMore", "cLookup", "cFilled")
    assert {standing(network, host, name) for host in HOSTS for name in names} == {"confirmed"}
    assert kernel(network, "server") in made["server"]
    play(network, tmp_path, "rollback", *away[2:])
    assert all("10500" not in text for text in state(network).values())
