# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Uplinks whose address and gateway come by DHCP or RA: as declared, as they are now, and what follows them. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL, SCOPES, STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import read_specifics
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing_script import SCRIPT
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import ANY
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import check_name
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.resident import HEAD, shown

NAME = "symmetry-lease-routing"
SCRIPT_PATH = f"{STATE_DIR}/{NAME}"
CONF_PATH = f"{STATE_DIR}/lease-routing.conf"
RUN_DIR = f"{STATE_DIR}/lease-routing"
# A rule and two tables each, behind the rule that looks into main.
MOST = (SCOPES["lease_routing"][1] - SCOPES["lease_routing"][0]) // 2
WHO = "follower"
MAIN = 254
FAMILIES = {"ipv4": 4, "ipv6": 6}
_INTERFACE = re.compile(r"^[^\s/:]{1,15}$")
Data = t.Mapping[str, t.Any]

# It looks before the network is up, so that the first lease finds it there; whatever ends it, it is started again.
UNIT = f"""{HEAD}
[Unit]
Description=Let source rules follow the leases of the uplinks
After=network-pre.target
ConditionPathExists={SCRIPT_PATH}
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh {SCRIPT_PATH} run
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""


@dataclasses.dataclass(frozen=True)
class Uplink:
    """One uplink of one address family whose lease is followed."""

    name: str
    family: int
    interface: str
    behind: tuple[str, ...] = ()  # interfaces with prefixes that are delegated by this uplink

    def line(self) -> str:
        return " ".join(["uplink", f"{self.name}-{self.family}", str(self.family), self.interface, *self.behind])


@dataclasses.dataclass(frozen=True)
class Leases:
    """All whose leases are followed."""

    uplinks: tuple[Uplink, ...]
    specifics: tuple[str, ...]  # main, uplink or prefixes, as in source_routing

    def text(self) -> str:
        """The follower's configuration."""
        # As the kernel tells of a rule to a single address.
        specifics = [one.removesuffix("/32").removesuffix("/128") for one in self.specifics]
        lines = [HEAD, f"specifics {' '.join(specifics)}", *(one.line() for one in self.uplinks)]
        return "".join(f"{line}\n" for line in lines)


def read_leases(params: Data) -> Leases:
    """Read the options of lease_routing; raises PlanError."""
    uplinks: list[Uplink] = []
    for position, one in enumerate(params["uplinks"] or (), 1):
        uplinks += _read(one, f"uplinks[{position}]")
    if not uplinks:
        raise PlanError("uplinks is empty; declare the uplinks with leases, or set state to absent")
    if len(uplinks) > MOST:
        raise PlanError(f"uplinks: {len(uplinks)} leases are declared, at most {MOST} can be followed")
    for position, lease in enumerate(uplinks):
        for other in uplinks[:position]:
            if other.family == lease.family and lease.name == other.name:
                raise PlanError(f"uplinks: {lease.name!r} is declared twice for IPv{lease.family}; name each once")
            if other.family == lease.family and lease.interface == other.interface:
                raise PlanError(
                    f"uplinks {other.name!r} and {lease.name!r} are both on {lease.interface}; its leases cannot be "
                    "told from each other, declare one of them"
                )
    return Leases(tuple(uplinks), read_specifics(params["specifics"]))


def _read(data: Data, where: str) -> list[Uplink]:
    name = str(data.get("name") or "")
    check_name(name, where)
    behind = tuple(str(one) for one in data.get("delegated_to") or ())
    families = [FAMILIES[one] for one in data.get("families") or ["ipv4"]]
    if len(set(families)) != len(families):
        raise PlanError(f"{where} ({name}): families names one of them twice")
    for each in (str(data.get("interface") or ""), *behind):
        if not _INTERFACE.match(each):
            raise PlanError(f"{where} ({name}): {each!r} is not the name of an interface")
    if behind and 6 not in families:
        raise PlanError(f"{where} ({name}): delegated_to is about IPv6 prefixes; add ipv6 to families, or leave it out")
    return [Uplink(name, one, str(data["interface"]), behind if one == 6 else ()) for one in sorted(families)]


def check_leases(leases: Leases, host: Host) -> None:
    """Raise PlanError for an uplink that has no lease now, as nobody could tell whether following it works."""
    for one in leases.uplinks:
        where = f"uplink {one.name}"
        for each in (one.interface, *one.behind):
            if each not in host.interfaces:
                known = ", ".join(sorted(host.interfaces)) or "none"
                raise PlanError(f"{where}: interface {each!r} does not exist on this host; it has {known}")
        if not addresses_of(host.interfaces, one):
            raise PlanError(
                f"{where}: {one.interface} has no IPv{one.family} address, so there is no lease to follow; see that "
                f"{'DHCP' if one.family == 4 else 'a router advertisement or DHCPv6'} gives it one, and run this again"
            )
        if default_of(host.routes, one) is None:
            raise PlanError(f"{where}: {_why_no_default(one, host)}, or declare the gateway without from_lease")


def _why_no_default(one: Uplink, host: Host) -> str:
    """What is there instead of a default route of the main table by the uplink alone, and what to do about it."""
    found = [
        route
        for route in host.routes
        if route.family == one.family
        and route.dst == ANY[one.family]
        and route.protocol != PROTOCOL
        and one.interface in [leg.device for leg in route.nexthops]
    ]
    for route in found:
        if route.table == MAIN:
            legs = ", ".join(f"{leg.gateway or 'no gateway'} by {leg.device}" for leg in route.nexthops)
            return (
                f"the IPv{one.family} default route of the main table has several next hops ({legs}), and only one "
                f"by {one.interface} alone is followed; let the network manager make a default route for each uplink, "
                "with metrics of their own"
            )
    if found:
        tables = ", ".join(str(number) for number in sorted({route.table for route in found}))
        return (
            f"the IPv{one.family} default route by {one.interface} is in table {tables}, and only those of the main "
            "table are followed; let the network manager put the gateway of the lease into the main table (with a "
            "higher metric, where another uplink shall be preferred)"
        )
    return (
        f"the main table has no IPv{one.family} default route by {one.interface}, so its gateway is not known; let "
        "the network manager take the gateway from the lease (with a higher metric, where another uplink shall be "
        "preferred)"
    )


def addresses_of(interfaces: Data, uplink: Uplink) -> list[str]:
    """The addresses of the uplink's family that may be sources."""
    return [
        str(one["address"])
        for one in interfaces[uplink.interface].get("addresses", ())
        if one["family"] == uplink.family
        and one.get("scope", "global") == "global"
        and not {"tentative", "dadfailed"} & set(one.get("flags", ()))
    ]


def default_of(routes: t.Iterable[Route], uplink: Uplink) -> t.Optional[NextHop]:
    """The next hop of the best default route of the main table that leaves by the uplink alone."""
    found = [
        route
        for route in routes
        if route.table == MAIN
        and route.family == uplink.family
        and route.dst == ANY[uplink.family]
        and route.protocol != PROTOCOL
        and len(route.nexthops) == 1
        and route.nexthops[0].device == uplink.interface
    ]
    return min(found, key=lambda route: route.metric or 0).nexthops[0] if found else None


def as_now(leases: Leases, host: Host) -> list[dict[str, t.Any]]:
    """The uplinks with what their leases give now, as source_rules_desired takes them: the ground of a forecast.

    Raises PlanError for an uplink without a lease.
    """
    check_leases(leases, host)
    found = []
    for one in leases.uplinks:
        leg = default_of(host.routes, one)
        gateway = {"gateway": leg.gateway} if leg and leg.gateway else {}
        addresses = addresses_of(host.interfaces, one)
        found.append({"name": one.name, "interface": one.interface, "addresses": addresses, **gateway})
    return found


def planned_text(leases: t.Optional[Leases]) -> str:
    """What the host holds afterwards; nothing without leases."""
    return shown(leases.text(), SCRIPT, UNIT, True, WHO) if leases else ""
