# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is promised of the changes of a platform: which lines are sent and in which order, and what a fault leaves."""

from __future__ import annotations

import copy
import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured

Wish = dict[str, t.Any]
PERIOD = 300  # seconds of the timer in every case


@dataclasses.dataclass(frozen=True)
class Case:
    """One platform. ``everything`` asks every kind that is served; ``promised`` is what ``small`` sends, in order."""

    dialect: type[Dialect]
    device: t.Callable[[], Configured]  # a new one, in its first configuration
    everything: Wish
    small: Wish
    promised: tuple[str, ...]
    # Taken away again after everything was set: what leaves exactly the first configuration. One run for each.
    away: tuple[Wish, ...]
    # The line that keeps the change, after which no timer runs any more; empty where the platform has none.
    keeps: str = ""
    never_refused: str = r"end|exit"  # lines that no device of the platform refuses
    # (wish, words): what is in the way on the device, with the error that names it
    in_the_way: tuple[tuple[Wish, str], ...] = ()

    @property
    def timer(self) -> bool:
        return bool(self.keeps)

    @property
    def platform(self) -> str:
        return self.dialect.platform

    def changing(self) -> t.Any:
        return changing(self.dialect(), self.device())

    def run(self, one: Changing, **more: t.Any) -> t.Any:
        return one.run(without_timer=not self.timer, seconds=PERIOD, **more)

    def faults(self) -> list[Fault]:
        """A fault at each step from the first line that changes something on.

        A line that is refused, a session that is lost before and after it; with a timer also a device that is gone.
        """
        found: list[Fault] = []
        seen, begun, kept = dict.fromkeys(self.promised, 0), False, False
        for line in self.promised:
            passes, seen[line] = seen[line], seen[line] + 1
            begun = begun or self.changes(line)
            if not begun:
                continue
            if not re.fullmatch(self.never_refused, line):
                found.append(Fault("refuses", line, passes, once=True))
            found += [Fault(kind, line, passes, once=True) for kind in ("loses", "loses_after")]
            if self.timer and not kept:
                found.append(Fault("loses", line, passes, gone=True))
            kept = kept or line == self.keeps
        return found

    def changes(self, line: str) -> bool:
        """Whether the line is none of the questions."""
        return not self.dialect.reading.fullmatch(line)


@dataclasses.dataclass(frozen=True)
class Left:
    """What a fault has left. ``wrong`` is empty where the device has its old configuration and was not in doubt."""

    fault: str
    said: str
    wrong: str


def strike(case: Case, fault: Fault) -> Left:
    """Run the small change into a fault, let the timer run out, and look."""
    kept, said = copy.copy(fault), ""
    name = f"{kept.kind}{' for good' if kept.gone else ''} at {kept.command!r}"
    name += f" the {kept.passes + 1}. time" if kept.passes else ""
    with case.changing() as one:
        try:
            case.run(one, fault=fault, **case.small)
        except DeviceError as error:
            said = str(error)
        one.device.advance(PERIOD)
        return Left(name, said, _wrong(case, one.device, kept, said))


def fail_the_proof(case: Case) -> list[Left]:
    """The change is made, and what should prove it fails; or the session is gone afterwards, which nobody noticed."""
    return [_prove(case, name, hangs_up, answer) for name, hangs_up, answer in (
        ("a proof that fails", False, "no answer"), ("the session lost in a proof that fails", True, "no answer"),
        ("the session lost in a proof", True, ""))]


def _prove(case: Case, name: str, hangs_up: bool, answer: str) -> Left:
    said = ""
    with case.changing() as one:
        def prove(_left: float) -> str:
            if hangs_up:
                one.device.hang_up()
            return answer

        try:
            case.run(one, prove=prove, **case.small)
        except DeviceError as error:
            said = str(error)
        return Left(name, said, _wrong(case, one.device, Fault("proof"), said))


def _wrong(case: Case, device: Configured, fault: Fault, said: str) -> str:
    if not said:
        return "nobody was told"
    old = case.device()
    if (device.running, device.startup) != (old.running, old.startup):
        return f"it is not as it was: {said}"
    if fault.gone:
        return ""  # what is open there is in nobody's reach
    if device.pending is not None or device.left_behind():
        return f"something is left behind: {device.left_behind() or 'a timer'}"
    if "The device is as it was" not in said:
        return f"it is as it was, and nobody was told so: {said}"
    return ""
