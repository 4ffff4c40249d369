# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VyOS: facts from transcripts, part by part, and over SSH from a fake."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.vyos import Vyos
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
CONFIG = "show configuration commands"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(Vyos(), "vyos", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def large() -> Dict:
    return facts_of(Vyos(), "vyos_large", request(FLOW))


def configured(*changes: tuple[str, str]) -> Dict:
    """Facts of the router with some text of its configuration replaced."""
    said = transcripts.read("vyos")
    for old, new in changes:
        assert old in said[CONFIG][0]
        said[CONFIG] = [said[CONFIG][0].replace(old, new)]
    found = gather(Vyos(), transcripts.Transcript(Vyos(), said), request(FLOW), sleep=lambda _seconds: None)
    validate(found)
    return found


def test_everything_is_read(facts: Dict) -> None:
    assert not [name for name, part in facts["parts"].items() if not part["complete"]]
    assert facts["software"] == "1.4.1" and "raw" not in facts["device"]


def test_interfaces(facts: Dict) -> None:
    assert facts["interfaces"]["eth0"] == {
        "up": True, "carrier": True, "mtu": 1500, "mac": "0c:00:00:00:00:02", "description": "provider A",
        "addresses": [{"family": 4, "address": "198.51.100.14", "prefixlen": 30},
                      {"family": 6, "address": "2001:db8:a::e", "prefixlen": 64},
                      {"family": 6, "address": "fe80::c00:ff:fe00:2", "prefixlen": 64, "scope": "link"}]}
    assert facts["interfaces"]["eth2.50"]["vrf"] == "BLUE" and "vrf" not in facts["interfaces"]["eth2"]
    assert not {"lo", "BLUE"} & set(facts["interfaces"])


def test_routes_of_concatenated_documents(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"BLUE": 1001}
    assert routes[254, "10.30.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "eth2"}, {"gateway": "10.10.0.8", "device": "eth2", "weight": 2}]
    assert routes[254, "172.16.0.0/16"] == {
        "family": 4, "table": 254, "dst": "172.16.0.0/16", "origin": "bgp", "distance": 20,
        "nexthops": [{"gateway": "203.0.113.13", "device": "eth1"}]}
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[1001, "0.0.0.0/0"]["nexthops"] == [{"gateway": "10.50.0.254", "device": "eth2.50"}]
    assert routes[254, "::/0"]["nexthops"] == [{"gateway": "2001:db8:a::1", "device": "eth0"}]


def test_routes_without_vtysh() -> None:
    facts = facts_of(Vyos(), "vyos_no_vtysh", request(FLOW))
    assert facts["parts"]["routes"] == {"complete": True}
    assert next(one for one in facts["routes"] if one["dst"] == "172.16.0.0/16")["nexthops"] == [
        {"gateway": "203.0.113.13", "device": "eth1"}]


def test_neighbours(facts: Dict) -> None:
    assert [(one["address"], one["device"], one["state"]) for one in facts["neighbours"]] == [
        ("10.10.0.7", "eth2", "reachable"), ("2001:db8:a::1", "eth0", "stale")]


def test_the_kernels_own_answer_for_the_flow(facts: Dict) -> None:
    assert [(one["table"], one["destination"], one.get("device"), one.get("reason")) for one in facts["lookups"]] == [
        (254, "172.16.9.9", "eth1", None), (1001, "172.16.9.9", "eth2.50", None), (254, "10.10.0.20", "eth2", None),
        (1001, "10.10.0.20", None, "Network is unreachable")]


def test_the_stricter_of_the_kernel_and_the_firewall_checks(facts: Dict) -> None:
    checks = facts["device"]["reverse_path"]
    assert {name: one["mode"] for name, one in checks.items()} == {
        "eth0": "strict", "eth1": "loose", "eth2": "loose", "eth3": "loose", "eth2.50": "loose"}
    assert checks["eth0"] == {"mode": "strict", "allow_default": True, "families": [4], "drops": None}


@pytest.mark.parametrize("named, eth0, eth1", [("'disable'", "strict", None), ("'strict'", "strict", "strict")])
def test_the_check_of_the_firewall_for_all(named: str, eth0: str, eth1: str | None) -> None:
    found = configured(("global-options source-validation 'loose'", f"global-options source-validation {named}"))
    checks = found["device"]["reverse_path"]
    assert (checks["eth0"]["mode"], checks.get("eth1", {}).get("mode")) == (eth0, eth1)


def test_a_check_of_ipv6_that_differs_is_said() -> None:
    found = configured(("set firewall group network-group PARTNERS network '172",
                        "set firewall global-options ipv6-source-validation 'strict'\n"
                        "set firewall group network-group PARTNERS network '172"))
    assert found["parts"]["reverse_path"]["why"] == "a check of IPv6 by the firewall is not told here"


def test_policy_routes_in_order(facts: Dict) -> None:
    local, first, partner = facts["device"]["policy_routes"]
    assert (local["name"], local["match"], local["nexthops"]) == (
        "rule 30", [{"sources": ["10.10.0.99/32"]}], ["203.0.113.13"])
    assert (first["sequence"], first["action"], first["interfaces"]) == (5, "normal", ["eth2"])
    assert partner == {
        "name": "TO-PARTNER", "sequence": 10, "interfaces": ["eth2"], "action": "forward",
        "nexthops": ["203.0.113.13"], "match": [
            {"sources": partner["match"][0]["sources"], "destinations": ["172.16.0.0/16", "192.0.2.0/24"],
             "dports": [[443, 443], [8000, 8010]], "protocol": "tcp"}]}
    sources = [ipaddress.ip_network(text) for text in partner["match"][0]["sources"]]  # all but 10.10.0.128/25
    assert sum(one.num_addresses for one in sources) == 2**32 - 128
    assert not any(one.overlaps(ipaddress.ip_network("10.10.0.128/25")) for one in sources)


def test_nat(facts: Dict) -> None:
    rules = {one["name"]: one for one in facts["device"]["nat"]}
    assert list(rules) == ["destination rule 10", "source rule 5", "source rule 10", "source rule 20"]
    assert rules["destination rule 10"] == {
        "name": "destination rule 10", "sequence": 10, "kind": "destination", "interfaces_in": ["eth0"],
        "destinations": ["198.51.100.14/32"], "protocol": "tcp", "dports": [[443, 443]],
        "to_destination": "10.10.0.80", "to_port": 8443}
    assert rules["source rule 5"]["kind"] == "none" and rules["source rule 10"]["to_interface"]
    assert rules["source rule 20"]["to_sources"] == ["203.0.113.40-203.0.113.49"]


def test_a_connection_that_hears_nothing_back(facts: Dict) -> None:
    assert facts["device"]["session_key"] == "none"
    assert facts["device"]["sessions"] == {"count": 37, "max": 262144, "listed": [{
        "flow": FLOW, "id": "2915384216", "protocol": "tcp", "source": "10.10.0.20", "destination": "172.16.9.9",
        "sport": 51000, "dport": 443, "reply_source": "172.16.9.9", "reply_destination": "203.0.113.40",
        "state": "syn_sent", "packets": [3, 0], "bytes": [180, 0], "one_way": True}]}


def test_drops_that_grow(facts: Dict) -> None:
    assert facts["device"]["drops"] == [
        {"name": "IPReversePathFilter", "packets": 23, "growth": 5, "meaning": "reverse_path"},
        {"name": "ct state invalid in VYOS_STATE_POLICY", "packets": 11, "growth": 7, "meaning": "out_of_state"},
        {"name": "fib saddr oif 0 in vyos_global_rpfilter", "packets": 1, "growth": 0, "meaning": "reverse_path"}]


def test_settings(facts: Dict) -> None:
    assert [(one["name"], one["value"], one["weakens"]) for one in facts["device"]["settings"]] == [
        ("conntrack_loose", 0, False), ("no_sequence_check", False, False)]
    found = configured(("set firewall global-options state-policy invalid action 'drop'\n", ""))
    assert found["device"]["settings"][0]["weakens"] is None  # rules may drop what is invalid, or not


def test_gateways_pair_spreading_and_logs(facts: Dict) -> None:
    device = facts["device"]
    assert device["fhrp"] == [{"protocol": "vrrp", "interface": "eth2", "group": 10, "priority": 200,
                               "role": "master", "address": "10.10.0.254"}]
    assert device["ha"] == {
        "mode": "active_passive", "role": "master", "peer": "10.255.0.2", "synchronised": False,
        "links": {"eth3": None},
        "errors": {"error send": 5, "error recv": 0, "malformed msgs": 0, "lost msgs": 0},
        "growth": {"error send": 3, "error recv": 0, "malformed msgs": 0, "lost msgs": 0}}
    assert device["load_sharing"] == {"mode": "per_flow", "algorithm": "fib_multipath_hash_policy 1",
                                      "fields": ["source", "destination", "protocol", "sport", "dport"]}
    assert [one["reason"] for one in device["logs"]] == ["STATE-POLICY-INV-D", "martian source"]


def test_a_large_table_is_asked_by_address(large: Dict) -> None:
    part = large["parts"]["routes"]
    assert not part["complete"] and part["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in large["routes"]} == {
        "10.10.0.0/24": [{"device": "eth2"}], "172.16.0.0/16": [{"gateway": "203.0.113.13", "device": "eth1"}]}


def test_without_firewall_and_translation_no_connection_is_tracked(large: Dict) -> None:
    device = large["device"]
    assert device["session_key"] == "" and device["sessions"] == {"listed": []} and device["settings"] == []
    assert device["nat"] == [] and device["ha"] == {"mode": "none"} and device["fhrp"] == []


def test_what_is_not_understood_is_not_guessed(large: Dict) -> None:
    why = large["parts"]["policy_routes"]["why"]
    for text in ("asks for fwmark", "dscp 46", "table 10 has more than a default route", "load-balancing wan",
                 "address 10.10.0.5-10.10.0.9"):
        assert text in why
    assert large["device"]["raw"] == [{"command": CONFIG, "lines": ["nonsense from the terminal"]}]
    assert "password is required" not in why and not large["parts"]["drops"]["complete"]
    assert not large["parts"]["lookups"]["complete"] and large["lookups"] == []


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(Vyos(), "vyos", request(FLOW))
    assert facts["parts"]["routes"]["complete"] and facts["device"]["sessions"]["listed"][0]["one_way"]
    assert device.logins == 1 and device.received
    assert all(Vyos().reading.fullmatch(line) for line in device.received)
    assert not [line for line in device.received if line.startswith(("set ", "configure", "delete ", "sudo su"))]


@pytest.mark.parametrize("command", [
    "configure", "set interfaces ethernet eth0 disable", "reset conntrack", "sudo -n conntrack -D",
    "sudo -n conntrack -F",
    "ip -j route get 10.0.0.1; reboot", "show version; reboot", "show version && reboot", "show version > /config/x",
    "show version | tee /config/x", "show log kernel | match 'a' | tee x", "show $(reboot)", "show version\nreboot",
    "sudo -n nft flush ruleset", "vtysh -c 'configure terminal'", "ip route add 10.0.0.0/8 dev eth0",
])
def test_commands_that_do_more_than_read_are_not_sent(command: str) -> None:
    transcript = transcripts.Transcript(Vyos(), {})
    with pytest.raises(NotReadOnly):
        transcript.ask(command)
    assert transcript.sent == []
