# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Cisco IOS and IOS-XE are changed: under the timer of ``configure terminal revert timer``.

The timer needs the archive (``archive`` with a ``path``); where that is not set up the change is made only if it is
asked for by name, and the inverse that is held here is the way back. Source: Cisco, "Configuration Replace and
Configuration Rollback".
"""

from __future__ import annotations

import re
import typing as t
import weakref

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import (
    directions,
    multipath_lines,
    neighbour_lines,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_pbr import numbered, policy_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    ConfigPlan,
    Line,
    Tree,
    interface_section,
    parse,
    plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    Membership,
    Neighbour,
    ReversePath,
    WishError,
    Wishes,
)

_NUMBERED = re.compile(r"^(\s+)\d+ (permit|deny) ", re.M)  # entries of access lists, as newer images show them
BANNER = re.compile(r"^banner \S+ (\^C|\S).*?\1$", re.M | re.S)  # what anybody may have written
_PROBE = re.compile(r"^ {2,}(frequency|timeout|threshold) ", re.M)  # some images show them below the probe's kind
_PORT = re.compile(r"permit (tcp|udp) .* eq \S+$", re.M)
_IPV4 = ("?", "address-family ipv4", "address-family ipv4 unicast")
_PENDING = "show archive config rollback timer"


class CiscoIosConfig:
    """The changes of one session."""

    title = "Cisco IOS and IOS-XE"
    serves = ("policies", "reverse_path", "bgp", "zones", "multipath")
    instead: t.Mapping[str, str] = {"weaken": "a router keeps no state of connections"}
    no_timer = "set its archive up (archive, path)"

    def __init__(self) -> None:
        self._armed: weakref.WeakSet[Session] = weakref.WeakSet()  # sessions that began to arm the timer

    def running(self, session: Session) -> str:
        text = session.ask("show running-config", 120)
        if not text.rstrip().endswith("\nend"):
            raise DeviceError(f"{session.login.where}: the running configuration has no 'end': it was cut off")
        text = _PROBE.sub(r" \1 ", _NUMBERED.sub(r"\1\2 ", BANNER.sub("", text)))
        return _PORT.sub(lambda match: numbered(match[0]), text)

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        tree = parse(running)
        found: list[Line] = []
        for check in wishes.reverse_path:
            found += check_lines(tree, check, wishes.absent)
        found += policy_lines(tree, wishes.policies, wishes.absent)
        for neighbour in wishes.neighbours:
            found += neighbour_lines(tree, neighbour, families(tree, neighbour), wishes.absent)
        for one in wishes.multipath:
            found += multipath_lines(tree, one, _IPV4, wishes.absent, hidden=1)
        for member in wishes.zones:
            found += _zone_lines(tree, member, wishes.absent)
        return plan(running, found)

    def has_timer(self, session: Session) -> bool:
        try:
            return "not enabled" not in session.ask("show archive")
        except Rejected:
            return False

    def why_not_now(self, session: Session) -> str:
        try:
            answer = session.ask(_PENDING)
        except Rejected:
            return ""
        return f"another change waits for its confirmation ({' '.join(answer.split())[:120]})" if _waits(answer) else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """The timer counts whole minutes, from 1 to 120. It is seen to run before the first line is sent."""
        if self.has_timer(session):
            self._armed.add(session)
            session.type(f"configure terminal revert timer {min(120, max(1, -(-seconds // 60)))}")
            answer = session.type(f"do {_PENDING}")
            if not _waits(answer):
                said = " ".join(answer.split())[:120]
                raise Rejected(f"{session.login.where}: the timer does not run ({said})", answer)
        else:
            session.type("configure terminal")
        for line in planned.lines:
            session.type(line)
        session.type("end")

    def refresh(self, session: Session, wishes: Wishes) -> None:
        for one in wishes.neighbours:
            family = "bgp ipv6 unicast" if ":" in one.address else "ip bgp"
            for direction in directions(one):
                session.type(f"clear {family} {one.address} soft {direction}")

    def withdraw(self, session: Session) -> str:
        session.leave_configuration("end")
        if session not in self._armed or not _waits(session.ask(_PENDING)):
            return ""
        session.type("configure revert now", 120)
        return "'configure revert now'"

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type("configure terminal")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        session.type("end")

    def confirm(self, session: Session) -> None:
        if session not in self._armed:
            return
        if not _waits(session.ask(_PENDING)):
            raise Rejected(f"{session.login.where}: the timer ran out before the change was confirmed")
        session.type("configure confirm")

    def save(self, session: Session) -> None:
        session.type("write memory", 120)


def _waits(answer: str) -> bool:
    return bool(answer.strip()) and "no rollback confirmed change pending" not in answer.lower()


def families(tree: Tree, wish: Neighbour) -> tuple[str, ...]:
    """The sections in which the neighbour may be; "?" stands for the router's own. Raises WishError."""
    if ":" not in wish.address:
        return _IPV4
    router = tree.get(f"router bgp {wish.asn}", {})
    there = tuple(text for text in router if re.match(r"address-family ipv6( unicast)?$", text))
    if not there:
        raise WishError(f"'router bgp {wish.asn}' has no address-family ipv6, in which {wish.address} would be")
    return there


def check_lines(tree: Tree, check: ReversePath, absent: bool, family: str = "ip") -> list[Line]:
    """What an interface exempts by a list, and whether it hears itself, stays as it is."""
    section = interface_section(tree, check.interface)
    begin = f"{family} verify unicast "
    there = [text for text in tree[section] if text.startswith(begin)]
    if absent or check.mode == "off":
        return [Line((section,), text, absent=True) for text in there]
    via = "rx" if check.mode == "strict" else "any"
    allow = " allow-default" if check.allow_default else ""
    match = re.match(rf"{begin}source reachable-via (?:rx|any)(?: allow-default)?(.*)", " ".join(there))
    kept = match[1] if match else ""
    return [Line((section,), f"{begin}source reachable-via {via}{allow}{kept}", begin)]


def _zone_lines(tree: Tree, wish: Membership, absent: bool) -> list[Line]:
    """An interface leaves its zone before it joins another: the platform takes it into one only."""
    zones = [text.split()[2] for text in tree if re.match(r"zone security \S+$", text)]
    if wish.zone not in zones:
        raise WishError(f"zones: the device has no zone {wish.zone!r}; it has {', '.join(zones) or 'none'}")
    section = interface_section(tree, wish.interface)
    return [Line((section,), f"zone-member security {wish.zone}", "zone-member security ", removes=True, absent=absent)]
