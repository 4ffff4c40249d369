# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import ForecastError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose, forecast_change
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks

UPLINKS = [{"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"},
           {"name": "wan_b", "interface": "wan_b", "gateway": "198.51.100.129"}]


def pin(uplink="wan_a", prefixes=("203.0.113.0/25",), **more):
    return {"role": "policy_route", "host": "gw", "variables": {
        "policy_route_uplinks": UPLINKS,
        "policy_route_pins": [{"name": "partner", "prefixes": list(prefixes), "uplink": uplink, **more}]}}


def loose():
    return {"role": "rp_filter", "host": "gw", "variables": {
        "rp_filter_interfaces": [{"name": "wan_b", "mode": "loose", "reason": "the feed comes in there"}]}}


def outlook(*steps, hosts=None):
    given, variables = networks.dual_wan_partner()
    return forecast_change(hosts or given, variables, steps)


def after(forecast):
    return {flow.before.name: flow.after.verdict for flow in forecast.flows}


def test_a_pin_with_the_uplinks_own_address_mends():
    told = outlook(pin(source_nat="198.51.100.2"))
    assert after(told) == {"partner-api": "symmetric", "partner-lookup": "symmetric", "partner-feed": "broken",
                           "other-partner": "symmetric"}
    assert told.mended == ["partner-api", "partner-lookup"] and not told.worse


def test_an_address_of_the_shared_prefix_does_not_mend():
    given, variables = networks.dual_wan_partner()
    given["gw"]["interfaces"]["lan"]["addresses"].append({"family": 4, "address": "192.0.2.5", "prefixlen": 24})
    given["gw"]["routes"].append({**given["gw"]["routes"][0], "dst": "192.0.2.5/32"})
    told = outlook(pin(source_nat="192.0.2.5"), hosts=given)
    assert after(told)["partner-api"] == "broken" and not told.mended


def test_a_pin_alone_to_the_uplink_in_use_changes_nothing():
    told = outlook(pin())
    assert not told.mended and not told.better and not told.worse


def test_loose_mends_the_feed_and_nothing_else():
    assert outlook(loose()).mended == ["partner-feed"]


def test_steps_on_one_host_add_up():
    told = outlook(pin(source_nat="198.51.100.2"), loose())
    assert set(after(told).values()) == {"symmetric", "asymmetric_harmless"}
    assert told.to_dict()["still_failing"] == []


def test_what_gets_worse_is_told():
    told = outlook(pin(uplink="wan_b", prefixes=["203.0.113.128/25"]))
    assert told.worse == ["other-partner"]
    assert next(flow for flow in told.flows if flow.before.name == "other-partner").after.verdict == "broken"


def test_live_flows_are_forecast_too():
    given, _variables = networks.dual_wan_partner()
    given["gw"]["conntrack"]["flows"] = [
        networks.connection("tcp", "192.0.2.20", "203.0.113.140", 40000, 443, False, "ESTABLISHED")]
    told = outlook(pin(uplink="wan_b", prefixes=["203.0.113.128/25"]), hosts=given)
    assert "live: tcp 192.0.2.20 > 203.0.113.140:443" in told.worse


def test_the_facts_are_left_as_they_were():
    given, variables = networks.dual_wan_partner()
    before = copy.deepcopy(given)
    forecast_change(given, variables, [pin(source_nat="198.51.100.2"), loose()])
    assert given == before


@pytest.mark.parametrize(("step", "message"), [
    ({**loose(), "host": "gv"}, "rp_filter on gv: the host was not read; there are client, fwa, fwb, gw"),
    ({**loose(), "role": "magic"}, "magic on gw: role 'magic' has no planner"),
    (pin(uplink="wan_c"), "policy_route on gw: "),
    (pin(source_nat="198.51.100.77"), "198.51.100.77"),
])
def test_steps_that_cannot_be_planned_are_refused(step, message):
    with pytest.raises(ForecastError) as error:
        outlook(step)
    assert message in str(error.value)


def test_a_verdict_that_loses_certainty_gets_worse():
    """Where only the share changes, the share decides."""
    given, variables = networks.dual_wan_partner()
    for values in variables.values():
        values["symmetry_externals"] = [{"name": "partner", "prefixes": ["203.0.113.0/24"],
                                         "weights": {"192.0.2.0/24": {"A": 1, "B": 3}}}]
    told = forecast_change(given, variables, [pin(uplink="wan_b")], ["tcp 192.0.2.20 > 203.0.113.10:80"])
    flow, = told.flows
    assert (flow.before.share_broken, flow.after.share_broken) == (0.75, 0.25)
    assert flow.change == "better" and not told.mended


def test_a_diagnosis_forecasts_its_own_change():
    told = diagnose(*networks.dual_wan_partner())
    assert told.forecast(told.proposal.change).mended == told.proposal.forecast.mended
