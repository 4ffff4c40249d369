# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Two members meet over their link for a measurement: one TCP connection, a line of JSON for each message.

The one with the lower address waits, the other comes. Only the peer is let in, and whoever asks for something else is
told so.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import select
import socket
import time
import typing as t

GREETING = "netpath.symmetry state_sync_latency 1"
ANSWER_WITHIN = 30.0  # seconds for a message that is due
_LONGEST = 8 << 20  # bytes of a message
Message = dict[str, t.Any]


class MeetingError(RuntimeError):
    """The members did not come together, or lost each other; the message says what to do."""


class Meeting:
    """The other member, met. Use it as a context manager."""

    def __init__(self, connection: socket.socket, first: bool) -> None:
        self.first = first  # whether this member has the lower address: it begins
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._buffer = b""

    def __enter__(self) -> Meeting:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For select()."""
        return self._socket.fileno()

    def say(self, **message: t.Any) -> None:
        """Send a message; raises MeetingError."""
        data = json.dumps(message).encode() + b"\n"
        try:
            self._socket.settimeout(ANSWER_WITHIN)
            self._socket.sendall(data)
            self._socket.setblocking(False)
        except OSError as error:
            raise _lost(error) from None

    def hear(self, within: float = ANSWER_WITHIN) -> Message:
        """The next message; raises MeetingError where none comes, or the other member says why it gives up."""
        deadline = time.monotonic() + within
        while True:
            message = self.heard()
            if message is not None:
                return message
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self], [], [], left)[0]:
                raise MeetingError(f"the other member has said nothing for {within:g} s: look at its task")

    def heard(self) -> Message | None:
        """A message that has come; None where none has come whole."""
        if b"\n" not in self._buffer:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return None
            except OSError as error:
                raise _lost(error) from None
            if not data or len(self._buffer) > _LONGEST:
                raise _lost("it has closed the connection")
            self._buffer += data
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            return None
        self._buffer = rest
        message: Message = json.loads(line)
        if "error" in message:
            raise MeetingError(f"the other member gave up: {message['error']}")
        return message


def _lost(reason: object) -> MeetingError:
    return MeetingError(f"the other member was lost ({reason}): look at its task, and at the link")


def meet(local: str, peer: str, port: int, within: float) -> Meeting:
    """Meet the peer; raises MeetingError where it does not come in time, or nobody lets us through."""
    first = ipaddress.ip_address(local).packed < ipaddress.ip_address(peer).packed
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    deadline = time.monotonic() + within
    found = _wait(family, local, peer, port, deadline) if first else _come(family, local, peer, port, deadline)
    if found is None:
        advice = "run the task on both members at the same time (two forks, no serial), and let TCP port"
        raise MeetingError(f"{peer} did not come within {within:g} s: {advice} {port} through on the link")
    return Meeting(found, first)


def _wait(family: int, local: str, peer: str, port: int, deadline: float) -> socket.socket | None:
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((local, port))
        except OSError as error:
            raise MeetingError(f"{local} port {port} cannot be listened on: {error.strerror}; is it this member's "
                               "address on the link, and the port free?") from None
        listener.listen(4)
        while True:
            listener.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection, sender = listener.accept()
            except (socket.timeout, TimeoutError):
                return None
            if ipaddress.ip_address(sender[0]) == ipaddress.ip_address(peer):
                return connection
            connection.close()


def _come(family: int, local: str, peer: str, port: int, deadline: float) -> socket.socket | None:
    while time.monotonic() < deadline:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.bind((local, 0))
        except OSError as error:
            connection.close()
            raise MeetingError(f"{local} is no address of this host: {error.strerror}") from None
        connection.settimeout(min(2.0, max(0.01, deadline - time.monotonic())))
        with contextlib.suppress(OSError):  # nobody listens there yet
            connection.connect((peer, port))
            return connection
        connection.close()
        time.sleep(0.1)
    return None
