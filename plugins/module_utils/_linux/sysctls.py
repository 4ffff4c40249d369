# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Kernel settings that decide about paths, read from /proc/sys by path segments (an interface may be called v0.100)."""

from __future__ import annotations

import os
import typing as t

ROOT = "/proc/sys"
NAMES = (
    "net/ipv4/ip_forward",
    "net/ipv4/ip_forward_use_pmtu",
    "net/ipv4/ip_nonlocal_bind",
    "net/ipv4/fib_multipath_hash_policy",
    "net/ipv4/fib_multipath_hash_fields",
    "net/ipv4/fib_multipath_hash_seed",
    "net/ipv4/fib_multipath_use_neigh",
    "net/ipv4/nexthop_compat_mode",
    "net/ipv4/fwmark_reflect",
    "net/ipv4/tcp_fwmark_accept",
    "net/ipv4/tcp_l3mdev_accept",
    "net/ipv4/udp_l3mdev_accept",
    "net/ipv4/raw_l3mdev_accept",
    "net/ipv4/ip_no_pmtu_disc",
    "net/ipv4/tcp_mtu_probing",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/fib_multipath_hash_policy",
    "net/ipv6/fib_multipath_hash_fields",
    "net/ipv6/fwmark_reflect",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
)
INTERFACE_V4 = (
    *("rp_filter", "src_valid_mark", "accept_local", "forwarding", "arp_filter", "arp_ignore", "arp_announce"),
    *("log_martians", "ignore_routes_with_linkdown", "send_redirects", "accept_redirects", "route_localnet"),
)
INTERFACE_V6 = {
    "forwarding": "forwarding6",
    "disable_ipv6": "disable_ipv6",
    "ignore_routes_with_linkdown": "ignore_routes_with_linkdown6",
    "accept_ra": "accept_ra",
    "mtu": "mtu6",
}
CONNTRACK = {
    "tcp_loose": "net/netfilter/nf_conntrack_tcp_loose",
    "tcp_be_liberal": "net/netfilter/nf_conntrack_tcp_be_liberal",
    "tcp_ignore_invalid_rst": "net/netfilter/nf_conntrack_tcp_ignore_invalid_rst",
    "acct": "net/netfilter/nf_conntrack_acct",
}


def read_value(*segments: str) -> t.Optional[int]:
    """The number that a setting holds; None where this kernel or namespace has no such setting, or hides it."""
    try:
        descriptor = os.open("/".join((ROOT, *segments)), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return int(os.read(descriptor, 64).split()[0], 0)
    except (OSError, ValueError, IndexError):  # some settings can only be written, or hold no number
        return None
    finally:
        os.close(descriptor)


def read_values(names: t.Iterable[str] = NAMES) -> dict[str, int]:
    """Settings by their path below /proc/sys; those that do not exist are left out."""
    values = {name: read_value(*name.split("/")) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def read_interfaces() -> dict[str, dict[str, int]]:
    """The settings of every interface, and of ``all`` and ``default``."""
    result: dict[str, dict[str, int]] = {}
    for family, names in (("ipv4", dict(zip(INTERFACE_V4, INTERFACE_V4))), ("ipv6", INTERFACE_V6)):
        for interface in _list("net", family, "conf"):
            values = result.setdefault(interface, {})
            for name, key in names.items():
                value = read_value("net", family, "conf", interface, name)
                if value is not None:
                    values[key] = value
    return result


def paths_of_interface(interface: str) -> dict[str, str]:
    """The keys of ``read_interfaces`` for one interface, with their paths below /proc/sys. Pure."""
    paths = {name: f"net/ipv4/conf/{interface}/{name}" for name in INTERFACE_V4}
    paths.update({key: f"net/ipv6/conf/{interface}/{name}" for name, key in INTERFACE_V6.items()})
    return paths


def _list(*segments: str) -> list[str]:
    try:
        return os.listdir("/".join((ROOT, *segments)))
    except OSError:
        return []


def effective_rp_filter(interfaces: t.Mapping[str, t.Mapping[str, int]]) -> dict[str, dict[str, t.Any]]:
    """The mode in force on each interface and where it comes from: max(all, interface), see IN_DEV_MAXCONF. Pure."""
    everywhere = interfaces.get("all", {}).get("rp_filter", 0)
    result = {}
    for name, values in interfaces.items():
        if name in ("all", "default") or "rp_filter" not in values:
            continue
        own = values["rp_filter"]
        origin = "both" if own == everywhere else ("interface" if own > everywhere else "all")
        result[name] = {"mode": max(own, everywhere), "origin": origin}
    return result
