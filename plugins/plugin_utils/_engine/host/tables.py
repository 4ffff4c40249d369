# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The routing tables of a host out of its facts."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import (
    TABLE_LOCAL,
    Address,
    NextHop,
    Route,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, Table
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.interface import Interface

Tables = dict[tuple[int, int], Table]  # by family and number


def read_tables(facts: t.Mapping[str, t.Any], interfaces: t.Mapping[str, Interface], complete: bool) -> Tables:
    """All tables that have routes; ``complete``: the facts list every route."""
    routes: dict[tuple[int, int], list[Route]] = {}
    for data in facts.get("routes", ()):
        route = Route.from_dict(data)
        routes.setdefault((route.family, route.table), []).append(route)
    counts = facts.get("route_counts", {})
    for family in (4, 6):
        if (family, TABLE_LOCAL) not in routes:  # devices that have no such table
            routes[family, TABLE_LOCAL] = [
                _local_route(family, address, one.name)
                for one in interfaces.values()
                for address in one.addresses
                if address.family == family
            ]
        if not complete:  # a table of which no route is listed may still have some
            for number in counts.get(str(family), {}):
                routes.setdefault((family, int(number)), [])
    tables = {}
    for (family, number), listed in routes.items():
        counted = counts.get(str(family))
        count = None if counted is None else counted.get(str(number), 0)
        whole = complete or (count is not None and len(listed) >= count)
        tables[family, number] = Table(family, number, listed, whole)
    return tables


def _local_route(family: int, address: Address, device: str) -> Route:
    prefix = f"{address.address}/{BITS[family]}"
    legs = (NextHop(device),)
    return Route(family, TABLE_LOCAL, prefix, "local", scope="host", protocol=2, nexthops=legs)
