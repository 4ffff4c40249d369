# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import Step
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.remedies import merge_steps
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def proposal(hosts, variables=None, *flows):
    return diagnose(hosts, variables or {}, list(flows) or None).proposal


def test_the_dual_wan_incident():
    told = proposal(*networks.dual_wan_partner())
    first, other, loose, _lasting = told.remedies
    assert (first.role, first.host, first.recommended) == ("policy_route", "gw", True)
    assert first.variables["policy_route_uplinks"] == [
        {"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"},
        {"name": "wan_b", "interface": "wan_b", "gateway": "198.51.100.129"}]
    assert first.variables["policy_route_pins"] == [
        {"name": "partner", "prefixes": ["203.0.113.0/25"], "uplink": "wan_a", "on_uplink_loss": "failover",
         "source_nat": "198.51.100.2", "acknowledge_source": False}]
    assert (first.source_before, first.source_after) == ("192.0.2.20", "198.51.100.2")
    assert first.fixes == ("partner-api", "partner-lookup")
    assert other.variables["policy_route_pins"][0]["uplink"] == "wan_b" and not other.recommended
    assert not other.source_after and "rests on the external's preference" in other.why
    assert (loose.role, loose.fixes, loose.recommended) == ("rp_filter", ("partner-feed",), True)
    assert loose.variables["rp_filter_interfaces"][0]["name"] == "wan_b"


def test_the_recommended_change_mends_everything_and_worsens_nothing():
    told = proposal(*networks.dual_wan_partner())
    assert [(step.role, step.host) for step in told.change] == [
        ("policy_route", "gw"), ("rp_filter", "gw"), ("source_routing", "gw")]
    assert told.forecast.mended == ["partner-api", "partner-lookup", "partner-feed"] and not told.forecast.worse


def test_source_rules_for_all_uplinks_of_the_host_go_with_a_pin():
    """They mend no named flow, and are said to mend none; every address of gw then keeps to its own uplink."""
    lasting = proposal(*networks.dual_wan_partner()).remedies[-1]
    assert (lasting.role, lasting.host, lasting.fixes, lasting.recommended) == ("source_routing", "gw", (), True)
    assert [uplink["addresses"] for uplink in lasting.variables["source_routing_uplinks"]] == [
        ["198.51.100.2"], ["198.51.100.130"]]


def test_what_was_tried_in_vain_is_listed_with_the_reason():
    hosts, variables = networks.multihomed_server(strict=True)
    rejected, = proposal(hosts, variables).rejected
    assert (rejected.role, rejected.host) == ("rp_filter", "server")
    assert "second would be broken" in rejected.why_not and "fw_one" in rejected.why_not


def test_without_a_preference_only_the_uplinks_own_address_helps():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        del values["symmetry_externals"]
    told = proposal(hosts, variables, "tcp 192.0.2.20 > 203.0.113.10:80")
    assert [one.source_after for one in told.remedies if one.fixes] == ["198.51.100.2"]
    assert told.remedies[0].variables["policy_route_pins"][0]["prefixes"] == ["203.0.113.10/32"]
    assert any("to wan_b" in one.text for one in told.rejected)


def test_destinations_that_nobody_declared_share_one_pin():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        del values["symmetry_externals"]
    told = proposal(hosts, variables, "tcp 192.0.2.20 > 203.0.113.10:80", "tcp 192.0.2.20 > 203.0.113.99:80")
    assert told.remedies[0].variables["policy_route_pins"][0]["prefixes"] == ["203.0.113.10/32", "203.0.113.99/32"]
    assert len(told.forecast.mended) == 2


@pytest.mark.parametrize("strict", [False, True])
def test_a_multihomed_server_gets_source_rules(strict):
    told = proposal(*networks.multihomed_server(strict))
    remedy, = told.remedies
    assert (remedy.role, remedy.host, remedy.fixes) == ("source_routing", "server", ("second",))
    assert remedy.variables["source_routing_uplinks"] == [
        {"name": "eth0", "interface": "eth0", "gateway": "10.1.1.1", "addresses": ["10.1.1.10"]},
        {"name": "eth1", "interface": "eth1", "gateway": "10.1.2.1", "addresses": ["10.1.2.10"]}]


def test_a_strict_check_that_is_the_only_fault_has_both_remedies_source_rules_first():
    hosts, variables = networks.multihomed_server(strict=True)
    for name in ("fw_one", "fw_two"):
        hosts[name]["netfilter"]["chains"] = []
    told = proposal(hosts, variables)
    assert [(one.role, one.recommended) for one in told.remedies] == [("source_routing", True), ("rp_filter", False)]
    assert told.remedies[1].security_cost.startswith("low")


def test_a_pin_takes_a_flow_off_an_ecmp_route():
    """gw spreads over both firewalls, the other partner answers by A: half of the pairs break until it is pinned."""
    hosts, variables = networks.dual_wan_partner()
    hosts["gw"]["routes"] = [route for route in hosts["gw"]["routes"] if route["dst"] != "0.0.0.0/0"]
    hosts["gw"]["routes"].append(networks.route("default nexthop 198.51.100.1%wan_a nexthop 198.51.100.129%wan_b"))
    flow = "tcp 192.0.2.20 > 203.0.113.130:80"
    told = diagnose(hosts, variables, [flow])
    assert (told.verdicts[0].verdict, told.verdicts[0].share) == ("at_risk", "1 of 2")
    assert "SYM501" in told.verdicts[0].findings
    plain = next(one for one in told.proposal.remedies if not one.source_after)
    assert plain.variables["policy_route_pins"][0]["uplink"] == "wan_a" and plain.fixes == (flow,)
    assert any("pin 203.0.113.128/25 to wan_b" in one.text for one in told.proposal.rejected)


def test_what_the_inventory_declares_for_a_role_stays():
    """A role removes what it is not told of, so a proposal holds the old pins too."""
    hosts, variables = networks.dual_wan_partner()
    uplinks = [{"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"}]
    old = {"name": "old", "prefixes": ["203.0.113.200/32"], "uplink": "wan_a"}
    variables["gw"].update(policy_route_uplinks=uplinks, policy_route_pins=[old])
    told = proposal(hosts, variables)
    pins = told.remedies[0].variables["policy_route_pins"]
    assert old in pins and {pin["name"] for pin in pins} == {"old", "partner"}


def test_steps_of_one_role_are_merged_and_contradictions_are_not():
    def step(name, mode):
        return Step("rp_filter", "gw", {"rp_filter_interfaces": [{"name": name, "mode": mode}]})
    merged = merge_steps([step("a", "loose"), step("b", "loose")])
    assert [entry["name"] for entry in merged[0].variables["rp_filter_interfaces"]] == ["a", "b"]
    assert merge_steps([step("a", "loose"), step("a", "strict")]) is None


def test_a_healthy_network_needs_no_remedy():
    told = proposal(*networks.healthy())
    assert not told.remedies and not told.rejected and not told.change and told.forecast is None
