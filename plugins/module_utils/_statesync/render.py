# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The text of conntrackd.conf for one member, as conntrackd.conf(5) of 1.4.7 has it. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.wish import PROTOCOLS, Wish

HEAD = f"# {WRITTEN_BY}\n"
SOCKET_BUFFER = 1249280  # bytes; of the packaged examples
NETLINK_BUFFER, NETLINK_BUFFER_MOST = 2097152, 8388608
_Lines = list[t.Any]  # a line, or a section: (title, lines)


def render(wish: Wish, ignored: t.Sequence[str], table_size: int, by_systemd: bool) -> str:
    """The file. ``ignored`` are addresses that are left out, ``table_size`` is nf_conntrack_max."""
    sync: _Lines = [(f"Mode {wish.mode.upper()}", _mode(wish)), _link(wish)]
    if wish.expectations:
        sync.append(("Options", [("ExpectationSync", list(wish.expectations))]))
    general: _Lines = [
        f"Systemd {_yes(by_systemd)}",
        f"HashSize {max(8192, table_size // 4)}",
        f"HashLimit {2 * table_size}",  # it may hold as many dead entries until the peer has acknowledged them
        f"Syslog {_yes(not wish.places.log)}",
        f"LogFile {wish.places.log or 'no'}",
        f"LockFile {wish.places.lock}",
        ("UNIX", [f"Path {wish.places.socket}"]),
        f"NetlinkBufferSize {NETLINK_BUFFER}",
        f"NetlinkBufferSizeMaxGrowth {NETLINK_BUFFER_MOST}",
        "NetlinkEventsReliable yes",
        "NetlinkOverrunResync no",  # events are not lost with reliable ones
        ("Filter From Userspace", _filter(wish, ignored)),
    ]
    return HEAD + "".join(f"{line}\n" for line in _indented([("Sync", sync), ("General", general)], ""))


def _mode(wish: Wish) -> _Lines:
    if wish.mode == "alarm":  # it knows neither: everything is sent again and again
        return ["RefreshTime 15", "CacheTimeout 180"]
    return [f"DisableExternalCache {_yes(wish.split)}", "StartupResync yes"]


def _link(wish: Wish) -> tuple[str, _Lines]:
    own, family = wish.group.own, f"IPv{wish.group.own.family}"
    buffers = [f"SndSocketBuffer {SOCKET_BUFFER}", f"RcvSocketBuffer {SOCKET_BUFFER}", "Checksum yes"]
    if wish.transport == "udp":
        ends = [f"{family}_address {own.address}", f"{family}_Destination_Address {wish.group.peers[0].address}"]
        return "UDP", [*ends, f"Port {wish.port}", f"Interface {own.interface}", *buffers]
    ends = [f"{family}_address {wish.multicast}", f"Group {wish.port}"]
    ends += [f"IPv4_interface {own.address}"] if own.family == 4 else []  # of IPv6 the interface's name is enough
    return "Multicast", [*ends, f"Interface {own.interface}", *buffers]


def _filter(wish: Wish, ignored: t.Sequence[str]) -> _Lines:
    addresses = [f"IPv{ipaddress.ip_network(one).version}_address {one}" for one in ignored]
    parts: _Lines = [("Protocol Accept", [PROTOCOLS[one] for one in wish.protocols])] if wish.protocols else []
    return [*parts, ("Address Ignore", addresses)]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _indented(lines: _Lines, indent: str) -> t.Iterator[str]:
    for line in lines:
        if isinstance(line, str):
            yield f"{indent}{line}"
        else:
            yield f"{indent}{line[0]} {{"
            yield from _indented(line[1], f"{indent}\t")
            yield f"{indent}}}"
