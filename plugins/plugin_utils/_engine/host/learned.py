# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What ICMP taught a host of single destinations: it overrides the next hop that a route gives.

An exception belongs to a next hop and a destination address (find_exception, rt_bind_exception; rt6_find_cached_rt):
it counts for packets whose lookup ends at that next hop, forwarded ones too, and not for reverse-path checks.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Lesson, Lookup, Packet


class Learned:
    """The exceptions of one host."""

    def __init__(self, facts: t.Mapping[str, t.Any]) -> None:
        self._entries: dict[tuple[int, int, int, str], list[Lesson]] = {}
        for entry in facts.get("exceptions", ()):
            key = (entry["family"], entry["table"], number_of(entry["dst"]), entry.get("device", ""))
            self._entries.setdefault(key, []).append(Lesson(entry.get("gateway"), entry.get("mtu")))

    def __bool__(self) -> bool:
        return bool(self._entries)

    def apply(self, packet: Packet, lookup: Lookup) -> Lookup:
        """The lookup of a packet, with what was learned of its destination."""
        if not self._entries:
            return lookup
        number = number_of(packet.flow.destination)
        branches = []
        unknown = lookup.unknown
        for branch in lookup.branches:
            if branch.kind == "forward" and branch.route is not None and branch.leg is not None:
                lesson, doubt = self._of(branch.route, branch.leg, number)
                unknown = unknown or doubt
                if lesson is not None:
                    next_hop = lesson.gateway or packet.flow.destination
                    branch = dataclasses.replace(branch, next_hop=next_hop, lesson=lesson)
            branches.append(branch)
        return dataclasses.replace(lookup, branches=tuple(branches), unknown=unknown)

    def _of(self, route: Route, hop: NextHop, dst: int) -> tuple[Lesson | None, str]:
        """The lesson for packets to ``dst`` over that leg of a route, and what is not known about it."""
        found = self._entries.get((route.family, route.table, dst, hop.device or ""), [])
        if not found:
            return None, ""
        legs = [leg for leg in route.nexthops if leg.device == hop.device]
        if len(found) == 1 and len(legs) == 1:
            return found[0], ""
        # several gateways on one interface: the kernel does not say to which of them an exception belongs
        if all(any(not one.diverts(leg) for leg in legs) for one in found):
            return next((one for one in found if not one.diverts(hop)), None), ""
        return None, (f"an ICMP redirect was learned on {hop.device}, where the route {route.dst} has several "
                      "gateways: which of them it replaces is not known")
