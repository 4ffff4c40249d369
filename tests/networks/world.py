# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network as data: nodes, wires, what each node is told, and the flows that are tried.

Everything random is settled here, before anything is built, so that a network can be printed as commands.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

V4, V6 = 4, 6


@dataclasses.dataclass(frozen=True)
class Leg:
    """One next hop of a route."""

    device: str
    gateway: str = ""  # empty: on link
    weight: int = 1


@dataclasses.dataclass
class Plug:
    """An interface of a node on a segment, with its addresses by family."""

    node: str
    device: str
    segment: int
    addresses: dict[int, str]  # family: address without prefix length
    mtu: int = 0  # 0: as it comes, 1500


@dataclasses.dataclass
class Segment:
    """A layer-2 domain: a wire where two are on it, else a switch."""

    number: int
    plugs: list[Plug] = dataclasses.field(default_factory=list)

    def prefix(self, family: int) -> str:
        return f"10.{self.number}.0.0/24" if family == V4 else f"fd00:{self.number:x}::/64"

    def address(self, family: int, index: int) -> str:
        return f"10.{self.number}.0.{index}" if family == V4 else f"fd00:{self.number:x}::{index:x}"


@dataclasses.dataclass
class Node:
    """A host or router, and what it is told."""

    name: str
    router: bool
    loopbacks: dict[int, str] = dataclasses.field(default_factory=dict)  # service address by family
    plugs: list[Plug] = dataclasses.field(default_factory=list)
    # (family, table, prefix) to legs, or to the type of a route that rejects; "" takes the route away
    routes: dict[tuple[int, str, str], list[Leg] | str] = dataclasses.field(default_factory=dict)
    rules: list[tuple[int, str]] = dataclasses.field(default_factory=list)  # family and words of `ip rule add`
    sysctls: dict[str, str] = dataclasses.field(default_factory=dict)  # below /proc/sys/net
    tables: list[str] = dataclasses.field(default_factory=list)  # nft
    down: list[str] = dataclasses.field(default_factory=list)  # interfaces that are set down
    dead_gateways: list[tuple[int, str]] = dataclasses.field(default_factory=list)  # family, address nobody has

    def plug_on(self, segment: int) -> Plug | None:
        return next((plug for plug in self.plugs if plug.segment == segment), None)

    def addresses(self, family: int) -> list[str]:
        own = [plug.addresses[family] for plug in self.plugs]
        return [*own, *([self.loopbacks[family]] if family in self.loopbacks else [])]


@dataclasses.dataclass(frozen=True)
class Ask:
    """A flow that is tried: from which node, and the text the engine is given."""

    name: str
    protocol: str  # tcp, udp, icmp
    family: int
    node: str
    source: str
    destination: str
    number: int  # client port or echo id, unique in the network
    port: int = 0

    def text(self) -> str:
        if self.protocol == "icmp":
            return f"icmp {self.source} > {self.destination}"
        left, right = (f"[{x}]" if self.family == V6 else x for x in (self.source, self.destination))
        return f"{self.protocol} {left}:{self.number} > {right}:{self.port}"

    def again(self, number: int, name: str) -> Ask:
        """The same question with another client port."""
        return dataclasses.replace(self, number=number, name=name)


@dataclasses.dataclass
class World:
    """A whole network."""

    seed: int
    shape: str
    nodes: dict[str, Node] = dataclasses.field(default_factory=dict)
    segments: list[Segment] = dataclasses.field(default_factory=list)
    asks: list[Ask] = dataclasses.field(default_factory=list)
    features: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    static_neighbours: bool = False
    ecmp: bool = False
    hash_policy: int = 3
    services: list[tuple[int, str, str, int]] = dataclasses.field(default_factory=list)  # family, proto, address, port
    # node, protocol, address (or interface, with redirect) and port as a packet comes in: what the node makes of it
    forwarded_to: dict[tuple[str, str, str, int], tuple[str, int]] = dataclasses.field(default_factory=dict)

    def routers(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.router]

    def leaves(self) -> list[Node]:
        return [node for node in self.nodes.values() if not node.router]

    def plug(self, segment: Segment, name: str) -> None:
        """Put a node on a segment."""
        node = self.nodes[name]
        index = len(segment.plugs) + 1
        addresses = {family: segment.address(family, index) for family in (V4, V6)}
        plug = Plug(name, f"e{segment.number}", segment.number, addresses)
        segment.plugs.append(plug)
        node.plugs.append(plug)

    def neighbours_of(self, plug: Plug) -> list[Plug]:
        return [other for other in self.segments[plug.segment - 1].plugs if other is not plug]

    def plug_of(self, address: str) -> Plug | None:
        """The interface that has an address."""
        return next((plug for node in self.nodes.values() for plug in node.plugs
                     if address in plug.addresses.values()), None)


def address_lines(node: Node) -> list[str]:
    """`ip -batch` lines that give a node its addresses and put its links up."""
    lines = ["link set dev lo up"]
    for family, address in node.loopbacks.items():
        lines.append(f"addr add {address}/{32 if family == V4 else 128} dev lo")
    for plug in node.plugs:
        lines.append(f"addr add {plug.addresses[V4]}/24 dev {plug.device}")
        lines.append(f"addr add {plug.addresses[V6]}/64 dev {plug.device} nodad")
        if plug.mtu:
            lines.append(f"link set dev {plug.device} mtu {plug.mtu}")
        lines.append(f"link set dev {plug.device} up")
    return lines


def routing_lines(node: Node, family: int) -> list[str]:
    """`ip -4 -batch` or `ip -6 -batch` lines of routes and rules."""
    lines = []
    for (one, table, prefix), legs in node.routes.items():
        if one == family and legs:
            where = "" if table == "main" else f" table {table}"
            lines.append(f"route add {_route(prefix, legs)}{where}")
    lines += [f"rule add {words}" for one, words in node.rules if one == family]
    return lines


def neighbour_lines(world: World, node: Node, family: int) -> list[str]:
    """`ip` lines of permanent neighbours, where the network has such."""
    if not world.static_neighbours:
        return []
    return [f"neigh replace {other.addresses[family]} dev {plug.device} lladdr {mac_of(other)} nud permanent"
            for plug in node.plugs for other in world.neighbours_of(plug)]


def mac_of(plug: Plug) -> str:
    """The MAC address that an interface is given."""
    return f"02:00:00:00:{plug.segment:02x}:{int(plug.addresses[V4].rpartition('.')[2]):02x}"


def sysctls_of(node: Node) -> dict[str, str]:
    """All that are set: those of whole families first, for they set those of interfaces."""
    forwards = str(int(node.router))
    return {"ipv4/ip_forward": forwards, "ipv6/conf/all/forwarding": forwards} | node.sysctls


def _route(prefix: str, legs: list[Leg] | str) -> str:
    if isinstance(legs, str):
        return f"{legs} {prefix}"
    hops = [f"{f'via {leg.gateway} ' if leg.gateway else ''}dev {leg.device}" for leg in legs]
    if len(legs) == 1:
        return f"{prefix} {hops[0]}"
    return " ".join([prefix, *(f"nexthop {hop} weight {leg.weight}" for hop, leg in zip(hops, legs, strict=True))])


def transcript(world: World) -> str:
    """The network as commands that anyone can paste into a root shell."""
    lines = [f"# network of seed {world.seed}: {world.shape}; {', '.join(sorted(world.features))}"]
    lines += [f"ip netns add {name}" for name in world.nodes]
    for segment in world.segments:
        lines += _wire_commands(segment)
    for node in world.nodes.values():
        lines += [f"ip netns exec {node.name} ip {line}" for line in address_lines(node)]
    for node in world.nodes.values():
        run = f"ip netns exec {node.name}"
        lines += [f"{run} sysctl -qw net.{path.replace('/', '.')}={value}" for path, value in sysctls_of(node).items()]
        for family in (V4, V6):
            routing = routing_lines(node, family) + neighbour_lines(world, node, family)
            lines += [f"{run} ip -{family} {line}" for line in routing]
        lines += [f"{run} nft -f - <<'EOF'\n{table}EOF" for table in node.tables]
    lines += [f"ip netns exec {node.name} ip link set dev {device} down"
              for node in world.nodes.values() for device in node.down]
    return "\n".join(lines)


def _end(plug: Plug) -> str:
    return f"{plug.device} address {mac_of(plug)} netns {plug.node}"


def _wire_commands(segment: Segment) -> t.Iterator[str]:
    if len(segment.plugs) == 2:
        one, other = segment.plugs
        yield f"ip link add {_end(one)} type veth peer name {_end(other)}"
        return
    switch = f"switch{segment.number}"
    yield f"ip netns add {switch}; ip -n {switch} link add br0 type bridge; ip -n {switch} link set br0 up"
    for index, plug in enumerate(segment.plugs):
        yield f"ip link add {_end(plug)} type veth peer name p{index} netns {switch}"
        yield f"ip -n {switch} link set p{index} master br0 up"
