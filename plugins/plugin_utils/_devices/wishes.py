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
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,30}$")
_WORD = re.compile(r"^[\w./:-]+$")
PREFIX = "NPS-"  # what we make has a name that begins so


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
    symmetric_return: bool = False
    verify: bool = False  # use the next hop only while it answers

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
class Wishes:
    """Everything that is asked of one device; with ``absent`` it is taken away instead."""

    policies: tuple[Policy, ...] = ()
    reverse_path: tuple[ReversePath, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    absent: bool = False


def read_wishes(options: t.Mapping[str, t.Any]) -> Wishes:
    """The wishes of a task's options; raises WishError."""
    found = Wishes(
        tuple(_policy(item, f"policies[{number}]") for number, item in enumerate(options.get("policies") or [])),
        tuple(_check(item, f"reverse_path[{number}]") for number, item in enumerate(options.get("reverse_path") or [])),
        tuple(_neighbour(item, f"bgp[{number}]") for number, item in enumerate(options.get("bgp") or [])),
        options.get("state") == "absent",
    )
    for what, names in (("policies", [one.name for one in found.policies]),
                        ("reverse_path", [one.interface for one in found.reverse_path]),
                        ("bgp", [one.address for one in found.neighbours])):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise WishError(f"{what}: {twice!r} is there twice; name it once")
    if not (found.policies or found.reverse_path or found.neighbours):
        raise WishError("nothing is asked for: give policies, reverse_path or bgp")
    return found


def _policy(item: t.Mapping[str, t.Any], where: str) -> Policy:
    if not _NAME.match(item["name"]):
        raise WishError(f"{where}.name: {item['name']!r} is not made of at most 31 letters, digits, '_' and '-'")
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
    next_hop = _address(item["next_hop"], f"{where}.next_hop")
    if any((":" in one) != (":" in next_hop) for one in (*sources, *destinations)):
        raise WishError(f"{where}: next_hop {next_hop} is of another address family than what it matches")
    if not sources and not destinations:
        raise WishError(f"{where}: neither sources nor destinations: a policy for every packet would also take the "
                        "session that it is made over; name what it is for")
    return Policy(item["name"], _interface(item["interface"], where), next_hop, sources, destinations, protocol, dports,
                  bool(item.get("symmetric_return")), bool(item.get("verify")))


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
