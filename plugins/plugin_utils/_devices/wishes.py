# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a change of a device's path asks for, in words of no vendor (role device_path)."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import canonical_time, one_line
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,30}$")
_WORD = re.compile(r"^[\w./:-]+$")
Wish = t.TypeVar("Wish")
SETTINGS = ("asymmetric_path", "asymroute", "no_syn_check", "tcp_state_bypass")  # as in the facts of devices
PREFIX = "NPS-"  # what we make has a name that begins so


# options of device_config, and where Wishes keeps what they ask
KINDS = {"policies": "policies", "reverse_path": "reverse_path", "bgp": "neighbours", "zones": "zones",
         "multipath": "multipath", "weaken": "weaken"}


class WishError(DeviceError):
    """A wish that cannot be: what, where, and what to write instead. Nothing was sent."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """Packets that arrive by an interface and match go to a next hop."""

    name: str
    interface: str
    next_hop: str
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    protocol: str = ""
    dports: tuple[int, ...] = ()
    verify: bool = False  # use the next hop only while it answers
    return_next_hops: tuple[str, ...] = ()  # replies go back by the interface, to one of these

    @property
    def label(self) -> str:
        return f"{PREFIX}{self.name}"


@dataclasses.dataclass(frozen=True)
class ReversePath:
    """The check of an interface: off, loose or strict; whether a default route counts."""

    interface: str
    mode: str
    allow_default: bool = False


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """What is said to, or thought of, a BGP neighbour. ``prepend`` is how often; None: nothing is asked."""

    address: str
    asn: int
    local_preference: int | None = None
    prepend: int | None = None
    med: int | None = None
    own_asn: int | None = None


@dataclasses.dataclass(frozen=True)
class Membership:
    """The zone that an interface is in."""

    interface: str
    zone: str


@dataclasses.dataclass(frozen=True)
class Multipath:
    """Over how many equal ways of BGP packets are spread at most. None: nothing is asked."""

    asn: int
    ebgp: int | None = None
    ibgp: int | None = None


@dataclasses.dataclass(frozen=True)
class Weakening:
    """A check of state that a device gives up, for a scope as narrow as it can be, until a time."""

    name: str
    setting: str
    by: str
    reason: str
    until: str  # 2026-12-24T06:00:00Z
    zone: str = ""
    interface: str = ""
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    protocol: str = ""
    dports: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def scope(self) -> dict[str, t.Any]:
        """What of its scope is given."""
        given = {name: getattr(self, name) for name in
                 ("zone", "interface", "sources", "destinations", "protocol", "dports")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value}


@dataclasses.dataclass(frozen=True)
class Wishes:
    """Everything that is asked of one device; with ``absent`` it is taken away instead."""

    policies: tuple[Policy, ...] = ()
    reverse_path: tuple[ReversePath, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    zones: tuple[Membership, ...] = ()
    multipath: tuple[Multipath, ...] = ()  # one at most
    weaken: tuple[Weakening, ...] = ()
    absent: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The options by which something is asked."""
        return tuple(option for option, attribute in KINDS.items() if getattr(self, attribute))


def read_wishes(options: t.Mapping[str, t.Any]) -> Wishes:
    """The wishes of a task's options; raises WishError."""
    multipath = options.get("multipath")
    found = Wishes(
        _each(options, "policies", _policy), _each(options, "reverse_path", _check), _each(options, "bgp", _neighbour),
        _each(options, "zones", _membership), (_multipath(multipath),) if multipath else (),
        _each(options, "weaken", read_weakening), options.get("state") == "absent",
    )
    for what, names in (("policies", [one.name for one in found.policies]),
                        ("reverse_path", [one.interface for one in found.reverse_path]),
                        ("bgp", [one.address for one in found.neighbours]),
                        ("zones", [one.interface for one in found.zones]),
                        ("weaken", [one.name for one in found.weaken])):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise WishError(f"{what}: {twice!r} is there twice; name it once")
    if not found.kinds:
        raise WishError(f"nothing is asked for: give {', '.join(KINDS)}")
    return found


def _each(options: t.Mapping[str, t.Any], what: str, read: t.Callable[[t.Any, str], Wish]) -> tuple[Wish, ...]:
    return tuple(read(item, f"{what}[{number}]") for number, item in enumerate(options.get(what) or []))


def _policy(item: t.Mapping[str, t.Any], where: str) -> Policy:
    _name(item["name"], where)
    sources, destinations, protocol, dports = _matched(item, where)
    next_hop = _address(item["next_hop"], f"{where}.next_hop")
    back = tuple(_address(one, f"{where}.return_next_hops") for one in item.get("return_next_hops") or ())
    if any((":" in one) != (":" in next_hop) for one in (*sources, *destinations, *back)):
        raise WishError(f"{where}: next_hop {next_hop} is of another address family than what it matches")
    if not sources and not destinations:
        raise WishError(f"{where}: neither sources nor destinations: a policy for every packet would also take the "
                        "session that it is made over; name what it is for")
    return Policy(item["name"], _interface(item["interface"], where), next_hop, sources, destinations, protocol, dports,
                  bool(item.get("verify")), back)


def _matched(
    item: t.Mapping[str, t.Any], where: str
) -> tuple[tuple[str, ...], tuple[str, ...], str, tuple[int, ...]]:
    """Sources, destinations, protocol and destination ports."""
    sources = tuple(_prefix(one, f"{where}.sources") for one in item.get("sources") or ())
    destinations = tuple(_prefix(one, f"{where}.destinations") for one in item.get("destinations") or ())
    protocol = (item.get("protocol") or "").lower()
    dports = tuple(item.get("dports") or ())
    if protocol and protocol not in PROTOCOLS:
        raise WishError(f"{where}.protocol: {protocol!r} is not one of {', '.join(PROTOCOLS)}")
    if dports and protocol not in ("tcp", "udp"):
        raise WishError(f"{where}.dports: ports need protocol tcp or udp")
    if any(not 0 < port < 65536 for port in dports):
        raise WishError(f"{where}.dports: {dports} are not all ports, from 1 to 65535")
    return sources, destinations, protocol, dports


def _name(name: str, where: str) -> None:
    if not _NAME.match(name):
        raise WishError(f"{where}.name: {name!r} is not made of at most 31 letters, digits, '_' and '-'")


def read_weakening(item: t.Mapping[str, t.Any], where: str) -> Weakening:
    """Whether it has ended is not looked at."""
    _name(item["name"], where)
    if item["setting"] not in SETTINGS:
        raise WishError(f"{where}.setting: {item['setting']!r} is not one of {', '.join(SETTINGS)}")
    if item.get("consent") is not True:
        raise WishError(f"{where}.consent: {item['setting']} lets packets pass of which the device has seen no "
                        "connection; set consent to true to accept that")
    by, reason = one_line(item.get("by")), one_line(item.get("reason"))
    for name, text in (("by", by), ("reason", reason)):
        if not text:
            raise WishError(f"{where}.{name} is empty: the register of exceptions says who wants this, and why")
    try:
        until = canonical_time(item.get("until") or "", f"{where}.until")
    except PlanError as error:
        raise WishError(str(error)) from None
    zone, interface = item.get("zone") or "", item.get("interface") or ""
    return Weakening(item["name"], item["setting"], by, reason, until, zone_name(zone, where) if zone else "",
                     _interface(interface, where) if interface else "", *_matched(item, where))


def _check(item: t.Mapping[str, t.Any], where: str) -> ReversePath:
    return ReversePath(_interface(item["interface"], where), item["mode"], bool(item.get("allow_default")))


def _neighbour(item: t.Mapping[str, t.Any], where: str) -> Neighbour:
    found = Neighbour(_address(item["neighbor"], f"{where}.neighbor"), item["asn"], item.get("local_preference"),
                      item.get("prepend"), item.get("med"))
    if found.local_preference is None and found.prepend is None and found.med is None:
        raise WishError(f"{where}: nothing is asked of {found.address}: give local_preference, prepend or med")
    if found.prepend == 0:
        raise WishError(f"{where}.prepend: 0 times is not at all: leave it out, or take it away by state absent")
    for name, value, most in (("local_preference", found.local_preference, 2**32 - 1), ("med", found.med, 2**32 - 1),
                              ("prepend", found.prepend, 10), ("asn", found.asn, 2**32 - 1)):
        if value is not None and not 0 <= value <= most:
            raise WishError(f"{where}.{name}: {value} is not between 0 and {most}")
    return found


def _membership(item: t.Mapping[str, t.Any], where: str) -> Membership:
    return Membership(_interface(item["interface"], where), zone_name(item["zone"], where))


def _multipath(item: t.Mapping[str, t.Any]) -> Multipath:
    found = Multipath(item["asn"], item.get("ebgp"), item.get("ibgp"))
    if found.ebgp is None and found.ibgp is None:
        raise WishError("multipath: nothing is asked: give ebgp or ibgp")
    for name, value, most in (("ebgp", found.ebgp, 64), ("ibgp", found.ibgp, 64), ("asn", found.asn, 2**32 - 1)):
        if value is not None and not 1 <= value <= most:
            raise WishError(f"multipath.{name}: {value} is not between 1 and {most}")
    return found


def zone_name(name: str, where: str) -> str:
    if not _WORD.match(name or ""):
        raise WishError(f"{where}.zone: {name!r} is not the name of a zone")
    return name


def _interface(name: str, where: str) -> str:
    if not _WORD.match(name or ""):
        raise WishError(f"{where}.interface: {name!r} is not the name of an interface")
    return name


def _prefix(text: str, where: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise WishError(f"{where}: {text!r} is not a prefix ({error})") from None


def _address(text: str, where: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise WishError(f"{where}: {text!r} is not an address") from None
