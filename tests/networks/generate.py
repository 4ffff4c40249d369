# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole random networks: a shape, some features, some faults, and the flows that are tried in it."""

from __future__ import annotations

import random

from ansible_collections.netpath.symmetry.tests.networks import features, filters, narrow
from ansible_collections.netpath.symmetry.tests.networks.topologies import random_world
from ansible_collections.netpath.symmetry.tests.networks.world import V4, V6, Ask, World

FIRST_NUMBER = 20000  # of client ports; services are below
FLOWS = (12, 16)

_FEATURES: dict[features.Feature, int] = {
    features.reverse_path_filters: 5,
    features.strict_on_dual_homed: 3,
    features.source_rules: 3,
    features.symmetric_return: 2,
    features.policy_rules: 4,
    filters.stateful_firewall: 4,
    filters.firewall_pair: 5,
    filters.stateless_filter: 4,
    filters.notrack: 1,
    filters.masquerade: 2,
    filters.source_nat: 4,
    filters.destination_nat: 3,
    filters.redirect: 1,
}
_FAULTS: dict[features.Feature, int] = {
    features.forwarding_off: 2,
    features.missing_route: 3,
    features.rejecting_route: 4,
    features.loop: 2,
    features.dead_gateway: 2,
    features.wrong_next_hop: 2,
    features.link_down: 2,
}


def generate(seed: int) -> World:
    """The network of a seed."""
    dice = random.Random(f"network {seed}")
    world = random_world(seed, dice)
    world.static_neighbours = dice.random() < 0.4
    for feature in _pick(_FEATURES, dice, dice.randint(1, 4)):
        if feature(world, dice):
            world.features[feature.__name__.replace("_", " ")] += 1
    for fault in _pick(_FAULTS, dice, dice.choice((0, 1, 1, 2, 2))):
        if fault(world, dice):
            world.features[fault.__name__.replace("_", " ")] += 1
    _settle(world, dice)
    world.asks = _asks(world, dice)
    narrow.some_links(world, random.Random(f"narrow links {seed}"))  # dice of its own: the rest stays as it was
    return world


def _pick(weights: dict[features.Feature, int], dice: random.Random, count: int) -> list[features.Feature]:
    chosen: list[features.Feature] = []
    for _each in range(count):
        left = [one for one in weights if one not in chosen]
        chosen.append(dice.choices(left, [weights[one] for one in left])[0])
    return chosen


def _settle(world: World, dice: random.Random) -> None:
    """What every network has: settings that the features did not make, and the names of what is in it."""
    for node in world.nodes.values():
        node.sysctls["ipv4/fib_multipath_hash_policy"] = str(world.hash_policy)
        node.sysctls["ipv6/fib_multipath_hash_policy"] = str(world.hash_policy)
        node.sysctls["ipv4/fib_multipath_hash_fields"] = node.sysctls["ipv6/fib_multipath_hash_fields"] = "55"  # 0x37
        # hashes of two hosts are then independent of each other
        node.sysctls["ipv4/fib_multipath_hash_seed"] = str(dice.randint(1, 1 << 31))
        if node.router and dice.random() < 0.3:
            for plug in node.plugs:
                node.sysctls[f"ipv4/conf/{plug.device}/send_redirects"] = "0"
            node.sysctls["ipv4/conf/all/send_redirects"] = "0"
    world.features[f"shape {world.shape}"] += 1
    world.features["static neighbours" if world.static_neighbours else "real neighbours"] += 1
    if world.ecmp:
        world.features[f"ECMP allowed, hash policy {world.hash_policy}"] += 1


def _asks(world: World, dice: random.Random) -> list[Ask]:
    asks: list[Ask] = []
    seen: set[tuple[str, str, str, int]] = set()
    wanted = dice.randint(*FLOWS)
    for _attempt in range(wanted * 5):
        if len(asks) == wanted:
            break
        ask = _ask(world, dice, len(asks))
        key = (ask.protocol, ask.source, ask.destination, ask.port)
        if ask.destination in world.nodes[ask.node].addresses(ask.family) or key in seen:
            continue
        seen.add(key)
        asks.append(ask)
    return asks


def _ask(world: World, dice: random.Random, index: int) -> Ask:
    family = dice.choices((V4, V6), (3, 1))[0]
    client = dice.choice(world.leaves() if dice.random() < 0.93 else list(world.nodes.values()))
    protocol = dice.choices(("tcp", "udp", "icmp"), (5, 3, 2))[0]
    server = dice.choice([node for node in world.leaves() if node is not client] or world.routers())
    if dice.random() < 0.08:
        server = dice.choice(world.routers())
    destination = dice.choice(server.addresses(family))
    port = dice.choice(filters.PORTS.get(protocol, (0,)))
    if world.services and dice.random() < 0.3:
        family, protocol, destination, port = dice.choice(world.services)
    lost = {plug.addresses[V6] for plug in client.plugs if plug.device in client.down}  # as IPv6 does it
    source = dice.choice([one for one in client.addresses(family) if one not in lost] or client.addresses(V4))
    gone = {plug.addresses[V6] for node in world.nodes.values() for plug in node.plugs if plug.device in node.down}
    if destination in gone or (":" not in source and family == V6):
        return _ask(world, dice, index)
    number = FIRST_NUMBER + index * 64
    return Ask(f"f{index}", protocol, family, client.name, source, destination, number, port)
