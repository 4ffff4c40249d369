# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Juniper Junos: an SRX cluster and a router, part by part from transcripts, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.juniper_junos import JuniperJunos
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
SET = " | display inheritance no-comments | display set"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(JuniperJunos(), "juniper_junos", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def router() -> Dict:
    return facts_of(JuniperJunos(), "juniper_junos_router", request(FLOW))


def changed(answers: t.Mapping[str, str | None]) -> Dict:
    """Facts of the cluster with other answers, by the section of the configuration; None: the command is refused."""
    said = transcripts.read("juniper_junos")
    for section, answer in answers.items():
        command = f"show configuration {section}{SET}"
        if answer is None:
            del said[command]
        else:
            said[command] = [answer]
    found = gather(JuniperJunos(), transcripts.Transcript(JuniperJunos(), said), request(FLOW), sleep=lambda _s: None)
    validate(found)
    return found


def test_everything_is_read(facts: Dict) -> None:
    assert not [name for name, part in facts["parts"].items() if not part["complete"]]
    assert facts["software"] == "21.4R3-S5.4" and "raw" not in facts["device"]


def test_interfaces(facts: Dict) -> None:
    assert facts["interfaces"]["reth0.0"] == {
        "up": True, "carrier": True, "mtu": 1500, "mac": "00:10:db:ff:10:00", "description": "provider A",
        "zone": "untrust-a", "addresses": [
            {"family": 4, "address": "198.51.100.2", "prefixlen": 30},
            {"family": 6, "address": "2001:db8:a::2", "prefixlen": 64},
            {"family": 6, "address": "fe80::210:dbff:feff:1000", "prefixlen": 64, "scope": "link"}]}
    assert facts["interfaces"]["reth3.50"]["vrf"] == "BLUE" and not facts["interfaces"]["reth3.50"]["carrier"]
    assert facts["interfaces"]["reth2.0"]["access_list_in"] == "TO-PARTNER"
    assert "lo0.16385" not in facts["interfaces"]


def test_routes_of_every_instance(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"BLUE": 1001, "TO-B": 1002}
    assert routes[254, "172.16.0.0/16"] == {"family": 4, "table": 254, "dst": "172.16.0.0/16", "origin": "BGP",
                                            "distance": 170, "nexthops": [{"gateway": "203.0.113.1",
                                                                           "device": "reth1.0"}]}
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[254, "10.50.0.0/24"]["nexthops"] == [{"table": 1001}]
    assert routes[1002, "0.0.0.0/0"]["nexthops"] == [{"gateway": "203.0.113.1", "device": "reth1.0"}]
    assert (254, "10.10.0.1/32") not in routes and (254, "224.0.0.5/32") not in routes


def test_only_the_selected_next_hop_is_used_without_a_policy_that_spreads(facts: Dict, router: Dict) -> None:
    one = next(one for one in facts["routes"] if one["dst"] == "10.20.0.0/16")
    assert one["nexthops"] == [{"gateway": "10.10.0.8", "device": "reth2.0"}] and one["metric"] == 20
    assert facts["device"]["load_sharing"] == {"mode": "per_flow", "max_paths": 1}
    both = next(one for one in router["routes"] if one["dst"] == "172.16.0.0/16")
    assert [leg["device"] for leg in both["nexthops"]] == ["xe-0/0/0.0", "xe-0/0/1.0"]
    assert router["device"]["load_sharing"] == {"mode": "per_flow", "algorithm": "load-balance per-packet"}


def test_neighbours(facts: Dict) -> None:
    assert facts["neighbours"] == [
        {"family": 4, "address": "10.10.0.7", "device": "reth2.0", "mac": "aa:bb:cc:00:07:00", "state": "reachable"},
        {"family": 4, "address": "198.51.100.1", "device": "reth0.0", "mac": "aa:bb:cc:00:aa:01",
         "state": "reachable"},
        {"family": 6, "address": "2001:db8:a::1", "device": "reth0.0", "mac": "aa:bb:cc:00:aa:01", "state": "stale"}]


def test_the_devices_own_answer_for_the_flow(facts: Dict) -> None:
    assert [(one["table"], one["destination"], one.get("device"), one.get("verdict")) for one in facts["lookups"]] == [
        (254, "172.16.9.9", "reth1.0", None), (1001, "172.16.9.9", "reth3.50", None),
        (254, "10.10.0.20", "reth2.0", None), (1001, "10.10.0.20", None, "drop")]


def test_reverse_path(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "reth0.0": {"mode": "feasible", "access_list": "RPF-SPECIAL", "families": [4], "allow_default": True,
                    "drops": 18},
        "reth1.0": {"mode": "loose", "families": [4], "allow_default": False, "drops": 0}}


def test_filters_as_policy_routes(facts: Dict) -> None:
    first, steer, rest, end = facts["device"]["policy_routes"]
    assert (first["name"], first["action"], first["match"]) == (
        "TO-PARTNER term NOT-US", "normal", [{"sources": ["10.10.0.5/32"]}])
    assert (steer["action"], steer["vrf"], steer["interfaces"]) == ("forward", "TO-B", ["reth2.0"])
    assert steer["nexthops"] == ["203.0.113.1"]  # all that the instance knows is a default route
    assert steer["match"] == [
        {"sources": ["10.10.0.0/25"], "destinations": ["172.16.0.0/16", "192.0.2.0/24"],
         "dports": [[443, 443], [8000, 8010]], "protocol": "tcp"}]
    assert rest["action"] == "normal" and end["action"] == "drop"  # what no term accepts is discarded


@pytest.mark.parametrize("lines, sources", [
    ("10.0.0.0/8 except\n10.1.0.0/16", ["10.1.0.0/16"]),
    ("0.0.0.0/0\n128.0.0.0/1 except\n192.0.0.0/2", ["0.0.0.0/1", "192.0.0.0/2"]),
    ("10.0.0.0/8 except", None),
])
def test_the_longest_prefix_of_a_term_decides(lines: str, sources: list[str] | None) -> None:
    term = "set firewall family inet filter TO-PARTNER term T"
    config = "".join(f"{term} from source-address {line}\n" for line in lines.splitlines())
    found = changed({"firewall": f"{config}{term} then routing-instance TO-B"})["device"]["policy_routes"]
    assert found[-1]["action"] == "drop" and len(found) == (2 if sources else 1)
    assert sources is None or found[0]["match"] == [{"sources": sources}]


def test_nat(facts: Dict) -> None:
    rules = {one["name"]: one for one in facts["device"]["nat"]}
    assert list(rules) == ["FROM-B/MAIL", "FROM-B/MAIL (from inside)", "FROM-A/WEB", "TO-A/PARTNER", "TO-A/ALL",
                           "TO-B/ALL"]
    assert rules["FROM-A/WEB"] == {
        "name": "FROM-A/WEB", "sequence": 1, "kind": "destination", "zones_in": ["untrust-a"],
        "destinations": ["198.51.100.2/32"], "dports": [[80, 80]], "to_destination": "10.10.0.80", "to_port": 8080}
    assert rules["TO-A/PARTNER"]["kind"] == "none" and rules["TO-B/ALL"]["to_interface"]
    assert rules["TO-A/ALL"]["to_sources"] == ["198.51.100.10-198.51.100.12"]
    assert rules["FROM-B/MAIL"]["interfaces_in"] == ["reth1.0"]
    assert rules["FROM-B/MAIL (from inside)"] == {
        "name": "FROM-B/MAIL (from inside)", "sequence": 1, "kind": "static", "interfaces_out": ["reth1.0"],
        "sources": ["10.10.0.25/32"], "to_sources": ["203.0.113.25"]}


def test_a_session_that_hears_nothing_back(facts: Dict) -> None:
    sessions = facts["device"]["sessions"]
    assert facts["device"]["session_key"] == "zone"
    assert (sessions["count"], sessions["max"]) == (3680, 524288)
    assert sessions["listed"] == [{
        "flow": FLOW, "id": "4785", "protocol": "tcp", "source": "10.10.0.20", "destination": "172.16.9.9",
        "sport": 51000, "dport": 443, "in": "reth2.0", "out": "reth1.0", "zone_in": "trust", "zone_out": "untrust-b",
        "state": "active", "packets": [3, 0], "bytes": [180, 0], "reply_source": "172.16.9.9",
        "reply_destination": "10.10.0.20", "details": ["policy to-partner/7", "a copy is on the other node"],
        "one_way": True}]


def test_drops_that_grow(facts: Dict) -> None:
    grown = {(one["name"], one.get("interface")): (one["packets"], one["growth"], one["meaning"])
             for one in facts["device"]["drops"] if one["growth"]}
    assert grown == {
        ("RPF failures", "reth0.0"): (23, 5, "reverse_path"),
        ("TCP sequence number out of window", "reth1.0"): (9, 6, "out_of_state"),
        ("Packets dropped", None): (301, 9, "other"),
        ("FLOW:First path TCP packet is not SYN", "reth0.0"): (2, 1, "out_of_state")}
    assert {"zone"} == {one["meaning"] for one in facts["device"]["drops"] if "Invalid zone" in one["name"]}


def test_settings(facts: Dict) -> None:
    assert [(one["name"], one["scope"], one["weakens"]) for one in facts["device"]["settings"]] == [
        ("no_syn_check", "device", False), ("no_syn_check", "tunnels", False), ("no_sequence_check", "device", False),
        ("no_sequence_check", "policy trust > untrust-b to-partner", False)]
    assert facts["device"]["settings"][2]["value"] is True


def test_a_policy_may_require_the_check_that_is_off_for_the_device() -> None:
    policy = "set security policies global policy P then permit tcp-options syn-check-required"
    found = changed({"security flow": "set security flow tcp-session no-syn-check", "security policies": policy})
    assert [(one["scope"], one["weakens"]) for one in found["device"]["settings"] if one["name"] == "no_syn_check"] == [
        ("policies that do not require it", True), ("tunnels", False), ("policy global P", False)]


def test_the_cluster_and_its_gateway(facts: Dict) -> None:
    assert facts["device"]["ha"] == {
        "mode": "active_passive", "synchronised": False, "links": {"control": True, "fabric": False},
        "errors": {"heartbeat errors": 5},
        "growth": {"heartbeat errors": 3},
        "text": "group 0: node0 primary, node1 secondary; group 1: node0 secondary, node1 primary"}
    assert facts["device"]["fhrp"] == [{"protocol": "vrrp", "interface": "reth2.0", "group": 1, "role": "master",
                                        "address": "10.10.0.254"}]


def test_logs(facts: Dict) -> None:
    assert [one["reason"] for one in facts["device"]["logs"]] == [
        "FLOW:First path TCP packet is not SYN", "RT_FLOW_SESSION_DENY"]


def test_a_router_holds_no_sessions(router: Dict) -> None:
    device = router["device"]
    assert device["session_key"] == "" and device["sessions"] == {"listed": []} and device["settings"] == []
    assert device["ha"] == {"mode": "none"} and device["fhrp"] == []
    assert all(router["parts"][name]["complete"] for name in ("sessions", "settings", "ha", "fhrp", "nat"))


def test_packet_mode_holds_no_sessions() -> None:
    said = transcripts.read("juniper_junos")
    said["show security flow status"] = ["  Flow forwarding mode:\n    Inet forwarding mode: packet based"]
    found = gather(JuniperJunos(), transcripts.Transcript(JuniperJunos(), said), request(FLOW))
    assert found["device"]["session_key"] == ""


def test_a_large_table_is_asked_by_address(router: Dict) -> None:
    part = router["parts"]["routes"]
    assert not part["complete"] and part["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert [one["dst"] for one in router["routes"]] == ["10.10.0.0/24", "172.16.0.0/16"]


def test_what_is_not_understood_is_not_guessed(router: Dict) -> None:
    assert router["parts"]["policy_routes"] == {
        "complete": False, "why": "not understood: STEER term VOICE: from dscp"}
    assert not router["parts"]["lookups"]["complete"]  # two ways: the device does not say which
    assert router["device"]["raw"][0]["command"].startswith("show route forwarding-table destination 172.16.9.9")
    assert router["device"]["reverse_path"]["xe-0/0/0.0"] == {
        "mode": "strict", "families": [4], "allow_default": None, "drops": None}
    assert "does not tell how many packets failed" in router["parts"]["drops"]["why"]


def test_nat_and_load_balancing_that_are_not_understood() -> None:
    found = changed({
        "security nat": "set security nat source rule-set R rule 1 match application junos-http\n"
                        "set security nat source rule-set R rule 1 then source-nat pool GONE",
        "routing-options": "set routing-options forwarding-table export P",
        "policy-options": "set policy-options policy-statement P then load-balance by-weather"})
    assert found["device"]["nat"][0]["unknown"] == ["match application", "then pool GONE"]
    assert not found["parts"]["nat"]["complete"] and not found["parts"]["policy_routes"]["complete"]
    assert found["device"]["load_sharing"]["mode"] is None and not found["parts"]["load_sharing"]["complete"]


def test_an_account_that_may_not_see_the_configuration() -> None:
    found = changed({"interfaces": None, "routing-options": None, "routing-instances": None})
    for name in ("interfaces", "reverse_path", "policy_routes", "load_sharing", "routes"):
        assert "refused" in found["parts"][name]["why"], name
    both = next(one for one in found["routes"] if one["dst"] == "10.20.0.0/16")
    assert len(both["nexthops"]) == 2  # either may be in use


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(JuniperJunos(), "juniper_junos", request(FLOW))
    assert facts["parts"]["sessions"]["complete"] and facts["interfaces"]["reth0.0"]["zone"] == "untrust-a"
    assert facts["device"]["sessions"]["listed"][0]["one_way"] and device.logins == 1
    assert device.received and all(line.startswith("show ") for line in device.received)


@pytest.mark.parametrize("command", [
    "configure", "clear security flow session all", "request system reboot", "set cli screen-width 0", "commit",
    "show configuration | save /var/tmp/x", "show route | append x", "show version\nclear arp", "show x; request y",
    'show log messages | match "a" | save "b"', "start shell",
])
def test_commands_that_do_more_than_read_are_not_sent(command: str) -> None:
    transcript = transcripts.Transcript(JuniperJunos(), {})
    with pytest.raises(NotReadOnly):
        transcript.ask(command)
    assert transcript.sent == []
