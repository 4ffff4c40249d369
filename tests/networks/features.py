# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What random networks have besides plain routes: reverse-path filters, policy rules, marks, and faults in routing."""

from __future__ import annotations

import random
import typing as t

from ansible_collections.netpath.symmetry.tests.networks.topologies import gateways
from ansible_collections.netpath.symmetry.tests.networks.world import V4, V6, Leg, Node, World

Feature = t.Callable[[World, random.Random], bool]
REJECTING = ("unreachable", "blackhole", "prohibit")


def reverse_path_filters(world: World, dice: random.Random) -> bool:
    """rp_filter of every kind: of "all" and of interfaces, on some nodes or on all."""
    everywhere = dice.random() < 0.4
    for node in world.nodes.values():
        if everywhere or dice.random() < 0.5:
            node.sysctls["ipv4/conf/all/rp_filter"] = str(dice.choice((0, 0, 1, 2)))
            for plug in node.plugs:
                node.sysctls[f"ipv4/conf/{plug.device}/rp_filter"] = str(dice.choice((0, 1, 1, 2)))
    return True


def strict_on_dual_homed(world: World, dice: random.Random) -> bool:
    """Strict rp_filter where hosts with two uplinks send by the wrong one; with real ARP nobody answers them."""
    homed = [node for node in world.leaves() if len(node.plugs) > 1]
    for node in homed:
        for plug in node.plugs:
            for other in world.neighbours_of(plug):
                world.nodes[other.node].sysctls[f"ipv4/conf/{other.device}/rp_filter"] = "1"
    world.static_neighbours = world.static_neighbours and dice.random() < 0.3
    return bool(homed)


def source_rules(world: World, dice: random.Random) -> bool:
    """`from` rules on hosts with several uplinks: the right ones, or crossed."""
    homed = [node for node in world.leaves() if len(node.plugs) > 1]
    for node in homed:
        crossed = dice.random() < 0.25
        for index, plug in enumerate(node.plugs):
            source = node.plugs[index - 1] if crossed else plug
            for family in (V4, V6):
                table = str(100 + index)
                node.routes[family, table, "default"] = [dice.choice(gateways(world, node, plug.segment, family))]
                node.rules.append((family, f"from {source.addresses[family]} lookup {table} pref {1000 + index}"))
        world.features["crossed source rules"] += crossed
    return bool(homed)


def symmetric_return(world: World, dice: random.Random) -> bool:
    """Replies leave where the request came in: connection marks on a host with several uplinks."""
    homed = [node for node in world.leaves() if len(node.plugs) > 1]
    for node in homed:
        chosen = "\n  ".join(
            f'ct state new iifname "{plug.device}" counter ct mark set {index + 1}'
            for index, plug in enumerate(node.plugs))
        node.tables.append(
            f"table inet symmetric {{\n chain pre {{ type filter hook prerouting priority -150;\n  {chosen}\n }}\n"
            " chain out { type route hook output priority -150;\n"
            "  ct direction reply counter meta mark set ct mark\n }\n}\n")
        for index, plug in enumerate(node.plugs):
            for family in (V4, V6):
                table = str(110 + index)
                node.routes[family, table, "default"] = [dice.choice(gateways(world, node, plug.segment, family))]
                node.rules.append((family, f"fwmark {index + 1} lookup {table} pref {900 + index}"))
    return bool(homed)


def policy_rules(world: World, dice: random.Random) -> bool:
    """Rules on a router for some of the traffic: another next hop, or none."""
    node = dice.choice(world.routers())
    for number in range(dice.randint(1, 3)):
        family = dice.choice((V4, V4, V6))
        table = str(200 + number)
        others = [leg for plug in node.plugs for leg in gateways(world, node, plug.segment, family)]
        if not others:
            return False
        roll = dice.random()
        words = _selector(world, node, family, dice)
        if roll < 0.75:
            node.routes[family, table, "default"] = [dice.choice(others)]
            action = f"lookup {table}"
        elif roll < 0.9:
            node.routes[family, table, "default"] = dice.choice((*REJECTING, "throw"))
            action = f"lookup {table}"
        else:
            action = dice.choice(("unreachable", "prohibit", "blackhole"))
        node.rules.append((family, f"{words} pref {500 + number} {action}"))
    return True


def _selector(world: World, node: Node, family: int, dice: random.Random) -> str:
    """The words by which a rule selects, and what it needs to be asked."""
    segment = dice.choice(world.segments)
    prefix = segment.prefix(family)
    plug = dice.choice(node.plugs)
    kind = dice.choice(("from", "to", "iif", "fwmark", "dport", "sport", "ipproto", "tos", "not to"))
    world.features[f"rule by {kind}"] += 1
    if kind == "fwmark":
        by_interface = f'iifname "{plug.device}"'
        match = dice.choice(("meta l4proto tcp", "meta l4proto udp", by_interface, "tcp dport { 80, 443 }"))
        value = dice.choice((1, 2, 0x10))
        node.tables.append(
            f"table inet marks{len(node.tables)} {{\n chain pre {{ type filter hook prerouting priority -150;\n"
            f"  {match} counter meta mark set {value}\n }}\n}}\n")
        return f"fwmark {value}/{dice.choice(('0xff', hex(value)))}"
    return {
        "from": f"from {prefix}", "to": f"to {prefix}", "iif": f"iif {plug.device}",
        "dport": "ipproto tcp dport 80", "sport": "sport 80-443", "ipproto": f"ipproto {dice.choice(('tcp', 'udp'))}",
        "tos": f"from {prefix} tos 0x10", "not to": f"not to {prefix} iif {plug.device}",
    }[kind]


def forwarding_off(world: World, dice: random.Random) -> bool:
    node = dice.choice(world.routers())
    family = dice.choice((V4, V4, V6))
    if family == V4 and dice.random() < 0.5:
        node.sysctls[f"ipv4/conf/{dice.choice(node.plugs).device}/forwarding"] = "0"
    elif family == V4:
        node.sysctls["ipv4/ip_forward"] = "0"
    else:
        node.sysctls["ipv6/conf/all/forwarding"] = "0"
    return True


def missing_route(world: World, dice: random.Random) -> bool:
    return _change_route(world, dice, lambda node, family: "")


def rejecting_route(world: World, dice: random.Random) -> bool:
    kind = dice.choice(REJECTING)
    world.features[f"route of type {kind}"] += 1
    return _change_route(world, dice, lambda node, family: kind)


def loop(world: World, dice: random.Random) -> bool:
    """Two routers that send the same prefix to each other."""
    pairs = [(plug, other) for node in world.routers() for plug in node.plugs for other in world.neighbours_of(plug)
             if world.nodes[other.node].router]
    if not pairs:
        return False
    one, other = dice.choice(pairs)
    family = dice.choice((V4, V4, V6))
    goals = [prefix for (f, table, prefix) in world.nodes[one.node].routes if f == family and table == "main"
             and (f, table, prefix) in world.nodes[other.node].routes]
    if not goals:
        return False
    prefix = dice.choice(goals)
    world.nodes[one.node].routes[family, "main", prefix] = [Leg(one.device, other.addresses[family])]
    world.nodes[other.node].routes[family, "main", prefix] = [Leg(other.device, one.addresses[family])]
    return True


def dead_gateway(world: World, dice: random.Random) -> bool:
    """A route by a gateway that nobody is, which the host has found out already."""

    def legs(node: Node, family: int) -> list[Leg]:
        plug = dice.choice(node.plugs)
        address = world.segments[plug.segment - 1].address(family, 77)
        node.dead_gateways.append((family, address))
        return [Leg(plug.device, address)]

    return _change_route(world, dice, legs, anyone=True)


def wrong_next_hop(world: World, dice: random.Random) -> bool:
    """A router that sends a prefix by another neighbour than it should."""

    def legs(node: Node, family: int) -> list[Leg]:
        others = [leg for plug in node.plugs for leg in gateways(world, node, plug.segment, family)]
        return [dice.choice(others)] if others else []

    return _change_route(world, dice, legs)


def link_down(world: World, dice: random.Random) -> bool:
    """One end of a wire is set down; the other end loses its carrier, and its routes stay."""
    segment = dice.choice(world.segments)
    plug = dice.choice(segment.plugs)
    world.nodes[plug.node].down.append(plug.device)
    if dice.random() < 0.4:
        for node in world.nodes.values():
            node.sysctls["ipv4/conf/all/ignore_routes_with_linkdown"] = "1"
            node.sysctls["ipv6/conf/all/ignore_routes_with_linkdown"] = "1"
        world.features["ignore_routes_with_linkdown"] += 1
    return True


def _change_route(
    world: World, dice: random.Random, change: t.Callable[[Node, int], list[Leg] | str], anyone: bool = False
) -> bool:
    """Change one or two routes of a node."""
    candidates = list(world.nodes.values()) if anyone else world.routers()
    node = dice.choice(candidates)
    family = dice.choice((V4, V4, V6))
    hosts = {plug.segment for leaf in world.leaves() for plug in leaf.plugs}
    wanted = {world.segments[number - 1].prefix(family) for number in hosts} | {"default"}
    keys = [key for key in node.routes if key[0] == family and key[1] == "main" and key[2] in wanted]
    for key in dice.sample(keys, min(len(keys), dice.randint(1, 3))):
        legs = change(node, family)
        if legs != []:
            node.routes[key] = legs
    return bool(keys)
