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

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import neighbour_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    ConfigPlan,
    Line,
    Tree,
    parse,
    plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Policy,
    ReversePath,
    WishError,
    Wishes,
)

_BGP_FAMILIES = ("?", "address-family ipv4", "address-family ipv4 unicast")
_NUMBERED = re.compile(r"^(\s+)\d+ (permit|deny) ", re.M)  # entries of access lists, as newer images show them


class CiscoIosConfig:
    """The changes of one session."""

    title = "Cisco IOS and IOS-XE"

    def running(self, session: Session) -> str:
        return _NUMBERED.sub(r"\1\2 ", session.ask("show running-config", 120))

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        tree = parse(running)
        found: list[Line] = []
        for check in wishes.reverse_path:
            found += _check_lines(tree, check, wishes.absent)
        for policy in wishes.policies:
            found += _policy_lines(tree, policy, wishes.absent)
        for neighbour in wishes.neighbours:
            found += neighbour_lines(tree, neighbour, _BGP_FAMILIES, wishes.absent)
        return plan(running, found)

    def has_timer(self, session: Session) -> bool:
        try:
            return "not enabled" not in session.ask("show archive")
        except Rejected:
            return False

    def why_not_now(self, session: Session) -> str:
        try:
            answer = session.ask("show archive config rollback timer")
        except Rejected:
            return ""
        waits = answer.strip() and "No Rollback Confirmed Change pending" not in answer
        return f"another change waits for its confirmation ({' '.join(answer.split())[:120]})" if waits else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """The timer counts whole minutes, from 1 to 120."""
        timer = f" revert timer {min(120, max(1, -(-seconds // 60)))}" if self.has_timer(session) else ""
        session.type(f"configure terminal{timer}")
        for line in planned.lines:
            session.type(line)
        session.type("end")

    def refresh(self, session: Session, wishes: Wishes) -> None:
        for one in wishes.neighbours:
            for direction in (["in"] if one.local_preference is not None else []) + (
                    ["out"] if one.prepend or one.med is not None else []):
                session.type(f"clear ip bgp {one.address} soft {direction}")

    def revert(self, session: Session, planned: ConfigPlan) -> None:
        session.leave_configuration("end")
        if self.has_timer(session) and self.why_not_now(session):
            session.type("configure revert now")
            return
        session.type("configure terminal")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        session.type("end")

    def confirm(self, session: Session, save: bool) -> None:
        if self.has_timer(session) and self.why_not_now(session):
            session.type("configure confirm")
        if save:
            session.type("write memory", patience=120)


def interface_section(tree: Tree, name: str) -> str:
    """The section of an interface; raises WishError with those that there are."""
    section = f"interface {name}"
    if section not in tree:
        there = [text.split(" ", 1)[1] for text in tree if text.startswith("interface ")]
        raise WishError(f"the device has no interface {name!r}; it has {', '.join(there) or 'none'}")
    return section


def _check_lines(tree: Tree, check: ReversePath, absent: bool) -> list[Line]:
    section = interface_section(tree, check.interface)
    if absent or check.mode == "off":
        return [Line((section,), text, absent=True) for text in tree[section] if text.startswith("ip verify unicast ")]
    via = "rx" if check.mode == "strict" else "any"
    allow = " allow-default" if check.allow_default else ""
    return [Line((section,), f"ip verify unicast source reachable-via {via}{allow}", "ip verify unicast ")]


def _policy_lines(tree: Tree, policy: Policy, absent: bool) -> list[Line]:
    section = interface_section(tree, policy.interface)
    name = f"{PREFIX}{policy.interface.replace('/', '_')}"
    on_interface = f"ip policy route-map {name}"
    foreign = next((text for text in tree[section] if text.startswith("ip policy route-map ") and text != on_interface),
                   "")
    if foreign and not absent:
        raise WishError(f"interface {policy.interface} has '{foreign}' already, which is not ours: put the policy into "
                        "that route-map by hand, or take it off the interface")
    sequence = _sequence(tree, name, policy.label)
    entry = f"route-map {name} permit {sequence}"
    if absent:
        others = [text for text in tree if text.startswith(f"route-map {name} ") and text != entry]
        off = [] if others else [Line((section,), on_interface, absent=True)]
        return [*off, Line((), entry, absent=True), Line((), f"ip access-list extended {policy.label}", absent=True)]
    matched = (f"ip access-list extended {policy.label}",)
    return [
        *(Line(matched, text) for text in _entries(policy)),
        Line((entry,), f"match ip address {policy.label}"),
        Line((entry,), f"set ip next-hop {policy.next_hop}", "set ip next-hop ", removes=True),
        Line((section,), on_interface),
    ]


def _sequence(tree: Tree, name: str, label: str) -> int:
    """The number of the entry that matches the label; else the next one."""
    taken = []
    for text, section in tree.items():
        match = re.match(rf"route-map {re.escape(name)} permit (\d+)$", text)
        if match:
            if f"match ip address {label}" in section:
                return int(match[1])
            taken.append(int(match[1]))
    return max(taken, default=0) + 10


def _entries(policy: Policy) -> list[str]:
    """Entries of an access list, with wildcard masks."""
    found = []
    for source in policy.sources or ("any",):
        for destination in policy.destinations or ("any",):
            base = f"permit {policy.protocol or 'ip'} {_endpoint(source)} {_endpoint(destination)}"
            found += [f"{base} eq {port}" for port in policy.dports] or [base]
    return found


def _endpoint(prefix: str) -> str:
    if prefix == "any":
        return "any"
    address, _slash, length = prefix.partition("/")
    return f"host {address}" if length == "32" else f"{address} {words.wildcard(int(length))}"
