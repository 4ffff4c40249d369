# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Palo Alto PAN-OS is changed: in the candidate that all administrators share, committed as our part of it.

A commit is made as a whole or not at all, and nothing takes it back by itself. Where somebody has uncommitted changes
or a lock nothing is sent. Source: Palo Alto Networks, PAN-OS CLI Quick Start, "Commit Configuration Changes".
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, NoAnswer, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_bgp import prefer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_steer import steer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_tree import PanosDraft, read_tree
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import written
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    Membership,
    Weakening,
    WishError,
    Wishes,
)

_RUNNING, _CHANGES, _DIFF = "show config running", "show config list changes", "show config diff"
_LOCKS = ("show config-locks", "show commit-locks")
_CHANGED = re.compile(r"/config/|\bowner\b|^\s*[+-](?![+-])\s*\S", re.M)
_LOCKED = re.compile(r"^.*\d\d:\d\d(?::\d\d)?.*$", re.M)  # a lock is told with its time
_JOB = re.compile(r"^\d.*?\s(?P<id>\d+)\s+(?:\S+\s+)*?\w*Com(?:mit)?\w*\s+(?:ACT|PEND)\b", re.M)  # one at work
_COMMIT = 600.0  # seconds that a commit may take
_LONGEST = 27  # letters of a weakening's name: profiles of zones have 31, with ours before it
_MANAGED = (("deviceconfig", "system", "panorama-server"), ("deviceconfig", "system", "panorama"))


class PanosConfig:
    """The changes of one session."""

    title = "Palo Alto PAN-OS"
    serves = ("policies", "bgp", "zones", "weaken")
    instead: t.Mapping[str, str] = {
        "reverse_path": "PAN-OS checks sources by zone, not by interface (discard-ip-spoof of a zone-protection "
                        "profile): set it there by hand",
        "multipath": "equal ways are ECMP of a virtual router, and to change that restarts it: set it by hand (ecmp "
                     "max-path), when sessions may drop",
    }
    no_timer = ""
    pause: t.ClassVar[float] = 5.0  # seconds between two looks at a commit that is at work

    def running(self, session: Session) -> str:
        text = session.ask(_RUNNING, 120)
        try:
            read_tree(text)
        except WishError:
            raise
        except DeviceError as error:
            raise DeviceError(f"{session.login.where}: {error}") from None
        return text

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        draft = PanosDraft(running)
        if any(draft.at(*place) for place in _MANAGED):
            raise WishError("the firewall is managed by Panorama, and what that pushes does not stand in its running "
                            "configuration: make the change there")
        for one in wishes.zones:
            _zone(draft, one, wishes.absent)
        steer(draft, wishes.policies, wishes.absent)
        for neighbour in wishes.neighbours:
            prefer(draft, neighbour, wishes.absent)
        for weakening in wishes.weaken:
            _weaken(draft, weakening, wishes.absent)
        return draft.plan()

    def has_timer(self, session: Session) -> bool:
        return False

    def why_not_now(self, session: Session) -> str:
        if _JOB.search(session.ask("show jobs all")):
            return "a commit is at work"
        changed = _uncommitted(session)
        if changed:
            return f"somebody has uncommitted changes ({changed}): commit or revert them first"
        for command in _LOCKS:
            match = _LOCKED.search(session.ask(command))
            if match:
                return f"somebody holds a lock ({command}: {' '.join(match[0].split())[:100]})"
        return ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """Nothing is in force before the commit."""
        session.type("configure")
        for line in planned.lines:
            session.type(line)
        _commit(session)
        session.type("exit")

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """Nothing to do: a commit brings rules into force."""

    def withdraw(self, session: Session) -> str:
        """Of a session that is lost the lines stay in the candidate, and its commit may still be at work."""
        session.leave_configuration("exit")
        self._settle(session)
        if not _uncommitted(session):
            return ""
        revert = f"revert config partial admin {written((session.login.user,))}"
        for line in ("configure", revert, "exit"):
            session.type(line, 120)
        return f"'{revert}'"

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type("configure")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        _commit(session)
        session.type("exit")

    def confirm(self, session: Session) -> None:
        """Nothing waits."""

    def save(self, session: Session) -> None:
        """A commit survives a restart by itself."""

    def _settle(self, session: Session) -> None:
        """Wait until no commit is at work."""
        until = time.monotonic() + _COMMIT
        while _JOB.search(session.ask("show jobs all")):
            if time.monotonic() > until:
                raise NoAnswer(f"{session.login.where}: a commit is still at work after {_COMMIT:.0f} s")
            time.sleep(self.pause)


def _commit(session: Session) -> None:
    """Of this account's changes alone. Warnings are no error; only the word that it is done counts."""
    line = f"commit partial admin {written((session.login.user,))}"
    answer = session.type(line, _COMMIT, tolerant=True)
    if "committed successfully" not in answer.lower():
        said = session.clean(" ".join(answer.split()))[-200:]
        raise Rejected(f"{session.login.where}: {line!r} failed: {said}", answer)


def _uncommitted(session: Session) -> str:
    """The first word of what is in the candidate and not in force; empty where that is nothing."""
    for command in (_CHANGES, _DIFF):
        match = _CHANGED.search(answer := session.ask(command, 120))
        if match:
            line = answer[: match.end()].count("\n")
            return session.clean(answer.splitlines()[line].strip())[:80]
    return ""


def _zone(draft: PanosDraft, wish: Membership, absent: bool) -> None:
    zones = draft.at("zone")
    draft.interface(wish.interface)
    if wish.zone not in zones:
        raise WishError(f"there is no zone {wish.zone!r}; there are {', '.join(zones) or 'none'}")
    if "layer3" not in draft.at("zone", wish.zone, "network"):
        raise WishError(f"zone {wish.zone} is none of routing interfaces (layer3)")
    for zone in zones:
        place = ("zone", zone, "network", "layer3", wish.interface)
        draft.touch(*place)
        if (zone == wish.zone) == absent:
            draft.drop(*place, least=len(place))
    if not absent:
        draft.put("zone", wish.zone, "network", "layer3", wish.interface)


def _weaken(draft: PanosDraft, wish: Weakening, absent: bool) -> None:
    """A zone-protection profile of ours, where the zone has none."""
    where = f"weaken {wish.name}"
    if wish.setting != "asymmetric_path":
        raise WishError(f"{where}: PAN-OS has asymmetric_path, not {wish.setting}")
    profile = ("network", "profiles", "zone-protection-profile", wish.label)
    draft.touch(*profile)
    for zone in draft.at("zone"):
        place = ("zone", zone, "network", "zone-protection-profile")
        draft.touch(*place, wish.label)
        if wish.label in draft.at(*place) and (absent or zone != wish.zone):
            draft.drop(*place, least=len(place))
    if absent:
        draft.drop(*profile, least=len(profile))
        return
    others = [name for name in wish.scope if name != "zone"]
    if not wish.zone or others:
        raise WishError(f"{where}: PAN-OS gives this up for a zone: give zone, and leave "
                        f"{', '.join(others) or 'all else'} out")
    if len(wish.name) > _LONGEST:
        raise WishError(f"{where}: the name has more than {_LONGEST} letters, which PAN-OS does not take for a profile")
    if wish.zone not in draft.at("zone"):
        raise WishError(f"{where}: there is no zone {wish.zone!r}; there are {', '.join(draft.at('zone')) or 'none'}")
    place = ("zone", wish.zone, "network", "zone-protection-profile")
    there = next(iter(draft.at(*place)), wish.label)
    if there != wish.label:
        raise WishError(f"{where}: zone {wish.zone} has the zone-protection profile {there} already, which is not this "
                        "one's: put 'asymmetric-path bypass' and 'tcp-reject-non-syn no' into it by hand, or take it "
                        "off")
    draft.swap(profile, [("asymmetric-path", "bypass"), ("tcp-reject-non-syn", "no")])
    draft.put(*place, wish.label)
