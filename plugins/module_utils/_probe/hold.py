# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Keep TCP connections open while the network changes, and count those that are still answered afterwards.

Nothing is sent but what opens a connection and the kernel's own keepalive probes (RFC 9293 section 3.8.4), which every
end answers, whatever service listens: a stateful box that has lost the connection drops them.
"""

from __future__ import annotations

import dataclasses
import os
import select
import socket
import struct
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._probe.request import ProbeError

MAX_COUNT, MAX_SECONDS = 1000, 600.0
_ESTABLISHED = 1  # enum of linux/tcp_states.h
_LAST_ACK = 56  # bytes before tcpi_last_ack_recv (ms) in struct tcp_info, linux/tcp.h
_LOOK_EVERY = 0.2  # seconds


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is asked, checked. Times are seconds."""

    flow: str
    count: int = 20
    seconds: float = 30.0  # to hold the connections
    patience: float = 5.0  # without an answer, at the end, a connection counts as lost
    until_file: str = ""  # ends earlier, ``patience`` after this file is there

    def __post_init__(self) -> None:
        flow = self.parsed
        if flow.protocol != "tcp":
            raise ProbeError(f"flow {self.flow!r}: connections of tcp can be held, {flow.protocol} has none")
        if flow.sport is not None and self.count > 1:
            raise ProbeError(f"flow {self.flow!r}: {self.count} connections cannot have one source port, leave it out")
        for name, value, low, high in (("count", self.count, 1, MAX_COUNT), ("patience", self.patience, 3, 60),
                                       ("seconds", self.seconds, self.patience, MAX_SECONDS)):
            if not low <= value <= high:
                raise ProbeError(f"{name} {value:g}: use {low:g} to {high:g}")

    @property
    def parsed(self) -> Flow:
        try:
            return Flow.parse(self.flow)
        except FlowError as error:
            raise ProbeError(str(error)) from None


@dataclasses.dataclass
class Held:
    """What became of one connection; ``silence`` is the longest time without an answer that was seen, in seconds."""

    local_port: int
    alive: bool = True
    silence: float = 0.0
    error: str = ""

    def to_dict(self) -> dict[str, t.Any]:
        return {**dataclasses.asdict(self), "silence": round(self.silence, 3)}


def hold(wish: Wish, ready: t.Callable[[int], None] = lambda _count: None) -> list[Held]:
    """Open the connections, call ``ready`` with how many stand, watch them, and tell of each. Raises ProbeError."""
    flow, sockets = wish.parsed, []
    try:
        for _number in range(wish.count):
            sockets.append(_open(flow))
        ready(len(sockets))
        held = [Held(one.getsockname()[1]) for one in sockets]
        _watch(sockets, held, wish)
        for one, told in zip(sockets, held):
            since = _unanswered(one)
            if told.alive and (since is None or since > wish.patience):
                told.alive, told.error = False, f"no answer for {since:.1f} s" if since is not None else "it was ended"
        return held
    finally:
        for one in sockets:
            one.close()


def _open(flow: Flow) -> socket.socket:
    family = socket.AF_INET6 if flow.family == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 127)):
            connection.setsockopt(socket.IPPROTO_TCP, name, value)
        # An end by a reset leaves nothing in TIME_WAIT, neither here nor in the tables on the way.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.settimeout(5)
        connection.bind((flow.source, flow.sport or 0))
        connection.connect((flow.destination, flow.dport))
    except OSError as error:
        connection.close()
        raise ProbeError(f"{flow}: a connection cannot be opened to begin with: {error}") from None
    connection.setblocking(False)
    return connection


def _watch(sockets: t.Sequence[socket.socket], held: t.Sequence[Held], wish: Wish) -> None:
    until, asked = time.monotonic() + wish.seconds, False
    while time.monotonic() < until:
        if not asked and wish.until_file and os.path.exists(wish.until_file):
            asked, until = True, min(until, time.monotonic() + wish.patience)
        for one, told in zip(sockets, held):
            if told.alive:
                _look(one, told)
        select.select([], [], [], _LOOK_EVERY)


def _look(connection: socket.socket, told: Held) -> None:
    try:
        if connection.recv(65536) == b"":
            told.alive, told.error = False, "the other end closed it"
            return
    except BlockingIOError:
        pass
    except OSError as error:
        told.alive, told.error = False, error.strerror or str(error)
        return
    told.silence = max(told.silence, _unanswered(connection) or 0.0)


def _unanswered(connection: socket.socket) -> t.Optional[float]:
    """Seconds since the other end acknowledged anything; None where the connection has ended."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    if info[0] != _ESTABLISHED:
        return None
    return float(struct.unpack_from("I", info, _LAST_ACK)[0]) / 1000


def summarise(held: t.Sequence[Held]) -> dict[str, t.Any]:
    """How many were kept, why others were not, and the longest silence among those that were, in seconds."""
    errors: dict[str, int] = {}
    for one in held:
        if not one.alive:
            errors[one.error] = errors.get(one.error, 0) + 1
    return {"opened": len(held), "alive": sum(one.alive for one in held), "errors": errors,
            "longest_silence": round(max((one.silence for one in held if one.alive), default=0.0), 3)}
