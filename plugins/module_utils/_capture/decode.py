# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read the headers of an IP packet. Nothing behind the transport header is looked at: a capture has no payload."""

from __future__ import annotations

import dataclasses
import ipaddress
import struct
import typing as t

PROTOCOL_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_TCP_FLAGS = ((0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"), (0x20, "URG"), (0x10, "ACK"))
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200); 44 is the fragment header
_ECHO = {("icmp", 8): "echo-request", ("icmp", 0): "echo-reply"}
_ECHO.update({("icmpv6", 128): "echo-request", ("icmpv6", 129): "echo-reply"})
# RFC 792, RFC 4443: the errors that quote a packet. A redirect is no error, and tells of a wrong next hop.
_ERRORS = {
    "icmp": {3: "unreachable", 4: "source-quench", 5: "redirect", 11: "time-exceeded", 12: "parameter-problem"},
    "icmpv6": {1: "unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem"},
}


@dataclasses.dataclass(frozen=True)
class Header:
    """The addresses and the transport header of one packet."""

    protocol: str
    source: str
    destination: str
    ttl: int
    length: int  # of the IP packet, in bytes
    sport: t.Optional[int] = None
    dport: t.Optional[int] = None
    flags: str = ""  # TCP: SYN, SYN-ACK, ...; ICMP: echo-request, echo-reply; "fragment" without a transport header
    error: str = ""  # ICMP errors: unreachable code 13
    quoted: t.Optional[Header] = None  # the packet that an ICMP error quotes


def decode(data: bytes, depth: int = 0) -> Header | None:
    """The header of an IPv4 or IPv6 packet, or None where the bytes are something else or cut off."""
    try:
        if data[0] >> 4 == 4:
            return _ipv4(data, depth)
        if data[0] >> 4 == 6:
            return _ipv6(data, depth)
    except (IndexError, struct.error, ValueError):
        pass
    return None


def _ipv4(data: bytes, depth: int) -> Header | None:
    size = (data[0] & 15) * 4
    if size < 20:
        return None
    length, _identification, fragment, ttl, protocol = struct.unpack_from("!HHHBB", data, 2)
    base = _base(protocol, data[12:16], data[16:20], ttl, length)
    return _transport(base, data[size:], bool(fragment & 0x1FFF), depth)


def _ipv6(data: bytes, depth: int) -> Header | None:
    length, protocol, ttl = struct.unpack_from("!HBB", data, 4)
    at, later = 40, False
    source, destination = data[8:24], data[24:40]
    for _header in range(8):  # more extension headers than any packet has
        if protocol in _EXTENSIONS:
            protocol, at = data[at], at + 8 + data[at + 1] * 8
        elif protocol == 44:
            later = later or bool(struct.unpack_from("!H", data, at + 2)[0] & 0xFFF8)
            protocol, at = data[at], at + 8
        else:
            break
    return _transport(_base(protocol, source, destination, ttl, length + 40), data[at:], later, depth)


def _base(protocol: int, source: bytes, destination: bytes, ttl: int, length: int) -> Header:
    name = PROTOCOL_NAMES.get(protocol, str(protocol))
    return Header(name, str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination)), ttl, length)


def _transport(base: Header, data: bytes, later_fragment: bool, depth: int) -> Header:
    if later_fragment:
        return dataclasses.replace(base, flags="fragment")
    if base.protocol in ("tcp", "udp"):
        sport, dport = struct.unpack_from("!HH", data)
        # An ICMP error need not quote more than eight bytes of the packet: the ports, and no TCP flags.
        flags = tcp_flags(data[13]) if base.protocol == "tcp" and len(data) > 13 else ""
        return dataclasses.replace(base, sport=sport, dport=dport, flags=flags)
    if base.protocol in _ERRORS:
        return _icmp(base, data, depth)
    return base


def _icmp(base: Header, data: bytes, depth: int) -> Header:
    kind, code = data[0], data[1]
    error = _ERRORS[base.protocol].get(kind)
    if error is None or depth > 0:
        return dataclasses.replace(base, flags=_ECHO.get((base.protocol, kind), f"type {kind}"))
    return dataclasses.replace(base, error=f"{error} code {code}", quoted=decode(data[8:], depth + 1))


def tcp_flags(byte: int) -> str:
    """``SYN``, ``SYN-ACK``, ``RST-ACK``, ...; ``none`` for a packet without any flag."""
    return "-".join(name for bit, name in _TCP_FLAGS if byte & bit) or "none"
