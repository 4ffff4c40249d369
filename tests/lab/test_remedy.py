# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remedy planned on facts is the one that the modules carry out: the facts as planned equal those afterwards."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import changes_to_dict
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import (
    pins_to_desired,
    source_rules_desired,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
    {"name": "a", "interface": "wan_a", "gateway": "2001:db8:a::1"},
]
PINS = [
    {
        "name": "partner",
        "prefixes": ["203.0.113.0/25", "203.0.113.128/26", "2001:db8:5::/48"],
        "uplink": "a",
        "source_nat": ["198.51.100.2", "2001:db8:a::2"],
        "on_uplink_loss": "block",
    },
    {"name": "other", "prefixes": ["10.0.0.0/8"], "uplink": "b"},
]


@pytest.fixture
def host() -> t.Iterator[Netns]:
    one, far = Netns("remedy").create(), Netns("remfar").create()
    try:
        for netns in (one, far):
            netns.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        veth(
            one, "wan_a", far, "pa", [("198.51.100.2/30", "198.51.100.1/30"), ("2001:db8:a::2/64", "2001:db8:a::1/64")]
        )
        veth(one, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        one.run("ip route add default via 198.51.100.5")
        yield one
    finally:
        one.delete()
        far.delete()


def facts_of(host: Netns) -> dict[str, t.Any]:
    answer = run_module(host, "host_facts", {})
    return t.cast("dict[str, t.Any]", answer["ansible_facts"]["symmetry"])


def module(host: Netns, name: str, **arguments: t.Any) -> dict[str, t.Any]:
    answer = run_module(host, name, arguments)
    assert not answer.get("failed"), answer
    return answer


def without_ids(changes: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Without the handles of live nft rules, which facts may leave out."""
    for change in changes:
        for side in ("before", "after"):
            change.get(side, {}).pop("handle", None)
    return changes


def rules_of(facts: t.Mapping[str, t.Any]) -> list[t.Any]:
    """Matches and verdicts of the chain of ours."""
    chains = [chain for chain in facts["netfilter"]["chains"] if chain["table"] == "netpath_symmetry"]
    return [(rule["comment"], rule["matches"], rule["verdict"]["do"]) for chain in chains for rule in chain["rules"]]


def test_policy_route(host: Netns) -> None:
    variables = {"policy_route_uplinks": UPLINKS, "policy_route_pins": PINS}
    before = facts_of(host)
    planned = plan_remedy(before, "policy_route", variables)
    wanted = pins_to_desired(UPLINKS, PINS)
    routing = module(host, "policy_routing", scope="policy_route", tables=wanted["tables"], rules=wanted["rules"])
    nat = module(host, "source_nat", entries=wanted["entries"])
    assert without_ids(changes_to_dict(planned)) == without_ids(routing["changes"] + nat["changes"])
    forecast, after = apply_to_facts(before, planned), facts_of(host)
    assert forecast["rules"] == after["rules"]
    assert sorted(map(str, forecast["routes"])) == sorted(map(str, after["routes"]))
    assert forecast["route_counts"] == after["route_counts"]
    assert rules_of(forecast) == rules_of(after) and len(rules_of(after)) == 2
    assert not plan_remedy(after, "policy_route", variables), "what stands is recognised in facts"
    absent = plan_remedy(after, "policy_route", {**variables, "policy_route_state": "absent"})
    back = module(host, "policy_routing", scope="policy_route", state="absent")["changes"]
    back += module(host, "source_nat", state="absent")["changes"]
    assert without_ids(changes_to_dict(absent)) == without_ids(back)
    assert apply_to_facts(after, absent)["rules"] == facts_of(host)["rules"] == before["rules"]


def test_source_routing(host: Netns) -> None:
    variables = {"source_routing_uplinks": UPLINKS}
    before = facts_of(host)
    planned = plan_remedy(before, "source_routing", variables)
    wanted = source_rules_desired(UPLINKS, before["interfaces"])
    run = module(host, "policy_routing", scope="source_routing", **wanted)
    assert changes_to_dict(planned) == run["changes"]
    forecast, after = apply_to_facts(before, planned), facts_of(host)
    assert forecast["rules"] == after["rules"]
    assert sorted(map(str, forecast["routes"])) == sorted(map(str, after["routes"]))
    assert not plan_remedy(after, "source_routing", variables)


def test_rp_filter(host: Netns) -> None:
    host.run("echo 1 > /proc/sys/net/ipv4/conf/wan_b/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter")
    wishes = [{"name": "wan_b", "mode": "loose", "reason": "x"}]
    before = facts_of(host)
    planned = plan_remedy(before, "rp_filter", {"rp_filter_interfaces": wishes})
    done = module(host, "rp_filter", interfaces=wishes)["changes"]
    assert [change["kind"] for change in done] == ["register", "sysctl"]
    assert changes_to_dict(planned) == done[1:], "the register of exceptions is not in the facts"
    forecast, after = apply_to_facts(before, planned), facts_of(host)
    assert forecast["rp_filter"] == after["rp_filter"]
    assert forecast["interface_sysctls"] == after["interface_sysctls"]
