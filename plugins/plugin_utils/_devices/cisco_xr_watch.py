# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Cisco IOS-XR watches a next hop: an operation of ``ipsla``, its schedule, and a track with the policy's name.

An entry of an access list names the track beside its next hop. Without ``life forever`` an operation ends in an hour.
Source: Cisco, System Monitoring Configuration Guide, "Implementing IP Service Level Agreements"; System Management
Command Reference, "Object Tracking Commands"; xrdocs, "ACL Based Forwarding and Object Tracking".
"""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import Line, Tree, find
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import Policy, WishError

_NUMBERS = range(901, 1000)  # of our operations; the platform counts them up to 2048
_NUMBER = re.compile(r"\b(?:operation|rtr) (\d+)\b")


class Watches:
    """The next hops that policies of one change have watched, or have watched no more."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._used = _numbers(tree)
        self._gone: list[int] = []
        self._new = False

    def made(self, policy: Policy) -> list[Line]:
        """An operation that runs is not changed: another is made in its place."""
        track = f"track {policy.label}"
        old = self._operation(track)
        if old and all(find(self._tree, (*line.parents, line.text)) is not None for line in _lines(policy, old)):
            return _lines(policy, old)
        number = next((one for one in _NUMBERS if one not in self._used), 0)
        if not number:
            raise WishError(f"verify: the numbers {_NUMBERS[0]} to {_NUMBERS[-1]} of ipsla are all taken on the device")
        self._used.add(number)
        self._new = True
        return [*self.away(policy), *_lines(policy, number)]

    def away(self, policy: Policy) -> list[Line]:
        """The track goes here, its operation with the ``rest``."""
        track = f"track {policy.label}"
        old = self._operation(track)
        self._gone += [old] if old else []
        return [Line((), track, absent=True)] if track in self._tree else []

    def rest(self) -> list[Line]:
        """The section goes with the last operation in it."""
        ours = [text for number in self._gone for text in (f"schedule operation {number}", f"operation {number}")]
        if ours and not self._new and not set(self._tree.get("ipsla", {})) - set(ours):
            return [Line((), "ipsla", absent=True)]
        return [Line(("ipsla",), text, absent=True) for text in ours]

    def _operation(self, track: str) -> int:
        """The number of the operation of ours that a track follows, or 0."""
        for text in self._tree.get(track, {}):
            match = re.match(r"type rtr (\d+) reachability$", text)
            if match and int(match[1]) in _NUMBERS:
                return int(match[1])
        return 0


def by_number(section: str) -> str:
    """The section of operations as the router shows it: operations by their numbers, then schedules by theirs."""
    head, *parts = re.split(r"^(?= \S)", section, flags=re.M)
    return head + "".join(sorted(parts, key=lambda part: (
        part.startswith(" schedule "), int((_NUMBER.search(part) or [0, 0])[1]))))


def _lines(policy: Policy, number: int) -> list[Line]:
    probe = ("ipsla", f"operation {number}", "type icmp echo")
    schedule = ("ipsla", f"schedule operation {number}")
    return [Line(probe, f"destination address {policy.next_hop}"), Line(probe, "frequency 5"),
            Line(schedule, "start-time now"), Line(schedule, "life forever"),
            Line((f"track {policy.label}",), f"type rtr {number} reachability")]


def _numbers(tree: Tree) -> set[int]:
    """The numbers of operations that are there, or that any line names."""
    found: set[int] = set()
    for text, inner in tree.items():
        found |= {int(number) for number in _NUMBER.findall(text)} | _numbers(inner)
    return found
