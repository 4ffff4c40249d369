# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import enter, send
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Entry
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def packet(text, **more):
    return Packet(Flow.parse(text), **more)


def test_a_packet_is_followed_to_the_edge():
    network = Network.build(*networks.dual_wan_partner())
    path, = send(network, "client", packet("tcp 192.0.2.20 > 203.0.113.10:80"))
    assert (path.outcome, path.host, path.interface, path.next_hop) == ("left", "fwa", "out", "100.64.1.1")
    assert path.links() == [("client", None, "eth0"), ("gw", "lan", "wan_a"), ("fwa", "in", "out")]
    told = path.to_dict()["hops"][1]
    assert (told["table"], told["route"]) == (254, "0.0.0.0/0")
    assert (told["next_hop"], told["proof"]) == ("198.51.100.1", "prefix")
    assert path.to_dict()["hops"][2]["stateful"] is True


def test_every_branch_is_followed_with_its_share():
    hosts = {
        "client": networks.host({"eth0": ["10.0.0.20/24"]}, ["default via 10.0.0.1 dev eth0"], forwarding=False),
        "gw": networks.host({"lan": ["10.0.0.1/24"], "up": ["10.1.0.1/30"], "down": ["10.2.0.1/30"]}),
        "one": networks.host({"in": ["10.1.0.2/30"], "out": ["100.64.1.2/30"]}, ["default via 100.64.1.1 dev out"]),
        "two": networks.host({"in": ["10.2.0.2/30"], "out": ["100.64.2.2/30"]}, ["default via 100.64.2.1 dev out"]),
    }
    equal = networks.route("default nexthop 10.1.0.2%up nexthop 10.2.0.2%down")
    equal["nexthops"][0]["weight"] = 3
    hosts["gw"]["routes"].append(equal)
    paths = send(Network.build(hosts, {}), "client", packet("udp 10.0.0.20 > 203.0.113.1:53"))
    assert {path.host: path.share for path in paths} == {"one": 0.75, "two": 0.25}
    assert paths[0].to_dict()["hops"][1]["ways"] == 2


def test_later_packets_keep_to_the_branch_of_the_first():
    hosts = {
        "client": networks.host({"eth0": ["10.0.0.20/24"]}, [], forwarding=False),
        "one": networks.host({"eth0": ["10.0.0.1/24"], "out": ["100.64.1.2/30"]}, ["default via 100.64.1.1 dev out"]),
        "two": networks.host({"eth0": ["10.0.0.2/24"], "out": ["100.64.2.2/30"]}, ["default via 100.64.2.1 dev out"]),
    }
    hosts["client"]["routes"].append(networks.route("default nexthop 10.0.0.1%eth0 nexthop 10.0.0.2%eth0"))
    network = Network.build(hosts, {})
    first = send(network, "client", packet("udp 10.0.0.20 > 203.0.113.1:53"))
    assert len(first) == 2
    for path in first:
        later, = send(network, "client", packet("udp 10.0.0.20 > 203.0.113.1:53"), path, guide=path)
        assert later.host == path.host and later.share == 1.0


def test_a_loop_ends_and_is_named():
    hosts = {
        "client": networks.host({"eth0": ["10.9.0.20/24"]}, ["default via 10.9.0.1 dev eth0"]),
        "one": networks.host({"eth0": ["10.0.0.1/30"], "lan": ["10.9.0.1/24"]}, ["default via 10.0.0.2 dev eth0"]),
        "two": networks.host({"eth0": ["10.0.0.2/30"]}, ["default via 10.0.0.1 dev eth0"]),
    }
    path, = send(Network.build(hosts, {}), "client", packet("icmp 10.9.0.20 > 203.0.113.1"))
    assert (path.outcome, path.reason) == ("dropped", "loop")
    assert "two:eth0 > one:eth0 > two:eth0" in path.detail


def test_a_packet_that_comes_back_translated_is_another_packet():
    """The second time it has an address of the router for its source, which the router refuses before any loop."""
    nat = networks.chain("postrouting", [
        {"handle": 4, "text": "snat ip to 10.0.0.1", "matches": [], "statements": [],
         "verdict": {"do": "snat", "address": "10.0.0.1"}}], type="nat", priority=100)
    hosts = {
        "client": networks.host({"eth0": ["10.9.0.20/24"]}, ["default via 10.9.0.1 dev eth0"]),
        "two": networks.host({"lan": ["10.9.0.1/24"], "eth0": ["10.0.0.2/30"]}, ["default via 10.0.0.1 dev eth0"]),
        "one": networks.host({"eth0": ["10.0.0.1/30"]}, ["default via 10.0.0.2 dev eth0"], chains=[nat]),
    }
    path, = send(Network.build(hosts, {}), "client", packet("udp 10.9.0.20:4000 > 203.0.113.1:53"))
    assert (path.host, path.reason) == ("one", "martian")


def test_a_packet_from_outside_comes_in_by_an_interface():
    network = Network.build(*networks.dual_wan_partner())
    feed = packet("udp 203.0.113.10 > 192.0.2.20:514")
    path, = enter(network, Entry("fwb", "out", 1.0, "B"), feed)
    assert (path.outcome, path.reason, path.host, path.interface) == ("dropped", "reverse_path", "gw", "wan_b")


def test_a_host_that_was_not_read_is_unknown():
    hosts, variables = networks.dual_wan_partner()
    network = Network.build({**hosts, "fwb": None}, variables)
    path, = enter(network, Entry("fwb", "out", 1.0, "B"), packet("udp 203.0.113.10 > 192.0.2.20:514"))
    assert path.outcome == "unknown" and "read facts of fwb" in path.detail


def test_a_packet_that_leaves_by_an_inferred_edge_may_reach_a_host_that_was_not_read():
    hosts, variables = networks.dual_wan_partner()
    del variables["fwa"]["symmetry_uplinks"]
    for values in variables.values():
        del values["symmetry_externals"]
    network = Network.build({**hosts, "fwb": None}, variables)
    path, = send(network, "client", packet("tcp 192.0.2.20 > 203.0.113.10:80"))
    assert path.outcome == "unknown" and "may be fwb" in path.detail


def test_ignored_interfaces_carry_no_paths():
    hosts, variables = networks.dual_wan_partner()
    variables["gw"]["symmetry_ignore_interfaces"] = ["wan_a"]
    path, = send(Network.build(hosts, variables), "client", packet("tcp 192.0.2.20 > 203.0.113.10:80"))
    assert path.outcome == "unknown" and "symmetry_ignore_interfaces" in path.detail


@pytest.mark.parametrize("branches", [8, 80])
def test_branches_are_bounded_and_the_rest_is_unknown(branches):
    interfaces = {f"up{n}": [f"10.{n}.0.1/30"] for n in range(branches)}
    others = {f"down{n}": [f"10.{n}.0.2/30"] for n in range(branches)}
    hosts = {"gw": networks.host({"lan": ["10.250.0.1/24"], **interfaces}),
             "next": networks.host({**others, "out": ["100.64.1.2/30"]}, ["default via 100.64.1.1 dev out"])}
    legs = " ".join(f"nexthop 10.{n}.0.2%up{n}" for n in range(branches))
    hosts["gw"]["routes"].append(networks.route(f"default {legs}"))
    paths = send(Network.build(hosts, {}), "gw", packet("icmp 10.250.0.1 > 203.0.113.1"))
    assert sum(path.share for path in paths) == pytest.approx(1.0)
    assert any(path.outcome == "unknown" for path in paths) == (branches > 64)


@pytest.mark.parametrize(("change", "verdict"), [
    ({}, "unknown"),
    ({"flags": ["onlink"]}, "symmetric"),
    ({"neighbour": True}, "symmetric"),
    ({"declared": True}, "symmetric"),
    ({"address": True}, "symmetric"),
])
def test_a_gateway_in_no_connected_prefix_is_not_taken_for_alive(change, verdict):
    """The kernel takes such a route while the gateway is on link, and keeps it when that address goes."""
    addresses = ["10.0.0.1/24", *(["203.0.113.2/29"] if change.get("address") else [])]
    edge = networks.host({"lan": ["10.1.0.1/24"], "wan": addresses}, ["default via 203.0.113.1 dev wan"])
    edge["routes"][-1]["nexthops"][0].update({"flags": change["flags"]} if "flags" in change else {})
    if change.get("neighbour"):
        edge["neighbours"] = [{"family": 4, "address": "203.0.113.1", "device": "wan", "state": "stale",
                               "mac": "02:aa:00:00:00:01"}]
    declared = {"symmetry_uplinks": [{"name": "A", "interface": "wan", "gateway": "203.0.113.1"}]}
    (told,) = diagnose({"edge": edge}, {"edge": declared} if change.get("declared") else {},
                       ["udp 10.1.0.1 > 192.0.2.9:53"]).verdicts
    assert told.verdict == verdict, told.summary()
    assert verdict != "unknown" or "no connected prefix of wan" in told.read_next


@pytest.mark.parametrize(("flow", "verdict"), [
    ("tcp 10.0.0.20 > 10.0.0.1:443", "unknown"), ("tcp 10.0.0.20 > 10.0.0.1:22", "symmetric"),
    ("udp 10.0.0.20 > 10.0.0.1:443", "symmetric"), ("tcp 10.0.0.20 > 10.0.0.1:8080", "unknown"),
])
def test_what_ipvs_takes_does_not_end_at_the_balancer(flow, verdict):
    server = {"address": "10.0.0.30", "port": 443, "mode": "route"}
    balancer = networks.host({"eth0": ["10.0.0.1/24"]}, balancers=[
        {"protocol": "tcp", "address": "10.0.0.1", "port": 443, "servers": [server]},
        {"protocol": "tcp", "address": "10.0.0.1", "port": 8080, "servers": []}])
    hosts = {"lb": balancer, "client": networks.host({"eth0": ["10.0.0.20/24"]}, forwarding=False)}
    (told,) = diagnose(hosts, {}, [flow]).verdicts
    assert told.verdict == verdict, told.summary()
    assert verdict != "unknown" or "IPVS" in told.read_next
