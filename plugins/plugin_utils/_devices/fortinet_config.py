# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Fortinet FortiGate is changed: what is typed is in force with the ``next`` or ``end`` of its section.

There is no candidate, and no timer that does not restart the unit: the inverse that is held here is the way back. A
login above the virtual domains changes the one that is read. Source: Fortinet, FortiOS Administration Guide, "CLI
basics".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_bgp import prefer, spread
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_steer import (
    INTERFACES,
    MONITORS,
    interface,
    steer,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_tree import (
    DOMAIN,
    GLOBAL,
    FortiDraft,
    quoted,
    words,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    Membership,
    ReversePath,
    Weakening,
    WishError,
    Wishes,
)

_ZONES, _SETTINGS = "config system zone", "config system settings"
_SECTIONS = (INTERFACES, _ZONES, _SETTINGS, MONITORS, "config router policy", "config router route-map",
             "config router bgp")
_STATUS, _SAVING = "get system status", "get system global | grep cfg-save"
_SEVERAL = re.compile(r"^Virtual domain configuration: *(multiple|enable|split-task|split-vdom)", re.M)
_DOMAIN = re.compile(r"^Current virtual domain: *(?P<name>[\w.-]+)", re.M)
_SECOND = re.compile(r"^Current HA mode: *\S+ *(?P<role>secondary|slave|backup|standby)", re.M | re.I)


class FortiConfig:
    """The changes of one session."""

    title = "Fortinet FortiGate"
    serves = ("policies", "reverse_path", "bgp", "zones", "multipath", "weaken")
    instead: t.Mapping[str, str] = {}
    no_timer = ""

    def running(self, session: Session) -> str:
        """Of the whole configuration those sections that changes concern."""
        domain = _above(session)
        found = [f"{DOMAIN}{domain}\n"] if domain else []
        for section in _SECTIONS:
            show = f"show {section[7:]}"
            if domain:
                show = f"sudo {'global' if section in GLOBAL else domain} {show}"
            text = session.ask(show, 120)
            if not re.search(rf"^{section}\s*$", text, re.M) or not re.search(r"^end\s*\Z", text, re.M):
                raise DeviceError(f"{session.login.where}: the answer to {show!r} is not whole, or not understood")
            found.append(f"{text.strip()}\n")
        return "".join(found)

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        draft = FortiDraft(running)
        for check in wishes.reverse_path:
            _check(draft, check, wishes.absent)
        for one in wishes.zones:
            _zone(draft, one, wishes.absent)
        steer(draft, wishes.policies, wishes.absent)
        for neighbour in wishes.neighbours:
            prefer(draft, neighbour, wishes.absent)
        for multipath in wishes.multipath:
            spread(draft, multipath, wishes.absent)
        for weakening in wishes.weaken:
            _weaken(draft, weakening, wishes.absent)
        return draft.plan()

    def has_timer(self, session: Session) -> bool:
        return False

    def why_not_now(self, session: Session) -> str:
        match = _SECOND.search(session.ask(_STATUS))
        if match:
            return (f"it is the {match['role']} unit of its cluster, whose configuration comes from the other: change "
                    "that")
        if _saving(session) == "revert":
            return ("what is not saved in time is taken back by a restart there (cfg-save revert): set cfg-save to "
                    "automatic or manual")
        return ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        for line in planned.lines:
            session.type(line)

    def refresh(self, session: Session, wishes: Wishes) -> None:
        domain = _above(session) if wishes.neighbours else ""
        for one in wishes.neighbours:
            for direction in (["in"] if one.local_preference is not None else []) + (
                    ["out"] if one.prepend or one.med is not None else []):
                clear = f"execute router clear bgp ip {one.address} soft {direction}"
                session.type(f"sudo {domain} {clear}" if domain else clear)

    def withdraw(self, session: Session) -> str:
        """Leave the section; what was typed in an entry that was not ended is gone with that."""
        session.leave_configuration("abort", "abort", "abort", "end")
        return ""

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        for line in planned.inverse:
            session.type(line, tolerant=True)

    def confirm(self, session: Session) -> None:
        """Nothing waits."""

    def save(self, session: Session) -> None:
        """The device saves by itself, unless it was told not to."""
        if _saving(session) == "manual":
            session.type("execute cfg save", 120)


def _above(session: Session) -> str:
    """The virtual domain that has to be named, since the login is above it; empty where it has not."""
    status = session.ask(_STATUS)
    if not _SEVERAL.search(status):
        return ""
    current = _DOMAIN.search(status)
    if current is None:
        raise DeviceError(f"{session.login.where}: {_STATUS!r} does not name the current virtual domain")
    try:
        session.ask(f"show {_SETTINGS[7:]}")
    except Rejected:
        return current["name"]
    return ""


def _saving(session: Session) -> str:
    """automatic, manual or revert."""
    try:
        answer = session.ask(_SAVING)
    except Rejected:
        answer = session.ask(f"sudo global {_SAVING}")
    match = re.search(r"^cfg-save *: *(\w+)", answer, re.M)
    return match[1] if match else "automatic"


def _check(draft: FortiDraft, check: ReversePath, absent: bool) -> None:
    """An interface has a check or none; how strict it is stands for the whole domain. A default route counts."""
    interface(draft, check.interface)
    place = (INTERFACES, f"edit {check.interface}")
    strict = draft.value(_SETTINGS, "strict-src-check") == "enable"
    if check.mode == "loose" and not absent:
        raise WishError(f"reverse_path {check.interface}: FortiGate has no loose check of one interface: give off, or "
                        "strict where the virtual domain checks strictly (strict-src-check)")
    if check.mode == "strict" and not absent and not strict:
        raise WishError(f"reverse_path {check.interface}: the virtual domain takes every source that any route by the "
                        "interface leads to (strict-src-check disable), and that is set for all interfaces at once: "
                        "set it by hand; state absent gives this one its check back")
    draft.touch(*place)
    draft.put(place, "src-check", "disable" if check.mode == "off" and not absent else "")


def _zone(draft: FortiDraft, wish: Membership, absent: bool) -> None:
    interface(draft, wish.interface)
    zones = {key[5:]: words(draft.value(_ZONES, key, "interface")) for key in draft.at(_ZONES)}
    if wish.zone not in zones:
        raise WishError(f"there is no zone {wish.zone!r}; there are {', '.join(zones) or 'none'}")
    for zone, members in zones.items():
        draft.touch(_ZONES, f"edit {zone}", "set interface")
        if wish.interface in members and (zone == wish.zone) == absent:
            draft.put((_ZONES, f"edit {zone}"), "interface", quoted(one for one in members if one != wish.interface))
            draft.stage()
    members = zones[wish.zone]
    if not absent and wish.interface not in members:
        draft.put((_ZONES, f"edit {wish.zone}"), "interface", quoted([*members, wish.interface]))


def _weaken(draft: FortiDraft, wish: Weakening, absent: bool) -> None:
    if wish.setting != "asymroute":
        raise WishError(f"weaken {wish.name}: FortiGate has asymroute, not {wish.setting}")
    if not absent and wish.scope:
        raise WishError(f"weaken {wish.name}: FortiGate gives this up for the whole virtual domain: leave "
                        f"{', '.join(wish.scope)} out")
    draft.touch(_SETTINGS, "set asymroute")
    draft.put((_SETTINGS,), "asymroute", "" if absent else "enable")
