# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead-man switch against real rules, routes, sysctls and nft rules. The observer is ip, nft and /proc/sys."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import (
    GuardError,
    applying,
    pending,
    record,
)
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module, words
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

RP_FILTER = "/proc/sys/net/ipv4/conf/wan/rp_filter"

# What a bad change does, each step with its inverse.
STEPS = [
    ("rule", "ip rule add priority 10500 from 10.9.0.2 lookup 10500 protocol 83", ["ip rule del priority 10500"]),
    ("default route", "ip route replace default via 10.9.0.9", ["ip route replace default via 10.9.0.1"]),
    ("reverse path mode", f"echo 1 > {RP_FILTER}", [f"echo 2 > {RP_FILTER}"]),
    (
        "nft table",
        "nft add table inet netpath_symmetry; nft add chain inet netpath_symmetry c '{ type filter hook input "
        "priority 0; policy drop; }'",
        ["nft delete table inet netpath_symmetry"],
    ),
]


def parent_of(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().split()[3])


class Host:
    """A host with an uplink, a journal of its own, and the installed script."""

    def __init__(self, netns: Netns, far: Netns, state_dir: pathlib.Path) -> None:
        self.netns = netns
        self.far = far
        self.state_dir = str(state_dir)

    def guard(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.netns, "change_guard", {"state_dir": self.state_dir, **options}, check_mode)

    def arm(self, seconds: float = 300, change_id: str = "one", **options: t.Any) -> None:
        """Arm; the deadline is then moved, because the module takes no less than 10 seconds."""
        answer = self.guard(state="armed", change_id=change_id, timeout=max(10, int(seconds)), **options)
        assert answer["changed"], answer
        if seconds < 10:
            up = float(pathlib.Path("/proc/uptime").read_text().split()[0])
            pathlib.Path(self.state_dir, "pending", "deadline").write_text(f"{up + seconds:.2f}\n")

    def apply(self, steps: t.Sequence[tuple[str, str, list[str]]] = tuple(STEPS)) -> None:
        for title, do, undo in steps:
            current = pending(self.state_dir)
            assert current is not None
            record(current, title, undo)
            self.netns.run(do)

    def script(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.netns.command("sh", f"{self.state_dir}/symmetry-guard", *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def state(self) -> str:
        """Rules, routes, the sysctl and the ruleset, byte for byte."""
        return self.netns.output(f"ip rule; ip route show table all; cat {RP_FILTER}; nft -s list ruleset")

    def ended(self, change_id: str = "one") -> str:
        path = pathlib.Path(self.state_dir, "changes", change_id, "result")
        return path.read_text().splitlines()[0].removeprefix("state: ") if path.exists() else "pending"

    def wait_ended(self, seconds: float, change_id: str = "one") -> str:
        deadline = time.monotonic() + seconds
        while self.ended(change_id) == "pending" and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.ended(change_id)

    def timer(self) -> int:
        return int(pathlib.Path(self.state_dir, "pending", "timer").read_text().split()[1])


@pytest.fixture
def host(tmp_path: pathlib.Path) -> t.Iterator[Host]:
    netns, far = Netns("guard"), Netns("far")
    with contextlib.ExitStack() as stack:
        for ns in (netns, far):
            ns.create().run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")  # no address detection meanwhile
            stack.callback(ns.delete)
        veth(netns, "wan", far, "lan", [("10.9.0.2/24", "10.9.0.1/24")])
        netns.run(f"ip route add default via 10.9.0.1; echo 2 > {RP_FILTER}")
        host = Host(netns, far, tmp_path / "state")
        yield host
        host.script("revert")  # leaves no timer behind


def test_expiry_takes_everything_back_and_keeps_what_others_did(host: Host) -> None:
    before = host.state()
    host.arm(4)
    host.apply()
    assert host.state() != before
    host.netns.run("ip rule add priority 77 from 10.77.0.0/16 lookup 77; nft add table inet foreign")
    assert host.wait_ended(8) == "reverted"
    assert "77:" in host.state() and "table inet foreign" in host.state()
    host.netns.run("ip rule del priority 77; nft delete table inet foreign")
    assert host.state() == before


def test_without_the_guard_the_bad_change_stays(host: Host) -> None:
    before = host.state()
    for _title, do, _undo in STEPS:
        host.netns.run(do)
    time.sleep(5)
    assert host.state() != before


def test_expiry_is_punctual(host: Host) -> None:
    host.arm(10)
    deadline = float(pathlib.Path(host.state_dir, "pending", "deadline").read_text())
    assert host.wait_ended(14) == "reverted"
    up = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    assert 0 <= up - deadline < 1, "seconds after the deadline"


def test_four_runs_of_arm_and_confirm(host: Host) -> None:
    arm = {"state": "armed", "change_id": "one", "timeout": 60, "reason": "test", "by": "alice"}
    planned = host.guard(check_mode=True, **arm)
    assert planned["changed"] and not os.path.exists(host.state_dir)
    real = host.guard(**arm)
    assert real["changed"] and real["diff"] == planned["diff"] and 55 < real["seconds_left"] <= 60
    assert not host.guard(check_mode=True, **arm)["changed"]
    again = host.guard(**arm)
    assert not again["changed"] and again["state"] == "pending"
    before = host.state()
    host.apply()
    applied = host.state()
    assert applied != before
    confirm = {"state": "confirmed", "change_id": "one"}
    planned = host.guard(check_mode=True, **confirm)
    assert planned["changed"] and host.ended() == "pending"
    timer = host.timer()
    real = host.guard(**confirm)
    assert real["changed"] and real["diff"] == planned["diff"] and real["state"] == "confirmed"
    assert real["undo"] == [title for title, _do, _undo in STEPS]
    assert not host.guard(check_mode=True, **confirm)["changed"] and not host.guard(**confirm)["changed"]
    assert ends(timer), "the timer is stopped"
    assert host.state() == applied


def test_a_second_guard_is_refused_with_who_and_when(host: Host) -> None:
    host.arm(60, by="alice", reason="CHG1")
    answer = host.guard(state="armed", change_id="two", timeout=60)
    assert answer["failed"] and "armed by alice (CHG1)" in answer["msg"] and " s left" in answer["msg"]
    assert host.guard()["pending"]["id"] == "one"


def test_a_late_confirm_fails_loudly(host: Host) -> None:
    host.arm(1)
    assert host.wait_ended(6) == "reverted"
    for answer in (host.guard(state="confirmed", change_id="one"), host.guard(state="confirmed")):
        assert answer["failed"] and "too late" in answer["msg"] and "not confirmed in time" in answer["msg"]
    told = host.script("confirm", "one")
    assert told.returncode == 1 and "too late" in told.stderr


def test_nobody_can_confirm_what_was_never_armed(host: Host) -> None:
    answer = host.guard(state="confirmed")
    assert answer["failed"] and "no change was ever armed here" in answer["msg"]
    assert not host.guard(state="reverted")["changed"]


def test_without_systemd_it_is_said_what_a_reboot_leaves(host: Host) -> None:
    arm = {"state": "armed", "change_id": "one", "timeout": 60}
    planned, real = host.guard(check_mode=True, **arm), host.guard(**arm)
    assert real["at_reboot"] == planned["at_reboot"]
    assert real["at_reboot"].startswith("leaves it pending until 'symmetry-guard revert': ")
    assert f"  a reboot  {real['at_reboot']}\n" in host.script("status").stdout
    assert host.guard(state="confirmed")["at_reboot"] == ""


@pytest.mark.parametrize("timeout", [9, 3601])
def test_timeouts_out_of_range_are_refused(host: Host, timeout: int) -> None:
    answer = host.guard(state="armed", timeout=timeout)
    assert answer["failed"] and "10 to 3600" in answer["msg"] and not os.path.exists(host.state_dir)


def test_the_timer_survives_the_process_that_armed_it(host: Host) -> None:
    """The module's process group and session are killed, as when a controller or an SSH session dies."""
    arguments = {"state": "armed", "change_id": "one", "timeout": 10, "state_dir": host.state_dir}
    line = " ".join(f"'{word}'" for word in words("change_guard", arguments))
    session = host.netns.start("sh", "-c", f"{line}; sleep 60", start_new_session=True)
    deadline = time.monotonic() + 10
    while not os.path.exists(f"{host.state_dir}/pending/timer") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    before = host.state()
    host.apply()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(session.pid, number)
    session.wait(10)
    assert host.ended() == "pending"
    assert host.wait_ended(14) == "reverted"
    assert host.state() == before


def test_the_timer_survives_the_end_of_the_ssh_session(host: Host, tmp_path: pathlib.Path) -> None:
    """Armed over SSH through the network that the change cuts off; the session, its sshd and its client are killed."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port 2222\nHostKey {tmp_path}/host_key\nAuthorizedKeysFile {tmp_path}/user_key.pub\nStrictModes no\n"
        f"UsePAM no\nPermitRootLogin prohibit-password\nPidFile none\nSetEnv PYTHONPATH={os.environ['PYTHONPATH']}\n"
    )
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    sshd = host.netns.start("/usr/sbin/sshd", "-D", "-e", "-f", str(config), start_new_session=True)
    arguments = {"state": "armed", "change_id": "one", "timeout": 10, "state_dir": host.state_dir}
    remote = " ".join(shlex.quote(word) for word in words("change_guard", arguments)) + "; exec sleep 60"
    options = f"-p 2222 -i {tmp_path}/user_key -o UserKnownHostsFile={tmp_path}/known -o StrictHostKeyChecking=no"
    time.sleep(0.5)
    client = host.far.start("ssh", "-tt", *options.split(), "root@10.9.0.2", remote, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 15
        while not os.path.exists(f"{host.state_dir}/pending/timer") and time.monotonic() < deadline:
            time.sleep(0.05)
        before = host.state()
        host.apply(
            [*STEPS, ("uplink", "ip link set wan down", ["ip link set wan up; ip route replace default via 10.9.0.1"])]
        )
    finally:
        client.kill()
        client.wait(5)
        for child in host.netns.output(f"ps -o pid= --ppid {sshd.pid}").split():
            os.kill(int(child), signal.SIGKILL)
        sshd.kill()
        sshd.wait(5)
    assert host.wait_ended(16) == "reverted" and host.state() == before


def test_hang_up_does_not_end_the_timer(host: Host) -> None:
    host.arm(2)
    host.apply()
    os.kill(host.timer(), signal.SIGHUP)
    assert host.wait_ended(6) == "reverted"


def test_the_timer_holds_no_descriptor_of_its_starter(host: Host) -> None:
    """A pipe kept open would make Ansible and sshd wait until the deadline."""
    started = time.monotonic()
    host.arm(60)
    assert time.monotonic() - started < 20
    timer = host.timer()
    parent = parent_of(timer)
    for pid in (timer, parent):
        targets = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
        assert targets <= {"/dev/null", f"{host.state_dir}/symmetry-guard"}
        assert os.getsid(pid) == parent, "a session of their own"


def test_revert_by_hand_and_again(host: Host) -> None:
    before = host.state()
    host.arm()
    host.apply()
    planned = host.guard(check_mode=True, state="reverted")
    assert planned["changed"] and host.state() != before
    real = host.guard(state="reverted")
    assert real["changed"] and real["diff"] == planned["diff"] and host.state() == before
    again = host.guard(state="reverted", change_id="one")
    assert not again["changed"] and again["state"] == "reverted"


@pytest.mark.long
def test_exactly_one_of_confirm_and_revert_wins(host: Host) -> None:
    before = host.state()
    wins = {"confirmed": 0, "reverted": 0}
    script = f"{host.state_dir}/symmetry-guard"
    for number in range(50):
        change = f"race{number}"
        host.arm(60, change)
        host.apply(STEPS[:2])
        first, second = ("confirm", "revert") if number % 2 else ("revert", "confirm")
        processes = {verb: host.netns.start("sh", script, verb, change) for verb in (first, second)}
        codes = {verb: process.wait(30) for verb, process in processes.items()}
        state = host.ended(change)
        assert state in wins and not os.path.exists(f"{host.state_dir}/pending")
        assert codes["revert" if state == "reverted" else "confirm"] == 0
        assert codes["confirm" if state == "reverted" else "revert"] == 1
        assert (host.state() == before) == (state == "reverted")
        wins[state] += 1
        if state == "confirmed":
            assert host.script("rollback", change).returncode == 0
        assert host.state() == before
    print(wins)
    assert all(wins.values()), f"the race was never open: {wins}"


def test_a_killed_revert_is_finished_by_the_next(host: Host) -> None:
    before = host.state()
    host.arm(60)
    slow = ("slow", "true", ["sleep 2", "ip route replace 10.50.0.0/16 via 10.9.0.1; ip route del 10.50.0.0/16"])
    host.apply([*STEPS[:2], slow, *STEPS[2:]])
    revert = host.netns.start("sh", f"{host.state_dir}/symmetry-guard", "revert")
    time.sleep(1)
    revert.kill()
    revert.wait(10)
    assert os.path.exists(f"{host.state_dir}/pending/reverting") and host.state() != before
    told = host.script("confirm")
    assert told.returncode == 1 and "too late" in told.stderr, "half a revert cannot be kept"
    assert "revert has begun" in host.script("status").stdout
    assert host.script("revert").returncode == 0
    assert host.ended() == "reverted" and host.state() == before


def test_killed_timers_are_seen_and_replaced(host: Host) -> None:
    host.arm(60)
    timer = host.timer()
    os.killpg(os.getpgid(timer), signal.SIGKILL)
    assert ends(timer)
    assert "NO TIMER IS RUNNING" in host.script("status").stdout
    assert host.script("extend", "30").returncode == 0
    assert "reverts in" in host.script("status").stdout and host.timer() != timer
    assert host.script("revert").returncode == 0


def test_extend_moves_the_deadline_and_never_back(host: Host) -> None:
    host.arm(2)
    assert host.script("extend", "5").returncode == 0
    assert host.script("extend", "1").returncode == 0
    time.sleep(3)
    assert host.ended() == "pending"
    assert host.wait_ended(5) == "reverted"
    for wrong in ("", "0", "-5", "3601", "1e3", "08"):
        assert host.script("extend", wrong).returncode == 1


def test_what_cannot_be_taken_back_is_named_and_the_rest_is_done(host: Host) -> None:
    before = host.state()
    host.arm(60)
    host.apply([*STEPS[:1], ("impossible", "true", ["ip route replace 10.60.0.0/16 via 10.99.99.99"]), *STEPS[1:]])
    answer = host.guard(state="reverted")
    assert answer["failed"] and "10.60.0.0/16" in answer["msg"] and "only in part" in answer["msg"]
    assert host.ended() == "failed" and host.state() == before
    change = host.guard(change_id="one")
    assert change["state"] == "failed" and "10.60.0.0/16" in change["changes"][0]["failed"][0]
    host.netns.run("ip address add 10.99.99.1/24 dev wan")
    assert host.guard(state="reverted", change_id="one")["state"] == "reverted"


def test_inverses_of_what_was_never_applied_are_no_failure(host: Host) -> None:
    before = host.state()
    host.arm(60)
    current = pending(host.state_dir)
    assert current is not None
    for title, _do, undo in STEPS:
        record(current, title, undo)
    assert host.guard(state="reverted")["state"] == "reverted" and host.state() == before


def test_rollback_of_a_confirmed_change(host: Host) -> None:
    before = host.state()
    host.arm(60, "first")
    host.apply(STEPS[:2])
    host.guard(state="confirmed")
    middle = host.state()
    host.arm(60, "second")
    host.apply(STEPS[2:])
    refused = host.guard(state="rolled_back", change_id="first")
    assert refused["failed"] and "second is pending" in refused["msg"]
    host.guard(state="confirmed")
    refused = host.guard(state="rolled_back", change_id="first")
    assert refused["failed"] and "second" in refused["msg"] and "force" in refused["msg"]
    assert "second" in host.script("rollback", "first").stderr
    planned = host.guard(check_mode=True, state="rolled_back", change_id="second")
    real = host.guard(state="rolled_back", change_id="second")
    assert planned["changed"] and real["changed"] and planned["diff"] == real["diff"] and host.state() == middle
    again = host.guard(state="rolled_back", change_id="second")
    assert not again["changed"] and "already rolled back" in again["message"]
    assert host.guard(state="rolled_back", change_id="first")["changed"] and host.state() == before
    listed = host.script("list").stdout
    assert listed.count("rolled_back") == 2 and "0001.sh  rule" in listed


def test_what_nothing_depends_on_is_rolled_back_in_any_order(host: Host) -> None:
    before = host.state()
    touches = {
        "rule": ["w rule/4/10500", "r route/4/10500"],
        "route": ["w route/4/254/0.0.0.0/0"],
        "loose": ["w sysctl/net/ipv4/conf/wan/rp_filter"],
    }
    for (name, touched), step in zip(touches.items(), STEPS[:3], strict=True):
        host.arm(60, name)
        current = pending(host.state_dir)
        assert current is not None
        record(current, step[0], step[2], touches=touched)
        host.netns.run(step[1])
        host.guard(state="confirmed")
    host.arm(60, "table")
    current = pending(host.state_dir)
    assert current is not None
    record(current, "the table that the rule looks up", ["true"], touches=["w route/4/10500/203.0.113.0/25"])
    host.guard(state="confirmed")
    made = host.state()
    refused = host.guard(state="rolled_back", change_id="rule")
    assert "may depend on it: table; roll them back first" in refused["msg"], refused
    assert "table touches route/4/10500/203.0.113.0/25" in host.script("rollback", "rule").stderr
    assert host.guard(True, state="rolled_back", change_id="rule", besides=["table"])["changed"]
    real = host.guard(state="rolled_back", change_id="rule", besides=["table"])
    assert real["failed"] and "table" in real["msg"] and host.state() == made, "it has not gone: nothing is rolled back"
    for name in ("route", "table", "rule", "loose"):
        assert host.guard(state="rolled_back", change_id=name)["state"] == "rolled_back"
    assert host.state() == before


def test_force_rolls_back_an_older_change(host: Host) -> None:
    for number in ("first", "second"):
        host.arm(60, number)
        host.apply(STEPS[:1] if number == "first" else STEPS[2:3])
        host.guard(state="confirmed")
    assert host.guard(state="rolled_back", change_id="first", force=True)["state"] == "rolled_back"
    assert "10500" not in host.state() and pathlib.Path(host.state_dir, "changes/second/result").exists()


def test_nothing_is_recorded_for_a_change_that_has_ended(host: Host) -> None:
    host.arm(60)
    current = pending(host.state_dir)
    assert current is not None
    host.guard(state="reverted")
    with pytest.raises(GuardError, match="not pending any more"):
        record(current, "late", ["true"])


@pytest.mark.long
def test_a_task_that_hangs_while_it_applies_does_not_stop_the_revert(host: Host) -> None:
    code = (
        "import sys, time\n"
        "from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import applying, pending\n"
        "with applying(pending(sys.argv[1]), 'hang', ['true']):\n"
        "    time.sleep(120)\n"
    )
    before = host.state()
    host.arm(60)
    host.apply()
    hanging = subprocess.Popen([sys.executable, "-c", code, host.state_dir])
    try:
        deadline = time.monotonic() + 10
        while not os.path.exists(f"{host.state_dir}/pending/applying") and time.monotonic() < deadline:
            time.sleep(0.05)
        # The timer sleeps for at most 5 s at a time and then sees the deadline that we moved.
        up = float(pathlib.Path("/proc/uptime").read_text().split()[0])
        pathlib.Path(host.state_dir, "pending", "deadline").write_text(f"{up:.2f}\n")
        assert host.wait_ended(30) == "reverted" and host.state() == before
        assert hanging.wait(5) == -signal.SIGKILL
    finally:
        hanging.kill()
        hanging.wait(5)


def test_applying_holds_off_the_revert_until_it_is_done(host: Host) -> None:
    before = host.state()
    host.arm(60)
    current = pending(host.state_dir)
    assert current is not None
    with applying(current, "rule", STEPS[0][2]):
        revert = host.netns.start("sh", f"{host.state_dir}/symmetry-guard", "revert")
        time.sleep(0.5)
        host.netns.run(STEPS[0][1])
    assert revert.wait(20) == 0 and host.state() == before


def test_another_namespace_is_refused(host: Host) -> None:
    """Inverses that run in the wrong network would break that network."""
    host.arm(60)
    host.apply()
    elsewhere = Netns("elsewhere").create()
    try:
        told = elsewhere.run(f"sh {host.state_dir}/symmetry-guard revert", check=False)
    finally:
        elsewhere.delete()
    assert told.returncode == 1 and "another" not in told.stdout and "network namespace" in told.stderr
    assert host.ended() == "pending"


def test_after_a_reboot_a_change_cannot_be_confirmed_and_reverts(host: Host) -> None:
    """The boot id in the journal is another one, as it is for a change found at boot."""
    host.arm(60)
    host.apply()
    change = pathlib.Path(host.state_dir, "pending", "change")
    lines = change.read_text().splitlines()
    change.write_text("".join(f"{'boot: other' if line.startswith('boot: ') else line}\n" for line in lines))
    assert "has rebooted" in host.script("status").stdout
    assert "has rebooted" in host.script("confirm").stderr
    assert host.wait_ended(8) == "reverted"


def test_after_a_reboot_only_files_are_taken_back(host: Host, tmp_path: pathlib.Path) -> None:
    """Of what was done at run time nothing is left then: its inverse would do something that was never there."""
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    host.arm(60)
    current = pending(host.state_dir)
    assert current is not None
    record(current, "a file", [f"echo old >{kept}"], on_disk=True)
    record(current, "run time", [f"echo old >{gone}"])
    change = pathlib.Path(host.state_dir, "pending", "change")
    lines = change.read_text().splitlines()
    change.write_text("".join(f"{'boot: other' if line.startswith('boot: ') else line}\n" for line in lines))
    assert host.wait_ended(8) == "reverted"
    assert kept.read_text() == "old\n" and not gone.exists()
    log = pathlib.Path(host.state_dir, "changes", "one", "log").read_text()
    assert "0002.sh: left out, the host has rebooted since" in log


def test_undo_of_quoted_and_multi_line_commands(host: Host) -> None:
    host.arm(60)
    current = pending(host.state_dir)
    assert current is not None
    text = "nft -f - <<'EOF'\ntable inet restored {\n\tset s { type ipv4_addr; elements = { 10.0.0.1 } }\n}\nEOF"
    record(current, 'it\'s a "title"\nin two lines $(touch /tmp/never)', [text, "syntax error (", "nft list tables"])
    assert host.guard()["undo"] == ['it\'s a "title" in two lines $(touch /tmp/never)']
    assert host.script("revert").returncode == 3
    assert "10.0.0.1" in host.state() and not os.path.exists("/tmp/never")


def ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False
