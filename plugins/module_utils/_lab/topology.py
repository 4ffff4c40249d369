# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The values of a topology: hosts, the wires between them, and what is configured on each host.

Marks (places in the file) are not part of a value's identity: a topology whose
comments or line breaks change is the same network.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import Mark

Interface = t.Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

MANAGEMENT_INTERFACE = "mgmt0"
MANAGEMENT_SUBNET = ipaddress.IPv4Network("10.255.0.0/24")
FIRST_HOST = 11  # the first host of the lab has this number in the management subnet


@dataclasses.dataclass(frozen=True)
class Port:
    """An interface of a host, as the end of a wire."""

    host: str
    interface: str
    addresses: tuple[Interface, ...]
    checksum_offload: bool
    mark: Mark = dataclasses.field(compare=False, repr=False)
    address_marks: tuple[Mark, ...] = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Wire:
    """A link (two ports, a veth pair) or a segment (any number of ports on a bridge, which has the name)."""

    name: str  # empty for a link
    ports: tuple[Port, ...]
    mtu: int
    delay: t.Optional[int]  # microseconds in each direction, on top of what a program that passes packets on takes
    mark: Mark = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Route:
    """A route of a host."""

    to: Network
    via: t.Optional[Address]
    device: t.Optional[str]
    table: str
    metric: t.Optional[int]
    source: t.Optional[Address]
    type: str  # unicast, blackhole, unreachable, prohibit, throw
    onlink: bool
    mtu: t.Optional[int]
    mark: Mark = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A routing policy rule; selectors as ``ip rule`` names them, in its order."""

    family: int
    priority: int
    invert: bool
    selectors: tuple[tuple[str, str], ...]
    action: str  # "lookup 100", "blackhole" ...
    mark: Mark = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class StaticNeighbour:
    """A permanent neighbour entry."""

    address: Address
    mac: str
    device: str
    mark: Mark = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Sysctl:
    """A kernel setting; the name is a path below /proc/sys."""

    name: str
    value: str
    mark: Mark = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Service:
    """A program that runs on a host as long as the host lives."""

    kind: str  # http, udp_echo, exec
    port: int = 0
    body: str = ""
    command: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Host:
    """One host of the lab."""

    name: str
    forwarding: bool
    loopback: tuple[Interface, ...]
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]
    neighbours: tuple[StaticNeighbour, ...]
    sysctls: tuple[Sysctl, ...]
    nft: str
    services: tuple[Service, ...]
    frr: str  # the configuration of its FRRouting; empty: it has none
    conntrackd: str  # likewise
    keepalived: str
    mark: Mark = dataclasses.field(compare=False, repr=False)
    nft_mark: t.Optional[Mark] = dataclasses.field(compare=False, repr=False)  # of the first line of the ruleset
    frr_mark: t.Optional[Mark] = dataclasses.field(compare=False, repr=False)
    conntrackd_mark: t.Optional[Mark] = dataclasses.field(compare=False, repr=False)
    keepalived_mark: t.Optional[Mark] = dataclasses.field(compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Topology:
    """A whole network, checked: what is in here can be built."""

    management: ipaddress.IPv4Network
    hosts: tuple[Host, ...]
    wires: tuple[Wire, ...]

    def ports(self, host: str) -> list[Port]:
        """The interfaces of a host, in the order of the file."""
        return [port for wire in self.wires for port in wire.ports if port.host == host]

    def mtu(self, port: Port) -> int:
        """The MTU of the wire that a port is an end of."""
        return next(wire.mtu for wire in self.wires if port in wire.ports)

    def delay(self, port: Port) -> t.Optional[int]:
        """The delay of the link that a port is an end of, in microseconds; none where packets pass by themselves."""
        return next(wire.delay for wire in self.wires if port in wire.ports)

    def management_address(self, host: str) -> ipaddress.IPv4Interface:
        """The address of a host's management interface."""
        index = [item.name for item in self.hosts].index(host)
        return ipaddress.IPv4Interface((self.management[FIRST_HOST + index], self.management.prefixlen))

    def mac(self, host: str, interface: str) -> str:
        """The MAC address of an interface: the same in every build, and no two alike in one lab.

        Locally administered (02, RFC 7042 section 2.1), then the numbers of the host and of its interface.
        """
        number = [item.name for item in self.hosts].index(host) + 1
        names = [MANAGEMENT_INTERFACE, *(port.interface for port in self.ports(host))]
        return f"02:00:{number >> 8:02x}:{number & 255:02x}:00:{names.index(interface):02x}"
