# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Expressions of nft's JSON in the small form of the facts schema: what a rule compares, and with what. Pure.

Nothing is guessed: what has no place in the small form raises NotUnderstood. (libnftables-json(5))
"""

from __future__ import annotations

import ipaddress
import json
import typing as t

Dict = dict[str, t.Any]
_BITMASKS = ("ct state", "ct status", "tcp flags")  # several names of one side are bits of one value


class NotUnderstood(Exception):
    """The expression has no place in the small form."""


def as_text(data: t.Any) -> str:
    """The JSON of an expression, as it stands in ``unknown``."""
    return json.dumps(data, sort_keys=True)


def match_of(data: Dict) -> Dict:
    """A match of the schema from ``{op, left, right}``; raises NotUnderstood."""
    left, mask = left_and_mask(data["left"])
    operator, right = data["op"], data["right"]
    if operator == "!" and mask is None:  # none of these bits: (left & bits) == 0
        return {"left": left, "mask": _mask_value(right), "op": "==", "right": 0}
    if operator not in ("==", "!=", "in", "<", ">", "<=", ">="):
        raise NotUnderstood(operator)
    if left in _BITMASKS:
        right = _bits(left, mask, operator, right)
    elif left.startswith("fib "):
        right = _fib_value(left, right)
    elif not (left.startswith("exthdr ") and isinstance(right, bool)):
        right = right_of(right)
    match: Dict = {"left": left, "op": operator, "right": right}
    if mask is not None:
        match["mask"] = mask
    return match


def left_and_mask(data: t.Any) -> tuple[str, t.Any]:
    """What is compared, and the mask it is taken with (None without one)."""
    if isinstance(data, dict) and "&" in data and len(data["&"]) == 2:
        inner, mask = data["&"]
        return left_of(inner), _mask_value(mask)
    return left_of(data), None


def left_of(data: t.Any) -> str:
    """The words for what is read of the packet: ``ip saddr``, ``meta iifname``, ``ct state`` ..."""
    if not isinstance(data, dict) or len(data) != 1:
        raise NotUnderstood(as_text(data))
    ((kind, what),) = data.items()
    if kind == "payload" and set(what) == {"protocol", "field"}:
        return f"{what['protocol']} {what['field']}"
    if kind == "meta":
        return f"meta {what['key']}"
    if kind == "ct":
        return " ".join(["ct", *([what["dir"]] if "dir" in what else []), what["key"]])
    if kind == "fib":
        flags = what["flags"] if isinstance(what["flags"], list) else [what["flags"]]
        return f"fib {' . '.join(flags)} {what['result']}"
    if kind == "exthdr":
        return " ".join(["exthdr", what["name"], *([what["field"]] if "field" in what else [])])
    if kind == "concat":
        parts = [left_of(part) for part in what]
        if not any(part.startswith("fib ") for part in parts):  # those have dots of their own
            return " . ".join(parts)
    raise NotUnderstood(as_text(data))


def _mask_value(data: t.Any) -> t.Any:
    """A mask: a number, or names of bits. An address becomes the number it stands for."""
    if isinstance(data, dict) and "|" in data:
        data = data["|"]
    if isinstance(data, list):
        return [_name(item) for item in data]
    if isinstance(data, str) and ("." in data or ":" in data):
        try:
            return int(ipaddress.ip_address(data))
        except ValueError:
            raise NotUnderstood(data) from None
    if isinstance(data, (str, int)):
        return data
    raise NotUnderstood(as_text(data))


def _bits(left: str, mask: t.Any, operator: str, right: t.Any) -> t.Any:
    """The right side of a comparison of bits.

    In the small form a list means any of these bits, except with tcp flags and ``==``, where it means exactly
    these; what nft means else by a list is not expressed.
    """
    if isinstance(right, dict) and "set" in right:
        if left == "tcp flags" and len(right["set"]) > 1:
            raise NotUnderstood("one of several combinations of flags")
        return [_name(item) for item in right["set"]]
    together = right["|"] if isinstance(right, dict) and "|" in right else right
    if isinstance(together, list):
        if operator != "in" and left != "tcp flags":
            raise NotUnderstood("all of several bits at once")
        return [_name(item) for item in together]
    if isinstance(together, (str, int)) and not (mask is not None and left != "tcp flags"):
        return together
    raise NotUnderstood(as_text(right))


def _name(data: t.Any) -> str:
    if isinstance(data, str):
        return data
    raise NotUnderstood(as_text(data))


def _fib_value(left: str, right: t.Any) -> t.Any:
    """``missing`` and ``exists`` are booleans in JSON; ``oif 0``, as iptables writes it, is missing too."""
    if right in ("0", 0) and left.endswith((" oif", " oifname")):
        return False
    return right if isinstance(right, bool) else right_of(right)


def right_of(data: t.Any) -> t.Any:
    """The right side of a comparison: an element, a list of them, ``@set`` or ``{range: [first, last]}``."""
    if isinstance(data, dict) and "set" in data:
        items = data["set"] if isinstance(data["set"], list) else [data["set"]]
        return [element_of(item) for item in items]
    if isinstance(data, dict) and "range" in data:
        return {"range": [_scalar(end) for end in data["range"]]}
    return element_of(data)


def element_of(data: t.Any) -> t.Any:
    """One element of a list or set: a number, a name, ``10.0.0.0/8``, ``10.1.0.1-10.1.0.9`` or ``1.2.3.4 . 80``."""
    if isinstance(data, dict) and len(data) == 1:
        ((kind, what),) = data.items()
        if kind == "elem":
            return element_of(what["val"])
        if kind == "prefix":
            return f"{_scalar(what['addr'])}/{what['len']}"
        if kind == "range":
            return "-".join(str(_scalar(end)) for end in what)
        if kind == "concat":
            return " . ".join(str(element_of(part)) for part in what)
    return _scalar(data)


CHOSEN = ("numgen", "jhash", "symhash")  # values that the kernel counts, draws or hashes


def _scalar(data: t.Any) -> t.Any:
    if isinstance(data, (str, int)) and not isinstance(data, bool):
        return data
    raise NotUnderstood(as_text(data))


def map_of(data: t.Any, value_of: t.Callable[[t.Any], t.Any]) -> t.Any:
    """A map: ``@name``, or pairs of an element and what ``value_of`` makes of its value."""
    if isinstance(data, str) and data.startswith("@"):
        return data
    if isinstance(data, dict) and "set" in data:
        return [[element_of(key), value_of(value)] for key, value in data["set"]]
    raise NotUnderstood(as_text(data))


class MarkChange(t.NamedTuple):
    """``new = (old & ~mask) | (value & mask)``, as set_mark and set_ct_mark have it."""

    value: t.Any
    mask: int

    def as_dict(self) -> Dict:
        return {"value": self.value} if self.mask == 0xFFFFFFFF else {"value": self.value, "mask": self.mask}


def mark_change(target: str, data: t.Any) -> MarkChange:
    """What ``meta mark set`` or ``ct mark set`` (the ``target``) does; raises NotUnderstood."""
    if isinstance(data, int):
        return MarkChange(data, 0xFFFFFFFF)
    if isinstance(data, dict) and len(data) == 1 and set(data) & set(CHOSEN):
        return MarkChange(_chosen(data), 0xFFFFFFFF)
    if isinstance(data, dict) and "map" in data:
        asked = data["map"]["key"]
        chosen = isinstance(asked, dict) and set(asked) & set(CHOSEN)
        key = _chosen(asked) if chosen else left_of(asked)
        return MarkChange({"key": key, "map": map_of(data["map"]["data"], _number)}, 0xFFFFFFFF)
    source, keep, flip = _bitwise(data)
    if source == target and not flip & keep:  # old & keep | added: the bits that are kept are left alone
        return MarkChange(flip, ~keep & 0xFFFFFFFF | flip)
    if keep == 0xFFFFFFFF and flip == 0:
        return MarkChange(source, 0xFFFFFFFF)
    # the other mark, taken with a mask: no way to say this as a change of single bits
    if flip & keep:
        return MarkChange({"of": source, "and": keep, "or": 0, "xor": flip}, 0xFFFFFFFF)
    return MarkChange({"of": source, "and": keep, "or": flip}, 0xFFFFFFFF)


def _chosen(data: Dict) -> Dict:
    """``{numgen: {mode, mod, offset}}`` and its kin; what is hashed stays as its nft JSON."""
    ((kind, what),) = data.items()
    return {kind: dict(what)}


def _bitwise(data: t.Any) -> tuple[str, int, int]:
    """Any chain of ``&``, ``|`` and ``^`` with numbers is ``(source & keep) ^ flip``: its three parts."""
    if isinstance(data, dict) and len(data) == 1 and set(data) & {"|", "&", "^"}:
        ((operator, (inner, number)),) = data.items()
        source, keep, flip = _bitwise(inner)
        number = _number(number)
        if operator == "|":
            return source, keep & ~number & 0xFFFFFFFF, flip & ~number | number
        if operator == "&":
            return source, keep & number, flip & number
        return source, keep, flip ^ number
    source = left_of(data)
    if source not in ("meta mark", "ct mark"):
        raise NotUnderstood(as_text(data))
    return source, 0xFFFFFFFF, 0


def _number(data: t.Any) -> int:
    if isinstance(data, int) and not isinstance(data, bool):
        return data
    raise NotUnderstood(as_text(data))


def dscp_number(value: t.Any) -> int:
    """The number of a class of differentiated services: ``ef``, ``cs1``, ``af21``."""
    if isinstance(value, int):
        return value
    if value in ("ef", "be"):
        return {"ef": 46, "be": 0}[value]
    digits = str(value)[2:]
    if value[:2] == "cs" and digits.isdigit():
        return int(digits) * 8
    if value[:2] == "af" and len(digits) == 2 and digits.isdigit():
        return int(digits[0]) * 8 + int(digits[1]) * 2
    raise NotUnderstood(str(value))
