# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Entries for a measurement: made and deleted by ctnetlink, and seen when they come into a table.

No packet is sent: an entry is put into the table as conntrack -I does it, the kernel tells conntrackd of it as of any
other, and it ends by itself after some seconds. (linux/netfilter/nfnetlink_conntrack.h)
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.ctnetlink import decode
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import (
    HEADER,
    NETLINK_NETFILTER,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    attribute,
    attributes,
    be,
    nested,
)

FIRST_PORT = 20000  # source port of the first entry; each has one of its own, below those that hosts choose for theirs
LIFETIME = 30  # seconds
_CT = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_NEW, _DELETE = _CT | 0, _CT | 2
_EXCLUSIVE = 0x600  # NLM_F_CREATE | NLM_F_EXCL
_GROUP_NEW = 1  # RTMGRP-like mask of NFNLGRP_CONNTRACK_NEW
_NUMBERS = {"tcp": 6, "udp": 17}
_SYN_SENT = 1
_NFGENMSG = struct.Struct("!BBH")
_SO_RCVBUFFORCE = 33
_BUFFER = 8 << 20
_RECEIVE = 1 << 16


class Tuple(t.NamedTuple):
    """What the entries of one flow have in common."""

    protocol: str  # tcp or udp
    source: str
    destination: str
    dport: int

    @property
    def family(self) -> int:
        return int(socket.AF_INET6 if ":" in self.source else socket.AF_INET)

    def original(self, sport: int) -> bytes:
        """CTA_TUPLE_ORIG."""
        return self._side(1, self.source, self.destination, sport, self.dport)

    def reply(self, sport: int) -> bytes:
        """CTA_TUPLE_REPLY."""
        return self._side(2, self.destination, self.source, self.dport, sport)

    def _side(self, kind: int, source: str, destination: str, sport: int, dport: int) -> bytes:
        first = 1 if self.family == socket.AF_INET else 3  # CTA_IP_V4_SRC, CTA_IP_V6_SRC
        addresses = [
            attribute(first, socket.inet_pton(self.family, source)),
            attribute(first + 1, socket.inet_pton(self.family, destination)),
        ]
        ports = [
            attribute(1, bytes([_NUMBERS[self.protocol]])),
            attribute(2, struct.pack("!H", sport)),
            attribute(3, struct.pack("!H", dport)),
        ]
        return nested(kind, nested(1, *addresses), nested(2, *ports))


class Maker:
    """Makes and deletes entries; use it as a context manager. What the kernel refuses is counted by reason."""

    def __init__(self, flows: t.Sequence[Tuple]) -> None:
        self.flows = flows
        self.refused: dict[str, int] = {}
        self.refused_numbers: set[int] = set()  # these stand for somebody else's connection, or for none
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.setblocking(False)

    def __enter__(self) -> Maker:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._socket.close()

    def prepare(self, number: int) -> bytes:
        """The request that makes entry ``number``."""
        flow, sport = self.flows[number % len(self.flows)], FIRST_PORT + number
        body = flow.original(sport) + flow.reply(sport) + attribute(7, struct.pack("!I", LIFETIME))
        if flow.protocol == "tcp":
            body += nested(4, nested(1, attribute(1, bytes([_SYN_SENT]))))  # CTA_PROTOINFO
        return _request(_NEW, NLM_F_REQUEST | _EXCLUSIVE, flow.family, body, number)

    def make(self, request: bytes) -> None:
        """Send it; the entry stands when this returns, or was refused."""
        self._socket.send(request)

    def delete(self, numbers: t.Iterable[int]) -> None:
        """Delete entries; what is gone already is gone."""
        for number in numbers:
            flow = self.flows[number % len(self.flows)]
            self._socket.send(
                _request(_DELETE, NLM_F_REQUEST, flow.family, flow.original(FIRST_PORT + number), number)
            )
            self._drain()

    def _drain(self) -> None:
        """Read what the kernel says of deletions: what is gone already is gone."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(_RECEIVE)

    def refusals(self) -> list[int]:
        """The numbers of the entries that the kernel has refused since this was asked last."""
        found: list[int] = []
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except BlockingIOError:
                return found
            _length, kind, _flags, sequence, _port = HEADER.unpack_from(data)
            if kind == NLMSG_ERROR:
                (code,) = struct.unpack_from("=i", data, HEADER.size)
                found.append(sequence - 1)
                self.refused_numbers.add(sequence - 1)
                reason = errno.errorcode.get(-code, str(-code))
                self.refused[reason] = self.refused.get(reason, 0) + 1


class Watcher:
    """Sees entries come into the table of this network namespace; use it as a context manager."""

    def __init__(self, flows: t.Sequence[Tuple]) -> None:
        self._known = {(flow.protocol, flow.source, flow.destination, flow.dport) for flow in flows}
        self.overruns = 0  # times that events were lost, as they came faster than they were read
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.bind((0, _GROUP_NEW))
        self._socket.setblocking(False)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For select()."""
        return self._socket.fileno()

    def seen(self) -> list[int]:
        """The numbers of the entries of one datagram of events; empty where none waits."""
        try:
            data = self._socket.recv(_RECEIVE)
        except BlockingIOError:
            return []
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self.overruns += 1
            return []
        found, offset = [], 0
        while offset + HEADER.size <= len(data):
            length = HEADER.unpack_from(data, offset)[0]
            number = self._number(data[offset + HEADER.size : offset + length])
            if number is not None:
                found.append(number)
            offset += (length + 3) & ~3
        return found

    def _number(self, body: bytes) -> int | None:
        """The number of an entry of ours; a cheap look at its port comes first."""
        ports = attributes(attributes(attributes(body, _NFGENMSG.size).get(1, b"")).get(2, b""))
        if 2 not in ports or be(ports[2]) < FIRST_PORT:
            return None
        entry = decode(body)
        if entry is None:
            return None
        side = entry["original"]
        if (entry["protocol"], side["source"], side["destination"], side.get("dport")) not in self._known:
            return None
        return int(side["sport"]) - FIRST_PORT


def _request(kind: int, flags: int, family: int, body: bytes, number: int) -> bytes:
    whole = _NFGENMSG.pack(family, 0, 0) + body
    return HEADER.pack(HEADER.size + len(whole), kind, flags, number + 1, 0) + whole
