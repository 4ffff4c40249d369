# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is applied as a whole or not at all, also where the host cannot be read afterwards."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import apply
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import Completed
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan

RULE = Rule(family=4, priority=10500, table=10500, protocol=83)
PLAN = Plan("rules", (Change("rule", "add", after=RULE),), "", "planned\n")


class Host:
    """Notes what is run on it; ``stuck`` lets every inverse fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.stuck = False

    def run(self, argv: t.Sequence[str], input: str | None = None, check: bool = True) -> Completed:
        self.ran.append(input or argv[-1])
        return Completed(1, "", "not permitted") if self.stuck and argv[0] == "sh" else Completed(0, "", "")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host without a guard."""
    host = Host()
    monkeypatch.setattr(apply, "pending", lambda: None)
    monkeypatch.setattr(apply.command, "run", host.run)
    return host


def unreadable() -> str:
    raise NetlinkError(16, "no answer")


def test_a_host_that_cannot_be_read_afterwards_is_taken_back(host: Host) -> None:
    with pytest.raises(apply.ApplyError, match="cannot be read after the change: no answer; everything was taken back"):
        apply.carry_out(PLAN, unreadable, apply.Guarding())
    assert "rule add" in host.ran[0] and "rule del" in host.ran[-1]


def test_a_change_that_cannot_be_taken_back_is_not_said_to_be(host: Host) -> None:
    host.stuck = True
    with pytest.raises(apply.ApplyError, match="taking it back failed in part: not permitted"):
        apply.carry_out(PLAN, lambda: "another\n", apply.Guarding())
