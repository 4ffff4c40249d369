# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Cisco IOS, beside what test_changes.py shows of every platform: what is made, timers, a playbook."""

from __future__ import annotations

import concurrent.futures
import copy
import json
import pathlib
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Wish, strike
from ansible_collections.netpath.symmetry.tests.devices.changes.cisco_ios import (
    BACKUP,
    CASE,
    LINES,
    PARTNER,
    PREPEND,
    WITHOUT_TIMER,
    device,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake import FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending
from ansible_collections.netpath.symmetry.tests.devices.playing import hosts_file, play


@pytest.fixture
def edge() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_what_is_made(edge: Changing) -> None:
    """Two policies on one interface, one of them watched; a check whose list stays; a zone is left before another."""
    done = edge.run(**CASE.everything)
    tree = edge.device.running
    assert list(tree["interface GigabitEthernet1"])[-1] == (
        "ip verify unicast source reachable-via any allow-self-ping 120")
    assert list(tree["route-map NPS-GigabitEthernet3 permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop verify-availability 203.0.113.1 10 track 901"]
    assert list(tree["route-map NPS-GigabitEthernet3 permit 20"]) == [
        "match ip address NPS-backup", "set ip next-hop 203.0.113.7"]
    assert list(tree["ip sla 901"]) == ["icmp-echo 203.0.113.1", "frequency 5"]
    assert {"maximum-paths 4", "maximum-paths ibgp 2"} <= set(tree["router bgp 65001"])
    assert done.lines[-4:] == ("zone-member security OUTSIDE", "interface GigabitEthernet3",
                               "no zone-member security INSIDE", "zone-member security OUTSIDE")


def test_one_way_is_what_the_device_does_not_show(edge: Changing) -> None:
    one: Wish = {"multipath": {"asn": 65001, "ebgp": 1, "ibgp": 1}}
    assert not edge.run(**one).changed
    edge.run(multipath={"asn": 65001, "ebgp": 4, "ibgp": 2})
    edge.four_runs(**one)
    assert edge.device.running == CASE.device().running


def test_a_policy_that_changes_keeps_nothing_of_the_old_one(edge: Changing) -> None:
    edge.run(policies=[{**PARTNER, "verify": True}, BACKUP])
    edge.device.running["track 902 ip sla 77 reachability"] = {}  # somebody else's
    edge.device.startup = copy.deepcopy(edge.device.running)
    moved = {**PARTNER, "next_hop": "203.0.113.5", "dports": [443, 8443], "verify": True}
    with pytest.raises(ChangeFailed, match="as it was, by 'configure revert now'"):
        edge.run(policies=[moved], prove=lambda _left: "no answer")
    assert edge.device.running == edge.device.startup
    archive, before = edge.device.running.pop("archive"), copy.deepcopy(edge.device.running)
    with pytest.raises(ChangeFailed, match="as it was, by the lines that undo it"):
        edge.run(policies=[moved], prove=lambda _left: "no answer", without_timer=True)
    assert edge.device.running == before
    edge.device.running["archive"] = archive
    edge.run(policies=[moved])
    tree = edge.device.running
    assert list(tree["ip access-list extended NPS-partner"]) == [
        f"permit tcp any 172.16.0.0 0.0.255.255 eq {port}" for port in (443, 8443)]
    assert list(tree["route-map NPS-GigabitEthernet3 permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop verify-availability 203.0.113.5 10 track 903"]
    assert not [text for text in tree if re.search(r"\b901\b", text)]
    edge.run(policies=[{**moved, "verify": False}])
    assert not [text for text in edge.device.running if text.startswith("ip sla")]
    edge.run(policies=[moved], state="absent")  # the other policy stays, and the interface with it
    assert "ip policy route-map NPS-GigabitEthernet3" in edge.device.running["interface GigabitEthernet3"]
    assert "route-map NPS-GigabitEthernet3 permit 20" in edge.device.running


def test_without_a_timer_a_fault_at_each_step_ends_in_the_old_configuration() -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        left = list(pool.map(lambda fault: strike(WITHOUT_TIMER, fault), WITHOUT_TIMER.faults()))
    assert not [f"{one.fault}: {one.wrong}" for one in left if one.wrong] and len(left) > 20
    assert all("by the lines that undo it" in one.said or one.said.endswith("The device is as it was") for one in left)


def test_a_line_that_is_taken_and_does_nothing(edge: Changing) -> None:
    edge.device.deaf = (LINES[1],)
    with pytest.raises(ChangeFailed, match=r"does not have .* after the change\. The device is as it was, by 'conf"):
        edge.run(**PREPEND)
    assert edge.device.running == device().running


def test_a_proof_that_takes_too_long(edge: Changing) -> None:
    def late(left: float) -> str:
        assert 250 < left <= 285
        edge.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match=r"ran out before the change was confirmed\. The device is as it was$"):
        edge.run(prove=late, **PREPEND)
    assert edge.device.running == edge.device.startup == device().running


def test_nothing_is_sent_while_another_change_waits_or_without_a_timer(edge: Changing) -> None:
    edge.device.pending = Pending(600, copy.deepcopy(edge.device.running))
    for check in (True, False):
        with pytest.raises(WishError, match="another change waits for its confirmation"):
            edge.run(check=check, **PREPEND)
        assert asked_only(edge)
    edge.device.pending = None
    del edge.device.running["archive"]
    for check in (True, False):
        with pytest.raises(WishError, match="allow_without_timer. Nothing was sent"):
            edge.run(check=check, **PREPEND)
        assert asked_only(edge)
    edge.run(without_timer=True, save=False, **PREPEND)
    assert edge.device.typed == ["configure terminal", *LINES, "end", "clear ip bgp 192.0.2.1 soft out"]


def test_nothing_is_sent_where_something_is_in_the_way(edge: Changing) -> None:
    with pytest.raises(WishError, match="has route-map FROM-B in already"):
        edge.run(bgp=[{"neighbor": "203.0.113.9", "asn": 65001, "local_preference": 300}])
    assert asked_only(edge)


def test_a_running_configuration_that_is_cut_off_is_no_base(edge: Changing) -> None:
    with pytest.raises(DeviceError, match="it was cut off"):
        edge.run(fault=Fault("cuts", "show running-config"), **PREPEND)
    assert asked_only(edge)


def test_by_a_playbook(tmp_path: pathlib.Path) -> None:
    """Check, a proof that fails, run, run again: the real action plugin, and passwords in no result."""
    one = device()
    with FakeNetwork(one) as network:
        (tmp_path / "known_hosts").write_text(network.known_hosts())
        kept = tmp_path / "backup" / "edge1.cfg"
        hosts_file(tmp_path, "edge1", network.ports["edge1"], "cisco_ios")
        told = play(tmp_path, "edge1", [
            (True, {**PREPEND, "backup_file": str(tmp_path / "check.cfg")}),
            (False, {**PREPEND, "backup_file": str(tmp_path / "known_hosts" / "no folder.cfg"), "proof": ["true"]}),
            (False, {**PREPEND, "proof": ["sh", "-c", "echo no answer; exit 7"]}),
            (False, {**PREPEND, "proof": ["true"], "backup_file": str(kept)}), (False, PREPEND)], proven=False)
    check, unkept, unproven, real, again = told
    assert kept.read_text() == f"# show running-config\n{device().shown().rstrip()}\n"
    assert kept.stat().st_mode & 0o077 == 0 and not (tmp_path / "check.cfg").exists()
    assert "no folder.cfg cannot be written: File exists; nothing was sent" in unkept["msg"]
    assert [one.get("changed") for one in (check, real, again)] == [True, True, False]
    assert check["diff"] == real["diff"] and "password" in real["diff"]["before"]
    assert "0822455D0A16" not in json.dumps(told)
    assert "sh ended with status 7: no answer. The device is as it was, by 'configure revert now'" in unproven["msg"]
    assert not [line for line in check["sent"] if not re.match("show |terminal ", line)]
    assert real["lines"] == [*LINES] and real["sent"][-1] == "write memory"
    assert one.startup == one.running != device().running
