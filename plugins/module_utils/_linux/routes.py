# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routes from a raw kernel dump: all are counted, few are decoded.

A full Internet table must not be decoded object by object. One pass over the dump counts every
route per table and keeps the *messages* of those worth decoding: all of them while they are few,
else the default routes, connected routes, our own tables, and what covers an address of interest.
(linux/rtnetlink.h; net/ipv4/fib_semantics.c fib_dump_info; net/ipv6/route.c rt6_fill_node)
"""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netlink, numbers, rtnetlink
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import Netlink, address, attributes, u32
from ansible_collections.netpath.symmetry.plugins.module_utils._model import ownership

Dict = dict[str, t.Any]
Cover = list[t.Container[bytes]]  # networks by prefix length
MOST_INSIDE = 20_000  # routes inside the prefixes of interest that are decoded
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_F_CLONED = 0x200
_RTA_DST, _RTA_TABLE = 1, 15
_KERNEL_PROTOCOLS = (2, 9)  # RTPROT_KERNEL, RTPROT_RA
_RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst_len, src_len, tos, table, protocol, scope, type, flags
_RTNEXTHOP = struct.Struct("=HBBi")  # length, flags, weight - 1, interface
# What the walk needs of nlmsghdr and rtmsg, and the two attributes that both families put first
# (RTA_TABLE, RTA_DST): length, type, flags; dst_len, table, protocol, scope; flags; header and value of each.
_FAST = {4: struct.Struct("=IHH8x xBxxBBBx I II I4s"), 6: struct.Struct("=IHH8x xBxxBBBx I II I16s")}
_PADDING = bytes(64)  # so that a message shorter than those attributes can be unpacked at the end of a datagram


def _header(length: int, kind: int) -> int:
    """Length and type of an attribute as one number."""
    return u32(struct.pack("=HH", length, kind))


_TABLE_HEADER = _header(8, _RTA_TABLE)
_DST_HEADER = {4: _header(8, _RTA_DST), 6: _header(20, _RTA_DST)}


class Walk(t.NamedTuple):
    """What a walk over the routes of one family found."""

    counts: dict[int, int]  # routes by table
    messages: list[bytes]  # the routes worth decoding, from rtmsg on, in the kernel's order
    filtered: bool  # not every route is among the messages
    clipped: bool  # there are more connected routes than their limit


def request(af: int, flags: int = 0) -> bytes:
    """The body of RTM_GETROUTE for every table of a family."""
    return _RTMSG.pack(af, 0, 0, 0, 0, 0, 0, 0, flags)


def is_cloned(body: bytes) -> bool:
    """Whether a message of RTM_NEWROUTE is an exception rather than a route."""
    return bool(_RTMSG.unpack_from(body)[8] & RTM_F_CLONED)


class Inside:
    """The networks of one length that cover a prefix of interest or lie in one."""

    def __init__(self, covering_networks: set[bytes], prefixes: t.Mapping[int, set[int]], bits: int) -> None:
        self.crowded = False  # more lie inside than are decoded
        self._covering = covering_networks
        self._shifts = [(bits - length, numbers_of) for length, numbers_of in prefixes.items()]
        self._found: set[bytes] = set()

    def __contains__(self, network: object) -> bool:
        if network in self._covering or network in self._found:
            return True
        if not isinstance(network, bytes):
            return False
        value = int.from_bytes(network, "big")
        if not any(value >> shift in prefixes for shift, prefixes in self._shifts):
            return False
        self.crowded = self.crowded or len(self._found) >= MOST_INSIDE
        if not self.crowded:
            self._found.add(network)
        return not self.crowded


def covering(prefixes: t.Iterable[str]) -> dict[int, Cover]:
    """Every network that covers one of the prefixes or addresses or lies inside, by family and length.

    Raises ValueError for text that is not an address or prefix.
    """
    covers: dict[int, list[set[bytes]]] = {32: [set() for _n in range(33)], 128: [set() for _n in range(129)]}
    inside: dict[int, dict[int, set[int]]] = {32: {}, 128: {}}
    for prefix in prefixes:
        packed, length = parse_prefix(prefix)
        bits = len(packed) * 8
        value = int.from_bytes(packed, "big")
        for short in range(1, length + 1):
            network = value >> (bits - short) << (bits - short)
            covers[bits][short].add(network.to_bytes(len(packed), "big"))
        if length < bits:
            inside[bits].setdefault(length, set()).add(value >> (bits - length))
    return {
        family: [
            Inside(networks, shorter, bits)
            if (shorter := {short: found for short, found in inside[bits].items() if short < length}) else networks
            for length, networks in enumerate(covers[bits])
        ]
        for family, bits in ((4, 32), (6, 128))
    }


def crowded(covers: t.Mapping[int, Cover]) -> bool:
    """True where a walk met more routes inside the prefixes than it kept."""
    return any(isinstance(networks, Inside) and networks.crowded for cover in covers.values() for networks in cover)


def parse_prefix(prefix: str) -> tuple[bytes, int]:
    """The packed address and the length of a prefix or address; raises ValueError."""
    host, _slash, length_text = prefix.partition("/")
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        length = int(length_text) if length_text else len(packed) * 8
    except (OSError, ValueError):
        raise ValueError(f"{prefix!r} is not an address or prefix, for example 203.0.113.0/24") from None
    if not 0 <= length <= len(packed) * 8:
        raise ValueError(f"{prefix!r}: the length of the prefix is not between 0 and {len(packed) * 8}")
    return packed, length


def walk(
    kernel: Netlink, family: int, interest: Cover, limit: int, connected_limit: int | None = None
) -> Walk:
    """Count the routes of a family and keep the messages worth decoding; raises NetlinkError.

    All are kept while there are at most ``limit``; of more, connected ones up to ``connected_limit``
    (the same number unless given). This is the one loop that runs once per route of the host: it
    unpacks a fixed head and looks up a set, nothing else.
    """
    most_connected = limit if connected_limit is None else connected_limit
    counts: dict[int, int] = {}
    everything: list[bytes] = []
    wanted: list[bytes] = []
    total = connected = 0
    fast, dst_header = _FAST[family].unpack_from, _DST_HEADER[family]
    own = frozenset(number for low, high in ownership.SCOPES.values() for number in range(low, high + 1))
    for data in kernel.datagrams(RTM_GETROUTE, request(rtnetlink.AF[family])):
        offset, end = 0, len(data)
        data += _PADDING
        while offset < end:
            length, kind, state, dst_len, table, proto, scope, flags, head, number, head2, dst = fast(data, offset)
            start = offset
            offset += (length + 3) & ~3
            if kind != RTM_NEWROUTE:
                if kernel.check(data, start):
                    filtered = total > limit
                    clipped = filtered and connected > most_connected
                    return Walk(counts, wanted if filtered else everything, filtered, clipped)
                continue
            if flags & RTM_F_CLONED:
                continue
            if head != _TABLE_HEADER or (dst_len and head2 != dst_header):
                number, dst = _table_and_dst(data[start + 16 : start + length], table)
            if state & netlink.NLM_F_DUMP_INTR:
                kernel.interrupted = True
            total += 1
            counts[number] = counts.get(number, 0) + 1
            if total <= limit:
                everything.append(data[start + 16 : start + length])
            if dst_len == 0 or number in own or dst in interest[dst_len]:
                wanted.append(data[start + 16 : start + length])
            elif scope if family == 4 else proto in _KERNEL_PROTOCOLS:
                connected += 1
                if connected <= most_connected:
                    wanted.append(data[start + 16 : start + length])
    raise AssertionError("unreachable: datagrams() ends only by an error")


def _table_and_dst(body: bytes, table: int) -> tuple[int, bytes]:
    """The table and packed destination of a message whose attributes stand in another order."""
    got = attributes(body, _RTMSG.size)
    return (u32(got[_RTA_TABLE]) if _RTA_TABLE in got else table), got.get(_RTA_DST, b"")


def decode(body: bytes, names: t.Mapping[int, str]) -> Dict:
    """One message of a walk as a route of the schema.

    A source-specific route, which the schema cannot hold, has the key ``from``; see ``split``.
    """
    af, dst_len, src_len, tos, table, protocol, scope, kind, flags = _RTMSG.unpack_from(body)
    family = rtnetlink.FAMILY[af]
    got = attributes(body, _RTMSG.size)
    dst = f"{address(got[_RTA_DST])}/{dst_len}" if _RTA_DST in got else numbers.any_prefix(family)
    route: Dict = {"family": family, "table": u32(got[_RTA_TABLE]) if _RTA_TABLE in got else table, "dst": dst}
    if src_len and 2 in got:
        route["from"] = f"{address(got[2])}/{src_len}"
    type_name = numbers.name_of(numbers.ROUTE_TYPES, kind)
    if type_name != "unicast":
        route["type"] = type_name
    if 6 in got and u32(got[6]):
        route["metric"] = u32(got[6])
    if tos:
        route["tos"] = tos
    if scope:
        route["scope"] = numbers.name_of(numbers.SCOPES, scope)
    if protocol != 3:
        route["protocol"] = protocol
    if 7 in got:
        route["prefsrc"] = address(got[7])
    if 30 in got:
        route["nhid"] = u32(got[30])
    mtu = attributes(got[8]).get(2) if 8 in got else None  # RTA_METRICS, RTAX_MTU
    if mtu:
        route["mtu"] = u32(mtu)
    if type_name not in numbers.REJECT_TYPES:  # those name the loopback device at most
        legs = decode_legs(got[9], names) if 9 in got else single_leg(got, flags, names)
        if legs:
            route["nexthops"] = legs
    return route


def single_leg(got: t.Mapping[int, bytes], flags: int, names: t.Mapping[int, str]) -> list[Dict]:
    """The leg of a route that has one next hop; empty where the route only names a next-hop object."""
    leg = rtnetlink.leg(names, u32(got[4]) if 4 in got else 0, gateway_of(got), flags, 22 in got)
    return [leg] if "device" in leg or "gateway" in leg else []


def decode_legs(data: bytes, names: t.Mapping[int, str]) -> list[Dict]:
    """The legs of RTA_MULTIPATH."""
    legs = []
    start = 0
    while start + _RTNEXTHOP.size <= len(data):
        length, flags, hops, index = _RTNEXTHOP.unpack_from(data, start)
        if length < _RTNEXTHOP.size:
            break
        got = attributes(data, start + _RTNEXTHOP.size, start + length)
        leg = rtnetlink.leg(names, index, gateway_of(got), flags, 22 in got)
        if hops:
            leg["weight"] = hops + 1
        legs.append(leg)
        start += (length + 3) & ~3
    return legs


def gateway_of(got: t.Mapping[int, bytes]) -> bytes | None:
    """RTA_GATEWAY, or the address of RTA_VIA: a gateway of the other family."""
    return got[5] if 5 in got else (got[18][2:] if 18 in got else None)


def split(routes: t.Iterable[Dict]) -> tuple[list[Dict], list[str]]:
    """Routes of the schema, and a sentence for each that it cannot hold."""
    kept = []
    omitted = []
    for route in routes:
        if "from" in route:
            omitted.append(f"source-specific: {route['dst']} from {route['from']} table {route['table']}")
        else:
            kept.append(route)
    return kept, omitted
