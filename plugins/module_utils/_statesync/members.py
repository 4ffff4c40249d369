# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The members of a group of firewalls that share state, as the inventory declares them. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

_INTERFACE = re.compile(r"^[^\s/:]{1,15}$")
# What must be the same on all members, or one of them drops what another one has let through.
COMPARED = ("nf_conntrack_max", "nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal")
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Member:
    """One firewall of the group, and where it sends and receives state."""

    name: str
    interface: str
    address: str
    sysctls: t.Mapping[str, int] = dataclasses.field(default_factory=dict)  # what it has; empty: it was not asked
    version: str = ""  # of its conntrackd; empty: not known
    agreed: t.Mapping[str, str] = dataclasses.field(default_factory=dict)  # options that all must have alike, as text

    @property
    def family(self) -> int:
        return ipaddress.ip_address(self.address).version


@dataclasses.dataclass(frozen=True)
class Group:
    """The members as one of them sees them."""

    own: Member
    peers: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        return (self.own, *self.peers)


def read_group(members: t.Sequence[Data], own: str) -> Group:
    """Read the option ``members``; ``own`` is the name of this host among them. Raises PlanError."""
    found = [_read(data, f"members[{position}]") for position, data in enumerate(members, 1)]
    names = [one.name for one in found]
    for position, one in enumerate(found):
        for other in found[:position]:
            if other.name == one.name:
                raise PlanError(f"members: {one.name} is listed twice; list each firewall of the group once")
            if ipaddress.ip_address(other.address) == ipaddress.ip_address(one.address):
                raise PlanError(
                    f"members: {other.name} and {one.name} both have {one.address}; give each its own address on the "
                    "link (state_sync_address)"
                )
    if own not in names:
        raise PlanError(f"{own} is not among the members ({', '.join(names) or 'none'}); run the role on members only")
    if len(found) < 2:
        raise PlanError(
            f"{own} is the only member, so there is nobody to share state with; put the other firewalls of the pair "
            "into the group of the inventory that state_sync_group names"
        )
    families = {one.family for one in found}
    if len(families) > 1:
        told = ", ".join(f"{one.name} {one.address}" for one in found)
        raise PlanError(f"members: the addresses are of both address families ({told}); give all of one family")
    return Group(next(one for one in found if one.name == own), tuple(one for one in found if one.name != own))


def _read(data: Data, where: str) -> Member:
    name = str(data.get("name") or "")
    if not name:
        raise PlanError(f"{where}: name is missing")
    where = f"{where} ({name})"
    interface, text = str(data.get("interface") or ""), str(data.get("address") or "")
    if not interface:
        raise PlanError(
            f"{where}: the interface of the sync link is missing; set state_sync_interface of {name} in the inventory"
        )
    if not _INTERFACE.match(interface):
        raise PlanError(f"{where}: interface {interface!r} is not the name of an interface")
    if not text:
        raise PlanError(
            f"{where}: the address on the sync link is missing; set state_sync_address of {name} in the inventory"
        )
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        raise PlanError(f"{where}: {text!r} is not an IP address (state_sync_address)") from None
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local:
        raise PlanError(
            f"{where}: {address} cannot be the address of a member; give one that stays and is unique on the link, "
            "such as of 172.31.0.0/30 or fd00::/64"
        )
    sysctls = {str(key): int(value) for key, value in (data.get("sysctls") or {}).items()}
    agreed = {str(key): str(value) for key, value in (data.get("agreed") or {}).items()}
    return Member(name, interface, str(address), sysctls, str(data.get("version") or ""), agreed)


def check_equal(group: Group, wanted: t.Mapping[str, int]) -> None:
    """Raise PlanError where members differ in a kernel parameter that ``wanted`` does not set on all of them."""
    for name in COMPARED:
        values = {one.name: one.sysctls[name] for one in group.members if name in one.sysctls}
        if name not in wanted and len(set(values.values())) > 1:
            told = ", ".join(f"{value} on {member}" for member, value in values.items())
            raise PlanError(
                f"{name} is {told}: what one member takes another one would drop. Set it on all of them with "
                f"state_sync_sysctls: {{{name}: ...}}"
            )


def check_agreed(group: Group) -> None:
    """Raise PlanError where members were told different things, such as other modes."""
    for name in sorted({name for one in group.members for name in one.agreed}):
        values = {one.name: one.agreed[name] for one in group.members if name in one.agreed}
        if len(set(values.values())) > 1:
            told = ", ".join(f"{value} on {member}" for member, value in values.items())
            raise PlanError(
                f"state_sync_{name} is {told}: members that differ in it do not share all; set it once, for the group"
            )


def doubts(group: Group) -> list[str]:
    """What could not be compared, or differs and may do so, for the user to know."""
    found = []
    silent = [one.name for one in group.peers if not one.sysctls]
    if silent and group.own.sysctls:  # else nobody has been asked yet
        found.append(
            f"{', '.join(silent)} did not take part in this run: whether its kernel parameters are the same is unknown"
        )
    versions = {one.name: one.version for one in group.members if one.version}
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{version} on {member}" for member, version in versions.items())
        found.append(f"conntrackd is {told}: run one version, its messages are not promised to stay the same")
    return found


def from_inventory(
    groups: t.Mapping[str, t.Sequence[str]], variables: t.Mapping[str, Data], group: str, seen: str
) -> dict[str, t.Any]:
    """The options ``members`` and ``other_groups`` of the module, out of the inventory's groups and variables.

    ``variables`` are of the members, and of hosts of other groups where these are to be known.
    ``seen`` is the variable with what each member's first look has told. Raises PlanError.
    """
    if group not in groups:
        raise PlanError(f"state_sync_group: the inventory has no group {group!r}; it has {', '.join(sorted(groups))}")
    members = []
    for name in groups[group]:
        told = variables[name]
        look = told.get(seen) or {}
        members.append(
            {
                "name": name,
                "interface": told.get("state_sync_interface") or "",
                "address": told.get("state_sync_address") or "",
                "sysctls": look.get("sysctls") or {},
                "version": look.get("version") or "",
                "agreed": look.get("agreed") or {},
            }
        )
    others: dict[str, dict[str, t.Any]] = {}
    for told in variables.values():
        other = told.get("state_sync_group")
        if other and other != group and told.get("state_sync_transport") == "multicast":
            others[str(other)] = {
                "name": str(other),
                "multicast_address": told.get("state_sync_multicast_address") or "",
                "port": told.get("state_sync_port") or 0,
            }
    return {"members": members, "other_groups": list(others.values())}
