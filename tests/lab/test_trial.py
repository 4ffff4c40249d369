# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial: applied, measured for a declared time, always returned, and the answer whether the forecast held."""

from __future__ import annotations

import pathlib
import signal
import time

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import kernel, play
from ansible_collections.netpath.symmetry.tests.lab.test_remediate_safety import (
    mending,
    messages,
    options,
    standing,
    told,
    wait_for,
)

pytestmark = pytest.mark.long
CUT = "nft 'table inet cut { chain in { type filter hook input priority 0; tcp dport 80 drop; }; }'"


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    """The incident; every test leaves it as it was."""
    return lab("dual_wan_partner", fresh=True)


def test_a_trial_that_holds_returns_and_says_so(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    done = play(network, tmp_path, "trial", *options("try"), "-e", "trial_seconds=5")
    answer = done.data("trial.json")
    flow = next(one for one in answer["flows"] if one["name"] == "partner-api")
    assert answer["answer"] == "held" and answer["seconds"] == 5, done.output
    assert (flow["before"], flow["after"], flow["sent"], flow["received"]) == ("broken", "symmetric", 5, 5)
    assert max(len(line) for line in answer["lines"]) <= 100
    assert standing(network, "gw", "try") == "reverted" and "returned" in done.output
    assert kernel(network, "gw") == before, "a trial leaves nothing behind"


def test_a_trial_that_does_not_hold_is_an_answer_and_returns(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    network.run("partner", CUT)
    try:
        done = play(network, tmp_path, "trial", *options("tried"), "-e", "trial_seconds=5")
    finally:
        network.run("partner", "nft delete table inet cut")
    answer = done.data("trial.json")
    assert answer["answer"] == "not held" and "partner-api" in answer["why"], done.output
    assert standing(network, "gw", "tried") == "reverted" and kernel(network, "gw") == before


def test_a_control_node_that_is_killed_in_a_trial_leaves_hosts_that_return_by_themselves(
    network: Lab, tmp_path: pathlib.Path
) -> None:
    before = kernel(network, "gw")
    guard, trial = 30, 20
    given = ("-e", f"trial_seconds={trial}", "-e", f"symmetry_guard_seconds={guard}")
    with mending(network, tmp_path, "killed", *given, playbook="trial") as running:
        wait_for("armed", lambda: standing(network, "gw", "killed") == "pending")
        armed = time.monotonic()
        wait_for("measuring", lambda: "TASK [Send new flows all the time" in told(tmp_path))
        time.sleep(3)  # in the middle of it: the flows are sent, and their time is not over
        assert "TASK [Confirm it, or take it back" not in told(tmp_path), told(tmp_path)
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert kernel(network, "gw") != before, "nothing but the host itself takes it back"
    assert standing(network, "gw", "killed") == "pending"
    wait_for("returned", lambda: standing(network, "gw", "killed") != "pending", guard + trial + 5)
    assert time.monotonic() - armed < guard + trial + 3
    assert standing(network, "gw", "killed") == "reverted" and kernel(network, "gw") == before
    said = network.output("gw", "cat /var/lib/netpath-symmetry/changes/killed/result")
    assert "why: not confirmed in time" in said, said


def test_a_time_that_is_none_is_refused(network: Lab, tmp_path: pathlib.Path) -> None:
    for wrong in ("4", "3001", "soon"):
        done = play(network, tmp_path, "trial", "-e", f"trial_seconds={wrong}", status=2)
        assert f"trial_seconds: {wrong} is not a number of seconds from 5 to 3000" in messages(done.output), done.output
