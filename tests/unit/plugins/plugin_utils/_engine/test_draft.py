# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import yaml

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks

FLOW = "tcp 192.0.2.20 > 203.0.113.10:80"


def bare():
    hosts, _variables = networks.dual_wan_partner()
    return hosts


def test_what_was_inferred_is_drafted_under_the_names_of_the_variables():
    told = diagnose(bare(), {}, [FLOW]).draft
    assert told["hosts"]["fwa"]["symmetry_uplinks"] == [
        {"name": "fwa:out", "interface": "out", "gateway": "100.64.1.1", "announces": ["192.0.2.0/24"]}]
    assert told["all"]["symmetry_flows"] == [{"name": FLOW, "flow": FLOW}]
    assert told["all"]["symmetry_externals"] == [{"name": "203.0.113.10", "prefixes": ["203.0.113.10/32"]}]
    assert told["undecided"] == ["prefers of 203.0.113.10 for 192.0.2.0/24: fwa:out or fwb:out"]
    assert {entry["host"] for entry in told["boundaries"]} == {"fwa", "fwb"}


def test_a_diagnosis_with_its_own_draft_gives_the_same_verdicts():
    first = diagnose(bare(), {}, [FLOW])
    draft = yaml.safe_load(yaml.safe_dump(dict(first.draft)))
    variables = {host: {**draft["hosts"].get(host, {}), **draft["all"]} for host in bare()}
    second = diagnose(bare(), variables)
    assert [(v.verdict, v.share) for v in second.verdicts] == [(v.verdict, v.share) for v in first.verdicts]
    assert second.draft["hosts"] == first.draft["hosts"]


def test_a_preference_that_is_filled_in_decides():
    draft = diagnose(bare(), {}, [FLOW]).draft
    draft["all"]["symmetry_externals"][0]["prefers"] = {"192.0.2.0/24": ["fwb:out"]}
    variables = {host: {**draft["hosts"].get(host, {}), **draft["all"]} for host in bare()}
    assert diagnose(bare(), variables).verdicts[0].verdict == "broken"


def test_what_was_declared_comes_back():
    hosts, variables = networks.dual_wan_partner()
    told = diagnose(hosts, variables).draft
    assert told["hosts"]["fwb"]["symmetry_uplinks"] == variables["fwb"]["symmetry_uplinks"]
    assert told["all"]["symmetry_externals"] == variables["gw"]["symmetry_externals"]
    assert told["all"]["symmetry_flows"] == variables["gw"]["symmetry_flows"]
