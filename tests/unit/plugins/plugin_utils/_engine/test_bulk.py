# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered, and what is judged once for many flows, is what each flow gets when it is judged by itself."""

from __future__ import annotations

import copy
import os
import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.bulk import judge_all
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import remembered
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict, judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walks import Walks
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow, read_flows
from ansible_collections.netpath.symmetry.tests.bench.scale_networks import Made, Shape, make

SEED = int(os.environ.get("SEED", "1"))
NETWORKS = int(os.environ.get("NETWORKS", "6"))
FLOWS = 90
Facts = dict[str, t.Any]


def plain() -> Made:
    return make(Shape(spines=2, leaves=8, servers=6, routes=40))


class Mutations:
    """Changes that make a plain network uneven, chosen at random."""

    def __init__(self, facts: dict[str, Facts], choose: random.Random) -> None:
        self.facts = facts
        self.choose = choose
        self.observed: dict[tuple[str, str], str] = {}
        self.server_addresses = [
            item["address"] for name, host in facts.items() if name.startswith("server")
            for item in host["interfaces"]["eth0"]["addresses"]
        ]

    def apply(self, count: int) -> None:
        kinds = [self.rule, self.check, self.route, self.leg, self.filter, self.neighbour, self.down, self.twice,
                 self.translate, self.observe, self.mark, self.policy, self.unread]
        for _index in range(count):
            self.choose.choice(kinds)()

    def host(self, *kinds: str) -> Facts:
        return self.facts[self.choose.choice([name for name in self.facts if name.startswith(kinds or ("",))])]

    def prefix(self) -> str:
        server = self.choose.choice(self.server_addresses)
        net = server.rpartition(".")[0]
        return self.choose.choice([
            f"{server}/32", f"{net}.0/28", f"{net}.8/30", "20.0.4.0/24", "20.0.5.128/25", "20.0.0.0/20", "20.0.7.9/32",
        ])

    def rule(self) -> None:
        """A policy rule with some selectors, and its table."""
        host = self.host()
        table = self.choose.choice([100, 200])
        selectors: list[Facts] = [{"src": self.prefix()}, {"dst": self.prefix()}, {"fwmark": 1}, {"tos": 0x10},
                                  {"ipproto": 6, "dport": self.choose.choice([[80, 80], [100, 500]])},
                                  {"iif": self.choose.choice(list(host["interfaces"]))}, {"uidrange": [0, 0]},
                                  {"suppress_prefixlength": 0, "table": 254}]
        rule: Facts = {"family": 4, "priority": self.choose.randrange(100, 30000), "table": table}
        for selector in self.choose.sample(selectors, self.choose.choice([1, 1, 2])):
            rule.update(selector)
        host["rules"] = sorted([*host["rules"], rule], key=lambda one: one["priority"])
        main = [route for route in host["routes"] if route["table"] == 254 and route["family"] == 4]
        host["routes"] += [{**copy.deepcopy(self.choose.choice(main)), "table": table} for _each in range(3)]

    def check(self) -> None:
        host = self.host()
        name = self.choose.choice(list(host["interfaces"]))
        mode = self.choose.choice([0, 1, 1, 2])
        host["interface_sysctls"][name]["rp_filter"] = mode
        host["rp_filter"][name] = {"mode": mode, "origin": "interface"}

    def route(self) -> None:
        host = self.host()
        main = [route for route in host["routes"] if route["table"] == 254 and route["family"] == 4]
        added = {**copy.deepcopy(self.choose.choice(main)), "dst": self.prefix()}
        if self.choose.random() < 0.3:
            added = {"family": 4, "table": 254, "dst": self.prefix(),
                     "type": self.choose.choice(["blackhole", "unreachable", "throw"])}
        host["routes"].append(added)

    def leg(self) -> None:
        host = self.host("leaf", "spine")
        host["interface_sysctls"]["all"]["ignore_routes_with_linkdown"] = self.choose.choice([0, 1])
        route = self.choose.choice([one for one in host["routes"] if len(one.get("nexthops", ())) > 1])
        leg = self.choose.choice(route["nexthops"])
        leg["flags"] = [self.choose.choice(["dead", "linkdown"])]

    def filter(self) -> None:
        """A rule of the firewalls, on any host: by address, port, state or interface."""
        matches: list[Facts] = [
            {"left": self.choose.choice(["ip saddr", "ip daddr"]), "op": self.choose.choice(["==", "!="]),
             "right": [self.prefix(), self.prefix(), "10.0.3.10-10.0.3.11"]},
            {"left": "tcp dport", "op": self.choose.choice(["==", "<", ">"]), "right": self.choose.choice([80, 443])},
            {"left": "tcp dport", "op": "==", "right": {"range": [80, 443]}},
            {"left": "ct state", "op": "in", "right": ["invalid", "new"]},
        ]
        rule = {"handle": 9, "text": "drop", "matches": self.choose.sample(matches, 2), "statements": [],
                "verdict": {"do": self.choose.choice(["drop", "accept"])}}
        self.host()["netfilter"]["chains"].append(
            {"family": "ip", "table": "more", "name": "more", "type": "filter", "priority": 10, "policy": "accept",
             "hook": self.choose.choice(["forward", "input", "output"]), "rules": [rule]})

    def translate(self) -> None:
        do = self.choose.choice([{"do": "dnat", "address": self.choose.choice(self.server_addresses)},
                                 {"do": "snat", "address": "192.0.2.77"}, {"do": "masquerade"}])
        hook, priority = ("prerouting", -100) if do["do"] == "dnat" else ("postrouting", 100)
        rule = {"handle": 3, "text": do["do"], "matches": [{"left": "ip daddr", "op": "==", "right": self.prefix()}],
                "statements": [], "verdict": do}
        self.host()["netfilter"]["chains"].append(
            {"family": "ip", "table": "nat2", "name": "nat2", "type": "nat", "priority": priority, "policy": "accept",
             "hook": hook, "rules": [rule]})

    def mark(self) -> None:
        """Packets of some addresses get a mark that a rule may select."""
        rule = {"handle": 4, "text": "mark", "statements": [{"do": "set_mark", "value": 1}],
                "matches": [{"left": "ip saddr", "op": "==", "right": self.prefix()}]}
        self.host()["netfilter"]["chains"].append(
            {"family": "ip", "table": "m", "name": "m", "type": "filter", "priority": -150, "policy": "accept",
             "hook": "prerouting", "rules": [rule]})

    def policy(self) -> None:
        self.host("server")["netfilter"]["chains"].append(
            {"family": "ip", "table": "in", "name": "in", "type": "filter", "priority": 0, "policy": "drop",
             "hook": "input", "rules": [{"handle": 5, "text": "established", "statements": [],
                                         "matches": [{"left": "ct state", "op": "in", "right": ["established"]}],
                                         "verdict": {"do": "accept"}}]})

    def neighbour(self) -> None:
        leaf = self.choose.choice([name for name in self.facts if name.startswith("leaf")])
        server = self.choose.choice([name for name in self.facts if name.startswith(leaf.replace("leaf", "server"))])
        interface = self.facts[server]["interfaces"]["eth0"]
        self.facts[leaf]["neighbours"].append({
            "family": 4, "address": interface["addresses"][0]["address"], "device": "servers",
            "mac": self.choose.choice([interface["mac"], interface["mac"], "02:00:00:00:00:99"]),
            "state": self.choose.choice(["reachable", "failed"]),
        })

    def down(self) -> None:
        host = self.host("spine", "leaf", "server")
        host["interfaces"][self.choose.choice(list(host["interfaces"]))]["carrier"] = False

    def unread(self) -> None:
        self.host()["parts"]["netfilter"] = {"complete": False, "why": "nft is not there"}

    def twice(self) -> None:
        """An address that two hosts have."""
        self.host("server")["interfaces"]["eth0"]["addresses"].append(
            {"family": 4, "address": self.choose.choice(self.server_addresses), "prefixlen": 32})

    def observe(self) -> None:
        self.observed[self.choose.choice(self.server_addresses), "20.0.7.9"] = self.choose.choice(["A", "B"])


def uneven(seed: int) -> tuple[Network, dict[tuple[str, str], str], list[NamedFlow]]:
    """A network that was made uneven, and flows across it."""
    choose = random.Random(seed)
    made = plain()
    facts, variables = made.facts, made.variables
    changes = Mutations(facts, choose)
    changes.apply(choose.randrange(2, 9))
    if choose.random() < 0.3:
        for values in variables.values():
            values["symmetry_externals"] = values["symmetry_externals"][:1]
    texts = made.flows(FLOWS, seed)
    texts += [f"tcp {one} > 20.0.7.9:80" for one in changes.server_addresses[:3]]
    texts += [f"tcp 20.0.4.5 > {one}:100" for one in changes.server_addresses[-3:]]
    texts += ["icmp 10.0.0.10 > 10.0.1.10", "icmp 10.0.0.11 > 10.0.1.10", "udp 10.0.0.10 > 192.0.2.2:53"]
    return Network.build(facts, variables), changes.observed, read_flows(list(dict.fromkeys(texts)))


def short(told: FlowVerdict) -> tuple[str, str, float]:
    return told.verdict, told.share, round(told.share_broken, 9)


@pytest.mark.parametrize("seed", range(SEED, SEED + NETWORKS))
def test_flows_judged_together_get_the_verdict_of_each(seed: int) -> None:
    network, observed, flows = uneven(seed)
    wrong = []
    for brief in judge_all(network, flows, observed):
        alone = judge(network, brief.named, observed)
        if short(alone) != (brief.verdict, brief.share, round(brief.share_broken, 9)):
            wrong.append((brief.named.name, short(alone), brief))
    assert not wrong, f"SEED={seed}"


@pytest.mark.parametrize("seed", range(SEED, SEED + NETWORKS))
def test_what_is_remembered_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, observed, flows = uneven(seed)
    flows = flows[::6]
    with_memory = [judge(network, one, observed).to_dict() for one in flows]
    monkeypatch.setattr(remembered, "LIMIT", 0)
    monkeypatch.setattr(Walks, "_once", lambda self, start, packet, trackers, guide, walk: walk())
    fresh, _observed, _flows = uneven(seed)
    assert [judge(fresh, one, observed).to_dict() for one in flows] == with_memory, f"SEED={seed}"


def test_the_networks_are_uneven_and_their_flows_are_still_joined() -> None:
    verdicts: set[str] = set()
    flows_in_all = classes_in_all = 0
    for seed in range(SEED, SEED + NETWORKS):
        network, observed, flows = uneven(seed)
        classes = Alike(network, observed)
        flows_in_all += len(flows)
        classes_in_all += len({classes.of(one) or one for one in flows})
        verdicts |= {brief.verdict for brief in judge_all(network, flows[:60], observed, alike=classes)}
    assert verdicts == {"symmetric", "asymmetric_harmless", "unknown", "at_risk", "broken"}
    assert classes_in_all < 0.9 * flows_in_all


def test_several_cores_give_what_one_gives() -> None:
    made = plain()
    network = Network.build(made.facts, made.variables)
    flows = read_flows(made.flows(900))
    assert judge_all(network, flows, {}, cores=2) == judge_all(network, flows, {})
