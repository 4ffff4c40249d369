# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Next-hop objects (``ip nexthop``) that IPv6 routes share."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route


class NexthopObjects:
    """Which routes have an object in common. ``groups`` are those of the facts, ``routes`` all of IPv6."""

    def __init__(self, groups: t.Iterable[t.Mapping[str, t.Any]], routes: t.Iterable[Route]) -> None:
        self._members = {group["id"]: {member["id"] for member in group["members"]} for group in groups}
        self._lengths: dict[int, set[int]] = {}
        for route in routes:
            if route.nhid is not None:
                for nhid in self._members_of(route.nhid):
                    self._lengths.setdefault(nhid, set()).add(route.prefixlen)

    def _members_of(self, nhid: int) -> set[int]:
        return self._members.get(nhid) or {nhid}

    def lengths(self, route: Route) -> set[int]:
        """The prefix lengths that the kernel may take a route to have.

        A processor remembers the route that it found with an object, and takes it for any other that has the same
        object (rt6_get_pcpu_route).
        """
        if route.nhid is None or route.family == 4:
            return {route.prefixlen}
        return set[int]().union(*(self._lengths.get(nhid, set()) for nhid in self._members_of(route.nhid)))
