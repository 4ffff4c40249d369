# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Give every declared rule its family, its table and its priority."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import TABLE_NAMES, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import AUTO, DeclaredRule, Desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.onlink import require_interface


class Placed(t.NamedTuple):
    """A rule that is ready for the kernel; ``table`` is the declared table's name."""

    rule: Rule
    table: t.Optional[str]
    where: str
    last: int = 0  # the greatest priority that the planner could give it


def selector(rule: Rule) -> Rule:
    """What the rule matches, without where it stands and what it does."""
    return dataclasses.replace(
        rule,
        priority=0,
        protocol=0,
        table=None,
        action="lookup",
        goto=None,
        suppress_prefixlength=None,
        suppress_ifgroup=None,
    )


def place_rules(host: Host, desired: Desired, ids: t.Mapping[str, int], numbers: range) -> list[Placed]:
    """The declared rules per family, in order, with table ids and priorities; raises PlanError.

    A rule keeps the priority that it has on the host as long as the order of the list allows it; others take numbers
    that no rule of the host has, so that two of ours never share one.
    """
    expanded = [one for declared in desired.rules for one in _per_family(host, desired, declared, ids)]
    placed: list[Placed] = []
    for family in (4, 6):
        placed += _numbered(host, [one for one in expanded if one.rule.family == family], numbers)
    seen: dict[Rule, str] = {}
    for one in placed:
        first = seen.setdefault(dataclasses.replace(one.rule, priority=0), one.where)
        if first != one.where:
            raise PlanError(f"{first} and {one.where} are the same rule; remove one")
    return placed


def resolve_table(host: Host, text: str, where: str) -> int:
    """The number of a table that is given as a number or by its name in rt_tables; raises PlanError."""
    if text.isdigit():
        return int(text)
    names = {name: number for number, name in TABLE_NAMES.items()}
    names.update(host.table_names)
    if text not in names:
        raise PlanError(
            f"{where}: no table is named {text!r}: it is not declared under tables and rt_tables of this host does not "
            f"have it (it has {', '.join(sorted(names))}); declare it, or add it to /etc/iproute2/rt_tables.d"
        )
    return names[text]


def _per_family(host: Host, desired: Desired, declared: DeclaredRule, ids: t.Mapping[str, int]) -> list[Placed]:
    rule, where = declared.rule, declared.where
    for name in (rule.iif, rule.oif):
        if name is not None:
            require_interface(host, name, where)
    table: t.Optional[int] = None
    if declared.table is not None:
        table = ids[declared.table] if declared.table in ids else resolve_table(host, declared.table, f"{where} table")
    families = [rule.family] if rule.family else _families(desired, declared.table)
    if not rule.family and "all" in host.no_ipv6:
        families = [family for family in families if family == 4]
    if rule.family == 6 and "all" in host.no_ipv6:
        raise PlanError(f"{where}: this host has no IPv6 (disable_ipv6); enable it or leave the rule out")
    return [Placed(dataclasses.replace(rule, family=family, table=table), declared.table, where) for family in families]


def _families(desired: Desired, name: t.Optional[str]) -> list[int]:
    """The families of a declared table's routes; of any other table both."""
    for table in desired.tables:
        if table.name == name:
            return sorted({route.family for route in table.routes})
    return [4, 6]


def _numbered(host: Host, rules: t.Sequence[Placed], numbers: range) -> list[Placed]:
    family = rules[0].rule.family if rules else 4
    taken = [rule for rule in host.rules if rule.family == family]
    try:
        return _greedy(rules, taken, numbers, {rule.priority for rule in taken})
    except PlanError:
        # The free numbers behind the last kept one are used up: number all of them anew, around foreign rules only.
        foreign = {rule.priority for rule in taken if rule.protocol != PROTOCOL or rule.priority not in numbers}
        return _greedy(rules, [], numbers, foreign)


def _greedy(rules: t.Sequence[Placed], live: t.Sequence[Rule], numbers: range, busy: set[int]) -> list[Placed]:
    standing = _standing(rules, live, numbers)
    declared = {one.rule.priority for one in rules if one.rule.priority != AUTO}
    used = busy | declared
    last = numbers[0] - 1
    result: list[Placed] = []
    for one in rules:
        number = last_choice = one.rule.priority
        if number == AUTO:
            kept = [n for n in standing(one.rule) if n > last and n not in declared]
            number = kept[0] if kept else next((n for n in numbers if n > last and n not in used), AUTO)
            if number == AUTO:
                raise PlanError(
                    f"{one.where}: no free priority behind {last} in {numbers[0]}-{numbers[-1]}; declare fewer rules"
                )
            used.add(number)
            last, last_choice = number, numbers[-1]
        else:
            _check_declared(one, numbers, [other for other in result if other.rule.priority == number])
        result.append(one._replace(rule=dataclasses.replace(one.rule, priority=number), last=last_choice))
    return result


def _standing(rules: t.Sequence[Placed], live: t.Sequence[Rule], numbers: range) -> t.Callable[[Rule], t.Sequence[int]]:
    """Tells for a rule the priorities that it has on the host: as it is, else with another table.

    A priority that several rules share is not kept: the kernel could not be told which of them to delete.
    """
    times = collections.Counter(rule.priority for rule in live)
    own = [r for r in live if r.protocol == PROTOCOL and r.priority in numbers and times[r.priority] == 1]
    same: dict[Rule, list[int]] = {}
    alike: dict[Rule, list[int]] = {}
    wanted = {dataclasses.replace(one.rule, priority=0) for one in rules}
    for rule in own:
        bare = dataclasses.replace(rule, priority=0)
        if bare in wanted:
            same.setdefault(bare, []).append(rule.priority)
        else:
            alike.setdefault(selector(rule), []).append(rule.priority)
    return lambda rule: same.get(dataclasses.replace(rule, priority=0)) or alike.get(selector(rule)) or []


def _check_declared(one: Placed, numbers: range, same: t.Sequence[Placed]) -> None:
    number = one.rule.priority
    if number not in numbers:
        raise PlanError(
            f"{one.where}: priority {number} is outside this scope's {numbers[0]}-{numbers[-1]}; "
            "take one of these or leave priority out"
        )
    if same:
        raise PlanError(f"{one.where}: priority {number} is also that of {same[0].where}; give each rule its own")
