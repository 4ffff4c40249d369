# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quick tests of matches say what the full ones say, and a rule that cannot match takes next to nothing."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.match import holds
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.quick import Values, make_ready
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Ruleset
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.unit.work import calls, steps

Dict = dict[str, t.Any]
HOST = Host.from_facts("r", {"interfaces": {"lo": {}, "eth0": {}, "eth1": {}}})
TCP = Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80")
FLOWS = (
    TCP, dataclasses.replace(TCP, dport=None), Flow.parse("icmp 10.0.0.5 > 20.0.0.5"),
    Flow.parse("udp [2001:db8::5]:9 > [2001:db8:2::5]:53"),
)  # fmt: skip
RIGHTS: dict[str, tuple[t.Any, ...]] = {
    "ip saddr": (
        "10.0.0.5",
        "10.0.0.0/8",
        "10.0.0.1-10.0.0.9",
        {"range": ["10.0.0.6", "10.0.0.9"]},
        ["1.1.1.1", "10.0.0.5"],
    ),
    "ip6 daddr": ("2001:db8:2::/48", ["::1", "2001:db8:3::/48"]),
    "tcp dport": (80, "80", "1-79", [22, "80-90"], {"range": [81, 90]}),
    "th dport": (53, [80, 53]),
    "udp dport": (53, "54-60"),
    "meta l4proto": ("tcp", 17, ["udp", "icmp"], "esp"),
    "meta iifname": ("eth0", "eth*", ["eth1", "wan*"], "*"),
    "meta oifname": ("eth0", "", "*"),
}


@pytest.mark.parametrize("flow", FLOWS, ids=str)
@pytest.mark.parametrize("op", ["==", "!=", "in"])
def test_quick_tests_say_what_the_full_ones_say(op: str, flow: Flow) -> None:
    now = Situation(HOST, "input", Packet(flow), "eth0", None, Connection())
    asked = 0
    for left, rights in RIGHTS.items():
        for right in rights:
            match = {"left": left, "op": op, "right": right}
            ready = make_ready({"matches": [match]})
            asked += bool(ready.quick)
            if ready.quick:
                assert ready.may_match(Values(now)) is holds(match, now, {}), match
    assert asked > 20


@pytest.mark.parametrize(
    "match",
    [
        {"left": "ip saddr", "op": "==", "right": "10.0.0.0", "mask": 0xFF000000},
        {"left": "ip saddr", "op": "==", "right": "@named"},
        {"left": "meta iifname", "op": "==", "right": "@named"},
        {"left": "tcp dport", "op": "==", "right": ["80", "what"]},
        {"left": "meta mark", "op": "==", "right": 1},
        {"left": "tcp dport", "op": "<", "right": 1024},
        {"unknown": "?"},
        {"any": []},
    ],
)
def test_what_is_not_that_simple_is_left_to_the_full_test(match: Dict) -> None:
    ready = make_ready({"matches": [match]})
    assert not ready.quick and [one for one, _asks in ready.others] == [match]


def many_rules(count: int) -> tuple[Ruleset, Situation]:
    """As many rules, none of which matches, and a packet that was past them once, which made them ready."""
    rules = [
        {"text": str(number), "verdict": {"do": "accept"}, "matches": [
            {"left": "ip saddr", "op": "==", "right": f"10.{number >> 8}.{number & 255}.0/24"},
            {"left": "meta l4proto", "op": "==", "right": "tcp"}, {"left": "ct state", "op": "in", "right": ["new"]},
        ]}
        for number in range(1, count + 1)
    ]  # fmt: skip
    base = {"family": "ip", "table": "filter", "name": "FORWARD", "type": "filter", "hook": "forward", "priority": 0}
    ruleset = Ruleset.from_facts({"chains": [{**base, "policy": "drop", "rules": rules}]})
    now = Situation(HOST, "forward", Packet(TCP), "eth0", "eth1", Connection())
    assert ruleset.run(now).result.verdict == "drop"
    return ruleset, now


def test_a_rule_for_another_address_costs_a_few_steps_and_no_full_test() -> None:
    ruleset, now = many_rules(2_000)
    called = calls(lambda: ruleset.run(now))
    assert not {"make_ready", "holds", "_test_of", "bounds_of"} & called.keys(), "rules are made ready once"
    assert called.total() < 4 * 2_000, called.most_common(5)
    few_rules, few_now = many_rules(200)
    assert steps(lambda: ruleset.run(now)) < 11 * steps(lambda: few_rules.run(few_now))
