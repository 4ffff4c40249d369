# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions that a host finds again are those that it would make anew."""

from __future__ import annotations

import ipaddress
import itertools
import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

Dict = dict[str, t.Any]
_PREFIXES = {
    4: ("0.0.0.0/0", "10.0.0.0/8", "10.0.1.0/24", "10.0.1.128/25", "10.0.2.0/24", "20.0.0.0/8", "20.1.0.0/16",
        "20.1.1.1/32"),
    6: ("::/0", "fd00::/8", "fd00:1::/64", "fd00:2::/64", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::1/128"),
}
_OF_RULES = {
    4: ("20.1.0.0/17", "10.0.1.64/26", "20.0.0.0/8"), 6: ("fd00:1::8000:0:0:0/65", "2001:db8::/33", "fd00::/8"),
}  # fmt: skip
_OWN = {4: ("10.0.1.1", "10.0.1.7", "10.0.1.70"), 6: ("fd00:1::1", "fd00:1::7", "fd00:1::8000:0:0:7")}
_EDGES = {4: ("127.0.0.1", "224.0.0.5", "0.0.0.0", "255.255.255.255", "10.0.1.255"), 6: ("::1", "fe80::9", "ff02::5")}


def random_host(dice: random.Random) -> Host:
    """Two interfaces with addresses of both families, routes of every type, and rules that look at all a packet has."""
    addresses = {"a": ("10.0.1.1/24", "fd00:1::1/64"), "b": ("10.0.2.1/24", "fd00:2::1/64")}
    interfaces: Dict = {"lo": {"index": 1, "kind": "loopback"}}
    routes: list[Dict] = []
    for index, (name, texts) in enumerate(addresses.items(), 2):
        found = [ipaddress.ip_interface(text) for text in texts]
        listed = [{"family": one.version, "address": str(one.ip), "prefixlen": one.network.prefixlen} for one in found]
        interfaces[name] = {"index": index, "addresses": listed}
        for one in found:
            own = {"family": one.version, "table": 255, "dst": f"{one.ip}/{one.ip.max_prefixlen}", "type": "local",
                   "protocol": 2}
            link = {"family": one.version, "table": 254, "dst": str(one.network), "scope": "link"}
            routes += [{**link, "nexthops": [{"device": name}]}]
            if dice.random() < 0.7:
                routes.append({**own, "scope": "host", "nexthops": [{"device": name}]})
    for family in (4, 6):
        gateway = "10.0.2.9" if family == 4 else "fd00:2::9"
        routes.append({"family": family, "table": 100, "dst": _PREFIXES[family][0],
                       "nexthops": [{"device": "b", "gateway": gateway}]})
        routes += [_random_route(dice, family) for _each in range(6)]
    sysctls = {
        name: {"rp_filter": dice.choice((0, 0, 1, 2)), "forwarding": dice.choice((1, 1, 1, 0)), "forwarding6": 1,
               "src_valid_mark": dice.randrange(2), "accept_local": dice.randrange(2)}
        for name in ("all", "lo", "a", "b")
    }  # fmt: skip
    kernels = [
        {"family": family, "priority": priority, "table": table, "protocol": 2}
        for family, priority, table in ((4, 0, 255), (4, 32766, 254), (4, 32767, 253), (6, 0, 255), (6, 32766, 254))
    ]
    rules = [_random_rule(dice, dice.choice((4, 6))) for _each in range(dice.randrange(4))]
    return Host.from_facts("r", {
        "kernel": dice.choice(("6.18.1", "6.1.0")), "interfaces": interfaces, "routes": routes,
        "rules": sorted(kernels + rules, key=lambda rule: int(rule["priority"])), "interface_sysctls": sysctls,
        "local_table_merged": not rules and dice.random() < 0.5,
    })  # fmt: skip


def _random_route(dice: random.Random, family: int) -> Dict:
    route: Dict = {"family": family, "table": dice.choice((254, 254, 100)), "dst": dice.choice(_PREFIXES[family])}
    kind = dice.choice(("unicast",) * 6 + ("blackhole", "unreachable", "throw"))
    if kind != "unicast":
        return {**route, "type": kind}
    net = {"a": ("10.0.1.", "fd00:1::"), "b": ("10.0.2.", "fd00:2::")}
    legs = []
    for device in dice.sample(("a", "b"), dice.choice((1, 1, 2))):
        leg = {"device": device, "gateway": f"{net[device][family == 6]}9", "weight": dice.randint(1, 3)}
        legs.append(leg if dice.random() < 0.7 else {"device": device})
    return {**route, "nexthops": legs, "metric": dice.choice((0, 0, 10)), "tos": dice.choice((0, 0, 0, 8))}


def _random_rule(dice: random.Random, family: int) -> Dict:
    others: list[Dict] = [
        {"iif": "a"}, {"oif": "b"}, {"fwmark": 16}, {"tos": 8}, {"ipproto": 17}, {"dport": [80, 443]},
        {"uidrange": [0, 999]}, {}, {}, {},
    ]  # fmt: skip
    prefix = {dice.choice(("src", "dst")): dice.choice(_OF_RULES[family])} if dice.random() < 0.7 else {}
    return {"family": family, "priority": dice.randint(1, 999), "table": 100, **prefix, **dice.choice(others)}


def random_addresses(dice: random.Random, family: int) -> list[str]:
    """A few addresses: of the host, beside them, in and out of each range, and such as the kernel sets apart."""
    found = [*_EDGES[family], *_OWN[family]]
    for _each in range(8):
        network = ipaddress.ip_network(dice.choice(_PREFIXES[family][1:]))
        found.append(str(network[dice.randrange(network.num_addresses)]))
    return found


def random_packet(dice: random.Random, addresses: list[str]) -> Packet:
    source, destination = dice.choice(addresses), dice.choice(addresses)
    protocol = dice.choice(("tcp", "udp", "icmpv6" if ":" in source else "icmp"))
    ports = (dice.choice((None, 1000)), dice.choice((80, 8080))) if "icmp" not in protocol else (None, None)
    flow = Flow(protocol, source, destination, *ports)
    return Packet(flow, mark=dice.choice((0, 0, 16)), tos=dice.choice((0, 0, 8)), uid=dice.choice((None, 0, 1000)))


@pytest.mark.parametrize("seed", range(40))
def test_a_decision_that_is_found_again_is_the_one_that_would_be_made(seed: int) -> None:
    dice = random.Random(seed)
    host = random_host(dice)
    addresses = [random_addresses(dice, family) for family in (4, 6)]
    found = 0
    for _each in range(200):
        packet = random_packet(dice, dice.choice(addresses))
        for iif, oif in itertools.chain((("a", None), ("b", None)), ((None, one) for one in (None, "b"))):
            if iif is None:
                settled, anew = routing.route_output(host, packet, oif), routing._route_output(host, packet, oif)
            else:
                settled, anew = routing.route_input(host, packet, iif), routing._route_input(host, packet, iif)
            assert settled == anew, f"seed {seed}: {packet} in by {iif}, bound to {oif}"
            found += settled[0].outcome in ("forward", "local")
    assert found > 30, f"seed {seed}: hardly a packet passes, so that nothing is found again"


def test_addresses_of_both_families_are_told_apart() -> None:
    host = random_host(random.Random(1))
    assert [routing.route_input(host, Packet(Flow("udp", source, own, 9, 9)), "a")[0].lookup.branches[0].route.family
            for source, own in (("10.0.1.7", "10.0.1.1"), ("fd00:1::7", "fd00:1::1"))] == [4, 6]
