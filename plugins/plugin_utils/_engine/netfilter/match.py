# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether one match of a netfilter rule holds for a packet: true, false, or None where that is not known."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter import fib_expression as netfilter_fib
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.fields import (
    ABSENT,
    Concat,
    unsure_bits,
    value_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation

_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
_ICMP_TYPES = {
    "icmp": {
        "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
        "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
        "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
        "address-mask-request": 17, "address-mask-reply": 18,
    },
    "icmpv6": {
        "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
        "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
        "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
        "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137, "router-renumbering": 138,
        "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
    },
}  # fmt: skip
_ICMP_CODES = {
    "icmp": {
        "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
        "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
    },
    "icmpv6": {
        "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5,
        "reject-route": 6,
    },
}  # fmt: skip
_DSCP = {"cs0": 0, "be": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "ef": 46}
_DSCP.update({f"af{c}{d}": 8 * c + 2 * d for c in (1, 2, 3, 4) for d in (1, 2, 3)})
_L4_NAMES = {**PROTOCOLS, "ipv6-icmp": 58, "icmp6": 58}
_OTHER_L4 = {"sctp", "udplite", "dccp", "esp", "ah", "comp", "igmp", "gre", "ospf", "vrrp", "pim", "ipip", "l2tp"}
_BITS = {"ct state", "ct status", "tcp flags"}  # a list of these means any of the bits


Sets = t.Mapping[str, "SetView"]
Match = t.Mapping[str, t.Any]
Answer = t.Optional[bool]


@dataclasses.dataclass(frozen=True)
class SetView:
    """A named set or map; ``complete`` is False where not every element was read."""

    elements: tuple[t.Any, ...]
    complete: bool = True


def holds(match: Match, situation: Situation, sets: Sets) -> Answer:
    """Whether a match of the facts schema holds."""
    left = match.get("left")
    if left is None or "unknown" in match:
        return _together(match, situation, sets)
    op, right = match.get("op", "=="), match["right"]
    if left.startswith("fib "):
        return _fib(left, op, right, situation)
    if left.startswith("rpfilter"):
        found = netfilter_fib.rpfilter(situation, frozenset(left.split()[1:]))
        return None if found is None else found == right
    if left.startswith("exthdr "):  # no packet of a flow has extension headers: each is missing, and so are its fields
        return situation.family == 6 and isinstance(right, bool) and right is (op == "!=")
    value = value_of(left, situation)
    if value is ABSENT:
        # an expression of nft stops the rule where the packet has no such field; iptables may say otherwise
        return bool(match.get("absent", False))
    if left in _BITS:
        return _bits(left, value, op, right, match.get("mask"), situation)
    return _compared(match, value, situation, sets)


def _compared(match: Match, value: t.Any, situation: Situation, sets: Sets) -> Answer:
    left, op, right, mask = match["left"], match.get("op", "=="), match["right"], match.get("mask")
    if isinstance(mask, str):
        mask = _number(mask)
    if mask is not None and not isinstance(mask, int):
        return None
    if mask is not None and isinstance(value, int):
        value &= mask
    unsure = unsure_bits(left, situation)
    if unsure and (mask is None or unsure & mask):
        return None
    if left == "ip frag-off" and (mask is None or mask & ~0x1FFF):  # the flags beside the offset are not known
        return None
    if op in ("<", ">", "<=", ">="):
        return _ordered(value, op, right)
    if op not in ("==", "in", "!="):
        return None
    inside = within(value, right, left, sets)
    return inside if inside is None or op != "!=" else not inside


def _together(match: Match, situation: Situation, sets: Sets) -> Answer:
    """Matches of which all, any or none must hold."""
    for word, wanted in (("all", False), ("any", True), ("none", True)):
        if word in match:
            answers = [holds(one, situation, sets) for one in match[word]]
            found = wanted if wanted in answers else (None if None in answers else not wanted)
            return found if found is None or word != "none" else not found
    return None


def asks_for_state(match: Match) -> bool:
    """Whether the state or direction of the connection decides over the match."""
    if match.get("left") in ("ct state", "ct direction", "ct status"):
        return True
    return any(asks_for_state(one) for word in ("all", "any", "none") for one in match.get(word, ()))


def within(value: t.Any, right: t.Any, left: str, sets: Sets) -> Answer:
    """Whether a value is, or is in, the right side: an element, a list of them, or a named set."""
    if isinstance(right, str):
        if right.startswith("@"):
            named = sets.get(right[1:])
            if named is None:
                return None
            inside = within(value, named.elements, left, sets)
            return None if inside is False and not named.complete else inside
        if right == "*":
            return True
    elif isinstance(right, (list, tuple)):
        return _in_any(value, right, left, sets)
    if value is None:
        return None
    if isinstance(value, Concat):
        return _each_within(value, right, sets)
    if isinstance(value, (tuple, set, str)):
        if not isinstance(right, (str, int)):
            return None
        return name_matches(value, str(right)) if isinstance(value, str) else right in value
    bounds = bounds_of(right, left)
    return None if bounds is None else bounds[0] <= value <= bounds[1]


def _in_any(value: t.Any, elements: t.Sequence[t.Any], left: str, sets: Sets) -> Answer:
    found: Answer = False
    for element in elements:
        inside = within(value, element, left, sets)
        if inside:
            return True
        if inside is None:
            found = None
    return found


def _each_within(value: Concat, element: t.Any, sets: Sets) -> Answer:
    """An element of a concatenation: ``10.0.0.0/8 . tcp . 80-90``."""
    parts = str(element).split(" . ")
    if len(parts) != len(value.values):
        return None
    found: Answer = True
    for one, part, left in zip(value.values, parts, value.lefts, strict=True):
        inside = within(one, part, left, sets)
        if inside is False:
            return False
        if inside is None:
            found = None
    return found


def name_matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def bounds_of(element: t.Any, left: str) -> tuple[int, int] | None:
    """An element as the numbers it spans; None where it is not understood."""
    if isinstance(element, bool):
        return None
    if isinstance(element, int):
        return element, element
    if isinstance(element, dict):
        if "range" in element:
            ends = [bounds_of(end, left) for end in element["range"]]
            return (ends[0][0], ends[1][1]) if ends[0] and ends[1] else None
        return None
    return _text_bounds(str(element), left)


@functools.lru_cache(maxsize=200_000)
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
        return (_ICMP_CODES if what == "code" else _ICMP_TYPES).get(left.split()[0], {})
    return _DSCP if what == "dscp" else {}


def _ordered(value: t.Any, op: str, right: t.Any) -> Answer:
    bounds = bounds_of(right, "")
    if not isinstance(value, int) or bounds is None:
        return None
    return {"<": value < bounds[0], ">": value > bounds[0], "<=": value <= bounds[0], ">=": value >= bounds[0]}[op]


def _number(text: str) -> t.Any:
    """The number that a text stands for, or the text."""
    try:
        return int(text, 0)
    except ValueError:
        return text


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
    any_of: Answer = bool(names & value)
    tcp = now.connection.entry is not None and now.connection.entry.tcp is not None
    if left == "ct status" and not any_of and ("dying" in names or "assured" in names and not tcp):
        any_of = None  # other protocols are assured by their timing
    if op in ("==", "in"):
        return any_of
    return (None if any_of is None else not any_of) if op == "!=" else None


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
        inside = name_matches(found, right)
    else:
        return None
    return inside if op != "!=" else not inside
