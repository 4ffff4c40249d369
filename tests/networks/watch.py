# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every packet of every flow, at every interface of every node: a packet socket in each namespace."""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces

NUMBERS = range(20000, 32000)  # client ports and echo ids of flows
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33
_OTHER_HOST, _OUTGOING = 3, 4
_ALL = 0x0003  # ETH_P_ALL


class Sighting(t.NamedTuple):
    """A packet that went in or out at an interface."""

    at: int  # nanoseconds
    node: str
    device: str
    out: bool
    kind: str  # syn, syn_ack, ack, rst, udp, echo; ask and answer of neighbours; error
    number: int = 0  # of the flow; 0 where it does not tell
    forward: bool = True
    source: str = ""
    destination: str = ""
    sport: int = 0
    dport: int = 0
    error: tuple[int, int] = (0, 0)  # type and code of an ICMP error
    to: str = ""  # the MAC address that the frame was for

    def __str__(self) -> str:
        what = f"{self.kind}{self.error if self.kind == 'error' else ''}"
        ends = f"{self.source}:{self.sport} > {self.destination}:{self.dport}"
        return f"{self.node}:{self.device} {'out' if self.out else 'in'} {what} {ends}"


class Watch:
    """The packet sockets. ``seen`` grows with every call of ``drain``; ``number`` is that of the flow under way."""

    def __init__(self, spaces: Namespaces) -> None:
        self.seen: list[Sighting] = []
        self.number = 0
        self.sockets: dict[str, socket.socket] = {}
        for name in spaces.names():
            with spaces.inside(name):
                one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            one.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            one.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)
            one.setblocking(False)
            self.sockets[name] = one

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()

    def drain(self) -> bool:
        """Take what has been seen; true where a packet of a flow was among it."""
        news = False
        for name, one in self.sockets.items():
            while True:
                try:
                    frame, ancillary, _flags, address = one.recvmsg(256, 64)
                except BlockingIOError:
                    break
                device, kind = address[0], address[2]
                if device != "lo" and kind != _OTHER_HOST:
                    found = parse(frame, _time(ancillary), name, device, kind == _OUTGOING, self.number)
                    if found is not None:
                        self.seen.append(found)
                        news = news or found.number > 0
        return news


def _time(ancillary: t.Sequence[tuple[int, int, bytes]]) -> int:
    for _level, kind, data in ancillary:
        if kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return int(seconds * 10**9 + nanoseconds)
    return 0


def parse(frame: bytes, at: int, node: str, device: str, out: bool, number: int = 0) -> Sighting | None:
    """What a frame is to us; None where it belongs to no flow and to no neighbour's question.

    ``number``: of the flow under way. A translator may give the other end a port that is among the numbers too.
    """
    protocol = int.from_bytes(frame[12:14], "big")
    start = Sighting(at, node, device, out, "", to=frame[:6].hex(":"))
    if protocol == 0x0806:
        kind = {1: "ask", 2: "answer"}.get(int.from_bytes(frame[20:22], "big"), "")
        return start._replace(kind=kind, source=socket.inet_ntoa(frame[28:32]),
                              destination=socket.inet_ntoa(frame[38:42])) if kind else None
    if protocol in (0x0800, 0x86DD):
        return _packet(start, frame[14:], number)
    return None


def _packet(start: Sighting, data: bytes, number: int) -> Sighting | None:
    if not data:
        return None
    if data[0] >> 4 == 4:
        header, protocol = (data[0] & 15) * 4, data[9]
        ends = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
    else:
        header, protocol = 40, data[6]
        ends = (socket.inet_ntop(socket.AF_INET6, data[8:24]), socket.inet_ntop(socket.AF_INET6, data[24:40]))
    one = start._replace(source=ends[0], destination=ends[1])
    body = data[header:]
    if len(body) < 8:
        return None
    if protocol in (1, 58):
        return _icmp(one, protocol, body, number)
    if protocol not in (6, 17):
        return None
    sport, dport = struct.unpack("!HH", body[:4])
    kind = "udp" if protocol == 17 else _tcp_kind(body)
    return _of_flow(one._replace(kind=kind, sport=sport, dport=dport), number)


def _of_flow(one: Sighting, number: int) -> Sighting:
    if one.sport in NUMBERS and one.dport != number:
        return one._replace(number=one.sport, forward=True)
    if one.dport in NUMBERS:
        return one._replace(number=one.dport, forward=False)
    return one  # maybe of a flow whose port was changed on the way


def _tcp_kind(body: bytes) -> str:
    flags = body[13] if len(body) > 13 else 0x10
    if flags & 0x04:
        return "rst"
    return {0x02: "syn", 0x12: "syn_ack"}.get(flags & 0x12, "ack")


def _icmp(one: Sighting, protocol: int, body: bytes, flow: int) -> Sighting | None:
    kind, code = body[0], body[1]
    if kind in ((8, 0) if protocol == 1 else (128, 129)):
        number = int.from_bytes(body[4:6], "big")
        echo = one._replace(kind="echo", forward=kind in (8, 128))
        return echo._replace(number=number) if number in NUMBERS else echo._replace(sport=number)
    if protocol == 58 and kind in (135, 136):
        target = socket.inet_ntop(socket.AF_INET6, body[8:24])
        return one._replace(kind="ask" if kind == 135 else "answer", destination=target)
    if kind in ((3, 11) if protocol == 1 else (1, 3)):
        inner = _packet(one, body[8:], flow)
        if inner is not None and inner.number:
            return one._replace(kind="error", number=inner.number, forward=inner.forward, error=(kind, code))
    return None
