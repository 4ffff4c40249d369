# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read what the planners need of this host. Bounded: a full Internet table is counted, not decoded."""

from __future__ import annotations

import contextlib
import glob
import os
import socket
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import (
    iproute,
    netlink,
    nexthops,
    routes,
    rtnetlink,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.session import find_session
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host

MAX_ROUTES = 20000  # beyond that: default and connected routes, our tables, the tables asked for, and what covers peers
RT_TABLES = (
    "/usr/share/iproute2/rt_tables",
    "/usr/lib/iproute2/rt_tables",
    "/etc/iproute2/rt_tables",
    "/etc/iproute2/rt_tables.d/*.conf",
)


def read_host(tables: t.Iterable[str] = (), interest: t.Iterable[str] = ()) -> Host:
    """The live host. ``tables`` are read whole, whatever their size; routes to ``interest`` are always among the rest.

    Raises netlink.NetlinkError and command.CommandError.
    """
    session = find_session()
    names = read_table_names()
    peers = [*interest, *([session.peer] if session else [])]
    with netlink.Netlink(socket.NETLINK_ROUTE) as kernel:
        rules = rtnetlink.read_rules(kernel)
        links = rtnetlink.read_links(kernel)
        interfaces = rtnetlink.read_interfaces(kernel, links)
        found = _read_routes(kernel, {link["index"]: link["name"] for link in links}, peers)
    for text in tables:
        number = int(text) if text.isdigit() else names.get(text)
        if number is not None and found.filtered:
            found.routes[:] = [route for route in found.routes if route["table"] != number]
            found.routes.extend(iproute.read_routes(table=number))
    return Host(
        rules=tuple(Rule.from_dict(rule) for rule in rules),
        routes=tuple(Route.from_dict(route) for route in found.routes),
        interfaces=interfaces,
        table_names=names,
        no_ipv6=read_no_ipv6(interfaces),
        session=session,
    )


class _Found(t.NamedTuple):
    routes: list[dict[str, t.Any]]
    filtered: bool


def _read_routes(kernel: netlink.Netlink, names: t.Mapping[int, str], interest: t.Iterable[str]) -> _Found:
    covers = routes.covering(interest)
    found: list[dict[str, t.Any]] = []
    filtered = False
    for family in (4, 6):
        walk = routes.walk(kernel, family, covers[family], MAX_ROUTES)
        filtered = filtered or walk.filtered
        found += routes.split(routes.decode(message, names) for message in walk.messages)[0]
    resolved = nexthops.resolve(found, lambda: rtnetlink.read_nexthops(kernel, names))
    return _Found(resolved, filtered)


def read_table_names() -> dict[str, int]:
    """Routing tables by name, as iproute2 finds them; a later file wins."""
    names: dict[str, int] = {}
    for pattern in RT_TABLES:
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    fields = line.split("#", 1)[0].split()
                    if len(fields) == 2:
                        names[fields[1]] = int(fields[0], 0)
    return names


def read_no_ipv6(interfaces: t.Collection[str]) -> frozenset[str]:
    """The interfaces on which IPv6 is disabled; also "all" where that is so on every one."""
    base = "/proc/sys/net/ipv6/conf"
    if not os.path.isdir(base):
        return frozenset({"all"})
    disabled = set()
    for name in interfaces:
        try:
            with open(f"{base}/{name}/disable_ipv6", encoding="ascii") as file:
                if file.read().strip() != "0":
                    disabled.add(name)
        except FileNotFoundError:  # an interface without IPv6 has no directory, such as one with an MTU below 1280
            disabled.add(name)
    if disabled == set(interfaces):
        disabled.add("all")
    return frozenset(disabled)


def read_rp_filter() -> dict[str, int]:
    """The value of rp_filter by interface, with "all" and "default"."""
    base = "/proc/sys/net/ipv4/conf"
    values = {}
    for name in os.listdir(base):
        with contextlib.suppress(FileNotFoundError), open(f"{base}/{name}/rp_filter", encoding="ascii") as file:
            values[name] = int(file.read())
    return values
