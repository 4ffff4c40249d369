# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Rules of nft's JSON as one line for people, close to what ``nft list ruleset`` prints. Pure.

The line names a rule in findings and reports; nothing is decided by it.
"""

from __future__ import annotations

import json
import typing as t

_QUOTED = ("iifname", "oifname", "iif", "oif")  # keys whose names nft puts in quotes
_WORDS = {  # expressions that only have words
    "meta": "{key}",
    "payload": "{protocol} {field}",
    "tcp option": "tcp option {name} {field}",
    "rt": "rt {key}",
    "numgen": "numgen {mode} mod {mod}",
}
_PREFIXED_META = ("mark", "l4proto", "nfproto", "protocol", "pkttype", "length", "time", "priority", "secpath", "ipsec")
_VERDICTS = ("accept", "drop", "jump", "goto", "return", "continue")


def rule(expressions: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """The rule without its comment and the numbers of its counter."""
    return " ".join(statement(dict(one)) for one in expressions)


def statement(data: dict[str, t.Any]) -> str:
    """One expression of a rule."""
    ((kind, what),) = data.items()
    if kind == "match":
        return _match(what)
    if kind == "counter":
        return f'counter name "{what}"' if isinstance(what, str) else "counter"
    if kind == "mangle":
        return f"{expression(what['key'])} set {expression(what['value'])}"
    if kind == "vmap":
        return f"{expression(what['key'])} vmap {expression(what['data'])}"
    if kind in ("jump", "goto"):
        return f"{kind} {what['target']}"
    if kind in ("snat", "dnat", "redirect", "masquerade"):
        return _nat(kind, what or {})
    if kind == "reject":
        return f"reject with {reject(what)}" if what else "reject"
    if kind == "limit" and isinstance(what, dict):
        over = "over " if what.get("inv") else ""
        return f"limit rate {over}{what['rate']}{' ' + what['rate_unit'] if 'rate_unit' in what else ''}/{what['per']}"
    if kind == "log":
        return f'log prefix "{what["prefix"]}"' if isinstance(what, dict) and "prefix" in what else "log"
    if kind == "set" and isinstance(what, dict):
        return f"{what['op']} {what['set']} {{ {expression(what['elem'])} }}"
    if kind == "xt" and isinstance(what, dict):
        return f"xt {what.get('type', '')} {what.get('name', '')}"
    return kind if what is None else f"{kind} {expression(what)}"


def reject(what: t.Mapping[str, t.Any]) -> str:
    """What a reject answers with."""
    return " ".join(str(what[key]) for key in ("type", "expr") if key in what)


def _match(what: t.Mapping[str, t.Any]) -> str:
    left, right = expression(what["left"]), expression(what["right"])
    if isinstance(what["right"], bool):
        right = "exists" if what["right"] else "missing"
    if left in _QUOTED and right[:1] not in ("{", "@"):
        right = f'"{right}"'
    operator = "" if what["op"] in ("==", "in") and not left.endswith(")") else f"{what['op']} "
    return f"{left} {operator}{right}"


def _nat(kind: str, what: t.Mapping[str, t.Any]) -> str:
    target = expression(what["addr"]) if "addr" in what else ""
    if "port" in what:
        target = f"{f'[{target}]' if ':' in target else target}:{expression(what['port'])}"
    family = f" {what['family']}" if "family" in what else ""
    flags = what.get("flags", [])
    words = [f"{kind}{family}", *([f"to {target}"] if target else []), *([flags] if isinstance(flags, str) else flags)]
    return " ".join(words)


def expression(data: t.Any) -> str:
    """A value, or what is read of the packet."""
    if isinstance(data, list):
        return ",".join(expression(item) for item in data)
    if not isinstance(data, dict) or len(data) != 1:
        return str(data) if isinstance(data, (str, int)) else json.dumps(data, sort_keys=True)
    ((kind, what),) = data.items()
    if kind == "prefix":
        return f"{what['addr']}/{what['len']}"
    if kind == "range":
        return "-".join(expression(end) for end in what)
    if kind == "set":
        return f"{{ {', '.join(_element(item) for item in (what if isinstance(what, list) else [what]))} }}"
    if kind == "concat":
        return " . ".join(expression(part) for part in what)
    if kind == "elem":
        return expression(what["val"])
    if kind == "map":
        return f"{expression(what['key'])} map {expression(what['data'])}"
    if kind in ("&", "|", "^", "<<", ">>"):
        parts = f" {kind} ".join(expression(part) for part in what)
        return f"({parts})" if kind == "&" else parts
    return _read(kind, what)


def _element(item: t.Any) -> str:
    """An element of a set, or of a map: a pair whose second part is a value or a verdict."""
    if isinstance(item, list) and len(item) == 2:
        value = item[1]
        is_verdict = isinstance(value, dict) and next(iter(value)) in _VERDICTS
        return f"{expression(item[0])} : {statement(value) if is_verdict else expression(value)}"
    return expression(item)


def _read(kind: str, what: t.Any) -> str:
    """What is read of the packet, in words."""
    if kind == "ct" and isinstance(what, dict):
        return " ".join(["ct", *([what["dir"]] if "dir" in what else []), what["key"]])
    if kind == "fib":
        flags = what["flags"] if isinstance(what["flags"], list) else [what["flags"]]
        return f"fib {' . '.join(flags)} {what['result']}"
    if kind == "meta" and what["key"] in _PREFIXED_META:
        return f"meta {what['key']}"
    try:
        return _WORDS[kind].format(**what)
    except (KeyError, TypeError):
        return f"{kind} {json.dumps(what, sort_keys=True)}"
