# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Entries of the connection table that members compare: digests of all of it, a bounded sample, and single ones.

The dump is walked as the kernel gives it (nf_conntrack_netlink.c, ctnetlink_fill_info): every entry begins with its two
tuples and, where it has one, its zone. These bytes are what makes it the same entry elsewhere. Nothing else is decoded,
so a table of 1,000,000 entries takes constant memory and about as long as ``conntrack -L``.
"""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ctnetlink
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import (
    NETLINK_NETFILTER,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    Netlink,
    NetlinkError,
    attribute,
    nested,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.coverage import NUMBERS, Coverage

Dict = dict[str, t.Any]
PARTITIONS = 256
MOST_EXAMINED = 200_000  # entries that are looked through for a sample; a filter may leave out nearly all
_GET = 0x101  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_HEAD = struct.Struct("!BBH")  # nfgenmsg
_ENTRY = struct.Struct("=IHH12xH").unpack_from  # length, type and flags of the message; length of CTA_TUPLE_ORIG
_ATTRIBUTE = struct.Struct("=HH").unpack_from
_CTA_ZONE = 18
_BODY = 20  # after nlmsghdr and nfgenmsg
_FIELDS = {"sport": (2, 2), "dport": (3, 2), "id": (4, 2), "type": (5, 1), "code": (6, 1)}  # CTA_PROTO_*, bytes
_ICMPV6 = {"id": (7, 2), "type": (8, 1), "code": (9, 1)}


class Walked(t.NamedTuple):
    """One entry of the dump: where it is in ``data`` and the bytes that make it the same entry elsewhere."""

    data: bytes
    start: int
    end: int
    key: bytes
    carried: bool


def walk(coverage: Coverage) -> t.Iterator[Walked]:
    """Every entry of the table; raises NetlinkError."""
    whole = coverage.is_whole
    with Netlink(NETLINK_NETFILTER) as kernel:
        for data in kernel.datagrams(_GET, _HEAD.pack(0, 0, 0)):
            at, size = 0, len(data)
            while at + 16 <= size:
                if _is_end(kernel, data, at):
                    return
                length, _kind, _flags, original = _ENTRY(data, at)
                reply = at + _BODY + (original + 3 & ~3)
                after = reply + (_ATTRIBUTE(data, reply)[0] + 3 & ~3)
                if after < at + length and _ATTRIBUTE(data, after)[1] == _CTA_ZONE:
                    after += 8
                carried = whole or _carried(coverage, data, at, reply)
                yield Walked(data, at, at + length, data[at + _BODY:after], carried)
                at += length + 3 & ~3


def _is_end(kernel: Netlink, data: bytes, at: int) -> bool:
    kind = struct.unpack_from("=H", data, at + 4)[0]
    return kind in (NLMSG_ERROR, NLMSG_DONE) and kernel.check(data, at)


def _carried(coverage: Coverage, data: bytes, at: int, reply: int) -> bool:
    if data[at + 16] == socket.AF_INET:
        return coverage.carries(data[at + 52], data[at + 32:at + 36], data[reply + 12:reply + 16])
    return coverage.carries(data[at + 76], data[at + 32:at + 48], data[reply + 12:reply + 28])


def digest(coverage: Coverage, partitions: int = PARTITIONS) -> Dict:
    """Digests of all entries that are shared, in parts chosen by the digest of each; the order does not matter.

    ``{partitions, counts, sums, shared, left_out, consistent}``. Two tables with equal sums hold the same entries but
    for a chance of 1 in 2**64; a difference between counts is the least number of entries that one lacks. This loop is
    written out because a call more for each entry is a second more for a million of them.
    """
    sums, counts = [0] * partitions, [0] * partitions
    left, intact = 0, True
    whole, carried, hashed, number = coverage.is_whole, _carried, hashlib.blake2b, int.from_bytes
    with Netlink(NETLINK_NETFILTER) as kernel:
        for data in kernel.datagrams(_GET, _HEAD.pack(0, 0, 0)):
            at, size = 0, len(data)
            while at + 16 <= size:
                if size - at < _BODY + 4 and _is_end(kernel, data, at):
                    texts = [f"{part & _ALL:016x}" for part in sums]
                    return {"partitions": partitions, "counts": counts, "sums": texts, "shared": sum(counts),
                            "left_out": left, "consistent": intact}
                length, kind, flags, original = _ENTRY(data, at)
                if kind == NLMSG_ERROR:
                    kernel.check(data, at)
                if flags & NLM_F_DUMP_INTR:
                    intact = False
                reply = at + _BODY + (original + 3 & ~3)
                after = reply + (_ATTRIBUTE(data, reply)[0] + 3 & ~3)
                if _ATTRIBUTE(data, after)[1] == _CTA_ZONE:
                    after += 8
                if whole or carried(coverage, data, at, reply):
                    value = number(hashed(data[at + _BODY:after], digest_size=8).digest(), "big")
                    part = value % partitions
                    sums[part] += value
                    counts[part] += 1
                else:
                    left += 1
                at += length + 3 & ~3
    raise NetlinkError(errno.EIO, "the dump of connections has no end")


_ALL = 2**64 - 1


def sample(coverage: Coverage, wanted: int) -> Dict:
    """Up to ``wanted`` entries that are shared: ``{entries, examined, ended}``.

    The dump ends early. Its order is that of the kernel's hash, which has nothing to do with addresses or ages.
    ``ended``: the whole table was looked through.
    """
    entries: list[Dict] = []
    examined = 0
    for entry in walk(coverage):
        if len(entries) >= wanted or examined >= MOST_EXAMINED:
            return {"entries": entries, "examined": examined, "ended": False}
        examined += 1
        if entry.carried:
            decoded = ctnetlink.decode(entry.data[entry.start + 16:entry.end])
            if decoded is not None:
                entries.append(decoded)
    return {"entries": entries, "examined": examined, "ended": True}


def stands(asked: t.Iterable[t.Mapping[str, t.Any]]) -> list[t.Optional[Dict]]:
    """For each entry asked for the one that stands in this kernel, or None; raises NetlinkError and ValueError.

    An entry is asked for as ``sample`` gives it: protocol, original, zone; the rest is not needed.
    """
    found: list[t.Optional[Dict]] = []
    with Netlink(NETLINK_NETFILTER) as kernel:
        for entry in asked:
            family, request = request_of(entry)
            try:
                messages = list(kernel.messages(_GET, _HEAD.pack(family, 0, 0) + request, dump=False))
            except NetlinkError as error:
                if error.errno != errno.ENOENT:
                    raise
                messages = []
            found.append(ctnetlink.decode(messages[0].body) if messages else None)
    return found


def request_of(entry: t.Mapping[str, t.Any]) -> tuple[int, bytes]:
    """The address family and the attributes that name an entry to the kernel. Raises ValueError."""
    side = entry["original"]
    protocol = str(entry["protocol"])
    number = NUMBERS.get(protocol) or (int(protocol) if protocol.isdigit() else None)
    if number is None:
        raise ValueError(f"{protocol} is no protocol: give tcp, udp, icmp, icmpv6, sctp, gre or a number")
    family = socket.AF_INET6 if ":" in side["source"] else socket.AF_INET
    try:
        pair = [socket.inet_pton(family, side[name]) for name in ("source", "destination")]
    except OSError:
        raise ValueError(f"{side['source']} and {side['destination']} are no addresses of one family") from None
    first = 1 if family == socket.AF_INET else 3  # CTA_IP_V4_SRC, CTA_IP_V6_SRC
    fields = {**_FIELDS, **(_ICMPV6 if number == NUMBERS["icmpv6"] else {})}
    ports = [attribute(1, bytes([number]))]
    for name, (kind, width) in fields.items():
        if side.get(name) is not None:
            ports.append(attribute(kind, int(side[name]).to_bytes(width, "big")))
    zones = [attribute(3, struct.pack("!H", side["zone"]))] if side.get("zone") else []  # CTA_TUPLE_ZONE
    addresses = nested(1, attribute(first, pair[0]), attribute(first + 1, pair[1]))
    request = nested(1, addresses, nested(2, *ports), *zones)
    zone = int(entry.get("zone") or 0)
    return int(family), request + (attribute(_CTA_ZONE, struct.pack("!H", zone)) if zone else b"")


def key_of(entry: t.Mapping[str, t.Any]) -> tuple[t.Any, ...]:
    """What makes an entry the same on another member. Pure."""
    return (str(entry["protocol"]), int(entry.get("zone") or 0), *sorted(entry["original"].items()))
