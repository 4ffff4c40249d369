# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import SCHEMA, diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def incident(growth=4, sampled=True):
    """The dual WAN network without declarations, while the client tries to connect."""
    hosts, _variables = networks.dual_wan_partner()
    syn = networks.connection("tcp", "192.0.2.20", "203.0.113.10", 40000, 80)
    hosts["gw"]["conntrack"]["flows"] = [syn]
    hosts["fwa"]["conntrack"]["flows"] = [syn]
    if sampled:
        for name in ("fwa", "fwb"):
            hosts[name]["samples"] = {"seconds": 2.0, "conntrack_invalid": growth if name == "fwb" else 0, "rules": []}
    return hosts


def test_the_two_sided_signature_is_an_observed_preference():
    told = diagnose(incident(), {})
    verdict, = told.verdicts
    assert verdict.name == "live: tcp 192.0.2.20 > 203.0.113.10:80"
    assert verdict.verdict == "broken" and verdict.dies_at.host == "fwb"
    assert any("observed: replies from 203.0.113.10 to 192.0.2.20 come by fwb:out" in note
               for note in verdict.journey.assumptions)
    texts = [item["text"] for item in verdict.evidence]
    assert any(text.startswith("fwa:") and "SYN_SENT [UNREPLIED]" in text for text in texts)
    assert any(text.startswith("fwb: 4 packets of invalid state in 2 s") for text in texts)
    assert any(text.startswith("fwb: no entry for tcp 192.0.2.20") for text in texts)
    assert told.draft["all"]["symmetry_externals"][0]["prefers"] == {"192.0.2.0/24": ["fwb:out"]}


def test_without_growth_or_without_a_sample_nothing_is_observed():
    for hosts in (incident(growth=0), incident(sampled=False)):
        verdict, = diagnose(hosts, {}).verdicts
        assert (verdict.verdict, verdict.share) == ("at_risk", "1 of 2")


def test_an_entry_on_the_other_firewall_contradicts_the_signature():
    hosts = incident()
    hosts["fwb"]["conntrack"]["flows"] = list(hosts["fwa"]["conntrack"]["flows"])
    assert diagnose(hosts, {}).verdicts[0].verdict == "at_risk"


def test_a_table_that_was_not_read_completely_shows_no_absence():
    hosts = incident()
    hosts["fwb"]["parts"]["conntrack"] = {"complete": False, "why": "not root"}
    assert diagnose(hosts, {}).verdicts[0].verdict == "at_risk"


def test_a_reply_that_was_seen_is_an_observed_preference_too():
    """No false alarm: the edge host that has the whole connection shows by where replies come."""
    hosts, _variables = networks.dual_wan_partner()
    live = networks.connection("tcp", "192.0.2.20", "203.0.113.130", 40000, 80, False, "ESTABLISHED")
    for name in ("gw", "fwa"):
        hosts[name]["conntrack"]["flows"] = [live]
    told = diagnose(hosts, {})
    assert [verdict.verdict for verdict in told.verdicts] == ["symmetric"] and not told.findings


def test_a_live_flow_is_judged_once_from_end_to_end():
    hosts, variables = networks.dual_wan_partner()
    seen_by_gw = networks.connection("tcp", "192.0.2.20", "203.0.113.10", 40000, 443)
    seen_by_gw["reply"]["destination"] = "198.51.100.2"
    hosts["gw"]["conntrack"]["flows"] = [seen_by_gw]
    hosts["fwa"]["conntrack"]["flows"] = [networks.connection("tcp", "198.51.100.2", "203.0.113.10", 40000, 443)]
    names = [verdict.name for verdict in diagnose(hosts, variables, []).verdicts]
    assert names == ["live: tcp 192.0.2.20 > 203.0.113.10:443"]


def test_live_flows_that_are_declared_or_concern_no_path_are_left_out():
    hosts, variables = networks.dual_wan_partner()
    hosts["client"]["interfaces"]["mgmt0"] = {
        "index": 9, "up": True, "addresses": [{"family": 4, "address": "10.255.0.11", "prefixlen": 24}]}
    hosts["client"]["conntrack"]["flows"] = [
        networks.connection("tcp", "192.0.2.20", "203.0.113.10", 40000, 80),  # partner-api
        networks.connection("tcp", "10.255.0.1", "10.255.0.11", 40000, 22, False, "ESTABLISHED"),  # by mgmt0
        networks.connection("udp", "127.0.0.1", "127.0.0.53", 40000, 53),
        networks.connection("udp", "192.0.2.20", "224.0.0.251", 5353, 5353),
        networks.connection("udp", "192.0.2.20", "255.255.255.255", 68, 67),
        networks.connection("udp", "192.0.2.20", "192.0.2.255", 137, 137),
        networks.connection("tcp", "192.0.2.20", "192.0.2.20", 40001, 8080, False, "ESTABLISHED"),
    ]
    assert not [verdict.name for verdict in diagnose(hosts, variables).verdicts if verdict.named.live]


def test_live_flows_are_bounded_and_what_is_left_out_is_said():
    hosts, variables = networks.dual_wan_partner()
    hosts["gw"]["conntrack"]["flows"] = [
        networks.connection("tcp", "192.0.2.20", "203.0.113.130", 40000, port) for port in range(1, 31)]
    told = diagnose(hosts, variables, [], max_live=10)
    assert len(told.verdicts) == 10
    assert any(note.startswith("20 more live flows were not judged") for note in told.assumptions)


def test_live_flows_of_a_healthy_network_are_clean():
    hosts, variables = networks.healthy()
    web = networks.connection("tcp", "10.0.0.20", "203.0.113.99", 40000, 443, False, "ESTABLISHED")
    web["reply"]["destination"] = "198.51.100.2"
    hosts["gw"]["conntrack"]["flows"] = [web, networks.connection("udp", "10.0.0.20", "10.0.1.30", 4000, 514)]
    told = diagnose(hosts, variables)
    assert {verdict.verdict for verdict in told.verdicts} == {"symmetric"} and len(told.verdicts) == 8
    assert not told.findings and not told.proposal.remedies


def test_hosts_that_could_not_be_read_are_named():
    hosts, variables = networks.dual_wan_partner()
    told = diagnose({**hosts, "fwa": None, "fwb": {"schema": "netpath.symmetry/9"}}, variables)
    assert "not reached" in told.unread["fwa"] and "'netpath.symmetry/9'" in told.unread["fwb"]
    assert {verdict.verdict for verdict in told.verdicts} == {"unknown"}


def test_a_network_without_facts_is_all_unknown():
    hosts, variables = networks.dual_wan_partner()
    told = diagnose(dict.fromkeys(hosts), variables)
    assert told.counts["unknown"] == 4 and len(told.unread) == 4


def test_the_diagnosis_is_plain_data():
    told = diagnose(*networks.dual_wan_partner())
    data = json.loads(json.dumps(told.to_dict()))
    assert data["schema"] == SCHEMA
    assert data["counts"] == {"symmetric": 1, "asymmetric_harmless": 0, "unknown": 0, "at_risk": 0, "broken": 3}
    assert data["change"][0]["role"] == "policy_route" and data["forecast"]["mended"]
    assert data["verdicts"][0]["findings"] == ["SYM104", "SYM301", "SYM103"]
