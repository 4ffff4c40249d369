# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ctypes
import ipaddress
import random
import socket
import struct

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.bpf import MAX_ADDRESSES, SNAPLEN, flow_filter

SO_ATTACH_FILTER = 26


def kernel_passes(program: bytes, packet: bytes) -> bytes | None:
    """What the kernel lets through: a filter works on a Unix datagram socket as well, without root."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        code = ctypes.create_string_buffer(program, len(program))
        receiver.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program) // 8, ctypes.addressof(code))
        )
        receiver.setblocking(False)
        try:
            sender.send(packet)
            return receiver.recv(4096)
        except (BlockingIOError, PermissionError):
            return None


def packet(source: str, destination: str, protocol: int) -> bytes:
    src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    if len(src) == 4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, protocol, 0) + src + dst + bytes(8)
    return struct.pack("!IHBB", 6 << 28, 8, protocol, 64) + src + dst + bytes(8)


def addresses(family: int, count: int) -> list[str]:
    # Close to each other, so that every word of a comparison matters.
    base = int(ipaddress.ip_address("10.0.0.0" if family == 4 else "fd00:0:1:0:2:0:3:0"))
    step = 1 if family == 4 else (1 << 96) + (1 << 64) + (1 << 32) + 1
    return [str(ipaddress.ip_address(base + step * number)) for number in range(count)]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("watched", [2, 3, MAX_ADDRESSES])
def test_the_kernel_agrees_with_set_membership(family: int, watched: int) -> None:
    chance = random.Random(family * 100 + watched)
    pool = addresses(family, watched + 3)
    inside, icmp = set(pool[:watched]), {4: 1, 6: 58}[family]
    program = flow_filter(pool[:watched], 6)
    seen = {True: 0, False: 0}
    for _case in range(400):
        source, destination = chance.choice(pool), chance.choice(pool)
        protocol = chance.choice([6, 17, icmp])
        both = source in inside and destination in inside
        expected = (both and (family == 6 or protocol in (6, icmp))) or (destination in inside and protocol == icmp)
        got = kernel_passes(program, packet(source, destination, protocol))
        assert (got is not None) == expected, (source, destination, protocol)
        seen[expected] += 1
    assert min(seen.values()) > 20


def test_the_other_family_and_short_packets_are_dropped() -> None:
    program = flow_filter(addresses(4, 2), 6)
    assert kernel_passes(program, packet("fd00::1", "fd00::2", 6)) is None
    whole = packet(*addresses(4, 2), 6)
    assert kernel_passes(program, whole) == whole
    assert kernel_passes(program, whole[:18]) is None


def test_no_more_than_the_headers_is_copied() -> None:
    copied = kernel_passes(flow_filter(addresses(4, 2), 6), packet(*addresses(4, 2), 6) + bytes(1000))
    assert copied is not None and len(copied) == SNAPLEN
