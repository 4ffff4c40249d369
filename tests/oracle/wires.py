# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames for the router under test: built by hand, sent and caught on the far ends of its links."""

from __future__ import annotations

import dataclasses
import select
import socket
import struct
import time

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

_FLAGS = {"syn": 0x02, "syn_ack": 0x12, "ack": 0x10, "fin": 0x11, "rst": 0x14}
_OUTGOING = 4  # PACKET_OUTGOING: our own frames
FAR_MAC = bytes.fromhex("020000000099")  # not that of the far ends, whose own stack then leaves the frames alone


@dataclasses.dataclass(frozen=True)
class Caught:
    """A frame of ours that came out of the router."""

    device: str
    flow: Flow


class Wires:
    """Raw sockets on the far ends of the router's links: device name to the name of its peer."""

    def __init__(self, peers: dict[str, str], macs: dict[str, bytes]) -> None:
        self.macs = macs
        self.sockets = {}
        for device, peer in peers.items():
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            one.bind((peer, 0x0800))
            self.sockets[device] = one
        self.number = 0

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()

    def send(self, device: str, packet: Packet) -> None:
        """Let a packet arrive on a device of the router."""
        self.number = self.number % 0xFFFF + 1  # the IP identification: how we know the packet again
        frame = self.macs[device] + FAR_MAC + b"\x08\x00" + build(packet, self.number)
        self.sockets[device].send(frame)

    def catch(self, seconds: float) -> Caught | None:
        """The packet last sent, where it comes out; None where it does not within the time."""
        end = time.monotonic() + seconds
        while True:
            ready, _w, _x = select.select(list(self.sockets.values()), [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            for device, one in self.sockets.items():
                if one in ready:
                    frame, address = one.recvfrom(2048)
                    flow = parse(frame[14:], self.number) if address[2] != _OUTGOING else None
                    if flow is not None:
                        return Caught(device, flow)


def build(packet: Packet, number: int) -> bytes:
    """The IPv4 packet, with its checksums: conntrack looks at them."""
    flow = packet.flow
    source, destination = socket.inet_aton(flow.source), socket.inet_aton(flow.destination)
    protocol = PROTOCOLS[flow.protocol]
    if flow.protocol == "icmp":
        body = struct.pack("!BBHHH", 8 if packet.first else 0, 0, 0, 77, 1)
        body = body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
    else:
        body = _segment(packet) if flow.protocol == "tcp" else struct.pack("!HHHH", flow.sport, flow.dport, 8, 0)
        at = 16 if flow.protocol == "tcp" else 6
        pseudo = source + destination + struct.pack("!BBH", 0, protocol, len(body))
        body = body[:at] + struct.pack("!H", _checksum(pseudo + body)) + body[at + 2 :]
    header = (
        struct.pack("!BBHHHBBH", 0x45, packet.tos, 20 + len(body), number, 0, 64, protocol, 0) + source + destination
    )
    return header[:10] + struct.pack("!H", _checksum(header)) + header[12:] + body


def _segment(packet: Packet) -> bytes:
    """A TCP segment whose numbers fit a short conversation, so that conntrack finds it in its window."""
    flow, kind = packet.flow, packet.tcp_kind
    sequence = 1000 if kind in ("syn", "syn_ack") else 1001
    acknowledged = 0 if kind == "syn" else 1001
    return struct.pack("!HHIIBBHHH", flow.sport, flow.dport, sequence, acknowledged, 0x50, _FLAGS[kind], 8192, 0, 0)


def _checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse(data: bytes, number: int) -> Flow | None:
    """The flow of an IPv4 packet with that identification; None for any other."""
    if len(data) < 20 or struct.unpack("!H", data[4:6])[0] != number:
        return None
    names = {value: name for name, value in PROTOCOLS.items()}
    source, destination = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
    protocol = names[data[9]]
    if protocol == "icmp":
        return Flow(protocol, source, destination) if data[20] in (0, 8) else None
    sport, dport = struct.unpack("!HH", data[20:24])
    return Flow(protocol, source, destination, sport, dport)
