# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Send real new flows: TCP connections, UDP datagrams and ICMP echoes, from a chosen address, interface or mark."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import socket
import struct
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._probe.request import Http, ProbeError, Request, Try

# asm-generic/socket.h, linux/in.h, linux/in6.h, linux/errqueue.h; Python 3.9 does not name all of them
_SO_BINDTODEVICE, _SO_MARK = 25, 36
_IP_RECVERR, _IPV6_RECVERR, _MSG_ERRQUEUE = 11, 25, 0x2000
_SIOCOUTQ = 0x5411  # linux/sockios.h: bytes that are not acknowledged yet
_ECHO = {4: (8, 0), 6: (128, 129)}  # request and reply (RFC 792, RFC 4443)

# EINVAL is the answer of a blackhole route, EACCES of a prohibit route, EPERM of an output filter.
_ERRORS = {
    errno.ETIMEDOUT: "timeout",
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EINVAL: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EADDRINUSE: "port_in_use",
    errno.EADDRNOTAVAIL: "port_in_use",  # from connect: the same 5-tuple is still known
}


class _Failed(Exception):
    """This try did not succeed."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error, self.detail = error, detail


def probe(request: Request) -> list[Try]:
    """All tries, one after the other. A try that fails is an answer; raises ProbeError where none can be sent."""
    tries: list[Try] = []
    started = time.monotonic()
    # With until success a thousand tries fill the time, so that the answer stays small.
    success = request.until == "success"
    interval = max(request.interval, request.wait / 1000) if success else request.interval
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(_socket(request)) if request.keep_socket else None
        while True:
            at = time.monotonic() - started
            patience = min(request.timeout, max(0.01, request.wait - at)) if success else request.timeout
            try:
                tries.append(_try(request, kept, at, patience))
            except ProbeError as error:
                if not tries:
                    raise
                # It worked before: the interface or the address went away meanwhile, which is what is measured.
                tries.append(Try(False, at, time.monotonic() - started - at, "local", str(error)))
            if success and (tries[-1].ok or time.monotonic() - started + interval >= request.wait):
                return tries
            if not success and len(tries) >= request.count:
                return tries
            time.sleep(max(0.0, at + interval - (time.monotonic() - started)))


def _try(request: Request, kept: socket.socket | None, at: float, patience: float) -> Try:
    begun = time.monotonic()
    error, detail, status = "", "", None
    local: tuple[t.Any, ...] = ("", None)
    with contextlib.ExitStack() as stack:
        sock = kept or stack.enter_context(_socket(request))
        try:
            status = _exchange(request, sock, begun + patience)
        except _Failed as failed:
            error, detail = failed.error, failed.detail
        except socket.timeout:  # on Python 3.9 it is not TimeoutError
            error, detail = "timeout", f"no answer within {patience:g} s"
        except OSError as failed:
            error = _ERRORS.get(failed.errno or 0, "other")
            detail = failed.strerror or str(failed)
        seconds = time.monotonic() - begun
        local = sock.getsockname()
    port = local[1] if request.protocol in ("tcp", "udp") and local[1] else None
    address = "" if local[0] in ("0.0.0.0", "::") else local[0]
    return Try(not error, at, seconds, error, detail, address, port, status)


def _exchange(request: Request, sock: socket.socket, deadline: float) -> int | None:
    """One request and its answer; returns the HTTP status where one was asked for."""
    _patience(sock, deadline)
    if request.protocol == "tcp":
        sock.connect(_address(request, request.destination, request.dport or 0))
        if request.size:
            _transfer(sock, request.size, deadline)
        return _http(sock, request.http, request, deadline) if request.http else None
    if request.protocol == "udp":
        _drain(sock)
        _patience(sock, deadline)
        sock.connect(_address(request, request.destination, request.dport or 0))
        sock.send(request.payload.encode())
        sock.recv(65535)
        return None
    sock.connect(_address(request, request.destination, 0))
    _echo(sock, request.family, deadline)
    return None


def _patience(sock: socket.socket, deadline: float) -> None:
    """Wait no longer than until the deadline; 0 would mean not to wait at all."""
    sock.settimeout(max(0.001, deadline - time.monotonic()))


def _transfer(sock: socket.socket, size: int, deadline: float) -> None:
    """Send that many bytes, empty lines, until the other end has acknowledged them, or a full segment before it closed.

    The kernels see to that, whatever the service makes of it. A full segment goes alone at first: a service that closes
    with nothing left to read acknowledges what it has read, while a reset, which more would bring about, does not.
    """
    segment = min(size, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
    sent, acknowledged, closed = 0, 0, False
    data = memoryview((b"\r\n" * (size // 2 + 1))[:size])
    sock.settimeout(0.05)
    while time.monotonic() < deadline:
        try:
            if sent < size and (not sent or acknowledged >= segment):
                sent += sock.send(data[sent : sent + (65536 if sent else segment)])
            else:
                time.sleep(0.002)
            closed = _closed(sock)
        except socket.timeout:  # the buffer is full
            pass
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                raise
            closed = True
        acknowledged = sent - _unacknowledged(sock)
        if acknowledged >= (segment if closed else size):
            return
        if closed:
            break
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # nobody waits for the rest
    if closed:
        raise _Failed("reset", f"closed when {acknowledged} of {size} bytes were acknowledged")
    raise _Failed("stalled", f"it connects, but only {acknowledged} of {size} bytes were acknowledged in time")


def _closed(sock: socket.socket) -> bool:
    """Whether the other end will send no more; what it has sent until now is forgotten. Raises OSError of a reset."""
    while True:
        try:
            if not sock.recv(65536, socket.MSG_DONTWAIT):
                return True
        except BlockingIOError:
            return False


def _unacknowledged(sock: socket.socket) -> int:
    """Bytes in the send queue, those in flight included; also of a connection that was reset."""
    return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), _SIOCOUTQ, b"\0" * 4))[0])


def _http(sock: socket.socket, http: Http, request: Request, deadline: float) -> int:
    destination = f"[{request.destination}]" if request.family == 6 else request.destination
    host = http.host or f"{destination}:{request.dport}"
    sock.sendall(
        f"GET {http.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n\r\n".encode("ascii")
    )
    line = b""
    while b"\n" not in line and len(line) < 1024:
        _patience(sock, deadline)
        data = sock.recv(1024)
        if not data:
            raise _Failed("closed", "the connection was closed before a status line came")
        line += data
    words = line.split(b"\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise _Failed("not_http", "the answer does not begin with an HTTP status line")
    return int(words[1])


def _echo(sock: socket.socket, family: int, deadline: float) -> None:
    """Send one echo request and wait for the reply to it. A raw socket sees replies to others too."""
    kind, answer = _ECHO[family]
    identifier, sequence = struct.unpack("!HH", os.urandom(4))
    data = b"netpath.symmetry"
    packet = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence) + data
    if family == 4:  # the kernel writes the checksum of ICMPv6, and of both on an unprivileged ping socket
        packet = struct.pack("!BBHHH", kind, 0, checksum(packet), identifier, sequence) + data
    sock.send(packet)
    raw = sock.type == socket.SOCK_RAW
    while True:
        _patience(sock, deadline)
        reply = sock.recv(2048)
        if raw and family == 4:
            reply = reply[(reply[0] & 15) * 4 :]
        if len(reply) < 8:
            continue
        got, _code, _sum, got_identifier, got_sequence = struct.unpack_from("!BBHHH", reply)
        # A ping socket replaces the identifier, and hands over only its own replies.
        if got == answer and got_sequence == sequence and (not raw or got_identifier == identifier):
            return
        if time.monotonic() >= deadline:
            raise _Failed("timeout", "no echo reply in time")


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _drain(sock: socket.socket) -> None:
    """Forget late answers and errors of earlier tries on a socket that is kept."""
    sock.setblocking(False)
    for flags in (0, _MSG_ERRQUEUE):
        for _turn in range(1000):
            try:
                sock.recv(1, flags)
            except BlockingIOError:
                break
            except OSError:
                continue  # an error of an earlier try; reading takes it away


def _address(request: Request, address: str, port: int) -> tuple[t.Any, ...]:
    if request.family == 4:
        return (address, port)
    link_local = address.lower().startswith(("fe8", "fe9", "fea", "feb"))
    scope = socket.if_nametoindex(request.interface) if link_local and request.interface else 0
    return (address, port, 0, scope)


def _socket(request: Request) -> socket.socket:
    """A fresh socket with source, interface and mark. Raises ProbeError where the host cannot give that."""
    sock = _open(request)
    try:
        _prepare(request, sock)
    except ProbeError:
        sock.close()
        raise
    return sock


def _open(request: Request) -> socket.socket:
    family = socket.AF_INET if request.family == 4 else socket.AF_INET6
    if request.protocol == "tcp":
        return socket.socket(family, socket.SOCK_STREAM)
    if request.protocol == "udp":
        return socket.socket(family, socket.SOCK_DGRAM)
    protocol = socket.IPPROTO_ICMP if request.family == 4 else socket.IPPROTO_ICMPV6
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol)
        except PermissionError:
            continue
    raise ProbeError("an ICMP probe needs root, or the group of this user in net.ipv4.ping_group_range")


def _prepare(request: Request, sock: socket.socket) -> None:
    options: list[tuple[str, int, int, t.Union[int, bytes]]] = []
    if request.protocol != "tcp":  # unreachable hosts are told at once, not only refused ports
        level, name = (socket.SOL_IP, _IP_RECVERR) if request.family == 4 else (socket.IPPROTO_IPV6, _IPV6_RECVERR)
        options.append(("errors", level, name, 1))
    if request.interface:
        options.append(("interface", socket.SOL_SOCKET, _SO_BINDTODEVICE, request.interface.encode() + b"\0"))
    if request.mark is not None:
        # Python takes a signed int here; the kernel reads the same 32 bits.
        options.append(("mark", socket.SOL_SOCKET, _SO_MARK, struct.pack("=I", request.mark)))
    if request.sport:
        options.append(("sport", socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
        if request.protocol == "tcp":  # the next try may have the same 5-tuple: leave no TIME_WAIT behind
            options.append(("sport", socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)))
    for option, level, name, value in options:
        try:
            sock.setsockopt(level, name, value)
        except PermissionError:
            raise ProbeError(f"{option} needs root (CAP_NET_RAW or CAP_NET_ADMIN): run the task with become") from None
        except OSError as error:
            raise ProbeError(f"{option} {getattr(request, option, '')}: {error.strerror}") from error
    _bind(request, sock)


def _bind(request: Request, sock: socket.socket) -> None:
    if request.source is None and request.sport is None:
        return
    anywhere = "0.0.0.0" if request.family == 4 else "::"
    try:
        sock.bind(_address(request, request.source or anywhere, request.sport or 0))
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ProbeError(f"source {request.source} is not an address of this host") from error
        if error.errno == errno.EADDRINUSE:
            raise ProbeError(f"sport {request.sport} is used by another socket of this host") from error
        raise ProbeError(f"cannot bind to {request.source or ''}:{request.sport or 0}: {error.strerror}") from error


def run(options: t.Mapping[str, t.Any]) -> tuple[Request, list[Try]]:
    """Build the request from module options, where None means the default, and send it. Raises ProbeError."""
    known = {field.name for field in dataclasses.fields(Request)}
    given = {key: value for key, value in options.items() if key in known and value is not None}
    http = given.get("http")
    if http is not None:
        given["http"] = Http(http.get("path") or "/", http.get("host") or "")
    if given.get("protocol") == "icmp" and ":" in given.get("destination", ""):
        given["protocol"] = "icmpv6"
    request = Request(**given)
    return request, probe(request)
