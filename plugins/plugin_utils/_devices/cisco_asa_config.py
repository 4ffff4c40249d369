# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Cisco ASA is changed: what is typed is in force at once, and no timer takes it back; the inverse is held here.

Interfaces go by their names (nameif). Connections that are there keep their way. Source: Cisco, ASA General Operations
CLI Configuration Guide, "Policy Based Routing", "Traffic Zones" and "BGP".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import (
    directions,
    multipath_lines,
    neighbour_lines,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_bypass import bypass_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_lists import flat_list, with_mask
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_pbr import (
    PbrWords,
    entries,
    numbered,
    policy_lines,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_watch import ASA
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    ConfigPlan,
    Line,
    Tree,
    parse,
    plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Membership,
    Multipath,
    ReversePath,
    WishError,
    Wishes,
)

_END = re.compile(r"^: end\s*\Z", re.M)
_ENTRY = re.compile(rf"^access-list {PREFIX}\S+ extended permit .*$", re.M)
_NAMED = re.compile(r"^ +(?:ip address|set ip next-hop|type echo protocol) .*$", re.M)  # beside entries of lists
_MOST = 8  # equal ways


class CiscoAsaConfig:
    """The changes of one session."""

    title = "Cisco ASA"
    serves = ("policies", "reverse_path", "bgp", "zones", "multipath", "weaken")
    instead: t.Mapping[str, str] = {}
    no_timer = ""

    def running(self, session: Session) -> str:
        text = session.ask("show running-config", 120)
        if not _END.search(text):
            raise DeviceError(f"{session.login.where}: the running configuration has no ': end': it was cut off")
        names = _names(text)
        text = _NAMED.sub(lambda match: _unnamed(match[0], names), text) if names else text
        return _ENTRY.sub(lambda match: _plain(match[0], names), text)

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        tree = parse(running)
        found: list[Line] = []
        for member in wishes.zones:
            found += _zone_lines(tree, member, wishes.absent)
        for check in wishes.reverse_path:
            found += _check_lines(tree, check, wishes.absent)
        found += policy_lines(tree, wishes.policies, wishes.absent, _WORDS)
        for neighbour in wishes.neighbours:
            family = f"address-family ipv{6 if ':' in neighbour.address else 4} unicast"
            found += neighbour_lines(tree, neighbour, (family,), wishes.absent)
        for one in wishes.multipath:
            _refuse_more(one)
            found += multipath_lines(tree, one, ("address-family ipv4 unicast",), wishes.absent, hidden=1)
        found += bypass_lines(tree, wishes.weaken, wishes.absent)
        return plan(running, found)

    def has_timer(self, session: Session) -> bool:
        return False

    def why_not_now(self, session: Session) -> str:
        """What is typed on the standby unit of a pair does not reach the other, and is overwritten by it."""
        try:
            answer = session.ask("show failover | include This")
        except Rejected:
            return ""
        return f"it is the standby unit of a pair ({' '.join(answer.split())})" if "Standby" in answer else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        session.type("configure terminal")
        for line in planned.lines:
            session.type(line)
        session.type("end")

    def refresh(self, session: Session, wishes: Wishes) -> None:
        for one in wishes.neighbours:
            for direction in directions(one):
                session.type(f"clear bgp {one.address} soft {direction}")

    def withdraw(self, session: Session) -> str:
        session.leave_configuration("end")
        return ""

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type("configure terminal")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        session.type("end")

    def confirm(self, session: Session) -> None:
        """Nothing to do: there is no timer."""

    def save(self, session: Session) -> None:
        session.type("write memory", 120)


def _names(text: str) -> dict[str, str]:
    """Names that the device shows in the place of addresses."""
    if not re.search(r"^names\s*$", text, re.M):
        return {}
    return {match[2]: match[1] for match in re.finditer(r"^name ([0-9.]+) (\S+)", text, re.M)}


def _plain(entry: str, names: t.Mapping[str, str]) -> str:
    """An entry of an access list with the numbers of its ports, and addresses for names."""
    listed, _extended, rest = entry.partition(" extended ")
    return f"{listed} extended {numbered(_unnamed(rest.strip(), names))}"


def _unnamed(line: str, names: t.Mapping[str, str]) -> str:
    return " ".join(names.get(word, word) for word in line.split(" "))


def section_of(tree: Tree, name: str) -> str:
    """The section of an interface that has this name; raises WishError with the names that there are."""
    there = {text[7:]: head for head, section in tree.items() if head.startswith("interface ")
             for text in section if text.startswith("nameif ")}
    if name not in there:
        raise WishError(f"the device has no interface named {name!r} (nameif); it has {', '.join(there) or 'none'}")
    return there[name]


def _zone_lines(tree: Tree, member: Membership, absent: bool) -> list[Line]:
    """An interface is in one zone, and is taken out of it before it comes into another."""
    section = section_of(tree, member.interface)
    zones = [text.split()[1] for text in tree if re.match(r"zone \S+", text)]
    if not absent and member.zone not in zones:
        raise WishError(f"the device has no zone {member.zone!r}; it has {', '.join(zones) or 'none'}")
    if absent:
        return [Line((section,), f"zone-member {member.zone}", absent=True)]
    return [Line((section,), f"zone-member {member.zone}", "zone-member ", removes=True)]


def _check_lines(tree: Tree, check: ReversePath, absent: bool) -> list[Line]:
    """A default route counts always."""
    section_of(tree, check.interface)
    if check.mode == "loose" and not absent:
        raise WishError(f"reverse_path of {check.interface}: Cisco ASA checks strictly, where a default route counts, "
                        "or not at all: give strict or off")
    return [Line((), f"ip verify reverse-path interface {check.interface}", absent=absent or check.mode == "off")]


def _refuse_more(wish: Multipath) -> None:
    if max(wish.ebgp or 0, wish.ibgp or 0) > _MOST:
        raise WishError(f"multipath: Cisco ASA uses {_MOST} equal ways at most")


_WORDS = PbrWords("Cisco ASA", "policy-route route-map", section_of, lambda policy: entries(policy, with_mask),
                  flat_list, ASA)
