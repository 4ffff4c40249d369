# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurement of a firewall pair: real conntrackds, tables and links; also with clocks that are not equal."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
import time
import typing as t

import pytest

MEMBERS = {"fw_a": ("172.31.0.1", "172.31.0.2"), "fw_b": ("172.31.0.2", "172.31.0.1")}
WEB, ECHO = "tcp 10.0.0.10 > 10.9.0.10:80", "udp 10.0.0.10 > 10.9.0.10:5353"
BACK = ["tcp 10.9.0.10:80 > 10.0.0.10", "udp 10.9.0.10:5353 > 10.0.0.10"]
MODULE = "ansible_collections.netpath.symmetry.plugins.modules.state_sync_latency"
DAY = 86400


@pytest.fixture(scope="module")
def pair(lab: t.Any) -> t.Any:
    """Client and server are 3 ms away."""
    return ready(lab("firewall_pair_ecmp"))


def ready(built: t.Any) -> t.Any:
    """With routes, and neighbours that are found."""
    deadline = time.monotonic() + 15
    ask = "curl -s -m 1 -o /dev/null http://10.9.0.10/"
    while built.run("client", ask, check=False).returncode and time.monotonic() < deadline:
        time.sleep(0.05)
    return built


def one(built: t.Any, member: str, before: str, **options: t.Any) -> dict[str, t.Any]:
    """Run the module on one member, as Ansible does, behind the words ``before``."""
    local, peer = MEMBERS[member]
    told = {"local": local, "peer": peer, "samples": 150, "meet_within": 10, **options}
    path = f"env PYTHONPATH={os.environ['PYTHONPATH']} {before} {sys.executable} -m {MODULE}"
    command = f"{path} '{json.dumps({'ANSIBLE_MODULE_ARGS': told})}'"
    done = built.run(member, command, check=False, timeout=120)
    assert done.stdout, done.stderr
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def both(built: t.Any, before_b: str = "", **options: t.Any) -> list[dict[str, t.Any]]:
    """Run it on both at the same time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(one, built, name, before, **options) for name, before in (("fw_a", ""), ("fw_b", before_b))]
        return [job.result() for job in jobs]


def entries(built: t.Any) -> str:
    """The test entries that are in a table."""
    ours = "conntrack -L 2>/dev/null | grep -E 'sport=2[0-9]{4} dport=(80|5353|9) ' || true"
    return str(built.output("fw_a", ours) + built.output("fw_b", ours))


def test_what_a_pair_shares_is_measured_in_both_directions(pair: t.Any) -> None:
    a, b = both(pair, flows=[WEB, ECHO], rate=1000, samples=1000)
    assert (a["sent"]["from"], b["received"]["from"]) == ("172.31.0.1", "172.31.0.1") and a["changed"] is False
    for said in (a, b):
        received = said["received"]
        assert received["samples"] == 1000 and received["lost"] == 0 and 100 < received["rate"] < 1200
        # What conntrackd does takes some time, and on a busy machine not much more than that.
        assert 0.02 < received["latency_ms"]["p50"] < 5 and received["bound_ms"] < 2
        assert [item["flow"] for item in received["returns"]] == [WEB, *BACK[:1], ECHO, *BACK[1:]]
        for item in received["returns"]:
            assert 6 <= item["rtt_ms"]["p01"] < 9 and item["rtt_ms"]["p01"] <= item["rtt_ms"]["p50"]
        assert [item["flow"] for item in said["verdicts"]] == [WEB, ECHO]
        for item in said["verdicts"]:
            expected = "protects" if received["latency_ms"]["p999"] + received["bound_ms"] < 6 else "races"
            assert item["verdict"] == expected, said
            sent = said["sent"]
            expected = "protects" if sent["latency_ms"]["p999"] + sent["bound_ms"] < 6 else "races"
            assert item["acknowledgement"]["verdict"] == expected, said
    assert a["received"]["latency_ms"] == b["sent"]["latency_ms"] and a["sent"]["samples"] == 1000
    assert not entries(pair), "what was made is gone"


def test_the_clocks_of_the_members_need_not_be_equal(pair: t.Any) -> None:
    a, b = both(pair, before_b=f"unshare --time --monotonic {DAY}")
    for said in (a, b):
        assert said["received"]["lost"] == 0 and 0.02 < said["received"]["latency_ms"]["p50"] < 5
        assert said["received"]["bound_ms"] < 2
    clock = f"{sys.executable} -c 'import time; print(time.monotonic())'"
    here, there = (float(pair.output("fw_b", before + clock)) for before in ("", f"unshare --time --monotonic {DAY} "))
    assert there - here > DAY - 1, "the clock of the other member was another one"


def test_what_is_kept_says_of_which_configuration_and_boot_it_is(pair: t.Any) -> None:
    a, _b = both(pair, flows=[WEB], rate=500)
    kept = json.loads(pair.output("fw_a", "cat /var/lib/netpath-symmetry/state_sync_latency.json"))
    assert kept == a["received"]
    digest = pair.output("fw_a", "sha256sum /etc/conntrackd/conntrackd.conf").split()[0]
    assert kept["configuration_digest"] == digest and abs(kept["at"] - time.time()) < 60
    assert kept["boot_id"] == pair.output("fw_a", "cat /proc/sys/kernel/random/boot_id").strip()
    pair.run("fw_a", "rm /var/lib/netpath-symmetry/state_sync_latency.json")
    both(pair, record=False, samples=5)
    assert pair.run("fw_a", "test -e /var/lib/netpath-symmetry/state_sync_latency.json", check=False).returncode


@pytest.mark.long
def test_a_protocol_that_is_left_out_is_lost(lab: t.Any) -> None:
    half = ready(lab("firewall_pair_ecmp_half_covered"))
    for flow, lost in ((WEB, 0), (ECHO, 100)):
        for said in both(half, flows=[flow], samples=100, rate=500, wait=0.5):
            assert said["received"]["lost"] == lost
            assert (said["verdicts"][0]["verdict"] == "races") >= (lost > 0), said
            assert not lost or said["verdicts"][0]["not_below_ms"] == 500


def test_members_that_do_not_fit_or_do_not_come_fail_with_what_to_do(pair: t.Any) -> None:
    alone = one(pair, "fw_a", "", meet_within=1)
    assert alone["failed"] and "run the task on both members at the same time" in alone["msg"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(one, pair, name, "", samples=samples) for name, samples in (("fw_a", 1), ("fw_b", 2))]
        for job in jobs:
            assert job.result()["failed"] and "asked for different things" in job.result()["msg"]
    skipped = one(pair, "fw_a", "", _ansible_check_mode=True)
    assert skipped["skipped"] and not skipped["changed"]


def test_ansible_runs_it_on_both_members_at_the_same_time(pair: t.Any) -> None:
    peers = "{{ {'fw_a': ['172.31.0.1', '172.31.0.2'], 'fw_b': ['172.31.0.2', '172.31.0.1']}[inventory_hostname] }}"
    options = f"local={peers[:-3]}[0] }}}} peer={peers[:-3]}[1] }}}} samples=100 flows='{WEB}'"
    argv = ["ansible", *pair.ansible_options(), "firewalls", "-m", "netpath.symmetry.state_sync_latency", "-a", options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"lost": 0') == 4, done.stdout
