# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Watch one flow on several interfaces at once, bounded in time, packets and bytes. Needs CAP_NET_RAW.

The kernel drops what is not of the flow's addresses before it is copied, and copies headers only.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import selectors
import socket
import struct
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.bpf import SNAPLEN, flow_filter
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.decode import decode
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.summary import Event
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import FORWARD, RETURN, Wanted
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS

MAX_SECONDS, MAX_PACKETS, MAX_INTERFACES = 300, 10000, 64
SETTLE_SECONDS = 0.3  # after the first reply: it may still have to leave by another interface

# linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h
_ETH_P_ALL, _SOL_PACKET, _PACKET_STATISTICS, _PACKET_AUXDATA, _OUTGOING = 0x0003, 263, 6, 8, 4
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _VLAN_VALID = 26, 33, 35, 0x10
_BUFFER = 4 * 1024 * 1024


class CaptureError(RuntimeError):
    """The capture cannot be made; the message says what is wrong and what to do."""


@dataclasses.dataclass(frozen=True)
class Limits:
    seconds: float = 10.0
    packets: int = 500
    bytes: int = 10_000_000  # of the packets that were seen, not of memory
    until: str = "end"  # end, reply

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= MAX_SECONDS:
            raise CaptureError(f"seconds {self.seconds:g}: use more than 0 and at most {MAX_SECONDS}")
        if not 0 < self.packets <= MAX_PACKETS:
            raise CaptureError(f"packets {self.packets}: use 1 to {MAX_PACKETS}")
        if self.bytes < 1:
            raise CaptureError(f"bytes {self.bytes}: use 1 or more")


@dataclasses.dataclass
class Capture:
    """What was seen, and what may be missing."""

    events: list[Event]
    interfaces: list[str]
    seconds: float = 0.0
    ended_by: str = "seconds"  # seconds, packets, bytes, reply
    dropped: int = 0  # packets of the flow's addresses that the kernel could not queue
    went_down: tuple[str, ...] = ()  # interfaces that were down for a time


def capture(wanted: Wanted, interfaces: t.Sequence[str], limits: Limits) -> Capture:
    """Watch until a limit is reached. Raises CaptureError; an interface that goes down meanwhile is no error."""
    names = _names(interfaces)
    result = Capture([], names)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        program = flow_filter(wanted.all_addresses, PROTOCOLS[wanted.flow.protocol])
        opened = [stack.enter_context(_open(name, program)) for name in names]
        for name, sock in zip(names, opened):
            selector.register(sock, selectors.EVENT_READ, name)
        _watch(selector, wanted, limits, result)
        result.dropped = sum(_dropped(sock) for sock in opened)
    result.seconds = time.monotonic() - started
    result.events.sort(key=lambda event: event.time)
    return result


def _names(interfaces: t.Sequence[str]) -> list[str]:
    present = [name for _index, name in socket.if_nameindex()]
    unknown = [name for name in interfaces if name not in present]
    if unknown:
        raise CaptureError(
            f"interface {', '.join(unknown)} does not exist on this host, there are: {', '.join(present)}"
        )
    names = list(dict.fromkeys(interfaces)) or [name for name in present if name != "lo"]
    if not names:
        raise CaptureError("this host has no interface but lo: name it in interfaces to capture there")
    if len(names) > MAX_INTERFACES:
        raise CaptureError(f"{len(names)} interfaces are too many at once: name at most {MAX_INTERFACES} in interfaces")
    return names


def _open(interface: str, program: bytes) -> socket.socket:
    try:
        # Protocol 0 receives nothing: the filter stands before the first packet is queued.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    except PermissionError:
        raise CaptureError("capturing needs root (CAP_NET_RAW): run the task with become") from None
    try:
        code = ctypes.create_string_buffer(program, len(program))
        length = len(program) // 8
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", length, ctypes.addressof(code)))
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        with contextlib.suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        sock.setblocking(False)
        sock.bind((interface, _ETH_P_ALL))
    except OSError as error:
        sock.close()
        raise CaptureError(f"cannot capture on interface {interface}: {error.strerror}") from error
    return sock


def _watch(selector: selectors.BaseSelector, wanted: Wanted, limits: Limits, result: Capture) -> None:
    deadline = time.monotonic() + limits.seconds
    size = 0
    ways: set[str] = set()
    while True:
        rest = deadline - time.monotonic()
        if rest <= 0:
            return
        for key, _events in selector.select(rest):
            for event in _receive(t.cast(socket.socket, key.fileobj), key.data, wanted, result):
                result.events.append(event)
                size += event.length
                ways.add(event.way)
                if len(result.events) >= limits.packets or size >= limits.bytes:
                    result.ended_by = "packets" if len(result.events) >= limits.packets else "bytes"
                    return
        if limits.until == "reply" and result.ended_by != "reply" and {FORWARD, RETURN} <= ways:
            result.ended_by = "reply"
            deadline = min(deadline, time.monotonic() + SETTLE_SECONDS)


def _receive(sock: socket.socket, interface: str, wanted: Wanted, result: Capture) -> t.Iterator[Event]:
    for _turn in range(256):  # then the other interfaces have their turn
        try:
            data, ancillary, _flags, address = sock.recvmsg(SNAPLEN, 256)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
                raise CaptureError(f"capturing on interface {interface} failed: {error.strerror}") from error
            if interface not in result.went_down:
                result.went_down += (interface,)
            return
        event = _event(data, ancillary, interface, address[2], wanted)
        if event is not None:
            yield event


def _event(
    data: bytes, ancillary: t.Sequence[tuple[int, int, bytes]], interface: str, packet_type: int, wanted: Wanted
) -> Event | None:
    header = decode(data)
    way = wanted.way(header) if header is not None else None
    if header is None or way is None:
        return None
    stamp, vlan = _ancillary(ancillary)
    quoted = header.quoted
    return Event(
        time=stamp,
        interface=interface,
        direction="out" if packet_type == _OUTGOING else "in",
        way=way,
        source=header.source,
        destination=header.destination,
        sport=header.sport,
        dport=header.dport,
        protocol=header.protocol,
        flags=header.flags,
        length=header.length,
        ttl=header.ttl,
        vlan=vlan,
        icmp_error=header.error,
        quoted=_told(quoted.source, quoted.sport) + " > " + _told(quoted.destination, quoted.dport) if quoted else "",
    )


def _told(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _ancillary(messages: t.Sequence[tuple[int, int, bytes]]) -> tuple[float, int | None]:
    """The kernel's time stamp (SCM_TIMESTAMPNS) and the VLAN id (struct tpacket_auxdata) that came with a packet."""
    stamp, vlan = time.time(), None
    for level, kind, data in messages:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq" if len(data) == 16 else "ll", data)
            stamp = seconds + nanoseconds / 1e9
        elif level == _SOL_PACKET and kind == _PACKET_AUXDATA and len(data) >= 20:
            status, _length, _captured, _mac, _net, tci, _tpid = struct.unpack_from("IIIHHHH", data)
            if status & _VLAN_VALID:
                vlan = tci & 0xFFF
    return stamp, vlan


def _dropped(sock: socket.socket) -> int:
    """Packets that the socket had no room for (struct tpacket_stats)."""
    _packets, drops = struct.unpack("II", sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    return int(drops)
