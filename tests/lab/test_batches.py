# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""remediate in batches: a canary first, and nothing more after the first batch that fails."""

from __future__ import annotations

import json
import pathlib

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
HOSTS = ("server", "server_strict")
CANARY = ("-e", "symmetry_canary=1")
CUT = "nft 'table inet cut {{ chain in {{ type filter hook input priority 0; {rule} drop; }}; }}'"


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    """Two servers to be mended; every test leaves them as they were."""
    return lab("multihomed_server", fresh=True)


def test_a_canary_and_then_the_others(network: Lab, tmp_path: pathlib.Path) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    dry = play(network, tmp_path, "remediate", "--check", "--diff", *options("all"), *CANARY)
    assert {host: kernel(network, host) for host in HOSTS} == before, dry.output
    assert "1 canary" in dry.output and "checked" in dry.output
    done = play(network, tmp_path, "remediate", *options("all"), *CANARY)
    found = done.data("change.json")
    assert [(one["change_id"], one["hosts"], one["state"]) for one in found["batches"]] == [
        ("all.1", ["server"], "kept"), ("all.2", ["server_strict"], "kept")], done.output  # fmt: skip
    assert max(len(line) for line in found["lines"]) <= 100 and found["failed"] == ""
    assert (standing(network, "server", "all.1"), standing(network, "server", "all.2")) == ("confirmed", "unknown")
    again = play(network, tmp_path, "remediate", *options("again"), *CANARY)
    assert "nothing was to be changed" in again.output, again.output
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=all.1,all.2")
    assert {host: kernel(network, host) for host in HOSTS} == before


def run(lab: Lab, folder: pathlib.Path, change_id: str, host: str, armed: str, rule: str, *more: str) -> str:
    """remediate, with packets of a rule dropped on a host from the moment at which a batch is armed there."""
    with mending(lab, folder, change_id, *CANARY, "-e", f"report_dir={folder}", *more) as running:
        wait_for("armed", lambda: standing(lab, host, armed) == "pending")
        lab.run(host, CUT.format(rule=rule))
        try:
            assert running.wait(120) == 2, told(folder)
        finally:
            lab.run(host, "nft delete table inet cut")
    return messages(told(folder))


def states(folder: pathlib.Path) -> list[tuple[str, str]]:
    found = json.loads((folder / "change.json").read_text(encoding="utf-8"))
    assert max(len(line) for line in found["lines"]) <= 100
    return [(one["state"], one["why"]) for one in found["batches"]]


def test_a_canary_that_is_not_proven_keeps_the_others_as_they_are(network: Lab, tmp_path: pathlib.Path) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    output = run(network, tmp_path, "bird", "server", "bird.1", "ip daddr 10.2.0.10 tcp dport 80")
    assert "Batch 1 of 2 was taken back: server: Not proven, and taken back: web-back" in output, output
    assert states(tmp_path) == [
        ("taken back", "server: Not proven, and taken back: web-back"),
        ("not reached", "batch 1 was taken back"),
    ]
    assert {host: kernel(network, host) for host in HOSTS} == before
    assert standing(network, "server", "bird.1") == "reverted"
    assert standing(network, "server_strict", "bird.2") == "unknown", "it was never armed there"


def test_a_later_batch_that_is_not_proven_returns_alone(network: Lab, tmp_path: pathlib.Path) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    run(network, tmp_path, "late", "server_strict", "late.2", "ip daddr 10.2.0.11 tcp dport 80")
    first, second = states(tmp_path)
    assert first == ("kept", "") and second[0] == "taken back" and "web-back-strict" in second[1]
    assert kernel(network, "server_strict") == before["server_strict"]
    assert kernel(network, "server") != before["server"], "what the canary has mended stays"
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=late.1")
    assert {host: kernel(network, host) for host in HOSTS} == before


def test_a_verdict_that_has_got_worse_stops_it_though_no_packet_tells(network: Lab, tmp_path: pathlib.Path) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    flows = [
        {"name": "web-back", "flow": "tcp 192.0.2.20 > 10.2.0.10:80"},
        {"name": "web-back-strict", "flow": "tcp 192.0.2.20 > 10.2.0.11:80"},
        {"name": "syslog", "flow": "udp 192.0.2.20 > 10.1.0.10:514", "one_way": True},
    ]
    more = ("-e", json.dumps({"symmetry_flows": flows}))
    output = run(network, tmp_path, "worse", "server", "worse.1", "udp dport 514", *more)
    assert "A flow is worse than before and the change was taken back: syslog symmetric → broken" in output, output
    assert [state for state, _why in states(tmp_path)] == ["taken back", "not reached"]
    assert {host: kernel(network, host) for host in HOSTS} == before


def test_verify_compares_with_what_remediate_left(network: Lab, tmp_path: pathlib.Path) -> None:
    flows = [
        {"name": "web-front", "flow": "tcp 192.0.2.20 > 10.1.0.10:80"},
        {"name": "web-back", "flow": "tcp 192.0.2.20 > 10.2.0.10:80"},
    ]
    named = ("-e", json.dumps({"symmetry_flows": flows}), "-e", "sample_seconds=0")
    play(network, tmp_path, "remediate", *options("seen"), *named)
    done = play(network, tmp_path, "verify", *named)
    rows = {row["name"]: row["change"] for row in json.loads((tmp_path / "comparison.json").read_text())}
    assert rows == {"web-front": "equal", "web-back": "better"}, done.output
    assert "1 better, 1 equal, 0 worse" in done.output, done.output
    play(network, tmp_path / "old", "rollback", "-e", "symmetry_change_id=seen")
    earlier = ("-e", f"verify_before={tmp_path}/diagnosis.json")
    worse = play(network, tmp_path / "old", "verify", *named, *earlier, status=2)
    assert "Worse than before: web-back; where that is meant" in messages(worse.output), worse.output
    absent = play(network, tmp_path / "old", "verify", *named, "-e", "verify_before=/nowhere.json", status=2)
    assert "there is no file /nowhere.json" in absent.output, absent.output


def test_hosts_that_go_together_are_one_batch_and_one_that_goes_is_named(
    network: Lab, tmp_path: pathlib.Path
) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    together = ("-e", json.dumps({"symmetry_together": [list(HOSTS)]}), "-e", "ansible_timeout=2")
    with mending(network, tmp_path, "both", *CANARY, *together, "-e", f"report_dir={tmp_path}") as running:
        wait_for("armed", lambda: {standing(network, host, "both") for host in HOSTS} == {"pending"})
        network.run("server_strict", "ip link set mgmt0 down")
        try:
            assert running.wait(120) == 4, told(tmp_path)
        finally:
            network.run("server_strict", "/var/lib/netpath-symmetry/symmetry-guard revert; ip link set mgmt0 up")
    ((state, why),) = states(tmp_path)
    assert state == "taken back" and "server_strict: Gone" in why, told(tmp_path)
    assert kernel(network, "server") == before["server"]
    assert {standing(network, host, "both") for host in HOSTS} == {"reverted"}


@pytest.mark.parametrize(("given", "said"), [
    ("symmetry_canary=none", "symmetry_canary: 'none' is neither a number of hosts, such as 1, nor a share"),
    ("symmetry_batch_size=0", "symmetry_batch_size: '0' must be at least 1"),
])  # fmt: skip
def test_a_size_that_is_none_is_refused_before_anything_is_armed(
    network: Lab, tmp_path: pathlib.Path, given: str, said: str
) -> None:
    done = play(network, tmp_path, "remediate", *options("size"), "-e", given, status=2)
    assert said in messages(done.output) and "Arm the dead-man switch" not in done.output, done.output
