# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, links and next hops of both sources, without a kernel: what this machine's kernel or iproute2 cannot make."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import (
    iproute,
    links,
    netlink,
    nexthops,
    rtnetlink,
)


def rule_message(*attributes: bytes, action: int = 1, flags: int = 0) -> bytes:
    return struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 100, 0, 0, action, flags) + b"".join(attributes)


def test_masks_that_cover_everything_select_nothing_more() -> None:
    full = [netlink.attribute(28, b"\xff\xff"), netlink.attribute(29, b"\xff\xff"), netlink.attribute(30, b"\x3f")]
    rule = rtnetlink.decode_rule(4, rule_message(netlink.attribute(23, struct.pack("=HH", 53, 53)), *full))
    assert rule == {"family": 4, "priority": 0, "table": 100, "sport": [53, 53]}


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [(28, b"\xf0\x00", "sport_mask 0xf000"), (30, b"\x38", "dscp_mask 0x38"), (77, b"\x01", "attribute 77 0x01")],
)
def test_selectors_that_are_not_understood_are_named(kind: int, value: bytes, name: str) -> None:
    assert rtnetlink.decode_rule(4, rule_message(netlink.attribute(kind, value)))["unknown"] == [name]


def test_an_l3mdev_rule_has_no_table_and_a_goto_has_a_target() -> None:
    assert rtnetlink.decode_rule(4, rule_message(netlink.attribute(19, b"\x01"))) == {
        "family": 4, "priority": 0, "l3mdev": True,
    }
    assert rtnetlink.decode_rule(6, rule_message(netlink.attribute(4, struct.pack("=I", 7)), action=2)) == {
        "family": 6, "priority": 0, "action": "goto", "goto": 7,
    }


def test_words_of_newer_iproute2_are_kept_as_unknown() -> None:
    rule = iproute.parse_rule(4, {"priority": 5, "src": "all", "dscp": "10", "sport_mask": "0xff00", "table": "100"})
    assert (rule["dscp"], rule["unknown"]) == (10, ["sport_mask 0xff00"])


def test_protocols_of_rules_in_every_spelling() -> None:
    for word in ("tcp", "ipproto-6", 6, "6"):
        assert iproute.parse_rule(4, {"priority": 5, "ipproto": word, "table": "100"})["ipproto"] == 6


def vrf_link() -> bytes:
    table = netlink.nested(2, netlink.attribute(1, struct.pack("=I", 10)))
    info = netlink.nested(18, netlink.attribute(1, b"vrf\0"), table)
    named = netlink.attribute(3, b"red\0") + netlink.attribute(4, struct.pack("=I", 65575))
    return struct.pack("=BxHiII", 0, 1, 9, 0x10001, 0) + named + info


def test_the_table_of_a_vrf_in_both_sources() -> None:
    link, master = rtnetlink.decode_link(vrf_link())
    assert (link["kind"], link["vrf_table"], link["up"], link["carrier"], master) == ("vrf", 10, True, True, 0)
    data = {"ifname": "red", "ifindex": 9, "flags": ["NOARP", "MASTER", "UP", "LOWER_UP"], "mtu": 65575, "group": "0",
            "linkinfo": {"info_kind": "vrf", "info_data": {"table": 10}}, "addr_info": []}
    assert {key: value for key, value in iproute.parse_interface(data).items() if key != "addresses"} == link


def test_the_vrf_of_an_interface_is_found_through_bridges() -> None:
    interfaces = links.finish([
        {"name": "red", "kind": "vrf"}, {"name": "br0", "kind": "bridge", "master": "red"},
        {"name": "port", "master": "br0"}, {"name": "free", "master": "br9"}, {"name": "loop", "master": "loop"},
    ])
    assert {name: link.get("vrf") for name, link in interfaces.items()} == {
        "red": None, "br0": "red", "port": "red", "free": None, "loop": None,
    }


OBJECTS = [
    {"id": 1, "leg": {"device": "a"}}, {"id": 2, "leg": {"device": "b"}}, {"id": 3, "leg": {}},
    {"id": 10, "members": [[1, 3], [2, 1], [3, 1], [99, 1]]},
]


def test_legs_of_next_hop_objects() -> None:
    by_id = {entry["id"]: entry for entry in OBJECTS}
    assert nexthops.legs_of(by_id, 10) == [{"device": "a", "weight": 3}, {"device": "b"}]
    assert nexthops.legs_of(by_id, 3) == nexthops.legs_of(by_id, 77) == []
    assert [group["id"] for group in nexthops.groups(OBJECTS)] == [10]


def test_next_hop_objects_are_read_only_where_a_route_needs_them() -> None:
    def never() -> list[nexthops.Dict]:
        raise AssertionError("not needed")

    whole = [{"nhid": 1, "nexthops": [{"device": "a"}]}, {"nhid": 3, "type": "blackhole"}, {}]
    assert nexthops.resolve(whole, never) == whole
    assert nexthops.resolve([{"nhid": 2}], lambda: OBJECTS) == [{"nhid": 2, "nexthops": [{"device": "b"}]}]


def test_an_encapsulation_does_not_hide_the_destination_of_its_route() -> None:
    text = '[{"dst":"10.40.0.0/16","encap":"ip","src":"0.0.0.0","dst":"10.0.0.9","tos":4,"tos":"0x08","dev":"br0"}]'
    (data,) = iproute.load(text)
    assert iproute.parse_route(4, data, 254) == {
        "family": 4, "table": 254, "dst": "10.40.0.0/16", "tos": 8, "nexthops": [{"device": "br0", "flags": ["encap"]}],
    }
