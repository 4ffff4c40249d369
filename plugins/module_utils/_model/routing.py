# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Values of policy routing: addresses, next hops, routes and rules.

Every value is frozen and converts to and from the plain dictionaries of the
facts schema (``netpath.symmetry/1``): a field that holds its default is left
out of the dictionary.
"""

from __future__ import annotations

import dataclasses
import typing as t

# linux/rtnetlink.h, enum rt_class_t
TABLE_DEFAULT = 253
TABLE_MAIN = 254
TABLE_LOCAL = 255

TABLE_NAMES = {TABLE_DEFAULT: "default", TABLE_MAIN: "main", TABLE_LOCAL: "local"}

T = t.TypeVar("T", bound="Value")


class Value:
    """A frozen dataclass that reads and writes the dictionaries of the facts schema."""

    @classmethod
    def from_dict(cls: type[T], data: t.Mapping[str, t.Any]) -> T:
        """Build the value; keys that the class does not know are an error (``TypeError``)."""
        return cls(**{key: _freeze(value) for key, value in data.items()})

    def to_dict(self) -> dict[str, t.Any]:
        """The dictionary of the facts schema, without fields that hold their default."""
        result: dict[str, t.Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.default is dataclasses.MISSING or value != field.default:
                result[field.name] = _thaw(value)
        return result


def _freeze(value: t.Any) -> t.Any:
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def _thaw(value: t.Any) -> t.Any:
    if isinstance(value, Value):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_thaw(item) for item in value]
    return value


@dataclasses.dataclass(frozen=True)
class Address(Value):
    """An address of an interface."""

    family: int  # 4 or 6
    address: str
    prefixlen: int
    scope: str = "global"  # global, site, link, host
    secondary: bool = False
    peer: t.Optional[str] = None
    flags: tuple[str, ...] = ()  # tentative, deprecated, dadfailed ... as iproute2 prints them


@dataclasses.dataclass(frozen=True)
class NextHop(Value):
    """One leg of a route."""

    device: t.Optional[str] = None
    gateway: t.Optional[str] = None  # of the other family with RTA_VIA (IPv4 route via an IPv6 gateway)
    weight: int = 1
    flags: tuple[str, ...] = ()  # onlink, linkdown, dead, pervasive


@dataclasses.dataclass(frozen=True)
class Route(Value):
    """A route of one table; several next hops make it a multipath route."""

    family: int
    table: int
    dst: str  # canonical prefix; the default route is 0.0.0.0/0 or ::/0
    type: str = "unicast"  # unicast local broadcast multicast anycast unreachable blackhole prohibit throw
    metric: int = 0  # IPv6: the kernel's 1024 is written out
    tos: int = 0
    scope: str = "global"  # global, site, link, host, nowhere (IPv4 only)
    protocol: int = 3  # rtm_protocol; 3 is boot, 4 static
    prefsrc: t.Optional[str] = None
    nexthops: tuple[NextHop, ...] = ()
    nhid: t.Optional[int] = None
    mtu: t.Optional[int] = None

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Route:
        plain = dict(data)
        plain["nexthops"] = tuple(NextHop.from_dict(leg) for leg in data.get("nexthops", ()))
        return cls(**plain)

    @property
    def prefixlen(self) -> int:
        return int(self.dst.rsplit("/", 1)[1])


@dataclasses.dataclass(frozen=True)
class Rule(Value):
    """A routing policy rule (linux/fib_rules.h)."""

    family: int
    priority: int
    action: str = "lookup"  # lookup goto nop unreachable prohibit blackhole
    table: t.Optional[int] = None  # with action lookup, unless l3mdev
    src: t.Optional[str] = None  # canonical prefix, None matches all
    dst: t.Optional[str] = None
    iif: t.Optional[str] = None
    oif: t.Optional[str] = None
    fwmark: t.Optional[int] = None
    fwmask: int = 0xFFFFFFFF
    tos: int = 0
    dscp: t.Optional[int] = None
    ipproto: t.Optional[int] = None
    sport: t.Optional[tuple[int, int]] = None
    dport: t.Optional[tuple[int, int]] = None
    uidrange: t.Optional[tuple[int, int]] = None
    suppress_prefixlength: t.Optional[int] = None
    suppress_ifgroup: t.Optional[int] = None
    goto: t.Optional[int] = None
    tun_id: t.Optional[int] = None
    l3mdev: bool = False
    invert: bool = False  # printed as "not"
    protocol: int = 0
    unknown: tuple[str, ...] = ()  # selectors that could not be decoded: what they match is not known
