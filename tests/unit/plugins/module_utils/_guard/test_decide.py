# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.changes import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.decide import Request, decide
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError

PENDING = Change("one", "pending", "/s/pending", by="alice", reason="CHG1", seconds_left=42.4)
REVERTING = Change("one", "reverting", "/s/pending", seconds_left=10)


def ended(change_id: str, state: str, sequence: int = 0) -> Change:
    return Change(change_id, state, f"/s/changes/{change_id}", ended="then", why="reason", sequence=sequence)


@pytest.mark.parametrize(
    ("request_", "pending", "past", "action", "changed", "after"),
    [
        (Request("armed"), None, [], "arm", True, "pending"),
        (Request("armed", "one"), PENDING, [], "extend", False, "pending"),
        (Request("confirmed"), PENDING, [], "confirm", True, "confirmed"),
        (Request("confirmed", "one"), None, [ended("one", "confirmed", 1)], "", False, "confirmed"),
        (Request("reverted"), PENDING, [], "revert", True, "reverted"),
        (Request("reverted"), REVERTING, [], "revert", True, "reverted"),
        (Request("reverted"), None, [], "", False, "absent"),
        (Request("reverted", "one"), None, [ended("one", "reverted")], "", False, "reverted"),
        (Request("reverted", "one"), None, [ended("one", "failed")], "revert", True, "reverted"),
        (Request("rolled_back", "one"), None, [ended("one", "confirmed", 1)], "rollback", True, "rolled_back"),
        (Request("rolled_back", "one"), None, [ended("one", "rollback_failed", 1)], "rollback", True, "rolled_back"),
        (Request("rolled_back", "one"), None, [ended("one", "rolled_back", 1)], "", False, "rolled_back"),
        (
            Request("rolled_back", "one"),
            None,
            [ended("one", "confirmed", 1), ended("two", "rolled_back", 2), ended("three", "reverted")],
            "rollback",
            True,
            "rolled_back",
        ),
        (
            Request("rolled_back", "one", force=True),
            None,
            [ended("one", "confirmed", 1), ended("two", "confirmed", 2)],
            "rollback",
            True,
            "rolled_back",
        ),
        (Request("queried"), PENDING, [], "", False, "pending"),
        (Request("queried", "two"), PENDING, [], "", False, "absent"),
    ],
)
def test_what_is_done(
    request_: Request, pending: Change | None, past: list[Change], action: str, changed: bool, after: str
) -> None:
    decision = decide(request_, pending, past)
    assert (decision.action, decision.changed, decision.after) == (action, changed, after)


@pytest.mark.parametrize(
    ("request_", "pending", "past", "told"),
    [
        (Request("armed"), PENDING, [], "change one is pending already, armed by alice .CHG1., 42 s left"),
        (Request("armed", "two"), PENDING, [], "armed by alice"),
        (Request("armed", "one"), REVERTING, [], "being reverted"),
        (Request("armed", "old"), None, [ended("old", "confirmed", 1)], "has ended on this host"),
        (Request("armed", timeout=5), None, [], "10 to 3600"),
        (Request("armed", "../x"), None, [], "change_id"),
        (Request("confirmed"), None, [], "no change was ever armed here"),
        (Request("confirmed"), None, [ended("old", "reverted")], "too late.*old is reverted since then"),
        (Request("confirmed"), REVERTING, [], "too late"),
        (Request("confirmed", "two"), PENDING, [], "two was never armed here; pending is one, armed by alice"),
        (Request("reverted", "two"), PENDING, [], "two was never armed here"),
        (Request("reverted", "one"), None, [ended("one", "confirmed", 1)], "rolled_back"),
        (Request("rolled_back", "one"), PENDING, [], "use state reverted"),
        (Request("rolled_back", "old"), PENDING, [], "confirm or revert it first"),
        (Request("rolled_back", "two"), None, [], "never armed"),
        (Request("rolled_back", "one"), None, [ended("one", "failed")], "in part"),
        (
            Request("rolled_back", "one"),
            None,
            [ended("one", "confirmed", 1), ended("two", "confirmed", 2), ended("three", "confirmed", 3)],
            "depend on it: three, two;",
        ),
    ],
)
def test_what_is_refused(request_: Request, pending: Change | None, past: list[Change], told: str) -> None:
    with pytest.raises(GuardError, match=told):
        decide(request_, pending, past)
