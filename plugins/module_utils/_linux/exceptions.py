# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Exceptions to routes: what ICMP taught the kernel of single destinations (another gateway, a smaller MTU).

They stand beside the tables, override them for their destination until they expire, and no dump of
routes shows them. (net/ipv4/route.c, fib_dump_info_fnhe; net/ipv6/route.c, rt6_nh_dump_exceptions)
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import routes, rtnetlink
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import Netlink

Dict = dict[str, t.Any]
LIMIT = 2000


def read(kernel: Netlink, names: t.Mapping[int, str]) -> list[Dict]:
    """The exceptions of both families; raises NetlinkError. Kernels before 5.3 list none for IPv4."""
    found = []
    for number in (rtnetlink.AF[4], rtnetlink.AF[6]):
        request = routes.request(number, routes.RTM_F_CLONED)  # obeyed by strict dumps: exceptions only
        for message in kernel.messages(routes.RTM_GETROUTE, request):
            if message.type == routes.RTM_NEWROUTE and routes.is_cloned(message.body):
                found.append(from_route(routes.decode(message.body, names)))
    return ordered(found)


def from_route(route: Dict) -> Dict:
    """An exception of the schema out of a cached route, in the form of the schema. Pure."""
    leg: Dict = next(iter(route.get("nexthops", ())), {})
    entry: Dict = {key: route[key] for key in ("family", "table")}
    entry["dst"] = route["dst"].partition("/")[0]
    for key in ("device", "gateway"):
        if key in leg:
            entry[key] = leg[key]
    if "mtu" in route:
        entry["mtu"] = route["mtu"]
    return entry


def ordered(entries: t.Iterable[Dict]) -> list[Dict]:
    """The order of the facts: the kernel walks hash tables, whose order means nothing. Pure."""
    return sorted(entries, key=lambda e: (e["family"], e["table"], e["dst"], e.get("device", ""), e.get("gateway", "")))


def bounded(entries: list[Dict], interest: t.Collection[str]) -> list[Dict]:
    """At most LIMIT of them, those of destinations of interest first. Pure."""
    if len(entries) <= LIMIT:
        return entries
    wanted = set(interest)
    return ordered(sorted(entries, key=lambda entry: entry["dst"] not in wanted)[:LIMIT])
