# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of random states of a host; make states judges 500. Each promise is also broken on purpose."""

from __future__ import annotations

import re

import pytest

from ansible_collections.netpath.symmetry.tests.remedies import states


def broken(*arguments: str) -> tuple[int, int, str]:
    """How many states broke a promise, how many were changed, and the text."""
    done = states.run(arguments, capture_output=True, text=True)
    told = re.search(r"^states: states=\d+ changed=(\d+) broken=(\d+) ", done.stdout, re.M)
    assert told, done.stdout + done.stderr
    return int(told[2]), int(told[1]), done.stdout


def test_check_mode_tells_what_the_real_run_does_and_the_inverse_leads_back() -> None:
    bad, changed, text = broken("--states", "30", "--seed", "5")
    assert bad == 0 and changed > 10, text


@pytest.mark.parametrize("promise", ["inverse", "prediction"])
def test_a_broken_promise_is_seen(promise: str) -> None:
    bad, _changed, text = broken("--states", "12", "--seed", "5", "--without", promise)
    assert bad > 2, text
