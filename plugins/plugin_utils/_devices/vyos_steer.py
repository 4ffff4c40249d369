# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policies of VyOS: one ``policy route`` of ours for each interface, rules and a table for each policy.

The table holds one route, by the next hop. Rules are known by their description. Source: VyOS, "Route and Route6
Policy", of release 1.4 and later.
"""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft, Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Policy, WishError

_FIRST, _LAST = 171, 200  # of our tables; the platform counts those of policies up to 200
_TABLES = ("protocols", "static", "table")


def interface_place(draft: Draft, name: str) -> Path:
    """The section of an interface or VLAN; raises WishError with those that there are."""
    there = dict(_interfaces(draft))
    if name not in there:
        raise WishError(f"the device has no interface {name!r}; it has {', '.join(there) or 'none'}")
    return there[name]


def _interfaces(draft: Draft) -> t.Iterator[tuple[str, Path]]:
    for kind, named in draft.at("interfaces").items():
        for name, below in named.items():
            place: Path = ("interfaces", kind, name)
            yield name, place
            for word in ("vif", "vif-s"):
                for vlan, inner in below.get(word, {}).items():
                    yield f"{name}.{vlan}", (*place, word, vlan)
                    for deepest in inner.get("vif-c", {}):
                        yield f"{name}.{vlan}.{deepest}", (*place, word, vlan, "vif-c", deepest)


def steer(draft: Draft, policies: t.Sequence[Policy], absent: bool) -> None:
    """All policies; raises WishError where something of somebody else is in the way."""
    for policy in policies:
        place = interface_place(draft, policy.interface)
        name = f"{PREFIX}{policy.interface.replace('.', '_')}"
        ours = ("policy", "route", name)
        draft.touch(*ours)
        table = _table_of(draft, ours, policy)
        if absent:
            _away(draft, ours, policy, table)
            continue
        _refuse(draft, name, policy, place)
        table = table or _free(draft)
        draft.put(*ours, "interface", policy.interface)
        _rules(draft, ours, policy, table)
        _route(draft, table, policy)


def _refuse(draft: Draft, name: str, policy: Policy, place: Path) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on VyOS by this version")
    if policy.verify:
        raise WishError(f"policy {policy.name}: verify is not served on VyOS, where only routes of the main table "
                        "watch their next hop ('protocols failover'); a policy has a table of its own: leave it out, "
                        "or steer by such a route, by hand")
    if policy.return_next_hops:
        raise WishError(f"policy {policy.name}: return_next_hops is for PAN-OS")
    others = {one: below for one, below in draft.at("policy", "route").items() if one != name}
    foreign = [*(one for one, below in others.items()  # which may name interfaces by a pattern
                 if any(fnmatch.fnmatchcase(policy.interface, pattern) for pattern in below.get("interface", {}))),
               *draft.at(*place, "policy", "route")]
    if foreign:
        raise WishError(f"interface {policy.interface} has 'policy route {foreign[0]}' already, which is not ours: put "
                        "the rules into that by hand, or take it off the interface")
    for one in others:
        if _numbers(draft, ("policy", "route", one), policy):
            raise WishError(f"policy {policy.name} is in 'policy route {one}' already: take it away there first (state "
                            "absent), or give this one another name")


def _numbers(draft: Draft, ours: Path, policy: Policy) -> list[str]:
    """The rules of a policy, in their order."""
    rules = draft.at(*ours, "rule")
    return sorted((one for one in rules if policy.label in draft.at(*ours, "rule", one, "description")), key=int)


def _table_of(draft: Draft, ours: Path, policy: Policy) -> str:
    for number in _numbers(draft, ours, policy):
        for table in draft.at(*ours, "rule", number, "set", "table"):
            return table
    return ""


def _free(draft: Draft) -> str:
    used = {*draft.at(*_TABLES), *_used(draft), *(one for vrf in draft.at("vrf", "name").values()
                                                  for one in vrf.get("table", {}))}
    for number in range(_FIRST, _LAST + 1):
        if str(number) not in used:
            return str(number)
    raise WishError(f"policies: the tables {_FIRST} to {_LAST} are all taken on the device")


def _used(draft: Draft) -> t.Iterator[str]:
    """Tables that rules of any policy lead to."""
    for word in ("route", "route6"):
        for policy in draft.at("policy", word).values():
            for rule in policy.get("rule", {}).values():
                yield from rule.get("set", {}).get("table", {})
    for word in ("local-route", "local-route6"):
        for rule in draft.at("policy", word, "rule").values():
            yield from rule.get("set", {}).get("table", {})


def _wanted(policy: Policy, table: str) -> t.Iterator[list[Path]]:
    """The lines of each rule: one source and one destination fit into it."""
    ports = ",".join(map(str, policy.dports))
    for source in policy.sources or ("",):
        for destination in policy.destinations or ("",):
            yield [("description", policy.label),
                   *([("source", "address", source)] if source else []),
                   *([("destination", "address", destination)] if destination else []),
                   *([("destination", "port", ports)] if ports else []),
                   *([("protocol", policy.protocol)] if policy.protocol else []),
                   ("set", "table", table)]


def _rules(draft: Draft, ours: Path, policy: Policy, table: str) -> None:
    """Rules as they shall be; those that are there keep their numbers."""
    there, wanted = _numbers(draft, ours, policy), list(_wanted(policy, table))
    for number in there[len(wanted):]:
        draft.drop(*ours, "rule", number, least=len(ours) + 2)
    free = max((int(one) for one in draft.at(*ours, "rule")), default=0) + 10
    numbers = [*there, *(str(free + 10 * one) for one in range(len(wanted)))]
    for number, lines in zip(numbers, wanted, strict=False):
        place = (*ours, "rule", number)
        for leaf in _leaves(draft.at(*place)):
            if leaf and leaf not in lines:
                draft.drop(*place, *leaf, least=len(place) + 1)
        for leaf in lines:
            draft.put(*place, *leaf)


def _leaves(tree: dict[str, t.Any]) -> list[Path]:
    return [(word, *leaf) for word, below in tree.items() for leaf in _leaves(below)] if tree else [()]


def _route(draft: Draft, table: str, policy: Policy) -> None:
    hops = (*_TABLES, table, "route", "0.0.0.0/0", "next-hop")
    draft.touch(*_TABLES, table)
    for hop in [*draft.at(*hops)]:
        if hop != policy.next_hop:
            draft.drop(*hops, hop, least=len(hops))
    draft.put(*hops, policy.next_hop)


def _away(draft: Draft, ours: Path, policy: Policy, table: str) -> None:
    for number in _numbers(draft, ours, policy):
        draft.drop(*ours, "rule", number, least=len(ours) + 1)
    if not draft.at(*ours, "rule"):
        draft.drop(*ours, least=1)
    if table and table not in set(_used(draft)):
        draft.touch(*_TABLES, table)
        draft.drop(*_TABLES, table, least=1)
