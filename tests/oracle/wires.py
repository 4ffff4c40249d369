# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames for the router under test: sent and caught on the far ends of its links, or sent by the router itself."""

from __future__ import annotations

import contextlib
import dataclasses
import select
import socket
import time

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.oracle.frames import NUMBERS, build, parse

_OUTGOING = 4  # PACKET_OUTGOING: our own frames
_ALL = 0x0003  # ETH_P_ALL
_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
_IPV6_HDRINCL = 36
FAR_MAC = bytes.fromhex("020000000099")  # not that of the far ends, whose own stack then leaves the frames alone


@dataclasses.dataclass(frozen=True)
class Caught:
    """A frame that came out of the router."""

    device: str
    flow: Flow
    about: Flow | None = None  # of an ICMP error


class Wires:
    """Raw sockets on the far ends of the router's links: device name to the name of its peer."""

    def __init__(self, peers: dict[str, str], macs: dict[str, bytes]) -> None:
        self.macs = macs
        self.sockets = {}
        for device, peer in peers.items():
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            one.bind((peer, _ALL))
            self.sockets[device] = one
        self.number = 0
        self.own: dict[tuple[int, int], socket.socket] = {}

    def close(self) -> None:
        for one in (*self.sockets.values(), *self.own.values()):
            one.close()

    def send(self, device: str, packet: Packet) -> None:
        """Let a packet arrive on a device of the router."""
        frame = self.macs[device] + FAR_MAC + _TYPES[packet.flow.family] + build(packet, self._next())
        self.sockets[device].send(frame)

    def send_from_router(self, packet: Packet) -> None:
        """Let the router itself send a packet, as a raw socket does."""
        flow, data = packet.flow, build(packet, self._next())
        key = flow.family, PROTOCOLS[flow.protocol]
        if key not in self.own:
            family = socket.AF_INET6 if flow.family == 6 else socket.AF_INET
            self.own[key] = socket.socket(family, socket.SOCK_RAW, key[1])
            if flow.family == 6:
                self.own[key].setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
            else:
                self.own[key].setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        with contextlib.suppress(PermissionError):  # a chain at the output hook drops it
            self.own[key].sendto(data, (flow.destination, 0))

    def drain(self) -> None:
        """Forget what came out so far: what the router sends by itself is known by nothing but its time."""
        while ready := select.select(list(self.sockets.values()), [], [], 0)[0]:
            for one in ready:
                one.recv(64)

    def _next(self) -> int:
        self.number = self.number % NUMBERS + 1
        return self.number

    def catch(self, seconds: float, answer: Caught | None = None) -> Caught | None:
        """The packet last sent, where it comes out, or what the router makes itself, where it is ``answer``; None for
        neither within the time."""
        end = time.monotonic() + seconds
        while True:
            ready, _w, _x = select.select(list(self.sockets.values()), [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            for device, one in self.sockets.items():
                if one in ready:
                    frame, address = one.recvfrom(4096)
                    seen = parse(frame[14:]) if address[2] != _OUTGOING else None
                    caught = Caught(device, seen.flow, seen.about) if seen is not None else None
                    if seen is not None and (seen.number == self.number or caught == answer):
                        return caught
