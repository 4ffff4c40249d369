# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real flows: services on every node and clients where the flows begin, all sockets in this one process.

A socket stays in the namespace in which it was made.
"""

from __future__ import annotations

import dataclasses
import errno
import selectors
import socket
import struct
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.networks.filters import PORTS
from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces
from ansible_collections.netpath.symmetry.tests.networks.watch import Watch
from ansible_collections.netpath.symmetry.tests.networks.world import V4, Ask

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_IP_PKTINFO = 8
_LINGER = struct.pack("ii", 1, 0)  # close at once, with a reset where there is a connection
QUIET = 0.04  # no packet for so long: nothing more comes
PATIENCE = 3.0  # for what is expected to work


@dataclasses.dataclass
class Attempt:
    """One try of a flow."""

    ask: Ask
    socket: socket.socket | None = None
    size: int = 1  # of the datagram
    again: int = 0  # how often it is sent again where nothing comes back
    done: bool = False
    works: bool = False
    error: str = ""  # what the client was told at once


class Traffic:
    """All services of a network, and the clients that are under way."""

    def __init__(self, spaces: Namespaces, watch: Watch) -> None:
        self.spaces = spaces
        self.watch = watch
        self.delivered: dict[int, str] = {}  # number of a UDP flow: the node whose service got the request
        self._selector = selectors.DefaultSelector()
        self._open: set[socket.socket] = set()
        self._accepted: set[socket.socket] = set()
        for one in watch.sockets.values():
            self._selector.register(one, selectors.EVENT_READ, lambda: None)
        for name in spaces.names():
            with spaces.inside(name):
                self._serve(name)

    def close(self) -> None:
        for one in self._open:
            one.close()
        self._selector.close()

    # services
    def _serve(self, node: str) -> None:
        for family in _FAMILY:
            for port in PORTS["tcp"]:
                one = self._socket(family, socket.SOCK_STREAM, port)
                one.listen(64)
                self._read(one, lambda one=one: self._accept(one))  # type: ignore[misc]
            for port in PORTS["udp"]:
                one = self._socket(family, socket.SOCK_DGRAM, port)
                level, option = (0, _IP_PKTINFO) if family == V4 else (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO)
                one.setsockopt(level, option, 1)
                self._read(one, lambda one=one: self._answer(one, node))  # type: ignore[misc]

    def _socket(self, family: int, kind: int, port: int) -> socket.socket:
        one = socket.socket(_FAMILY[family], kind | socket.SOCK_NONBLOCK)
        if family != V4:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(("", port))
        return one

    def _read(self, one: socket.socket, call: t.Callable[[], None]) -> None:
        self._open.add(one)
        self._selector.register(one, selectors.EVENT_READ, call)

    def _drop(self, one: socket.socket) -> None:
        self._selector.unregister(one)
        self._open.discard(one)
        self._accepted.discard(one)
        one.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            one, _address = listener.accept()
        except OSError:
            return
        one.setblocking(False)
        self._accepted.add(one)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self._read(one, lambda: self._echo(one))

    def _echo(self, one: socket.socket) -> None:
        try:
            data = one.recv(64)
            if data:
                one.send(data)
                return
        except OSError:
            pass
        self._drop(one)

    def _answer(self, one: socket.socket, node: str) -> None:
        """Reply from the address that was asked."""
        try:
            data, ancillary, _flags, address = one.recvmsg(2048, 128)
        except OSError:
            return
        self.delivered[address[1]] = node
        reply = []
        for level, kind, info in ancillary:
            if level == 0 and kind == _IP_PKTINFO:
                reply.append((level, kind, struct.pack("=I4s4s", 0, info[8:12], b"\0" * 4)))
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                reply.append((level, kind, info[:16] + struct.pack("=I", 0)))
        try:
            one.sendmsg([data], reply, 0, address)
        except OSError:
            return  # it has no way back

    # clients
    def run(self, attempts: t.Sequence[Attempt], expected: bool) -> None:
        """Try flows at the same time, until all are answered or nothing moves any more."""
        for attempt in attempts:
            with self.spaces.inside(attempt.ask.node):
                self._start(attempt)
        began = quiet_since = time.monotonic()
        while not all(attempt.done for attempt in attempts):
            for key, _events in self._selector.select(0.005):
                key.data()
            now = time.monotonic()
            if self.watch.drain():
                quiet_since = now
            patience = PATIENCE if expected else QUIET
            if now - quiet_since > QUIET and any(self._once_more(attempt) for attempt in attempts):
                quiet_since = now
            if now - quiet_since > patience or now - began > 2 * PATIENCE:
                break
        for attempt in attempts:
            if attempt.socket is not None:
                self._finish(attempt)
        for one in list(self._accepted):  # or it would send again, into the next flow's counters
            self._drop(one)
        self._settle()

    def _once_more(self, attempt: Attempt) -> bool:
        """Send a datagram again: of the first the sender was told maybe that it was too large."""
        if attempt.done or not attempt.again or attempt.socket is None:
            return False
        attempt.again -= 1
        try:
            attempt.socket.send(b"?" * attempt.size)
        except OSError as error:
            attempt.error = errno.errorcode.get(error.errno or 0, str(error))
        return True

    def _settle(self) -> None:
        """Let the ends of connections pass, so that they do not count for the next flow."""
        for _round in range(4):
            ready = self._selector.select(0.002)
            for key, _events in ready:
                key.data()
            if not self.watch.drain() and not ready:
                break

    def _start(self, attempt: Attempt) -> None:
        ask = attempt.ask
        kind, protocol = {
            "tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0),
            "icmp": (socket.SOCK_DGRAM, socket.IPPROTO_ICMP if ask.family == V4 else socket.IPPROTO_ICMPV6),
        }[ask.protocol]
        one = socket.socket(_FAMILY[ask.family], kind | socket.SOCK_NONBLOCK, protocol)
        attempt.socket = one
        self._open.add(one)
        if ask.protocol == "tcp":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        try:
            one.bind((ask.source, ask.number))
            self._connect(one, ask, attempt.size)
        except OSError as error:
            attempt.error, attempt.done = errno.errorcode.get(error.errno or 0, str(error)), True
            return
        events = selectors.EVENT_WRITE if ask.protocol == "tcp" else selectors.EVENT_READ
        self._selector.register(one, events, lambda: self._progress(attempt))

    def _connect(self, one: socket.socket, ask: Ask, size: int) -> None:
        try:
            one.connect((ask.destination, ask.port))
        except BlockingIOError:
            return
        if ask.protocol == "udp":
            one.send(b"?" * size)
        elif ask.protocol == "icmp":
            one.send(struct.pack("!BBHHH", 8 if ask.family == V4 else 128, 0, 0, 0, 1) + b"?")

    def _progress(self, attempt: Attempt) -> None:
        one = t.cast(socket.socket, attempt.socket)
        try:
            if self._selector.get_key(one).events == selectors.EVENT_WRITE:  # TCP is connected, or not
                one.send(b"?")
                self._selector.modify(one, selectors.EVENT_READ, lambda: self._progress(attempt))
                return
            attempt.works = len(one.recv(2048)) >= attempt.size
        except BlockingIOError:
            return
        except OSError as error:
            attempt.error = errno.errorcode.get(error.errno or 0, str(error))
            if error.errno == errno.EMSGSIZE and attempt.again:
                return  # told that it was too large: the next one goes in fragments
        attempt.done = True
        self._selector.unregister(one)

    def _finish(self, attempt: Attempt) -> None:
        one = t.cast(socket.socket, attempt.socket)
        if not attempt.done:
            self._selector.unregister(one)
        self._open.discard(one)
        one.close()
        attempt.socket = None
