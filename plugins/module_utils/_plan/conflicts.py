# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Foreign rules and routes in the way of ours, and what the user wants done about them."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import TABLE_LOCAL, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import simulate
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import ANY, covers
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.priorities import Placed, selector
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import route_line, rule_line

CHOICES = ("fail", "replace", "keep")


class Conflicts:
    """Collects what is replaced and what is kept while the planner asks for each object."""

    def __init__(self, host: Host, choice: str) -> None:
        if choice not in CHOICES:
            raise PlanError(f"on_conflict {choice!r} is not one of {', '.join(CHOICES)}")
        self._choice = choice
        self._foreign_rules = [rule for rule in host.rules if rule.protocol != PROTOCOL]
        # Those that may be in the way of a rule: at its priority, or selecting the same packets.
        self._near: dict[t.Hashable, list[int]] = {}
        for place, rule in enumerate(self._foreign_rules):
            for key in ((rule.family, rule.priority), selector(rule)):
                self._near.setdefault(key, []).append(place)
        # A foreign rule may look into a table of ours; what we put there is not in our way.
        self._routes = [route for route in host.routes if route.protocol != PROTOCOL]
        self._foreign_places = {simulate.route_key(route): route for route in host.routes if route.protocol != PROTOCOL}
        self.replaced_rules: list[Rule] = []
        self.replaced_routes: list[Route] = []
        self.kept: list[str] = []

    def admits_rule(self, placed: Placed, routes: t.Sequence[Route]) -> bool:
        """Whether to plan the rule; ``routes`` are those of its table.

        Raises PlanError where a foreign one is in the way and on_conflict is fail.
        """
        where = placed.where
        for foreign in self._neighbours(placed.rule):
            why = self._why(foreign, placed, routes)
            if not why or foreign in self.replaced_rules:
                continue
            text = f"foreign rule '{rule_line(foreign)}'".replace("\t", " ")
            if self._choice == "fail":
                raise PlanError(f"{where}: {text} {why}; set on_conflict to replace or keep it, or remove it yourself")
            if self._choice == "keep":
                self.kept.append(f"{text} {why}")
                return False
            self._refuse_shared(foreign, text, where)
            self.replaced_rules.append(foreign)
        return True

    def _neighbours(self, rule: Rule) -> list[Rule]:
        """The foreign rules that may be in its way, in the kernel's order."""
        places = {*self._near.get((rule.family, rule.priority), ()), *self._near.get(selector(rule), ())}
        return [self._foreign_rules[place] for place in sorted(places)]

    def admits_route(self, route: Route) -> bool:
        """Whether to plan the route. Raises PlanError where a foreign one holds its place and on_conflict is fail."""
        foreign = self._foreign_places.get(simulate.route_key(route))
        if foreign is None:
            return True
        text = f"foreign route '{route_line(foreign)}' of table {foreign.table}"
        if self._choice == "fail":
            raise PlanError(f"{text} holds the place of ours; remove it, or set on_conflict to replace or keep it")
        if self._choice == "keep":
            self.kept.append(f"{text} holds the place of ours")
            return False
        self.replaced_routes.append(foreign)
        return True

    def _why(self, foreign: Rule, placed: Placed, routes: t.Sequence[Route]) -> str:
        rule = placed.rule
        if foreign.family != rule.family:
            return ""
        if foreign.priority == rule.priority:
            return "has the priority of ours"
        # Where the planner chose the priority, the answer must not depend on its choice: it may be another next time.
        if foreign.priority > placed.last or selector(foreign) != selector(rule):
            return ""
        if foreign.action == "lookup" and not self._answers(foreign, rule, routes):
            return ""
        if foreign.action in ("goto", "nop"):
            return ""
        return f"stands in front of ours (priority {rule.priority}) and matches the same packets"

    def _answers(self, foreign: Rule, rule: Rule, routes: t.Sequence[Route]) -> bool:
        """Whether the table of a foreign rule has an answer for a destination that ours is about."""
        if foreign.table == TABLE_LOCAL or foreign.suppress_prefixlength is not None:
            return False
        wanted = [route.dst for route in routes if route.family == rule.family] or [rule.dst or ANY[rule.family]]
        return any(
            covers(other.dst, dst)
            for other in self._routes
            if other.table == foreign.table and other.family == rule.family and other.type != "throw"
            for dst in wanted
        )

    def _refuse_shared(self, foreign: Rule, text: str, where: str) -> None:
        """A rule that shares its priority cannot be put back where it was: the kernel appends it."""
        same = [one for one in self._foreign_rules if (one.family, one.priority) == (foreign.family, foreign.priority)]
        if len(same) > 1:
            raise PlanError(
                f"{where}: {text} is one of {len(same)} rules with priority {foreign.priority}; their "
                "order could not be restored. Give them priorities of their own first"
            )
