# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dead-man switch survives: killed processes, a full disk, and others who change the host meanwhile."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time

from ansible_collections.netpath.symmetry.tests.lab.test_guard import STEPS, Host, ends, host, parent_of

__all__ = ["host"]  # the fixture


def test_a_killed_timer_is_started_anew(host: Host) -> None:
    before = host.state()
    host.arm(60)
    host.apply()
    timer = host.timer()
    os.kill(timer, signal.SIGKILL)
    assert ends(timer)
    deadline = time.monotonic() + 10
    while host.timer() == timer and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host.timer() != timer
    up = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    pathlib.Path(host.state_dir, "pending", "deadline").write_text(f"{up + 1:.2f}\n")
    assert host.wait_ended(15) == "reverted" and host.state() == before


def test_the_timer_outlives_its_parent(host: Host) -> None:
    before = host.state()
    host.arm(3)
    host.apply()
    os.kill(parent_of(host.timer()), signal.SIGKILL)
    assert host.wait_ended(15) == "reverted" and host.state() == before


def test_a_revert_whose_process_is_killed_is_finished_by_the_timer(host: Host) -> None:
    before = host.state()
    host.arm(60)
    host.apply([*STEPS[:2], ("slow", "true", ["sleep 2"]), *STEPS[2:]])
    revert = host.netns.start("sh", f"{host.state_dir}/symmetry-guard", "revert")
    time.sleep(1)
    revert.kill()
    revert.wait(10)
    assert host.wait_ended(20) == "reverted" and host.state() == before


def test_a_rollback_whose_process_is_killed_is_finished_by_the_timer(host: Host) -> None:
    before = host.state()
    host.arm(60)
    host.apply([*STEPS[:2], ("slow", "true", ["sleep 2"]), *STEPS[2:]])
    assert host.guard(state="confirmed")["state"] == "confirmed"
    rollback = host.netns.start("sh", f"{host.state_dir}/symmetry-guard", "rollback", "one")
    time.sleep(1)
    rollback.kill()
    rollback.wait(10)
    assert "is being reverted" in host.guard(state="confirmed", change_id="one")["msg"]
    assert host.wait_ended(20) == "rolled_back" and host.state() == before


def test_a_full_disk_stops_no_revert_and_no_confirm(host: Host) -> None:
    """The journal lies in a file system of a few pages, which somebody else fills once the change is applied."""
    os.makedirs(host.state_dir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", host.state_dir], check=True)
    try:
        before = host.state()
        for ending in ("reverted", "confirmed"):
            host.arm(60, ending)
            host.apply()
            applied = host.state()
            filling = pathlib.Path(host.state_dir, "filling")
            with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 512)
            assert "is full" in host.script("prepare", ending, "60").stderr
            refused = host.guard(state="armed", change_id="other", timeout=60)
            assert refused["failed"]
            done = host.script(ending.replace("confirmed", "confirm").replace("reverted", "revert"))
            assert done.returncode == 0, done.stderr
            assert host.ended(ending) == ending
            assert host.state() == (before if ending == "reverted" else applied)
            filling.unlink()
        assert host.script("rollback", "confirmed").returncode == 0 and host.state() == before
    finally:
        host.script("revert")
        subprocess.run(["umount", "--lazy", host.state_dir], check=True)


def test_what_others_did_in_the_window_is_listed(host: Host) -> None:
    host.netns.run("ip rule add priority 78 lookup 78; nft 'add table inet other; add set inet other banned { type "
                   "ipv4_addr; }; add element inet other banned { 10.0.0.1 }'")
    host.arm(60)
    host.apply()
    host.netns.run(
        "ip rule del priority 78; ip rule add priority 77 from 10.77.0.0/16 lookup 77; "
        "ip route add 10.7.0.0/16 dev wan; nft 'add element inet other banned { 10.0.0.2 }'"
    )
    told = host.script("revert").stdout
    foreign = host.guard(change_id="one")["foreign"]
    assert sorted(foreign) == sorted([
        "+ rule 4: 77: from 10.77.0.0/16 lookup 77",
        "- rule 4: 78: from all lookup 78",
        "+ route 4: 10.7.0.0/16 dev wan scope link",
        "- nft table inet other: set banned: elements = { 10.0.0.1 }",
        "+ nft table inet other: set banned: elements = { 10.0.0.1, 10.0.0.2 }",
    ]), foreign
    assert all(line in told for line in foreign)
    assert "+ rule 4: 77" in host.script("list").stdout


def test_nothing_is_armed_where_a_tool_is_missing(host: Host) -> None:
    for check_mode in (True, False):
        answer = host.guard(check_mode, state="armed", timeout=60, needs=["nft", "nft-of-the-future"])
        assert answer["failed"] and "lacks nft-of-the-future" in answer["msg"], answer
    assert not os.path.exists(host.state_dir)


def test_prepared_is_a_promise_for_some_seconds(host: Host) -> None:
    assert host.guard(state="prepared", change_id="one", timeout=60)["failed"], "nothing is armed"
    host.arm(20, hosts=["left", "right"])
    answer = host.guard(state="prepared", change_id="one", timeout=90)
    assert not answer["changed"] and 85 < answer["seconds_left"] <= 90 and answer["pending"]["prepared"], answer
    assert answer["hosts"] == ["left", "right"] and "left right: all of them" in host.script("status").stdout
    host.script("revert")
    assert "too late" in host.guard(state="prepared", change_id="one", timeout=90)["msg"]
