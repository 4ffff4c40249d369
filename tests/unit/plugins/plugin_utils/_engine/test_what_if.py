# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one failure does to facts and to flows. That kernels do the same is shown by tests/lab/test_failures.py."""

from __future__ import annotations

import os
import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failures, link_loss
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import Cables, FailureError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.what_if import what_if
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.prefix_flow import assess
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.outcome import outcome
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


def told(base: t.Callable[[], t.Any], *asked: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Verdict after and its reason, by failure and flow."""
    found = diagnose(*base())
    rows = found.what_if(asked).rows
    return {(str(row.failure), row.before.name): (row.after.verdict, row.after.summary()) for row in rows}


def test_the_incident_after_each_kind_of_failure() -> None:
    found = told(
        networks.dual_wan_partner, "node fwa", "node fwb", "uplink A", "uplink B", "link gw:wan_a", "carrier A")
    assert found["node fwb", "partner-api"][0] == "symmetric", "replies come by A once B is gone"
    assert found["uplink B", "partner-api"][0] == "symmetric"
    assert found["node fwa", "other-partner"] == (
        "broken", "the forward path dies at gw:wan_a: interface wan_a is down or has no carrier")
    assert found["uplink A", "other-partner"] == (
        "broken", "the forward path dies at fwa:out: what is beyond uplink A is lost")
    assert found["link gw:wan_a", "partner-api"][0] == "symmetric", "the route by wan_b takes over"
    assert found["link gw:wan_a", "other-partner"][0] == "broken", "but this one's replies come by A"
    assert found["carrier fwa:out", "other-partner"][0] == "broken"


def test_with_its_carrier_lost_a_route_stays_unless_the_kernel_may_ignore_it() -> None:
    hosts, variables = networks.dual_wan_partner()
    lost = diagnose(hosts, variables).what_if(["carrier gw:wan_a"]).rows
    assert {row.before.name: row.after.verdict for row in lost} == {"other-partner": "broken"}, "gw sends into the void"
    assert "wan_a is down or has no carrier" in lost[0].after.summary()
    hosts["gw"]["interface_sysctls"]["wan_a"]["ignore_routes_with_linkdown"] = 1
    lost = diagnose(hosts, variables).what_if(["carrier gw:wan_a"]).rows
    assert {row.before.name: row.after.verdict for row in lost if row.before.name == "partner-api"} == {
        "partner-api": "symmetric"}


def test_flows_under_way_are_told_apart_from_new_ones() -> None:
    found = diagnose(*networks.healthy()).what_if(["link gw:wan_a", "sessions gw", "link gw:wan_b"])
    told = {(str(row.failure), row.before.name): (row.after.verdict, row.under_way) for row in found.rows}
    assert told["link gw:wan_a", "web"] == ("symmetric", "stranded"), "its address is of A, new ones get one of B"
    assert told["link gw:wan_a", "web6"] == ("broken", "stranded at gw")
    assert told["sessions gw", "web"] == ("symmetric", "recovers"), "picked up in the middle"
    assert not any(failure == "link gw:wan_b" for failure, _flow in told), "nothing is on it"
    hosts, variables = networks.healthy()
    hosts["gw"]["conntrack"]["sysctls"]["tcp_loose"] = 0
    rows = diagnose(hosts, variables).what_if(["sessions gw"]).rows
    assert {row.before.name: row.under_way for row in rows}["inside"].startswith("stranded")


def test_many_pairs_leave_out_flows_under_way_and_say_so() -> None:
    found = diagnose(*networks.healthy()).what_if(["single"], limit=100)
    assert {row.under_way for row in found.rows} == {"not judged"}
    assert any("name some failures" in text for text in found.assumptions)


def test_too_many_judgements_are_refused_with_what_to_narrow() -> None:
    told = r"^what_if: 18 failures and 6 flows come to \d+ judgements, .* name some failures .* raise what_if_limit"
    with pytest.raises(FailureError, match=told):
        diagnose(*networks.healthy()).what_if(["single"], limit=10)
    assert diagnose(*networks.healthy()).what_if(["single"], limit=1000).judged > 10


def test_single_points_of_failure_leave_out_the_ends_themselves() -> None:
    found = diagnose(*networks.healthy()).what_if(["single"])
    points = {point["failure"]: set(point["flows"]) for point in found.single_points()}
    everything = {"web", "dns", "ping", "inside", "inside6", "web6"}
    assert points["node gw"] == points["link gw:lan"] == everything
    assert points["uplink A"] == {"web", "dns", "ping", "web6"}
    assert points["link gw:wan_a"] == {"web6"}, "IPv4 has a second uplink"
    assert not any(name.startswith(("node client", "link client", "node server", "uplink B")) for name in points)
    assert {str(row.failure) for row in found.rows if row.own} >= {"node client", "link client:eth0", "node server"}


def test_a_cable_is_cut_once_and_a_switch_keeps_the_others_up() -> None:
    hosts, variables = networks.dual_wan_partner()
    network = Network.build(hosts, variables)
    cables = Cables(network)
    listed = [str(one) for one in failures.every_failure(network, cables)]
    assert "carrier fwa:in" in listed and "carrier gw:wan_a" not in listed
    assert len(set(listed)) == len(listed)
    cut = failures.changes(network, failures.read_failure(network, "carrier fwa:in"), cables)
    assert cut["gw"]["interfaces"]["wan_a"]["carrier"] is False and cut["gw"]["interfaces"]["wan_a"]["up"] is True
    off = failures.changes(network, failures.read_failure(network, "node client"), cables)
    assert off["gw"]["interfaces"]["lan"]["carrier"] is True


@pytest.mark.parametrize("text", ["nod fwa", "node", "node fwx", "link gw", "link gw:eth9", "uplink Z", "uplink wan_a",
                                  "sessions gw:lan", ""])
def test_what_cannot_fail_is_said_in_one_line(text: str) -> None:
    network = Network.build(*networks.dual_wan_partner())
    with pytest.raises(FailureError, match=r"^what_if: .+(expected|there (is|are)|for example|name that)") as caught:
        failures.read_failure(network, text)
    assert "\n" not in str(caught.value)


def test_names_may_be_written_with_colons() -> None:
    network = Network.build(*networks.dual_wan_partner())
    for text in ("node fwa", "link gw:wan_a", "uplink A", "sessions fwb"):
        assert failures.read_failure(network, text.replace(" ", ":")) == failures.read_failure(network, text)
    assert str(failures.read_failure(network, "link A")) == "link fwa:out"


def test_an_interface_that_goes_down_takes_its_routes_but_no_ipv4_address() -> None:
    host = networks.host(
        {"a": ["10.0.0.1/24", "2001:db8::1/64"], "b": ["10.0.1.1/24"]},
        ["default via 10.0.0.2 dev a", "10.9.0.0/16 nexthop 10.0.0.2%a nexthop 10.0.1.2%b",
         "2001:db8:9::/48 via 2001:db8::2 dev a"],
        neighbours=[{"family": 4, "address": "10.0.0.2", "device": "a", "state": "reachable"}])
    after = link_loss.after_down(host, "a")
    left = {(one["dst"], tuple(tuple(leg.get("flags", ())) for leg in one["nexthops"])) for one in after["routes"]}
    assert left == {("10.0.0.1/32", ((),)), ("10.0.1.1/32", ((),)), ("10.0.1.0/24", ((),)),
                    ("10.9.0.0/16", (("dead", "linkdown"), ()))}
    assert [one["address"] for one in after["interfaces"]["a"]["addresses"]] == ["10.0.0.1"]
    assert not after["neighbours"]
    lost = link_loss.after_carrier_loss(host, "a")
    assert len(lost["routes"]) == len(host["routes"]) and not lost["neighbours"]
    flagged = {one["dst"] for one in lost["routes"] for leg in one["nexthops"] if "linkdown" in leg.get("flags", ())}
    assert flagged == {"0.0.0.0/0", "10.9.0.0/16", "2001:db8:9::/48", "10.0.0.0/24", "2001:db8::/64"}


def test_a_bridge_loses_its_carrier_with_its_last_port() -> None:
    host = networks.host({"br0": ["10.0.0.1/24"], "p1": [], "p2": [], "p1.7": ["10.7.0.1/24"]})
    host["interfaces"]["br0"]["kind"] = "bridge"
    host["interfaces"]["p1.7"]["kind"] = "vlan"
    for port in ("p1", "p2"):
        host["interfaces"][port]["master"] = "br0"
    one = link_loss.after_down(host, "p1")
    assert one["interfaces"]["br0"]["carrier"] is True and one["interfaces"]["p1.7"]["up"] is False
    both = link_loss.after_down(one, "p2")
    assert both["interfaces"]["br0"]["carrier"] is False and both["interfaces"]["br0"]["up"] is True


@pytest.mark.parametrize("base", [networks.dual_wan_partner, networks.multihomed_server, networks.healthy])
@pytest.mark.parametrize("bare", [False, True])
def test_no_flow_that_was_left_out_would_have_changed(base: t.Callable[[], t.Any], bare: bool) -> None:
    """Judging every flow after every failure gives the same rows as judging those that it concerns."""
    rng = random.Random(SEED)
    hosts, variables = base()
    flows = next(iter(variables.values()))["symmetry_flows"]
    if bare:
        variables = {}
    for facts in hosts.values():  # some more ways to go
        routes = [route for route in facts["routes"] if route["nexthops"] and route["nexthops"][0].get("gateway")]
        for route in rng.sample(routes, min(len(routes), rng.randrange(2))):
            facts["routes"].append({**route, "dst": "203.0.113.0/24" if route["family"] == 4 else "2001:db8:ffff::/48"})
    found = diagnose(hosts, variables, flows)
    network, cables = found.network, Cables(found.network)
    result = what_if(network, found.verdicts, found.observed, ["single"])
    rows = {(str(row.failure), row.before.name): outcome(row.after) for row in result.rows}
    pairs = 0
    for failure in result.failures:
        if failure.kind == "sessions":
            pairs += len(found.verdicts)  # new flows do without the tables
            continue
        broken = failures.after(network, failure, cables)
        for verdict in found.verdicts:
            pairs += 1
            alone = assess(broken, verdict.named, found.observed)
            where = f"SEED={SEED} {failure} {verdict.name}"
            if (str(failure), verdict.name) in rows:
                assert outcome(alone) == rows[str(failure), verdict.name], where
            else:
                assert alone.verdict == verdict.verdict, f"{where}: {alone.summary()}"
    assert result.judged <= pairs
