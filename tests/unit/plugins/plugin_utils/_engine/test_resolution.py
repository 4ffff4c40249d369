# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a packet waits in vain for its next hop's MAC address, and what a server's data meets after its SYN-ACK."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks

FLOW = "udp 10.1.2.10:4000 > 10.9.0.1:53"


def wrong_uplink(mode: int) -> dict[str, networks.Facts]:
    """A host with two uplinks that sends everything by ra, also what comes from its address towards rb."""
    links = {
        "ra": {"lan": ["10.1.1.1/24"], "up": ["10.3.1.1/24"]},
        "rb": {"lan": ["10.1.2.1/24"], "up": ["10.3.2.1/24"]},
    }
    return {
        "host": networks.host({"a": ["10.1.1.10/24"], "b": ["10.1.2.10/24"]}, ["default via 10.1.1.1 dev a"],
                              forwarding=False),
        "ra": networks.host(links["ra"], ["default via 10.3.1.2 dev up", "10.1.2.0/24 via 10.3.1.2 dev up"],
                            rp_filter={"lan": mode}),
        "rb": networks.host(links["rb"], ["default via 10.3.2.2 dev up", "10.1.1.0/24 via 10.3.2.2 dev up"]),
        "core": networks.host({"a": ["10.3.1.2/24"], "b": ["10.3.2.2/24"], "lan": ["10.9.0.254/24"]},
                              ["10.1.1.0/24 via 10.3.1.1 dev a", "10.1.2.0/24 via 10.3.2.1 dev b"]),
        "server": networks.host({"lan": ["10.9.0.1/24"]}, ["default via 10.9.0.254 dev lan"], forwarding=False),
    }


def test_a_strict_router_leaves_arp_for_a_foreign_source_unanswered():
    told = diagnose(wrong_uplink(mode=1), {}, [FLOW])
    death = told.verdicts[0].dies_at
    assert (death.host, death.interface, death.reason) == ("host", "a", "neighbour")
    assert "ra:lan leaves ARP requests of 10.1.2.10 for 10.1.1.1 unanswered" in death.detail
    assert [(one.id, one.host, one.interface) for one in told.findings if one.flows] == [("SYM202", "ra", "lan")]
    assert ("rp_filter", "ra") in {(one.step.role, one.step.host) for one in told.proposal.remedies}


@pytest.mark.parametrize("mode", [0, 2])
def test_a_router_that_is_not_strict_answers(mode):
    assert diagnose(wrong_uplink(mode), {}, [FLOW]).verdicts[0].verdict == "asymmetric_harmless"


def test_who_knows_the_router_already_sends_to_it_and_is_dropped_there():
    hosts = wrong_uplink(mode=1)
    mac = hosts["ra"]["interfaces"]["lan"]["mac"]
    hosts["host"]["neighbours"].append(
        {"family": 4, "address": "10.1.1.1", "device": "a", "mac": mac, "state": "permanent"})
    death = diagnose(hosts, {}, [FLOW]).verdicts[0].dies_at
    assert (death.host, death.reason) == ("ra", "reverse_path")


def test_who_was_asked_knows_the_one_that_asked():
    """The server strictly expects 10.1.1.10 elsewhere, but it has heard its MAC address when it was asked itself."""
    hosts = {
        "one": networks.host({"w": ["10.1.1.1/24"]}, forwarding=False, rp_filter={"w": 1}),
        "two": networks.host({"w": ["10.1.1.2/24"], "x": ["10.1.7.2/24"]}, forwarding=False),
    }
    hosts["one"]["routes"].append(networks.route("10.1.7.0/24 via 10.1.1.9 dev w"))
    assert diagnose(hosts, {}, ["icmp 10.1.1.1 > 10.1.1.2"]).verdicts[0].verdict == "symmetric"


@pytest.mark.parametrize("state", ["failed", "incomplete"])
def test_a_next_hop_that_did_not_answer_ends_the_path(state):
    hosts = wrong_uplink(mode=0)
    hosts["core"]["routes"].append(networks.route("10.1.2.10/32 via 10.3.1.77 dev a"))
    silent = {"family": 4, "address": "10.3.1.77", "device": "a", "state": state}
    hosts["core"]["neighbours"].append(silent)
    death = diagnose(hosts, {}, [FLOW]).verdicts[0].dies_at
    assert (death.host, death.reason, death.direction) == ("core", "neighbour", "return")
    assert f"10.3.1.77 on a does not answer (neighbour entry {state})" in death.detail


def test_data_of_a_connection_picked_up_in_the_middle_is_translated():
    """The box that sees replies only passes the SYN-ACK as invalid, and masquerades the data as a new connection."""
    hosts = wrong_uplink(mode=0)
    hosts["rb"]["netfilter"]["chains"] = [networks.chain("postrouting", [
        {"handle": 4, "text": 'oifname "lan" snat ip to 10.1.2.1', "matches": [networks.match("meta oifname", "lan")],
         "statements": [], "verdict": {"do": "snat", "address": "10.1.2.1"}}], type="nat", priority=100)]
    verdict = diagnose(hosts, {}, ["tcp 10.1.2.10:4000 > 10.9.0.1:80"]).verdicts[0]
    assert (verdict.verdict, verdict.dies_at.reason, verdict.dies_at.host) == ("broken", "translation", "host")
    assert "10.1.2.1:80" in verdict.dies_at.detail


def test_data_of_a_connection_picked_up_in_the_middle_meets_the_rule_for_new_ones():
    hosts = wrong_uplink(mode=0)
    hosts["rb"]["netfilter"]["chains"] = [networks.chain("forward", [
        {"handle": 4, "text": "ct state new drop", "matches": [networks.match("ct state", "new")],
         "statements": [], "verdict": {"do": "drop"}}])]
    verdict = diagnose(hosts, {}, ["tcp 10.1.2.10:4000 > 10.9.0.1:80"]).verdicts[0]
    assert (verdict.verdict, verdict.dies_at.host, verdict.dies_at.state) == ("broken", "rb", "new")
    hosts["rb"]["conntrack"]["sysctls"]["tcp_loose"] = 0
    assert diagnose(hosts, {}, ["tcp 10.1.2.10:4000 > 10.9.0.1:80"]).verdicts[0].verdict == "at_risk"
