# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco IOS: facts from a transcript, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_ios import CiscoIos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(CiscoIos(), "cisco_ios", request(FLOW, sample_seconds=1))


def test_everything_is_read(facts: Dict) -> None:
    assert {name: part for name, part in facts["parts"].items() if not part["complete"]}.keys() == {
        "sessions", "settings", "ha"}
    assert facts["software"] == "17.09.04a" and "raw" not in facts["device"]


def test_interfaces(facts: Dict) -> None:
    one = facts["interfaces"]["GigabitEthernet3"]
    assert one["up"] and one["carrier"] and one["mtu"] == 1400 and one["policy"] == "TO-PARTNER"
    assert [entry["address"] for entry in one["addresses"]] == [
        "10.10.0.1", "10.10.1.1", "fe80::a8bb:ccff:fe00:300", "2001:db8:10::1"]
    assert facts["interfaces"]["GigabitEthernet5"]["vrf"] == "BLUE"
    assert not facts["interfaces"]["GigabitEthernet4"]["up"]
    assert facts["interfaces"]["GigabitEthernet2"]["access_list_in"] == "FROM-B"


def test_routes_of_every_table(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"BLUE": 1001}
    assert routes[254, "10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "GigabitEthernet3"}, {"gateway": "10.10.0.8", "device": "GigabitEthernet3"}]
    assert routes[254, "172.16.0.0/16"]["nexthops"] == [{"gateway": "203.0.113.1"}]
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[1001, "0.0.0.0/0"]["nexthops"] == [{"gateway": "10.50.0.254"}]
    assert routes[254, "::/0"]["nexthops"] == [
        {"gateway": "fe80::1", "device": "GigabitEthernet1"}, {"gateway": "2001:db8:a::ffff"}]
    assert (254, "10.10.0.1/32") not in routes and (254, "2001:db8:10::1/128") not in routes


def test_reverse_path_and_its_drops(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "GigabitEthernet1": {"mode": "strict", "allow_default": False, "drops": 18},
        "GigabitEthernet2": {"mode": "loose", "allow_default": True, "drops": 0},
    }
    drops = {one["name"]: one for one in facts["device"]["drops"]}
    assert drops["unicast RPF"] == {"name": "unicast RPF", "packets": 23, "growth": 5, "meaning": "reverse_path"}


def test_policy_routes_in_order(facts: Dict) -> None:
    first, second = facts["device"]["policy_routes"]
    assert (first["sequence"], first["action"]) == (5, "normal")
    assert second["interfaces"] == ["GigabitEthernet3"] and second["packets"] == 1402 and second["verified"]
    assert second["action"] == "forward" and second["nexthops"] == ["203.0.113.1"]
    assert second["match"] == [
        {"protocol": "tcp", "sources": ["10.10.0.0/24"], "destinations": ["172.16.0.0/16"], "dports": [[443, 443]]},
        {"protocol": "udp", "destinations": ["172.16.0.0/16"], "dports": [[5000, 5010]]},
    ]


def test_the_devices_own_answer_for_the_flow(facts: Dict) -> None:
    own = [one for one in facts["lookups"] if one["table"] == 254]
    assert [(one["device"], one["gateway"]) for one in own] == [
        ("GigabitEthernet2", "203.0.113.1"), ("GigabitEthernet3", "10.10.0.20")]


def test_gateways_spreading_and_logs(facts: Dict) -> None:
    assert facts["device"]["fhrp"] == [{"protocol": "hsrp", "interface": "Gi3", "group": 1, "priority": 110,
                                        "role": "active", "address": "10.10.0.254", "peer": "10.10.0.3"}]
    assert facts["device"]["load_sharing"] == {
        "mode": "per_packet", "interfaces": ["GigabitEthernet2"], "algorithm": "include-ports"}
    assert facts["device"]["logs"][0]["reason"] == "SEC-6-IPACCESSLOGP"


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(CiscoIos(), "cisco_ios", request(FLOW))
    assert facts["interfaces"]["GigabitEthernet1"]["addresses"] and device.logins == 1
    assert device.received and all(line.startswith("show ") for line in device.received)


def test_a_large_table_is_asked_by_address() -> None:
    facts = facts_of(CiscoIos(), "cisco_ios_large", request(FLOW))
    assert not facts["parts"]["routes"]["complete"]
    assert facts["parts"]["routes"]["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in facts["routes"]} == {
        "10.10.0.0/24": [{"device": "GigabitEthernet3"}],
        "172.16.0.0/16": [{"gateway": "203.0.113.1"}],
    }


def test_translation_is_found_and_not_read(facts: Dict) -> None:
    command = "show running-config | include ip nat"
    assert facts["device"]["nat"] == [] and facts["parts"]["nat"] == {"complete": True}
    answers = {**transcripts.read("cisco_ios"), command: [" ip nat outside\nip nat inside source list 1 pool OUT"]}
    found = gather(CiscoIos(), transcripts.Transcript(CiscoIos(), answers), request())
    assert "NAT is configured" in found["parts"]["nat"]["why"]
    assert {"command": command, "lines": ["ip nat outside", "ip nat inside source list 1 pool OUT"]} in found[
        "device"]["raw"]
