# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection table for benchmarks, made by ctnetlink messages inside the namespace that this runs in.

    conntrack_load.py COUNT WITHOUT   so many established connections, all but number WITHOUT (-1: all of them)
"""

from __future__ import annotations

import socket
import struct
import sys

CTNETLINK_NEW, CREATE = 0x100, 0x601  # NLM_F_REQUEST, NLM_F_CREATE, NLM_F_EXCL
ESTABLISHED = 3
STATUS = 2 | 4 | 8  # seen reply, assured, confirmed
BATCH = 200


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def nested(kind: int, *inner: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(inner))


def message(number: int) -> bytes:
    """Connection ``number``: 10.x.x.x:1024... > 192.168.1.1:443."""
    client, server = struct.pack("!I", 0x0A000100 + (number >> 4)), b"\xc0\xa8\x01\x01"
    sport, dport = struct.pack("!H", 1024 + (number & 15)), struct.pack("!H", 443)

    def side(kind: int, source: bytes, destination: bytes, low: bytes, high: bytes) -> bytes:
        ports = nested(2, attribute(1, b"\x06"), attribute(2, low), attribute(3, high))
        return nested(kind, nested(1, attribute(1, source), attribute(2, destination)), ports)

    body = (struct.pack("!BBH", socket.AF_INET, 0, 0) + side(1, client, server, sport, dport)
            + side(2, server, client, dport, sport) + attribute(3, struct.pack("!I", STATUS))
            + attribute(7, struct.pack("!I", 3600)) + nested(4, nested(1, attribute(1, bytes([ESTABLISHED])))))
    return struct.pack("=IHHII", 16 + len(body), CTNETLINK_NEW, CREATE, 0, 0) + body


def fill(count: int, without: int) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as kernel:  # NETLINK_NETFILTER
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            kernel.send(b"".join(message(n) for n in numbers if n != without))


if __name__ == "__main__":
    fill(int(sys.argv[1]), int(sys.argv[2]))
