# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing facts from ``ip -j``, equal to those of sources.KernelSource."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import iproute
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.sources import KernelSource, RouteReading

Dict = dict[str, t.Any]


class IprouteSource(KernelSource):
    """Facts from ``ip -j``. Methods raise CommandError; tables are counted by the kernel's own dump.

    A table with more routes than were asked for is never read through ``ip``: its JSON would be 72 MB
    for 1,000,000 routes.
    """

    name = "iproute"

    def interfaces(self) -> dict[str, Dict]:
        return iproute.read_interfaces()

    def rules(self) -> list[Dict]:
        return iproute.read_rules()

    def neighbours(self) -> list[Dict]:
        return iproute.read_neighbours()

    def nexthops(self) -> list[Dict]:
        return iproute.read_nexthops()

    def exceptions(self) -> list[Dict]:
        return iproute.read_exceptions()

    def routes(self, interest: t.Iterable[str], limit: int) -> RouteReading:
        reading = super().routes(interest, limit)
        if reading.filtered:
            return reading
        listed, omitted = iproute.read_routes_and_omitted()
        return reading._replace(listed=listed, omitted=omitted)
