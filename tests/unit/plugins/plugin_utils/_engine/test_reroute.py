# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An established flow whose network changes: what goes on, what is stranded, and which entries are in the way."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.networks import (
    chain,
    firewall,
    host,
    match,
    snat,
)

TCP = Flow.parse("tcp 10.0.1.2:40000 > 10.1.1.2:80")
UDP = Flow.parse("udp 10.0.1.2:40000 > 10.1.1.2:53")
Facts = dict[str, t.Any]
NO_INVALID_RULE = chain("forward", firewall()["rules"][:1], policy="accept")


def facts(forward: int = 1, back: int = 1, chains: t.Sequence[Facts] = (), **settings: int) -> dict[str, Facts]:
    """client - {fw1, fw2} - server; both ends choose a firewall."""
    hosts = {
        "client": host({"left1": ["10.0.1.2/24"], "left2": ["10.0.2.2/24"]},
                       [f"10.1.0.0/16 via 10.0.{forward}.1 dev left{forward}"], forwarding=False),
        "server": host({"right1": ["10.1.1.2/24"], "right2": ["10.1.2.2/24"]},
                       [f"10.0.0.0/16 via 10.1.{back}.1 dev right{back}"], forwarding=False),
    }
    for number in (1, 2):
        routes = [f"10.0.1.0/24 via 10.0.2.2 dev in{number}", f"10.1.1.0/24 via 10.1.2.2 dev out{number}"]
        hosts[f"fw{number}"] = host(
            {f"in{number}": [f"10.0.{number}.1/24"], f"out{number}": [f"10.1.{number}.1/24"]},
            routes if number == 2 else [], chains=chains or [firewall(inside=f"in{number}")])
        hosts[f"fw{number}"]["conntrack"]["sysctls"].update(settings)
    return hosts


def told(flow: Flow, after: dict[str, Facts], before: dict[str, Facts]) -> t.Any:
    network = Network.build(before, {})
    return reroute(network, network.with_facts(after), flow)


@pytest.mark.parametrize("flow", [TCP, UDP], ids=str)
def test_nothing_changes(flow: Flow) -> None:
    answer = told(flow, {}, facts())
    assert (answer.outcome, answer.stale) == ("survives", ())
    assert {one.speaker for one in answer.continuations} == {"source", "destination"}


def test_both_directions_move_to_a_firewall_that_picks_up() -> None:
    """tcp_loose: the client's segment opens an entry; the server's, where it comes first, is lost."""
    answer = told(TCP, facts(2, 2), facts())
    by_speaker = {one.speaker: one for one in answer.continuations}
    assert by_speaker["source"].outcome == "survives"
    assert by_speaker["destination"].back.outcome == "recovers"
    assert "fw2" in by_speaker["destination"].back.detail


def test_a_strict_firewall_strands_a_connection_that_moves_to_it() -> None:
    answer = told(TCP, facts(2, 2, tcp_loose=0), facts(tcp_loose=0))
    assert (answer.outcome, answer.stale) == ("stranded", ())
    assert "invalid" in answer.continuations[0].forward.detail


def test_udp_goes_on_as_a_new_flow() -> None:
    answer = told(UDP, facts(2, 2, tcp_loose=0), facts(tcp_loose=0))
    assert {one.outcome for one in answer.continuations if one.speaker == "source"} == {"survives"}


def test_the_answers_move_alone() -> None:
    """The first firewall sees what the client acknowledges, and never saw it go by."""
    answer = told(TCP, facts(1, 2, [NO_INVALID_RULE]), facts(chains=[NO_INVALID_RULE]))
    assert answer.outcome == "survives"  # nothing drops what is invalid
    drops = chain("forward", firewall()["rules"][1:2], policy="accept")
    strict = told(TCP, facts(1, 2, [drops]), facts(chains=[drops]))
    assert strict.outcome == "stranded" and "fw1" in strict.detail
    assert strict.stale == ()  # a new connection would be no better off
    liberal = told(TCP, facts(1, 2, [drops], tcp_be_liberal=1), facts(chains=[drops], tcp_be_liberal=1))
    assert liberal.outcome == "survives"


def test_a_flow_that_never_worked() -> None:
    blocked = chain("forward", [], policy="drop")
    answer = told(TCP, {}, facts(chains=[blocked]))
    assert answer.outcome == "not_established" and "fw1" in answer.detail


def masquerade(*interfaces: str) -> Facts:
    rules = [{"handle": 9, "text": f"oifname {name} masquerade", "matches": [match("meta oifname", name)],
              "statements": [], "verdict": {"do": "masquerade"}} for name in interfaces]
    return chain("postrouting", rules, type="nat", priority=100)


def gateway(nat: Facts, uplink: int) -> dict[str, Facts]:
    """client - gw = server: a gateway with two links to the server, which translates on both."""
    return {
        "client": host({"eth0": ["10.0.1.2/24"]}, ["10.1.0.0/16 via 10.0.1.1 dev eth0"], forwarding=False),
        "gw": host({"lan": ["10.0.1.1/24"], "wan1": ["10.2.1.1/24"], "wan2": ["10.2.2.1/24"]},
                   [f"10.1.1.0/24 via 10.2.{uplink}.2 dev wan{uplink}"], chains=[nat]),
        "server": host({"eth1": ["10.2.1.2/24"], "eth2": ["10.2.2.2/24"], "web": ["10.1.1.2/24"]}, forwarding=False),
    }


def test_a_masqueraded_connection_does_not_change_its_interface() -> None:
    nat = masquerade("wan1", "wan2")
    answer = told(TCP, gateway(nat, 2), gateway(nat, 1))
    assert answer.outcome == "stranded"
    assert "masqueraded by wan1 and would leave by wan2; then " in answer.continuations[0].forward.detail
    assert [one.host for one in answer.stale] == ["gw"]
    udp = told(UDP, gateway(nat, 2), gateway(nat, 1))
    first = next(one for one in udp.continuations if one.speaker == "source")
    assert (first.forward.outcome, first.back.outcome) == ("recovers", "recovers")
    assert [one.host for one in udp.stale] == ["gw"] and "a new connection gets" in udp.stale[0].why


def test_a_translation_by_name_goes_on_as_it_was() -> None:
    nat = [snat("wan1", "10.2.1.1"), {**snat("wan2", "10.2.2.1"), "name": "second"}]
    both = {**gateway(nat[0], 1)}
    both["gw"] = {**both["gw"], "netfilter": {"backends": ["nft"], "chains": nat, "sets": []}}
    moved = gateway(nat[0], 2)
    moved["gw"] = {**moved["gw"], "netfilter": both["gw"]["netfilter"]}
    answer = told(UDP, moved, both)
    assert answer.outcome == "survives"  # the server answers to the old address, which is still there
    assert [one.host for one in answer.stale] == ["gw"]


def test_live_tables() -> None:
    """What the tables hold now, without the flow's first packets."""
    before = facts(tcp_loose=0)
    before["fw1"]["conntrack"]["flows"] = [{
        "protocol": "tcp", "state": "ESTABLISHED", "status": ["seen_reply", "assured", "confirmed"],
        "original": {"source": "10.0.1.2", "destination": "10.1.1.2", "sport": 40000, "dport": 80},
        "reply": {"source": "10.1.1.2", "destination": "10.0.1.2", "sport": 80, "dport": 40000},
    }]  # fmt: skip
    network = Network.build(before, {})
    assert reroute(network, network, TCP, live=True).outcome == "survives"
    assert reroute(network, network.with_facts(facts(2, 2, tcp_loose=0)), TCP, live=True).outcome == "stranded"
