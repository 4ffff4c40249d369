# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Tables, routes and rules as a user declares them: read, checked for sense, and turned into values.

What needs no host is checked here; what depends on the host (its interfaces, its tables) in onlink.py and
policy_routing.py.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import (
    ANY,
    family_of,
    parse_address,
    parse_prefix,
)

Data = t.Mapping[str, t.Any]
AUTO = -1  # a priority or table id that the planner chooses
IPV6_METRIC = 1024  # what the kernel gives an IPv6 route without a metric (IP6_RT_PRIO_USER)
ROUTE_TYPES = ("unicast", "unreachable", "blackhole", "prohibit", "throw")
ACTIONS = ("lookup", "unreachable", "blackhole", "prohibit")
IPPROTO = {
    "icmp": 1, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58,
    "sctp": 132, "udplite": 136,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Table:
    """A declared table; its routes have table 0 until the planner knows the id."""

    name: str
    routes: tuple[Route, ...]
    id: t.Optional[str] = None  # a number or a name of rt_tables; None: the planner takes one of the scope


@dataclasses.dataclass(frozen=True)
class DeclaredRule:
    """A declared rule: ``rule.table`` is unset and ``rule.family`` may be 0 (that of the table) until planned."""

    rule: Rule
    table: t.Optional[str]  # name of a declared table, a name of rt_tables, or a number
    where: str


@dataclasses.dataclass(frozen=True)
class Desired:
    """Everything that a scope shall hold on a host."""

    tables: tuple[Table, ...] = ()
    rules: tuple[DeclaredRule, ...] = ()


def read_desired(tables: t.Iterable[Data], rules: t.Iterable[Data]) -> Desired:
    """Read the options ``tables`` and ``rules`` of policy_routing; raises PlanError."""
    read = tuple(_read_table(data, position) for position, data in enumerate(tables, 1))
    names = [table.name for table in read]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise PlanError(f"tables: {doubled[0]!r} is declared twice; put all its routes into one entry")
    return Desired(read, tuple(read_rule(data, f"rules[{position}]") for position, data in enumerate(rules, 1)))


def _read_table(data: Data, position: int) -> Table:
    name = str(data.get("name") or "")
    if not name:
        raise PlanError(f"tables[{position}]: name is missing; rules refer to the table by it")
    routes = tuple(
        read_route(route, f"tables[{position}] ({name}) routes[{number}]")
        for number, route in enumerate(data.get("routes") or (), 1)
    )
    places: dict[tuple[int, str, int], int] = {}
    for number, route in enumerate(routes, 1):
        first = places.setdefault((route.family, route.dst, route.metric), number)
        if first != number:
            raise PlanError(
                f"tables[{position}] ({name}): routes[{first}] and routes[{number}] are both {route.dst} metric "
                f"{route.metric}; the kernel takes one: give them different metrics or one route with two nexthops"
            )
    chosen = data.get("id")
    if not routes and chosen in (None, ""):
        raise PlanError(
            f"tables[{position}] ({name}): routes is empty; declare routes, or leave the table and its rules out"
        )
    return Table(name, routes, None if chosen in (None, "") else str(chosen))


def read_route(data: Data, where: str) -> Route:
    """Read one route; raises PlanError."""
    kind = str(data.get("type") or "unicast")
    if kind not in ROUTE_TYPES:
        raise PlanError(f"{where}: type {kind!r} is not one of {', '.join(ROUTE_TYPES)}")
    legs = _read_legs(data, where)
    dst, family = _destination(data, legs, where)
    for leg in legs:
        if leg.gateway and family == 6 and family_of(leg.gateway) == 4:
            raise PlanError(f"{where}: {dst} is IPv6 and its gateway {leg.gateway} is IPv4; give an IPv6 gateway")
    if kind == "unicast" and not legs:
        raise PlanError(f"{where}: {dst} has neither a gateway nor a device; give one, or a type such as unreachable")
    if kind != "unicast" and legs:
        raise PlanError(f"{where}: {dst} is {kind} and goes nowhere: leave out gateway, device and nexthops")
    prefsrc = data.get("prefsrc")
    if prefsrc:
        prefsrc = parse_address(prefsrc, f"{where} prefsrc")
        if family_of(prefsrc) != family:
            raise PlanError(f"{where}: prefsrc {prefsrc} is not of the address family of {dst}")
    metric = data.get("metric")
    return Route(
        family=family,
        table=0,
        dst=dst,
        type=kind,
        metric=int(metric) if metric else (IPV6_METRIC if family == 6 else 0),
        scope="link" if family == 4 and len(legs) == 1 and not legs[0].gateway else "global",
        protocol=PROTOCOL,
        prefsrc=prefsrc or None,
        nexthops=legs,
        mtu=data.get("mtu") or None,
    )


def _read_legs(data: Data, where: str) -> tuple[NextHop, ...]:
    several = data.get("nexthops") or ()
    if several and (data.get("gateway") or data.get("device")):
        raise PlanError(f"{where}: nexthops and gateway or device exclude each other; put all of them into nexthops")
    entries = list(several) if several else [data] if data.get("gateway") or data.get("device") else []
    legs = []
    for entry in entries:
        gateway = parse_address(entry["gateway"], f"{where} gateway") if entry.get("gateway") else None
        flags = ("onlink",) if entry.get("onlink") else ()
        weight = int(entry.get("weight") or 1)
        if not 1 <= weight <= 256:
            raise PlanError(f"{where}: weight {weight} is not between 1 and 256")
        legs.append(NextHop(entry.get("device") or None, gateway, weight, flags))
    return tuple(legs)


def _destination(data: Data, legs: tuple[NextHop, ...], where: str) -> tuple[str, int]:
    written = data.get("dst")
    if not written:
        raise PlanError(f"{where}: dst is missing; give a prefix, or default")
    if str(written) != "default":
        dst = parse_prefix(written, f"{where} dst")
        return dst, family_of(dst)
    family = int(data.get("family") or 0)
    family = family or next((family_of(leg.gateway) for leg in legs if leg.gateway), 0)
    if family not in (4, 6):
        raise PlanError(f"{where}: 'default' without a gateway may be IPv4 or IPv6; write 0.0.0.0/0 or ::/0")
    return ANY[family], family


def read_rule(data: Data, where: str) -> DeclaredRule:
    """Read one rule; raises PlanError."""
    action = str(data.get("action") or "lookup")
    table = data.get("table")
    if action not in ACTIONS:
        raise PlanError(f"{where}: action {action!r} is not one of {', '.join(ACTIONS)}")
    if action == "lookup" and table in (None, ""):
        raise PlanError(f"{where}: table is missing; name a declared table, a table of rt_tables, or a number")
    if action != "lookup" and table not in (None, ""):
        raise PlanError(f"{where}: action {action} looks nothing up; leave out table")
    suppress = data.get("suppress_prefixlength")
    if suppress is not None and action != "lookup":
        raise PlanError(f"{where}: suppress_prefixlength needs action lookup")
    src = parse_prefix(data["src"], f"{where} src") if data.get("src") not in (None, "", "all") else None
    dst = parse_prefix(data["dst"], f"{where} dst") if data.get("dst") not in (None, "", "all") else None
    families = {family_of(prefix) for prefix in (src, dst) if prefix}
    if data.get("family"):
        families.add(int(data["family"]))
    if len(families) > 1:
        raise PlanError(f"{where}: src {src or 'all'}, dst {dst or 'all'} and family are of different address families")
    rule = Rule(
        family=families.pop() if families else 0,
        priority=AUTO if data.get("priority") is None else int(data["priority"]),
        action=action,
        src=None if src in ANY.values() else src,
        dst=None if dst in ANY.values() else dst,
        iif=data.get("iif") or None,
        oif=data.get("oif") or None,
        fwmark=_number(data.get("fwmark"), f"{where} fwmark"),
        fwmask=_mask(data.get("fwmask"), f"{where} fwmask"),
        tos=_number(data.get("tos"), f"{where} tos") or 0,
        ipproto=_ipproto(data.get("ipproto"), where),
        sport=_ports(data.get("sport"), f"{where} sport"),
        dport=_ports(data.get("dport"), f"{where} dport"),
        uidrange=_span(data.get("uidrange"), f"{where} uidrange", 0, 0xFFFFFFFF),
        suppress_prefixlength=None if suppress is None else int(suppress),
        invert=bool(data.get("invert")),
        protocol=PROTOCOL,
    )
    return DeclaredRule(rule, None if action != "lookup" else str(table), where)


def _number(value: t.Any, where: str) -> t.Optional[int]:
    if value in (None, ""):
        return None
    try:
        number = int(str(value), 0)
    except ValueError:
        raise PlanError(f"{where}: {value!r} is not a number; write it decimal or as 0x10") from None
    if not 0 <= number <= 0xFFFFFFFF:
        raise PlanError(f"{where}: {value} does not fit into 32 bits")
    return number


def _mask(value: t.Any, where: str) -> int:
    number = _number(value, where)
    return 0xFFFFFFFF if number is None else number


def _ipproto(value: t.Any, where: str) -> t.Optional[int]:
    if value in (None, ""):
        return None
    name = str(value).lower()
    if name in IPPROTO:
        return IPPROTO[name]
    if name.isdigit() and 0 < int(name) < 256:
        return int(name)
    raise PlanError(f"{where} ipproto: {value!r} is not one of {', '.join(sorted(IPPROTO))} or a number from 1 to 255")


def _ports(value: t.Any, where: str) -> t.Optional[tuple[int, int]]:
    return _span(value, where, 1, 65535)


def _span(value: t.Any, where: str, least: int, most: int) -> t.Optional[tuple[int, int]]:
    """``80`` or ``1000-2000``."""
    if value in (None, ""):
        return None
    first, dash, last = str(value).partition("-")
    try:
        low, high = int(first), int(last if dash else first)
    except ValueError:
        raise PlanError(f"{where}: {value!r} is neither a number nor a range such as 1000-2000") from None
    if not least <= low <= high <= most:
        raise PlanError(f"{where}: {value} is not within {least} to {most} in rising order")
    return low, high
