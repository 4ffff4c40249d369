# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan tables, routes and rules: from what a host has to what a scope shall have.

The order of a plan keeps every packet on a whole table: a table whose content changes is built under a fresh id,
then its rule is added, then the old rule goes, and only then the old table's routes. Ours is what carries our
protocol number and lies in the scope's slice of priorities and table ids; everything else is foreign.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL, SCOPES, scope_of
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import TABLE_NAMES, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import simulate
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.conflicts import Conflicts
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import Desired, Table
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lookup import Packet, egress
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.onlink import checked_routes
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.priorities import (
    place_rules,
    resolve_table,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import table_name

RESERVED = frozenset(TABLE_NAMES)  # the kernel's own tables: never written by us


@dataclasses.dataclass(frozen=True)
class Options:
    """How the planner treats what is in the way."""

    scope: str = "manual"
    on_conflict: str = "fail"  # fail, replace, keep
    allow_management_cut: bool = False

    @property
    def slice(self) -> range:
        low, high = SCOPES[self.scope]
        return range(low, high + 1)


def plan(host: Host, desired: Desired, options: Options) -> Plan:
    """The changes that make the scope hold exactly what is desired; raises PlanError, changes nothing."""
    if options.scope not in SCOPES:
        raise PlanError(f"scope {options.scope!r} is not one of {', '.join(SCOPES)}")
    owned_routes = [route for route in host.routes if _owns_table(options, route.table) and route.protocol == PROTOCOL]
    owned_rules = [rule for rule in host.rules if rule.priority in options.slice and rule.protocol == PROTOCOL]
    desired = dataclasses.replace(desired, tables=tuple(_checked(host, table) for table in desired.tables))
    ids = _table_ids(host, desired, options)
    placed = place_rules(host, desired, ids, options.slice)
    conflicts = Conflicts(host, options.on_conflict)
    wanted_rules = [one.rule for one in placed if conflicts.admits_rule(one, _routes_of(desired, ids, one.table))]
    wanted_routes = [route for route in _numbered(desired, ids) if conflicts.admits_route(route)]
    changes = _ordered(owned_rules, owned_routes, wanted_rules, wanted_routes, conflicts)
    _keep_session(host, changes, options)
    return _as_plan(host, changes, owned_rules, owned_routes, options, tuple(conflicts.kept))


def text_of(host: Host, options: Options, touched: t.Iterable[Change] = ()) -> str:
    """The owned objects of a scope, and those that the changes touch, as text: what a re-read must equal."""
    rules = {change.subject for change in touched if isinstance(change.subject, Rule)}
    rules |= {change.before for change in touched if isinstance(change.before, Rule)}
    places = {simulate.route_key(change.subject) for change in touched if isinstance(change.subject, Route)}
    return simulate.text(
        [r for r in host.rules if r in rules or (r.priority in options.slice and r.protocol == PROTOCOL)],
        [
            route
            for route in host.routes
            if simulate.route_key(route) in places or (_owns_table(options, route.table) and route.protocol == PROTOCOL)
        ],
    )


def _owns_table(options: Options, table: int) -> bool:
    """Tables of the slice are the scope's; those that a user names lie outside of all slices and are "manual"'s."""
    return table in options.slice or (options.scope == "manual" and scope_of(table) is None)


def _table_ids(host: Host, desired: Desired, options: Options) -> dict[str, int]:
    """The id of every declared table: as declared, the one that holds these routes already, or a fresh one.

    Tables with the same routes share an id: there would be no telling which is which the next time.
    """
    ids = {table.name: _declared_id(host, table, options) for table in desired.tables if table.id is not None}
    owner: dict[int, str] = {}
    for name, number in ids.items():
        if owner.setdefault(number, name) != name:
            raise PlanError(
                f"tables: {owner[number]!r} and {name!r} both have id {number}, and a lookup would not tell which is "
                "meant; put the routes into one entry, or give each an id of its own"
            )
    looked_up = {rule.table for rule in host.rules}
    by_content: dict[frozenset[Route], int] = {}
    contents = _contents(host, options)
    for number in sorted(contents, key=lambda number: (number not in looked_up, number)):
        by_content.setdefault(frozenset(contents[number]), number)
    busy = {route.table for route in host.routes} | looked_up | set(ids.values())
    for table in desired.tables:
        if table.name in ids:
            continue
        content = frozenset(table.routes)
        if content not in by_content:
            by_content[content] = _fresh_id(options, busy)
            busy.add(by_content[content])
        ids[table.name] = by_content[content]
    return ids


def _fresh_id(options: Options, busy: t.Container[t.Optional[int]]) -> int:
    """An id that no route and no rule of the host has."""
    for number in options.slice:
        if number not in busy:
            return number
    raise PlanError(f"tables: no free table id in {options.slice[0]}-{options.slice[-1]}; remove routes there")


def _declared_id(host: Host, table: Table, options: Options) -> int:
    number = resolve_table(host, str(table.id), f"tables ({table.name}) id")
    if number in RESERVED or number == 0:
        raise PlanError(f"tables ({table.name}): table {table_name(number)} is the kernel's; leave id out")
    if not _owns_table(options, number):
        raise PlanError(
            f"tables ({table.name}): table id {number} is not scope {options.scope}'s to write; leave id out, "
            f"or take one of {options.slice[0]}-{options.slice[-1]}"
        )
    return number


def _contents(host: Host, options: Options) -> dict[int, set[Route]]:
    """Our routes by table of the slice, independent of the table's id."""
    contents: dict[int, set[Route]] = {}
    for route in host.routes:
        if route.table in options.slice:
            routes = contents.setdefault(route.table, set())
            if route.protocol == PROTOCOL:
                routes.add(dataclasses.replace(simulate.canonical(route), table=0))
    return contents


def _checked(host: Host, table: Table) -> Table:
    routes = checked_routes(host, table.routes, f"tables ({table.name})")
    for name in {str(leg.device) for route in routes for leg in route.nexthops} if table.id is None else ():
        vrf = host.interfaces[name].get("vrf")
        if vrf:
            raise PlanError(
                f"tables ({table.name}): interface {name} is in VRF {vrf}, whose own table is asked before any rule of "
                "ours; put its routes into that table (scope manual, with id), or take an interface outside of VRFs"
            )
    return dataclasses.replace(table, routes=tuple(routes))


def _numbered(desired: Desired, ids: t.Mapping[str, int]) -> list[Route]:
    routes = (dataclasses.replace(route, table=ids[table.name]) for table in desired.tables for route in table.routes)
    return list(dict.fromkeys(routes))


def _routes_of(desired: Desired, ids: t.Mapping[str, int], name: t.Optional[str]) -> tuple[Route, ...]:
    return next((table.routes for table in desired.tables if table.name == name and name in ids), ())


def _ordered(
    owned_rules: t.Sequence[Rule],
    owned_routes: t.Sequence[Route],
    rules: t.Sequence[Rule],
    routes: t.Sequence[Route],
    conflicts: Conflicts,
) -> list[Change]:
    """The steps in the order that never leaves a packet without what it needs."""
    changes: list[Change] = []
    live = {simulate.canonical(route): route for route in owned_routes}
    by_place = {simulate.route_key(route): route for route in [*conflicts.replaced_routes, *owned_routes]}
    going = dict(live)
    for route in routes:
        if route in live:
            going.pop(route, None)
            continue
        there = by_place.get(simulate.route_key(route))
        if there is None:
            changes.append(Change("route", "add", after=route))
        else:
            changes.append(Change("route", "set", before=there, after=route))
            going.pop(simulate.canonical(there), None)
    changes += [Change("rule", "add", after=rule) for rule in rules if rule not in owned_rules]
    gone = [rule for rule in owned_rules if rule not in rules] + conflicts.replaced_rules
    gone.sort(key=lambda rule: (rule.family, -rule.priority, -_selectors(rule)))
    changes += [Change("rule", "delete", before=rule) for rule in gone]
    changes += [Change("route", "delete", before=route) for route in going.values()]
    return changes


def _selectors(rule: Rule) -> int:
    """How much a rule selects: of two rules at one priority, the kernel must be told of the narrower one first."""
    return len(rule.to_dict())


def _keep_session(host: Host, changes: t.Sequence[Change], options: Options) -> None:
    """Refuse a plan after which replies to the session it runs over leave elsewhere, or nowhere."""
    if host.session is None or not changes or options.allow_management_cut:
        return
    session = host.session
    packet = Packet(session.local, session.peer, session.local_port, session.peer_port)
    before = egress(host.rules, host.routes, packet)
    rules, routes = simulate.after(host.rules, host.routes, changes)
    after = egress(rules, routes, packet)
    if before.device is None or after.device == before.device:
        return
    fate = f"leave by {after.device} instead of {before.device}" if after.device else f"be dropped ({after.reason})"
    raise ManagementCutError(
        f"this would cut the session it runs over: replies from {session.local} to {session.peer} would {fate}. "
        f"Exclude {session.peer} (for example with a rule for it in front), or set allow_management_cut"
    )


def _as_plan(
    host: Host,
    changes: t.Sequence[Change],
    owned_rules: t.Sequence[Rule],
    owned_routes: t.Sequence[Route],
    options: Options,
    kept: tuple[str, ...],
) -> Plan:
    rules, routes = simulate.after(host.rules, host.routes, changes)
    planned = dataclasses.replace(host, rules=tuple(rules), routes=tuple(routes))
    before, after = text_of(host, options, changes), text_of(planned, options, changes)
    return Plan(f"policy routing, scope {options.scope}", tuple(changes), before, after, kept)
