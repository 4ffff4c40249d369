# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What remediate does when something goes wrong: the hosts are then as they were, and the message says why."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing as t

import pytest
import yaml

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access
from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import PLAYBOOK, kernel, play

PLAYBOOKS = pathlib.Path(__file__).resolve().parents[2] / "playbooks"
GUARD = "/var/lib/netpath-symmetry"
SERVERS = ("server", "server_strict")
ROLES = ("Set the reverse-path filter", "Route the pinned prefixes", "Translate the source", "Route replies by")


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    """The incident; every test leaves it as it was."""
    return lab("dual_wan_partner", fresh=True)


@contextlib.contextmanager
def mending(
    lab: Lab, folder: pathlib.Path, change_id: str, *more: str, playbook: str = "remediate"
) -> t.Iterator[subprocess.Popen[str]]:
    """remediate, or another playbook, running beside the test; its output goes to ``output`` in the folder."""
    command = [PLAYBOOK, f"netpath.symmetry.{playbook}", *lab.ansible_options(), *options(change_id), *more]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output").open("w", encoding="utf-8") as output:
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def options(change_id: str) -> list[str]:
    return ["-e", f"symmetry_change_id={change_id}", "-e", "symmetry_acknowledge_source=true", "-e", "sample_seconds=0"]


def wait_for(what: str, holds: t.Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def told(folder: pathlib.Path) -> str:
    return (folder / "output").read_text(encoding="utf-8")


def standing(lab: Lab, host: str, change_id: str) -> str:
    """How the change stands on the host, by what its journal says."""
    script = f"cat {GUARD}/changes/{change_id}/result 2>/dev/null || cat {GUARD}/pending/change 2>/dev/null || true"
    fields = dict(line.split(": ", 1) for line in lab.output(host, script).splitlines() if ": " in line)
    return fields.get("state", "pending" if fields.get("id") == change_id else "unknown")


def messages(output: str) -> str:
    """The output in one line, as a search does not care where it was wrapped or quoted."""
    return " ".join(output.replace("\\'", "'").split())


def test_a_proof_that_fails_takes_the_change_back(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    network.run(
        "partner", "nft 'table inet cut { chain in { type filter hook input priority 0; tcp dport 80 drop; }; }'"
    )
    try:
        done = play(network, tmp_path, "remediate", *options("unproven"), status=2)
    finally:
        network.run("partner", "nft delete table inet cut")
    assert "Not proven, and taken back: partner-api" in messages(done.output), done.output
    assert standing(network, "gw", "unproven") == "reverted", done.output
    assert kernel(network, "gw") == before


@pytest.mark.long
def test_flows_that_do_not_work_are_said_though_nothing_was_to_be_changed(
    lab: BuildLab, tmp_path: pathlib.Path
) -> None:
    healthy, flow = lab("healthy"), "tcp 192.168.10.20 > 203.0.113.10:80"
    healthy.run(
        "partner", "nft 'table inet cut { chain in { type filter hook input priority 0; tcp dport 80 drop; }; }'"
    )
    try:
        done = play(healthy, tmp_path, "remediate", *options("nothing"), "-e", f"flow={flow}", status=2)
    finally:
        healthy.run("partner", "nft delete table inet cut")
    assert f"Nothing was to be changed, but these flows do not work: {flow}" in messages(done.output), done.output


@pytest.mark.long
def test_a_sender_that_cannot_be_reached_proves_nothing(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    cut = (
        "nft 'table inet cut { chain in { type filter hook input priority 0; tcp dport 22 reject with tcp reset; }; }'"
    )
    with mending(network, tmp_path, "unsent", "-e", "symmetry_guard_seconds=300") as running:
        wait_for("armed", lambda: standing(network, "gw", "unsent") == "pending")
        network.run("client", cut)
        try:
            assert running.wait(60) != 0, told(tmp_path)
        finally:
            network.run("client", "nft delete table inet cut")
    assert "Not proven, and taken back: partner-api" in messages(told(tmp_path)), told(tmp_path)
    assert standing(network, "gw", "unsent") == "reverted", told(tmp_path)
    assert kernel(network, "gw") == before


@pytest.mark.long
def test_a_role_that_fails_takes_back_the_roles_before_it(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    rule, route = "pref 90 lookup 90", "203.0.113.0/25 via 198.51.100.129 table 90"
    with mending(network, tmp_path, "halfway") as running:
        wait_for("armed", lambda: standing(network, "gw", "halfway") == "pending")
        network.run("gw", f"ip route add {route}; ip rule add {rule}")
        try:
            assert running.wait(60) == 2, told(tmp_path)
        finally:
            between = kernel(network, "gw")
            network.run("gw", f"ip rule del {rule}; ip route del {route}")
    output = messages(told(tmp_path))
    assert re.search(r"Set the reverse-path filter of the interfaces\] \*+ changed: \[gw\]", output), output
    assert "Route the pinned prefixes failed on gw and the change was taken back" in output, output
    assert "90:" in between, "what another one did meanwhile stays"
    assert standing(network, "gw", "halfway") == "reverted"
    assert kernel(network, "gw") == before


def test_a_control_node_that_dies_leaves_hosts_that_mend_themselves(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    seconds = 30  # longer than a busy machine takes to apply the remedies
    with mending(network, tmp_path, "orphan", "-e", f"symmetry_guard_seconds={seconds}") as running:
        wait_for("armed", lambda: standing(network, "gw", "orphan") == "pending")
        armed = time.monotonic()
        wait_for("applied", lambda: "TASK [Start to capture" in told(tmp_path))
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert kernel(network, "gw") != before
    wait_for("reverted", lambda: standing(network, "gw", "orphan") != "pending", seconds + 5)
    assert time.monotonic() - armed < seconds + 3
    assert standing(network, "gw", "orphan") == "reverted"
    assert kernel(network, "gw") == before


def diffs(output: str) -> dict[str, list[str]]:
    """The diff of every task of the roles."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^TASK \[", output, flags=re.MULTILINE)[1:]:
        title, _bracket, text = part.partition("]")
        if any(f" : {role}" in title for role in ROLES):
            text = text.partition("\nPLAY ")[0]
            found[title] = [line for line in text.splitlines() if line[:1] in ("+", "-", " ", "@")]
    return found


# One connection that stays open: it is used before and after the change.
CLIENT = """
import http.client, sys
server = http.client.HTTPConnection("203.0.113.10", 80, timeout=5)
for line in sys.stdin:
    server.request("GET", "/")
    print(server.getresponse().read().decode().strip(), server.sock.getsockname()[1], flush=True)
"""


@contextlib.contextmanager
def talking(lab: Lab, host: str) -> t.Iterator[t.Callable[[], str]]:
    """A client with one connection; the function asks over it, and returns the answer and the client's port."""
    command = access.command(lab.paths.dir, lab.paths.lab, host, [sys.executable, "-u", "-c", CLIENT])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None and client.stdout is not None
        stdin, stdout = client.stdin, client.stdout

        def ask() -> str:
            print(file=stdin, flush=True)
            return stdout.readline().strip()

        try:
            yield ask
        finally:
            client.kill()


def test_the_dry_run_is_the_run_and_a_connection_that_works_lives_on(network: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(network, "gw")
    # The internet prefers A for a while: so there is a connection that works before the change.
    network.run("internet", "ip route del 192.0.2.0/24 metric 100; conntrack -F 2>/dev/null || true")
    dry = play(network, tmp_path, "remediate", "--check", "--diff", *options("first"))
    with talking(network, "client") as ask:
        first = ask()
        assert first.startswith("hello from the partner")
        network.run("client", "echo lost | nc -u -w 1 -p 41000 203.0.113.10 9999 || true")
        entry = "-L -p udp --orig-dst 203.0.113.10 --orig-port-dst 9999"
        assert "UNREPLIED" in network.output("gw", f"conntrack {entry} 2>/dev/null")
        real = play(network, tmp_path, "remediate", "--diff", *options("first"))
        assert network.output("gw", f"conntrack {entry} 2>/dev/null || true") == "", real.output
        assert ask() == first, "answered over the same connection"
    assert len(diffs(dry.output)) == len(ROLES), dry.output
    assert all("+" in {line[0] for line in diff} for diff in diffs(dry.output).values()), dry.output
    assert diffs(dry.output) == diffs(real.output)
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=first")
    network.run("internet", "ip route add 192.0.2.0/24 via 100.64.20.1 metric 100")
    assert kernel(network, "gw") == before


@pytest.mark.long
def test_where_one_host_cannot_confirm_no_host_keeps_the_change(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("multihomed_server", fresh=True)
    before = {host: kernel(network, host) for host in SERVERS}
    play(network, tmp_path, "diagnose", "-e", "sample_seconds=0")
    # Both are changed, and only the flows of one are proven: what happens to the other is seen by its guard alone.
    diagnosis = json.loads((tmp_path / "diagnosis.json").read_text(encoding="utf-8"))
    chosen = tmp_path / "chosen.json"
    flows = [{"name": "web-back", "flow": "tcp 192.0.2.20 > 10.2.0.10:80"}]
    chosen.write_text(json.dumps({"symmetry_remedies": diagnosis["change"], "symmetry_flows": flows}), encoding="utf-8")
    with mending(network, tmp_path, "both", "-e", f"@{chosen}") as running:
        wait_for("applied", lambda: "TASK [Start to capture" in told(tmp_path))
        assert {standing(network, host, "both") for host in SERVERS} == {"pending"}
        network.run("server_strict", f"{GUARD}/symmetry-guard revert")
        assert running.wait(60) == 2, told(tmp_path)
    output = messages(told(tmp_path))
    assert "too late, nothing is pending to confirm: change both is reverted" in output, output
    assert "Taken back, change both is reverted on server server_strict" in output, output
    assert {standing(network, host, "both") for host in SERVERS} == {"reverted"}, "no host confirms before all promise"
    assert {host: kernel(network, host) for host in SERVERS} == before


@pytest.mark.long
def test_where_one_host_cannot_be_armed_the_others_are_taken_back_at_once(
    lab: BuildLab, tmp_path: pathlib.Path
) -> None:
    network = lab("multihomed_server", fresh=True)
    before = kernel(network, "server")
    guard(network, "server_strict", "state=armed change_id=others")
    done = play(network, tmp_path, "remediate", *options("mine"), status=2)
    output = messages(done.output)
    assert "failed on server_strict and nothing was changed: change others is pending already" in output, done.output
    assert "Another host failed and the change was taken back" in output, done.output
    assert standing(network, "server", "mine") == "reverted"
    assert standing(network, "server_strict", "others") == "pending", "somebody else's change is not ours to end"
    assert kernel(network, "server") == before
    network.run("server_strict", f"{GUARD}/symmetry-guard revert")


def guard(lab: Lab, hosts: str, arguments: str, module: str = "change_guard") -> None:
    """Run change_guard, or what it guards, by itself."""
    command = [str(pathlib.Path(PLAYBOOK).with_name("ansible")), hosts, *lab.ansible_options()]
    command += ["-m", f"netpath.symmetry.{module}", "-a", arguments]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.long
def test_a_change_that_one_host_cannot_roll_back_is_rolled_back_on_none(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("multihomed_server", fresh=True)
    for hosts, change_id in (("server,server_strict", "older"), ("server_strict", "newer")):
        guard(network, hosts, f"state=armed change_id={change_id}")
        # The newer one takes back the rule that the older one has made.
        state = "present" if change_id == "older" else "absent"
        rules = [{"priority": 10500, "src": "10.9.0.0/24", "table": "main"}]
        guard(network, hosts, json.dumps({"state": state, "rules": rules}), "policy_routing")
        guard(network, hosts, f"state=confirmed change_id={change_id}")
    done = play(network, tmp_path, "rollback", "-e", "symmetry_change_id=older", status=2)
    assert "change older is not the newest, and these may depend on it: newer" in messages(done.output), done.output
    assert {standing(network, host, "older") for host in SERVERS} == {"confirmed"}


def guard_tasks(node: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """The options of every change_guard task in a playbook, at any depth."""
    if isinstance(node, list):
        for item in node:
            yield from guard_tasks(item)
    elif isinstance(node, dict):
        if "netpath.symmetry.change_guard" in node:
            yield node["netpath.symmetry.change_guard"]
        for value in node.values():
            yield from guard_tasks(value)


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.rglob("*.yml")), ids=lambda path: path.stem)
def test_a_playbook_ends_no_change_but_its_own(path: pathlib.Path) -> None:
    for task in guard_tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
        if task["state"] not in ("armed", "queried"):
            assert "change_id" in task, f"{path.name}: state {task['state']} takes whatever is pending"
