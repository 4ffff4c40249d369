# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How VyOS is changed: in the private candidate of a configuration session, committed under ``commit-confirm``.

That is a timer only where it reloads the last revision (``system config-management commit-confirm action reload``); by
itself the device would reboot, and then the change is committed without it. A commit may be made in part. Source: VyOS,
"Command Line Interface" and vyos-1x, ``config_mgmt.py``.
"""

from __future__ import annotations

import re
import shlex
import typing as t
import weakref

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import set_lines, vyos_bgp, vyos_steer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft, Path, written
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    Membership,
    ReversePath,
    WishError,
    Wishes,
)

COMMANDS = "show configuration commands"
MANAGED = f"{COMMANDS} | match 'config-management'"
PENDING = "systemctl is-active commit-confirm.timer"
_RELOADS = re.compile(r"^set system config-management commit-confirm (action )?'?reload'?$", re.M)
_REVISIONS = re.compile(r"^set system config-management commit-revisions '?[1-9]", re.M)
_STRICTER: dict[str, tuple[str, ...]] = {"strict": (), "loose": ("strict",), "off": ("strict", "loose")}


class VyosDraft(Draft):
    """Whatever is made anew is taken back from its top: the device keeps nodes that hold nothing."""

    def _within(self, gone: t.Iterable[Path]) -> t.Iterator[Path]:
        yield from gone


class VyosConfig:
    """The changes of one session."""

    title = "VyOS"
    serves = ("policies", "reverse_path", "bgp", "zones", "multipath")
    instead: t.Mapping[str, str] = {
        "weaken": "VyOS lets packets without a connection pass by itself, unless 'state-policy invalid' drops them"}
    no_timer = ("set 'system config-management commit-confirm action reload' (VyOS 1.5) and commit-revisions, as it "
                "would reboot by itself")

    def __init__(self) -> None:
        self._armed: weakref.WeakSet[Session] = weakref.WeakSet()  # sessions that began to arm the timer

    def running(self, session: Session) -> str:
        text = session.ask(COMMANDS, 120)
        if not re.search(r"^set \S", text, re.M):
            raise DeviceError(f"{session.login.where}: the device shows no configuration: the account may not see it")
        return text

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        draft = VyosDraft(running)
        for check in wishes.reverse_path:
            _check(draft, check, wishes.absent)
        vyos_steer.steer(draft, wishes.policies, wishes.absent)
        for neighbour in wishes.neighbours:
            vyos_bgp.prefer(draft, neighbour, wishes.absent)
        for one in wishes.multipath:
            vyos_bgp.spread(draft, one, wishes.absent)
        for member in wishes.zones:
            _zone(draft, member, wishes.absent)
        return draft.plan()

    def has_timer(self, session: Session) -> bool:
        text = session.ask(MANAGED)
        return bool(_RELOADS.search(text) and _REVISIONS.search(text))

    def why_not_now(self, session: Session) -> str:
        return "another change waits for its confirmation (commit-confirm)" if _waits(session) else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """The timer counts whole minutes, and goes back to the last revision, which must be what runs.

        In its last minute a confirmation ends in an error of the device's own script, which then makes no revision.
        """
        timed = self.has_timer(session)
        session.type("configure")
        if timed and "No changes between" not in session.type("compare 0", 120):
            raise Rejected(f"{session.login.where}: the last revision that the device keeps is not what runs, and its "
                           "timer would go back to that; a commit makes a new one")
        for line in planned.lines:
            session.type(line)
        if timed:
            session.type(f"commit-confirm {max(2, -(-seconds // 60))}", 120)
            self._armed.add(session)
            session.type("y", 180)
        else:
            session.type("commit", 180)
        session.type("exit")

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """Nothing to do: FRRouting follows changed route-maps by itself."""

    def withdraw(self, session: Session) -> str:
        """Revision 0 is what was there before a commit that waits for its confirmation."""
        session.leave_configuration("exit discard")
        if session not in self._armed or not _waits(session):
            return ""
        session.type("configure")
        try:
            session.type("rollback-soft 0", 120)
        except Rejected:  # the lines that undo it are sent then, and stop the timer
            session.type("exit discard")
            return ""
        for line in ("commit", "confirm", "exit"):
            session.type(line, 180)
        return "'rollback-soft 0'"

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        waits = session in self._armed and _waits(session)
        now = set_lines.tree(self.running(session))
        session.type("configure")
        for line in careful(planned, now):
            session.type(line, tolerant=True)
        session.type("commit", 180)
        if waits:
            session.type("confirm")
        session.type("exit")

    def confirm(self, session: Session) -> None:
        if session not in self._armed:
            return
        if not _waits(session):
            raise Rejected(f"{session.login.where}: the timer ran out before the change was confirmed")
        for line in ("configure", "confirm", "exit"):
            session.type(line)
        if _waits(session):
            raise Rejected(f"{session.login.where}: the timer runs on after 'confirm'")

    def save(self, session: Session) -> None:
        for line in ("configure", "save", "exit"):
            session.type(line, 120)


def _waits(session: Session) -> bool:
    """What the device says to everybody who is logged in may stand around the answer."""
    return bool(re.search(r"^active$", session.ask(PENDING), re.M))


def careful(planned: ConfigPlan, now: set_lines.Dict) -> t.Iterator[str]:
    """The inverse; a section in which somebody has set something since loses only what is ours."""
    made = {tuple(shlex.split(line)[1:]) for line in planned.lines if line.startswith("set ")}
    for line in planned.inverse:
        path = tuple(shlex.split(line)[1:])
        below = set_lines.at(now, *path)
        if line.startswith("delete ") and below:
            yield from (f"delete {written(one)}" for one in _ours(path, below, made))
        else:
            yield line


def _ours(path: Path, below: set_lines.Dict, made: set[Path]) -> t.Iterator[Path]:
    """The tops of what holds nothing but what was made."""
    if {(*path, *leaf) for leaf in _leaves(below)} <= made:
        yield path
    else:
        for word, inner in below.items():
            yield from _ours((*path, word), inner, made)


def _leaves(tree: set_lines.Dict) -> list[Path]:
    return [(word, *leaf) for word, below in tree.items() for leaf in _leaves(below)] if tree else [()]


def _check(draft: Draft, check: ReversePath, absent: bool) -> None:
    """A default route always counts. What the firewall checks for all interfaces cannot be weaker on one."""
    place = (*vyos_steer.interface_place(draft, check.interface), "ip", "source-validation")
    everywhere = next(iter(draft.at("firewall", "global-options", "source-validation")), "")
    if not absent and everywhere in _STRICTER[check.mode]:
        raise WishError(f"reverse_path: 'firewall global-options source-validation {everywhere}' checks every "
                        f"interface: take that away by hand first, {check.mode} on {check.interface} would change "
                        "nothing")
    draft.touch(*place)
    for value in [*draft.at(*place)]:
        if absent or value != {"off": "disable"}.get(check.mode, check.mode):
            draft.drop(*place, value, least=len(place) - 1)
    if not absent and check.mode != "off":
        draft.put(*place, check.mode)


def _zone(draft: Draft, wish: Membership, absent: bool) -> None:
    """Releases from 1.5 on write ``member interface``, those before ``interface``: what is there tells which."""
    zones = draft.at("firewall", "zone")
    if wish.zone not in zones:
        raise WishError(f"zones: the device has no zone {wish.zone!r}; it has {', '.join(zones) or 'none'}")
    vyos_steer.interface_place(draft, wish.interface)
    old = any(draft.at("firewall", "zone", name, "interface") for name in zones)
    below = ("interface",) if old else ("member", "interface")
    for name in [*zones]:
        place = ("firewall", "zone", name, *below)
        draft.touch(*place)
        if wish.interface not in draft.at(*place) or (name == wish.zone) != absent:
            continue
        if len(draft.at(*place)) == 1:
            raise WishError(f"zones: {wish.interface} is the only interface of zone {name}, and the device keeps no "
                            "zone without any")
        draft.drop(*place, wish.interface, least=len(place) + 1)
    if not absent:
        draft.put("firewall", "zone", wish.zone, *below, wish.interface)
