# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Cisco NX-OS is changed: what is typed is in force at once, with a checkpoint of the switch as the way back.

No timer takes a change back. A rollback restores all that the checkpoint has, so that what others have changed
meanwhile goes with it. Neighbours of BGP are sections there. Source: Cisco, Nexus 9000 System Management Configuration
Guide, "Configuring Rollback"; Unicast Routing Configuration Guide, "Configuring Policy-Based Routing" and "Basic BGP".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import (
    directions,
    map_lines,
    multipath_lines,
    own_name,
    preferences,
    theirs,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_sections import foreign, place_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_config import check_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_pbr import (
    PbrWords,
    entries,
    numbered,
    policy_lines,
    sections_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_watch import NXOS
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
    Neighbour,
    ReversePath,
    WishError,
    Wishes,
)

OURS = f"{PREFIX}change"  # the checkpoint
_SUMMARY = "show checkpoint summary"
_OPEN = re.compile(rf"^ *\d+\) +{OURS}:", re.M)
_NUMBERED = re.compile(r"^(\s+)\d+ (permit|deny) ", re.M)
_PORT = re.compile(r"permit (tcp|udp) .* eq \S+ *$", re.M)
_BANNER = re.compile(r"^banner \w+ (\S).*?\1$", re.M | re.S)  # what anybody may have written


class CiscoNxosConfig:
    """The changes of one session."""

    title = "Cisco NX-OS"
    serves = ("policies", "reverse_path", "bgp", "multipath")
    instead: t.Mapping[str, str] = {
        "zones": "zones of Cisco NX-OS are of storage networks", "weaken": "a switch keeps no state of connections"}
    no_timer = ""

    def running(self, session: Session) -> str:
        text = session.ask("show running-config", 120)
        if not re.search(r"^version \S", text, re.M) or not re.search(r"^interface \S", text, re.M):
            raise DeviceError(f"{session.login.where}: the device shows no whole running configuration: the account "
                              "may not see it, or it was cut off")
        text = _NUMBERED.sub(r"\1\2 ", _BANNER.sub("", text))
        return _PORT.sub(lambda match: numbered(match[0].rstrip()), text)

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        tree = parse(running)
        found: list[Line] = []
        for check in wishes.reverse_path:
            _refuse_strict(check)
            found += check_lines(tree, check, wishes.absent)
        if not wishes.absent:
            _refuse_without_feature(tree, wishes)
        found += policy_lines(tree, wishes.policies, wishes.absent, _WORDS)
        for neighbour in wishes.neighbours:
            found += _neighbour_lines(tree, neighbour, wishes.absent)
        for one in wishes.multipath:
            found += multipath_lines(tree, one, ("address-family ipv4 unicast",), wishes.absent, hidden=1)
        return plan(running, found, leave="configure terminal")

    def has_timer(self, session: Session) -> bool:
        return False

    def why_not_now(self, session: Session) -> str:
        if _waits(session):
            return (f"the checkpoint {OURS} is there: another run is at work, or was cut off; 'rollback running-config "
                    f"checkpoint {OURS} atomic' brings back what was before it, 'no checkpoint {OURS}' removes it")
        return ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """The checkpoint is seen to be there before the first line is sent."""
        session.type(f"checkpoint {OURS}", 120)
        if not _waits(session):
            raise Rejected(f"{session.login.where}: the switch has made no checkpoint")
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
        if not _waits(session):
            return ""
        session.type(f"rollback running-config checkpoint {OURS} atomic", 300, tolerant=True)
        session.type(f"no checkpoint {OURS}", 60)
        return "its checkpoint"

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type("configure terminal")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        session.type("end")

    def confirm(self, session: Session) -> None:
        session.type(f"no checkpoint {OURS}", 60)

    def save(self, session: Session) -> None:
        session.type("copy running-config startup-config", 300)


def _waits(session: Session) -> bool:
    return bool(_OPEN.search(session.ask(_SUMMARY)))


def _refuse_strict(check: ReversePath) -> None:
    if check.mode == "strict" and check.allow_default:
        raise WishError(f"reverse_path of {check.interface}: on Cisco NX-OS a default route counts with loose only: "
                        "give loose, or leave allow_default out")


def _refuse_without_feature(tree: Tree, wishes: Wishes) -> None:
    if wishes.policies and "feature pbr" not in tree:
        raise WishError("policies: the switch has no 'feature pbr'. Set it by hand; it may need a part of the "
                        "hardware's tables (hardware access-list tcam region)")
    if any(policy.verify for policy in wishes.policies) and "feature sla sender" not in tree:
        raise WishError("verify: the switch has no 'feature sla sender', which sends the echo requests. Set it by hand "
                        "or leave verify out: a next hop that cannot be resolved is given up all the same")


def _neighbour_lines(tree: Tree, wish: Neighbour, absent: bool) -> list[Line]:
    place = place_of(tree, wish, absent)
    found: list[Line] = []
    for direction, sets in preferences(wish):
        name = own_name(wish.address, direction)
        other = None if absent else foreign(tree, place, "route-map", direction, name)
        if other:
            raise theirs(other[0], other[1], sets[0][0])
        found += map_lines(tree, place, f"route-map {name} {direction}", name, sets, absent)
    return found


def _endpoint(prefix: str) -> str:
    return "any" if prefix in ("any", "0.0.0.0/0") else prefix


_WORDS = PbrWords("Cisco NX-OS", "ip policy route-map", interface_section, lambda policy: entries(policy, _endpoint),
                  sections_of("ip access-list"), NXOS)
