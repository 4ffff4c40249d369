# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco IOS-XR: facts from transcripts, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr import CiscoXr
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(CiscoXr(), "cisco_xr", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def large() -> Dict:
    return facts_of(CiscoXr(), "cisco_xr_large", request(FLOW))


def test_everything_is_read(facts: Dict) -> None:
    assert {name for name, part in facts["parts"].items() if not part["complete"]} == {
        "sessions", "settings", "ha"}
    assert facts["software"] == "7.5.2" and "raw" not in facts["device"]


def test_interfaces(facts: Dict) -> None:
    assert facts["interfaces"]["Bundle-Ether1.10"] == {
        "up": True, "carrier": True, "mtu": 9000, "access_list_in": "ABF", "policy": "ABF", "addresses": [
            {"family": 4, "address": "10.10.0.1", "prefixlen": 24},
            {"family": 4, "address": "10.10.1.1", "prefixlen": 24, "secondary": True}]}
    assert [one["address"] for one in facts["interfaces"]["GigabitEthernet0/0/0/0"]["addresses"]] == [
        "198.51.100.2", "fe80::250:56ff:feaa:1", "2001:db8:a::2"]
    assert facts["interfaces"]["GigabitEthernet0/0/0/3"]["vrf"] == "BLUE"
    assert not facts["interfaces"]["GigabitEthernet0/0/0/3"]["carrier"]
    assert not facts["interfaces"]["GigabitEthernet0/0/0/4"]["up"]
    assert facts["interfaces"]["GigabitEthernet0/0/0/5"]["vrf"] == "BLUE"


def test_routes_of_every_table(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"BLUE": 1001}
    assert routes[254, "0.0.0.0/0"]["nexthops"] == [{"gateway": "198.51.100.1"}]
    # The way of fast reroute is none as long as the others are there.
    assert routes[254, "10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "Bundle-Ether1.10"}, {"gateway": "10.10.0.8", "device": "Bundle-Ether1.10"}]
    assert routes[254, "10.20.0.0/16"]["metric"] == 20
    assert routes[254, "10.10.0.0/24"]["nexthops"] == [{"device": "Bundle-Ether1.10"}]
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[1001, "0.0.0.0/0"]["nexthops"] == [{"gateway": "198.51.100.1", "table": 254}]
    assert routes[254, "::/0"]["nexthops"] == [
        {"gateway": "fe80::1", "device": "GigabitEthernet0/0/0/0"}, {"gateway": "2001:db8:a::ffff"}]
    assert routes[254, "2001:db8:a::/64"]["nexthops"] == [{"device": "GigabitEthernet0/0/0/0"}]
    assert (254, "10.10.0.1/32") not in routes and (254, "2001:db8:a::2/128") not in routes


def test_neighbours(facts: Dict) -> None:
    assert [(one["address"], one["device"], one["mac"]) for one in facts["neighbours"]] == [
        ("198.51.100.1", "GigabitEthernet0/0/0/0", "00:50:56:bb:00:01"),
        ("10.50.0.20", "GigabitEthernet0/0/0/3", "00:50:56:bb:00:50")]


def test_the_devices_own_answer_for_the_flow(facts: Dict) -> None:
    own = [one for one in facts["lookups"] if one["table"] == 254]
    assert [(one["device"], one["gateway"]) for one in own] == [
        ("GigabitEthernet0/0/0/1", "203.0.113.1"), ("Bundle-Ether1.10", "10.10.0.20")]


def test_reverse_path_and_its_drops(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "GigabitEthernet0/0/0/0": {"mode": "strict", "allow_default": False, "drops": 77, "families": [4, 6]},
        "GigabitEthernet0/0/0/1": {"mode": "loose", "allow_default": True, "drops": None, "families": [4]},
        "GigabitEthernet0/0/0/5": {"mode": "loose", "allow_default": True, "drops": None, "families": [6]}}
    drops = {one["name"]: one for one in facts["device"]["drops"]}
    assert drops["RPF drops"] == {"name": "RPF drops", "packets": 83, "growth": 6, "meaning": "reverse_path"}
    assert drops["No route drops"]["packets"] == 44 and "RPF suppressed drops" not in drops


def test_an_access_list_that_forwards_is_a_policy_route(facts: Dict) -> None:
    policies = facts["device"]["policy_routes"]
    assert [(one["sequence"], one["action"]) for one in policies] == [
        (10, "drop"), (20, "normal"), (30, "forward"), (40, "vrf"), (50, "normal"), (51, "drop")]
    assert {one["name"] for one in policies} == {"ABF"} and policies[0]["interfaces"] == ["Bundle-Ether1.10"]
    assert policies[2] == {
        "name": "ABF", "sequence": 30, "interfaces": ["Bundle-Ether1.10"], "action": "forward", "packets": 1402,
        "nexthops": ["203.0.113.1", "198.51.100.1"], "verified": True, "match": [
            {"protocol": "tcp", "sources": ["10.10.0.0/24"], "destinations": ["172.16.0.0/16"],
             "dports": [[443, 443]]}]}
    assert policies[3]["vrf"] == "BLUE" and policies[3]["nexthops"] == ["10.50.0.20"]


def test_gateways_spreading_and_logs(facts: Dict) -> None:
    assert facts["device"]["fhrp"] == [
        {"protocol": "hsrp", "interface": "Bundle-Ether1.10", "group": 1, "priority": 110, "role": "active",
         "address": "10.10.0.254", "peer": "10.10.0.3"},
        {"protocol": "vrrp", "interface": "GigabitEthernet0/0/0/3", "group": 5, "priority": 100, "role": "backup",
         "address": "10.50.0.254", "peer": "10.50.0.2"}]
    assert facts["device"]["load_sharing"] == {"mode": "per_flow", "algorithm": "fields L4"}
    assert [one["reason"] for one in facts["device"]["logs"]] == ["ACL-IPV4_ACL-6-IPACCESSLOGP"]


def test_a_large_table_is_asked_by_address(large: Dict) -> None:
    part = large["parts"]["routes"]
    assert not part["complete"] and part["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in large["routes"]} == {
        "10.10.0.0/24": [{"gateway": "198.51.100.1", "device": "GigabitEthernet0/0/0/0"}],
        "0.0.0.0/0": [{"gateway": "198.51.100.1"}]}


def test_what_is_not_understood_stays_open(large: Dict) -> None:
    parts = large["parts"]
    assert "unknown mode on GigabitEthernet0/0/0/0" in parts["reverse_path"]["why"]
    assert large["device"]["reverse_path"]["GigabitEthernet0/0/0/1"]["families"] == [4]
    assert "GigabitEthernet0/0/0/1 checks IPv6 otherwise than IPv4" in parts["reverse_path"]["why"]
    assert parts["nat"]["why"] == "carrier-grade NAT is configured, and not read"
    why = parts["policy_routes"]["why"]
    assert "access lists of IPv6 that forward are not read" in why
    assert "dscp af11" in why and "default nexthop1" in why and "STEER on GigabitEthernet0/0/0/0 is not read" in why
    assert not parts["drops"]["complete"] and "drops" not in large["device"]
    assert large["device"]["load_sharing"]["mode"] == "per_packet"
    raw = {one["command"]: one["lines"] for one in large["device"]["raw"]}
    assert raw["show ipv4 vrf all interface"] == ["IP unicast RPF check is enabled", "RPF mode surprising"]
    assert ["somewhere else"] in raw.values()


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(CiscoXr(), "cisco_xr", request(FLOW))
    assert facts["interfaces"]["Bundle-Ether1.10"]["addresses"] and device.logins == 1
    assert device.received and all(line.startswith("show ") for line in device.received)


@pytest.mark.parametrize("command", [
    "configure exclusive", "show running-config | file disk0:x", "show version ; reload", "clear cef drops",
    "commit", "show route > x",
])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(CiscoXr(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert not answering.sent
