# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What an expression of a netfilter rule reads from a packet: ``ip saddr``, ``meta mark``, ``ct state`` ..."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Entry
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import ICMP_ERRORS, Packet

Reader = t.Callable[[Situation], t.Any]
_FLAGS_OF = {"syn": 2, "syn_ack": 18, "ack": 16, "fin": 17, "rst": 20}
_RST = 4
_ECHO = {"icmp": (8, 0), "icmpv6": (128, 129)}  # request, reply


class _Absent:
    """The packet has no such field."""


ABSENT = _Absent()


class Concat(t.NamedTuple):
    """The values of a concatenation, with what each was read from."""

    lefts: tuple[str, ...]
    values: tuple[t.Any, ...]


def value_of(left: str, situation: Situation) -> t.Any:
    """The value that an expression reads from the packet: ABSENT without such a field, None where it is not known."""
    return reader_of(left)(situation)


@functools.lru_cache(maxsize=4096)
def reader_of(left: str) -> Reader:
    """The function that reads an expression."""
    parts = tuple(left.split(" . "))
    if len(parts) > 1:
        readers = tuple(reader_of(part) for part in parts)
        return lambda now: _concatenated(parts, readers, now)
    words = left.split()
    if words and words[0] in ("iifname", "oifname", "iif", "oif", "mark", "l4proto"):
        words = ["meta", *words]
    reader = _READERS.get(words[0] if words else "")
    rest = words[1:]
    return (lambda now: reader(rest, now)) if reader else (lambda now: None)


def _concatenated(parts: tuple[str, ...], readers: tuple[Reader, ...], now: Situation) -> t.Any:
    values = []
    for part, reader in zip(parts, readers, strict=True):
        value = reader(now)
        if value is ABSENT:
            return ABSENT
        values.append(None if unsure_bits(part, now) else value)
    return Concat(parts, tuple(values))


def unsure_bits(left: str, now: Situation) -> int:
    """The bits of a mark that rules before may or may not have set."""
    if left in ("meta mark", "mark"):
        return now.unknown_mark
    return now.unknown_ct_mark if left == "ct mark" else 0


def _meta(words: list[str], now: Situation) -> t.Any:
    flow = now.packet.flow
    what = words[0] if words else ""
    if what in ("iifname", "iif"):
        return now.iif or ""  # without an interface the name is empty, the index 0
    if what in ("oifname", "oif"):
        return now.oif or ""
    if what in ("iifgroup", "oifgroup"):
        return now.host.interface_groups.get((now.iif if what == "iifgroup" else now.oif) or "", ABSENT)
    if what in ("skuid", "skgid"):
        return ABSENT if now.iif else (now.packet.uid if what == "skuid" else None)
    fields: dict[str, t.Any] = {
        "mark": now.mark,
        "l4proto": PROTOCOLS[flow.protocol],
        "pkttype": ("host", "unicast"),
        "nfproto": ("ipv4", "ip", 2) if now.family == 4 else ("ipv6", "ip6", 10),
        "protocol": ("ip", 0x0800) if now.family == 4 else ("ip6", 0x86DD),
    }
    return fields.get(what)


def _ip(words: list[str], now: Situation, family: int) -> t.Any:
    if now.family != family:
        return ABSENT
    flow = now.packet.flow
    what = " ".join(words)
    if what == "saddr":
        return number_of(flow.source)
    if what == "daddr":
        return number_of(flow.destination)
    fields: dict[str, t.Any] = {
        "protocol": PROTOCOLS[flow.protocol],
        "nexthdr": PROTOCOLS[flow.protocol],
        "version": family,
        "dscp": now.packet.tos >> 2,
        "tos": now.packet.tos,
        "frag-off": 0,  # of a whole packet; holds() sees that its flags are not asked for
    }
    return fields.get(what)


def _port(words: list[str], now: Situation, protocol: str) -> t.Any:
    flow = now.packet.flow
    if (protocol != "th" and flow.protocol != protocol) or flow.protocol not in ("tcp", "udp"):
        return ABSENT
    if words == ["flags"]:
        return _tcp_flags_of(now.packet) if flow.protocol == "tcp" else ABSENT
    return {"dport": flow.dport, "sport": flow.sport}.get(" ".join(words))


def _tcp_flags_of(packet: Packet) -> int:
    bare_reset = packet.tcp_kind == "rst" and packet.segment is not None and not packet.segment.has_ack
    return _RST if bare_reset else _FLAGS_OF[packet.tcp_kind]


def _icmp(words: list[str], now: Situation, protocol: str) -> t.Any:
    if now.packet.flow.protocol != protocol:
        return ABSENT
    request, reply = _ECHO[protocol]
    kind, code = request if now.packet.first else reply, 0
    if now.packet.error:
        kind, code = ICMP_ERRORS[now.packet.error][now.family]
    return {"type": kind, "code": code}.get(" ".join(words))


def _ct(words: list[str], now: Situation) -> t.Any:
    connection = now.connection
    what = words[0] if words else ""
    if what == "state":
        return {connection.state or "invalid"}  # before connection tracking there is no connection (nft_ct_get_eval)
    entry = connection.entry
    if entry is None:
        return ABSENT
    if what == "status":
        return _status(entry, connection.fresh)
    if what in ("original", "reply"):
        if words[1:] == ["zone"]:
            return entry.zone.of(what)
        is_request = what == "original"
        return _tuple_field(entry.original if is_request else entry.reply, words[1:], is_request)
    fields: dict[str, t.Any] = {
        "direction": connection.direction,
        "mark": now.ct_mark,
        "zone": entry.zone.number,
        "protocol": PROTOCOLS[entry.original.protocol],
        "l3proto": f"ipv{now.family}",
        "saddr": number_of(entry.original.source),
        "daddr": number_of(entry.original.destination),
    }
    return fields.get(what)


def _tuple_field(flow: Flow, words: list[str], is_request: bool) -> t.Any:
    what = words[-1] if words else ""
    if what == "proto-dst" and flow.protocol in _ECHO:  # the type and code of an echo stand there
        request, reply = _ECHO[flow.protocol]
        return (request if is_request else reply) << 8
    if words[:-1] in (["ip"], ["ip6"]) and (words[0] == "ip6") != (flow.family == 6):
        return ABSENT
    fields: dict[str, t.Any] = {
        "saddr": number_of(flow.source),
        "daddr": number_of(flow.destination),
        "proto-src": flow.sport,
        "proto-dst": flow.dport,
        "protocol": PROTOCOLS[flow.protocol],
    }
    return fields.get(what)


def _status(entry: Entry, fresh: bool) -> set[str]:
    status = set() if fresh else {"confirmed"}
    if entry.seen_reply:
        status.add("seen-reply")
    if entry.source_translated:
        status.add("snat")
    if entry.destination_translated:
        status.add("dnat")
    if entry.tcp is not None and entry.tcp.assured:
        status.add("assured")
    return status


_READERS: dict[str, t.Callable[[list[str], Situation], t.Any]] = {
    "meta": _meta,
    "ip": lambda words, now: _ip(words, now, 4),
    "ip6": lambda words, now: _ip(words, now, 6),
    "tcp": lambda words, now: _port(words, now, "tcp"),
    "udp": lambda words, now: _port(words, now, "udp"),
    "th": lambda words, now: _port(words, now, "th"),
    "icmp": lambda words, now: _icmp(words, now, "icmp"),
    "icmpv6": lambda words, now: _icmp(words, now, "icmpv6"),
    "ct": _ct,
    # not of netfilter: whether the packet opens the flow, which devices know by their policy (device/sessions.py)
    "packet": lambda words, now: int(now.packet.first) if words == ["first"] else None,
}
