# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arista EOS: facts from transcripts, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_eos import AristaEos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(AristaEos(), "arista_eos", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def large() -> Dict:
    return facts_of(AristaEos(), "arista_eos_large", request(FLOW))


def test_everything_but_lookups_is_read(facts: Dict) -> None:
    assert [name for name, part in facts["parts"].items() if not part["complete"]] == ["lookups"]
    assert facts["software"] == "4.32.2F" and "raw" not in facts["device"]


def test_interfaces(facts: Dict) -> None:
    assert facts["interfaces"]["Ethernet1"] == {
        "up": True, "carrier": True, "mtu": 1500, "description": "provider A", "addresses": [
            {"family": 4, "address": "198.51.100.10", "prefixlen": 30},
            {"family": 6, "address": "fe80::21c:73ff:fe00:1", "prefixlen": 64, "scope": "link"},
            {"family": 6, "address": "2001:db8:a::a", "prefixlen": 64}]}
    assert facts["interfaces"]["Vlan10"]["policy"] == "TO-PARTNER"
    assert facts["interfaces"]["Vlan10"]["addresses"][1] == {
        "family": 4, "address": "10.10.1.2", "prefixlen": 24, "secondary": True}
    assert facts["interfaces"]["Ethernet2"]["access_list_in"] == "FROM-B"
    assert not facts["interfaces"]["Ethernet4"]["up"] and facts["interfaces"]["Vlan50"]["vrf"] == "BLUE"
    assert len(facts["interfaces"]["Vlan20"]["addresses"]) == 1  # the shared address is the only one


def test_routes_as_json(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"BLUE": 1001}
    assert routes[254, "10.30.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "Vlan10"}, {"gateway": "10.10.0.8", "device": "Vlan10", "weight": 3}]
    assert routes[254, "172.16.0.0/16"] == {"family": 4, "table": 254, "dst": "172.16.0.0/16", "origin": "eBGP",
                                            "distance": 200, "nexthops": [{"gateway": "203.0.113.9",
                                                                           "device": "Ethernet2"}]}
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[254, "::/0"]["nexthops"] == [{"gateway": "fe80::1", "device": "Ethernet1"}]


def test_routes_as_text_where_the_release_has_no_json(facts: Dict) -> None:
    assert [one for one in facts["routes"] if one["table"] == 1001] == [
        {"family": 4, "table": 1001, "dst": "0.0.0.0/0", "origin": "S", "distance": 1,
         "nexthops": [{"gateway": "10.50.0.253", "device": "Vlan50"}]},
        {"family": 4, "table": 1001, "dst": "10.50.0.0/24", "origin": "C", "nexthops": [{"device": "Vlan50"}]},
        {"family": 4, "table": 1001, "dst": "10.60.0.0/16", "origin": "B E", "distance": 200, "metric": 5,
         "nexthops": [{"gateway": "10.50.0.7", "device": "Vlan50"}, {"gateway": "10.50.0.8", "device": "Vlan50"}]},
        {"family": 4, "table": 1001, "dst": "10.61.0.0/16", "origin": "S", "type": "blackhole"}]


def test_neighbours(facts: Dict) -> None:
    assert [(one["address"], one["device"], one["mac"]) for one in facts["neighbours"]] == [
        ("10.10.0.7", "Vlan10", "aa:bb:cc:00:07:00"), ("198.51.100.9", "Ethernet1", "aa:bb:cc:00:aa:01"),
        ("fe80::1", "Ethernet1", "aa:bb:cc:00:aa:01"), ("10.50.0.253", "Vlan50", "aa:bb:cc:00:50:01")]


def test_reverse_path_and_its_drops(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "Ethernet1": {"mode": "strict", "allow_default": False, "families": [4], "drops": None},
        "Ethernet2": {"mode": "loose", "allow_default": True, "families": [4], "drops": None}}
    assert facts["device"]["drops"] == [
        {"name": "dropVoqInUrpf", "packets": 25, "growth": 5, "meaning": "reverse_path"},
        {"name": "dropVoqInInvalidOutLif", "packets": 4, "growth": 0, "meaning": "other"}]


def test_policy_routes_in_order(facts: Dict) -> None:
    leave, partner, rest = facts["device"]["policy_routes"]
    assert leave == {"name": "TO-PARTNER", "sequence": 10, "interfaces": ["Vlan10"], "action": "normal",
                     "nexthops": [], "match": [{"sources": ["10.10.0.5/32"]}]}
    assert (partner["sequence"], partner["action"], partner["nexthops"]) == (20, "forward", ["203.0.113.9"])
    assert partner["match"] == [
        {"protocol": "tcp", "sources": ["10.10.0.0/24"], "destinations": ["172.16.0.0/16"],
         "dports": [[443, 443], [8443, 8443]]},
        {"protocol": "udp", "destinations": ["172.16.0.0/16"], "dports": [[5000, 5010]]}]
    assert rest["action"] == "drop" and rest["match"] == [{"sources": ["0.0.0.0/0"]}]


def test_nat(facts: Dict) -> None:
    source, destination, static, back = facts["device"]["nat"]
    assert source == {"name": "Ethernet1 1", "sequence": 1, "kind": "source", "interfaces_out": ["Ethernet1"],
                      "sources": ["10.10.0.0/24"], "to_sources": ["198.51.100.20-198.51.100.29"]}
    assert (destination["destinations"], destination["dports"], destination["to_destination"],
            destination["to_port"]) == (["198.51.100.10/32"], [[443, 443]], "10.10.0.80", 8443)
    assert static["kind"] == "static" and static["to_sources"] == ["203.0.113.25"]
    assert (back["interfaces_in"], back["destinations"], back["to_destination"]) == (
        ["Ethernet2"], ["203.0.113.25/32"], "10.10.0.25")


def test_gateways_pair_spreading_and_logs(facts: Dict) -> None:
    device = facts["device"]
    assert device["fhrp"] == [
        {"protocol": "vrrp", "interface": "Vlan50", "group": 5, "role": "backup", "address": "10.50.0.254",
         "priority": 100, "peer": "10.50.0.3"},
        {"protocol": "cluster", "interface": "Vlan10", "group": 0, "role": "active", "address": "10.10.0.1"},
        {"protocol": "cluster", "interface": "Vlan20", "group": 0, "role": "active", "address": "10.20.0.1"}]
    assert device["ha"] == {"mode": "active_active", "peer": "10.255.0.8",
                            "links": {"peer-link": True, "peer": True, "local": True},
                            "text": "mlag pair1 is active, configurations inconsistent"}
    assert device["load_sharing"] == {"mode": "per_flow", "algorithm": "ip load-sharing sand profile SYMMETRIC"}
    assert [one["reason"] for one in device["logs"]] == ["ACL-6-IPACCESS"]
    assert device["session_key"] == "" and device["sessions"] == {"listed": []}


def test_a_large_table_is_asked_by_address(large: Dict) -> None:
    part = large["parts"]["routes"]
    assert not part["complete"] and "987002 routes" in part["why"]
    assert part["covered"] == ["10.10.0.20/32"]  # the way of the other address is not understood
    assert [one["dst"] for one in large["routes"]] == ["10.10.0.0/24", "172.16.0.0/16"]


def test_what_is_not_understood_is_not_guessed(large: Dict) -> None:
    parts = large["parts"]
    assert "set nexthop-group G" in parts["policy_routes"]["why"] and "dscp ef" in parts["policy_routes"]["why"]
    assert "20 match ip 10.10.0.0/24 any" in parts["policy_routes"]["why"]
    assert "exceptions prefix-list X" in parts["reverse_path"]["why"]
    assert "route-map B" in parts["nat"]["why"] and "refused" in parts["drops"]["why"]
    assert large["device"]["raw"][0]["lines"][0].startswith("172.16.0.0/16 {")
    assert large["device"]["fhrp"][0]["role"] == "master"  # as text
    assert large["device"]["ha"] == {"mode": "none"} and parts["ha"]["complete"]


def test_an_answer_of_another_shape_costs_one_part() -> None:
    said = transcripts.read("arista_eos")
    said["show ip route vrf default | json"] = ['{"vrfs": {"default": {"routes": {"10.0.0.0/8": 7}}}}']
    said["show vrrp | json"] = ['{"virtualRouters": [']
    found = gather(AristaEos(), transcripts.Transcript(AristaEos(), said), request(FLOW))
    validate(found)
    incomplete = {name: part["why"] for name, part in found["parts"].items() if not part["complete"]}
    assert incomplete.keys() == {"routes", "fhrp", "lookups"} and "routes" not in found
    assert "not shaped as it is known" in incomplete["routes"] and "is no JSON" in incomplete["fhrp"]


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(AristaEos(), "arista_eos", request(FLOW), secret="")
    assert facts["parts"]["routes"]["complete"] and facts["device"]["policy_routes"][1]["nexthops"] == ["203.0.113.9"]
    assert device.received and all(line.startswith("show ") for line in device.received) and device.logins == 1


@pytest.mark.parametrize("command", [
    "configure session x", "clear arp", "reload", "bash ls", "write memory", "commit",
    "show version | redirect flash:x",
    "show version | append flash:x", "show version > flash:x", "show version | tee flash:x", "show tech-support",
    "show version\nreload", "show version | json | redirect flash:x",
])
def test_commands_that_do_more_than_read_are_not_sent(command: str) -> None:
    transcript = transcripts.Transcript(AristaEos(), {})
    with pytest.raises(NotReadOnly):
        transcript.ask(command)
    assert transcript.sent == []
