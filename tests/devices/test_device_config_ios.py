# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Cisco IOS on a fake that is configured: what is sent, in which order, and what is left when it fails."""

from __future__ import annotations

import concurrent.futures
import copy
import json
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_config import CiscoIosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_ios import CiscoIos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import IosDevice, Pending

Wish = dict[str, t.Any]
ARCHIVE = "archive\n path bootflash:base\n"
CONFIG = """hostname edge1
interface GigabitEthernet1
 ip address 192.0.2.2 255.255.255.252
 ip verify unicast source reachable-via rx allow-self-ping 120
interface GigabitEthernet2
 ip address 203.0.113.2 255.255.255.0
 ip policy route-map TO-PARTNER
interface GigabitEthernet3
 ip address 10.10.0.1 255.255.255.0
router bgp 65001
 neighbor 192.0.2.1 remote-as 65010
 neighbor 192.0.2.1 password 7 0822455D0A16
 neighbor 203.0.113.9 remote-as 65020
 neighbor 203.0.113.9 route-map FROM-B in
 neighbor 198.51.100.9 remote-as 65030
 neighbor 198.51.100.9 peer-group PEERS
 neighbor PEERS route-map PEERS-OUT out
route-map TO-PARTNER permit 5
 set ip next-hop 203.0.113.1
"""
PARTNER: Wish = {"name": "partner", "interface": "GigabitEthernet3", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [80, 443]}
BACKUP: Wish = {"name": "backup", "interface": "GigabitEthernet3", "next_hop": "203.0.113.7",
                "sources": ["10.10.0.9/32"]}
PREPEND: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2}]}
LOOSE: Wish = {"reverse_path": [{"interface": "GigabitEthernet1", "mode": "loose"}]}
TIMER = "configure terminal revert timer 5"
CLEAR = "clear ip bgp 192.0.2.1 soft out"
LINES = [
    "route-map NPS-OUT-192.0.2.1 permit 10", "set as-path prepend 65001 65001", "router bgp 65001",
         "neighbor 192.0.2.1 route-map NPS-OUT-192.0.2.1 out"]


def device(config: str = ARCHIVE + CONFIG) -> IosDevice:
    return IosDevice("edge1", config)


@pytest.fixture
def edge() -> t.Iterator[Changing]:
    with changing(CiscoIos(), device()) as one:
        yield one


def test_what_is_sent_in_which_order(edge: Changing) -> None:
    edge.run(**PREPEND)
    waits = "show archive config rollback timer"
    assert edge.device.received == [
        "show running-config", "show archive", waits,  # what is there, and whether it may be changed
        "show archive", TIMER, f"do {waits}", *LINES, "end",
        "show running-config", "clear ip bgp 192.0.2.1 soft out",
        "show archive", waits, "configure confirm", "write memory"]


def test_everything_in_four_runs_and_away_again(edge: Changing) -> None:
    """Two policies on one interface, one of them watched; a check whose list stays; BGP. Absent leaves not a byte."""
    before = edge.device.shown()
    everything: Wish = {"policies": [{**PARTNER, "verify": True}, BACKUP], **LOOSE,
                  "bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "local_preference": 300}]}
    edge.four_runs(**everything)
    tree = edge.device.running
    assert list(tree["interface GigabitEthernet1"])[-1] == (
        "ip verify unicast source reachable-via any allow-self-ping 120")
    assert list(tree["route-map NPS-GigabitEthernet3 permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop verify-availability 203.0.113.1 10 track 901"]
    assert list(tree["route-map NPS-GigabitEthernet3 permit 20"]) == [
        "match ip address NPS-backup", "set ip next-hop 203.0.113.7"]
    assert list(tree["ip sla 901"]) == ["icmp-echo 203.0.113.1", "frequency 5"]
    edge.run(state="absent", policies=[{**PARTNER, "verify": True}, BACKUP], bgp=everything["bgp"])
    edge.run(reverse_path=[{"interface": "GigabitEthernet1", "mode": "strict"}])
    assert edge.device.shown() == before


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


class _Writing(CiscoIosConfig):
    """The negative control: it enters the configuration to find out what would change."""

    def running(self, session: Session) -> str:
        session.ask("configure terminal", 1)
        return super().running(session)


class _WritingIos(CiscoIos):
    reading = re.compile(".*")
    config = _Writing()


def test_a_check_that_types_is_seen(edge: Changing) -> None:
    edge.run(check=True, **PREPEND)
    assert asked_only(edge)
    edge.dialect = _WritingIos()
    with pytest.raises(DeviceError):
        edge.run(check=True, **PREPEND)
    assert not asked_only(edge)


_FAULTS = [
    *(Fault("refuses", line) for line in (TIMER, *LINES[1:], CLEAR, "configure confirm", "write memory")),
    Fault("refuses", "show running-config", passes=1, once=True), Fault("cuts", "show running-config", 1, True),
    *(Fault(kind, line, once=True) for kind in ("loses", "loses_after")
      for line in (TIMER, *LINES, "end", CLEAR, "configure confirm", "write memory")),
    Fault("loses", "show running-config", passes=1, once=True),
    *(Fault("loses_after", line, gone=True) for line in (TIMER, *LINES, "end", CLEAR)),
    Fault("loses", "configure confirm", gone=True),
]


def _failing(fault: Fault, timer: bool = True) -> tuple[Fault, str, IosDevice]:
    """What a run with a fault says, and the device after it and after the time of every timer."""
    with changing(CiscoIos(), device((ARCHIVE if timer else "") + CONFIG)) as one:
        kept = copy.copy(fault)
        with pytest.raises(DeviceError) as error:
            one.run(fault=fault, without_timer=not timer, **PREPEND)
        one.device.advance(300)
        assert isinstance(one.device, IosDevice)
        return kept, str(error.value), one.device


def test_a_fault_at_any_step_ends_in_the_old_configuration() -> None:
    """Refused, cut off, lost for a moment, lost for good: the device is as it was, and the message says by what."""
    old = device().running
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for fault, said, after in pool.map(_failing, copy.deepcopy(_FAULTS)):
            assert after.running == old and after.startup == old and after.pending is None, (fault, said)
            if fault.gone:
                assert "A timer that was armed does that" in said and "These lines take the change back" in said, said
            elif fault.command == "write memory" or (fault.kind, fault.command) == (
                    "loses_after", "configure confirm"):
                assert "The device is as it was, by the lines that undo it" in said, (fault, said)
            elif fault.command == TIMER and fault.kind != "loses_after":
                assert said.endswith("The device is as it was"), (fault, said)
            else:
                assert "The device is as it was, by 'configure revert now'" in said, (fault, said)
            assert fault.command in said or fault.kind == "cuts", (fault, said)


def test_without_a_timer_the_inverse_is_sent_even_by_a_new_login() -> None:
    old = device(CONFIG).running
    faults = [Fault("refuses", LINES[3]), Fault("loses", LINES[3], once=True),
              Fault("loses_after", "end", once=True)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for fault, said, after in pool.map(lambda one: _failing(one, timer=False), faults):
            assert after.running == old, (fault, said)
            assert "The device is as it was, by the lines that undo it" in said, said


def test_a_line_that_is_taken_and_does_nothing(edge: Changing) -> None:
    edge.device.deaf = (LINES[1],)
    with pytest.raises(ChangeFailed, match=r"does not have .* after the change\. The device is as it was, by 'conf"):
        edge.run(**PREPEND)
    assert edge.device.running == device().running


def test_a_proof_that_fails_and_one_that_takes_too_long(edge: Changing) -> None:
    with pytest.raises(ChangeFailed, match=r"the proof failed: no answer\. The device is as it was, by 'configure rev"):
        edge.run(prove=lambda _left: "no answer", **PREPEND)
    assert edge.device.running == edge.device.startup == device().running

    def late(left: float) -> str:
        assert 250 < left <= 285
        edge.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match=r"ran out before the change was confirmed\. The device is as it was$"):
        edge.run(prove=late, **PREPEND)
    assert edge.device.running == edge.device.startup == device().running


@pytest.mark.parametrize(("wish", "words"), [
    ({"policies": [{**PARTNER, "interface": "GigabitEthernet2"}]}, "has 'ip policy route-map TO-PARTNER' already"),
    ({"policies": [{**PARTNER, "interface": "GigabitEthernet9"}]}, "no interface 'GigabitEthernet9'; it has Gigabit"),
    ({"policies": [{**PARTNER, "destinations": ["2001:db8:9::/48"], "next_hop": "2001:db8::1"}]}, "policies of IPv6"),
    ({"bgp": [{"neighbor": "203.0.113.9", "asn": 65001, "local_preference": 300}]}, "has route-map FROM-B in already"),
    ({"bgp": [{"neighbor": "198.51.100.9", "asn": 65001, "prepend": 1}]}, "PEERS has route-map PEERS-OUT out already"),
    ({"bgp": [{"neighbor": "192.0.2.99", "asn": 65001, "prepend": 1}]}, "has no neighbor 192.0.2.99"),
    ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65009, "prepend": 1}]}, "it has router bgp 65001"),
])
def test_what_is_in_the_way_is_named_while_it_is_planned(wish: Wish, words: str) -> None:
    with pytest.raises(WishError, match=re.escape(words)):
        CiscoIosConfig().plan(device().shown(), read_wishes(wish))


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
        told = _play(tmp_path, network.ports["edge1"])
    check, unproven, real, again = told
    assert [one.get("changed") for one in (check, real, again)] == [True, True, False]
    assert check["diff"] == real["diff"] and "password" in real["diff"]["before"]
    assert "0822455D0A16" not in json.dumps(told)
    assert "sh ended with status 7: no answer. The device is as it was, by 'configure revert now'" in unproven["msg"]
    assert not [line for line in check["sent"] if not re.match("show |terminal ", line)]
    assert real["lines"] == LINES and real["sent"][-1] == "write memory"
    assert one.startup == one.running != device().running


def _play(folder: pathlib.Path, port: int) -> list[dict[str, t.Any]]:
    task = {"known_hosts": str(folder / "known_hosts"), "platform": "cisco_ios", **PREPEND}
    runs: list[Wish] = [{}, {"proof": ["sh", "-c", "echo no answer; exit 7"]}, {"proof": ["true"]}, {}]
    tasks: list[Wish] = [{"netpath.symmetry.device_config": {**task, **more}, "register": f"told{number}",
                          "check_mode": not number, "diff": True, "ignore_errors": True}
                         for number, more in enumerate(runs)]
    content = "{{ [told0, told1, told2, told3] | to_json }}"
    tasks.append({"ansible.builtin.copy": {"content": content, "dest": str(folder / "answer.json")},
                  "delegate_to": "localhost", "vars": {"ansible_connection": "local"}})
    (folder / "play.json").write_text(json.dumps([{"hosts": "edge1", "gather_facts": False, "tasks": tasks}]))
    host = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_user": USER, "ansible_password": PASSWORD}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"edge1": host}}}))
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "hosts.json"),
         str(folder / "play.json")], capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    assert (folder / "answer.json").exists(), done.stdout[-3000:] + done.stderr[-2000:]
    return t.cast("list[dict[str, t.Any]]", json.loads((folder / "answer.json").read_text()))
