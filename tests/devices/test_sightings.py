# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What devices print of packets, read line by line into exact values."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.decode import Header
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.asa_capture import packets_of as of_asa
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import CaptureError, Known, Watch
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_capture import read_sniffer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.ios_capture import packets_of as of_ios
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.linux_capture import pcap_filter, read_tcpdump
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_capture import (
    PaloaltoCapture,
    counts_of,
    settings_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import Clock, header_of_text
from ansible_collections.netpath.symmetry.tests.devices.fake_capture import recorded

TCP = "tcp 192.0.2.20:40000 > 203.0.113.10:443"


def watch(flow: str = TCP, **more: t.Any) -> Watch:
    return Watch(Wanted.build(flow, []), **more)


def ended(*lines: str) -> str:
    return "\n".join([*lines, "9 packets received by filter", "0 packets dropped by kernel"])


@pytest.mark.parametrize(("text", "protocol", "flags", "ports"), [
    ("10.0.0.1.5000 > 10.9.9.9.80: S 1:1(0) win 64240 <mss 1460>", "tcp", "SYN", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80: S [tcp sum ok] 1:1(0) ack 9 win 64240", "tcp", "SYN-ACK", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80: . ack 357492863 win 366", "tcp", "ACK", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80: FP 1:41(40) ack 1 win 5712", "tcp", "FIN-PSH-ACK", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80: R 1:1(0) win 0", "tcp", "RST", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80: Flags [S.], seq 5, ack 2, win 65535, length 0", "tcp", "SYN-ACK", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80: Flags [.], ack 2, win 65535, length 0", "tcp", "ACK", (5000, 80)),
    ("10.0.0.1.5000 -> 10.9.9.9.80: syn 204303218", "tcp", "SYN", (5000, 80)),
    ("10.0.0.1.5000 -> 10.9.9.9.80: psh 204303218 ack 3053437421", "tcp", "PSH-ACK", (5000, 80)),
    ("10.0.0.1.5000 -> 10.9.9.9.80: rst 204303218", "tcp", "RST", (5000, 80)),
    ("10.0.0.1.5000 -> 10.9.9.9.80: ack 204303310", "tcp", "ACK", (5000, 80)),
    ("10.0.0.1.5000 -> 10.9.9.9.80: udp 600", "udp", "", (5000, 80)),
    ("10.0.0.1.5000 > 10.9.9.9.80:  [bad udp cksum d16b!] udp 97 (DF) (ttl 64, id 0)", "udp", "", (5000, 80)),
    ("10.0.0.1 > 10.9.9.9: icmp: echo request (ttl 64, id 1)", "icmp", "echo-request", (None, None)),
    ("10.0.0.1 -> 10.9.9.9: icmp: echo reply", "icmp", "echo-reply", (None, None)),
])
def test_a_line_of_text(text: str, protocol: str, flags: str, ports: tuple[int | None, int | None]) -> None:
    assert header_of_text(text, protocol) == Header(protocol, "10.0.0.1", "10.9.9.9", 0, 0, *ports, flags)


@pytest.mark.parametrize("text", [
    "802.1Q vlan#10 P0", "10.0.0.1 > 10.9.9.9: ESP(spi=0x2e03e37b,seq=0x2)", "arp who-has 10.0.0.1 tell 10.0.0.2",
    "10.0.0 > 10.9.9.9: S 1:1(0)", "10.0.0.1 -> 10.9.9.9: icmp: 10.0.0.1 udp port 60614 unreachable", "",
])
def test_a_line_that_tells_no_packet_of_a_connection(text: str) -> None:
    assert header_of_text(text, "tcp") is None


def test_the_clock_of_a_device() -> None:
    clock = Clock.read("*23:59:58.500 UTC Thu Nov 26 2026")
    assert clock is not None and clock.of_day == 86398.5
    clock = Clock(86398.5, 1000.0)
    assert [clock.epoch(stamp) for stamp in ("23:59:59.500000", "00:00:01.500000", "23:59:57.500001")] == [
        1001.0, 1003.0, 999.000001]
    assert Clock.read("% Invalid input detected") is None


def test_an_older_tcpdump_tells_no_interface() -> None:
    text = recorded("tcpdump").replace("lan   In  ", "").replace("wan_a Out ", "").replace("wan_b In  ", "")
    packets = read_tcpdump(text, watch()).packets
    assert [(one.interface, one.direction, one.way, one.ttl, one.length) for one in packets] == [
        ("", "", "forward", 64, 40), ("", "", "forward", 63, 40), ("", "", "return", 60, 40),
        ("", "", "icmp_error", 64, 56)]
    assert packets[0].to_dict() == {
        "time": 1795226400.204211, "way": "forward", "source": "192.0.2.20", "destination": "203.0.113.10",
        "sport": 40000, "dport": 443, "protocol": "tcp", "flags": "SYN", "length": 40, "ttl": 64, "dropped": False}


def test_only_interfaces_that_were_asked_for() -> None:
    seen = read_tcpdump(recorded("tcpdump"), watch(interfaces=("wan_a",)))
    assert [one.interface for one in seen.packets] == ["wan_a"]
    text = ended(*recorded("fortinet").splitlines())
    assert [one.interface for one in read_sniffer(text, watch(interfaces=("port2",))).packets] == ["port2", "port2"]


def test_what_is_not_understood_is_kept() -> None:
    odd = "2026-11-26 10:00:01.200000 port1 in 802.1Q vlan#10 P0 "
    seen = read_sniffer(ended("interfaces=[any]", odd, *recorded("fortinet").splitlines()), watch())
    assert seen.unread == (odd.strip(),) and len(seen.packets) == 4


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_answers_that_are_cut(share: float) -> None:
    def cut(name: str) -> str:
        text = recorded(name)
        return text[: int(len(text) * share)]

    with pytest.raises(DeviceError, match="did not come to its end"):
        read_tcpdump(cut("tcpdump").rpartition("\n")[0].split("\n4 packets")[0], watch())
    with pytest.raises(DeviceError, match="it was cut"):
        of_asa(cut("asa_inside").removesuffix("shown\n"))
    with pytest.raises(DeviceError, match="did not come to its end"):
        read_sniffer(cut("fortinet"), watch())
    assert len(of_ios(cut("ios_detailed"))) <= len(of_ios(recorded("ios_detailed"))) == 3


def test_tcpdump_says_why_it_did_not_begin() -> None:
    said = "tcpdump: any: You don't have permission to perform this capture on that device"
    with pytest.raises(DeviceError, match="did not come to its end: tcpdump: any: You don't have permission"):
        read_tcpdump(said, watch())


def test_the_filter_of_other_flows() -> None:
    assert pcap_filter(Wanted.build("icmp 192.0.2.20 > 203.0.113.10", []).flow).startswith(
        "(icmp and host 192.0.2.20 and host 203.0.113.10) or (icmp and icmp[0] != 0 ")
    assert pcap_filter(Wanted.build("udp [2001:db8::1] > [2001:db8::2]:53", []).flow) == (
        "(udp and host 2001:db8::1 and host 2001:db8::2 and port 53) or (icmp6 and ip6[40] < 128 and "
        "(dst host 2001:db8::1 or dst host 2001:db8::2))")
    assert "port" not in pcap_filter(Wanted.build("tcp 192.0.2.20 > 203.0.113.10:*", []).flow)


def test_a_stage_of_which_packets_are_missing() -> None:
    setting = "".join(f"  Stage {stage}:  file NPS-{stage}\n    Captured:     packets - {count}          bytes - 120\n"
                      for stage, count in (("receive", 2), ("firewall", 0), ("transmit", 0), ("drop", 0)))
    answers = {"debug dataplane packet-diag show setting": setting, "receive": recorded("panos_receive")}
    known = Known(clock=Clock(36000.0, 1000.0))
    seen = PaloaltoCapture().parse(answers, watch(), known, 0)
    assert [(one.time, one.stage, one.flags) for one in seen.packets] == [
        (1001.123456, "receive", "SYN"), (1001.134, "receive", "SYN-ACK")]
    answers["receive"] = answers["receive"].splitlines()[0]
    with pytest.raises(DeviceError, match="1 packets of 2 at stage receive were read: the answer was cut"):
        PaloaltoCapture().parse(answers, watch(), known, 0)


def test_settings_of_packet_diag_that_are_not_understood() -> None:
    with pytest.raises(CaptureError, match="is not understood"):
        settings_of("Packet filter\n  Enabled: no\n")
    with pytest.raises(DeviceError, match="does not tell what each stage has captured"):
        counts_of("Packet capture\n  Stage receive  :  file NPS-receive\n    Captured:     packets - 3\n")
