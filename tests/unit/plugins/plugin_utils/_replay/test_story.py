# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The story: a step holds only when it checked something and all of it holds; the summary needs every planned step."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay import evidence
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Story


def test_a_step_without_a_check_does_not_hold() -> None:
    story = Story(lambda line: None)
    with story.step("idle", "Nothing is checked"):
        pass
    assert not story.steps[0].ok


def test_one_check_that_fails_fails_the_step_and_the_summary() -> None:
    story = Story(lambda line: None)
    with story.step("one", "One") as step:
        story.check(step, "holds", True)
    assert evidence.summary(story.steps, {}, 1, 1.0)["ok"]
    with story.step("two", "Two") as step:
        story.check(step, "holds", True)
        story.check(step, "does not", False, "seen: 0")
    data = evidence.summary(story.steps, {}, 2, 1.0)
    assert not data["ok"]
    assert [step["ok"] for step in data["steps"]] == [True, False]


def test_a_step_that_never_ran_fails_the_summary() -> None:
    story = Story(lambda line: None)
    with story.step("one", "One") as step:
        story.check(step, "holds", True)
    assert not evidence.summary(story.steps, {}, 2, 1.0)["ok"]


def test_an_exception_is_told_and_ends_the_step() -> None:
    lines: list[str] = []
    story = Story(lines.append)
    with pytest.raises(OSError, match="gone"), story.step("one", "One") as step:
        story.check(step, "holds", True)
        raise OSError("gone")
    assert not story.steps[0].ok
    assert "gone" in story.steps[0].error
    assert any(line.strip().startswith("✘ One") for line in lines)
