# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How soon an answer is there: round trips from this host to the ends of named flows.

Of TCP the kernel's own figure of the handshake counts (TCP_INFO, RFC 6298's first sample), of all else that of ICMP
echo, less what a program takes for one on this host: a round trip never looks longer than it is.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
import typing as t

TRIES = 25
PAUSE = 0.005  # seconds between tries
_TIMEOUT = 1.0  # seconds for one
_GIVE_UP = 3  # after so many tries without an answer
_RTT_OF_TCP_INFO = 68  # bytes before tcpi_rtt in struct tcp_info, linux/tcp.h


def tcp(destination: str, port: int, tries: int = TRIES) -> list[float]:
    """Round trips of handshakes, in milliseconds; empty where nobody accepts connections."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    return _repeat(lambda: _handshake(family, destination, port), tries)


def echo(destination: str, tries: int = TRIES) -> list[float]:
    """Round trips of ICMP echo, in milliseconds; empty where nobody answers. Needs root."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    own = min(_repeat(lambda: _echo(family, "::1" if family == socket.AF_INET6 else "127.0.0.1"), 10), default=0.0)
    return [max(0.0, taken - own) for taken in _repeat(lambda: _echo(family, destination), tries)]


def _repeat(once: t.Callable[[], t.Optional[float]], tries: int) -> list[float]:
    found: list[float] = []
    for number in range(tries):
        taken = once()
        if taken is not None:
            found.append(taken)
        elif not found and number + 1 >= _GIVE_UP:
            break
        time.sleep(PAUSE)
    return found


def _handshake(family: int, destination: str, port: int) -> t.Optional[float]:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT)
        try:
            connection.connect((destination, port))
        except OSError:
            return None
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        # Closed by a reset: many connections that linger in TIME_WAIT would fill the tables that are measured.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    (microseconds,) = struct.unpack_from("=I", info, _RTT_OF_TCP_INFO)
    return float(microseconds) / 1000


def _echo(family: int, destination: str) -> t.Optional[float]:
    six = family == socket.AF_INET6
    request, reply = (128, 129) if six else (8, 0)
    mark = os.urandom(8)
    packet = struct.pack("!BBHHH", request, 0, 0, os.getpid() & 0xFFFF, 1) + mark
    if not six:  # of ICMPv6 the kernel writes the checksum
        packet = packet[:2] + struct.pack("!H", _checksum(packet)) + packet[4:]
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with socket.socket(family, socket.SOCK_RAW, protocol) as endpoint:
        begun = time.monotonic()
        try:
            endpoint.sendto(packet, (destination, 0))
        except OSError:
            return None
        while select.select([endpoint], [], [], max(0.0, begun + _TIMEOUT - time.monotonic()))[0]:
            data = endpoint.recv(2048)
            taken = (time.monotonic() - begun) * 1000
            message = data if six else data[(data[0] & 15) * 4 :]
            if message[:1] == bytes([reply]) and message[8:16] == mark:
                return taken
    return None


def _checksum(packet: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
