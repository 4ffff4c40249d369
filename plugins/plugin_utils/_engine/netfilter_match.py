# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether one match of a netfilter rule holds for a packet: true, false, or None where that is not known."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine import netfilter_fib
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.conntrack import Entry
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.fib import number_of, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import ICMP_ERRORS, Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.situation import Situation

_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
_FLAGS_OF = {"syn": 2, "syn_ack": 18, "ack": 16, "fin": 17, "rst": 20}
_ICMP = {
    "icmp": {"echo-reply": 0, "destination-unreachable": 3, "echo-request": 8, "time-exceeded": 11},
    "icmpv6": {"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "echo-request": 128,
               "echo-reply": 129},
}
_DSCP = {"cs0": 0, "be": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "ef": 46}
_L4_NAMES = {**PROTOCOLS, "ipv6-icmp": 58, "icmp6": 58}
_OTHER_L4 = {"sctp", "udplite", "dccp", "esp", "ah", "comp", "igmp", "gre", "ospf", "vrrp", "pim", "ipip", "l2tp"}
_BITS = {"ct state", "ct status", "tcp flags"}  # a list of these means any of the bits


Sets = t.Mapping[str, "SetView"]
Answer = t.Optional[bool]


@dataclasses.dataclass(frozen=True)
class SetView:
    """A named set or map; ``complete`` is False where not every element was read."""

    elements: tuple[t.Any, ...]
    complete: bool = True


def holds(match: t.Mapping[str, t.Any], situation: Situation, sets: Sets) -> Answer:
    """Whether a match of the facts schema holds."""
    if "left" not in match or "unknown" in match:
        return None
    left, op, right = match["left"], match.get("op", "=="), match["right"]
    if left.startswith("fib "):
        return _fib(left, op, right, situation)
    value = value_of(left, situation)
    if value is ABSENT:
        return False  # the expression stops the rule where the packet has no such field
    if left in _BITS:
        return _bits(left, value, op, right, match.get("mask"), situation)
    mask = _mask_of(match.get("mask"))
    if mask is not None and isinstance(value, int):
        value &= mask
    unsure = _unsure_bits(left, situation)
    if unsure and (mask is None or unsure & mask):
        return None
    inside = within(value, right, left, sets)
    if op in ("<", ">", "<=", ">="):
        return _ordered(value, op, right)
    if op not in ("==", "in", "!="):
        return None
    return inside if inside is None or op != "!=" else not inside


class _Absent:
    """The packet has no such field."""


ABSENT = _Absent()


def value_of(left: str, situation: Situation) -> t.Any:
    """The value that an expression reads from the packet: ABSENT without such a field, None where it is not known."""
    words = left.split()
    if words[0] in ("iifname", "oifname", "iif", "oif", "mark", "l4proto"):
        words = ["meta", *words]
    reader = _READERS.get(words[0])
    return reader(words[1:], situation) if reader else None


def _meta(words: list[str], now: Situation) -> t.Any:
    flow = now.packet.flow
    what = words[0] if words else ""
    if what in ("iifname", "iif"):
        return now.iif if now.iif else ABSENT
    if what in ("oifname", "oif"):
        return now.oif if now.oif else ABSENT
    if what in ("iifgroup", "oifgroup"):
        return now.host.interface_groups.get((now.iif if what == "iifgroup" else now.oif) or "", ABSENT)
    fields: dict[str, t.Any] = {
        "mark": now.mark,
        "l4proto": PROTOCOLS[flow.protocol],
        "pkttype": ("host", "unicast"),
        "nfproto": ("ipv4", "ip", 2) if now.family == 4 else ("ipv6", "ip6", 10),
        "protocol": ("ip", 0x0800) if now.family == 4 else ("ip6", 0x86DD),
    }
    if what == "skuid":
        return ABSENT if now.iif else now.packet.uid
    return fields.get(what)


def _ip(words: list[str], now: Situation, family: int) -> t.Any:
    if now.family != family:
        return ABSENT
    flow = now.packet.flow
    fields: dict[str, t.Any] = {
        "saddr": number_of(flow.source),
        "daddr": number_of(flow.destination),
        "protocol": PROTOCOLS[flow.protocol],
        "nexthdr": PROTOCOLS[flow.protocol],
        "version": family,
        "dscp": now.packet.tos >> 2,
    }
    return fields.get(" ".join(words))


def _port(words: list[str], now: Situation, protocol: str) -> t.Any:
    flow = now.packet.flow
    if (protocol != "th" and flow.protocol != protocol) or flow.protocol not in ("tcp", "udp"):
        return ABSENT
    if words == ["flags"]:
        return _tcp_flags_of(now.packet) if flow.protocol == "tcp" else ABSENT
    return {"dport": flow.dport, "sport": flow.sport}.get(" ".join(words))


def _tcp_flags_of(packet: Packet) -> int:
    bare_reset = packet.tcp_kind == "rst" and packet.segment is not None and not packet.segment.has_ack
    return _FLAGS["rst"] if bare_reset else _FLAGS_OF[packet.tcp_kind]


def _icmp(words: list[str], now: Situation, protocol: str) -> t.Any:
    if now.packet.flow.protocol != protocol:
        return ABSENT
    kind, code = _ICMP[protocol]["echo-request" if now.packet.first else "echo-reply"], 0
    if now.packet.error:
        kind, code = ICMP_ERRORS[now.packet.error][now.family]
    fields = {"type": kind, "code": code}
    return fields.get(" ".join(words))


def _ct(words: list[str], now: Situation) -> t.Any:
    connection = now.connection
    what = words[0] if words else ""
    if what == "state":
        return {connection.state or "untracked"}
    entry = connection.entry
    if entry is None:
        return ABSENT
    if what == "status":
        return _status(entry, connection.fresh)
    if what in ("original", "reply"):
        is_request = what == "original"
        return _tuple_field(entry.original if is_request else entry.reply, words[1:], is_request)
    fields: dict[str, t.Any] = {
        "direction": connection.direction,
        "mark": now.ct_mark,
        "zone": entry.zone,
        "protocol": PROTOCOLS[entry.original.protocol],
        "l3proto": f"ipv{now.family}",
        "saddr": number_of(entry.original.source),
        "daddr": number_of(entry.original.destination),
    }
    return fields.get(what)


def _tuple_field(flow: Flow, words: list[str], is_request: bool) -> t.Any:
    what = words[-1] if words else ""
    if what == "proto-dst" and flow.protocol in _ICMP:  # the type and code of an echo stand there
        return _ICMP[flow.protocol]["echo-request" if is_request else "echo-reply"] << 8
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
}


def within(value: t.Any, right: t.Any, left: str, sets: Sets) -> Answer:
    """Whether a value is, or is in, the right side: an element, a list of them, or a named set."""
    if isinstance(right, str) and right.startswith("@"):
        named = sets.get(right[1:])
        if named is None:
            return None
        inside = within(value, list(named.elements), left, sets)
        return None if inside is False and not named.complete else inside
    if right == "*":
        return True
    if isinstance(right, (list, tuple)):
        answers = [within(value, element, left, sets) for element in right]
        return True if True in answers else (None if None in answers else False)
    if value is None:
        return None
    if isinstance(value, (tuple, set)):
        return right in value
    if isinstance(value, str):
        return _name_matches(value, str(right))
    bounds = _bounds(right, left)
    return None if bounds is None else bounds[0] <= value <= bounds[1]


def _name_matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _bounds(element: t.Any, left: str) -> tuple[int, int] | None:
    """An element as the numbers it spans; None where it is not understood."""
    if isinstance(element, bool):
        return None
    if isinstance(element, int):
        return element, element
    if isinstance(element, dict):
        if "range" in element:
            ends = [_bounds(end, left) for end in element["range"]]
            return (ends[0][0], ends[1][1]) if ends[0] and ends[1] else None
        if "prefix" in element:
            return _bounds(f"{element['prefix']['addr']}/{element['prefix']['len']}", left)
        return None
    return _text_bounds(str(element), left)


def _text_bounds(text: str, left: str) -> tuple[int, int] | None:
    names = _names_of(left)
    if text in names:
        return names[text], names[text]
    if text in _OTHER_L4 and names is _L4_NAMES:
        return 256, 256  # a protocol that no flow here has
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = _text_bounds(first, left), _text_bounds(last, left)
            return (low[0], high[1]) if low and high else None
        if "." in text or ":" in text:
            network, length = prefix_of(text)
            return network, network + (1 << ((128 if ":" in text else 32) - length)) - 1
        number = int(text, 0)
    except ValueError:
        return None
    return number, number


def _names_of(left: str) -> t.Mapping[str, int]:
    what = left.split()[-1]
    if what in ("l4proto", "protocol", "nexthdr"):
        return _L4_NAMES
    if left.startswith("icmp"):
        return _ICMP.get(left.split()[0], {})
    return _DSCP if what == "dscp" else {}


def _ordered(value: t.Any, op: str, right: t.Any) -> Answer:
    bounds = _bounds(right, "")
    if not isinstance(value, int) or bounds is None:
        return None
    return {"<": value < bounds[0], ">": value > bounds[0], "<=": value <= bounds[0], ">=": value >= bounds[0]}[op]


def _mask_of(mask: t.Any) -> int | None:
    return None if mask is None else int(str(mask), 0)


def _unsure_bits(left: str, now: Situation) -> int:
    if left in ("meta mark", "mark"):
        return now.unknown_mark
    return now.unknown_ct_mark if left == "ct mark" else 0


def _bits(left: str, value: t.Any, op: str, right: t.Any, mask: t.Any, now: Situation) -> Answer:
    """ct state, ct status and tcp flags: any of the bits, or with a mask exactly these."""
    wanted = right if isinstance(right, (list, tuple)) else [right]
    if left == "tcp flags":
        return _tcp_flags(value, op, wanted, mask)
    if mask is not None:  # (left & bits) == 0: none of them
        wanted, op = (mask if isinstance(mask, list) else [mask]), "!=" if right in (0, [0]) and op == "==" else "?"
    if any(not isinstance(name, str) or name.startswith("@") for name in wanted):
        return None
    names = {part for name in wanted for part in name.replace("_", "-").split(",")}
    if left == "ct status" and names & {"assured", "dying", "expected"}:
        entry = now.connection.entry
        if "expected" in names:
            return False
        if "dying" in names or entry is None or entry.tcp is None:  # other protocols are assured by their timing
            return None
    any_of = bool(names & value)
    if op in ("==", "in"):
        return any_of
    return not any_of if op == "!=" else None


def _tcp_flags(value: int, op: str, wanted: t.Sequence[t.Any], mask: t.Any) -> Answer:
    try:
        bits = sum({_flag(name) for name in wanted})
        covered = None if mask is None else sum({_flag(name) for name in (mask if isinstance(mask, list) else [mask])})
    except (KeyError, TypeError):
        return None
    if covered is not None:
        return (value & covered == bits) == (op != "!=")
    if op == "in":
        return bool(value & bits)
    return (value == bits) == (op == "==")


def _flag(name: t.Any) -> int:
    return name if isinstance(name, int) else _FLAGS[str(name)]


def _fib(left: str, op: str, right: t.Any, now: Situation) -> Answer:
    *flags, result = left.removeprefix("fib ").replace(" . ", " ").split()
    found = netfilter_fib.evaluate(now, frozenset(flags), result)
    if found is None:
        return None
    if result == "type":
        wanted = right if isinstance(right, list) else [right]
        inside = found in wanted
    elif isinstance(right, bool) or right in ("missing", "exists", 0, 1):
        inside = bool(found) == (right in (True, "exists", 1))
    elif isinstance(right, str) and result in ("oif", "oifname"):
        inside = _name_matches(found, right)
    else:
        return None
    return inside if op != "!=" else not inside
