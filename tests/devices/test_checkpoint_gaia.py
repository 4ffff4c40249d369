# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaia: facts from transcripts of a cluster's member and of a gateway of virtual systems, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.checkpoint_gaia import CheckpointGaia
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(CheckpointGaia(), "checkpoint_gaia", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def large() -> Dict:
    return facts_of(CheckpointGaia(), "checkpoint_gaia_large", request(FLOW))


def test_what_is_read(facts: Dict) -> None:
    incomplete = {name for name, part in facts["parts"].items() if not part["complete"]}
    assert incomplete == {"routes", "policy_routes", "drops", "lookups", "reverse_path", "nat", "sessions",
                          "load_sharing", "logs"}
    assert facts["parts"]["reverse_path"]["why"] == "not read on Check Point Gaia"
    assert facts["software"] == "R81.20" and facts["device"]["session_key"] == "none"
    assert CheckpointGaia.read_only_platform


def test_interfaces(facts: Dict) -> None:
    lan = facts["interfaces"]["eth2"]
    assert (lan["up"], lan["carrier"], lan["mtu"], lan["mac"]) == (True, True, 9000, "00:1c:7f:00:01:03")
    assert [(one["address"], one.get("scope")) for one in lan["addresses"]] == [
        ("10.10.0.2", None), ("2001:db8:10::2", None), ("fe80::21c:7fff:fe00:103", "link")]
    assert facts["interfaces"]["eth0"]["description"] == "provider A"
    assert facts["interfaces"]["eth3"] == {"up": False, "carrier": False, "mtu": 1500, "mac": "00:1c:7f:00:01:04",
                                           "addresses": []}


def test_routes(facts: Dict) -> None:
    routes = {one["dst"]: one for one in facts["routes"]}
    assert routes["0.0.0.0/0"]["nexthops"] == [{"gateway": "198.51.100.1", "device": "eth0"}]
    assert routes["10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "eth2"}, {"gateway": "10.10.0.8", "device": "eth2"}]
    assert routes["10.20.0.0/16"]["metric"] == 20 and routes["172.16.9.0/24"]["origin"] == "B"
    assert routes["10.99.0.0/16"]["type"] == "blackhole" and "10.98.0.0/16" not in routes
    assert routes["::/0"]["nexthops"] == [{"gateway": "fe80::1", "device": "eth2"}]
    assert "172.16.77.0/24" not in routes and "1 routes are not understood" in facts["parts"]["routes"]["why"]
    assert facts["device"]["raw"][0]["lines"] == ["S         172.16.77.0/24      through the looking glass, eth9"]


def test_neighbours_stand_in_the_network_of_an_interface(facts: Dict) -> None:
    assert [(one["address"], one["device"]) for one in facts["neighbours"]] == [
        ("198.51.100.1", "eth0"), ("10.10.0.20", "eth2")]


def test_rules_that_choose_a_table(facts: Dict) -> None:
    by_b, prohibited, mixed, voice = facts["device"]["policy_routes"]
    assert by_b["interfaces"] == ["eth2"] and by_b["nexthops"] == ["203.0.113.1", "203.0.113.5"]
    assert by_b["match"] == [{"sources": ["10.10.0.0/25"], "destinations": ["172.16.9.0/24"], "dports": [[443, 443]],
                              "protocol": "tcp"}]
    assert prohibited["action"] == "drop" and prohibited["interfaces"] == ["eth0", "eth1", "eth2"]
    assert (mixed["action"], mixed["vrf"]) == ("vrf", "mixed")
    assert voice["action"] == "normal" and voice["unknown"] == ["match service-group voice"]
    assert "pbr rule 40" in facts["parts"]["policy_routes"]["why"]


def test_drops_of_the_accelerated_path(facts: Dict) -> None:
    drops = {one["name"]: one for one in facts["device"]["drops"]}
    assert drops["anti spoofing"] == {"name": "anti spoofing", "packets": 21, "growth": 3, "meaning": "reverse_path"}
    assert drops["C2S violation"]["meaning"] == "out_of_state" and drops["drop template"]["meaning"] == "other"
    assert len(drops) == 8 and "accelerated" in facts["parts"]["drops"]["why"]


def test_settings(facts: Dict) -> None:
    (one,) = facts["device"]["settings"]
    assert (one["name"], one["value"], one["weakens"]) == ("tcp_without_syn", True, True)


def test_the_cluster(facts: Dict, large: Dict) -> None:
    assert facts["device"]["ha"] == {
        "mode": "active_passive", "role": "active", "peer": "gw2", "peer_role": "standby", "synchronised": True,
        "text": "High Availability (Active Up) with IGMP Membership",
        "errors": {"lost updates": 12, "lost bulk update events": 0, "oversized updates not sent": 0,
                   "sent reject notifications": 1, "received reject notifications": 0}}
    assert [(one["interface"], one["address"], one["role"]) for one in facts["device"]["fhrp"]] == [
        ("eth0", "198.51.100.3", "active"), ("eth2", "10.10.0.254", "active")]
    assert large["device"]["ha"] == {"mode": "none"} and large["device"]["fhrp"] == []


def test_a_large_table_is_asked_by_address(large: Dict) -> None:
    assert large["parts"]["routes"]["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in large["routes"]} == {
        "10.10.0.0/24": [{"device": "eth2"}], "172.16.9.0/24": [{"gateway": "203.0.113.1", "device": "eth1"}]}


def test_virtual_systems_that_are_not_read_are_named(large: Dict) -> None:
    assert large["parts"]["interfaces"]["why"] == "read is virtual system 0; not read: guests, partners"
    assert "not read: guests, partners" in large["parts"]["routes"]["why"]


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(CheckpointGaia(), "checkpoint_gaia", request(FLOW))
    assert facts["device"]["ha"]["synchronised"] and device.logins == 1
    allowed = ("show ", "cphaprob ", "fwaccel stats -d", "fw ctl get int ")
    assert device.received and all(line.startswith(allowed) for line in device.received)


@pytest.mark.parametrize("command", [
    "set static-route default nexthop gateway address 10.0.0.1 on",
    "save config", "expert", "cphastop",
    "clusterXL_admin down", "fw ctl zdebug + drop", "fw ctl set int fw_allow_out_of_state_tcp 1", "fwaccel stats -r",
    "fwaccel off", "reboot",
    "show configuration", "cphaprob state; reboot", "fw unloadlocal"])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(CheckpointGaia(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert answering.sent == []
