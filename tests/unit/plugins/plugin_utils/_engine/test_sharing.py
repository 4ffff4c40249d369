# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two firewalls on a split path: what each kind of shared state means for a flow, and what is not known."""

from __future__ import annotations

import copy
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.bulk import judge_all
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict, judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import Sharing
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.networks import firewall, host

Facts = dict[str, t.Any]
TCP = "tcp 10.0.0.10:51000 > 10.9.0.10:80"
UDP = "udp 10.0.0.10:51000 > 10.9.0.10:53"
DIGEST = "0" * 64
LATENCY: Facts = {"at": 1.0, "from": "172.31.0.1", "samples": 200, "lost": 0, "bound_ms": 0.05,
                  "configuration_digest": DIGEST, "latency_ms": {"p50": 0.1, "p99": 0.3},
                  "returns": [{"flow": TCP, "samples": 25, "rtt_ms": {"p01": 2.0, "p50": 2.5}}]}
# of what a reply changes, on the member that the acknowledgement crosses
ANSWERED: Facts = {**LATENCY, "from": "172.31.0.2", "returns": [
    {"flow": "tcp 10.9.0.10:80 > 10.0.0.10", "samples": 25, "rtt_ms": {"p01": 3.0, "p50": 3.5}}]}


def sync(local: str, peer: str, **more: t.Any) -> Facts:
    """What a member says of its conntrackd: all is well."""
    return {
        "daemon": "conntrackd", "running": True, "configuration": "/etc/conntrackd/conntrackd.conf", "version": "1.4.7",
        "configuration_digest": DIGEST, "synchronises": True, "mode": "ftfw", "internal_cache": True,
        "external_cache": False, "startup_resync": True, "reliable_events": True, "window_tracking": False,
        "links": [{"transport": "udp", "interface": "sync", "local": local, "peer": peer, "port": 3780,
                   "default": True, "checksum": True, "up": True}],
        "addresses": {"ignore": ["127.0.0.1/32", "172.31.0.1/32", "172.31.0.2/32", "10.1.1.2/32"]},
        "filter_from": "userspace", "limits": {"hash_limit": 524288, "hash_size": 65536},
        "counters": {"received": 9}, "growth": {"seconds": 2.0, "sent": 2, "received": 2, "lost": 0}, **more}


def split(one: Facts | None = None, two: Facts | None = None) -> dict[str, Facts]:
    """client - left - fw_a and fw_b - right - server: requests cross fw_a, replies fw_b."""
    facts = {
        "client": host({"eth0": ["10.0.0.10/24"]}, ["default via 10.0.0.1 dev eth0"], forwarding=False),
        "left": host({"lan": ["10.0.0.1/24"], "a": ["10.1.1.1/24"], "b": ["10.1.2.1/24"]},
                     ["10.9.0.0/24 via 10.1.1.2 dev a"]),
        "right": host({"lan": ["10.9.0.1/24"], "a": ["10.2.1.1/24"], "b": ["10.2.2.1/24"]},
                      ["10.0.0.0/24 via 10.2.2.2 dev b"]),
        "server": host({"eth0": ["10.9.0.10/24"]}, ["default via 10.9.0.1 dev eth0"], forwarding=False),
    }
    ends = (("fw_a", 1, "172.31.0.1", "172.31.0.2", one), ("fw_b", 2, "172.31.0.2", "172.31.0.1", two))
    for name, number, local, peer, more in ends:
        facts[name] = host(
            {"in": [f"10.1.{number}.2/24"], "out": [f"10.2.{number}.2/24"], "sync": [f"{local}/30"]},
            [f"10.0.0.0/24 via 10.1.{number}.1 dev in", f"10.9.0.0/24 via 10.2.{number}.1 dev out"],
            chains=[firewall()], state_sync=[sync(local, peer, **(more or {}))])
        facts[name]["parts"]["state_sync"] = {"complete": True}
    return facts


def timed(one: Facts | None = None, two: Facts | None = None) -> dict[str, Facts]:
    """The same, measured: state comes first."""
    return split({"measured": ANSWERED, **(one or {})}, {"measured": LATENCY, **(two or {})})


def told(facts: dict[str, Facts], flow: str = TCP, **variables: Facts) -> FlowVerdict:
    return diagnosis(facts, flow, **variables).verdicts[0]


def diagnosis(facts: dict[str, Facts], flow: str = TCP, **variables: Facts) -> Diagnosis:
    return diagnose(facts, {name: variables.get(name, {}) for name in facts}, [flow])


def sym70(found: Diagnosis) -> list[tuple[str, str, str]]:
    return [(one.id, one.severity, one.text) for one in found.findings if one.id in ("SYM701", "SYM702")]


def test_state_that_is_measured_to_come_first_protects_the_path() -> None:
    found = diagnosis(timed())
    (one,) = found.verdicts
    assert one.verdict == "asymmetric_harmless" and not sym70(found)
    assert one.summary() == (
        "the directions differ: requests cross fw_a, replies fw_b, which share connection state: all connections "
        "are on the other member after 0.35 ms, replies are there after 2 ms at the earliest")
    requests, replies = one.to_dict()["relies_on_shared_state"]
    assert requests["verdict"] == replies["verdict"] == "holds"
    assert replies["text"].startswith("replies cross fw_b, acknowledgements fw_a, which share connection state: ")
    assert len(told(timed(), UDP).relies) == 1, "what was answered is not dropped, whatever the other knows of it"


def test_nothing_is_assumed_of_the_race() -> None:
    """Not measured; of another member; with another configuration; of another flow; of too few connections."""
    other = {**LATENCY["returns"][0], "flow": "tcp 10.0.0.11:1 > 10.9.0.10:80"}
    for measured in ({"from": "172.31.0.9"}, {"configuration_digest": "1" * 64}, {"returns": [other]}, {"returns": []},
                     {"samples": 99}):
        one = told(timed(two={"measured": {**LATENCY, **measured}}))
        assert one.verdict == "unknown" and one.read_next.endswith("run verify_state_sync"), measured
        assert "requests cross fw_a, replies fw_b" in one.read_next
    assert "requests cross fw_a" in told(split(one={"measured": ANSWERED})).read_next
    unanswered = told(split(two={"measured": LATENCY}))
    assert unanswered.verdict == "unknown" and "acknowledgements fw_a" in unanswered.read_next
    assert told(split(two={"measured": LATENCY}), UDP).verdict == "asymmetric_harmless"


def test_state_that_may_come_later_than_the_answer_is_the_wrong_remedy() -> None:
    fast = {"flow": TCP, "samples": 25, "rtt_ms": {"p01": 0.34, "p50": 0.4}}
    found = diagnosis(timed(two={"measured": {**LATENCY, "returns": [fast]}}))
    assert found.verdicts[0].verdict == "at_risk"
    ((id, severity, text),) = sym70(found)
    assert (id, severity) == ("SYM702", "warning") and "not below 0.35 ms. State sync is the wrong remedy here" in text
    (rejected,) = [one for one in found.proposal.rejected if one.role == "state_sync"]
    assert "bring both directions over one of them" in rejected.why_not
    back = {"flow": "tcp 10.9.0.10:80 > 10.0.0.10:1", "samples": 25, "rtt_ms": {"p01": 0.1, "p50": 0.1}}
    late = told(timed(one={"measured": {**ANSWERED, "returns": [back]}}))
    assert late.verdict == "at_risk" and "acknowledgements fw_a" in late.summary()
    lost = told(timed(two={"measured": {**LATENCY, "lost": 20, "wait_ms": 500, "latency_ms": {"p50": 0.1}}}))
    assert lost.verdict == "at_risk" and "20 of 200 connections were not on the other member" in lost.summary()


@pytest.mark.parametrize(("one", "words"), [
    ({"external_cache": True}, "what fw_b is told waits in its external cache until a failover"),
    ({"mode": "alarm"}, "fw_a is in mode ftfw, fw_b in alarm"),
    ({"running": False}, "conntrackd does not run on fw_b"),
    ({"growth": {"seconds": 2.0, "received": 4, "lost": 3}}, "errors of conntrackd on fw_b grew .*: lost by 3"),
    ({"growth": {"seconds": 2.0, "sent": 4, "received": 0}}, "fw_b received nothing in 2 s: the link is up and silent"),
])
def test_what_keeps_state_from_being_shared(one: Facts, words: str) -> None:
    found = diagnosis(timed(two=one))
    assert (found.verdicts[0].verdict, found.verdicts[0].dies_at.host) == ("broken", "fw_b")  # type: ignore[union-attr]
    texts = [text for id, _severity, text in sym70(found) if id == "SYM701"]
    assert any(re.search(words, text) for text in texts), texts
    assert [one.why_not for one in found.proposal.rejected if one.role == "state_sync"]


def test_members_in_modes_that_half_understand_each_other_are_in_doubt() -> None:
    grown = {"seconds": 2.0, "received": 4, "malformed": 1, "bad_header": 1}
    one = told(timed(two={"mode": "notrack", "growth": grown}))
    assert one.verdict == "unknown" and "fw_a is in mode ftfw, fw_b is in mode notrack" in one.read_next


def test_a_link_that_is_down() -> None:
    facts = timed()
    facts["fw_a"]["state_sync"][0]["links"][0]["up"] = False
    assert told(facts).verdict == "broken"
    assert "the link sync of fw_a is down" in sym70(diagnosis(facts))[0][2]


def test_a_member_that_nobody_could_ask_leaves_it_unknown() -> None:
    refused = timed()
    refused["fw_b"]["parts"]["state_sync"] = {"complete": False, "why": "conntrackd did not answer"}
    absent = copy.deepcopy(refused)
    absent["fw_b"]["state_sync"] = []
    unwatched = timed()
    del unwatched["fw_a"]["state_sync"][0]["growth"]
    for facts, why in ((refused, "did not answer"), (absent, "did not answer"), (unwatched, "set sample_seconds")):
        one = told(facts)
        assert one.verdict == "unknown" and why in one.read_next, one.read_next
        assert "whether fw_a and fw_b share connection state" in one.read_next
    alone = split()
    alone["fw_b"]["state_sync"] = []
    assert told(alone).verdict == "broken", "none runs there, and that is known"
    assert "where none answers it" in sym70(diagnosis(alone))[0][2]


def test_what_does_not_matter_to_a_flow_leaves_its_verdict() -> None:
    """Both directions over one firewall: whatever the pair shares."""
    facts = split()
    facts["fw_b"]["parts"]["state_sync"] = {"complete": False, "why": "refused"}
    facts["right"]["routes"] = [one for one in facts["right"]["routes"] if one["dst"] != "10.0.0.0/24"] + [
        {"family": 4, "table": 254, "dst": "10.0.0.0/24", "nexthops": [{"gateway": "10.2.1.2", "device": "a"}]}]
    assert told(facts).verdict == "symmetric"


@pytest.mark.parametrize(("choice", "left", "flow"), [
    ({"protocols": {"accept": ["tcp", "icmp"]}}, "protocols other than tcp, icmp", UDP),
    ({"protocols": {"ignore": ["udp"]}}, "udp", UDP),
    ({"addresses": {"ignore": ["127.0.0.1/32", "10.9.0.0/24"]}}, "10.9.0.0/24", TCP),
    ({"addresses": {"accept": ["10.8.0.0/24"]}}, "addresses outside 10.8.0.0/24", TCP),
    ({"states": {"accept": ["established", "close"]}}, "TCP connections that are not established, close", TCP),
])
@pytest.mark.parametrize("member", ["one", "two"])
def test_what_is_left_out_is_named_and_broken_and_the_rest_is_shared(
    choice: Facts, left: str, flow: str, member: str
) -> None:
    found = diagnosis(timed(**{member: choice}), flow)
    assert found.verdicts[0].verdict == "broken"
    name = {"one": "fw_a", "two": "fw_b"}[member]
    raised = [one for one in found.findings if one.id == "SYM701"]
    texts = [text for one in raised for text in (one.text, *(seen["text"] for seen in one.evidence))]
    assert any(f"{name} does not share the state of {left} with" in text for text in texts), texts
    assert any(f"do not share the state of {flow}: {name} leaves out" in text for text in texts), texts
    if flow == UDP:
        assert told(timed(**{member: choice})).verdict == "asymmetric_harmless"


def test_prefixes_and_very_many_flows_are_divided_where_sharing_is() -> None:
    """As each flow is judged by itself: by the address that is left out, and by the flow that was measured."""
    facts = timed(two={"addresses": {"ignore": ["10.9.0.128/25"]}})
    network = Network.build(facts, {})
    flows = [NamedFlow(text, Flow.parse(text)) for text in (
        f"tcp 10.0.0.{source}:{port} > 10.9.0.{end}:80"
        for source in (10, 11) for port in (50000, 51000) for end in (5, 10, 11, 127, 128, 200))]
    alone = [judge(network, one, {}).verdict for one in flows]
    assert set(alone) == {"broken", "unknown", "asymmetric_harmless"}
    assert [one.verdict for one in judge_all(network, flows, {}, cores=1)] == alone
    wide = diagnosis(facts, "tcp 10.0.0.0/24 > 10.9.0.0/24:80").verdicts
    assert {one.verdict for one in wide} == set(alone)
    shares = {one.verdict: 0 for one in wide}
    for one in wide:
        shares[one.verdict] += one.named.size
    assert shares["asymmetric_harmless"] == 1 and shares["broken"] == 256 * 128


def test_who_is_a_pair() -> None:
    """By addresses of one link; two groups on one multicast address hear each other; a stranger is none."""
    facts = split()
    assert [(one.one, one.other, one.kind) for one in Sharing.read(facts, {}).bonds] == [("fw_a", "fw_b", "shared")]
    facts["fw_b"]["state_sync"][0]["links"][0].update(local="172.31.0.9", peer="172.31.0.10")
    assert not Sharing.read(facts, {}).bonds or Sharing.read(facts, {}).bonds[0].kind == "apart"
    for name in ("fw_a", "fw_b"):
        facts[name]["state_sync"][0]["links"] = [{
            "transport": "multicast", "group": "225.0.0.50", "interface": "sync", "port": 3780, "default": True,
            "checksum": True, "up": True}]
    assert [one.kind for one in Sharing.read(facts, {}).bonds] == ["shared"]
    facts["fw_b"]["state_sync"][0]["links"][0]["group"] = "225.0.0.51"
    assert not Sharing.read(facts, {}).bonds


def two_sites() -> dict[str, Facts]:
    """A second pair elsewhere with the same addresses on its link."""
    facts = split()
    for name in ("fw_a", "fw_b"):
        facts[f"{name}2"] = copy.deepcopy(facts[name])
        facts[f"{name}2"]["interfaces"]["sync"]["mac"] = "02:aa:00:00:00:0" + name[-1]
    return facts


def knows(facts: dict[str, Facts], host: str, address: str, other: str) -> None:
    facts[host]["neighbours"].append({"family": 4, "address": address, "device": "sync", "state": "reachable",
                                      "mac": facts[other]["interfaces"]["sync"]["mac"]})


@pytest.mark.parametrize("multicast", [False, True])
def test_pairs_with_the_same_addresses_are_told_apart_by_their_neighbours(multicast: bool) -> None:
    facts = two_sites()
    for name in facts if multicast else ():
        if name.startswith("fw_"):
            facts[name]["state_sync"][0]["mode"] = "notrack"
            facts[name]["state_sync"][0]["links"] = [{
                "transport": "multicast", "group": "225.0.0.50", "interface": "sync", "port": 3780, "default": True,
                "checksum": True, "up": True}]
    unknown = Sharing.read(facts, {}).bonds
    assert {one.kind for one in unknown} == {"doubtful"} and "no neighbour entry tells" in unknown[0].why
    for site in ("", "2"):
        knows(facts, f"fw_a{site}", "172.31.0.2", f"fw_b{site}")
        knows(facts, f"fw_b{site}", "172.31.0.1", f"fw_a{site}")
    found = {(one.one, one.other): one.kind for one in Sharing.read(facts, {}).bonds}
    assert found == {("fw_a", "fw_b"): "shared", ("fw_a2", "fw_b2"): "shared"}


def test_a_neighbour_that_is_no_host_of_ours_is_no_member() -> None:
    facts = split()
    facts["fw_a"]["neighbours"].append({"family": 4, "address": "172.31.0.2", "device": "sync", "state": "reachable",
                                        "mac": "02:ff:ff:ff:ff:ff"})
    assert "shared" not in {one.kind for one in Sharing.read(facts, {}).bonds}


def test_three_members_of_a_group_are_one_domain() -> None:
    facts = split()
    facts["fw_c"] = copy.deepcopy(facts["fw_b"])
    facts["fw_c"]["interfaces"]["sync"]["addresses"][0]["address"] = "172.31.0.3"
    for name in ("fw_a", "fw_b", "fw_c"):
        facts[name]["state_sync"][0]["mode"] = "notrack"
        facts[name]["interfaces"]["sync"]["addresses"][0]["prefixlen"] = 24
        facts[name]["state_sync"][0]["links"] = [{
            "transport": "multicast", "group": "225.0.0.50", "interface": "sync", "port": 3780, "default": True,
            "checksum": True, "up": True}]
    keepers = Sharing.read(facts, {}).keepers(Flow.parse(TCP), "shared")
    assert [keepers.of(name) for name in ("fw_a", "fw_b", "fw_c", "left")] == ["fw_a", "fw_a", "fw_a", "left"]
    for name in ("fw_a", "fw_b", "fw_c"):
        facts[name]["state_sync"][0]["mode"] = "ftfw"
    assert {one.kind for one in Sharing.read(facts, {}).bonds} == {"doubtful"}
    assert "use notrack for three" in Sharing.read(facts, {}).bonds[0].why


def test_established_connections_survive_where_the_other_member_has_them() -> None:
    """The way of requests moves from fw_a, whose table is lost, to fw_b."""
    for more, outcome in (({}, "survives"), ({"running": False}, "recovers")):
        before = Network.build(split(two=more), {})
        moved = copy.deepcopy(before.facts["left"])
        moved["routes"] = [one for one in moved["routes"] if one["dst"] != "10.9.0.0/24"] + [
            {"family": 4, "table": 254, "dst": "10.9.0.0/24", "nexthops": [{"gateway": "10.1.2.2", "device": "b"}]}]
        back = copy.deepcopy(before.facts["right"])
        symmetric = before.with_facts({"right": {**back, "routes": [
            one for one in back["routes"] if one["dst"] != "10.0.0.0/24"] + [
            {"family": 4, "table": 254, "dst": "10.0.0.0/24", "nexthops": [{"gateway": "10.2.1.2", "device": "a"}]}]}})
        after = before.with_facts({"left": moved})
        assert reroute(symmetric, after, Flow.parse(TCP), lost=["fw_a"]).outcome == outcome
