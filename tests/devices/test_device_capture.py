# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures on every platform: the lines in their order, their bounds, what is seen, and that nothing stays there.

The normal run takes a sample of the faults; ``pytest tests/devices/test_device_capture.py --every-fault`` all.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.summary import story
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import capturing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import (
    CaptureError,
    CaptureFailed,
    Interrupted,
    capture_of,
    interruptible,
    wait,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import BY_PLATFORM, dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import Sighting
from ansible_collections.netpath.symmetry.tests.devices.captures_of import CASES, running
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending
from ansible_collections.netpath.symmetry.tests.devices.playing import PLAYBOOK, hosts_file

TOGETHER = 8  # sessions at a time; they wait most of it
SAMPLE = 6  # faults of a platform
each = pytest.mark.parametrize("platform", CASES)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "wait", lambda _seconds: None)


def rows(packets: t.Sequence[Sighting], absolute: bool) -> list[t.Any]:
    listed = sorted(packets, key=lambda one: one.time)
    first = 0 if absolute else listed[0].time
    return [(pytest.approx(one.time - first, abs=2e-6), one.interface, one.direction, one.way, one.flags)
            for one in listed]


def test_every_platform_that_captures_is_here() -> None:
    assert set(CASES) == {name for name in BY_PLATFORM if hasattr(dialect_of(name), "capture")}


@each
def test_what_is_sent_in_which_order_and_what_is_seen(platform: str) -> None:
    case = CASES[platform]
    with running(platform) as one:
        plan, seen = one.run()
        assert tuple(one.device.received) == case.promised and not one.device.left_behind()
        assert set(one.typed) <= set(plan.lines)
        assert rows(seen.packets, capture_of(dialect_of(platform)).clock == "device") == list(case.packets)
        assert not seen.unread


@each
def test_a_check_asks_what_a_run_asks_first_and_tells_its_lines(platform: str) -> None:
    promised, reading = CASES[platform].promised, dialect_of(platform).reading
    first = next(number for number, line in enumerate(promised) if not reading.fullmatch(line))
    with running(platform) as one:
        plan, seen = one.run(check=True)
        assert tuple(one.device.received) == promised[:first] and not one.typed and not seen.packets
        assert {line for line in promised if not reading.fullmatch(line)} <= set(plan.lines)


def faults(platform: str) -> list[Fault]:
    """At every line of a run: refused, lost before and after it; and answers that are cut."""
    case, seen, found = CASES[platform], dict.fromkeys(CASES[platform].promised, 0), []
    for line in case.promised:
        passes, seen[line] = seen[line], seen[line] + 1
        kinds = [*([] if line in case.never_refused else ["refuses"]), "loses", "loses_after",
                 *(["cuts"] if line in case.cut else [])]
        found += [Fault(kind, line, passes, once=True) for kind in kinds]
    return found


def strike(platform: str, fault: Fault) -> str:
    """What is wrong after a fault; nothing where nothing is left and nobody was told otherwise."""
    name, said = f"{fault.kind} at {fault.command!r} ({fault.passes})", ""
    cut = fault.kind == "cuts"
    with running(platform, fault) as one:
        try:
            one.run()
        except CaptureFailed as error:
            said = str(error) if error.clean else f"not sure: {error}"
        except DeviceError as error:
            said = str(error)
            if one.typed:
                return f"{name}: another error after the first line: {error}"
        if one.device.left_behind():
            return f"{name}: left {one.device.left_behind()}: {said}"
        if cut and "cut" not in said and "end" not in said:
            return f"{name}: nobody was told: {said}"
        if one.typed and said and "Nothing is left on the device" not in said:
            return f"{name}: nothing is left, and nobody was told so: {said}"
    return ""


@each
def test_a_fault_at_each_line_leaves_nothing(platform: str, pytestconfig: pytest.Config) -> None:
    listed = faults(platform)
    if not pytestconfig.getoption("--every-fault"):
        listed = listed[1 :: -(-len(listed) // (2 if platform == "vyos" else SAMPLE))]
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        wrong = list(filter(None, pool.map(lambda fault: strike(platform, fault), listed)))
    assert not wrong, "\n".join(wrong)
    assert len(listed) > (0 if platform == "vyos" else SAMPLE // 2)


@pytest.mark.parametrize("platform", ["cisco_asa", "cisco_ios", "paloalto_panos"])
def test_a_clean_up_that_does_nothing_is_seen(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the faults."""
    monkeypatch.setattr(capturing, "clean_up", lambda *_all: (True, "Nothing is left on the device"))
    assert ": left " in strike(platform, Fault("refuses", CASES[platform].last, once=True))


@pytest.mark.parametrize(("platform", "line", "by_hand"), [
    ("cisco_asa", CASES["cisco_asa"].promised[5], "no capture NPS-1 / no capture NPS-2 / no capture NPS-DROP"),
    ("cisco_ios", CASES["cisco_ios"].promised[15], "no monitor capture NPS_CAP / configure terminal / no ip "
     "access-list extended NPS-CAPTURE / end"),
    ("frr", CASES["frr"].promised[3], "pkill -INT -f"),
    ("fortinet", CASES["fortinet"].promised[1], "It ends with its session"),
])
def test_a_device_that_is_gone_leaves_the_lines_that_remove_it(platform: str, line: str, by_hand: str) -> None:
    with running(platform, Fault("loses_after", line, gone=True)) as one:
        with pytest.raises(CaptureFailed, match="not sure") as raised:
            one.run()
        assert by_hand in str(raised.value) and not raised.value.clean


@pytest.mark.parametrize("platform", sorted(set(CASES) - {"vyos"}))
def test_somebody_who_interrupts_waits_for_the_clean_up(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes while the capture runs, and the session stands in the middle of it."""
    last = CASES[platform].last
    hangs = Fault("hangs", last, once=True) if platform == "frr" else None
    over = threading.Event()
    with running(platform, hangs) as one:
        def interrupt() -> None:
            while last not in one.device.received and not over.wait(0.05):
                pass
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(capturing, "wait", wait)
        before, thread = signal.getsignal(signal.SIGINT), threading.Thread(target=interrupt)
        with pytest.raises(Interrupted, match="SIGINT.*Nothing is left on the device"), interruptible():
            thread.start()
            one.run(seconds=1 if hangs else 20)
        over.set()
        thread.join()
        assert not one.device.left_behind() and signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_playbook_that_is_ended_cleans_up(number: signal.Signals, tmp_path: pathlib.Path) -> None:
    """The real action in Ansible's own worker, which would end at once at such a signal."""
    with running("cisco_asa") as one:
        hosts = hosts_file(tmp_path, "cisco_asa", one.login.port, "cisco_asa")
        task = {"flow": "tcp 192.0.2.20 > 203.0.113.10:443", "interfaces": ["inside", "outside"], "seconds": 60,
                "known_hosts": one.login.known_hosts}
        (tmp_path / "play.json").write_text(json.dumps([{
            "hosts": "all", "gather_facts": False, "tasks": [{"netpath.symmetry.device_capture": task}]}]))
        process = subprocess.Popen([PLAYBOOK, "-i", str(hosts), str(tmp_path / "play.json")], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert came(lambda: "NPS-DROP" in one.device.captures), process.communicate(timeout=30)
        process.send_signal(number)
        said, _nothing = process.communicate(timeout=60)
        assert came(lambda: not one.device.left_behind()), said
        assert process.returncode != 0


def came(what: t.Callable[[], bool]) -> bool:
    """Whether it came true within half a minute."""
    deadline = time.monotonic() + 30
    while not what() and time.monotonic() < deadline:
        time.sleep(0.1)
    return what()


def test_somebody_elses_capture_is_named_and_nothing_sent() -> None:
    with running("cisco_asa") as one:
        one.device.captures["VENDOR"] = {"kind": "raw-data interface inside", "buffer": "524288", "match": "ip any any",
                                         "interface": "inside", "state": "Capturing"}
        with pytest.raises(CaptureError, match="capture VENDOR of somebody else runs there.*Nothing was sent"):
            one.run()
        assert not one.typed
        one.device.captures["VENDOR"]["state"] = "Stopped"
        one.run()
        assert one.device.left_behind() == "VENDOR"
    with running("cisco_ios") as one:
        one.device.points["TAC"], one.device.active = ["interface GigabitEthernet1 both"], {"TAC"}
        with pytest.raises(CaptureError, match="capture TAC of somebody else runs there"):
            one.run()
        assert not one.typed
        one.device.active.clear()
        one.run()
        assert one.device.left_behind() == "TAC"


def test_settings_of_the_one_packet_diag_are_nobodys_to_clear() -> None:
    for filters, on, words in ((["source 10.0.0.1 destination 10.0.0.2"], set(), "Index 1: source 10.0.0.1"),
                               ([], {"capture"}, "packet capture is on")):
        with running("paloalto_panos") as one:
            one.device.filters, one.device.on = filters, on
            with pytest.raises(CaptureError, match=f"settings of somebody else: {words}.*Nothing was sent"):
                one.run()
            assert not one.typed
    with running("paloalto_panos") as one:
        one.device.files = {"drop": "NPS-drop"}
        with pytest.raises(CaptureError, match="settings of ours.*packet-diag clear all' removes them"):
            one.run()
        one.device._setting = lambda: "Packet filter\n  Enabled: no\n"
        with pytest.raises(CaptureError, match="show setting' is not understood"):
            one.run()
        assert not one.typed
        with pytest.raises(CaptureError, match="captures by stages, not by interfaces"):
            one.run(interfaces=("ethernet1/1",))


def test_stages_are_told() -> None:
    with running("paloalto_panos") as one:
        packets = sorted(one.run()[1].packets, key=lambda each: each.time)
    assert [(packet.stage, packet.dropped) for packet in packets] == [
        ("receive", False), ("transmit", False), ("receive", False), ("drop", True)]
    assert story(packets) == ("SYN was seen at receive, SYN was seen at transmit, SYN-ACK was seen at receive, "
                              "SYN-ACK was dropped")


def test_one_of_ours_is_named_with_the_line_that_removes_it() -> None:
    with running("cisco_asa") as one:
        one.device.captures["NPS-1"] = {"kind": "asp-drop all", "buffer": "1", "match": "", "interface": "",
                                        "state": "Stopped"}
        with pytest.raises(CaptureError, match="capture NPS-1 is ours.*'no capture NPS-1' removes it"):
            one.run()
        assert not one.typed
    with running("cisco_ios") as one:
        one.device.running["ip access-list extended NPS-CAPTURE"] = {}
        with pytest.raises(CaptureError, match="'no ip access-list extended NPS-CAPTURE' removes it"):
            one.run()
        assert not one.typed
    with running("cisco_ios") as one:
        one.device.pending = Pending(300, {})
        with pytest.raises(CaptureError, match="another change waits for its confirmation.*Nothing was sent"):
            one.run()
        assert not one.typed
    with running("frr") as one:
        one.device.tcpdump = "77"
        with pytest.raises(CaptureError, match="NPS-capture.* runs there already"):
            one.run()
        assert not one.typed


def test_bounds_are_in_the_lines_and_refused_beyond() -> None:
    with running("frr") as one:
        line = one.run(check=True, seconds=60, packets=1000)[0].begin[0]
        assert line.startswith("timeout --foreground -s INT -k 2 60 tcpdump ") and " -c 1000 " in line
        for wrong in ({"seconds": 61}, {"seconds": 0}, {"packets": 1001}, {"packets": 0}, {"interfaces": ("a;b",)},
                      {"interfaces": ("lan", "lan")}):
            with pytest.raises(CaptureError, match=next(iter(wrong))):
                one.run(**wrong)
    with running("cisco_ios") as one:
        assert "monitor capture NPS_CAP limit packets 1000 duration 60 packet-len 160" in one.run(
            check=True, seconds=60, packets=1000)[0].begin
    with running("cisco_asa") as one:
        assert all(" buffer 192000 packet-length 160 " in line
                   for line in one.run(check=True, packets=1000)[0].begin)


def test_interfaces_that_are_not_there() -> None:
    for platform in sorted(set(CASES) - {"paloalto_panos", "vyos"}):
        with running(platform) as one:
            with pytest.raises(CaptureError, match="nothere is not there"):
                one.run(interfaces=("nothere",))
            assert not one.typed
    with running("cisco_ios") as one:
        with pytest.raises(CaptureError, match="GigabitEthernet2.100 has the MAC address of GigabitEthernet2"):
            one.run(interfaces=("GigabitEthernet2", "GigabitEthernet2.100"))
        assert not one.typed
        with pytest.raises(CaptureError, match="captures on interfaces that are named"):
            one.run(interfaces=())


def test_what_a_platform_cannot_capture_is_refused_before_a_login() -> None:
    six = "tcp [2001:db8::20]:40000 > [2001:db8:1::10]:443"
    for platform in ("cisco_asa", "cisco_ios", "fortinet", "paloalto_panos"):
        with running(platform) as one:
            with pytest.raises(CaptureError, match="of IPv4 in this version"):
                one.run(flow=six)
            assert not one.device.logins
    for platform in sorted(set(BY_PLATFORM) - set(CASES)):
        with pytest.raises(CaptureError, match=r"can be read, not captured on, by this version.*\. Nothing was sent"):
            capture_of(dialect_of(platform))
    with pytest.raises(CaptureError, match="only what the Routing Engine itself sends and receives"):
        capture_of(dialect_of("juniper_junos"))


def test_a_sniffer_that_ends_by_its_count_is_not_interrupted() -> None:
    with running("fortinet") as one:
        said: list[str] = []
        one.device.interrupt = lambda _session: said.append("^C") or "^C"
        assert len(one.run(packets=4)[1].packets) == 4 and not said
    fault = Fault("cuts", CASES["fortinet"].promised[1].replace(" 100 a", " 4 a"), once=True)
    with running("fortinet", fault) as one, pytest.raises(CaptureFailed, match="did not come to its end"):
        one.run(packets=4)


def test_what_was_dropped_has_its_reason_in_the_story() -> None:
    with running("cisco_asa") as one:
        packets = sorted(one.run()[1].packets, key=lambda each: each.time)
    told = packets[2].to_dict()
    assert told.pop("time") > 0 and told == {
        "way": "return", "source": "203.0.113.10", "destination": "192.0.2.20", "sport": 443, "dport": 40000,
        "protocol": "tcp", "flags": "SYN-ACK", "ttl": 60, "dropped": True, "drop_reason": "tcp-not-syn"}
    assert packets[1].to_dict()["vlan"] == 20 and packets[0].ttl == 64
    assert story(packets) == ("SYN came in on inside, SYN left outside, SYN-ACK was dropped (tcp-not-syn), "
                              "RST-ACK left inside")


def test_an_icmp_error_tells_what_it_quotes() -> None:
    with running("frr") as one:
        told = one.run()[1].packets[-1].to_dict()
    assert (told["icmp_error"], told["quoted"], told["source"], told["length"]) == (
        "unreachable code 1", "192.0.2.20:40000 > 203.0.113.10:443", "198.51.100.1", 56)


def test_the_flow_is_the_one_that_was_asked_for() -> None:
    with running("frr") as one:
        assert [packet.way for packet in one.run(flow="tcp 192.0.2.20 > 203.0.113.10:443")[1].packets] == [
            "forward", "forward", "return", "icmp_error"]
        assert not one.run(flow="tcp 192.0.2.21 > 203.0.113.10:443")[1].packets
