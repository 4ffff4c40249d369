# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Next-hop objects: the groups of the facts schema, and the legs of routes that only name an object. Pure.

Both sources hand over next-hop objects as ``{id, leg: {device, gateway, ...}}`` (an empty leg is a
blackhole) or, for a group, ``{id, members: [[id, weight], ...]}``.
"""

from __future__ import annotations

import typing as t

Dict = dict[str, t.Any]


def groups(objects: list[Dict]) -> list[Dict]:
    """The groups among next-hop objects, in the form of the facts schema."""
    return [
        {"id": entry["id"], "members": [{"id": member, "weight": weight} for member, weight in entry["members"]]}
        for entry in objects
        if "members" in entry
    ]


def resolve(routes: list[Dict], read_objects: t.Callable[[], list[Dict]]) -> list[Dict]:
    """Fill in the legs of routes that only name a next-hop object.

    The kernel spells the legs out unless ``net.ipv4.nexthop_compat_mode`` is 0. ``read_objects`` is
    called only where needed.
    """
    bare = [route for route in routes if "nhid" in route and "nexthops" not in route and "type" not in route]
    if bare:
        by_id = {entry["id"]: entry for entry in read_objects()}
        for route in bare:
            legs = legs_of(by_id, route["nhid"])
            if legs:
                route["nexthops"] = legs
    return routes


def legs_of(by_id: t.Mapping[int, Dict], number: int) -> list[Dict]:
    """The legs of a next-hop object or group; empty where it is unknown or a blackhole."""
    entry = by_id.get(number, {})
    if "members" not in entry:
        return [dict(entry["leg"])] if entry.get("leg") else []
    legs = []
    for member, weight in entry["members"]:
        leg = dict(by_id.get(member, {}).get("leg", {}))
        if leg and weight != 1:
            leg["weight"] = weight
        if leg:
            legs.append(leg)
    return legs
