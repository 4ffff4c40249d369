# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What remedies would change, computed on facts."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy

FACTS = {
    "interfaces": {
        "wan_a": {"up": True, "addresses": [{"family": 4, "address": "198.51.100.2", "prefixlen": 30}]},
        "wan_b": {"up": True, "addresses": [{"family": 4, "address": "198.51.100.6", "prefixlen": 30}]},
    },
    "rules": [
        {"family": 4, "priority": 0, "table": 255, "protocol": 2},
        {"family": 4, "priority": 32766, "table": 254, "protocol": 2},
    ],
    "routes": [
        {
            "family": 4,
            "table": 254,
            "dst": "0.0.0.0/0",
            "nexthops": [{"device": "wan_b", "gateway": "198.51.100.5"}],
        }
    ],
    "route_counts": {"4": {"254": 1}, "6": {}},
    "interface_sysctls": {"all": {"rp_filter": 0}, "default": {"rp_filter": 0}, "wan_a": {"rp_filter": 1}},
    "rp_filter": {"wan_a": {"mode": 1, "origin": "interface"}},
    "netfilter": {"backends": [], "chains": [], "sets": []},
    "conntrack": {
        "count": 2,
        "flows": [
            {
                "protocol": "udp",
                "original": {"source": "10.0.0.5", "destination": "203.0.113.10", "sport": 5, "dport": 6},
                "reply": {"source": "203.0.113.10", "destination": "198.51.100.6", "sport": 6, "dport": 5},
                "unreplied": True,
            },
            {
                "protocol": "udp",
                "original": {"source": "10.0.0.5", "destination": "192.0.2.1", "sport": 5, "dport": 6},
                "reply": {"source": "192.0.2.1", "destination": "198.51.100.6", "sport": 6, "dport": 5},
                "unreplied": True,
            },
        ],
    },
}
VARIABLES = {
    "policy_route_uplinks": [
        {"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"},
        {"name": "wan_b", "interface": "wan_b", "gateway": "198.51.100.5"},
    ],
    "policy_route_pins": [
        {"name": "partner", "prefixes": ["203.0.113.0/25"], "uplink": "wan_a", "source_nat": "198.51.100.2"}
    ],
}


def test_policy_route_on_facts() -> None:
    untouched = copy.deepcopy(FACTS)
    changes = plan_remedy(FACTS, "policy_route", VARIABLES)
    new = apply_to_facts(FACTS, changes)
    assert untouched == FACTS
    assert {"family": 4, "priority": 10100, "table": 10100, "protocol": 83} in new["rules"]
    assert [rule["priority"] for rule in new["rules"]] == [0, 10100, 32766]
    assert new["route_counts"]["4"] == {"254": 1, "10100": 1}
    (chain,) = new["netfilter"]["chains"]
    assert (chain["hook"], chain["type"], chain["priority"]) == ("postrouting", "nat", 95)
    assert chain["rules"][0]["matches"][1] == {"left": "ip daddr", "op": "==", "right": "@snat_partner"}
    assert chain["rules"][0]["verdict"] == {"do": "snat", "family": 4, "address": "198.51.100.2"}
    assert new["netfilter"]["sets"][0]["elements"] == ["203.0.113.0/25"]
    assert new["netfilter"]["backends"] == ["nft"]
    assert [flow["original"]["destination"] for flow in new["conntrack"]["flows"]] == ["192.0.2.1"]
    assert new["conntrack"]["count"] == 1
    assert not plan_remedy(new, "policy_route", VARIABLES)


def test_policy_route_there_and_back() -> None:
    there = apply_to_facts(FACTS, plan_remedy(FACTS, "policy_route", VARIABLES))
    changed = copy.deepcopy(VARIABLES)
    changed["policy_route_pins"][0]["source_nat"] = None
    changed["policy_route_pins"][0]["prefixes"] = ["203.0.113.0/24"]
    other = apply_to_facts(there, plan_remedy(there, "policy_route", changed))
    assert not other["netfilter"]["chains"] and not other["netfilter"]["sets"]
    back = apply_to_facts(other, plan_remedy(other, "policy_route", {**changed, "policy_route_state": "absent"}))
    assert back["rules"] == FACTS["rules"] and back["routes"] == FACTS["routes"]
    assert back["route_counts"] == FACTS["route_counts"]


def test_source_routing_on_facts() -> None:
    variables = {"source_routing_uplinks": VARIABLES["policy_route_uplinks"]}
    new = apply_to_facts(FACTS, plan_remedy(FACTS, "source_routing", variables))
    own = [rule for rule in new["rules"] if rule.get("protocol") == 83]
    assert [(rule.get("src"), rule["table"]) for rule in own] == [
        (None, 254),
        ("198.51.100.2/32", 10300),
        ("198.51.100.6/32", 10301),
    ]
    assert not plan_remedy(new, "source_routing", variables)


def test_rp_filter_on_facts() -> None:
    variables = {"rp_filter_interfaces": [{"name": "wan_a", "mode": "loose", "reason": "x"}]}
    new = apply_to_facts(FACTS, plan_remedy(FACTS, "rp_filter", variables))
    assert new["rp_filter"]["wan_a"] == {"mode": 2, "origin": "interface"}
    assert new["interface_sysctls"]["wan_a"]["rp_filter"] == 2


def test_unknown_roles_and_missing_facts() -> None:
    with pytest.raises(PlanError, match="role 'other' has no planner"):
        plan_remedy(FACTS, "other", {})
    with pytest.raises(PlanError, match="do not hold rp_filter"):
        plan_remedy({}, "rp_filter", {"rp_filter_interfaces": [{"name": "x", "mode": "off"}]})
    with pytest.raises(PlanError, match="not on link"):
        wrong = [{"name": "wan_a", "interface": "wan_a", "gateway": "192.0.2.1"}]
        plan_remedy(FACTS, "policy_route", {**VARIABLES, "policy_route_uplinks": wrong})


@pytest.mark.parametrize("carrier", [False, True])
def test_a_planned_route_by_an_interface_without_carrier_is_linkdown_at_once(carrier: bool) -> None:
    """As fib_create_info marks it: with ignore_routes_with_linkdown it is passed over."""
    facts = copy.deepcopy(FACTS)
    facts["interfaces"]["wan_a"]["carrier"] = carrier
    after = apply_to_facts(facts, plan_remedy(facts, "policy_route", VARIABLES))
    legs = [leg for route in after["routes"] for leg in route.get("nexthops", ()) if leg["device"] == "wan_a"]
    assert legs and all((leg.get("flags") == ["linkdown"]) is not carrier for leg in legs), legs
