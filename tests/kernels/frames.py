# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that come out of a router under test: whose they are."""

from __future__ import annotations

import socket
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_ECHO = (0, 8)


class Seen(t.NamedTuple):
    """An IPv4 packet: its identification, by which its sender knows it again, and its flow."""

    number: int
    flow: Flow


def receive(one: socket.socket) -> Seen | None:
    """The next packet of a raw socket; None where it is the socket's own, or no echo, TCP or UDP over IPv4."""
    frame, address = one.recvfrom(2048)
    data = frame[14:]
    if address[2] == socket.PACKET_OUTGOING or len(data) < 28 or data[0] != 0x45 or data[9] not in _PROTOCOLS:
        return None
    protocol = _PROTOCOLS[data[9]]
    ends = (socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20]))
    number = int.from_bytes(data[4:6], "big")
    if protocol == "icmp":
        return Seen(number, Flow(protocol, *ends)) if data[20] in _ECHO else None
    ports = (int.from_bytes(data[20:22], "big"), int.from_bytes(data[22:24], "big"))
    return Seen(number, Flow(protocol, *ends, *ports))
