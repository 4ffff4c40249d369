# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco NX-OS: facts from transcripts, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nxos import CiscoNxos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(CiscoNxos(), "cisco_nxos", request(FLOW))


@pytest.fixture(scope="module")
def large() -> Dict:
    return facts_of(CiscoNxos(), "cisco_nxos_large", request(FLOW))


def test_everything_is_read(facts: Dict) -> None:
    assert {name for name, part in facts["parts"].items() if not part["complete"]} == {
        "sessions", "drops", "settings"}
    assert facts["software"] == "10.3(4a)" and "raw" not in facts["device"] and facts["device"]["session_key"] == ""


def test_interfaces(facts: Dict) -> None:
    assert facts["interfaces"]["Vlan10"] == {
        "up": True, "carrier": True, "mtu": 9216, "policy": "TO-PARTNER", "access_list_in": "SERVERS", "addresses": [
            {"family": 4, "address": "10.10.0.2", "prefixlen": 24},
            {"family": 4, "address": "10.10.1.2", "prefixlen": 24, "secondary": True}]}
    assert [one["address"] for one in facts["interfaces"]["Ethernet1/1"]["addresses"]] == [
        "198.51.100.2", "2001:db8:a::2", "fe80::250:56ff:feaa:1"]
    assert facts["interfaces"]["Vlan50"]["vrf"] == "BLUE" and not facts["interfaces"]["mgmt0"]["carrier"]
    assert facts["interfaces"]["Loopback9"]["addresses"] == [
        {"family": 6, "address": "2001:db8:ffff::9", "prefixlen": 128}]


def test_routes_of_every_table(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    blue = facts["device"]["tables"]["BLUE"]
    assert routes[254, "0.0.0.0/0"] == {
        "family": 4, "table": 254, "dst": "0.0.0.0/0", "origin": "static", "distance": 1, "nexthops": [
            {"gateway": "198.51.100.1", "device": "Ethernet1/1"}, {"gateway": "203.0.113.1", "device": "Ethernet1/2"}]}
    assert routes[254, "10.10.0.0/24"]["nexthops"] == [{"device": "Vlan10"}]
    assert routes[254, "172.16.0.0/16"]["nexthops"] == [{"gateway": "203.0.113.1"}]
    assert routes[254, "172.16.0.0/16"]["metric"] == 5 and routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[blue, "0.0.0.0/0"]["nexthops"] == [
        {"gateway": "198.51.100.1", "device": "Ethernet1/1", "table": 254}]
    assert routes[254, "::/0"]["nexthops"] == [{"gateway": "fe80::1", "device": "Ethernet1/1"}]
    assert (254, "10.10.0.1/32") not in routes and (254, "10.10.0.2/32") not in routes


def test_neighbours(facts: Dict) -> None:
    assert facts["neighbours"] == [
        {"family": 4, "address": "198.51.100.1", "device": "Ethernet1/1", "mac": "00:50:56:bb:00:01",
         "state": "reachable"},
        {"family": 4, "address": "10.10.0.77", "device": "Vlan10", "state": "incomplete"}]


def test_reverse_path(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "Ethernet1/1": {"mode": "strict", "allow_default": False, "drops": None},
        "Ethernet1/2": {"mode": "loose", "allow_default": True, "drops": None}}


def test_the_devices_own_answer_for_the_flow(facts: Dict) -> None:
    assert [(one["table"], one["device"], one.get("gateway")) for one in facts["lookups"]] == [
        (254, "Ethernet1/2", "203.0.113.1"), (254, "Vlan10", None)]


def test_policy_routes(facts: Dict) -> None:
    (one,) = facts["device"]["policy_routes"]
    assert (one["interfaces"], one["action"], one["nexthops"]) == (
        ["Vlan10"], "forward", ["198.51.100.1", "203.0.113.1"])
    assert one["match"] == [{"protocol": "tcp", "sources": ["10.10.0.0/24"], "destinations": ["172.16.0.0/16"],
                             "dports": [[443, 443]]}, {"deny": True}]


def test_gateways_pair_spreading_and_logs(facts: Dict) -> None:
    assert facts["device"]["fhrp"] == [
        {"protocol": "hsrp", "interface": "Vlan10", "group": 1, "role": "active", "address": "10.10.0.1",
         "priority": 110, "peer": "10.10.0.3"},
        {"protocol": "vrrp", "interface": "Vlan50", "group": 5, "priority": 100, "role": "backup",
         "address": "10.50.0.1"}]
    assert facts["device"]["ha"] == {"mode": "active_active", "synchronised": None, "text": "vPC domain 100",
                                     "links": {"peer": True, "keepalive": False}, "role": "primary"}
    assert facts["device"]["load_sharing"] == {
        "mode": "per_flow", "algorithm": "address source-destination port source-destination"}
    assert [one["reason"] for one in facts["device"]["logs"]] == ["ACLLOG-5-ACLLOG_FLOW_INTERVAL"]


def test_a_large_table_is_asked_by_address(large: Dict) -> None:
    part = large["parts"]["routes"]
    assert not part["complete"] and part["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert [one["dst"] for one in large["routes"]] == ["10.10.0.0/24"]


def test_what_is_not_understood_stays_open(large: Dict) -> None:
    parts = large["parts"]
    assert "surprising" in parts["reverse_path"]["why"] and large["device"]["reverse_path"] == {}
    assert large["device"]["load_sharing"]["mode"] is None and not parts["load_sharing"]["complete"]
    assert "no JSON" in parts["ha"]["why"] and "ha" not in large["device"]
    assert "ip-addr-out" in parts["neighbours"]["why"]
    assert not parts["nat"]["complete"] and large["device"]["nat"] == []
    raw = {one["command"]: one["lines"] for one in large["device"]["raw"]}
    assert raw["show vpc brief | json"] == ["vPC is fine, thank you"]
    assert raw["show ip interface vrf all | json"] == ["Ethernet1/1: surprising"]


def test_a_feature_that_is_off_is_not_an_account_without_rights(large: Dict) -> None:
    assert large["parts"]["policy_routes"] == {"complete": True} and large["device"]["policy_routes"] == []
    assert not large["parts"]["fhrp"]["complete"] and "fhrp" not in large["device"]


def test_policy_routes_of_ipv6_are_found_and_not_read() -> None:
    answers = transcripts.read("cisco_nxos")
    answers["show ipv6 policy vrf all"] = ["Vlan10           SIX                              Active   default"]
    facts = gather(CiscoNxos(), transcripts.Transcript(CiscoNxos(), answers), request(FLOW))
    assert facts["parts"]["policy_routes"]["why"] == "policy routes of IPv6 are not read: SIX"


NAT = "show running-config nat"
_OUT = {"interfaces_in": ["Vlan20"], "interfaces_out": ["Ethernet1/1"]}


def with_nat(*lines: str, in_blue: str = "") -> Dict:
    """The facts with other lines of NAT; an interface may be in the VRF BLUE."""
    answers = {**transcripts.read("cisco_nxos"), NAT: ["\n".join(("feature nat", *lines))]}
    (vrfs,) = answers["show vrf all interface | json"]
    place = '"if_name": "%s", "vrf_name": "%s"'
    answers["show vrf all interface | json"] = [vrfs.replace(place % (in_blue, "default"), place % (in_blue, "BLUE"))]
    found = gather(CiscoNxos(), transcripts.Transcript(CiscoNxos(), answers), request(FLOW))
    validate(found)
    return found


def test_translations_in_the_order_in_which_they_are_tried(facts: Dict) -> None:
    port, back, static, static_back, *listed = ({key: value for key, value in one.items() if key != "name"}
                                                for one in facts["device"]["nat"])
    assert port == {"sequence": 1, "kind": "static", **_OUT, "sources": ["10.20.0.11/32"], "protocol": "tcp",
                    "sports": [[22, 22]], "to_sources": ["192.0.2.11"], "to_sport": 2222}
    assert back == {"sequence": 2, "kind": "destination", "interfaces_in": ["Ethernet1/1"], "sources": ["0.0.0.0/0"],
                    "destinations": ["192.0.2.11/32"], "protocol": "tcp", "dports": [[2222, 2222]],
                    "to_destination": "10.20.0.11", "to_port": 22}
    assert static["to_sources"] == ["192.0.2.10"] and static_back["to_destination"] == "10.20.0.10"
    source = {"kind": "source", **_OUT, "sources": ["10.20.0.0/24"], "to_sources": ["192.0.2.36"]}
    assert listed == [{"sequence": 5, **source, "protocol": "tcp"},
                      {"sequence": 6, **source, "protocol": "udp", "dports": [[53, 53]]}]


def test_translation_in_a_vrf() -> None:
    """Within a VRF only where a rule says so; from a VRF to the default one the answers are routed in the VRF."""
    places = ("interface Vlan50", "  ip nat inside", "interface Ethernet1/1", "  ip nat outside")
    away = with_nat("ip nat inside source static 10.50.0.9 192.0.2.9 vrf BLUE", *places)
    assert [one["unknown"] for one in away["device"]["nat"]] == [
        ["packets that come back by them are routed in VRF BLUE"]] * 2
    places = ("interface Vlan50", "  ip nat inside", "interface Ethernet1/2", "  ip nat outside")
    rule = "ip nat inside source static 10.50.0.9 192.0.2.9 vrf BLUE"
    within = with_nat(f"{rule} match-in-vrf", *places, in_blue="Ethernet1/2")
    assert within["parts"]["nat"] == {"complete": True}
    assert [(one["kind"], one["interfaces_in"]) for one in within["device"]["nat"]] == [
        ("static", ["Vlan50"]), ("destination", ["Ethernet1/2"])]
    assert with_nat(rule, *places, in_blue="Ethernet1/2")["device"]["nat"] == []


@pytest.mark.parametrize(("line", "why"), [
    ("ip nat inside source static 10.20.0.9 192.0.2.9 group 4 dynamic", "group 4 dynamic"),
    ("ip nat outside source list TENANT pool OUT", "outside source list"),
    ("ip nat inside source list TENANT pool GONE overload", "pool GONE"),
])
def test_a_translation_that_is_not_understood_stays_unknown(line: str, why: str) -> None:
    found = with_nat(line, "interface Vlan20", "  ip nat inside", "interface Ethernet1/1", "  ip nat outside")
    assert not found["parts"]["nat"]["complete"] and why in found["parts"]["nat"]["why"]
    assert found["device"]["nat"] and all("unknown" in one for one in found["device"]["nat"])


def test_what_a_policy_route_sends_on_may_not_be_translated() -> None:
    found = with_nat("ip nat inside source static 10.10.0.9 192.0.2.9", "interface Vlan10", "  ip nat inside",
                     "interface Ethernet1/1", "  ip nat outside")
    assert "what a policy route of the interface sends on" in found["parts"]["nat"]["why"]


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(CiscoNxos(), "cisco_nxos", request(FLOW))
    assert facts["interfaces"]["Ethernet1/1"]["addresses"] and device.logins == 1
    assert device.received and all(line.startswith("show ") for line in device.received)


@pytest.mark.parametrize("command", [
    "configure terminal", "show version ; configure terminal", "show running-config > bootflash:x",
    "show running-config | vsh", "clear counters", "checkpoint x", "show hsrp all | json ; reload",
])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(CiscoNxos(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert not answering.sent
