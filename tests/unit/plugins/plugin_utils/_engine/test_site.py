# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import read_flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network import site as site_module
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import (
    default_legs,
    read_flows,
    read_site,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import SiteError
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def test_declared_uplinks_keep_their_names_and_others_are_inferred():
    hosts, variables = networks.dual_wan_partner()
    site = read_site(variables, hosts)
    by_name = {uplink.name: uplink for uplink in site.uplinks}
    assert set(by_name) == {"A", "B", "wan_a", "wan_b", "client:eth0"}
    assert by_name["client:eth0"].gateways == ("192.0.2.1",) and not by_name["client:eth0"].declared
    assert by_name["A"].announces == ("192.0.2.0/24", "198.51.100.0/30")


def test_an_uplink_without_gateway_takes_that_of_its_default_route():
    hosts, variables = networks.dual_wan_partner()
    del variables["fwa"]["symmetry_uplinks"][0]["gateway"]
    site = read_site(variables, hosts)
    assert next(uplink for uplink in site.uplinks if uplink.name == "A").gateway(4) == "100.64.1.1"


def test_default_routes_of_every_table_are_uplinks():
    facts = networks.host({"one": ["10.0.0.2/24"], "two": ["10.0.1.2/24"]},
                          ["default via 10.0.0.1 dev one", "default via 10.0.1.1 dev two table 200"])
    assert list(default_legs(facts)) == [("one", "10.0.0.1"), ("two", "10.0.1.1")]


def test_the_longest_prefix_of_ours_decides_the_preference():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        values["symmetry_externals"] = [{"name": "partner", "prefixes": ["203.0.113.0/25"],
                                         "prefers": {"0.0.0.0/0": ["A"], "192.0.2.0/28": ["B"]}}]
    external = read_site(variables, hosts).external_of("203.0.113.10")
    assert external is not None
    assert external.preference("192.0.2.3").order == ("B",)
    assert external.preference("192.0.2.20").order == ("A",)


def test_ignored_interfaces_are_no_uplinks():
    hosts, variables = networks.dual_wan_partner()
    variables["client"]["symmetry_ignore_interfaces"] = ["eth0"]
    assert "client:eth0" not in {uplink.name for uplink in read_site(variables, hosts).uplinks}


def test_a_declared_interface_that_is_gone_is_a_problem_not_an_error():
    hosts, variables = networks.dual_wan_partner()
    del hosts["fwb"]["interfaces"]["out"]
    (host, problem), = read_site(variables, hosts).problems
    assert host == "fwb" and "B is declared on interface out" in problem


UPLINK = {"name": "A", "interface": "out"}
EXTERNAL = {"name": "p", "prefixes": ["203.0.113.0/25"]}


@pytest.mark.parametrize(("variable", "value", "message"), [
    ("symmetry_uplinks", {"name": "A"}, "symmetry_uplinks: expected a list, found dict"),
    ("symmetry_uplinks", [{**UPLINK, "iface": "x"}],
     "symmetry_uplinks[0]: unknown key 'iface'; allowed are name, interface, gateway, announces"),
    ("symmetry_uplinks", [{"name": "A"}], "symmetry_uplinks[0]: the key 'interface' is missing"),
    ("symmetry_uplinks", [{**UPLINK, "gateway": "here"}], "symmetry_uplinks[0].gateway: 'here' is not an IP address"),
    ("symmetry_uplinks", [{**UPLINK, "announces": ["192.0.2.1/24"]}],
     "symmetry_uplinks[0].announces: '192.0.2.1/24' is not a prefix"),
    ("symmetry_uplinks", [UPLINK, UPLINK], "the name 'A' is already that of an uplink of fwa"),
    ("symmetry_segments", ["mgmt0"], "symmetry_segments: expected a dictionary, found list"),
    ("symmetry_segments", {"mgmt0": 3}, "symmetry_segments.mgmt0: expected a name, found 3"),
    ("symmetry_ignore_interfaces", "mgmt0", "symmetry_ignore_interfaces: expected a list, found str 'mgmt0'"),
    ("symmetry_externals", [{**EXTERNAL, "prefers": {"192.0.2.0/24": ["C"]}}], "no uplink is named 'C'; there are"),
    ("symmetry_externals", [{**EXTERNAL, "prefers": {"192.0.2.0/24": []}}], "is empty; list uplink names"),
    ("symmetry_externals", [{**EXTERNAL, "weights": {"192.0.2.0/24": {"fwa:out": -1}}}],
     "the weight of fwa:out is -1; it must be a number above 0"),
    ("symmetry_externals", [{**EXTERNAL, "prefixes": []}], "symmetry_externals[0].prefixes: is empty"),
    ("symmetry_externals",
     [{**EXTERNAL, "prefers": {"192.0.2.0/24": ["fwa:out"]}, "weights": {"192.0.2.0/24": {"fwa:out": 1}}}],
     "give an order or weights, not both"),
    ("symmetry_flows", [{"name": "x", "flow": "tcp 10.0.0.1"}], "expected 'PROTOCOL SOURCE > DESTINATION:PORT'"),
    ("symmetry_flows", [{"name": "x"}], "symmetry_flows[0]: the key 'flow' is missing, for example tcp"),
    ("symmetry_flows", [{"flow": "icmp 10.0.0.1 > 10.0.0.2", "one_way": "no"}],
     "symmetry_flows[0].one_way: 'no' is not true or false"),
    ("symmetry_flows", ["icmp 10.0.0.1 > 10.0.0.2", "icmp 10.0.0.1 > 10.0.0.2"], "is used twice"),
])
def test_wrong_variables_are_refused_with_their_place(variable, value, message):
    facts = {"fwa": networks.host({"out": ["100.64.1.2/30"]}, ["default via 100.64.1.1 dev out"])}
    with pytest.raises(SiteError) as error:
        read_site({"fwa": {variable: value}}, facts)
    assert message in str(error.value)
    if "no uplink is named" not in message:
        assert "host fwa" in str(error.value)


def test_hosts_that_contradict_each_other_are_refused():
    one = {"symmetry_externals": [EXTERNAL]}
    other = {"symmetry_externals": [{**EXTERNAL, "prefixes": ["203.0.113.128/25"]}]}
    with pytest.raises(SiteError, match="'p' differs from what another host says"):
        read_site({"a": one, "b": other}, {})


def test_flows_are_read_as_texts_and_dictionaries():
    feed = {"name": "feed", "flow": "udp 10.0.0.1 > 10.0.0.2:514", "one_way": True}
    flows = read_flows(["icmp 10.0.0.1 > 10.0.0.2", feed])
    assert [(flow.name, flow.one_way) for flow in flows] == [("icmp 10.0.0.1 > 10.0.0.2", False), ("feed", True)]


def test_flows_that_all_hosts_have_from_one_group_are_read_once(monkeypatch):
    hosts, variables = networks.dual_wan_partner()
    shared = [f"tcp 192.0.2.20 > 203.0.113.10:{port}" for port in range(1, 51)]
    for values in variables.values():
        values["symmetry_flows"] = shared
    read = []
    monkeypatch.setattr(site_module, "read_flow", lambda text: read.append(text) or read_flow(text))
    assert len(read_site(variables, hosts).flows) == 50
    assert read == shared
    for values in variables.values():
        values["symmetry_flows"] = list(shared)  # where hosts have their own, all are read and compared
    read.clear()
    assert len(read_site(variables, hosts).flows) == 50
    assert len(read) == 50 * len(variables)
