# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What must hold between the parts of a topology: names that exist, addresses that reach each other, no doubles."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import topology as model
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import Mark, TopologyError

RESERVED_HOSTS = ("mgmt", "switch")  # names of the lab's own namespaces
MANAGEMENT_PORT = 22
_SWITCH_PORT = re.compile(r"^p\d+$")  # commands.py names them


def check(topology: model.Topology, management_mark: Mark) -> None:
    """Raise TopologyError at the first thing that does not fit together."""
    for host in topology.hosts:
        if host.name in RESERVED_HOSTS:
            raise TopologyError(host.mark, f"host name {host.name!r} is taken by the lab itself, choose another")
    _check_management(topology, management_mark)
    _check_ports(topology)
    for wire in topology.wires:
        _check_addresses(wire)
    _check_segments(topology)
    for host in topology.hosts:
        _check_routes(topology, host)
        _check_services(host)


def _check_management(topology: model.Topology, mark: Mark) -> None:
    subnet = topology.management
    room = subnet.num_addresses - model.FIRST_HOST - 1
    if len(topology.hosts) > room:
        raise TopologyError(
            mark, f"management subnet {subnet} has room for {max(room, 0)} hosts, not {len(topology.hosts)}"
        )
    for wire in topology.wires:
        for port in wire.ports:
            for address, place in zip(port.addresses, port.address_marks):
                if address.version == 4 and address.network.overlaps(subnet):
                    what = f"{address} of {port.host} overlaps the management subnet {subnet}"
                    raise TopologyError(place, f"{what}: choose another address, or another management subnet")


def _check_ports(topology: model.Topology) -> None:
    hosts = [host.name for host in topology.hosts]
    seen: dict[tuple[str, str], Mark] = {}
    addresses: dict[tuple[str, str], Mark] = {}
    for port in (port for wire in topology.wires for port in wire.ports):
        if port.host not in hosts:
            raise TopologyError(port.mark, f"host {port.host!r} is not among the hosts: {', '.join(hosts)}")
        interface = f"interface {port.interface!r} of {port.host}"
        if port.interface in (model.MANAGEMENT_INTERFACE, "lo"):
            raise TopologyError(port.mark, f"{interface} is the lab's own, choose another name")
        first = seen.setdefault((port.host, port.interface), port.mark)
        if first is not port.mark:
            raise TopologyError(port.mark, f"{interface} is already used in line {first.line}")
        for address, mark in zip(port.addresses, port.address_marks):
            other = addresses.setdefault((port.host, str(address.ip)), mark)
            if other is not mark:
                raise TopologyError(mark, f"{address.ip} is already an address of {port.host} in line {other.line}")


def _check_addresses(wire: model.Wire) -> None:
    """Every address lies in a network of somebody else on the wire, and nobody else has it."""
    everyone = [(port, address) for port in wire.ports for address in port.addresses]
    for port in wire.ports:
        for address, mark in zip(port.addresses, port.address_marks):
            others = [item for owner, item in everyone if owner is not port and item.version == address.version]
            if any(address.ip == item.ip for item in others):
                raise TopologyError(mark, f"{address} of {port.host} is another host's address on the same wire")
            if others and not any(address.ip in item.network for item in others):
                networks = ", ".join(sorted({str(item.network) for item in others}))
                raise TopologyError(mark, f"{address} of {port.host} is outside the networks of its wire: {networks}")
            if address.network.prefixlen < address.max_prefixlen - 1 and address.ip == address.network.network_address:
                raise TopologyError(mark, f"{address} of {port.host} is the network's own address, not a host's")


def _check_segments(topology: model.Topology) -> None:
    for wire in topology.wires:
        if wire.name and not wire.ports:
            raise TopologyError(wire.mark, f"segment {wire.name} has no ports")
        if _SWITCH_PORT.match(wire.name):
            raise TopologyError(wire.mark, f"segment name {wire.name!r} is taken by the lab's switch, choose another")


def _check_routes(topology: model.Topology, host: model.Host) -> None:
    ports = topology.ports(host.name)
    names = [port.interface for port in ports]
    for route in host.routes:
        _check_device(host, route.device, names, route.mark)
        version = route.to.version
        what = f"route to {route.to} of {host.name}"
        if route.source is not None and route.source.version != version:
            raise TopologyError(route.mark, f"{what}: src {route.source} is of the other family")
        if route.via is None:
            continue
        if version == 6 and route.via.version == 4:
            raise TopologyError(route.mark, f"{what}: an IPv6 route has no IPv4 gateway {route.via}")
        if route.via.is_link_local and route.device is None:
            raise TopologyError(route.mark, f"{what}: a link-local gateway needs 'dev'")
        _check_gateway(host, route, ports)
    for neighbour in host.neighbours:
        _check_device(host, neighbour.device, names, neighbour.mark)


def _check_device(host: model.Host, device: str | None, names: t.Sequence[str], mark: Mark) -> None:
    if device is not None and device not in (*names, "lo"):
        raise TopologyError(mark, f"{host.name} has no interface {device!r}; it has: {', '.join(names) or 'none'}")


def _check_gateway(host: model.Host, route: model.Route, ports: t.Sequence[model.Port]) -> None:
    """The kernel would refuse a gateway that is not on link; say so with the line of the file."""
    if route.onlink or route.via is None or route.via.is_link_local:
        return
    where = [port for port in ports if route.device in (None, port.interface)]
    on_link = [address.network for port in where for address in port.addresses]
    on_link += [
        other.to
        for other in host.routes
        if other.via is None and other.type == "unicast" and route.device in (None, other.device)
    ]
    if not any(route.via in network for network in on_link):
        networks = ", ".join(str(network) for network in on_link) or "none"
        raise TopologyError(
            route.mark,
            f"route to {route.to} of {host.name}: gateway {route.via} is not on link"
            f"{' of ' + route.device if route.device else ''}; on link: {networks} (or set 'onlink: true')",
        )


def _check_services(host: model.Host) -> None:
    taken = {("tcp", MANAGEMENT_PORT): "SSH"}
    for service in host.services:
        if service.kind == "exec":
            continue
        key = ("tcp" if service.kind == "http" else "udp", service.port)
        if key in taken:
            what = f"{key[0]} port {key[1]} of {host.name}"
            raise TopologyError(host.mark, f"{what} is used twice: by {taken[key]} and by {service.kind}")
        taken[key] = service.kind
