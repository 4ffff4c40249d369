# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's packets as bytes, and back: IPv4 and IPv6, TCP, UDP, echoes and ICMP errors.

A packet carries a number by which it is known again behind a router that translates it: the identification of IPv4,
the flow label of IPv6.
"""

from __future__ import annotations

import dataclasses
import socket
import struct

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import ICMP_ERRORS, Packet, Segment

_FLAGS = {"syn": 0x02, "syn_ack": 0x12, "ack": 0x10, "fin": 0x11, "rst": 0x14}
_NAMES = {value: name for name, value in PROTOCOLS.items()}
_ECHO = {"icmp": (8, 0), "icmpv6": (128, 129)}  # request, reply
ECHO_ID = 77  # where a flow does not say
NUMBERS = 0xFFFF


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is read from a packet: its number, its flow, and the flow that an ICMP error tells of."""

    number: int
    flow: Flow
    about: Flow | None = None


def build(packet: Packet, number: int) -> bytes:
    """The packet with its checksums: conntrack looks at them."""
    flow = packet.flow
    if packet.about is not None:
        kind, code = ICMP_ERRORS[packet.error][flow.family]
        body = struct.pack("!BBHI", kind, code, 0, 0) + build(packet.about, 0)
    elif flow.protocol in _ECHO:
        kind = _ECHO[flow.protocol][0 if packet.first else 1]
        body = struct.pack("!BBHHH", kind, 0, 0, flow.sport or ECHO_ID, 1)
    elif flow.protocol == "udp":
        body = struct.pack("!HHHH", flow.sport, flow.dport, 8, 0)
    else:
        body = _segment(packet)
    return _header(flow, len(body), number, packet.tos) + _with_checksum(flow, body)


def _segment(packet: Packet) -> bytes:
    """A TCP segment; without numbers they fit a short conversation, so that conntrack finds it in its window."""
    flow, kind, numbers = packet.flow, packet.tcp_kind, packet.segment
    if numbers is None:
        sequence = 1000 if kind in ("syn", "syn_ack") else 1001
        numbers = Segment(sequence, 0 if kind == "syn" else 1001, 8192)
    options = b"\x03\x03" + bytes([numbers.scale]) + b"\x01" if numbers.scale is not None else b""
    options += b"\x04\x02\x01\x01" if numbers.sack else b""
    flags = _FLAGS[kind] if numbers.has_ack else _FLAGS[kind] & ~0x10
    offset = (20 + len(options)) // 4 << 4
    ends = struct.pack("!HHII", flow.sport, flow.dport, numbers.sequence, numbers.acknowledged)
    return ends + struct.pack("!BBHHH", offset, flags, numbers.window, 0, 0) + options + b"x" * numbers.length


def _header(flow: Flow, length: int, number: int, tos: int) -> bytes:
    protocol = PROTOCOLS[flow.protocol]
    if flow.family == 6:
        ends = socket.inet_pton(socket.AF_INET6, flow.source) + socket.inet_pton(socket.AF_INET6, flow.destination)
        return struct.pack("!IHBB", 6 << 28 | tos << 20 | number, length, protocol, 64) + ends
    ends = socket.inet_aton(flow.source) + socket.inet_aton(flow.destination)
    header = struct.pack("!BBHHHBBH", 0x45, tos, 20 + length, number, 0, 64, protocol, 0) + ends
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:]


def _with_checksum(flow: Flow, body: bytes) -> bytes:
    at = {"tcp": 16, "udp": 6, "icmp": 2, "icmpv6": 2}[flow.protocol]
    pseudo = b""
    if flow.protocol != "icmp":
        family = socket.AF_INET6 if flow.family == 6 else socket.AF_INET
        pseudo = socket.inet_pton(family, flow.source) + socket.inet_pton(family, flow.destination)
        pseudo += struct.pack("!II", len(body), PROTOCOLS[flow.protocol])
    return body[:at] + struct.pack("!H", _checksum(pseudo + body) or 0xFFFF) + body[at + 2 :]


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse(data: bytes) -> Seen | None:
    """What a packet says; None for one that is not of the kinds that are built here."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        number, protocol, rest = struct.unpack("!H", data[4:6])[0], data[9], data[20:]
        source, destination = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
    elif len(data) >= 40 and data[0] >> 4 == 6:
        number, protocol, rest = struct.unpack("!I", data[:4])[0] & 0xFFFFF, data[6], data[40:]
        source = socket.inet_ntop(socket.AF_INET6, data[8:24])
        destination = socket.inet_ntop(socket.AF_INET6, data[24:40])
    else:
        return None
    name = _NAMES.get(protocol)
    if name is None or len(rest) < 8:
        return None
    if name in _ECHO:
        return _parse_icmp(number, Flow(name, source, destination), rest)
    sport, dport = struct.unpack("!HH", rest[:4])
    return Seen(number, Flow(name, source, destination, sport, dport))


def _parse_icmp(number: int, flow: Flow, rest: bytes) -> Seen | None:
    if rest[0] in _ECHO[flow.protocol]:
        identifier = struct.unpack("!H", rest[4:6])[0]
        return Seen(number, dataclasses.replace(flow, sport=identifier, dport=identifier))
    if (rest[0], rest[1]) not in [kinds[flow.family] for kinds in ICMP_ERRORS.values()]:
        return None
    inside = parse(rest[8:])
    return None if inside is None else Seen(number, flow, inside.flow)
