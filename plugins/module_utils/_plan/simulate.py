# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What rules and routes are after a change, and both as text: the two sides of a diff."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import network
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import (
    REJECTS,
    route_line,
    rule_line,
    table_name,
)

RouteKey = tuple[int, int, str, int, int]


def route_key(route: Route) -> RouteKey:
    """What makes two routes the same place in a table: the kernel refuses a second one."""
    return (route.family, route.table, route.dst, route.tos, route.metric)


def canonical(route: Route) -> Route:
    """The route without what comes and goes by itself (dead, linkdown) and what reject routes do not use."""
    if route.type in REJECTS:
        return dataclasses.replace(route, nexthops=(), scope="global")
    if all(leg.flags in ((), ("onlink",)) for leg in route.nexthops):
        return route
    legs = tuple(
        dataclasses.replace(leg, flags=tuple(flag for flag in leg.flags if flag == "onlink")) for leg in route.nexthops
    )
    return dataclasses.replace(route, nexthops=legs)


def after(
    rules: t.Sequence[Rule], routes: t.Sequence[Route], changes: t.Iterable[Change]
) -> tuple[list[Rule], list[Route]]:
    """Rules and routes with the changes made, rules in the kernel's order: by priority, newer ones behind."""
    new_rules, new_routes = list(rules), {(route_key(route), canonical(route)): route for route in routes}
    for change in changes:
        if isinstance(change.before, Rule):
            new_rules.remove(change.before)
        if isinstance(change.after, Rule):
            new_rules.append(change.after)
        if isinstance(change.before, Route):
            new_routes.pop((route_key(change.before), canonical(change.before)), None)
        if isinstance(change.after, Route):
            new_routes[(route_key(change.after), canonical(change.after))] = change.after
    new_rules.sort(key=lambda rule: (rule.family, rule.priority))
    return new_rules, list(new_routes.values())


def text(rules: t.Sequence[Rule], routes: t.Sequence[Route]) -> str:
    """What ``ip rule`` and ``ip route show table N`` print of these, under a comment that names the command."""
    lines = []
    for family, ip in ((4, "ip"), (6, "ip -6")):
        listed = [rule_line(rule) for rule in rules if rule.family == family]
        lines += [f"# {ip} rule", *listed] if listed else []
        members = sorted((canonical(route) for route in routes if route.family == family), key=_sort_key)
        for table in sorted({route.table for route in members}):
            lines.append(f"# {ip} route show table {table_name(table)}")
            lines += [route_line(route) for route in members if route.table == table]
    return "".join(f"{line}\n" for line in lines)


def _sort_key(route: Route) -> tuple[t.Any, ...]:
    net = network(route.dst)
    return (route.family, route.table, int(net.network_address), net.prefixlen, route.metric, route.tos)
