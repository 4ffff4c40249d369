# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco ASA: facts from transcripts, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa import CiscoAsa
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(CiscoAsa(), "cisco_asa", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def zoned() -> Dict:
    return facts_of(CiscoAsa(), "cisco_asa_zone", request(FLOW))


def test_everything_is_read(facts: Dict) -> None:
    assert not {name: part for name, part in facts["parts"].items() if not part["complete"]}
    assert facts["software"] == "9.18(4)" and facts["device"]["session_key"] == "interface"


def test_interfaces_go_by_their_names(facts: Dict) -> None:
    assert facts["interfaces"]["inside"] == {
        "up": True, "carrier": True, "mac": "00:50:56:aa:00:03", "mtu": 1400, "policy": "TO-PARTNER",
        "addresses": [{"family": 4, "address": "10.10.0.1", "prefixlen": 24},
                      {"family": 6, "address": "fe80::250:56ff:feaa:3", "prefixlen": 64, "scope": "link"},
                      {"family": 6, "address": "2001:db8:10::1", "prefixlen": 64}]}
    assert facts["interfaces"]["outside"]["access_list_in"] == "OUTSIDE-IN"
    assert facts["interfaces"]["mgmt"]["vrf"] == "management-only"
    assert not facts["interfaces"]["GigabitEthernet0/3"]["up"]


def test_routes_of_both_tables(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"management-only": 1001}
    assert [one["nexthops"] for one in facts["routes"] if one["table"] == 254 and one["dst"] == "0.0.0.0/0"] == [
        [{"gateway": "198.51.100.1", "device": "outside"}]]
    assert routes[254, "10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "inside"}, {"gateway": "10.10.0.8", "device": "inside"}]
    assert routes[254, "172.16.0.0/16"]["nexthops"] == [{"gateway": "203.0.113.1"}]
    assert routes[254, "10.30.0.5/32"]["nexthops"] == [{"device": "outside"}]
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[1001, "0.0.0.0/0"]["nexthops"] == [{"gateway": "192.0.2.1", "device": "mgmt"}]
    assert routes[254, "2001:db8:10::/64"]["nexthops"] == [{"device": "inside"}]
    assert (254, "10.10.0.1/32") not in routes and (254, "2001:db8:10::1/128") not in routes


def test_a_default_for_tunnels_is_kept_aside(facts: Dict) -> None:
    assert {one["command"]: one["lines"] for one in facts["device"]["raw"]}["show route"] == [
        "S        0.0.0.0 0.0.0.0 [255/0] via 10.10.0.9, inside tunneled"]


def test_neighbours(facts: Dict) -> None:
    assert [(one["device"], one["address"], one["state"]) for one in facts["neighbours"]] == [
        ("outside", "198.51.100.1", "reachable"), ("outside2", "203.0.113.1", "reachable"),
        ("inside", "10.10.0.20", "reachable"), ("inside", "10.10.0.5", "permanent")]


def test_packet_tracer_says_where_packets_go(facts: Dict) -> None:
    there, back = facts["lookups"]
    assert there["command"] == "packet-tracer input inside tcp 10.10.0.20 51000 172.16.9.9 443"
    assert (there["device"], there["gateway"], there["verdict"]) == ("outside2", "203.0.113.1", "forward")
    # A reply opens no connection: that a first packet would be dropped says nothing about it.
    assert back["device"] == "inside" and "verdict" not in back and "reason" not in back


def test_a_drop_has_its_reason() -> None:
    answers = transcripts.read("cisco_asa")
    answers["packet-tracer input inside tcp 10.10.0.20 51000 172.16.9.9 443"] = answers[
        "packet-tracer input outside2 tcp 172.16.9.9 443 10.10.0.20 51000"]
    found = gather(CiscoAsa(), transcripts.Transcript(CiscoAsa(), answers), request(FLOW))["lookups"][0]
    assert (found["verdict"], found["reason"]) == ("drop", "(acl-drop) Flow is denied by configured rule")


def test_reverse_path(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "outside": {"mode": "strict", "allow_default": True, "drops": 41},
        "inside": {"mode": "strict", "allow_default": True, "drops": 0}}


def test_policy_routes_with_groups_of_objects(facts: Dict) -> None:
    (one,) = facts["device"]["policy_routes"]
    assert (one["name"], one["sequence"], one["interfaces"]) == ("TO-PARTNER", 10, ["inside"])
    assert (one["action"], one["nexthops"]) == ("forward", ["203.0.113.1"])
    https = {"protocol": "tcp", "sources": ["10.10.0.0/24"], "dports": [[443, 443]]}
    assert one["match"] == [{"deny": True, "sources": ["10.10.0.5/32"]},
                            {**https, "destinations": ["172.16.0.0/16"]}, {**https, "destinations": ["172.31.0.7/32"]}]


def test_nat_in_the_order_in_which_it_is_tried(facts: Dict) -> None:
    none, destination, mail, host, to_host, source, ranged = facts["device"]["nat"]
    assert none == {"name": "section 1 rule 1", "sequence": 1, "kind": "none", "interfaces_in": ["inside"],
                    "interfaces_out": ["outside"], "sources": ["10.10.0.0/24"], "destinations": ["10.30.0.0/24"]}
    assert destination["kind"] == "destination" and destination["destinations"] == ["198.51.100.2/32"]
    assert destination["to_destination"] == "10.10.0.20" and destination["to_port"] == 8443
    assert destination["protocol"] == "tcp" and destination["dports"] == [[443, 443]]
    # A port of a server: what matters is the way in, and replies belong to their connection.
    assert mail == {"name": "section 2 rule 1, the way back", "sequence": 3, "kind": "destination", "protocol": "tcp",
                    "interfaces_in": ["outside"], "destinations": ["198.51.100.2/32"], "dports": [[25, 25]],
                    "to_destination": "10.10.0.25", "to_port": 2525}
    assert (host["kind"], host["sources"], host["to_sources"]) == ("static", ["10.10.0.9/32"], ["203.0.113.9"])
    assert (to_host["kind"], to_host["destinations"], to_host["to_destination"]) == (
        "destination", ["203.0.113.9/32"], "10.10.0.9")
    assert "interfaces_in" not in to_host
    assert source["kind"] == "source" and source["to_interface"] and "to_sources" not in source
    assert ranged["enabled"] is False and ranged["sources"] == ["10.10.0.64/30"]
    assert ranged["to_sources"] == ["203.0.113.16", "203.0.113.31"]


def test_sessions_of_the_flow_only(facts: Dict) -> None:
    sessions = facts["device"]["sessions"]
    assert sessions["count"] == 812
    assert sessions["listed"] == [{
        "flow": FLOW, "protocol": "tcp", "source": "10.10.0.20", "destination": "172.16.9.9", "sport": 51000,
        "dport": 443, "in": "inside", "out": "outside", "one_way": True, "state": "flags saA",
        "details": ["bytes 0 of both directions together"]}]


def test_drops_and_how_they_grow(facts: Dict) -> None:
    drops = {one["name"]: one for one in facts["device"]["drops"]}
    assert drops["tcp-not-syn"] == {"name": "tcp-not-syn", "packets": 1217, "growth": 13, "meaning": "out_of_state",
                                    "text": "First TCP packet not SYN"}
    assert (drops["rpf-violated"]["meaning"], drops["rpf-violated"]["growth"]) == ("reverse_path", 0)
    assert drops["nat-rpf-failed"]["meaning"] == "nat" and drops["sp-security-failed"]["growth"] == 1
    assert drops["np-socket-lock-failu"]["packets"] == 61
    assert drops["brand-new-reason"]["meaning"] == "other"


def test_settings_that_let_go_of_state(facts: Dict) -> None:
    assert facts["device"]["settings"] == [
        {"name": "tcp_state_bypass", "scope": "interface inside, class BYPASS", "value": True, "weakens": True,
         "text": "match access-list BYPASS"},
        {"name": "asr_group", "scope": "outside", "value": 1, "weakens": False},
        {"name": "asr_group", "scope": "outside2", "value": 1, "weakens": False}]


def test_failover_and_its_errors(facts: Dict) -> None:
    one = facts["device"]["ha"]
    assert (one["mode"], one["role"], one["peer"], one["peer_role"]) == (
        "active_passive", "primary, active", "secondary", "standby ready")
    assert one["synchronised"] is True and one["links"] == {"FOLINK": True, "STATE": True}
    assert one["errors"]["TCP conn xerr"] == 12 and one["growth"]["TCP conn xerr"] == 3


def test_connections_as_older_images_list_them() -> None:
    text = ("TCP outside 172.16.9.9(198.51.100.99):443 inside 10.10.0.20:51000 idle 0:00:22, bytes 1774, flags UIOB\n"
            "TCP outside 172.16.9.9:443 inside 10.10.0.20:51000, idle 0:00:29, bytes 0, flags saA\n"
            "TCP outside:172.16.9.9/443 inside:10.10.0.20/51000, flags UIO, idle 1s\n")
    found = _with(**{"show_conn_detail_address_10.10.0.20": text})
    assert found["parts"]["sessions"] == {"complete": True}
    assert [(one["source"], one["in"], one["one_way"]) for one in found["device"]["sessions"]["listed"]] == [
        ("172.16.9.9", "outside", False), ("10.10.0.20", "inside", True), ("10.10.0.20", "inside", False)]


def _with(**changed: str) -> Dict:
    """The facts where commands (with _ for spaces) are answered otherwise; an empty answer is a refusal."""
    answers = transcripts.read("cisco_asa")
    for command, answer in changed.items():
        answers[command.replace("_", " ")] = [answer or "ERROR: % Invalid input detected at '^' marker."]
    found = gather(CiscoAsa(), transcripts.Transcript(CiscoAsa(), answers), request(FLOW))
    validate(found)
    return found


@pytest.mark.parametrize(("link", "peer", "shared"), [
    ("STATE GigabitEthernet0/7 (up)", "Standby Ready", True), ("STATE GigabitEthernet0/7 (up)", "Failed", False),
    ("STATE GigabitEthernet0/7 (down)", "Standby Ready", False), ("Unconfigured.", "Standby Ready", False),
    ("STATE GigabitEthernet0/7", "Standby Ready", None),
])
def test_connections_are_shared_over_a_link_that_is_up(link: str, peer: str, shared: bool | None) -> None:
    text = ("Failover On\nFailover LAN Interface: FO Gi0/6 (up)\n        This host: Primary - Active\n"
            f"        Other host: Secondary - {peer}\nStateful Failover Logical Update Statistics\n"
            f"        Link : {link}\n")
    assert _with(show_failover=text)["device"]["ha"]["synchronised"] is shared


def test_two_active_units() -> None:
    text = ("Failover On\n  This host:    Primary\n  Group 1       State:          Active\n"
            "  Group 2       State:          Standby Ready\n  Other host:   Secondary\n"
            "  Group 1       State:          Standby Ready\n  Group 2       State:          Active\n")
    one = _with(show_failover=text)["device"]["ha"]
    assert (one["mode"], one["role"]) == ("active_active", "primary, group 1 active, group 2 standby ready")
    assert one["peer_role"] == "standby ready; active" and one["synchronised"] is None


def test_an_account_that_may_not_see_the_configuration() -> None:
    found = _with(**{"show_running-config_interface": ""})
    assert found["interfaces"]["inside"]["addresses"]
    assert "traffic zones" in found["parts"]["interfaces"]["why"]
    assert not found["parts"]["settings"]["complete"] and "settings" not in found["device"]


def test_spreading_and_logs(facts: Dict) -> None:
    assert facts["device"]["load_sharing"] == {"mode": "per_flow"} and facts["device"]["fhrp"] == []
    assert [one["reason"] for one in facts["device"]["logs"]] == ["ASA-6-106015"]


def test_with_zones_sessions_belong_to_zones(zoned: Dict) -> None:
    assert zoned["device"]["session_key"] == "zone"
    assert {name: one.get("zone") for name, one in zoned["interfaces"].items()} == {
        "outside1": "WAN", "outside2": "WAN", "inside": None}
    assert {"name": "traffic_zone", "scope": "WAN", "value": "outside1, outside2", "weakens": False} in zoned[
        "device"]["settings"]
    (one,) = zoned["device"]["sessions"]["listed"]
    assert (one["in"], one["out"], one["zone_out"], one["bypass"], one["one_way"]) == (
        "inside", "outside2", "WAN", True, None)
    assert "began on outside1, now on outside2, both in zone WAN" in one["details"]
    assert zoned["device"]["ha"] == {"mode": "none"}


def test_a_large_table_is_asked_by_address(zoned: Dict) -> None:
    part = zoned["parts"]["routes"]
    assert not part["complete"] and part["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in zoned["routes"]} == {
        "10.10.0.0/24": [{"device": "inside"}],
        "0.0.0.0/0": [{"gateway": "198.51.100.1", "device": "outside1"},
                      {"gateway": "203.0.113.1", "device": "outside2"}]}


def test_what_is_not_understood_makes_a_part_incomplete(zoned: Dict) -> None:
    parts = zoned["parts"]
    assert "adaptive-interface cost" in parts["policy_routes"]["why"] and "CLOUD" in parts["policy_routes"]["why"]
    assert "surprising" in parts["nat"]["why"] and zoned["device"]["nat"][0]["unknown"] == ["surprising"]
    assert "1 connections" in parts["sessions"]["why"]
    assert {one["command"]: one["lines"] for one in zoned["device"]["raw"]} == {
        "show conn detail address 10.10.0.20": ["TCP of another kind: 1"]}
    assert not parts["drops"]["complete"] and "drops" not in zoned["device"]


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(CiscoAsa(), "cisco_asa", request(FLOW))
    assert facts["interfaces"]["outside"]["addresses"] and device.logins == 1
    assert device.received and all(line.startswith(("show ", "packet-tracer ")) for line in device.received)


@pytest.mark.parametrize("command", [
    "clear asp drop", "configure terminal", "show running-config | redirect disk0:/x", "write memory",
    "packet-tracer input inside tcp 10.10.0.20 1 172.16.9.9 443 transmit", "show conn\nclear conn",
])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(CiscoAsa(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert not answering.sent
