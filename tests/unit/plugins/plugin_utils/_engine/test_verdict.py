# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def verdicts(hosts, variables, observed=None):
    network = Network.build(hosts, variables)
    return {named.name: judge(network, named, observed or {}) for named in network.site.flows}


def one(hosts, variables, text, **more):
    variables = {host: {**variables.get(host, {}), "symmetry_flows": [{"name": "it", "flow": text, **more}]}
                 for host in hosts}
    return verdicts(hosts, variables)["it"]


def test_the_dual_wan_incident():
    told = verdicts(*networks.dual_wan_partner())
    api = told["partner-api"]
    assert (api.verdict, api.share) == ("broken", "1 of 1")
    assert (api.dies_at.host, api.dies_at.interface, api.dies_at.direction) == ("fwb", "out", "return")
    assert api.dies_at.state == "invalid" and "ct state invalid counter drop" in api.dies_at.rule
    assert [(b.host, b.forward, b.back) for b in api.boundaries] == [("fwa", True, False), ("fwb", False, True)]
    assert told["partner-lookup"].verdict == "broken"
    assert told["other-partner"].verdict == "symmetric"


def test_the_feed_dies_by_strict_rp_filter_and_is_fine_after_loose():
    hosts, variables = networks.dual_wan_partner()
    feed = verdicts(hosts, variables)["partner-feed"]
    assert (feed.verdict, feed.dies_at.reason) == ("broken", "reverse_path")
    assert (feed.dies_at.host, feed.dies_at.interface, feed.dies_at.direction) == ("gw", "wan_b", "forward")
    hosts["gw"]["interface_sysctls"]["wan_b"]["rp_filter"] = 2
    hosts["gw"]["rp_filter"]["wan_b"] = {"mode": 2, "origin": "interface"}
    assert verdicts(hosts, variables)["partner-feed"].verdict == "asymmetric_harmless"


def test_without_a_preference_the_verdict_is_at_risk_with_the_share():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        del values["symmetry_externals"]
    told = verdicts(hosts, variables)["partner-api"]
    assert (told.verdict, told.share, told.share_broken) == ("at_risk", "1 of 2", 0.5)
    assert any("no preference is declared or observed" in note for note in told.journey.assumptions)


def test_weights_give_shares():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        values["symmetry_externals"] = [{"name": "partner", "prefixes": ["203.0.113.0/24"],
                                         "weights": {"192.0.2.0/24": {"A": 1, "B": 3}}}]
    assert verdicts(hosts, variables)["partner-api"].share_broken == 0.75


def test_an_observed_uplink_makes_it_broken():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        del values["symmetry_externals"]
    told = verdicts(hosts, variables, {("192.0.2.20", "203.0.113.10"): "B"})["partner-api"]
    assert told.verdict == "broken"
    assert any(note.startswith("observed: replies from 203.0.113.10") for note in told.journey.assumptions)


@pytest.mark.parametrize(("address", "verdict"), [
    ("198.51.100.2", "symmetric"),  # of uplink A's own prefix: replies come back by A
    ("192.0.2.5", "broken"),  # of the prefix announced on both: replies still prefer B
])
def test_replies_follow_the_address_that_they_are_sent_to(address, verdict):
    hosts, variables = networks.dual_wan_partner()
    hosts["gw"]["netfilter"]["chains"].append(networks.snat("wan_a", address, "203.0.113.0/25"))
    told = verdicts(hosts, variables)["partner-api"]
    assert told.verdict == verdict
    assert told.forward_paths()[0].packet.flow.source == address


def test_when_the_preferred_uplink_is_down_replies_come_by_the_other():
    hosts, variables = networks.dual_wan_partner()
    hosts["fwb"]["interfaces"]["out"]["carrier"] = False
    assert verdicts(hosts, variables)["partner-api"].verdict == "symmetric"


def test_uplinks_are_inferred_where_nothing_is_declared():
    hosts, _variables = networks.dual_wan_partner()
    told = one(hosts, {}, "tcp 192.0.2.20 > 203.0.113.10:80")
    assert (told.verdict, told.share) == ("at_risk", "1 of 2")
    assert any("fwa:out, fwb:out" in note for note in told.journey.assumptions)


def test_a_firewall_that_was_not_read_makes_it_unknown():
    hosts, variables = networks.dual_wan_partner()
    told = verdicts({**hosts, "fwb": None}, variables)
    assert told["partner-api"].verdict == "unknown" and "read facts of fwb" in told["partner-api"].read_next
    assert told["other-partner"].verdict == "symmetric"


def test_netfilter_that_was_not_read_makes_it_unknown():
    hosts, variables = networks.dual_wan_partner()
    hosts["fwa"]["parts"]["netfilter"] = {"complete": False, "why": "iptables-legacy holds rules"}
    told = verdicts(hosts, variables)["other-partner"]
    assert told.verdict == "unknown" and "iptables-legacy holds rules" in told.read_next


def test_a_server_that_answers_by_its_other_interface():
    told = verdicts(*networks.multihomed_server())
    assert told["first"].verdict == "symmetric"
    assert (told["second"].verdict, told["second"].dies_at.host) == ("broken", "fw_one")


def test_the_same_without_firewalls_is_harmless():
    hosts, variables = networks.multihomed_server()
    for name in ("fw_one", "fw_two"):
        hosts[name]["netfilter"]["chains"] = []
    assert verdicts(hosts, variables)["second"].verdict == "asymmetric_harmless"


def test_everything_of_a_healthy_network_is_symmetric():
    assert {name: told.verdict for name, told in verdicts(*networks.healthy()).items()} == dict.fromkeys(
        ("web", "dns", "ping", "inside", "inside6", "web6"), "symmetric")


def spread(firewalls):
    """client - left - {one, two} - right - server, spread over both in both directions."""
    chains = [networks.firewall(inside="left")] if firewalls else []
    hosts = {
        "client": networks.host({"eth0": ["10.0.0.20/24"]}, ["default via 10.0.0.1 dev eth0"], forwarding=False),
        "left": networks.host({"lan": ["10.0.0.1/24"], "up": ["10.1.0.1/30"], "down": ["10.2.0.1/30"]}),
        "one": networks.host({"left": ["10.1.0.2/30"], "right": ["10.3.0.2/30"]},
                             ["10.0.0.0/24 via 10.1.0.1 dev left", "10.9.0.0/24 via 10.3.0.1 dev right"],
                             chains=chains),
        "two": networks.host({"left": ["10.2.0.2/30"], "right": ["10.4.0.2/30"]},
                             ["10.0.0.0/24 via 10.2.0.1 dev left", "10.9.0.0/24 via 10.4.0.1 dev right"],
                             chains=chains),
        "right": networks.host({"up": ["10.3.0.1/30"], "down": ["10.4.0.1/30"], "lan": ["10.9.0.1/24"]}),
        "server": networks.host({"eth0": ["10.9.0.20/24"]}, ["default via 10.9.0.1 dev eth0"], forwarding=False),
    }
    hosts["left"]["routes"].append(networks.route("10.9.0.0/24 nexthop 10.1.0.2%up nexthop 10.2.0.2%down"))
    hosts["right"]["routes"].append(networks.route("10.0.0.0/24 nexthop 10.3.0.2%up nexthop 10.4.0.2%down"))
    return hosts


def test_spreading_over_two_firewalls_breaks_half_of_the_pairs():
    told = one(spread(firewalls=True), {}, "tcp 10.0.0.20 > 10.9.0.20:443")
    assert (told.verdict, told.share, told.share_broken) == ("at_risk", "2 of 4", 0.5)


def test_spreading_over_two_routers_is_harmless():
    assert one(spread(firewalls=False), {}, "tcp 10.0.0.20 > 10.9.0.20:443").verdict == "asymmetric_harmless"


def balancer(server_routes):
    """client - lb (destination translation) - server, with a second way back around lb."""
    dnat = networks.chain("prerouting", [
        {"handle": 3, "text": "ip daddr 10.5.0.1 dnat to 10.9.0.20",
         "matches": [networks.match("ip daddr", "10.5.0.1")], "statements": [],
         "verdict": {"do": "dnat", "address": "10.9.0.20"}}], type="nat", priority=-100)
    return {
        "client": networks.host({"eth0": ["10.0.0.20/24"]},
                                ["10.5.0.1/32 via 10.0.0.1 dev eth0", "default via 10.0.0.2 dev eth0"],
                                forwarding=False),
        "lb": networks.host({"lan": ["10.0.0.1/24"], "dmz": ["10.9.0.1/24"]}, chains=[dnat]),
        "router": networks.host({"lan": ["10.0.0.2/24"], "dmz": ["10.9.0.2/24"]}),
        "server": networks.host({"eth0": ["10.9.0.20/24"]}, server_routes, forwarding=False),
    }


def test_a_reply_that_misses_the_balancer_is_not_the_answer():
    told = one(balancer(["default via 10.9.0.2 dev eth0"]), {}, "tcp 10.0.0.20 > 10.5.0.1:443")
    assert (told.verdict, told.dies_at.reason) == ("broken", "translation")
    assert "10.5.0.1" in told.dies_at.detail and "10.9.0.20" in told.dies_at.detail
    assert one(balancer(["default via 10.9.0.1 dev eth0"]), {}, "tcp 10.0.0.20 > 10.5.0.1:443").verdict == "symmetric"


def test_a_handshake_whose_acknowledgement_dies_is_broken():
    """The request crosses a stateful firewall, the reply does not: it then finds the acknowledgement invalid."""
    hosts = balancer(["default via 10.9.0.2 dev eth0"])
    hosts["lb"]["netfilter"]["chains"] = [networks.firewall(inside="lan")]
    hosts["client"]["routes"].append(networks.route("10.9.0.0/24 via 10.0.0.1 dev eth0"))
    told = one(hosts, {}, "tcp 10.0.0.20 > 10.9.0.20:443")
    assert (told.verdict, told.dies_at.direction, told.dies_at.host) == ("broken", "forward", "lb")


def test_a_boundary_that_sees_one_direction_is_never_harmless():
    hosts = balancer(["default via 10.9.0.2 dev eth0"])
    hosts["lb"]["netfilter"]["chains"] = [networks.firewall(inside="lan")]
    hosts["client"]["routes"].append(networks.route("10.9.0.0/24 via 10.0.0.1 dev eth0"))
    told = one(hosts, {}, "udp 10.0.0.20 > 10.9.0.20:514")
    assert told.verdict == "at_risk" and "lb sees one direction only" in told.summary()
    assert one(hosts, {}, "udp 10.0.0.20 > 10.9.0.20:514", one_way=True).verdict == "asymmetric_harmless"


def test_an_address_that_two_hosts_have_is_no_source():
    hosts, variables = networks.dual_wan_partner()
    hosts["twin"] = networks.host({"eth0": ["192.0.2.20/24"]}, ["default via 192.0.2.1 dev eth0"])
    told = verdicts(hosts, variables)["partner-api"]
    assert told.verdict == "unknown" and "client and twin" in told.read_next


def test_a_client_outside_the_inventory_is_taken_to_use_the_router_of_its_segment():
    hosts, variables = networks.dual_wan_partner()
    told = one(hosts, variables, "tcp 192.0.2.77 > 203.0.113.130:80")
    assert told.verdict == "symmetric"
    assert any("its gateway towards 203.0.113.130 is taken to be gw" in note for note in told.journey.assumptions)


def test_a_destination_outside_the_inventory_may_be_on_link():
    hosts, variables = networks.dual_wan_partner()
    told = one(hosts, variables, "tcp 198.51.100.130 > 192.0.2.77:22")
    assert told.verdict == "symmetric" and told.forward_paths()[0].next_hop == "192.0.2.77"


def test_an_address_that_nobody_announces_gets_no_reply():
    hosts, variables = networks.dual_wan_partner()
    hosts["client"] = networks.host({"eth0": ["10.66.0.20/24"]}, ["default via 10.66.0.1 dev eth0"], forwarding=False)
    hosts["gw"] = networks.host({"lan": ["10.66.0.1/24"], "wan_a": ["198.51.100.2/30"]},
                                ["default via 198.51.100.1 dev wan_a"])
    del variables["gw"]["symmetry_uplinks"]
    told = one(hosts, variables, "tcp 10.66.0.20 > 203.0.113.10:80")
    assert (told.verdict, told.dies_at.reason) == ("broken", "not_announced")
    assert "no declared uplink announces 10.66.0.20" in told.dies_at.detail


def test_a_flow_between_sites_comes_in_where_its_destination_is_announced():
    hosts = {
        "one": networks.host({"lan": ["192.0.2.1/24"], "out": ["100.64.1.2/30"]}, ["default via 100.64.1.1 dev out"]),
        "two": networks.host({"lan": ["198.51.100.1/24"], "out": ["100.64.2.2/30"]},
                             ["default via 100.64.2.1 dev out"]),
    }
    variables = {
        "one": {"symmetry_uplinks": [{"name": "A", "interface": "out", "announces": ["192.0.2.0/24"]}]},
        "two": {"symmetry_uplinks": [{"name": "B", "interface": "out", "announces": ["198.51.100.0/24"]}]},
    }
    told = one(hosts, variables, "tcp 192.0.2.1 > 198.51.100.1:22")
    assert told.verdict == "symmetric"
    assert [hop.host for hop in told.forward_paths()[0].hops] == ["one", "two"]


def test_a_verdict_is_plain_data():
    for told in verdicts(*networks.dual_wan_partner()).values():
        data = json.loads(json.dumps(told.to_dict()))
        assert data["verdict"] == told.verdict and data["summary"] and data["forward"][0]["hops"]
