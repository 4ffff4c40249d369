# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Rules and routes as text: the arguments of ``ip rule`` and ``ip route``, and the lines that these print.

Every field of ``Rule`` and ``Route`` is written here and nowhere else. The lines agree with iproute2, except that
they have no trailing blanks and a multipath route stands on one line.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import TABLE_NAMES, NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import ANY, as_element

_IPPROTO = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}
_PROTOCOLS = {0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static"}
REJECTS = ("unreachable", "blackhole", "prohibit", "throw")


def rule_arguments(rule: Rule) -> str:
    """What follows ``ip rule add`` or ``ip rule del``; only the family (``ip -6``) is not in it."""
    words = [f"priority {rule.priority}", *_selectors(rule, numeric=True), *_action(rule)]
    if rule.protocol:
        words.append(f"protocol {rule.protocol}")
    return " ".join(words)


def rule_line(rule: Rule) -> str:
    """The rule as ``ip rule show`` prints it."""
    words = [*_selectors(rule, numeric=False), *_action(rule)]
    if rule.protocol not in (0, 2):
        words.append(f"proto {_PROTOCOLS.get(rule.protocol, str(rule.protocol))}")
    return f"{rule.priority}:\t{' '.join(words)}"


def _selectors(rule: Rule, numeric: bool) -> list[str]:
    words = ["not"] if rule.invert else []
    words.append(f"from {as_element(rule.src) if rule.src else 'all'}")
    if rule.dst:
        words.append(f"to {as_element(rule.dst)}")
    if rule.tos:
        words.append(f"tos {rule.tos:#04x}")
    if rule.dscp is not None:
        words.append(f"dscp {rule.dscp}")
    if rule.fwmark is not None:
        mask = "" if rule.fwmask == 0xFFFFFFFF else f"/{rule.fwmask:#x}"
        words.append(f"fwmark {rule.fwmark:#x}{mask}")
    for name in ("iif", "oif"):
        if getattr(rule, name):
            words.append(f"{name} {getattr(rule, name)}")
    if rule.uidrange:
        words.append(f"uidrange {rule.uidrange[0]}-{rule.uidrange[1]}")
    if rule.ipproto is not None:
        words.append(f"ipproto {rule.ipproto if numeric else _IPPROTO.get(rule.ipproto, str(rule.ipproto))}")
    words += [f"{name} {_range(getattr(rule, name))}" for name in ("sport", "dport") if getattr(rule, name)]
    if rule.tun_id is not None:
        words.append(f"tun_id {rule.tun_id}")
    return words


def _range(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}-{pair[1]}"


def _action(rule: Rule) -> list[str]:
    if rule.action == "goto":
        return [f"goto {rule.goto}"]
    if rule.action != "lookup":
        return [rule.action]
    if rule.l3mdev:
        words = ["l3mdev"]
    else:
        words = [f"lookup {table_name(rule.table)}"]
    if rule.suppress_prefixlength is not None:
        words.append(f"suppress_prefixlength {rule.suppress_prefixlength}")
    if rule.suppress_ifgroup is not None:
        words.append(f"suppress_ifgroup {rule.suppress_ifgroup}")
    return words


def table_name(table: t.Optional[int]) -> str:
    """The number of a table, or the name that the kernel's own three tables have everywhere."""
    return TABLE_NAMES.get(table or 0, str(table))


def route_arguments(route: Route) -> str:
    """What follows ``ip route add``, ``replace`` or ``del``; only the family (``ip -6``) is not in it."""
    words = [route.dst] if route.type == "unicast" else [route.type, route.dst]
    if route.tos:
        words.append(f"tos {route.tos:#04x}")
    words.append(f"table {route.table}")
    words.append(f"proto {route.protocol}")
    if route.type == "unicast" and route.family == 4 and not (len(route.nexthops) > 1 or route.nhid):
        words.append(f"scope {route.scope}")
    words += _attributes(route)
    if route.mtu:
        words.append(f"mtu {route.mtu}")
    if route.nhid is not None:
        words.append(f"nhid {route.nhid}")
    elif route.type not in REJECTS:
        words += _legs(route)
    return " ".join(words)


def route_line(route: Route) -> str:
    """The route as ``ip route show table N`` prints it, without IPv6's "pref medium"."""
    dst = "default" if route.dst == ANY[route.family] else as_element(route.dst)
    words = [dst] if route.type == "unicast" else [route.type, dst]
    if route.tos:
        words.append(f"tos {route.tos:#04x}")
    if route.nhid is not None:
        words.append(f"nhid {route.nhid}")
    single = len(route.nexthops) == 1 and route.type not in REJECTS
    if single:
        words += _leg(route.nexthops[0], route.family)
    words.append(f"proto {_PROTOCOLS.get(route.protocol, str(route.protocol))}")
    if route.scope != "global":
        words.append(f"scope {route.scope}")
    words += _attributes(route)
    if single and "onlink" in route.nexthops[0].flags:
        words.append("onlink")
    if route.mtu:
        words.append(f"mtu {route.mtu}")
    if not single and route.type not in REJECTS and route.nhid is None:
        words += _legs(route)
    return " ".join(words)


def _attributes(route: Route) -> list[str]:
    words = []
    if route.prefsrc:
        words.append(f"src {route.prefsrc}")
    if route.metric:
        words.append(f"metric {route.metric}")
    return words


def _legs(route: Route) -> list[str]:
    several = len(route.nexthops) > 1
    words: list[str] = []
    for leg in route.nexthops:
        words += ["nexthop", *_leg(leg, route.family), f"weight {leg.weight}"] if several else _leg(leg, route.family)
        if "onlink" in leg.flags:
            words.append("onlink")
    return words


def _leg(leg: NextHop, family: int) -> list[str]:
    words = []
    if leg.gateway:
        other = "inet6 " if family == 4 and ":" in leg.gateway else ""
        words.append(f"via {other}{leg.gateway}")
    if leg.device:
        words.append(f"dev {leg.device}")
    return words
