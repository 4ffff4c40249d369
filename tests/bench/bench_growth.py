# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How parts of the engine grow: ten times as much of something should take about ten times as long, not a hundred.

Twice that is what leaving the caches of a processor costs.
"""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.find import merge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.match import holds
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Ruleset
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.bench import harness
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result

FEW, MANY = 10_000, 100_000
BASE = {"family": "ip", "table": "filter", "name": "FORWARD", "type": "filter", "hook": "forward", "priority": 0}


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    few, many = findings(FEW), findings(MANY)
    rules = make_rules(MANY)
    some, all_rules, now = passing(rules[:FEW]), passing(rules), situation()
    return [
        harness.measure("100,000 findings, against 10,000", lambda: merge(many), lambda: merge(few),
                        harness.at_most_times(30)),
        harness.measure("100,000 rules, against 10,000", all_rules, some, harness.at_most_times(30)),
        harness.measure("10,000 rules, against full tests", some, lambda: ask_all(rules[:FEW], now),
                        harness.times_faster(3)),
    ]


def findings(count: int) -> list[Finding]:
    """What so many flows raise at two firewalls, each with a text of its own."""
    return [finding("SYM301", f"fw{number % 2}", f"rule {number}", flows=(f"flow {number}",))
            for number in range(count)]


def make_rules(count: int) -> list[dict[str, t.Any]]:
    """Rules of which none matches the packet, as large rule sets mostly are: they differ in addresses."""
    return [
        {"text": str(number), "verdict": {"do": "accept"}, "matches": [
            {"left": "ip saddr", "op": "==", "right": f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}"},
            {"left": "meta l4proto", "op": "==", "right": "tcp"}, {"left": "ct state", "op": "in", "right": ["new"]},
        ]}
        for number in range(1, count + 1)
    ]


def situation() -> Situation:
    host = Host.from_facts("r", {"interfaces": {"lo": {}, "eth0": {}, "eth1": {}}})
    packet = Packet(Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80"))
    return Situation(host, "forward", packet, "eth0", "eth1", Connection())


def passing(rules: list[dict[str, t.Any]]) -> t.Callable[[], object]:
    """A packet that goes past all rules, which the first one has made ready."""
    ruleset = Ruleset.from_facts({"chains": [{**BASE, "policy": "drop", "rules": rules}]})
    now = situation()
    verdict = ruleset.run(now).result.verdict
    if verdict != "drop":
        raise BenchError(f"a packet that no rule matches came to {verdict}")
    return lambda: ruleset.run(now)


def ask_all(rules: list[dict[str, t.Any]], now: Situation) -> None:
    """The first match of every rule by the test that understands every match."""
    for rule in rules:
        holds(rule["matches"][0], now, {})
