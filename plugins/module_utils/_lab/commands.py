# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the ip tool is told to build a topology: text for ``ip -batch``, each line with the place it comes from.

Wires are created directly inside the namespaces of their ends: at no time is
there an interface of the lab in the namespace of the machine.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import topology as model
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import Mark

PREFIX = "nps"
# What a machine's own settings must not leak into a lab: new namespaces copy part of them.
# accept_dad: a lab has no duplicate addresses, and waiting for the proof takes a second per interface.
BASELINE = {
    "ipv4": {"rp_filter": "0", "log_martians": "0", "accept_local": "0", "src_valid_mark": "0", "arp_filter": "0"},
    "ipv6": {"accept_dad": "0", "accept_ra": "0", "disable_ipv6": "0"},
}


@dataclasses.dataclass(frozen=True)
class Command:
    """One line of a batch, and the place in the topology file that asked for it."""

    text: str
    mark: t.Optional[Mark] = None


def namespace(lab: str, name: str) -> str:
    """The name of a network namespace of a lab; a lab's name has no hyphen, so the prefix is the lab's alone."""
    return f"{PREFIX}-{lab}-{name}"


def namespaces(lab: str, topology: model.Topology) -> list[str]:
    """Every network namespace of a lab: its hosts, the management network and, with segments or delays, the switch."""
    names = [host.name for host in topology.hosts] + ["mgmt"]
    if any(wire.name or wire.delay is not None for wire in topology.wires):
        names.append("switch")
    return [namespace(lab, name) for name in names]


def wires(lab: str, topology: model.Topology) -> list[Command]:
    """The links and segments; to be run in the switch's namespace, or that of management where there is no switch."""
    result: list[Command] = []
    switch_port = 0
    for wire in topology.wires:
        if wire.delay is not None:
            for port in wire.ports:
                switch_port += 1
                near = f"name p{switch_port} mtu {wire.mtu}"
                result.append(Command(f"link add {near} type veth peer {_end(lab, topology, wire, port)}", wire.mark))
                # Nothing speaks on this wire but its two hosts: no router solicitation of the switch.
                result.append(Command(f"link set dev p{switch_port} addrgenmode none arp off up", wire.mark))
            continue
        if not wire.name:
            near, far = (_end(lab, topology, wire, port) for port in wire.ports)
            result.append(Command(f"link add {near} type veth peer {far}", wire.mark))
            continue
        result += _bridge(wire.name, wire.mtu, wire.mark)
        for port in wire.ports:
            switch_port += 1
            near = f"name p{switch_port} mtu {wire.mtu}"
            result.append(Command(f"link add {near} type veth peer {_end(lab, topology, wire, port)}", port.mark))
            result.append(Command(f"link set dev p{switch_port} master {wire.name} up", port.mark))
    return result


def delays(topology: model.Topology) -> list[tuple[str, str, int]]:
    """The links with a delay: their interfaces in the switch, as ``wires`` numbers them, and microseconds."""
    result = []
    switch_port = 0
    for wire in topology.wires:
        if wire.delay is not None:
            result.append((f"p{switch_port + 1}", f"p{switch_port + 2}", wire.delay))
        if wire.name or wire.delay is not None:
            switch_port += len(wire.ports)
    return result


def management(lab: str, topology: model.Topology) -> list[Command]:
    """The management network; to be run in its namespace."""
    subnet = topology.management
    result = [Command("link set dev lo up"), *_bridge("mgmt", 1500, None)]
    result.append(Command(f"address add {subnet[1]}/{subnet.prefixlen} dev mgmt"))
    for number, host in enumerate(topology.hosts, start=1):
        far = f"name {model.MANAGEMENT_INTERFACE} address {topology.mac(host.name, model.MANAGEMENT_INTERFACE)}"
        near = f"name p{number}"
        result.append(Command(f"link add {near} type veth peer {far} netns {namespace(lab, host.name)}", host.mark))
        result.append(Command(f"link set dev p{number} master mgmt up", host.mark))
    return result


def rehearsal(topology: model.Topology, host: model.Host) -> list[Command]:
    """Interfaces of a host's names in an empty namespace, for a trial of its configuration before anything is built."""
    result = []
    names = [(model.MANAGEMENT_INTERFACE, 1500, host.mark)]
    names += [(port.interface, topology.mtu(port), port.mark) for port in topology.ports(host.name)]
    for number, (name, mtu, mark) in enumerate(names):
        far = f"far,{number}"  # no name of a topology holds a comma
        result.append(Command(f"link add name {name} mtu {mtu} type veth peer name {far} mtu {mtu}", mark))
        result.append(Command(f"link set dev {far} up", mark))
    return result


def baseline(topology: model.Topology, host: model.Host) -> list[str]:
    """Kernel settings of a fresh host, as ``path=value`` below /proc/sys; before its interfaces are set up."""
    interfaces = ["all", "default", "lo", model.MANAGEMENT_INTERFACE]
    interfaces += [port.interface for port in topology.ports(host.name)]
    forwarding = "1" if host.forwarding else "0"
    result = [f"net/ipv4/ip_forward={forwarding}", f"net/ipv6/conf/all/forwarding={forwarding}"]
    for family, settings in BASELINE.items():
        result += [f"net/{family}/conf/{name}/{key}={value}" for name in interfaces for key, value in settings.items()]
    return result


def host_network(topology: model.Topology, host: model.Host) -> list[Command]:
    """Addresses, routes and neighbours of a host; to be run inside it."""
    result = [Command("link set dev lo up")]
    result += [Command(f"address add {address} dev lo{_nodad(address)}", host.mark) for address in host.loopback]
    management = topology.management_address(host.name)
    result.append(Command(f"address add {management} dev {model.MANAGEMENT_INTERFACE}"))
    result.append(Command(f"link set dev {model.MANAGEMENT_INTERFACE} up"))
    for port in topology.ports(host.name):
        for address, mark in zip(port.addresses, port.address_marks):
            result.append(Command(f"address add {address} dev {port.interface}{_nodad(address)}", mark))
        result.append(Command(f"link set dev {port.interface} up", port.mark))
    result += [Command(_neighbour(item), item.mark) for item in host.neighbours]
    return result + [Command(_route(item), item.mark) for item in host.routes]


def host_rules(host: model.Host, family: int) -> list[Command]:
    """The rules of one family: ``ip -batch`` takes the family for the whole batch only."""
    return [Command(_rule(item), item.mark) for item in host.rules if item.family == family]


def batch(commands: t.Sequence[Command]) -> str:
    """The text of a batch file: one command a line, so that the line of an error is the number of the command."""
    return "".join(f"{command.text}\n" for command in commands)


def _end(lab: str, topology: model.Topology, wire: model.Wire, port: model.Port) -> str:
    mac = topology.mac(port.host, port.interface)
    return f"name {port.interface} mtu {wire.mtu} address {mac} netns {namespace(lab, port.host)}"


def _bridge(name: str, mtu: int, mark: t.Optional[Mark]) -> list[Command]:
    # No spanning tree and no snooping: a lab's segment passes everything from its first moment.
    kind = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
    return [Command(f"link add name {name} mtu {mtu} {kind}", mark), Command(f"link set dev {name} up", mark)]


def _nodad(address: model.Interface) -> str:
    return " nodad" if address.version == 6 else ""


def _route(route: model.Route) -> str:
    text = f"route add {'' if route.type == 'unicast' else route.type + ' '}{route.to}"
    if route.via is not None:
        family = "inet6 " if route.via.version != route.to.version else ""
        text += f" via {family}{route.via}"
    if route.device:
        text += f" dev {route.device}"
    if route.source is not None:
        text += f" src {route.source}"
    if route.metric is not None:
        text += f" metric {route.metric}"
    if route.mtu is not None:
        text += f" mtu {route.mtu}"
    if route.onlink:
        text += " onlink"
    return f"{text} table {route.table} proto static"


def _rule(rule: model.Rule) -> str:
    selectors = "".join(f" {key} {value}" for key, value in rule.selectors)
    return f"rule add{' not' if rule.invert else ''} priority {rule.priority}{selectors} {rule.action}"


def _neighbour(item: model.StaticNeighbour) -> str:
    return f"neighbour add {item.address} lladdr {item.mac} dev {item.device} nud permanent"
