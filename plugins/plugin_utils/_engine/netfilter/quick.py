# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Rules made ready to be followed fast: most of a large rule set differs in addresses, ports and interfaces only.

Matches on these are turned into comparisons of numbers and names once, and what they read of the packet, which no
rule changes, is read once. Whatever is not that simple is left to netfilter_match.holds.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.fields import ABSENT, reader_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.match import (
    Answer,
    Match,
    asks_for_state,
    bounds_of,
    name_matches,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation

_NUMBERS = (
    *("ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr", "tcp sport", "tcp dport", "udp sport", "udp dport"),
    *("th sport", "th dport", "meta l4proto"),
)
_NAMES = ("meta iifname", "meta oifname", "meta iif", "meta oif")
_MAY_MATCH = ("limit", "quota")  # statements that stop the rule, or not


class Values(dict[str, t.Any]):
    """What the quick tests read of a packet, each once."""

    def __init__(self, now: Situation) -> None:
        super().__init__()
        self.now = now

    def __missing__(self, left: str) -> t.Any:
        value = self[left] = reader_of(left)(self.now)
        return value


Test = t.Callable[[Values], Answer]


@dataclasses.dataclass(frozen=True)
class Ready:
    """A rule: it does not match where one of ``quick`` says so; the other matches are asked in turn."""

    rule: Match
    quick: tuple[Test, ...]
    others: tuple[tuple[Match, bool], ...]  # with the flag that the state of the connection decides
    limited: bool

    def may_match(self, values: Values) -> Answer:
        """What the quick tests say."""
        answer: Answer = True
        for test in self.quick:
            one = test(values)
            if one is False:
                return False
            if one is None:
                answer = None
        return answer


def make_ready(rule: Match) -> Ready:
    """A rule of the facts made ready."""
    quick: list[Test] = []
    others: list[tuple[Match, bool]] = []
    for match in rule.get("matches", ()):
        test = _test_of(match)
        if test:
            quick.append(test)
        else:
            others.append((match, asks_for_state(match)))
    limited = any(statement.get("do") in _MAY_MATCH for statement in rule.get("statements", ()))
    return Ready(rule, tuple(quick), tuple(others), limited)


def _test_of(match: Match) -> Test | None:
    left = match.get("left")
    if match.keys() - {"left", "op", "right"} or match.get("op") not in ("==", "!=", "in"):
        return None
    listed = match["right"]
    elements = listed if isinstance(listed, list) else [listed]
    if left in _NUMBERS:
        return _number_test(str(left), elements, match["op"] == "!=")
    if left in _NAMES and all(isinstance(one, str) and not one.startswith("@") for one in elements):
        return _name_test(str(left), elements, match["op"] == "!=")
    return None


def _number_test(left: str, elements: list[t.Any], negated: bool) -> Test | None:
    """Only where every element is understood. A port that the kernel chose in a translation is not known (None)."""
    spans = [span for one in elements if (span := bounds_of(one, left))]
    if len(spans) < len(elements):
        return None
    first, last = spans[0] if len(spans) == 1 else (0, 0)

    def one(values: Values) -> Answer:
        value = values[left]
        if value.__class__ is int:
            return (first <= value <= last) is not negated
        return False if value is ABSENT else None

    def several(values: Values) -> Answer:
        value = values[left]
        if value.__class__ is int:
            return any(low <= value <= high for low, high in spans) is not negated
        return False if value is ABSENT else None

    return one if len(spans) == 1 else several


def _name_test(left: str, elements: list[str], negated: bool) -> Test:
    def test(values: Values) -> Answer:
        value = values[left]
        return any(pattern == "*" or name_matches(value, pattern) for pattern in elements) is not negated

    return test
