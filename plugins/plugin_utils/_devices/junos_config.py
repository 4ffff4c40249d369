# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Juniper Junos is changed: in an exclusive candidate, checked, and committed under the device's own timer.

A commit is made as a whole or not at all; the device takes it back unless another commit confirms it. Policies are
filter-based forwarding (junos_steer.py). Source: Juniper, "Commit the Configuration".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import junos_bgp, junos_security
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_steer import inet, steer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import ReversePath, Wishes

_ALL = "show configuration | display inheritance no-comments | display set"
_PLAIN = "show configuration | display set"
_WAITS = re.compile(r"commit confirmed, rollback in [^\n]*")
_EXIT = "exit configuration-mode"


class JunosConfig:
    """The changes of one session."""

    title = "Juniper Junos"
    serves = ("policies", "reverse_path", "bgp", "zones", "multipath", "weaken")
    instead: t.Mapping[str, str] = {}
    no_timer = ""

    def running(self, session: Session) -> str:
        """With what groups give, so that somebody else's is seen wherever it comes from."""
        try:
            text = session.ask(_ALL, 120)
        except Rejected:
            text = session.ask(_PLAIN, 120)
            if "apply-groups" in text:
                raise DeviceError(f"{session.login.where}: the configuration uses groups that the device does not "
                                  "expand") from None
        if not re.search(r"^set \S", text, re.M):
            raise DeviceError(f"{session.login.where}: the device shows no configuration: the account may not see it")
        return text

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        draft = Draft(running)
        for check in wishes.reverse_path:
            _check(draft, check, wishes.absent)
        steer(draft, wishes.policies, wishes.absent)
        for neighbour in wishes.neighbours:
            junos_bgp.prefer(draft, neighbour, wishes.absent)
        for one in wishes.multipath:
            junos_bgp.spread(draft, one, wishes.absent)
        for member in wishes.zones:
            junos_security.move(draft, member, wishes.absent)
        for weakening in wishes.weaken:
            junos_security.weaken(draft, weakening, wishes.absent)
        return draft.plan()

    def has_timer(self, session: Session) -> bool:
        return True

    def why_not_now(self, session: Session) -> str:
        match = _WAITS.search(session.ask("show system commit"))
        return f"another change waits for its confirmation ({match[0].strip()})" if match else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """The timer counts whole minutes. Somebody else's uncommitted changes are refused by the device, or seen."""
        session.type("configure exclusive")
        there = [line for line in session.type("show | compare | no-more").splitlines()
                 if line.strip() and not re.match(r"\[edit\]|\{\w", line)]
        if there:
            raise Rejected(f"{session.login.where}: somebody has uncommitted changes ({there[0].strip()} ...)")
        for line in planned.lines:
            session.type(line)
        session.type("commit check", 180)
        session.type(f"commit confirmed {max(1, -(-seconds // 60))}", 180)
        session.type(_EXIT)

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """Nothing to do: policies take effect by themselves."""

    def withdraw(self, session: Session) -> str:
        session.leave_configuration("rollback 0", _EXIT)
        if not self.why_not_now(session):
            return ""
        for line in ("configure exclusive", "rollback 1", "commit", _EXIT):
            session.type(line, 180)
        return "'rollback 1'"

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type("configure exclusive")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        session.type("commit", 180)
        session.type(_EXIT)

    def confirm(self, session: Session) -> None:
        if not self.why_not_now(session):
            raise Rejected(f"{session.login.where}: the timer ran out before the change was confirmed")
        for line in ("configure exclusive", "commit", _EXIT):
            session.type(line, 180)

    def save(self, session: Session) -> None:
        """A commit survives a reload by itself."""


def _check(draft: Draft, check: ReversePath, absent: bool) -> None:
    """What fails the check and is let through all the same (fail-filter) stays. A default route always counts."""
    place = (*inet(draft, check.interface), "rpf-check")
    draft.touch(*place)
    if absent or check.mode == "off":
        draft.drop(*place, least=len(place))
        return
    draft.state(*place)
    if check.mode == "loose":
        draft.put(*place, "mode", "loose")
    else:
        draft.drop(*place, "mode", least=len(place) + 1)
