# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule decides what becomes of a change of several hosts."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set.standing import members, standing, state_of


@pytest.mark.parametrize(
    ("states", "asked", "decision"),
    [
        (("confirmed", "confirmed"), True, "kept"),
        (("confirmed", "pending"), True, "keep"),
        (("pending", "pending"), True, "take_back"),
        (("confirmed", "unknown"), True, "wait"),
        (("pending", "unknown"), True, "wait"),
        (("unknown", "unknown"), True, "wait"),
        (("confirmed", "reverted"), True, "take_back"),
        (("confirmed", "reverting"), True, "take_back"),
        (("confirmed", "absent"), True, "take_back"),
        (("reverted", "unknown", "confirmed"), True, "take_back"),
        (("reverted", "unknown"), True, "take_back"),
        (("reverted", "failed"), True, "take_back"),
        (("rolled_back", "rollback_failed"), True, "take_back"),
        (("reverted", "rolled_back", "absent"), True, "taken_back"),
        (("pending", "unknown"), False, "take_back"),
        (("reverted", "unknown"), False, "taken_back"),
    ],
)
def test_what_is_decided(states: tuple[str, ...], asked: bool, decision: str) -> None:
    found = standing({f"h{number}": state for number, state in enumerate(states)}, asked)
    assert found["decision"] == decision
    assert found["settled"] is (decision in ("kept", "taken_back"))


def test_it_is_kept_only_where_all_hosts_answer_and_none_has_lost_it() -> None:
    known = ("absent", "pending", "reverting", "confirmed", "reverted", "failed", "rolled_back", "rollback_failed")
    for states in itertools.product((*known, "unknown"), repeat=3):
        decision = standing(dict(zip("abc", states, strict=True)))["decision"]
        could = set(states) <= {"pending", "confirmed"} and "confirmed" in states
        assert (decision in ("keep", "kept")) is could, states
        assert (decision == "taken_back") is (set(states) <= {"absent", "reverted", "rolled_back"}), states


def test_how_it_is_told() -> None:
    assert standing({"b": "pending", "a": "pending", "c": "confirmed"})["told"] == "confirmed on c, pending on a b"


def test_an_answer_that_is_none() -> None:
    for answer in (None, {"skipped": True, "state": "pending"}, {"unreachable": True}, {"failed": True, "msg": "no"}):
        assert state_of(answer) == "unknown"
    assert state_of({"state": "pending", "failed": False}) == "pending"


def test_the_hosts_of_a_change_are_those_that_have_it_and_those_that_journals_name() -> None:
    answers = {
        "a": {"state": "confirmed", "hosts": ["a", "b"]},
        "b": {"unreachable": True},
        "c": {"state": "absent", "hosts": []},
        "d": {"state": "reverted", "hosts": []},
    }
    assert members(answers) == ["a", "b", "d"]
