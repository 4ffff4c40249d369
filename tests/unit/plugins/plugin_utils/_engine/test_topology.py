# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import read_site
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.topology import Topology
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def topology(hosts, variables=None):
    return Topology(hosts, read_site(variables or {}, hosts))


def entry(address, mac, device="eth0"):
    return {"family": 6 if ":" in address else 4, "address": address, "device": device, "mac": mac,
            "state": "reachable"}


@pytest.fixture
def two_sites():
    """The same 10.0.0.0/24 at two sites, a router at each."""
    hosts = {
        "client": networks.host({"eth0": ["10.0.0.20/24"]}, ["default via 10.0.0.1 dev eth0"]),
        "east": networks.host({"lan": ["10.0.0.1/24"], "wan": ["10.1.0.1/30"]}),
        "west": networks.host({"lan": ["10.0.0.1/24"], "wan": ["10.2.0.1/30"]}),
    }
    hosts["west"]["interfaces"]["lan"]["mac"] = "02:00:00:00:00:77"
    return hosts


def test_a_connected_prefix_joins():
    hosts, variables = networks.dual_wan_partner()
    neighbour = topology(hosts, variables).join("gw", "wan_a", "198.51.100.1").neighbour
    assert (neighbour.host, neighbour.interface, neighbour.proof) == ("fwa", "in", "prefix")


def test_a_next_hop_that_nobody_owns_is_outside():
    hosts, variables = networks.dual_wan_partner()
    assert topology(hosts, variables).join("fwa", "out", "100.64.1.1").outside


def test_two_candidates_are_unknown_and_both_named(two_sites):
    join = topology(two_sites).join("client", "eth0", "10.0.0.1")
    assert join.neighbour is None and "east:lan" in join.unknown and "west:lan" in join.unknown


def test_the_neighbour_table_tells_candidates_apart(two_sites):
    mac = two_sites["west"]["interfaces"]["lan"]["mac"]
    two_sites["client"]["neighbours"] = [entry("10.0.0.1", mac.upper())]
    neighbour = topology(two_sites).join("client", "eth0", "10.0.0.1").neighbour
    assert (neighbour.host, neighbour.proof) == ("west", "mac")


def test_two_owners_with_the_same_mac_address_stay_unknown(two_sites):
    mac = two_sites["west"]["interfaces"]["lan"]["mac"] = two_sites["east"]["interfaces"]["lan"]["mac"]
    two_sites["client"]["neighbours"] = [entry("10.0.0.1", mac)]
    assert "east:lan or west:lan" in topology(two_sites).join("client", "eth0", "10.0.0.1").unknown


def test_declared_segments_tell_candidates_apart(two_sites):
    variables = {"client": {"symmetry_segments": {"eth0": "office"}}, "east": {"symmetry_segments": {"lan": "office"}},
                 "west": {"symmetry_segments": {"lan": "plant"}}}
    neighbour = topology(two_sites, variables).join("client", "eth0", "10.0.0.1").neighbour
    assert (neighbour.host, neighbour.proof) == ("east", "declared")


def test_a_mac_address_that_contradicts_is_unknown_and_named(two_sites):
    del two_sites["west"]
    two_sites["client"]["neighbours"] = [entry("10.0.0.1", "02:00:00:00:00:99")]
    join = topology(two_sites).join("client", "eth0", "10.0.0.1")
    assert join.neighbour is None and not join.outside
    assert "02:00:00:00:00:99" in join.unknown and "east:lan" in join.unknown


def test_a_virtual_mac_of_the_owner_proves(two_sites):
    del two_sites["west"]
    two_sites["east"]["interfaces"]["vrrp"] = {"mac": "00:00:5e:00:01:07", "up": True, "addresses": []}
    two_sites["client"]["neighbours"] = [entry("10.0.0.1", "00:00:5e:00:01:07")]
    assert topology(two_sites).join("client", "eth0", "10.0.0.1").neighbour.host == "east"


def test_an_address_alone_proves_nothing():
    hosts = {"one": networks.host({"eth0": ["10.0.0.1/24"]}), "two": networks.host({"eth0": ["172.16.0.1/24"]})}
    join = topology(hosts).join("one", "eth0", "172.16.0.1")
    assert join.neighbour is None and "declare symmetry_segments" in join.unknown


def test_link_local_gateways_are_joined_by_what_else_the_interfaces_share():
    hosts = {
        "client": networks.host({"eth0": ["fe80::20/64", "2001:db8::20/64"]}),
        "right": networks.host({"lan": ["fe80::1/64", "2001:db8::1/64"]}),
        "wrong": networks.host({"lan": ["fe80::1/64", "2001:db8:9::1/64"]}),
    }
    assert topology(hosts).join("client", "eth0", "fe80::1").neighbour.host == "right"


@pytest.mark.parametrize(("host", "interface"), [("gw", "wan_a"), ("fwa", "in")])
def test_a_link_that_is_down_carries_nothing(host, interface):
    hosts, variables = networks.dual_wan_partner()
    hosts[host]["interfaces"][interface]["carrier"] = False
    join = topology(hosts, variables).join("gw", "wan_a", "198.51.100.1")
    assert join.down and not join.outside and interface in join.down


def test_a_host_that_answers_for_an_address_it_does_not_list_is_found_by_its_mac(two_sites):
    two_sites["client"]["neighbours"] = [entry("10.0.0.77", two_sites["west"]["interfaces"]["lan"]["mac"])]
    assert topology(two_sites).join("client", "eth0", "10.0.0.77").neighbour.host == "west"


def silent_neighbour():
    """A box with its address on lo only, on the wire by a route without a gateway."""
    return {
        "router": networks.host({"inside": ["10.2.0.1/24"]}, ["10.3.0.50/32 dev inside"]),
        "monitor": networks.host({"lo": ["127.0.0.1/8", "10.3.0.50/32"], "eth0": []}, ["10.2.0.0/24 dev eth0"]),
    }


def test_a_route_without_a_gateway_is_a_connected_prefix():
    neighbour = topology(silent_neighbour()).join("monitor", "eth0", "10.2.0.1").neighbour
    assert (neighbour.host, neighbour.interface, neighbour.proof) == ("router", "inside", "prefix")


def test_an_address_on_lo_is_reached_by_the_interface_that_shares_the_segment():
    hosts = silent_neighbour()
    neighbour = topology(hosts).join("router", "inside", "10.3.0.50").neighbour
    assert (neighbour.host, neighbour.interface) == ("monitor", "eth0")
    hosts["router"]["neighbours"] = [entry("10.3.0.50", hosts["monitor"]["interfaces"]["eth0"]["mac"], "inside")]
    neighbour = topology(hosts).join("router", "inside", "10.3.0.50").neighbour
    assert (neighbour.host, neighbour.interface, neighbour.proof) == ("monitor", "eth0", "mac")


@pytest.mark.parametrize("made", [networks.dual_wan_partner, networks.multihomed_server, networks.healthy])
def test_nobody_asks_for_an_address_who_may_not_ask_for_it(made: t.Callable[[], tuple[dict, dict]]) -> None:
    """Who may send ARP requests is found by an index; the routing of every host must agree."""
    facts, variables = made()
    ends = [name for name in facts if name not in ("gw", "core")]
    facts[ends[0]]["routes"].append(networks.route("default dev eth0 metric 9000"))  # on link to everything
    facts[ends[-1]]["routes"].append({**networks.route("10.77.0.0/16 dev none"), "nexthops": [
        {"device": name} for name in list(facts[ends[-1]]["interfaces"])[:1] * 2]})
    network = Network.build(facts, variables)
    asking = 0
    addresses = [one["address"] for known in facts.values() for link in known["interfaces"].values()
                 for one in link["addresses"] if ":" not in one["address"]]
    for address in [*addresses, "10.77.1.1", "9.9.9.9"]:
        may = network.topology.may_ask_for(address)
        for host in network.hosts:
            for name in network.topology.interfaces(host):
                packet = Packet(Flow("udp", "0.0.0.0", address, None, 9))
                ways = [(one.device, one.next_hop) for one in network.hosts[host].lookup(packet).branches]
                if (name, address) in ways:
                    asking += 1
                    assert (host, name) in may, (host, name, address)
    assert asking > len(addresses) // 2
