# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The kernel-side filter of a capture: classic BPF that passes packets among given addresses, and nothing else.

It is attached to an AF_PACKET socket of type SOCK_DGRAM, where offset 0 is the network header whatever the link
(net/packet/af_packet.c, packet_rcv). Instructions: linux/bpf_common.h, linux/filter.h.
"""

from __future__ import annotations

import ipaddress
import struct
import typing as t

SNAPLEN = 160  # two IPv4 headers with all options, an ICMP header and the ports of the quoted packet
MAX_ADDRESSES = 32

_LOAD_WORD, _LOAD_BYTE, _SHIFT_RIGHT, _JUMP_EQUAL, _JUMP, _RETURN = 0x20, 0x30, 0x74, 0x15, 0x05, 0x06
_ICMP = {4: 1, 6: 58}


class _Program:
    """An assembler with forward labels. Conditional jumps skip one instruction at most, so no offset overflows."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, t.Union[int, str]]] = []
        self._labels: dict[str, int] = {}

    def emit(self, code: int, value: int | str, true: int = 0, false: int = 0) -> None:
        self._code.append((code, true, false, value))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def unless_equal(self, value: int, target: str) -> None:
        """Go on when the accumulator equals the value, else jump."""
        self.emit(_JUMP_EQUAL, value, 1, 0)
        self.emit(_JUMP, target)

    def member(self, offset: int, addresses: t.Sequence[bytes], found: str, absent: str) -> None:
        """Jump to one of two labels: is the address at this offset one of these?"""
        for address in addresses:
            following = f"after {len(self._code)}"
            for at in range(0, len(address), 4):
                self.emit(_LOAD_WORD, offset + at)
                self.unless_equal(int.from_bytes(address[at : at + 4], "big"), following)
            self.emit(_JUMP, found)
            self.label(following)
        self.emit(_JUMP, absent)

    def assemble(self) -> bytes:
        """``struct sock_filter`` entries."""
        code = []
        for at, (opcode, true, false, value) in enumerate(self._code):
            number = self._labels[value] - at - 1 if isinstance(value, str) else value
            code.append(struct.pack("=HBBI", opcode, true, false, number))
        return b"".join(code)


def flow_filter(addresses: t.Sequence[str], protocol: int) -> bytes:
    """Pass packets of the protocol from one address to another, and ICMP towards one of them (it may quote the flow).

    All addresses are of one family. IPv6 packets pass whatever their protocol, because extension headers may precede
    it; user space looks closer.
    """
    packed = [ipaddress.ip_address(address).packed for address in addresses]
    family = 4 if len(packed[0]) == 4 else 6
    source, destination, next_protocol = (12, 16, 9) if family == 4 else (8, 24, 6)
    program = _Program()
    program.emit(_LOAD_BYTE, 0)
    program.emit(_SHIFT_RIGHT, 4)
    program.unless_equal(family, "drop")
    program.member(source, packed, "inside", "outside")
    program.label("inside")
    if family == 4:
        program.emit(_LOAD_BYTE, next_protocol)
        program.emit(_JUMP_EQUAL, protocol, 2, 0)
        program.unless_equal(_ICMP[family], "drop")
    program.member(destination, packed, "pass", "drop")
    program.label("outside")  # a router on the way
    program.emit(_LOAD_BYTE, next_protocol)
    program.unless_equal(_ICMP[family], "drop")
    program.member(destination, packed, "pass", "drop")
    program.label("pass")
    program.emit(_RETURN, SNAPLEN)
    program.label("drop")
    program.emit(_RETURN, 0)
    return program.assemble()
