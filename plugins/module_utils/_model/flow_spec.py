# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A prefix flow: many flows at once, with prefixes for addresses and ranges for ports."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Value

ALL_PORTS = (1, 65535)
PREFIX_EXAMPLE = "tcp 10.1.4.0/22 > 203.0.113.0/25:443 or udp 10.0.0.0/8 > 192.0.2.1:1-1023"
_TEXT = re.compile(r"^\s*(?P<protocol>[A-Za-z0-9]+)\s+(?P<source>\S+)\s*(?:>|->)\s*(?P<destination>\S+)\s*$")
_ENDPOINT = re.compile(
    r"^(?:\[(?P<six>[0-9A-Fa-f:.]+(?:/\d+)?)\]|(?P<four>[0-9.]+(?:/\d+)?))(?::(?P<ports>\d+(?:-\d+)?))?$"
)
Ports = t.Optional[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class FlowSpec(Value):
    """All flows between two prefixes. Ports are ranges, first and last; a source port of None is "any", as in Flow."""

    protocol: str
    source: str  # a canonical prefix; of one address too
    destination: str
    sport: Ports = None
    dport: Ports = None

    @property
    def family(self) -> int:
        return 6 if ":" in self.source else 4

    def __str__(self) -> str:
        ends = (_endpoint(self.source, self.sport), _endpoint(self.destination, self.dport))
        return f"{self.protocol} {ends[0]} > {ends[1]}"

    @classmethod
    def parse(cls, text: str) -> FlowSpec:
        """Read ``PROTOCOL SOURCE[/LENGTH][:PORTS] > DESTINATION[/LENGTH][:PORTS]``; raises FlowError."""
        match = _TEXT.match(text)
        if not match:
            raise FlowError(f"flow {text!r}: expected 'PROTOCOL SOURCE > DESTINATION:PORTS', for example "
                            f"{PREFIX_EXAMPLE}")
        protocol = match["protocol"].lower()
        if protocol not in PROTOCOLS:
            raise FlowError(f"flow {text!r}: protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}")
        source, sport = _parse_endpoint(text, "source", match["source"])
        destination, dport = _parse_endpoint(text, "destination", match["destination"])
        if (":" in source) != (":" in destination):
            raise FlowError(f"flow {text!r}: source and destination are of different address families")
        if protocol == "icmp" and ":" in source:
            protocol = "icmpv6"
        if protocol == "icmpv6" and ":" not in source:
            raise FlowError(f"flow {text!r}: icmpv6 is of IPv6; the prefixes are of IPv4")
        if protocol in ("icmp", "icmpv6"):
            if sport or dport:
                raise FlowError(f"flow {text!r}: {protocol} has no ports")
            return cls(protocol, source, destination)
        return cls(protocol, source, destination, sport, dport or ALL_PORTS)


def read_flow(text: str) -> t.Union[Flow, FlowSpec]:
    """One flow, or with a prefix or a range of ports a prefix flow; raises FlowError."""
    match = _TEXT.match(text)
    many = match and any("/" in match[end] or "-" in match[end] for end in ("source", "destination"))
    return FlowSpec.parse(text) if many else Flow.parse(text)


def _endpoint(prefix: str, ports: Ports) -> str:
    address, _slash, length = prefix.partition("/")
    shown = address if length == ("128" if ":" in address else "32") else prefix
    if ports is None:
        return shown
    host = f"[{shown}]" if ":" in shown else shown
    return f"{host}:{ports[0]}" if ports[0] == ports[1] else f"{host}:{ports[0]}-{ports[1]}"


def _parse_endpoint(text: str, which: str, endpoint: str) -> tuple[str, Ports]:
    match = _ENDPOINT.match(endpoint)
    bare = endpoint if match is None else (match["six"] or match["four"])
    try:
        interface = ipaddress.ip_interface(bare)
    except ValueError:
        raise FlowError(f"flow {text!r}: the {which} {endpoint!r} is not a prefix, or prefix:port or prefix:first-last"
                        f" ([prefix]:port for IPv6), for example {PREFIX_EXAMPLE}") from None
    if interface.ip != interface.network.network_address:
        raise FlowError(f"flow {text!r}: the {which} {bare} has bits set beyond its length; "
                        f"the prefix is {interface.network}, the address alone {interface.ip}")
    return str(interface.network), _parse_ports(text, which, match["ports"] if match else None)


def _parse_ports(text: str, which: str, ports: t.Optional[str]) -> Ports:
    if ports is None:
        return None
    first, _dash, last = ports.partition("-")
    low, high = int(first), int(last or first)
    for port in (low, high):
        if not 0 < port < 65536:
            raise FlowError(f"flow {text!r}: the {which} port {port} is not between 1 and 65535")
    if low > high:
        raise FlowError(f"flow {text!r}: the {which} ports {ports} are no range: {low} is above {high}")
    return low, high
