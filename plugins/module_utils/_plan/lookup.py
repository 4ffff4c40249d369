# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Where a packet that this host itself sends would go: rules and FIB, for the session that a change runs over.

A small lookup on planned rules, which the kernel cannot be asked about. Source: net/core/fib_rules.c
``fib_rules_lookup`` and net/ipv4/fib_trie.c ``fib_table_lookup``. The exact model for all packets is the engine's.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import covers, family_of
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import REJECTS

TCP = 6
HOPS = 10000  # rules visited at most: a goto only jumps forward, so this is never reached by a sound list


class Answer(t.NamedTuple):
    """``device`` is None where the packet is dropped; ``reason`` says why."""

    device: t.Optional[str]
    gateway: t.Optional[str] = None
    reason: str = ""


class Packet(t.NamedTuple):
    """A TCP segment that a socket of this host sends."""

    source: str
    destination: str
    sport: int = 22
    dport: t.Optional[int] = None


def egress(rules: t.Sequence[Rule], routes: t.Sequence[Route], packet: Packet) -> Answer:
    """The device by which the packet leaves, or why it does not."""
    family = family_of(packet.destination)
    ordered = sorted((rule for rule in rules if rule.family == family), key=lambda rule: rule.priority)
    tables: dict[int, list[Route]] = {}
    for route in routes:
        if route.family == family and covers(route.dst, packet.destination):
            tables.setdefault(route.table, []).append(route)
    at = 0
    for _hop in range(HOPS):
        if at >= len(ordered):
            break
        rule = ordered[at]
        at += 1
        if not _matches(rule, packet) or rule.action == "nop":
            continue
        if rule.action == "goto":
            target = [i for i, other in enumerate(ordered) if other.priority == rule.goto]
            at = target[0] if target else at
        elif rule.action != "lookup":
            return Answer(None, reason=f"rule {rule.priority} says {rule.action}")
        else:
            found = _table_lookup(tables.get(rule.table or 0, ()), rule)
            if found is not None:
                return found
    return Answer(None, reason=f"no route to {packet.destination}")


def _matches(rule: Rule, packet: Packet) -> bool:
    # A locally sent packet has iif lo and no mark; a socket that is not bound has no oif.
    hit = not rule.l3mdev and rule.oif is None and rule.iif in (None, "lo") and not rule.unknown
    hit = hit and rule.tun_id is None and rule.tos == 0 and rule.dscp in (None, 0)
    hit = hit and (rule.fwmark is None or rule.fwmark & rule.fwmask == 0)
    hit = hit and (rule.uidrange is None or rule.uidrange[0] == 0)  # sshd's sockets are root's
    hit = hit and (rule.src is None or covers(rule.src, packet.source))
    hit = hit and (rule.dst is None or covers(rule.dst, packet.destination))
    hit = hit and rule.ipproto in (None, TCP)
    hit = hit and (rule.sport is None or rule.sport[0] <= packet.sport <= rule.sport[1])
    if rule.dport is not None:
        hit = hit and packet.dport is not None and rule.dport[0] <= packet.dport <= rule.dport[1]
    return hit != rule.invert


def _table_lookup(routes: t.Sequence[Route], rule: Rule) -> t.Optional[Answer]:
    """The answer of one table, or None to go on with the next rule."""
    for route in sorted(routes, key=lambda route: (-route.prefixlen, route.metric)):
        if route.tos:
            continue
        if route.type == "throw":
            return None
        suppressed = rule.suppress_prefixlength is not None and route.prefixlen <= rule.suppress_prefixlength
        if route.type in REJECTS:
            return Answer(None, reason=f"{route.type} {route.dst} in table {route.table}")
        legs = [leg for leg in route.nexthops if "dead" not in leg.flags]
        if not legs and route.type == "unicast":
            continue
        if suppressed:
            return None
        if not legs:
            return Answer("lo")
        return Answer(legs[0].device, legs[0].gateway)
    return None
