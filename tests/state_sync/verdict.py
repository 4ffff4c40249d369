# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says of a cell, from what it reads and measures alone; and whether packets prove it wrong."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import Sharing, race_of
from ansible_collections.netpath.symmetry.tests.state_sync.cells import SURE, Cell

NOT_SHARED, PROTECTS, RACES, UNKNOWN = "not shared", "protects", "races", "unknown"
Facts = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What became of real connections: answered in less than half a second, later, or not at all."""

    fast: int
    stalled: int
    failed: int

    @property
    def slow(self) -> int:
        return self.stalled + self.failed

    @property
    def total(self) -> int:
        return self.fast + self.slow


@dataclasses.dataclass(frozen=True)
class Said:
    """Our verdict: of what is shared, and where it is whether it is in time."""

    verdict: str
    why: str


def say(facts: t.Mapping[str, Facts], flow: Flow) -> Said:
    """What the facts of both members say of a flow whose requests cross fw_a and whose replies cross fw_b."""
    bond = Sharing.read(facts, {}).between("fw_a", "fw_b")
    if bond is None:
        complete = all(one["parts"]["state_sync"]["complete"] for one in facts.values())
        return Said(NOT_SHARED, "no conntrackd") if complete else Said(UNKNOWN, "a member could not be asked")
    if bond.kind in ("apart", "waiting"):
        return Said(NOT_SHARED, bond.why)
    if bond.kind != "shared":
        return Said(UNKNOWN, bond.why)
    left_out = bond.left_out(flow)
    if left_out:
        return Said(NOT_SHARED, left_out)
    race = race_of(flow, facts["fw_a"], facts["fw_b"])
    return Said(race.verdict, race.sentence)


def say_by_the_link(facts: t.Mapping[str, Facts]) -> Said:
    """The control: who trusts a link that is up."""
    links = [link["up"] for one in facts.values() for item in one["state_sync"] for link in item.get("links", ())]
    up = len(links) == len(facts) and all(links)
    return Said(PROTECTS, "the link is up") if up else Said(NOT_SHARED, "no link")


def wrong(cell: Cell, seen: Seen, said: Said) -> str:
    """What is wrong with a verdict; empty where nothing is."""
    if said.verdict == PROTECTS and seen.slow:
        return f"protects, but {seen.slow} of {seen.total} were slow"
    if said.verdict == NOT_SHARED and seen.fast:
        return f"not shared, but {seen.fast} of {seen.total} were fast"
    if said.verdict == UNKNOWN and not (cell.modes and all(mode in said.why for mode in cell.modes)):
        return "unknown, of a pair that could be asked and agrees"
    if said.verdict == RACES and cell.shares and (cell.delay or 0) >= SURE and not seen.slow:
        return f"races, with a delay of {SURE / 1000:g} ms or more: too vague"
    if cell.modes and said.verdict != UNKNOWN:
        return "sure of a pair that does not agree"
    if cell.left_out and cell.leaves_out not in said.why:
        return f"what is left out is not named: {cell.leaves_out}"
    return ""
