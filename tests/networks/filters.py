# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables rule sets of random networks: firewalls that keep state, translations, and what goes past the state.

Every rule that drops has a counter, and every chain that drops by policy ends with one, so that the packets tell which
rule it was.
"""

from __future__ import annotations

import random
import typing as t

from ansible_collections.netpath.symmetry.tests.networks.world import V4, V6, Node, World

# what an IPv6 host cannot do without: whether it is filtered is another matter than these flows
_NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } counter accept"
PORTS = {"tcp": (22, 80, 443, 8080), "udp": (53, 514, 5353)}


def _transit(world: World, dice: random.Random) -> Node | None:
    """A router that lies between others."""
    found = [node for node in world.routers() if len(node.plugs) > 1]
    return dice.choice(found) if found else None


def stateful_firewall(world: World, dice: random.Random) -> bool:
    node = _transit(world, dice)
    if node is None:
        return False
    _firewall(world, node, dice)
    return True


def firewall_pair(world: World, dice: random.Random) -> bool:
    """The same rules on boxes side by side, which share no state (a state domain would join them here)."""
    boxes = [node for node in world.routers() if len(node.plugs) > 1]
    if len(boxes) < 2:
        return False
    for node in dice.sample(boxes, 2):
        _firewall(world, node, dice, open_to_all=True)
    return True


def _firewall(world: World, node: Node, dice: random.Random, open_to_all: bool = False) -> None:
    lines = []
    if dice.random() < 0.7:
        lines.append("ct state invalid counter drop")
    lines.append(dice.choice(("ct state established,related counter accept", "ct state established counter accept",
                              "ct direction reply ct state established counter accept")))
    allowed = "ct state new " if dice.random() < 0.8 else ""
    if open_to_all or dice.random() < 0.4:
        lines.append(f"{allowed}counter accept")
    else:
        inside = dice.sample(node.plugs, dice.randint(1, len(node.plugs)))
        for plug in inside:
            lines.append(f'iifname "{plug.device}" {allowed}{_some(world, dice)}counter accept')
    if dice.random() < 0.5:
        lines.insert(dice.randint(0, len(lines)), _denied(world, dice))
    policy = dice.choice(("drop", "drop", "accept"))
    if policy == "accept":
        lines.append("ct state != established counter drop" if dice.random() < 0.5 else "ct state invalid counter drop")
    name = f"fw{len(node.tables)}"
    node.tables.append(_chain(name, "forward", policy, lines))
    world.features[f"firewall with policy {policy}"] += 1


def _some(world: World, dice: random.Random) -> str:
    """A part of the traffic."""
    segment = dice.choice(world.segments)
    return dice.choice((
        "", "", "meta l4proto { tcp, udp } ", "tcp dport { 22, 80, 443 } ", "udp dport 53 ",
        f"ip daddr {segment.prefix(V4)} ", f"ip6 saddr {segment.prefix(V6)} ", "meta l4proto { icmp, ipv6-icmp } "))


def _denied(world: World, dice: random.Random) -> str:
    verdict = dice.choice(("drop", "reject", "drop"))
    part = _some(world, dice)
    if verdict == "reject" and dice.random() < 0.4:
        return "meta l4proto tcp counter reject with tcp reset"
    return f"{part}counter {verdict}"


def _chain(name: str, hook: str, policy: str, lines: t.Sequence[str], priority: str = "0") -> str:
    body = "\n  ".join([*lines, "counter"])
    return (f"table inet {name} {{\n chain {hook}_ {{ type filter hook {hook} priority {priority}; policy {policy};\n"
            f"  {body}\n }}\n}}\n")


def stateless_filter(world: World, dice: random.Random) -> bool:
    """Drops without state: by ports, addresses or interfaces, at any hook."""
    node = dice.choice(list(world.nodes.values()))
    hook = dice.choice(("forward", "forward", "prerouting", "postrouting") if node.router else ("input", "output"))
    # one at output: what a rule there answers would meet the other
    lines = [_denied(world, dice) for _each in range(dice.randint(1, 1 if hook == "output" else 2))]
    plain = [line for line in lines if "reject" not in line or hook in ("forward", "input", "output")]
    plain = [line if "icmp" not in line and not line.startswith("counter") else
             f"meta l4proto icmp {line[line.index('counter'):]}" for line in plain]
    if hook in ("input", "output") and dice.random() < 0.3:
        plain = ["meta l4proto ipv6-icmp counter accept", "ct state established,related counter accept",
                 f"{_some(world, dice)}counter accept"]
        node.tables.append(_chain(f"host{len(node.tables)}", hook, "drop", plain))
        world.features[f"policy drop at {hook}"] += 1
        return True
    node.tables.append(_chain(f"flat{len(node.tables)}", hook, "accept", [_NEIGHBOURS, *plain]))
    world.features[f"filter at {hook}"] += 1
    return bool(plain)


def notrack(world: World, dice: random.Random) -> bool:
    """Packets of one prefix are not tracked where a firewall looks at state."""
    node = _transit(world, dice)
    if node is None:
        return False
    segment = dice.choice(world.segments)
    side = dice.choice(("saddr", "daddr"))
    rules = [f"{word} {side} {segment.prefix(family)} counter notrack" for word, family in (("ip", V4), ("ip6", V6))]
    node.tables.append(
        f"table inet raw{len(node.tables)} {{\n chain pre {{ type filter hook prerouting priority -300;\n  "
        + "\n  ".join(rules) + "\n }\n}\n")
    _firewall(world, node, dice, open_to_all=True)
    return True


def masquerade(world: World, dice: random.Random) -> bool:
    node = _transit(world, dice)
    if node is None:
        return False
    plug = dice.choice(node.plugs)
    part = dice.choice(("", "", "meta l4proto tcp ", f"ip saddr {dice.choice(world.segments).prefix(V4)} "))
    node.tables.append(_nat(node, "postrouting", f'oifname "{plug.device}" {part}counter masquerade'))
    return True


def source_nat(world: World, dice: random.Random) -> bool:
    """snat to an address of the router, of another box, or of nobody."""
    node = _transit(world, dice)
    if node is None:
        return False
    plug = dice.choice(node.plugs)
    roll = dice.random()
    if roll < 0.3:
        address = dice.choice(node.plugs).addresses[V4]
        world.features["snat to an own address"] += 1
    elif roll < 0.75:
        other = dice.choice([one for one in world.nodes.values() if one is not node])
        address = dice.choice(other.plugs).addresses[V4]
        world.features["snat to the address of another box"] += 1
    else:
        address = dice.choice(world.segments).address(V4, 99)
        world.features["snat to the address of nobody"] += 1
    node.tables.append(_nat(node, "postrouting", f'oifname "{plug.device}" counter snat ip to {address}'))
    return True


def destination_nat(world: World, dice: random.Random) -> bool:
    """A service on an address of a router, or a port of a service moved."""
    node = _transit(world, dice)
    if node is None:
        return False
    server = dice.choice(world.leaves())
    family = dice.choice((V4, V4, V6))
    protocol = dice.choice(("tcp", "udp"))
    port = dice.choice(PORTS[protocol])
    word = "ip" if family == V4 else "ip6"
    target = dice.choice(server.addresses(family))
    virtual = dice.choice(node.plugs).addresses[family]
    inner_port = dice.choice(PORTS[protocol]) if dice.random() < 0.5 else port
    to = f"[{target}]" if family == V6 else target
    inner = f"{to}:{inner_port}" if inner_port != port else target
    rule = f"{word} daddr {virtual} {protocol} dport {port} counter dnat {word} to {inner}"
    node.tables.append(_nat(node, "prerouting", rule))
    world.forwarded_to.setdefault((node.name, protocol, virtual, port), (target, inner_port))
    world.services += [(family, protocol, virtual, port)] * 2
    if dice.random() < 0.3:
        node.tables.append(_nat(node, "postrouting", "ct status dnat counter masquerade"))
        world.features["dnat with masquerade"] += 1
    return True


def redirect(world: World, dice: random.Random) -> bool:
    """A router that takes connections to a port for itself."""
    node = _transit(world, dice)
    if node is None:
        return False
    protocol = dice.choice(("tcp", "udp"))
    port, own = dice.sample(PORTS[protocol], 2)
    plug = dice.choice(node.plugs)
    rule = f'iifname "{plug.device}" {protocol} dport {port} counter redirect to :{own}'
    node.tables.append(_nat(node, "prerouting", rule))
    for family in (V4, V6):
        key = (node.name, protocol, f"{plug.device} IPv{family}", port)
        world.forwarded_to.setdefault(key, (plug.addresses[family], own))
    return True


def _nat(node: Node, hook: str, rule: str) -> str:
    priority = -100 if hook == "prerouting" else 100
    return (f"table inet nat{len(node.tables)} {{\n chain {hook}_ {{ type nat hook {hook} priority {priority};\n"
            f"  {rule}\n }}\n}}\n")
