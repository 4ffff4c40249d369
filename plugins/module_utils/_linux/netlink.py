# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Netlink with the standard library: requests, dumps as raw datagrams, attributes.

Nothing is decoded that nobody asked for, so that a table of 1,000,000 entries can be walked in a
second and in constant memory (RFC 3549; linux/netlink.h, net/netlink/af_netlink.c).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import typing as t

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x01
NLM_F_DUMP = 0x300
NLM_F_DUMP_INTR = 0x10  # the table changed while it was dumped: entries may be missing or doubled
_SOL_NETLINK = 270
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12  # 4.20: filters of a dump are obeyed, route exceptions are left out
_RECEIVE = 1 << 16  # the kernel fills up to 32 KiB where the reader offers that much (netlink_dump)
_TIMEOUT = 60  # seconds without a datagram
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_NLMSGERR_ATTR_MSG = 1


class NetlinkError(OSError):
    """The kernel refused a request; ``errno`` is its reason, and the text what it says."""

    def __str__(self) -> str:
        return str(self.strerror)


class Message(t.NamedTuple):
    """One message of an answer: its type and what follows the netlink header."""

    type: int
    body: bytes


class Netlink:
    """A netlink socket; use it as a context manager. Answers come in the order of the requests."""

    def __init__(self, protocol: int) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        except OSError as error:
            raise NetlinkError(error.errno, f"netlink protocol {protocol}: {error.strerror}") from None
        self._socket.settimeout(_TIMEOUT)
        for option in (_NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError as error:
                if error.errno != errno.ENOPROTOOPT:  # older kernels go without
                    raise
        self._sequence = 0
        self.interrupted = False  # whether a dump since the last reset was inconsistent

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._socket.close()

    def datagrams(self, kind: int, body: bytes, dump: bool = True) -> t.Iterator[bytes]:
        """Send a request and yield the raw datagrams of its answer; the reader finds the end (``check``)."""
        self._sequence += 1
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else 0)
        try:
            self._socket.send(HEADER.pack(HEADER.size + len(body), kind, flags, self._sequence, 0) + body)
            while True:
                yield self._socket.recv(_RECEIVE)
        except OSError as error:
            raise NetlinkError(error.errno, f"netlink request {kind}: {error.strerror or error}") from None

    def messages(self, kind: int, body: bytes, dump: bool = True) -> t.Iterator[Message]:
        """Send a request and yield the messages of its answer; raises NetlinkError where the kernel refuses."""
        for data in self.datagrams(kind, body, dump):
            offset = 0
            while offset + HEADER.size <= len(data):
                length, message_type, flags, _sequence, _port = HEADER.unpack_from(data, offset)
                if flags & NLM_F_DUMP_INTR:
                    self.interrupted = True
                if self.check(data, offset):
                    return
                yield Message(message_type, data[offset + HEADER.size : offset + length])
                offset += (length + 3) & ~3
                if not dump:
                    return

    def check(self, data: bytes, offset: int) -> bool:
        """Whether the message at ``offset`` ends the answer; raises NetlinkError where it is a refusal."""
        length, message_type, _flags, _sequence, _port = HEADER.unpack_from(data, offset)
        if message_type not in (NLMSG_ERROR, NLMSG_DONE):
            return False
        code = 0
        if length >= HEADER.size + 4:
            (code,) = struct.unpack_from("=i", data, offset + HEADER.size)
        if code:
            raise NetlinkError(-code, _explain(message_type, -code, data[offset : offset + length]))
        return True


def _explain(message_type: int, code: int, message: bytes) -> str:
    """What the kernel says of an error: its extended answer where there is one."""
    start = HEADER.size + 4
    if message_type == NLMSG_ERROR and len(message) >= start + HEADER.size:
        start += HEADER.size  # of the request, which is repeated here; the extended answer follows it
        (request_length,) = struct.unpack_from("=I", message, HEADER.size + 4)
        if not _flags_of(message) & 0x100:  # NLM_F_CAPPED: without it the whole request is repeated
            start += max(0, request_length - HEADER.size)
    said = attributes(message, (start + 3) & ~3, len(message)).get(_NLMSGERR_ATTR_MSG)
    return said.rstrip(b"\0").decode("utf-8", "replace") if said else os.strerror(code)


def _flags_of(message: bytes) -> int:
    return int(HEADER.unpack_from(message)[2])


def attributes(data: bytes, start: int = 0, end: int | None = None) -> dict[int, bytes]:
    """The attributes of ``data[start:end]`` by type; of a type that stands twice the last one counts."""
    end = len(data) if end is None else end
    found = {}
    unpack = _ATTRIBUTE.unpack_from
    while start + 4 <= end:
        length, kind = unpack(data, start)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded, for a request."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def nested(kind: int, *inner: bytes) -> bytes:
    """An attribute that holds attributes, for a request."""
    return attribute(kind | 0x8000, b"".join(inner))


def u8(data: bytes) -> int:
    return data[0]


def u32(data: bytes) -> int:
    """A number in the byte order of the host."""
    return int.from_bytes(data, NATIVE)


def be(data: bytes) -> int:
    """A number in network byte order, of any length."""
    return int.from_bytes(data, "big")


def text(data: bytes) -> str:
    """A name: bytes up to the first zero."""
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def address(data: bytes) -> str:
    """An IPv4 (4 bytes) or IPv6 (16 bytes) address in its canonical text."""
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


NATIVE: t.Literal["little", "big"] = "little" if struct.pack("=H", 1) == b"\1\0" else "big"
