# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco IOS: facts from a transcript, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import cisco_nat
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_ios import CiscoIos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.networks import host

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


NAT = "show running-config | include ^interface|ip nat"
_PLAIN = ("interface GigabitEthernet1", " ip nat outside", "interface GigabitEthernet3", " ip nat inside")
_PLACES = {"interfaces_in": ["GigabitEthernet3"], "interfaces_out": ["GigabitEthernet1"]}
_BACK = {"interfaces_in": ["GigabitEthernet1"], "sources": ["0.0.0.0/0"], "kind": "destination"}


def with_nat(*lines: str, **more: str) -> Dict:
    """The facts with other lines of NAT, and other answers by their commands."""
    answers = {**transcripts.read("cisco_ios"), NAT: ["\n".join(lines)], **{key: [text] for key, text in more.items()}}
    found = gather(CiscoIos(), transcripts.Transcript(CiscoIos(), answers), request(FLOW))
    validate(found)
    return found


def test_a_side_of_an_interface_whose_name_is_not_text_is_of_none() -> None:
    config = cisco_nat.Config("interface GigabitEthernet1\n ip nat outside\nint\ufffdrface Gi2\n ip nat inside\n")
    assert config.sides == {"inside": [], "outside": ["GigabitEthernet1"]}
    assert config.strange == ["ip nat inside of an interface whose name was not understood"]


def test_translations_in_the_order_in_which_they_are_tried(facts: Dict) -> None:
    rules = [{key: value for key, value in one.items() if key not in ("name", "sequence")}
             for one in facts["device"]["nat"]]
    assert [one["sequence"] for one in facts["device"]["nat"]] == list(range(1, 10))
    assert rules[:4] == [  # those with ports, each for both ways
        {"kind": "static", **_PLACES, "sources": ["10.10.0.30/32"], "protocol": "tcp", "sports": [[8443, 8443]],
         "to_sources": ["198.51.100.2"], "to_sport": 443},
        {**_BACK, "destinations": ["198.51.100.2/32"], "protocol": "tcp", "dports": [[443, 443]],
         "to_destination": "10.10.0.30", "to_port": 8443},
        {"kind": "static", **_PLACES, "sources": ["10.10.0.31/32"], "protocol": "udp", "sports": [[53, 53]],
         "to_sources": ["192.0.2.10"]},
        {**_BACK, "destinations": ["192.0.2.10/32"], "protocol": "udp", "dports": [[53, 53]],
         "to_destination": "10.10.0.31"}]
    assert rules[4:6] == [
        {"kind": "static", **_PLACES, "sources": ["10.10.0.10/32"], "to_sources": ["192.0.2.10"]},
        {**_BACK, "destinations": ["192.0.2.10/32"], "to_destination": "10.10.0.10"}]
    assert rules[6:] == [  # what LAN denies goes on to the next rule, and is translated nowhere otherwise
        {"kind": "source", **_PLACES, "sources": ["10.10.0.64/26"], "destinations": ["172.16.0.0/16"],
         "to_sources": ["192.0.2.65", "192.0.2.66"]},
        {"kind": "none", **_PLACES, "sources": ["10.10.0.64/26"]},
        {"kind": "source", **_PLACES, "sources": ["10.10.0.0/24"], "to_sources": ["198.51.100.2"]}]


@pytest.mark.parametrize(("line", "why"), [
    ("ip nat inside source route-map GONE interface GigabitEthernet1 overload", "'show route-map GONE' was refused"),
    ("ip nat inside source static 10.10.0.9 192.0.2.9 route-map ISP1", "route-map ISP1"),
    ("ip nat inside source static network 10.10.1.0 192.0.2.128 /25 no-payload stateless", "stateless"),
    ("ip nat inside source static 10.10.0.9 192.0.2.9 redundancy HSRP1", "redundancy HSRP1"),
    ("ip nat inside source static tcp 10.10.0.9 smux 192.0.2.9 199", "smux"),
    ("ip nat inside source static 10.10.0.9 interface Dialer1", "Dialer1"),
    ("ip nat outside source static 172.16.9.9 10.10.0.99 add-route", "outside source"),
    ("ip nat inside destination list PARTNERS pool FARM", "inside destination"),
    ("ip nat source list LAN interface GigabitEthernet1 overload", "source list LAN"),
    ("ip nat inside source list LAN pool NOT-THERE", "pool NOT-THERE"),
    ("ip nat inside source list LAN interface GigabitEthernet4 overload", "the address of GigabitEthernet4"),
    ("ip nat inside source list GONE interface GigabitEthernet1 overload", "access-lists GONE' was refused"),
    (" ip nat enable", "ip nat enable of GigabitEthernet3"),
])
def test_a_translation_that_is_not_understood_stays_unknown(line: str, why: str) -> None:
    found = with_nat(*_PLAIN, line)
    part = found["parts"]["nat"]
    assert not part["complete"] and why in part["why"], part
    assert line in next(one["lines"] for one in found["device"]["raw"] if one["command"] == NAT)
    assert all("unknown" in one for one in found["device"]["nat"] if one["kind"] != "none")


def route_map(name: str, *clauses: tuple[str, ...]) -> str:
    """As the router shows it: the action and the matches of each entry."""
    return "\n".join(
        f"route-map {name}, {action}, sequence {10 * number}\n  Match clauses:\n"
        + "".join(f"    {match} \n" for match in matches)
        + "  Set clauses:\n  Policy routing matches: 0 packets, 0 bytes"
        for number, (action, *matches) in enumerate(clauses, 1))


def test_route_maps_that_choose_by_the_way_out() -> None:
    found = with_nat(
        *_PLAIN, "interface GigabitEthernet2", " ip nat outside",
        "ip nat inside source route-map ISP-A interface GigabitEthernet1 overload",
        "ip nat inside source route-map ISP-B interface GigabitEthernet2 overload", **{
            "show route-map ISP-A": route_map(
                "ISP-A", ("deny", "ip address (access-lists): PARTNERS"),
                ("permit", "ip address (access-lists): LAN", "interface GigabitEthernet1")),
            "show route-map ISP-B": route_map("ISP-B", ("permit", "interface GigabitEthernet2"))})
    assert found["parts"]["nat"] == {"complete": True}
    rules = [(one["kind"], one["interfaces_out"], one["sources"], one.get("destinations"), one.get("to_sources"))
             for one in found["device"]["nat"]]
    one, two, lan, quarter = ["GigabitEthernet1"], ["GigabitEthernet2"], ["10.10.0.0/24"], ["10.10.0.64/26"]
    assert rules == [  # what is for the partners goes on to the next rule, which is for the second way out
        ("source", two, quarter, ["172.16.0.0/16"], ["203.0.113.2"]),
        ("none", [*one, *two], quarter, ["172.16.0.0/16"], None),
        ("none", one, quarter, None, None),
        ("source", one, lan, None, ["198.51.100.2"]),
        ("source", two, ["0.0.0.0/0"], None, ["203.0.113.2"])]


def test_a_route_map_that_asks_for_something_else_is_not_understood() -> None:
    found = with_nat(
        *_PLAIN, "ip nat inside source route-map ODD interface GigabitEthernet1 overload",
        **{"show route-map ODD": route_map("ODD", ("permit", "length 64 1500"))})
    assert "match length 64 1500" in found["parts"]["nat"]["why"]


def test_two_lists_that_permit_the_same_have_no_known_order() -> None:
    found = with_nat(
        *_PLAIN,
        "ip nat inside source list LAN interface GigabitEthernet1 overload",
        "ip nat inside source list OTHER interface GigabitEthernet2 overload",
        **{"show access-lists OTHER": "Standard IP access list OTHER\n    10 permit 10.10.0.7"})
    assert "which of them is tried first" in found["parts"]["nat"]["why"]


def test_an_entry_that_is_not_understood_leaves_what_follows_open() -> None:
    found = with_nat(
        *_PLAIN,
        "ip nat inside source list LAN interface GigabitEthernet1 overload", **{
            "show access-lists LAN": "Extended IP access list LAN\n    10 deny ip object-group A any\n"
                                     "    20 permit ip 10.10.0.0 0.0.0.255 any"})
    assert [one.get("unknown") for one in found["device"]["nat"]] == [["10 deny ip object-group A any"]]
    assert not found["parts"]["nat"]["complete"]  # the second entry is behind one that may match anything


_SIXTH = """
GigabitEthernet6 is up, line protocol is up
  Internet address is 192.0.2.129/30
  VPN Routing/Forwarding "BLUE"
"""
_BLUE = ("interface GigabitEthernet1", " ip nat outside", "interface GigabitEthernet5", " ip nat inside",
         "interface GigabitEthernet6", " ip nat outside")


def test_translation_in_a_vrf() -> None:
    more = {"show ip interface": transcripts.read("cisco_ios")["show ip interface"][0] + _SIXTH,
            "show access-lists BLUE": "Standard IP access list BLUE\n    10 permit any"}
    found = with_nat(*_BLUE, "ip nat inside source list BLUE interface GigabitEthernet6 vrf BLUE overload", **more)
    assert found["parts"]["nat"] == {"complete": True}
    assert found["device"]["nat"] == [{
        "name": "inside source list BLUE interface GigabitEthernet6 vrf BLUE overload", "sequence": 1, "kind": "source",
        "interfaces_in": ["GigabitEthernet5"], "interfaces_out": ["GigabitEthernet6"], "sources": ["0.0.0.0/0"],
        "to_sources": ["192.0.2.129"]}]
    leaks = {"show ip route vrf BLUE": "S*    0.0.0.0/0 [1/0] via 198.51.100.1 (default)"}
    open_ = with_nat(*_BLUE, "ip nat inside source static 10.50.0.9 192.0.2.9 vrf BLUE", **more, **leaks)
    assert [one.get("unknown") for one in open_["device"]["nat"]] == [
        None, None, *[["packets that come back by them are routed in VRF BLUE"]] * 2]
    named = with_nat(*_BLUE, "ip nat inside source static 10.50.0.9 192.0.2.9 vrf BLUE match-in-vrf", **more, **leaks)
    assert named["parts"]["nat"] == {"complete": True} and len(named["device"]["nat"]) == 2
    without = with_nat(*_BLUE, "ip nat inside source static 10.50.0.9 192.0.2.9", **more)
    assert "whether a rule without a VRF is for VRFs too" in without["parts"]["nat"]["why"]


@pytest.mark.parametrize("length", ["/25", "255.255.255.128"])
def test_a_network_becomes_another(length: str) -> None:
    found = with_nat(*_PLAIN, f"ip nat inside source static network 10.10.1.0 192.0.2.128 {length}")
    there, back = ({key: value for key, value in one.items() if key not in ("name", "sequence")}
                   for one in found["device"]["nat"])
    assert there == {"kind": "static", **_PLACES, "sources": ["10.10.1.0/25"], "to_sources": ["192.0.2.128/25"]}
    assert back == {**_BACK, "kind": "static", "destinations": ["192.0.2.128/25"], "to_destination": "10.10.1.0/25"}
    assert found["parts"]["nat"] == {"complete": True}


def test_without_translation_there_is_none() -> None:
    found = with_nat("interface GigabitEthernet1", "interface GigabitEthernet3", "ip nat service sip udp port 5060")
    assert found["device"]["nat"] == [] and found["parts"]["nat"] == {"complete": True}


@pytest.mark.parametrize(("flow", "as_seen"), [
    ("tcp 10.10.0.10:51000 > 198.51.100.1:443", ("192.0.2.10", 51000, "198.51.100.1", 443)),
    ("tcp 10.10.0.20:51000 > 198.51.100.1:443", ("198.51.100.2", 51000, "198.51.100.1", 443)),
    ("tcp 198.51.100.1:51000 > 192.0.2.10:22", ("198.51.100.1", 51000, "10.10.0.10", 22)),
    ("tcp 198.51.100.1:51000 > 198.51.100.2:443", ("198.51.100.1", 51000, "10.10.0.30", 8443)),
])
def test_flows_are_followed_through_what_was_read(facts: Dict, flow: str, as_seen: tuple[str, int, str, int]) -> None:
    inside = {f"server{last}": host({"eth0": [f"10.10.0.{last}/24"]}, ["0.0.0.0/0 via 10.10.0.1 dev eth0"],
                                    forwarding=False) for last in (10, 20, 30)}
    outside = host({"eth0": ["198.51.100.1/30"]}, ["192.0.2.0/24 via 198.51.100.2 dev eth0"], forwarding=False)
    network = {**inside, "outside": outside, "edge": {**facts, "neighbours": []}}
    (told,) = diagnose(network, {name: {} for name in network}, [flow]).verdicts
    assert told.verdict == "symmetric", told.to_dict()
    seen = told.forward_paths()[0].packet.flow
    assert (seen.source, seen.sport, seen.destination, seen.dport) == as_seen
