# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a VRF: which table its rules lead to, and how its own packets are routed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit

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


def output_of(host: Host, source: str) -> transit.Transit:
    (fate,) = transit.originate(host, Tracker(), Packet(Flow.parse(f"icmp {source} > 20.1.1.5"), first=False))
    return fate


def test_a_source_in_a_vrf_is_that_of_a_socket_of_the_vrf() -> None:
    assert (output_of(a_host(), "10.0.2.1").device, output_of(a_host(), "10.0.1.1").device) == ("m1", "a")


def test_a_route_that_leaves_the_vrf_does_not_choose_the_source() -> None:
    leak = {"family": 4, "priority": 900, "table": 100, "oif": "red"}
    for prefsrc in ({}, {"prefsrc": "10.0.1.1"}):
        host = a_host(leak)
        routes = [{**route, **(prefsrc if route["table"] == 100 else {})} for route in host.facts["routes"]]
        lookup = Host.from_facts("r", {**host.facts, "routes": routes}).lookup(
            Packet(Flow.parse("udp 0.0.0.0:1000 > 20.1.1.5:80")), oif="red"
        )
        (branch,) = lookup.branches
        # not 10.0.1.1 of the device a that it leaves by, but the first address of the VRF
        assert (branch.device, branch.source) == ("a", "10.0.2.1")


def test_an_address_inside_and_outside_of_a_vrf_is_not_followed() -> None:
    host = a_host()
    facts = {
        **host.facts,
        "interfaces": {**host.facts["interfaces"], "b": {**host.facts["interfaces"]["m0"], "index": 20}},
    }
    facts["interfaces"]["b"].pop("vrf")
    fate = output_of(Host.from_facts("r", facts), "10.0.2.1")
    assert fate.outcome == "unknown" and "inside and outside of VRFs" in fate.detail


def test_a_datagram_may_come_from_a_socket_outside_of_the_vrf_where_such_are_accepted() -> None:
    host = a_host(sysctls={"net/ipv4/udp_l3mdev_accept": 1})
    (fate,) = transit.originate(host, Tracker(), Packet(Flow.parse("udp 10.0.2.1:514 > 20.1.1.5:4000")))
    assert fate.outcome == "unknown" and "udp_l3mdev_accept" in fate.detail
    assert output_of(host, "10.0.2.1").device == "m1"  # an echo reply


def output_chain(left: str, op: str, right: t.Any, verdict: str) -> Dict:
    rule = {"text": "the rule", "matches": [{"left": left, "op": op, "right": right}], "verdict": {"do": verdict}}
    chain = {"family": "inet", "table": "f", "name": "out", "type": "filter", "hook": "output", "priority": 0}
    return {"chains": [{**chain, "rules": [rule]}], "sets": []}


@pytest.mark.parametrize(
    ("left", "right"), [("meta oifname", "red"), ("meta oifname", "m1"), ("ct state", ["untracked"])]
)
def test_what_leaves_by_a_vrf_goes_out_twice_the_first_time_untracked(left: str, right: t.Any) -> None:
    fate = output_of(a_host(netfilter=output_chain(left, "==", right, "drop")), "10.0.2.1")
    assert (fate.outcome, fate.reason) == ("drop", "filter")


def test_the_vrf_is_the_incoming_interface_of_what_leaves_by_its_member() -> None:
    rules = output_chain("meta iifname", "==", "red", "drop")
    assert output_of(a_host(netfilter=rules), "10.0.2.1").outcome == "forward"
    rules["chains"][0]["hook"] = "postrouting"
    assert output_of(a_host(netfilter=rules), "10.0.2.1").reason == "filter"


def test_the_connection_is_tracked_on_the_second_way_out() -> None:
    fate = output_of(a_host(netfilter=output_chain("ct state", "==", ["invalid"], "drop")), "10.0.2.1")
    assert (fate.outcome, fate.state) == ("drop", "invalid")


def arriving(host: Host) -> transit.Transit:
    (fate,) = transit.forward(host, Tracker(), PACKET, IN_VRF)
    return fate


def test_the_reverse_path_filter_of_the_member_counts_not_that_of_the_vrf() -> None:
    sysctls = a_host().facts["interface_sysctls"]
    strict = a_host(interface_sysctls={**sysctls, IN_VRF: {"rp_filter": 1, "forwarding": 1}})
    assert arriving(strict).reason == "reverse_path"
    strict = a_host(interface_sysctls={**sysctls, "red": {"rp_filter": 1, "forwarding": 1}})
    assert arriving(strict).outcome == "forward"


def test_a_packet_is_routed_as_from_the_member_and_filtered_as_from_the_vrf() -> None:
    rule = {"family": 4, "priority": 200, "table": 100, "iif": IN_VRF}
    assert arriving(a_host(rule)).next_hop == "10.0.1.7"
    forward = output_chain("meta iifname", "==", "red", "drop")
    forward["chains"][0]["hook"] = "forward"
    assert arriving(a_host(rule, netfilter=forward)).reason == "filter"


def test_what_a_zone_takes_for_invalid_is_tracked_again_as_from_the_vrf() -> None:
    """Seen on Linux 6.1: the rule that sets the zone names the member, and the hook runs again with the VRF."""
    zone = output_chain("meta iifname", "==", IN_VRF, "accept")
    zone["chains"][0].update(hook="prerouting", priority=-300)
    zone["chains"][0]["rules"][0].update(verdict=None, statements=[{"do": "set_zone", "value": 5}])
    echo_reply = Packet(Flow("icmp", "10.9.0.5", "20.1.1.5"), first=False)
    request = Tracker().classify(Packet(Flow("icmp", "20.1.1.5", "10.9.0.5")))
    (fate,) = transit.forward(a_host(netfilter=zone), Tracker().commit(request), echo_reply, IN_VRF)
    assert fate.state == "established"


@pytest.mark.parametrize(("kernel", "expected"), [
    ("6.18.1", "10.0.1.7"), ("6.15.0", "10.0.1.7"), ("6.1.0-56-cloud-amd64", "10.0.3.9"), ("6.12.9", None),
    ("5.15.0", None),
])  # fmt: skip
def test_whether_a_rule_names_the_vrf_of_the_member_depends_on_the_kernel(kernel: str, expected: str | None) -> None:
    by_iif = {"family": 4, "priority": 200, "table": 100, "iif": "red"}
    by_oif = {"family": 4, "priority": 200, "table": 100, "oif": "red"}
    for rule, arrives, bound in ((by_iif, IN_VRF, None), (by_oif, None, "red")):
        lookup = a_host(rule, kernel=kernel).lookup(PACKET, arrives, bound)
        assert (None if lookup.unknown else lookup.branches[0].next_hop) == expected
        if lookup.unknown:
            assert "kernel" in lookup.unknown and "VRF" in lookup.unknown


def test_ipv6_rules_meet_the_vrf_itself_on_every_kernel() -> None:
    rule = {"family": 6, "priority": 200, "table": 100, "iif": "red"}
    routes = [{"family": 6, "table": 100, "dst": "::/0", "nexthops": [{"device": "a", "gateway": "fe80::1"}]}]
    forwarding = {name: {"forwarding6": 1} for name in ("all", "lo", "red", "a", "m0", "m1")}
    others = {"family": 6, "priority": 1000, "l3mdev": True}
    host = a_host(rule, others, kernel="6.1.0", routes=routes, interface_sysctls=forwarding)
    packet = Packet(Flow.parse("udp [2001:db8::5]:1000 > [2001:db8:1::5]:80"))
    (fate,) = transit.forward(host, Tracker(), packet, IN_VRF)
    assert fate.device == "a"
