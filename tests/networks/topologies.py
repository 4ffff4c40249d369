# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random shapes of networks, and routes that lead everywhere before anything is broken on purpose.

Every node that sends by a segment has a cost of its own for it, so that the two directions of a flow may differ though
nothing is wrong: that is asymmetry by accident.
"""

from __future__ import annotations

import random
import typing as t

from ansible_collections.netpath.symmetry.tests.networks.world import V4, V6, Leg, Node, Segment, World

_FAR = 10**6
Members = t.Sequence[t.Sequence[str]]  # the nodes of every segment


def random_world(seed: int, dice: random.Random) -> World:
    """A network of 3 to 12 hosts with complete routes and no rules yet."""
    shape, build = dice.choice(list(_SHAPES.items()))
    world = World(seed, shape)
    _wire(world, build(dice))
    world.ecmp = dice.random() < 0.45
    world.hash_policy = dice.choice((3, 3, 0))
    for node in world.leaves():
        if dice.random() < 0.5:
            number = int(node.name[1:])
            node.loopbacks = {V4: f"10.200.{number}.1", V6: f"fd00:c8:{number:x}::1"}
    costs = _costs(world, dice)
    for family in (V4, V6):
        _route_all(world, family, costs, dice)
    return world


# the shapes: r... route, h... are hosts
def _chain(dice: random.Random) -> Members:
    middle = [f"r{number}" for number in range(1, dice.randint(1, 5) + 1)]
    line = ["h1", *middle, "h2"]
    segments = [list(pair) for pair in zip(line, line[1:], strict=False)]
    for number in range(3, dice.randint(2, 4) + 1):
        segments.append([dice.choice(middle), f"h{number}"])
    return segments


def _dual_homed(dice: random.Random) -> Members:
    """A server on two routers, which lead to a core, maybe each through a firewall of its own."""
    segments = [["h1", "r1"], ["h1", "r2"], ["r3", "h2"]]
    if dice.random() < 0.5:
        segments += [["r1", "r4"], ["r2", "r5"], ["r4", "r3"], ["r5", "r3"]]
    else:
        segments += [["r1", "r3"], ["r2", "r3"]]
    if dice.random() < 0.4:
        segments.append(["r1", "r2"])
    if dice.random() < 0.5:
        segments += [["h3", "r3"]]
    if dice.random() < 0.4:
        segments += [["h3" if dice.random() < 0.5 else "h4", "r1"]]
    return segments


def _pair(dice: random.Random) -> Members:
    """Two boxes side by side between two routers: a firewall pair, or ECMP."""
    boxes = [f"r{number}" for number in range(3, 3 + dice.choice((2, 2, 3)))]
    segments = [["h1", "r1"], ["r2", "h2"]]
    for box in boxes:
        segments += [["r1", box], [box, "r2"]]
    if dice.random() < 0.3:
        segments.append([boxes[0], boxes[1]])
    for number in range(3, dice.randint(2, 5) + 1):
        segments.append([dice.choice(("r1", "r2")), f"h{number}"])
    return segments


def _lan(dice: random.Random) -> Members:
    """Hosts on a switch with two gateways, and what is beyond them."""
    hosts = [f"h{number}" for number in range(1, dice.randint(1, 3) + 1)]
    segments = [[*hosts, "r1", "r2"], ["r3", "h4"]]
    if dice.random() < 0.5:
        segments += [["r1", "r2", "r3"]]
    else:
        segments += [["r1", "r3"], ["r2", "r3"]]
    if dice.random() < 0.5:
        segments += [[hosts[-1], "r3"]]
    if dice.random() < 0.4:
        segments += [["h5", "r2"]]
    return segments


def _mesh(dice: random.Random) -> Members:
    routers = [f"r{number}" for number in range(1, dice.randint(3, 7) + 1)]
    segments = [[dice.choice(routers[:index]), routers[index]] for index in range(1, len(routers))]
    for _extra in range(dice.randint(1, len(routers))):
        pair = dice.sample(routers, 2)
        if pair not in segments and pair[::-1] not in segments:
            segments.append(pair)
    for number in range(1, dice.randint(2, 5) + 1):
        for router in dice.sample(routers, dice.choice((1, 1, 2))):
            segments.append([f"h{number}", router])
    return segments


_SHAPES = {"chain": _chain, "dual-homed": _dual_homed, "pair": _pair, "lan": _lan, "mesh": _mesh}


def _wire(world: World, members: Members) -> None:
    for name in dict.fromkeys(name for segment in members for name in segment):
        world.nodes[name] = Node(name, router=name.startswith("r"))
    for names in members:
        segment = Segment(len(world.segments) + 1)
        world.segments.append(segment)
        for name in names:
            world.plug(segment, name)


def _costs(world: World, dice: random.Random) -> dict[tuple[str, int], int]:
    """What it costs a node to send by a segment."""
    own = dice.random() < 0.5  # else the same for all who send by the segment: symmetric, but for equal costs
    world.features["costs of each sender its own" if own else "costs of the segment"] += 1
    choice = (1,) if world.ecmp and dice.random() < 0.6 else (1, 2, 3)
    shared = {segment.number: dice.choice(choice) for segment in world.segments}
    return {
        (plug.node, segment.number): dice.choice(choice) if own else shared[segment.number]
        for segment in world.segments for plug in segment.plugs
    }


Costs = t.Mapping[tuple[str, int], int]


def _route_all(world: World, family: int, costs: Costs, dice: random.Random) -> None:
    goals = [(segment.prefix(family), {plug.node for plug in segment.plugs}) for segment in world.segments]
    goals += [(node.loopbacks[family], {node.name}) for node in world.nodes.values() if family in node.loopbacks]
    for prefix, owners in goals:
        distance = _distances(world, owners, costs)
        for node in world.routers():
            if node.name not in owners:
                legs = next_hops(world, node, owners, distance, costs, family)
                if legs:
                    node.routes[family, "main", prefix] = legs if world.ecmp else [dice.choice(legs)]
    for node in world.leaves():
        _default(world, node, family, dice)


def _default(world: World, node: Node, family: int, dice: random.Random) -> None:
    """A host's default route: by one uplink, or by all of them."""
    legs = [leg for plug in node.plugs for leg in gateways(world, node, plug.segment, family)]
    world.features["dual-homed host"] += len(node.plugs) > 1
    chosen = legs if world.ecmp and len(legs) > 1 and dice.random() < 0.6 else [dice.choice(legs)]
    if len(chosen) > 1:
        world.features["ECMP at a host"] += 1
    node.routes[family, "main", "default"] = chosen


def gateways(world: World, node: Node, segment: int, family: int) -> list[Leg]:
    """The routers that a node may send to on a segment."""
    plug = node.plug_on(segment)
    if plug is None:
        return []
    return [Leg(plug.device, other.addresses[family]) for other in world.neighbours_of(plug)
            if world.nodes[other.node].router]


def _distances(world: World, owners: set[str], costs: Costs) -> dict[str, int]:
    """The cost from every node to the goal; only routers carry what is not for them (Bellman-Ford)."""
    distance = dict.fromkeys(world.nodes, _FAR) | dict.fromkeys(owners, 0)
    for _round in world.nodes:
        for node in world.nodes.values():
            for plug in node.plugs:
                for other in world.neighbours_of(plug):
                    if other.node in owners or world.nodes[other.node].router:
                        way = costs[node.name, plug.segment] + distance[other.node]
                        distance[node.name] = min(distance[node.name], way)
    return distance


def next_hops(
    world: World, node: Node, owners: set[str], distance: t.Mapping[str, int], costs: Costs, family: int
) -> list[Leg]:
    """All next hops of the least cost."""
    ways = [
        (costs[node.name, plug.segment] + distance[other.node], Leg(plug.device, other.addresses[family]))
        for plug in node.plugs for other in world.neighbours_of(plug)
        if other.node in owners or world.nodes[other.node].router
    ]
    best = min((way for way, _leg in ways), default=_FAR)
    return [leg for way, leg in ways if way == best] if best < _FAR else []
