# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""``ipset save`` in the small form, and the iptables matches that ask such sets. Pure. (ipset(8))"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iptables_words import Option, tokens
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.nft_expressions import NotUnderstood

Dict = dict[str, t.Any]
MAX_ELEMENTS = 1000  # of one set
NEVER: Dict = {"any": []}
ALWAYS: Dict = {"none": []}
_PORT_PROTOCOLS = ("tcp", "udp")


def parse(saved: str) -> dict[str, Dict]:
    """Every set by its name: ``{family: ipset, table: "", name, type, elements, complete, inet?}``.

    ``inet`` is the address family, where the type has one. A set with elements that have no place in the small form
    (nomatch, ICMP types) is incomplete and lists no element: their absence is not known either.
    """
    sets: dict[str, Dict] = {}
    unusable = set()
    netmask: dict[str, str] = {}
    for line in saved.splitlines():
        words = tokens(line)
        if words[:1] == ["create"]:
            one: Dict = {"family": "ipset", "table": "", "name": words[1], "type": words[2]}
            one.update(elements=[], complete=True)
            if "family" in words:
                one["inet"] = 6 if words[words.index("family") + 1] == "inet6" else 4
            if "netmask" in words:
                netmask[words[1]] = words[words.index("netmask") + 1]
            sets[words[1]] = one
            if "bitmask" in words:
                unusable.add(words[1])
        elif words[:1] == ["add"]:
            one = sets[words[1]]
            element = _element(one, words[2], netmask.get(words[1], ""))
            if element is None or "nomatch" in words[3:]:
                unusable.add(words[1])
            elif len(one["elements"]) < MAX_ELEMENTS:
                one["elements"].append(element)
            else:
                one["complete"] = False
    for name in unusable:
        sets[name].update(elements=[], complete=False)
    return sets


def _element(one: Dict, text: str, netmask: str) -> t.Any:
    """An element with its parts in the order of ``_fields``; None where it has no place in the small form."""
    if one["type"] == "list:set":
        return text
    parts = []
    for kind, part in zip(_kinds(one), text.split(",")):
        if kind == "port" and ":" in part:
            protocol, _colon, number = part.partition(":")
            if protocol not in _PORT_PROTOCOLS or not number.isdigit():
                return None
            parts += [protocol, number]
        elif kind == "iface" and ":" in part:  # a port of a bridge
            return None
        else:
            parts.append(f"{part}/{netmask}" if kind == "ip" and netmask else part)
    if len(parts) == 1:
        return int(parts[0]) if parts[0].isdigit() else parts[0]
    return " . ".join(parts)


def _kinds(one: Dict) -> list[str]:
    return t.cast(str, one["type"]).partition(":")[2].split(",")


def match_of(options: list[Option], family: int, sets: t.Mapping[str, Dict]) -> Dict:
    """The match of ``-m set``; raises NotUnderstood where set or options are not known."""
    first, *others = options
    if first.name != "--match-set" or others or first.values[0] not in sets:
        raise NotUnderstood(first.name)
    name, sides = first.values[0], first.values[1].split(",")
    asked = [_asked(sets, member, sides, family) for member in _members(sets, name)]
    if len(asked) == 1 and "left" in asked[0]:
        return dict(asked[0], op="!=", absent=True) if first.negated else asked[0]
    return {"none" if first.negated else "any": asked}


def _members(sets: t.Mapping[str, Dict], name: str) -> list[str]:
    """The set itself, or the members of a list of sets."""
    return [str(member) for member in sets[name]["elements"]] if sets[name]["type"] == "list:set" else [name]


def _asked(sets: t.Mapping[str, Dict], name: str, sides: list[str], family: int) -> Dict:
    """ip_set_test: a set of the other family or of more dimensions than asked for never matches."""
    one = sets.get(name)
    if one is None:
        raise NotUnderstood(name)
    kinds = _kinds(one)
    if one.get("inet", family) != family or len(sides) < len(kinds) or (one["type"] == "bitmap:ip" and family == 6):
        return NEVER
    left: list[str] = []
    for kind, side in zip(kinds, sides):
        left += _fields(one["type"], kind, side, "ip" if family == 4 else "ip6")
    return {"left": " . ".join(left), "op": "==", "right": f"@{name}"}


def _fields(set_type: str, kind: str, side: str, family: str) -> list[str]:
    source = side == "src"
    if kind in ("ip", "net"):
        return [f"{family} {'saddr' if source else 'daddr'}"]
    if kind == "port":
        port = f"th {'sport' if source else 'dport'}"
        return [port] if set_type == "bitmap:port" else ["meta l4proto", port]
    if kind == "iface":
        return ["meta iifname" if source else "meta oifname"]
    if kind == "mark":
        return ["meta mark"]
    raise NotUnderstood(kind)
