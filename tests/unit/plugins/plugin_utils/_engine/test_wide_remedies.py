# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies that touch other flows, too: only if named, told with their reach, demanded of packets before and after."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change import wide_remedies as wide
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.change_plan import change_plan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import ForecastError, Step
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.remedies import Remedy, merge_steps
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.test_finding_remedies import (
    FLOW,
    TCP,
    UDP,
    narrow,
)
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.test_findings import SEED, hashing

BACK = "tcp 10.0.4.10 > 10.0.1.10:443"


def clamp(host, *edges):
    return Step("mss_clamp", host, {"mss_clamp_edges": [dict(edge) for edge in edges]})


def hashed(host, seed=7):
    return Step("ecmp_hash", host, {"ecmp_hash_fields": ["source", "destination"], "ecmp_hash_seed": seed})


@pytest.mark.parametrize(("given", "roles"), [
    ([], ()), ("", ()), ("mss_clamp", ("mss_clamp",)), ("ecmp_hash, mss_clamp", ("ecmp_hash", "mss_clamp")),
    (["mss_clamp", "mss_clamp"], ("mss_clamp",)),
])
def test_roles_are_named_as_a_list_or_with_commas(given, roles):
    assert wide.read_wide(given) == roles


@pytest.mark.parametrize(("given", "said"), [
    ("state_bypass", "'state_bypass' is not one of mss_clamp, ecmp_hash"), (["all"], "'all' is not one of"),
    (True, "expected names of roles, such as mss_clamp, not True"),
])
def test_what_names_no_such_role_is_refused(given, said):
    with pytest.raises(ForecastError, match="symmetry_wide: ") as error:
        wide.read_wide(given)
    assert said in str(error.value)


def test_only_what_is_named_is_carried_and_clamps_of_a_host_become_one():
    found = [Remedy(step.role, step.host, step.variables, "", "", (), "") for step in (
        clamp("gw", {"interface": "a"}), clamp("gw", {"interface": "b", "mtu": 1400}), hashed("left"))]
    given = [Step("rp_filter", "gw", {"rp_filter_interfaces": []})]
    assert wide.with_wide(given, found, ()) == given
    carried = wide.with_wide(given, found, ("mss_clamp",))
    assert carried == [*given, clamp("gw", {"interface": "a"}, {"interface": "b", "mtu": 1400})]
    with pytest.raises(ForecastError, match="contradicts itself or the other remedies"):
        wide.with_wide([clamp("gw", {"interface": "a", "mtu": 1200})], found, ("mss_clamp",))
    assert merge_steps([hashed("left"), hashed("left", 8)]) is None, "a router has one seed"


def test_routers_that_are_told_alike_go_together():
    steps = [hashed("left"), hashed("right"), hashed("other", 9), clamp("left", {"interface": "a"})]
    assert wide.groups(steps) == [("left", "right")]


def test_a_clamp_is_told_with_what_it_touches_and_proven_by_a_transfer():
    told = diagnose(narrow(), {}, [TCP, UDP, BACK], live=False)
    assert not told.proposal.change
    steps = wide.with_wide([], told.proposal.remedies, ("mss_clamp",))
    (step,) = steps
    assert step.host == "near"
    outlook, plan = told.forecast(steps), change_plan(told.network.facts, steps)
    (one,) = wide.reach(outlook, steps, plan)
    assert (one["role"], one["hosts"], one["flows"], one["live"]) == ("mss_clamp", ["near"], sorted([TCP, BACK]), 0)
    assert "every new TCP connection by right of near" in one["text"]
    large = wide.large_packets(told.network, outlook, steps)
    assert large[TCP]["before"] and not large[TCP]["after"] and not large[TCP]["back"]
    assert large[UDP]["before"] and large[UDP]["after"], "the clamp does not help UDP"
    assert large[BACK]["back"], "of this one only what comes back is lost"
    found = wide.with_large_packets(outlook.to_dict(), large)
    assert found["better"] == found["mended"] == [TCP, BACK] and not found["worse"]
    wanted = wide.demands(outlook, steps, large, ["near"])
    assert list(wanted) == [TCP] and wanted[TCP]["shows"] == "stall"
    assert not wide.demands(outlook, steps, large, ["fw"]), "not before its host is changed"
    plan = {"probes": {"client": [{"name": TCP, "flow": TCP}, {"name": UDP, "flow": UDP}]}, "captures": {},
            "unprovable": []}
    (item,) = wide.fault(plan, wanted)["probes"]["client"]
    assert (item["name"], item["expect"], item["size"]) == (TCP, "stall", 65536)
    proof = wide.with_demands(plan, wanted, large)
    assert proof["probes"]["client"][0] == {"name": TCP, "flow": TCP, **wide.TRANSFER}
    assert proof["probes"]["client"][1] == {"name": UDP, "flow": UDP}
    assert [one["name"] for one in proof["unprovable"]] == [BACK]


def test_a_clamp_that_stands_reaches_nothing_more():
    hosts = narrow()
    told = diagnose(hosts, {}, [TCP], live=False)
    steps = wide.with_wide([], told.proposal.remedies, ("mss_clamp",))
    nothing = {"near": {"changes_of": {"mss_clamp": 0}}}
    assert wide.reach(told.forecast(steps), steps, nothing) == []


def test_a_hash_is_told_once_for_all_routers_and_proven_by_many_connections():
    network = hashing({SEED: 7}, {SEED: 8})
    for name in ("left", "right"):
        for what in ("policy", "fields", "seed"):
            network[name]["sysctls"].setdefault(f"net/ipv4/fib_multipath_hash_{what}", 0)
    told = diagnose(network, {}, [FLOW], live=False)
    steps = wide.with_wide([], told.proposal.remedies, ("ecmp_hash",))
    assert [step.host for step in steps] == ["left", "right"]
    outlook = told.forecast(steps)
    (one,) = wide.reach(outlook, steps, change_plan(told.network.facts, steps))
    assert (one["hosts"], one["flows"]) == (["left", "right"], [FLOW])
    wanted = wide.demands(outlook, steps, {}, ["left", "right"])
    assert wanted == {FLOW: {**wide.SPREAD, "shows": "loss"}}
    assert not wide.demands(outlook, steps, {}, [])
