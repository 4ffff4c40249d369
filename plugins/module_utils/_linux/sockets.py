# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""TCP sockets that retransmit, from the kernel's socket diagnosis (sock_diag(7), linux/inet_diag.h) without ss."""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import Netlink, address

MAX_SOCKETS = 100
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST = struct.Struct("=BBBBI48x")  # family, protocol, extensions, padding, states; no socket named
_ANSWER = struct.Struct("=BBBB2s2s16s16s")  # family, state, timer, retransmissions, ports, addresses
_RETRANSMISSION_TIMER = 1
_STATES = {  # TCP states that send: all but TIME_WAIT, CLOSE and LISTEN
    **{1: "established", 2: "syn-sent", 3: "syn-recv", 4: "fin-wait-1", 5: "fin-wait-2"},
    **{8: "close-wait", 9: "last-ack", 11: "closing", 12: "syn-recv"},
}


def read_retransmitting() -> list[dict[str, t.Any]]:
    """Sockets that wait for an acknowledgement after at least one retransmission, most retransmissions first.

    Raises NetlinkError.
    """
    found = []
    states = sum(1 << number for number in _STATES)
    with Netlink(_NETLINK_SOCK_DIAG) as kernel:
        for family in (socket.AF_INET, socket.AF_INET6):
            request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, states)
            for message in kernel.messages(_SOCK_DIAG_BY_FAMILY, request):
                entry = decode(message.body)
                if entry is not None:
                    found.append(entry)
    return sorted(found, key=lambda entry: -entry["retransmits"])[:MAX_SOCKETS]


def decode(body: bytes) -> t.Optional[dict[str, t.Any]]:
    """A socket that retransmits; None for any other."""
    family, state, timer, retransmits, sport, dport, source, destination = _ANSWER.unpack_from(body)
    if timer != _RETRANSMISSION_TIMER or not retransmits:
        return None
    size = 4 if family == socket.AF_INET else 16
    return {
        "local": _endpoint(source[:size], sport),
        "remote": _endpoint(destination[:size], dport),
        "state": _STATES.get(state, str(state)),
        "retransmits": retransmits,
    }


def _endpoint(packed: bytes, port: bytes) -> str:
    text = address(packed)
    if text.startswith("::ffff:") and "." in text:  # IPv4 over an IPv6 socket
        text = text[len("::ffff:") :]
    number = int.from_bytes(port, "big")
    return f"[{text}]:{number}" if ":" in text else f"{text}:{number}"
