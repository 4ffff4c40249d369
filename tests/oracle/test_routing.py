# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against the kernel's own `ip route get`, on random hosts. Needs root."""

from __future__ import annotations

import dataclasses
import os
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine import fib, reverse_path, rules
from ansible_collections.netpath.symmetry.tests.oracle import run, shrink

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
CASES = 3000
SEED = int(os.environ.get("ORACLE_SEED", "1"))
# a sample without one of these has not compared what it is for
MUST_OCCUR = (
    "IPv4 in forward",
    "IPv4 in local",
    "IPv4 in martian",
    "IPv4 in reverse_path",
    "IPv4 in no_route",
    "IPv4 in blackhole",
    "IPv4 in prohibit",
    "IPv4 in not_forwarding",
    "IPv4 out forward",
    "IPv4 out local",
    "IPv6 in forward",
    "IPv6 in local",
    "IPv6 in no_route",
    "IPv6 out forward",
)


def test_the_engine_agrees_with_the_kernel() -> None:
    tally = run.run(CASES, SEED)
    print(f"{tally.cases} cases from seed {SEED}: {dict(sorted(tally.outcomes.items()))}")
    assert not tally.mismatches, tally.mismatches[0]
    assert tally.cases == CASES and not tally.skipped
    assert [kind for kind in MUST_OCCUR if not tally.outcomes[kind]] == []
    assert tally.unknowns <= run.MAX_UNKNOWN * tally.cases, tally.unknown


def _ignore_not(monkeypatch: pytest.MonkeyPatch) -> None:
    true = rules.matches

    def broken(rule: Rule, *others: t.Any) -> bool | None:
        return true(dataclasses.replace(rule, invert=False), *others)

    monkeypatch.setattr(rules, "matches", broken)


def _worst_metric_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fib, "_order_v4", lambda route: (-route.table, -route.tos, -route.metric))


def _reverse_from_lo(monkeypatch: pytest.MonkeyPatch) -> None:
    true = reverse_path._Check._key

    def broken(check: reverse_path._Check) -> fib.Key:
        return dataclasses.replace(true(check), iif="lo")

    monkeypatch.setattr(reverse_path._Check, "_key", broken)


def _always_src_valid_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    true = reverse_path._Check._key

    def broken(check: reverse_path._Check) -> fib.Key:
        return dataclasses.replace(true(check), mark=check.packet.mark)

    monkeypatch.setattr(reverse_path._Check, "_key", broken)


def _never_suppress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules._Walk, "_suppressed", lambda walk, rule, hit: {False})


@pytest.mark.parametrize(
    "breaks", [_ignore_not, _worst_metric_first, _reverse_from_lo, _always_src_valid_mark, _never_suppress]
)
def test_a_broken_engine_is_caught(
    breaks: t.Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without one of the kernel's semantics the comparison must fail."""
    breaks(monkeypatch)
    monkeypatch.setattr(shrink, "explain", lambda world, question, seen: seen)
    assert run.run(60000, 1).mismatches
