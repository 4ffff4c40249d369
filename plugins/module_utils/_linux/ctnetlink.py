# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Connection tracking straight from the kernel: entries of interest, bounded, and the statistics of all CPUs.

The conntrack tool is not needed. In a large table the kernel filters (CTA_FILTER from Linux 5.8,
CTA_STATUS_MASK from 5.19; older kernels ignore both, so what they send is filtered here again), and
a dump ends as soon as enough entries were seen. (linux/netfilter/nfnetlink_conntrack.h)
"""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import (
    NETLINK_NETFILTER,
    Netlink,
    address,
    attribute,
    attributes,
    be,
    nested,
)

Dict = dict[str, t.Any]
WALK_ALL = 1000  # entries; a smaller table is read in one go
MAX_PER_FLOW = 50  # entries of one flow that is asked for: its earlier connections linger for a while
_NFNL_SUBSYS_CTNETLINK = 1
_GET, _GET_STATS_CPU = (_NFNL_SUBSYS_CTNETLINK << 8) | 1, (_NFNL_SUBSYS_CTNETLINK << 8) | 4
_NFGENMSG = struct.Struct("!BBH")  # family, version, resource id
IPS_SEEN_REPLY = 2
_BE_LIBERAL = 8  # IP_CT_TCP_FLAG_BE_LIBERAL: a connection that was picked up in the middle
STATUS = (  # enum ip_conntrack_status, in the order of its bits
    *("expected", "seen_reply", "assured", "confirmed", "src_nat", "dst_nat", "seq_adjust", "src_nat_done"),
    *("dst_nat_done", "dying", "fixed_timeout", "template", "untracked", "helper", "offload", "hw_offload"),
)
TCP_STATES = (  # enum tcp_conntrack
    *("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"),
    "SYN_SENT2",
)
STATISTICS = {  # CTA_STATS_*: those that conntrack -S prints
    2: "found",
    4: "invalid",
    8: "insert",
    9: "insert_failed",
    10: "drop",
    11: "early_drop",
    12: "error",
    13: "search_restart",
    14: "clash_resolve",
    15: "chaintoolong",
}
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 47: "gre", 132: "sctp", 33: "dccp", 136: "udplite"}
_NUMBERS = {name: number for number, name in PROTOCOLS.items()}
# CTA_FILTER_F_*: which fields of a tuple the kernel compares
_F_ADDRESSES, _F_PROTOCOL, _F_SPORT, _F_DPORT = 0x3, 0x8, 0x10, 0x20


class Asked(t.NamedTuple):
    """A flow that entries are asked for; a port of None means any."""

    protocol: str
    source: str
    destination: str
    sport: int | None
    dport: int | None

    def reversed(self) -> Asked:
        return Asked(self.protocol, self.destination, self.source, self.dport, self.sport)

    def matches(self, side: t.Mapping[str, t.Any]) -> bool:
        """Whether one side (``original`` or ``reply``) of an entry is this flow."""
        return (
            (side["source"], side["destination"]) == (self.source, self.destination)
            and self.sport in (None, side.get("sport"))
            and self.dport in (None, side.get("dport"))
        )

    def is_of(self, entry: Dict) -> bool:
        """Whether an entry belongs to this flow: as it came in, or as it looks after translation."""
        if entry["protocol"] != self.protocol:
            return False
        return self.matches(entry["original"]) or self.reversed().matches(entry["reply"])


def read_statistics() -> dict[str, int]:
    """The counters of ``conntrack -S``, summed over the CPUs; raises NetlinkError."""
    totals: dict[str, int] = {}
    with Netlink(NETLINK_NETFILTER) as kernel:
        for message in kernel.messages(_GET_STATS_CPU, _NFGENMSG.pack(0, 0, 0)):
            for kind, value in attributes(message.body, _NFGENMSG.size).items():
                if kind in STATISTICS:
                    totals[STATISTICS[kind]] = totals.get(STATISTICS[kind], 0) + be(value)
    return totals


def read_entries(flows: t.Sequence[Asked], limit: int, count: int) -> list[Dict]:
    """Entries of the flows asked for, then unreplied ones, then others, ``limit`` at most; raises NetlinkError.

    ``count`` is the size of the table (nf_conntrack_count): it decides who filters.
    """
    if count <= WALK_ALL:
        return rank(list(_dump(b"", 0, 2 * WALK_ALL)), flows, limit)
    found: list[Dict] = []
    for flow in flows:
        for request, family in _requests(flow):
            found += _dump(request, family, MAX_PER_FLOW, flow.is_of)
    found += _dump(attribute(3, bytes(4)) + attribute(26, struct.pack("!I", IPS_SEEN_REPLY)), 0, limit, _is_unreplied)
    found += _dump(b"", 0, limit)
    return rank(found, flows, limit)


def rank(entries: list[Dict], flows: t.Sequence[Asked], limit: int) -> list[Dict]:
    """The entries without doubles, those asked for first and unreplied ones next, ``limit`` at most."""
    unique = {_key(entry): entry for entry in entries}
    order = sorted(
        unique.values(), key=lambda entry: (not any(flow.is_of(entry) for flow in flows), not entry["unreplied"])
    )
    return order[:limit]


def _key(entry: Dict) -> tuple[t.Any, ...]:
    return (entry["protocol"], entry["zone"], *sorted(entry["original"].items()))


def _is_unreplied(entry: Dict) -> bool:
    return bool(entry["unreplied"])


def _dump(
    request: bytes, family: int, limit: int, wanted: t.Callable[[Dict], bool] = lambda entry: True
) -> t.Iterator[Dict]:
    """Up to ``limit`` wanted entries; the rest of the dump is left in the kernel by closing the socket."""
    seen = 0
    with Netlink(NETLINK_NETFILTER) as kernel:
        for message in kernel.messages(_GET, _NFGENMSG.pack(family, 0, 0) + request):
            entry = decode(message.body)
            if entry is not None and wanted(entry):
                yield entry
                seen += 1
                if seen >= limit:
                    return


def _requests(flow: Asked) -> t.Iterator[tuple[bytes, int]]:
    """Filters for the flow as original tuple, and reversed as reply tuple (after translation)."""
    family = socket.AF_INET6 if ":" in flow.source else socket.AF_INET
    for side, kind, filter_kind in ((flow, 1, 1), (flow.reversed(), 2, 2)):
        flags = _F_ADDRESSES | _F_PROTOCOL
        ports = [attribute(1, bytes([_NUMBERS[side.protocol]]))]
        for port, attribute_kind, flag in ((side.sport, 2, _F_SPORT), (side.dport, 3, _F_DPORT)):
            if port is not None:
                ports.append(attribute(attribute_kind, struct.pack("!H", port)))
                flags |= flag
        first = 1 if family == socket.AF_INET else 3  # CTA_IP_V4_SRC, CTA_IP_V6_SRC
        addresses = [
            attribute(first, socket.inet_pton(family, side.source)),
            attribute(first + 1, socket.inet_pton(family, side.destination)),
        ]
        tuple_ = nested(kind, nested(1, *addresses), nested(2, *ports))
        yield tuple_ + nested(25, attribute(filter_kind, struct.pack("=I", flags))), int(family)


def decode(body: bytes) -> Dict | None:
    """One entry (ctnetlink_fill_info) as a connection of the schema; None where it is not one."""
    got = attributes(body, _NFGENMSG.size)
    if 1 not in got or 2 not in got:
        return None
    status = be(got.get(3, b""))
    protocol, original = _decode_tuple(got[1])
    _protocol, reply = _decode_tuple(got[2])
    entry: Dict = {"protocol": protocol, "original": original, "reply": reply}
    if 4 in got:  # CTA_PROTOINFO
        tcp = attributes(attributes(got[4]).get(1, b""))
        if 1 in tcp and tcp[1][0] < len(TCP_STATES):
            entry["state"] = TCP_STATES[tcp[1][0]]
        if 4 in tcp and tcp[4][0] & _BE_LIBERAL:  # CTA_PROTOINFO_TCP_FLAGS_ORIGINAL
            entry["liberal"] = True
    entry["status"] = [name for bit, name in enumerate(STATUS) if status & 1 << bit]
    entry["unreplied"] = not status & IPS_SEEN_REPLY
    entry.update(mark=be(got.get(8, b"")), zone=be(got.get(18, b"")), timeout=be(got.get(7, b"")))
    if 9 in got and 10 in got:  # with net.netfilter.nf_conntrack_acct
        entry["packets"] = [be(attributes(got[kind]).get(1, b"")) for kind in (9, 10)]
    return entry


def _decode_tuple(data: bytes) -> tuple[str, Dict]:
    """The protocol and the fields of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY."""
    parts = attributes(data)
    addresses = attributes(parts.get(1, b""))
    protocol = attributes(parts.get(2, b""))
    number = protocol[1][0] if 1 in protocol else 0
    side: Dict = {
        "source": address(addresses[1] if 1 in addresses else addresses[3]),
        "destination": address(addresses[2] if 2 in addresses else addresses[4]),
    }
    names = {2: "sport", 3: "dport", 4: "id", 5: "type", 6: "code", 7: "id", 8: "type", 9: "code"}
    for kind, name in names.items():
        if kind in protocol:
            side[name] = be(protocol[kind])
    if 3 in parts:  # CTA_TUPLE_ZONE: the zone holds for this direction only
        side["zone"] = be(parts[3])
    return PROTOCOLS.get(number, str(number)), side
