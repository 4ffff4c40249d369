# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import random
import struct

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.decode import decode, tcp_flags


def ipv4(protocol: int, payload: bytes, fragment: int = 0, options: bytes = b"") -> bytes:
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, size + len(payload), 1, fragment, 61, protocol, 0)
    return head + ipaddress.ip_address("10.0.0.1").packed + ipaddress.ip_address("10.0.0.2").packed + options + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 62)
    return head + ipaddress.ip_address("fd00::1").packed + ipaddress.ip_address("fd00::2").packed + payload


TCP = struct.pack("!HHIIBBHHH", 4000, 443, 1, 0, 0x50, 0x12, 0, 0, 0)
UDP = struct.pack("!HHHH", 5000, 53, 8, 0)


@pytest.mark.parametrize(
    ("byte", "text"),
    [(0x02, "SYN"), (0x12, "SYN-ACK"), (0x10, "ACK"), (0x14, "RST-ACK"), (0x11, "FIN-ACK"), (0, "none")],
)
def test_tcp_flags(byte: int, text: str) -> None:
    assert tcp_flags(byte) == text


def test_tcp_behind_ipv4_options() -> None:
    header = decode(ipv4(6, TCP, options=bytes(8)))
    assert header is not None
    assert (header.protocol, header.sport, header.dport, header.flags, header.ttl, header.length) == (
        "tcp", 4000, 443, "SYN-ACK", 61, 48,
    )  # fmt: skip


def test_udp_behind_ipv6_extension_headers() -> None:
    hop_by_hop = bytes([60, 0]) + bytes(6)
    destination = bytes([44, 1]) + bytes(14)
    first_fragment = bytes([17, 0]) + struct.pack("!HI", 1, 7)
    header = decode(ipv6(0, hop_by_hop + destination + first_fragment + UDP))
    assert header is not None and (header.protocol, header.sport, header.dport) == ("udp", 5000, 53)


@pytest.mark.parametrize(
    "data",
    [ipv4(17, b"no ports here", fragment=185), ipv6(44, bytes([17, 0]) + struct.pack("!HI", 185 << 3, 7) + b"data")],
)
def test_a_later_fragment_has_no_ports(data: bytes) -> None:
    header = decode(data)
    assert header is not None and (header.flags, header.sport, header.protocol) == ("fragment", None, "udp")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (ipv4(1, struct.pack("!BBHI", 3, 13, 0, 0) + ipv4(6, TCP[:8])), "unreachable code 13"),
        (ipv6(58, struct.pack("!BBHI", 2, 0, 0, 1280) + ipv6(6, TCP[:8])), "packet-too-big code 0"),
    ],
)
def test_an_error_quotes_a_packet(data: bytes, error: str) -> None:
    header = decode(data)
    assert header is not None and header.error == error and header.quoted is not None
    assert (header.quoted.sport, header.quoted.dport, header.quoted.flags) == (4000, 443, "")


def test_echo() -> None:
    header = decode(ipv6(58, struct.pack("!BBHHH", 129, 0, 0, 1, 1)))
    assert header is not None and header.flags == "echo-reply" and not header.error


def test_nested_errors_end() -> None:
    error = struct.pack("!BBHI", 3, 1, 0, 0)
    header = decode(ipv4(1, error + ipv4(1, error + ipv4(6, TCP))))
    assert header is not None and header.quoted is not None and header.quoted.quoted is None


def test_no_bytes_make_it_fail() -> None:
    chance = random.Random(7)
    whole = [ipv4(6, TCP), ipv6(0, bytes([60, 0]) + bytes(6) + UDP), ipv4(1, bytes([3, 1]) + bytes(6) + ipv4(17, UDP))]
    for data in whole:
        for length in range(len(data)):
            decode(data[:length])
    for _case in range(5000):
        data = bytearray(chance.choice(whole))
        for _flip in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        decode(bytes(data))
    assert decode(b"") is None and decode(b"\x20") is None
