# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How FRRouting is changed: by ``vtysh``, with a timer of our own on the router that takes the change back.

FRR has no commit that waits for a confirmation. A detached shell on the router holds the inverse and sleeps; it needs
neither this control node nor the session.
"""

from __future__ import annotations

import re
import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import (
    multipath_lines,
    neighbour_lines,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    ConfigPlan,
    Line,
    Tree,
    parse,
    plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Policy, WishError, Wishes

PENDING = "/run/netpath-symmetry-frr"  # the process that waits, while a change is not confirmed
_RUNNING = "vtysh -c 'show running-config'"


class FrrConfig:
    """The changes of one session."""

    title = "FRRouting"
    serves = ("policies", "bgp", "multipath")
    instead: t.Mapping[str, str] = {
        "reverse_path": "FRRouting has no such check, the kernel does it: use the role rp_filter",
        "zones": "FRRouting has no zones",
        "weaken": "FRRouting keeps no state of connections, the kernel does: use the role state_bypass",
    }
    no_timer = ""

    def running(self, session: Session) -> str:
        return session.ask(_RUNNING, 60)

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        tree = parse(running)
        found: list[Line] = []
        for policy in wishes.policies:
            if policy.verify:
                raise WishError(f"policy {policy.name}: verify is not served on FRRouting, which has no probes: "
                                "leave it out, a next hop that does not resolve is given up all the same")
            found += _policy_lines(tree, policy, wishes.absent)
        for neighbour in wishes.neighbours:
            family = f"address-family ipv{6 if ':' in neighbour.address else 4} unicast"
            found += neighbour_lines(tree, neighbour, (family,), wishes.absent)
        for one in wishes.multipath:
            found += multipath_lines(tree, one, ("address-family ipv4 unicast",), wishes.absent)
        return plan(running, found)

    def has_timer(self, session: Session) -> bool:
        return True

    def why_not_now(self, session: Session) -> str:
        there = session.ask(f"test -e {PENDING} && cat {PENDING} || true").strip()
        return f"another change waits for its confirmation (process {there} of the router)" if there else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        undo = f"{_vtysh(planned.inverse)}; rm -f {PENDING}"
        waiting = f"echo $$ >{PENDING}; sleep {seconds}; {undo}"
        session.type(f"(setsid sh -c {shlex.quote(waiting)} >/dev/null 2>&1 </dev/null &)")
        session.type(_vtysh(planned.lines))

    def refresh(self, session: Session, wishes: Wishes) -> None:
        for one in wishes.neighbours:
            for direction in ("in", "out"):
                session.type(f"vtysh -c 'clear bgp {one.address} soft {direction}'")

    def withdraw(self, session: Session) -> str:
        self._disarm(session)
        return ""

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type(_vtysh(planned.inverse), tolerant=True)

    def confirm(self, session: Session) -> None:
        if not self.why_not_now(session):
            raise Rejected(f"{session.login.where}: the timer ran out before the change was confirmed")
        self._disarm(session)
        still = self.why_not_now(session)
        if still:
            raise Rejected(f"{session.login.where}: the timer does not stop: {still}")

    def save(self, session: Session) -> None:
        session.type("vtysh -c 'write memory'")

    def _disarm(self, session: Session) -> None:
        """End the process that waits, by its number and its session: what it would run is its own child."""
        session.type(f"test ! -e {PENDING} || kill -- -$(cat {PENDING}); rm -f {PENDING}", tolerant=True)


def _vtysh(lines: tuple[str, ...]) -> str:
    return "vtysh" + "".join(f" -c {shlex.quote(line)}" for line in ("configure terminal", *lines))


def _policy_lines(tree: Tree, policy: Policy, absent: bool) -> list[Line]:
    name = f"{PREFIX}{policy.interface}"
    section, on_interface = f"interface {policy.interface}", f"pbr-policy {name}"
    there = tree.get(section, {})
    foreign = next((text for text in there if text.startswith("pbr-policy ") and text != on_interface), "")
    if foreign and not absent:
        raise WishError(f"interface {policy.interface} has '{foreign}' already, which is not ours: put the policy into "
                        "that pbr-map by hand, or take it off the interface")
    group = f"nexthop-group {policy.label}"
    entries = _entries(policy)
    used = _sequences(tree, name, policy.label)
    if absent:
        others = [text for text in tree if text.startswith(f"pbr-map {name} ") and text not in used]
        off = [] if others else [Line((section,), on_interface, absent=True)]
        return [*off, *(Line((), text, absent=True) for text in used), Line((), group, absent=True)]
    first = max((int(text.rpartition(" ")[2]) for text in tree if text.startswith(f"pbr-map {name} ")), default=0) + 10
    places = used or [f"pbr-map {name} seq {first + number}" for number in range(len(entries))]
    if len(places) != len(entries):
        raise WishError(f"policy {policy.name} has {len(places)} entries on the router and would have {len(entries)}: "
                        "take it away first (state absent), then make it anew")
    found = [Line((group,), f"nexthop {policy.next_hop}", "nexthop ", removes=True)]
    for place, matches in zip(places, entries, strict=True):
        found += [Line((place,), text, re.escape(" ".join(text.split()[:2]) + " ")) for text in matches]
        found.append(Line((place,), f"set nexthop-group {policy.label}"))
    return [*found, Line((section,), on_interface)]


def _sequences(tree: Tree, name: str, label: str) -> list[str]:
    return [text for text, section in tree.items()
            if text.startswith(f"pbr-map {name} ") and f"set nexthop-group {label}" in section]


def _entries(policy: Policy) -> list[list[str]]:
    """The matches of each sequence: one source, one destination, one port."""
    found = []
    for source in policy.sources or ("",):
        for destination in policy.destinations or ("",):
            for port in policy.dports or (0,):
                found.append([
                    *([f"match src-ip {source}"] if source else []),
                    *([f"match dst-ip {destination}"] if destination else []),
                    *([f"match ip-protocol {policy.protocol}"] if policy.protocol else []),
                    *([f"match dst-port {port}"] if port else []),
                ])
    return found
