# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.change_plan import (
    read_steps,
    unacknowledged,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import ForecastError

PIN = {"name": "partner", "prefixes": ["203.0.113.0/25"], "uplink": "wan_a", "source_nat": "198.51.100.2"}


def remedy(**pin):
    variables = {"policy_route_uplinks": [], "policy_route_pins": [{**PIN, **pin}]}
    return {"role": "policy_route", "host": "gw", "variables": variables}


def test_remedies_become_steps():
    step, = read_steps([remedy()])
    assert (step.role, step.host, step.variables["policy_route_pins"]) == ("policy_route", "gw", [PIN])


@pytest.mark.parametrize(("remedies", "message"), [
    ("hello", "remedies: expected a list of {role, host, variables}, not 'hello'"),
    (["hello"], "remedies[1]: expected {role, host, variables}, not 'hello'"),
    ([remedy(), {"rol": "rp_filter", "host": "gw"}], "remedies[2]: 'rol' is not known; an entry has role, host and"),
    ([{"role": "rp_filter", "host": "gw"}], "remedies[1]: variables is missing or of a wrong type"),
    ([{"role": "rp_filter", "host": 5, "variables": {}}], "remedies[1]: host is missing or of a wrong type"),
    ([{"role": "rp_filter", "host": "gw", "variables": {}}], "(rp_filter on gw): rp_filter_interfaces is missing"),
    ([{"role": "policy_route", "host": "gw", "variables": {"policy_route_pin": []}}], "'policy_route_pin' is not carr"),
    ([{"role": "ecmp_hash", "host": "r", "variables": {"ecmp_hash_fields": ["source"], "ecmp_hash_seed": "7"}}],
     "(ecmp_hash on r): ecmp_hash_seed is missing or is no number"),
    ([{"role": "ecmp_hash", "host": "r", "variables": {"ecmp_hash_fields": [], "ecmp_hash_seed": True}}], "no number"),
    ([{"role": "mss_clamp", "host": "r", "variables": {"mss_clamp_edges": 5}}], "mss_clamp_edges is missing or is no"),
])
def test_remedies_that_are_none_are_refused_with_the_entry(remedies, message):
    with pytest.raises(ForecastError) as error:
        read_steps(remedies)
    assert message in str(error.value)


def test_a_variable_with_a_default_may_be_left_out_but_is_checked():
    variables = {"source_routing_uplinks": []}
    (step,) = read_steps([{"role": "source_routing", "host": "r", "variables": variables}])
    assert "source_routing_specifics" not in step.variables
    for wrong in ("main", None):
        one = {"role": "source_routing", "host": "r", "variables": {**variables, "source_routing_specifics": wrong}}
        with pytest.raises(ForecastError, match="source_routing_specifics is missing or is no list"):
            read_steps([one])


def test_a_variable_that_would_count_in_the_forecast_only_is_refused():
    absent = remedy()
    absent["variables"]["policy_route_state"] = "absent"
    with pytest.raises(ForecastError, match="'policy_route_state' is not carried by a change; use policy_route"):
        read_steps([absent])


@pytest.mark.parametrize(("pin", "told"), [
    ({}, ["api"]),
    ({"acknowledge_source": True}, []),
    ({"source_nat": ["198.51.100.2", "2001:db8::2"]}, ["api"]),
    ({"source_nat": "198.51.100.77"}, []),
])
def test_a_new_source_address_waits_until_its_pin_is_acknowledged(pin, told):
    sources = [("api", "192.0.2.20", "198.51.100.2")]
    assert [name for name, _before, _after in unacknowledged(sources, read_steps([remedy(**pin)]))] == told
