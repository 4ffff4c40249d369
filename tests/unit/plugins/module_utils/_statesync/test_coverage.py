# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filter leaves out, and what small readers make of their lines."""

from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import external_cache, statistics
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.coverage import Coverage, left_out
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.daemon import configuration_of

TCP, UDP, ICMPV6 = 6, 17, 58


def carries(item: dict[str, object], protocol: int, source: str, reply_source: str) -> bool:
    return Coverage(item).carries(protocol, *(ipaddress.ip_address(one).packed for one in (source, reply_source)))


@pytest.mark.parametrize(("item", "protocol", "source", "target", "carried"), [
    ({}, UDP, "10.0.0.1", "10.0.0.2", True),
    ({"protocols": {"accept": ["tcp"]}}, UDP, "10.0.0.1", "10.0.0.2", False),
    ({"protocols": {"accept": ["tcp"]}}, TCP, "10.0.0.1", "10.0.0.2", True),
    ({"protocols": {"ignore": ["ipv6-icmp"]}}, ICMPV6, "fd00::1", "fd00::2", False),
    ({"protocols": {"accept": []}}, TCP, "10.0.0.1", "10.0.0.2", False),
    ({"addresses": {"ignore": ["10.0.0.1/32"]}}, TCP, "10.0.0.1", "10.0.0.2", False),
    ({"addresses": {"ignore": ["10.0.0.2/32"]}}, TCP, "10.0.0.1", "10.0.0.2", False),
    ({"addresses": {"ignore": ["10.0.0.3/32"]}}, TCP, "10.0.0.1", "10.0.0.2", True),
    ({"addresses": {"ignore": ["10.1.2.3/8"]}}, TCP, "192.0.2.1", "10.9.9.9", False),
    ({"addresses": {"ignore": ["10.0.0.0/9"]}}, TCP, "192.0.2.1", "10.129.0.1", True),
    ({"addresses": {"accept": ["10.0.0.0/8", "fd00::1/128"]}}, TCP, "192.0.2.1", "10.129.0.1", True),
    ({"addresses": {"accept": ["10.0.0.0/8", "fd00::1/128"]}}, TCP, "192.0.2.1", "192.0.2.2", False),
    ({"addresses": {"accept": ["10.0.0.0/8"]}}, TCP, "fd00::1", "fd00::2", False),
    ({"addresses": {"ignore": ["0.0.0.0/0"]}}, TCP, "fd00::1", "fd00::2", True),
    ({"addresses": {"ignore": ["0.0.0.0/0"]}}, TCP, "10.0.0.1", "10.0.0.2", False),
])
def test_entries_that_pass_the_filter(
    item: dict[str, object], protocol: int, source: str, target: str, carried: bool
) -> None:
    assert carries(item, protocol, source, target) == carried


def named(item: dict[str, object], *own: str) -> list[str]:
    return [f"{part['kind']}: {part['what']}" for part in left_out({"expectations": ["all"], **item}, own)]


def test_what_is_left_out_is_named() -> None:
    assert named({}) == []
    assert named({"protocols": {"accept": ["tcp", "ipv6-icmp"]}}) == [
        "protocol: udp", "protocol: icmp", "protocol: sctp", "protocol: gre", "protocol: other protocols"]
    assert named({"protocols": {"ignore": ["udp"]}}) == ["protocol: udp"]
    ignored = {"addresses": {"ignore": ["127.0.0.1/32", "10.0.0.9/32", "10.0.0.8/32", "10.7.0.0/16"]}}
    assert named(ignored, "10.0.0.9") == ["address: 10.0.0.8/32", "address: 10.7.0.0/16"]
    assert named({"addresses": {"accept": ["10.0.0.0/8"]}}) == ["family: ipv6", "address: all but 10.0.0.0/8"]
    assert named({"states": {"accept": ["established", "close"]}})[:2] == ["state: tcp syn_sent", "state: tcp syn_recv"]
    assert named({"states": {"ignore": ["syn_sent"]}}) == ["state: tcp syn_sent"]
    assert named({"expectations": None}) == ["expectations: all helpers"]
    assert named({"expectations": ["ftp"]}) == ["expectations: helpers other than ftp"]
    assert named({"left_out_always": ["keys of gre"]}) == ["always: keys of gre"]


@pytest.mark.parametrize(("line", "key"), [
    ("tcp      6 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=3 dport=80 [ASSURED] mark=0 [active since 1s]",
     ("tcp", "10.0.0.1", "10.0.0.2", "3", "80")),
    ("udp      17 src=fd00::1 dst=fd00::2 sport=5353 dport=53 [UNREPLIED]",
     ("udp", "fd00::1", "fd00::2", "5353", "53")),
    ("icmp     1 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=5", ("icmp", "10.0.0.1", "10.0.0.2", "8", "0", "5")),
    ("unknown  50 src=10.0.0.1 dst=10.0.0.2 mark=0", ("50", "10.0.0.1", "10.0.0.2")),
    ("", ()), ("nonsense", ()),
])
def test_lines_of_the_external_cache(line: str, key: tuple[str, ...]) -> None:
    assert external_cache.key_in(line) == key


def test_what_is_not_known_of_an_answer_is_passed_over() -> None:
    assert statistics.read(["", "cache sideways:\nfoo: 5\n\x00\n"]) == statistics.Statistics({}, {}, None, None, {})


def test_counters_that_begin_anew_are_those_since() -> None:
    assert statistics.growth({"sent": 10, "gone": 1, "resend_queue": 1}, {"sent": 3, "new": 5, "resend_queue": 9}) == {
        "sent": 3}


def test_the_configuration_is_the_last_one_that_was_named() -> None:
    assert configuration_of(["conntrackd", "-d"]) == "/etc/conntrackd/conntrackd.conf"
    assert configuration_of(["conntrackd", "-C", "/a", "-C", "/b", "-d"]) == "/b"
