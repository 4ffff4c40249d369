# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which selectors and actions of rules decide a lookup: with the opposite of them the answer would be another."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import rules
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import Key, Table
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

SELECTORS = (
    *("from", "to", "iif", "oif", "fwmark", "fwmark/mask", "tos", "dscp", "ipproto", "sport", "dport", "uidrange"),
    *("tun_id", "l3mdev", "not"),
)
ACTIONS = (
    *("lookup", "goto", "nop", "unreachable", "prohibit", "blackhole"),
    *("suppress_prefixlength", "suppress_ifgroup"),
)
_FIELDS = {
    "from": ("src",),
    "to": ("dst",),
    "fwmark": ("fwmark", "fwmask"),
    **{name: (name,) for name in ("iif", "oif", "tos", "dscp", "ipproto", "sport", "dport", "uidrange", "tun_id")},
    "l3mdev": ("l3mdev",),
}
Fate = tuple[object, ...]


class Path(rules._Walk):
    """The walk of one question through the rules, with each rule that it came to."""

    def __init__(self, host: Host, key: Key) -> None:
        super().__init__(host, host.rules[key.family], key)
        self._looked_up: dict[int, rules.Answer | None] = {}
        self._acted: list[tuple[int, int]] = []  # the rules that matched, with the one to go on with
        self.answer = self.run(0)
        self.steps_taken = self._steps()

    def _act(self, rule: Rule, index: int) -> tuple[rules.Answer | None, int]:
        answer, target = super()._act(rule, index)
        self._acted.append((index, target))
        return answer, target

    def _steps(self) -> list[tuple[int, bool]]:
        """The rules that the walk came to, and whether they matched: all those in between did not."""
        steps: list[tuple[int, bool]] = []
        start = 0
        for index, target in self._acted:
            steps += [(at, False) for at in range(start, index)]
            steps.append((index, True))
            start = target
        if self.answer.rule is None:
            steps += [(at, False) for at in range(start, len(self.rules))]
        return steps

    def look_up(self, rule: Rule, table: Table) -> rules.Answer | None:
        if id(rule) not in self._looked_up:
            self._looked_up[id(rule)] = super().look_up(rule, table)
        return self._looked_up[id(rule)]

    def with_opposite(self, index: int, matched: bool) -> rules.Answer:
        """The answer if the rule at ``index`` matched where it did not, or the other way round."""
        if matched:
            return self.run(index + 1)
        answer, target = self._act(self.rules[index], index)
        return answer or self.run(target)

    def fate(self, answer: rules.Answer) -> Fate:
        """What shows of an answer: the route with its table, or the error."""
        if answer.hit is None or answer.error:
            on_link = self.key.family == 4 and self.key.oif and not self.key.l3mdev
            return ("on link",) if on_link else (answer.error or "no route", answer.hit and answer.hit.route.table)
        return (answer.hit.route, answer.hit.legs)


def _alone(rule: Rule) -> tuple[tuple[str, Rule], ...]:
    """Each selector of a rule in a rule of its own; remembered by identity, for to hash a rule takes longer."""
    known = _KNOWN.get(id(rule))
    if known is None or known[0] is not rule:
        if len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.clear()
        known = _KNOWN[id(rule)] = (rule, tuple(_selectors_of(rule)))
    return known[1]


_KNOWN: dict[int, tuple[Rule, tuple[tuple[str, Rule], ...]]] = {}
_MOST_KNOWN = 1000


def _selectors_of(rule: Rule) -> t.Iterator[tuple[str, Rule]]:
    for name, fields in _FIELDS.items():
        values = {field: getattr(rule, field) for field in fields}
        if any(values[field] != Rule.__dataclass_fields__[field].default for field in fields):
            shown = "fwmark/mask" if name == "fwmark" and rule.fwmask != 0xFFFFFFFF else name
            yield shown, Rule(rule.family, 0, **values)


def deciding(host: Host, path: Path) -> set[str]:
    """The rows of rules that decide the answer of a walk."""
    rows: set[str] = set()
    real = path.fate(path.answer)
    for index, matched in path.steps_taken:
        rule = path.rules[index]
        flips = _flips(path, rule)
        if (flips or matched) and path.fate(path.with_opposite(index, matched)) != real:
            rows.update(flips)
            rows.update(_action(rule) if matched else ())
        if matched:
            rows.update(_suppression(host, path, rule, index, real))
            if rule.action == "nop" and real != ("unreachable", None):  # it would be, if a nop ended the walk
                rows.add("nop")
    return rows


def _action(rule: Rule) -> list[str]:
    return [] if rule.action == "nop" else [rule.action]


def _flips(path: Path, rule: Rule) -> list[str]:
    """The selectors whose opposite would turn the rule over."""
    truths = [(name, bool(rules.matches(single, path.key, path.vrfs))) for name, single in _alone(rule)]
    false = [name for name, truth in truths if not truth]
    flips = ["not"] if rule.invert else []
    if not false:  # all hold: each that did not would turn the rule over
        return flips + [name for name, _truth in truths]
    return flips + (false if len(false) == 1 else [])


def _suppression(host: Host, path: Path, rule: Rule, index: int, real: Fate) -> t.Iterator[str]:
    for name in ("suppress_prefixlength", "suppress_ifgroup"):
        if getattr(rule, name) is not None and rule.table is not None:
            free = Rule.from_dict({**rule.to_dict(), name: None})
            answer = rules._Walk.look_up(path, free, host.table(path.key.family, rule.table))
            if path.fate(answer or path.run(index + 1)) != real:
                yield name
