# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Arista EOS is changed: in a configuration session, committed under its own timer.

A commit is made as a whole or not at all, and is taken back by the switch unless it is confirmed in time. Route-maps
take effect on their neighbors by themselves. Source: Arista, User Manual, "Configure Session".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import (
    multipath_lines,
    neighbour_lines,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_config import check_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_pbr import numbered
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
    PREFIX,
    Multipath,
    Policy,
    WishError,
    Wishes,
)

OURS = f"{PREFIX}change"  # the configuration session
_SESSIONS = "show configuration sessions detail"
_OPEN = re.compile(r"^[ *]*(?P<name>\S+) +(?P<state>pending\w*|committing)\b", re.M | re.I)
_NUMBERED = re.compile(r"^(\s+)\d+ (permit|deny|match|class) ", re.M)
_PORT = re.compile(r"permit (tcp|udp) .* eq \S+$", re.M)
_BANNER = re.compile(r"^banner \S+\n.*?^EOF$", re.M | re.S)  # what anybody may have written


class AristaConfig:
    """The changes of one session."""

    title = "Arista EOS"
    serves = ("policies", "reverse_path", "bgp", "multipath")
    instead: t.Mapping[str, str] = {
        "zones": "Arista EOS has no zones", "weaken": "Arista EOS keeps no state of connections"}
    no_timer = ""

    def running(self, session: Session) -> str:
        text = session.ask("show running-config", 120)
        if not text.rstrip().endswith("\nend"):
            raise DeviceError(f"{session.login.where}: the running configuration has no 'end': it was cut off")
        return _PORT.sub(lambda match: numbered(match[0]), _NUMBERED.sub(r"\1\2 ", _BANNER.sub("", text)))

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        tree = parse(running)
        found: list[Line] = []
        for check in wishes.reverse_path:
            found += check_lines(tree, check, wishes.absent)
        for interface in dict.fromkeys(policy.interface for policy in wishes.policies):
            named = [policy for policy in wishes.policies if policy.interface == interface]
            found += _policy_lines(tree, interface, named, wishes.absent)
        for neighbour in wishes.neighbours:
            found += neighbour_lines(tree, neighbour, ("?",), wishes.absent)
        for one in wishes.multipath:
            found += multipath_lines(tree, _for_both(one), ("?", "address-family ipv4"), wishes.absent, hidden=1)
        return plan(running, found)

    def has_timer(self, session: Session) -> bool:
        return True

    def why_not_now(self, session: Session) -> str:
        for name, state in _sessions(session):
            if "timer" in state.lower():
                return f"another change waits for its confirmation (configuration session {name})"
            if name == OURS:
                return (f"the configuration session {OURS} is open: another run is at work, or was cut off; "
                        f"'configure session {OURS} abort' removes it")
        return ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """Nothing is in force before the commit, and the commit has the timer."""
        session.type(f"configure session {OURS}")
        for line in planned.lines:
            session.type(line)
        session.type(f"commit timer {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}", 120)

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """Nothing to do."""

    def withdraw(self, session: Session) -> str:
        session.leave_configuration("abort")
        state = dict(_sessions(session)).get(OURS)
        if state is None:
            return ""
        session.type(f"configure session {OURS} abort", 120)
        return f"'configure session {OURS} abort'"

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type(f"configure session {OURS}")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        session.type("commit", 120)

    def confirm(self, session: Session) -> None:
        if "timer" not in dict(_sessions(session)).get(OURS, "").lower():
            raise Rejected(f"{session.login.where}: the timer ran out before the change was confirmed")
        session.type(f"configure session {OURS} commit", 120)

    def save(self, session: Session) -> None:
        session.type("write memory", 120)


def _for_both(wish: Multipath) -> Multipath:
    """One number is for both there."""
    if wish.ibgp not in (None, wish.ebgp):
        raise WishError("multipath.ibgp: Arista EOS has one number for both: give ebgp, which counts for ibgp too")
    return Multipath(wish.asn, wish.ebgp)


def _sessions(session: Session) -> list[tuple[str, str]]:
    """Sessions that are not over, and the state of each."""
    return [(match["name"], match["state"]) for match in _OPEN.finditer(session.ask(_SESSIONS))]


def _policy_lines(tree: Tree, interface: str, policies: t.Sequence[Policy], absent: bool) -> list[Line]:
    """One policy-map of ours for the interface; a class and an access list for each policy."""
    section = interface_section(tree, interface)
    name = f"{PREFIX}{interface.replace('/', '_')}"
    head, on_interface = f"policy-map type pbr {name}", f"service-policy type pbr input {name}"
    foreign = next((text for text in tree[section]
                    if text.startswith("service-policy type pbr ") and text != on_interface), "")
    if foreign and not absent:
        raise WishError(f"interface {interface} has '{foreign}' already, which is not ours: put the policy into "
                        "that policy-map by hand, or take it off the interface")
    if absent:
        return _absent(tree, section, on_interface, head, policies)
    found: list[Line] = []
    for policy in policies:
        _refuse(tree, head, policy)
        matched, entries = f"ip access-list {policy.label}", _entries(policy)
        found += [Line((matched,), text) for text in entries]
        found += [Line((matched,), text, absent=True) for text in tree.get(matched, {}) if text not in entries]
        found.append(Line((f"class-map type pbr match-any {policy.label}",), f"match ip access-group {policy.label}"))
        found.append(Line((head, f"class {policy.label}"), f"set nexthop {policy.next_hop}", "set nexthop ", True))
    return [*found, Line((section,), on_interface)]


def _absent(tree: Tree, section: str, on_interface: str, head: str, policies: t.Sequence[Policy]) -> list[Line]:
    ours = [f"class {policy.label}" for policy in policies]
    if [text for text in tree.get(head, {}) if text not in ours]:
        found = [Line((head,), text, absent=True) for text in ours]
    else:
        found = [Line((section,), on_interface, absent=True), Line((), head, absent=True)]
    for policy in policies:
        found += [Line((), f"class-map type pbr match-any {policy.label}", absent=True),
                  Line((), f"ip access-list {policy.label}", absent=True)]
    return found


def _refuse(tree: Tree, head: str, policy: Policy) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on Arista EOS by this version")
    if policy.verify:
        raise WishError(f"policy {policy.name}: verify is not served on Arista EOS, whose policy maps track nothing: "
                        "leave it out, a next hop that does not resolve is given up all the same")
    for text, section in tree.items():
        if text.startswith("policy-map type pbr ") and text != head and f"class {policy.label}" in section:
            raise WishError(f"policy {policy.name} is in '{text}' already: take it away there first (state absent), or "
                            "give this one another name")


def _entries(policy: Policy) -> list[str]:
    found = []
    for source in policy.sources or ("any",):
        for destination in policy.destinations or ("any",):
            base = f"permit {policy.protocol or 'ip'} {_endpoint(source)} {_endpoint(destination)}"
            found += [f"{base} eq {port}" for port in policy.dports] or [base]
    return found


def _endpoint(prefix: str) -> str:
    if prefix in ("any", "0.0.0.0/0"):
        return "any"
    return f"host {prefix[:-3]}" if prefix.endswith("/32") else prefix
