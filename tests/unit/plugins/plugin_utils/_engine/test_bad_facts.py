# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that are damaged, old, missing or contradictory: a clear answer, no traceback, never clean by omission."""

from __future__ import annotations

import json
import os
import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import SiteError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.markdown import diagnosis_markdown
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import diagnosis_text
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks

CLEAN = ("symmetric", "asymmetric_harmless")
TOPOLOGIES: dict[str, t.Callable[[], tuple[dict[str, t.Any], dict[str, t.Any]]]] = {
    "dual_wan_partner": networks.dual_wan_partner,
    "multihomed_server": networks.multihomed_server,
    "healthy": networks.healthy,
}
SEED = int(os.environ.get("BAD_FACTS_SEED", "1"))
ROUNDS = 25
NEEDED = ("interfaces", "rules", "routes", "interface_sysctls", "netfilter")
JUNK: tuple[t.Any, ...] = (
    *(None, "", "junk", "10.0.0.1", "0.0.0.0/0", -1, 0, 7, 2**40, 1.5, True), *([], [None], {}, {"a": 1}),
)


def damage(value: t.Any, dice: random.Random) -> t.Any:
    """The value with one thing in it lost, doubled or replaced."""
    if isinstance(value, (dict, list)) and value and dice.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = dice.choice(keys)
        fate = dice.random()
        if fate < 0.12:
            del value[key]
        elif fate < 0.18 and isinstance(value, list):
            value.append(value[key])
        elif fate < 0.24 and isinstance(value, list):
            del value[key:]
        else:
            value[key] = damage(value[key], dice)
        return value
    return dice.choice(JUNK)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_damaged_facts_give_a_diagnosis_and_no_traceback(name: str) -> None:
    for seed in range(SEED, SEED + ROUNDS):
        dice = random.Random(f"{name} {seed}")
        facts, variables = TOPOLOGIES[name]()
        facts = {host: damage(values, dice) if dice.random() < 0.7 else values for host, values in facts.items()}
        print("seed", seed)
        found = json.loads(json.dumps(diagnose(facts, variables).to_dict()))
        assert found["verdicts"], f"seed {seed}"
        assert diagnosis_text(found) and diagnosis_markdown(found), f"seed {seed}"


def crossed(verdict: t.Mapping[str, t.Any]) -> set[str]:
    return {hop["host"] for path in (*verdict["forward"], *verdict["return"]) for hop in path["hops"]}


@pytest.mark.parametrize("broken", ["missing", "cut off", "empty"])
@pytest.mark.parametrize("part", NEEDED)
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_verdict_is_never_clean_where_a_part_is_missing(name: str, part: str, broken: str) -> None:
    before = {told["name"]: told for told in diagnose(*TOPOLOGIES[name]()).to_dict()["verdicts"]}
    seen = 0
    for host in TOPOLOGIES[name]()[0]:
        facts, variables = TOPOLOGIES[name]()
        facts[host].pop("rp_filter")  # it says the same as interface_sysctls
        facts[host].pop(part)
        if broken != "missing":
            facts[host][part] = "junk" if broken == "cut off" else {}
        for told in diagnose(facts, variables).to_dict()["verdicts"]:
            was = before[told["name"]]
            if was["verdict"] not in CLEAN or host not in crossed(was):
                continue
            if part == "interface_sysctls" and ("::" in told["flow"] or _sends_first(was, host)):
                continue  # IPv6 has no rp_filter, and what a host sends is not checked there
            seen += 1
            assert told["verdict"] not in CLEAN, (host, told["name"])
            assert host in told["read_next"], told
    assert seen


def _sends_first(verdict: t.Mapping[str, t.Any], host: str) -> bool:
    return all(not hop.get("iif") for path in (*verdict["forward"], *verdict["return"]) for hop in path["hops"]
               if hop["host"] == host)


def test_an_older_schema_is_named_with_what_to_do() -> None:
    facts, variables = networks.dual_wan_partner()
    facts["fwb"]["schema"] = "netpath.symmetry/0"
    found = diagnose(facts, variables).to_dict()
    assert "netpath.symmetry/0" in found["unread"]["fwb"] and "gather them again" in found["unread"]["fwb"]
    assert [told["verdict"] for told in found["verdicts"] if told["name"] == "partner-api"] == ["unknown"]


def test_a_truncated_routing_table_names_the_entry() -> None:
    facts, variables = networks.dual_wan_partner()
    facts["gw"]["routes"][3] = {"family": 4, "table": 254}
    found = diagnose(facts, variables).to_dict()
    told = next(told for told in found["verdicts"] if told["name"] == "partner-api")
    assert told["verdict"] == "unknown"
    assert any("routes[3] is malformed" in finding["text"] for finding in found["findings"]), found["findings"]


def test_a_selector_of_a_later_version_makes_the_rules_unknown() -> None:
    facts, variables = networks.dual_wan_partner()
    facts["gw"]["rules"].append({"family": 4, "priority": 100, "table": 100, "flowlabel": 7})
    told = next(t for t in diagnose(facts, variables).to_dict()["verdicts"] if t["name"] == "partner-api")
    assert told["verdict"] == "unknown" and "rules[5] is malformed" in told["read_next"]


# contradictions
def judged(facts: dict[str, t.Any], variables: dict[str, t.Any], name: str = "partner-api") -> t.Mapping[str, t.Any]:
    return next(told for told in diagnose(facts, variables).to_dict()["verdicts"] if told["name"] == name)


def test_a_next_hop_that_two_hosts_have_names_both() -> None:
    facts, variables = networks.dual_wan_partner()
    facts["fwb"]["interfaces"]["in"]["addresses"].append({"family": 4, "address": "198.51.100.1", "prefixlen": 30})
    told = judged(facts, variables)
    assert told["verdict"] == "unknown" and "fwa:in or fwb:in" in told["read_next"]


def test_a_source_that_two_hosts_have_names_both() -> None:
    facts, variables = networks.dual_wan_partner()
    facts["fwb"]["interfaces"]["in"]["addresses"].append({"family": 4, "address": "192.0.2.20", "prefixlen": 32})
    told = judged(facts, variables)
    assert told["verdict"] == "unknown" and "client and fwb" in told["read_next"]


def test_a_neighbour_against_the_declared_segments_is_not_decided() -> None:
    facts, variables = networks.dual_wan_partner()
    mac = facts["fwa"]["interfaces"]["in"]["mac"]
    facts["gw"]["neighbours"] = [
        {"family": 4, "address": "198.51.100.1", "device": "wan_a", "mac": mac, "state": "reachable"}]
    variables["gw"]["symmetry_segments"] = {"wan_a": "left"}
    variables["fwa"]["symmetry_segments"] = {"in": "right"}
    told = judged(facts, variables)
    assert told["verdict"] == "unknown" and "fwa:in" in told["read_next"] and "symmetry_segments" in told["read_next"]


def test_a_host_that_is_lost_in_the_middle_is_named() -> None:
    facts, variables = networks.dual_wan_partner()
    for name in ("partner-api", "partner-lookup", "other-partner"):
        told = judged({**facts, "gw": None}, variables, name)
        assert told["verdict"] == "unknown" and "gw, which could not be read" in told["read_next"]


def test_one_prefix_is_not_of_two_externals() -> None:
    facts, variables = networks.dual_wan_partner()
    again = {"name": "again", "prefixes": ["203.0.113.0/25"], "prefers": {"192.0.2.0/24": ["A", "B"]}}
    for values in variables.values():
        values["symmetry_externals"] = [*values["symmetry_externals"], again]
    with pytest.raises(SiteError, match="203.0.113.0/25 is of 'partner' and of 'again'"):
        diagnose(facts, variables)


def test_of_overlapping_externals_the_longest_prefix_counts() -> None:
    facts, variables = networks.dual_wan_partner()
    before = judged(facts, variables)["verdict"]
    wide = {"name": "wide", "prefixes": ["203.0.0.0/16"], "prefers": {"192.0.2.0/24": ["A", "B"]}}
    for values in variables.values():
        values["symmetry_externals"] = [wide, *values["symmetry_externals"]]
    assert judged(facts, variables)["verdict"] == before == "broken"


@pytest.mark.parametrize("targets", [(200, 100), (100, 100), (100, 200)])
def test_rules_that_jump_in_a_circle_end(targets: tuple[int, int]) -> None:
    facts, variables = networks.dual_wan_partner()
    before = judged(facts, variables)
    facts["gw"]["rules"] += [
        {"family": 4, "priority": priority, "action": "goto", "goto": target}
        for priority, target in zip((100, 200), targets, strict=True)]
    assert judged(facts, variables)["verdict"] == before["verdict"]  # the kernel takes no jump back
