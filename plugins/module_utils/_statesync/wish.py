# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a member shall run: the options of the module state_sync, and the addresses that it must leave out. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.members import Data, Group, read_group

MULTICAST = {4: "225.0.0.50", 6: "ff05::32"}
PROTOCOLS = {
    "tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "icmpv6": "IPv6-ICMP", "sctp": "SCTP", "dccp": "DCCP",
}
SYSCTLS = "net/netfilter"
_SYSCTL = re.compile(r"^nf_conntrack_[a-z0-9_]+$")
_HELPER = re.compile(r"^[a-z0-9][a-z0-9.-]{1,31}$")
_PATH = re.compile(r"^/[^\s\"{}#]*[^\s\"{}#/]$")  # what conntrackd reads as a path
_Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the daemon has its files; each member needs its own where several share one file system."""

    configuration: str
    lock: str
    socket: str
    log: str  # empty: syslog


@dataclasses.dataclass(frozen=True)
class Wish:
    """The daemon of one member."""

    group: Group
    mode: str  # ftfw, notrack, alarm
    split: bool  # both directions of a flow may cross different members
    transport: str  # udp, multicast
    multicast: str  # the address; empty with udp
    port: int
    protocols: tuple[str, ...]  # those that are shared; empty: all
    expectations: tuple[str, ...]
    ignored: tuple[str, ...]  # addresses beside those of the host itself
    sysctls: t.Mapping[str, int]
    places: Places
    shared_link: bool  # accepted: the link carries other traffic too
    restricted: bool  # only peers reach the port


def agreed(params: Data) -> dict[str, str]:
    """The options that all members must have alike, as text, to be compared."""
    found = {name: str(params[name]) for name in ("mode", "paths", "transport", "port")}
    if params["transport"] == "multicast":
        found["multicast_address"] = params["multicast_address"] or "the default"
    for name, nothing in (("protocols", "all"), ("expectations", "none")):
        found[name] = ", ".join(sorted(set(params[name] or ()))) or nothing
    return found


def read_places(params: Data) -> Places:
    """The options that say where files are; raises PlanError."""
    for name in ("configuration", "lock", "socket", "log"):
        if (params[name] or name != "log") and not _PATH.match(params[name] or ""):
            raise PlanError(f"{name}: {params[name]!r} is not an absolute path that conntrackd can read")
    if len({params[name] for name in ("configuration", "lock", "socket", "log")}) < 4:
        raise PlanError("configuration, lock, socket and log are to be different files")
    return Places(params["configuration"], params["lock"], params["socket"], params["log"] or "")


def read_wish(params: Data) -> Wish:
    """Read the options of the module; raises PlanError."""
    group = read_group(params["members"] or (), params["name"] or "")
    mode, split, transport = params["mode"], params["paths"] == "split", params["transport"]
    _check_mode(group, mode, split, transport)
    port = int(params["port"])
    if not 1 <= port <= 65535:
        raise PlanError(f"port {port} is not within 1 to 65535")
    multicast = _multicast(params, group) if transport == "multicast" else ""
    _check_others(params.get("other_groups") or (), multicast, port, group.own.family)
    for helper in params["expectations"] or ():
        if not _HELPER.match(helper):
            raise PlanError(f"expectations: {helper!r} is not the name of a helper, such as ftp or sip")
    sysctls = {}
    for name, value in (params["sysctls"] or {}).items():
        if not _SYSCTL.match(name):
            raise PlanError(f"sysctls: {name!r} is not a parameter of connection tracking (nf_conntrack_...)")
        try:
            sysctls[name] = int(value)
        except (TypeError, ValueError):
            raise PlanError(f"sysctls: {name} is to be a whole number, not {value!r}") from None
    return Wish(
        group, mode, split, transport, multicast, port,
        tuple(sorted(set(params["protocols"] or ()))), tuple(sorted(set(params["expectations"] or ()))),
        tuple(_network(one) for one in params["ignore_addresses"] or ()), sysctls, read_places(params),
        bool(params["accept_shared_link"]), bool(params["restrict_peers"]),
    )


def _check_mode(group: Group, mode: str, split: bool, transport: str) -> None:
    if split and mode == "alarm":
        raise PlanError(
            "mode alarm keeps what peers send in a cache until a failover, so a reply by another path finds no state; "
            "use ftfw or notrack, or set paths to failover"
        )
    if len(group.peers) > 1 and transport != "multicast":
        names = ", ".join(one.name for one in group.peers)
        raise PlanError(
            f"transport udp reaches one peer, and {group.own.name} has {len(group.peers)} ({names}); set transport to "
            "multicast"
        )
    if len(group.peers) > 1 and mode == "ftfw":
        raise PlanError(
            f"mode ftfw counts the messages of one peer, and drops those of the others; {group.own.name} has "
            f"{len(group.peers)} peers: set mode to notrack"
        )


def _multicast(params: Data, group: Group) -> str:
    text = params["multicast_address"] or MULTICAST[group.own.family]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise PlanError(f"multicast_address: {text!r} is not an IP address") from None
    if not address.is_multicast or address.version != group.own.family:
        raise PlanError(
            f"multicast_address: {text} is no multicast address of IPv{group.own.family}, as the members have"
        )
    if address.version == 6 and address.packed[1] & 0xF <= 2:
        raise PlanError(
            f"multicast_address: to {text} members send from link-local addresses, which no rule can tell from "
            f"those of strangers; give one of a wider scope, such as {MULTICAST[6]}"
        )
    return str(address)


def _check_others(others: t.Iterable[Data], multicast: str, port: int, family: int) -> None:
    for other in others:
        address = other.get("multicast_address") or MULTICAST[family]
        if multicast and address == multicast and int(other.get("port") or port) == port:
            raise PlanError(
                f"multicast_address: group {other['name']} uses {multicast} port {port}, too: members would take each "
                "other's state. Give one of both groups another state_sync_multicast_address"
            )


def _network(text: str) -> str:
    """An address or prefix as conntrackd reads it."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PlanError(f"ignore_addresses: {text!r} is neither an IP address nor a prefix") from None
    return _shown(network)


def _shown(network: _Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _within(one: _Network, other: _Network) -> bool:
    return other.prefixlen < one.prefixlen and one.network_address in other


def ignored_addresses(wish: Wish, own: t.Iterable[str]) -> list[str]:
    """Whose flows are not shared: this host's own, the loopback's, link-local ones and those of the sync link.

    ``own`` are the addresses of all interfaces. IPv4 first, in the order of their numbers.
    """
    networks = {ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1", "fe80::/10", *wish.ignored)}
    networks |= {ipaddress.ip_network(one.address) for one in wish.group.members}
    networks |= {ipaddress.ip_network(text) for text in own}
    found: list[str] = []
    for version in (4, 6):
        same = [one for one in networks if one.version == version]
        kept = [one for one in same if not any(other != one and _within(one, other) for other in same)]
        found += [_shown(one) for one in sorted(kept, key=lambda one: (int(one.network_address), one.prefixlen))]
    return found
