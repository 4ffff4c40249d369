# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a VRF: which table its rules lead to, and how its own packets are routed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

Dict = dict[str, t.Any]
IN_VRF, OUTSIDE = "m0", "a"
PACKET = Packet(Flow.parse("udp 10.9.0.5:1000 > 20.1.1.5:80"))


def a_host(*rules: Dict, **facts: t.Any) -> Host:
    """Interface a outside, m0 and m1 in VRF red; the default route of main is by a, of the VRF's table 1001 by m1."""
    interfaces: Dict = {"lo": {"index": 1, "kind": "loopback"}, "red": {"index": 9, "kind": "vrf", "vrf_table": 1001}}
    for index, (name, net) in enumerate({"a": "10.0.1", "m0": "10.0.2", "m1": "10.0.3"}.items(), 2):
        vrf = {"master": "red", "vrf": "red"} if name != "a" else {}
        interfaces[name] = {
            "index": index, "addresses": [{"family": 4, "address": f"{net}.1", "prefixlen": 24}], **vrf
        }  # fmt: skip
    base = [
        {"family": 4, "priority": 0, "table": 255},
        {"family": 4, "priority": 1000, "l3mdev": True, "protocol": 2},
        {"family": 4, "priority": 32766, "table": 254},
    ]
    routes = [
        _route("0.0.0.0/0", 254, "a", "10.0.1.9"),
        _route("0.0.0.0/0", 1001, "m1", "10.0.3.9"),
        _route("20.1.0.0/16", 100, "a", "10.0.1.7"),
    ]
    return Host.from_facts(
        "r",
        {
            "kernel": "6.18.1",
            "interfaces": interfaces,
            "rules": sorted([*base, *rules], key=lambda rule: rule["priority"]),
            "routes": routes,
            "interface_sysctls": {name: {"rp_filter": 0, "forwarding": 1} for name in ("all", *interfaces)},
            **facts,
        },
    )


def _route(dst: str, table: int, device: str, gateway: str) -> Dict:
    return {"family": 4, "table": table, "dst": dst, "nexthops": [{"device": device, "gateway": gateway}]}


def next_hop(host: Host, iif: str | None, oif: str | None = None) -> str | None:
    lookup = host.lookup(PACKET, iif, oif)
    assert not lookup.unknown
    (branch,) = lookup.branches
    return branch.next_hop


@pytest.mark.parametrize(("iif", "oif", "expected"), [
    (IN_VRF, None, "10.0.3.9"), (OUTSIDE, None, "10.0.1.9"), (None, "red", "10.0.3.9"), (None, None, "10.0.1.9"),
])  # fmt: skip
def test_the_rule_of_vrfs_leads_to_the_table_of_the_vrf(iif: str | None, oif: str | None, expected: str) -> None:
    assert next_hop(a_host(), iif, oif) == expected


@pytest.mark.parametrize(("selectors", "expected"), [
    # the rule is left before it looks for a VRF: its table is 0 then, which means main
    ({"iif": OUTSIDE}, "10.0.1.9"),
    ({"fwmark": 5}, "10.0.1.9"),
    # it looks for the VRF first, and finds its table
    ({"ipproto": 6}, "10.0.3.9"),
    ({"src": "10.8.0.0/16"}, "10.0.3.9"),
])  # fmt: skip
def test_an_inverted_rule_uses_the_vrf_only_where_it_came_to_look_for_it(selectors: Dict, expected: str) -> None:
    rule = {"family": 4, "priority": 200, "invert": True, "l3mdev": True, **selectors}
    assert next_hop(a_host(rule), IN_VRF) == expected


def test_the_table_of_a_vrf_is_remembered_from_rule_to_rule() -> None:
    before = {"family": 4, "priority": 100, "l3mdev": True, "ipproto": 6}  # does not match, but finds the VRF
    inverted = {"family": 4, "priority": 200, "invert": True, "l3mdev": True, "iif": OUTSIDE}
    assert next_hop(a_host(before, inverted), IN_VRF) == "10.0.3.9"
