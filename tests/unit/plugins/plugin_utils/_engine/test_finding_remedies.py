# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mss_clamp for large packets that stall, ecmp_hash for hashes that differ; the better ones first, or why not."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import (
    apply_to_facts,
    plan_remedy,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.networks import (
    chain,
    host,
    match,
    route,
)
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.test_findings import (
    ALIKE,
    SEED,
    hashing,
)

NO_ERRORS = chain("forward", [
    {"handle": 4, "text": "icmp type destination-unreachable drop", "statements": [], "verdict": {"do": "drop"},
     "matches": [match("icmp type", "destination-unreachable")]}])
TCP, UDP = "tcp 10.0.1.10 > 10.0.4.10:443", "udp 10.0.1.10 > 10.0.4.10:5000"


def narrow(mtu: int = 1300, of_route: int = 0, second: bool = False):
    """client - fw - near =narrow= far - server, of which fw drops the errors; near may have a second, wide way."""
    near = {"left": ["10.0.2.2/24"], "right": ["10.0.3.1/24"]}
    routes = ["10.0.4.0/24 via 10.0.3.2 dev right", "10.0.1.0/24 via 10.0.2.1 dev left"]
    far = {"left": ["10.0.3.2/24"], "right": ["10.0.4.1/24"]}
    if second:
        near["wide"], far["wide"] = ["10.0.5.1/24"], ["10.0.5.2/24"]
    hosts = {
        "client": host({"right": ["10.0.1.10/24"]}, ["default via 10.0.1.1 dev right"], forwarding=False),
        "fw": host({"left": ["10.0.1.1/24"], "right": ["10.0.2.1/24"]}, ["default via 10.0.2.2 dev right"],
                   chains=[NO_ERRORS]),
        "near": host(near, routes),
        "far": host(far, ["10.0.1.0/24 via 10.0.3.1 dev left"]),
        "server": host({"left": ["10.0.4.10/24"]}, ["default via 10.0.4.1 dev left"], forwarding=False),
    }
    hosts["near"]["interfaces"]["right"]["mtu"] = hosts["far"]["interfaces"]["left"]["mtu"] = mtu
    if of_route:
        next(one for one in hosts["near"]["routes"] if one["dst"] == "10.0.4.0/24")["mtu"] = of_route
    return hosts


def remedies(hosts, flows, variables=None):
    told = diagnose(hosts, variables or {}, flows, live=False)
    return told, [(one.role, one.host, dict(one.variables), one.fixes) for one in told.proposal.remedies]


@pytest.mark.parametrize(("mtu", "of_route", "edge"), [
    (1300, 0, {"interface": "right"}), (1500, 1280, {"interface": "right", "mtu": 1280}),
], ids=["interface", "route"])
def test_tcp_that_stalls_is_clamped_where_it_does(mtu, of_route, edge):
    hosts = narrow(mtu, of_route)
    told, found = remedies(hosts, [TCP])
    assert found == [("mss_clamp", "near", {"mss_clamp_edges": [edge]}, (TCP,))]
    (remedy,) = told.proposal.remedies
    assert "let the ICMP errors arrive" in remedy.why and "their sender is not told" in remedy.why
    assert not remedy.recommended and not told.proposal.change, "it touches more than these flows"
    assert next(one for one in told.findings if one.id == "SYM601").remedy.startswith("mss_clamp on near: clamp TCP")
    assert plan_remedy(hosts["near"], "mss_clamp", remedy.variables), "the role takes them as they are"


def test_a_clamp_of_before_at_another_interface_stays():
    hosts = narrow(second=True)
    before = [{"interface": "wide", "mtu": 1400}]
    hosts["near"] = apply_to_facts(hosts["near"], plan_remedy(hosts["near"], "mss_clamp", {"mss_clamp_edges": before}))
    _told, found = remedies(hosts, [TCP])
    assert [one[2] for one in found] == [{"mss_clamp_edges": [*before, {"interface": "right"}]}]
    hosts["near"] = apply_to_facts(hosts["near"], plan_remedy(hosts["near"], "mss_clamp", found[0][2]))
    assert not remedies(hosts, [TCP])[1]


def test_udp_is_not_helped_by_it_and_that_is_said():
    told, found = remedies(narrow(), [UDP])
    assert not found
    (rejected,) = told.proposal.rejected
    assert rejected.role == "mss_clamp" and "helps TCP only" in rejected.why_not


def test_what_is_no_stall_needs_no_clamp():
    hosts = narrow()
    hosts["fw"]["netfilter"]["chains"] = []  # the errors arrive
    told, found = remedies(hosts, [TCP, UDP])
    assert not found and not told.proposal.rejected


def outside(*prefers: str):
    """client - fw - near with two uplinks; the path by the one that is taken is narrow. Replies come as preferred."""
    hosts = {name: facts for name, facts in narrow(1500, second=True).items() if name in ("client", "fw", "near")}
    hosts["near"]["routes"] = [one for one in hosts["near"]["routes"] if one["dst"] != "10.0.4.0/24"]
    hosts["near"]["routes"].append({**route("default via 10.0.3.2 dev right"), "mtu": 1280})
    uplinks = [{"name": "narrow", "interface": "right", "gateway": "10.0.3.2"},
               {"name": "wide", "interface": "wide", "gateway": "10.0.5.2"}]
    externals = [{"name": "there", "prefixes": ["10.0.4.0/24"], "prefers": {"10.0.1.0/24": list(prefers)}}]
    return hosts, {"near": {"symmetry_uplinks": uplinks, "symmetry_externals": externals}}


def test_a_way_that_takes_large_packets_comes_first():
    hosts, variables = outside("wide", "narrow")
    told, found = remedies(hosts, [TCP], variables)
    assert [one[0] for one in found] == ["policy_route", "mss_clamp"], (found, told.proposal.rejected)
    assert found[0][2]["policy_route_pins"][0]["uplink"] == "wide"
    assert found[1][2] == {"mss_clamp_edges": [{"interface": "right", "mtu": 1280}]}


def test_why_another_way_is_no_better_is_told():
    hosts, variables = outside("narrow", "wide")
    hosts["near"]["interfaces"]["wide"]["mtu"] = 1400
    told, found = remedies(hosts, [TCP], variables)
    assert [one[0] for one in found] == ["mss_clamp"]
    assert any(one.role == "policy_route" and "more than 1400 bytes do not fit" in one.why_not
               for one in told.proposal.rejected), told.proposal.rejected


FLOW = "tcp 10.0.0.20 > 10.9.0.20:443"


@pytest.mark.parametrize(("left", "right", "hosts", "seed"), [
    ({}, {}, ["left", "right"], None),
    ({SEED: 7}, {SEED: 8}, ["left", "right"], None),
    (ALIKE, {SEED: 0}, ["right"], 7),
], ids=["no seeds", "seeds of their own", "one is as it shall be"])
def test_routers_that_spread_both_directions_are_told_alike(left, right, hosts, seed):
    network = hashing(left, right)
    for name in ("left", "right"):  # a kernel that has all of it
        for what in ("policy", "fields", "seed"):
            network[name]["sysctls"].setdefault(f"net/ipv4/fib_multipath_hash_{what}", 0)
    told, found = remedies(network, [FLOW])
    found = [one for one in found if one[0] == "ecmp_hash"]
    assert [one[1] for one in found] == hosts and all(one[3] == (FLOW,) for one in found), told.proposal
    (variables,) = {str(one[2]) for one in found}
    again = remedies(network, [FLOW])[1]
    assert {str(one[2]) for one in again if one[0] == "ecmp_hash"} == {variables}, "the same seed every time"
    assert seed is None or found[0][2]["ecmp_hash_seed"] == seed
    for name in hosts:
        assert plan_remedy(network[name], "ecmp_hash", found[0][2])


def test_a_kernel_that_cannot_is_named():
    told, found = remedies(hashing({SEED: 7}, {SEED: 8}), [FLOW])
    assert not [one for one in found if one[0] == "ecmp_hash"]
    assert any(one.role == "ecmp_hash" for one in told.proposal.rejected)
