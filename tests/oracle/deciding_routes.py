# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which route types, choices within a table and kinds of next hop decide a lookup."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import Hit, Key, Surroundings, Table
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.tests.oracle.deciding_rules import Path

TYPES = (
    *("unicast", "local", "broadcast", "anycast (IPv6)", "unreachable route", "blackhole route", "prohibit route"),
    "throw route",
)
CHOICES = ("longest prefix", "metric", "tos of a route", "asked interface (oif)")
NEXT_HOPS = (
    *("single gateway", "no gateway", "multipath", "next-hop object", "next-hop group", "IPv6 gateway of IPv4"),
    *("linkdown leg used", "linkdown leg passed over", "dead leg passed over", "failed neighbour passed over"),
    *("leg with the packet's source", "equal defaults by neighbour"),
)


def deciding(host: Host, path: Path) -> set[str]:
    """The rows of routes that decide the answer of a walk."""
    rows = set(_throws(host, path))
    hit = path.answer.hit
    if hit is None:
        return rows
    route, key = hit.route, path.key
    rows.add(_type_row(route))
    around = host.surroundings(key.family)
    table = host.table(key.family, route.table)
    found = list(table.matches(key.dst))
    rows.update(_choices(table, found, key, around, hit))
    if hit.legs:
        rows.update(_kinds(route, hit))
        rows.update(_passed_over(host, table, found, key, around, hit))
    return rows


def _type_row(route: Route) -> str:
    if route.type in ("unreachable", "blackhole", "prohibit"):
        return f"{route.type} route"
    return "anycast (IPv6)" if route.type == "anycast" else route.type


def _throws(host: Host, path: Path) -> t.Iterator[str]:
    """A throw that the walk went on after: if it ended the walk, the answer would be an error."""
    for index, matched in path.steps_taken:
        rule = path.rules[index]
        if matched and rule.action == "lookup" and rule.table is not None and path.look_up(rule, _NONE) is None:
            hit = host.table(path.key.family, rule.table).lookup(path.key, host.surroundings(path.key.family))
            if hit is not None and hit.route.type == "throw" and path.answer.hit is not None:
                yield "throw route"


_NONE = Table(4, 0, ())  # not looked at: the walk remembers its answers


def _shows(hit: Hit | None) -> object:
    if hit is None:
        return None
    return hit.route.dst, hit.route.type, hit.route.metric, hit.route.tos, _legs(hit)


def _legs(hit: Hit) -> list[tuple[str | None, str | None, float]]:
    return [(leg.hop.device, leg.hop.gateway, round(leg.share, 6)) for leg in hit.legs]


def _again(table: Table, routes: t.Iterable[Route], key: Key, around: Surroundings) -> object:
    return _shows(Table(table.family, table.number, routes).lookup(key, around))


def _choices(
    table: Table, found: list[tuple[int, list[Route]]], key: Key, around: Surroundings, hit: Hit
) -> t.Iterator[str]:
    real = _shows(hit)
    length = hit.route.prefixlen
    shorter = [route for _network, routes in found for route in routes if route.prefixlen < length]
    if shorter and _again(table, shorter, key, around) not in (None, real):
        yield "longest prefix"
    same = [route for _network, routes in found for route in routes if route.prefixlen == length]
    if len({route.metric for route in same}) > 1:
        upside_down = [dataclasses.replace(route, metric=-route.metric) for route in reversed(same)]
        worst = Table(table.family, table.number, upside_down).lookup(key, around)
        if worst is not None and worst.route.metric != -hit.route.metric:
            yield "metric"
    if table.family == 4 and any(route.tos for _network, routes in found for route in routes):
        if hit.route.tos:
            other = _shows(table.lookup(dataclasses.replace(key, tos=0), around))
        else:
            blind = [dataclasses.replace(route, tos=0) for _network, routes in found for route in routes]
            other = _again(table, blind, key, around)
        if other != real:
            yield "tos of a route"
    if key.oif and _shows(table.lookup(dataclasses.replace(key, oif=None, strict=False), around)) != real:
        yield "asked interface (oif)"


def _kinds(route: Route, hit: Hit) -> t.Iterator[str]:
    if route.type == "unicast":
        if route.nhid is not None:
            yield "next-hop group" if len(route.nexthops) > 1 else "next-hop object"
        elif len(route.nexthops) > 1:
            yield "multipath"
        else:
            yield "single gateway" if route.nexthops[0].gateway else "no gateway"
        if route.family == 4 and any(":" in (leg.hop.gateway or "") for leg in hit.legs):
            yield "IPv6 gateway of IPv4"
        if any("linkdown" in leg.hop.flags for leg in hit.legs):
            yield "linkdown leg used"


def _passed_over(
    host: Host, table: Table, found: list[tuple[int, list[Route]]], key: Key, around: Surroundings, hit: Hit
) -> t.Iterator[str]:
    real = _shows(hit)
    routes = [route for _network, same in found for route in same]
    flags = {flag for route in routes for leg in route.nexthops for flag in leg.flags}
    if {"linkdown", "dead"} & flags:
        for row, is_down in (("linkdown leg passed over", False), ("dead leg passed over", True)):
            healed = [_healed(host, route, is_down) for route in routes]
            changed = any(one is not route for one, route in zip(healed, routes, strict=True))
            if changed and _again(table, healed, key, around) != real:
                yield row
    if around.neighbours:
        row = "equal defaults by neighbour" if _is_default_choice(hit) else "failed neighbour passed over"
        if _shows(table.lookup(key, dataclasses.replace(around, failed_neighbours=frozenset(), neighbours={}))) != real:
            yield row
    if around.prefer_source and key.src and len(hit.route.nexthops) > 1:
        anywhere = dataclasses.replace(around, prefer_source=False)
        if _shows(table.lookup(key, anywhere)) != real:
            yield "leg with the packet's source"


def _is_default_choice(hit: Hit) -> bool:
    return hit.route.family == 4 and hit.route.dst == "0.0.0.0/0" and len(hit.route.nexthops) == 1


def _healed(host: Host, route: Route, is_down: bool) -> Route:
    """The route without the marks of trouble on legs whose interface is down, or has lost its carrier."""
    legs = tuple(_healed_leg(host, leg, is_down) for leg in route.nexthops)
    unchanged = all(one is leg for one, leg in zip(legs, route.nexthops, strict=True))
    return route if unchanged else dataclasses.replace(route, nexthops=legs)


def _healed_leg(host: Host, leg: NextHop, is_down: bool) -> NextHop:
    device = host.interfaces.get(leg.device or "")
    if device is None or device.up == is_down or not {"linkdown", "dead"} & set(leg.flags):
        return leg
    return dataclasses.replace(leg, flags=tuple(flag for flag in leg.flags if flag not in ("linkdown", "dead")))
