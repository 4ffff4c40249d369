# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The source of routing facts: the kernel itself, or ``ip -j`` where that is asked for (iproute_source.py).

Both give equal facts. The kernel is the usual one: it needs no process (1.5 ms instead of 22 ms on
a host with 60 routes) and shows selectors that an older iproute2 leaves out.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import exceptions, nexthops, routes, rtnetlink
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NETLINK_ROUTE, Netlink
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.routes import Cover, Walk

Dict = dict[str, t.Any]
_ATTEMPTS = 3  # readings of a table that changes while it is read


class RouteReading(t.NamedTuple):
    """The routes of both families, as far as they are listed."""

    listed: list[Dict]
    counts: dict[str, dict[str, int]]  # every route, by family and table
    omitted: list[str]  # a sentence for each route that the schema cannot hold
    filtered: bool  # there are more than were asked for: only those of interest are listed
    clipped: bool  # not even every connected route is listed
    interrupted: bool  # a table changed while it was read
    crowded: bool  # there are more routes inside the prefixes of interest than are listed


class KernelSource:
    """Facts straight from rtnetlink. Methods raise NetlinkError."""

    name = "netlink"

    def __init__(self) -> None:
        self.kernel = Netlink(NETLINK_ROUTE)
        self.links = rtnetlink.read_links(self.kernel)
        self.names: dict[int, str] = {link["index"]: link["name"] for link in self.links}

    def interfaces(self) -> dict[str, Dict]:
        return rtnetlink.read_interfaces(self.kernel, self.links)

    def rules(self) -> list[Dict]:
        return rtnetlink.read_rules(self.kernel)

    def neighbours(self) -> list[Dict]:
        return rtnetlink.read_neighbours(self.kernel, self.names)

    def nexthops(self) -> list[Dict]:
        return rtnetlink.read_nexthops(self.kernel, self.names)

    def exceptions(self) -> list[Dict]:
        return exceptions.read(self.kernel, self.names)

    def routes(self, interest: t.Iterable[str], limit: int) -> RouteReading:
        """Every route while there are at most ``limit``, else those that matter (see routes.py)."""
        covers = routes.covering(interest)
        for _attempt in range(_ATTEMPTS):
            self.kernel.interrupted = False
            walks = self._walk(covers, limit)
            if not self.kernel.interrupted or any(walk.filtered for walk in walks.values()):
                break
        decoded = (routes.decode(message, self.names) for walk in walks.values() for message in walk.messages)
        listed, omitted = routes.split(decoded)
        return RouteReading(
            listed=nexthops.resolve(listed, self.nexthops),
            counts={str(family): {str(table): n for table, n in walk.counts.items()} for family, walk in walks.items()},
            omitted=omitted,
            filtered=any(walk.filtered for walk in walks.values()),
            clipped=any(walk.clipped for walk in walks.values()),
            interrupted=self.kernel.interrupted,
            crowded=routes.crowded(covers),
        )

    def _walk(self, covers: dict[int, Cover], limit: int) -> dict[int, Walk]:
        four = routes.walk(self.kernel, 4, covers[4], limit)
        room = 0 if four.filtered else limit - sum(four.counts.values())  # the limit is for both families
        six = routes.walk(self.kernel, 6, covers[6], room, limit)
        if six.filtered and not four.filtered:  # there were too many after all; this second walk is short
            four = routes.walk(self.kernel, 4, covers[4], 0, limit)
        return {4: four, 6: six}


def open_source(name: str) -> KernelSource:
    """The source of that name (auto, netlink or iproute); raises NetlinkError."""
    if name != "iproute":
        return KernelSource()
    # imported only where it is asked for: a module is compiled anew in every run
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iproute_source import IprouteSource

    return IprouteSource()
