# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection tables for benchmarks: made, and watched, by ctnetlink messages inside the namespace that this runs in.

    conntrack_load.py fill COUNT WITHOUT   so many established connections, all but number WITHOUT
    conntrack_load.py open RATE SECONDS    new connections, each established a little later; prints number and time
    conntrack_load.py watch SECONDS        prints number and time of each connection that appears here

Times are of CLOCK_MONOTONIC, which all namespaces of a machine share.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

CTNETLINK_NEW, EVENT_NEW = 0x100, 1  # message type; multicast group NFNLGRP_CONNTRACK_NEW
REQUEST, CREATE, EXCLUSIVE = 0x1, 0x400, 0x200
SYN_SENT, ESTABLISHED = 1, 3
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8
BATCH = 200


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def nested(kind: int, *inner: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(inner))


def message(number: int, state: int, flags: int) -> bytes:
    """Connection ``number``: 10.x.x.x:1024... > 192.168.1.1:443."""
    client, server = struct.pack("!I", 0x0A000100 + (number >> 4)), b"\xc0\xa8\x01\x01"
    sport, dport = struct.pack("!H", 1024 + (number & 15)), struct.pack("!H", 443)

    def side(kind: int, source: bytes, destination: bytes, low: bytes, high: bytes) -> bytes:
        ports = nested(2, attribute(1, b"\x06"), attribute(2, low), attribute(3, high))
        return nested(kind, nested(1, attribute(1, source), attribute(2, destination)), ports)

    status = CONFIRMED | (SEEN_REPLY | ASSURED if state == ESTABLISHED else 0)
    body = (struct.pack("!BBH", socket.AF_INET, 0, 0) + side(1, client, server, sport, dport)
            + side(2, server, client, dport, sport) + attribute(3, struct.pack("!I", status))
            + attribute(7, struct.pack("!I", 3600)) + nested(4, nested(1, attribute(1, bytes([state])))))
    return struct.pack("=IHHII", 16 + len(body), CTNETLINK_NEW, REQUEST | flags, 0, 0) + body


def opened() -> socket.socket:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    return kernel


def fill(count: int, without: int) -> None:
    with opened() as kernel:
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            kernel.send(b"".join(message(n, ESTABLISHED, CREATE | EXCLUSIVE) for n in numbers if n != without))


def open_at(rate: int, seconds: float) -> None:
    made: list[tuple[int, float]] = []
    later: list[tuple[float, int]] = []
    began = time.monotonic()
    with opened() as kernel:
        while time.monotonic() < began + seconds or later:
            now = time.monotonic()
            due = int((min(now, began + seconds) - began) * rate)
            for number in range(len(made), due):
                made.append((number, time.monotonic()))
                kernel.send(message(number, SYN_SENT, CREATE | EXCLUSIVE))
                later.append((now + 0.005, number))
            while later and later[0][0] <= now:
                kernel.send(message(later.pop(0)[1], ESTABLISHED, 0))
            time.sleep(0.0005)
    sys.stdout.write("".join(f"{number} {at:.6f}\n" for number, at in made))


def watch(seconds: float) -> None:
    seen: list[tuple[bytes, float]] = []
    with opened() as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        kernel.bind((0, EVENT_NEW))
        kernel.settimeout(0.2)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                data = kernel.recv(1 << 16)
            except TimeoutError:
                continue
            seen.append((data, time.monotonic()))
    for data, at in seen:  # the address and port of the original direction stand where ``message`` puts them
        client, sport = struct.unpack_from("!I", data, 32)[0], struct.unpack_from("!H", data, 60)[0]
        sys.stdout.write(f"{(client - 0x0A000100 << 4) + sport - 1024} {at:.6f}\n")


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    if what == "fill":
        fill(int(numbers[0]), int(numbers[1]))
    elif what == "open":
        open_at(int(numbers[0]), float(numbers[1]))
    else:
        watch(float(numbers[0]))
