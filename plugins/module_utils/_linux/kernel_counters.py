# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Counters of the network stack that bear on paths, under the names of nstat (/proc/net/netstat, /proc/net/snmp)."""

from __future__ import annotations

import typing as t

NAMES = (
    "TcpExtIPReversePathFilter",
    "TcpExtTCPTimeouts",
    "TcpExtTCPSynRetrans",
    "TcpExtListenDrops",
    "TcpRetransSegs",
    "TcpInSegs",
    "TcpOutSegs",
    "IpForwDatagrams",
    "IpInAddrErrors",
    "IpOutNoRoutes",
    "IpExtInNoRoutes",
    "IcmpInDestUnreachs",
    "IcmpInRedirects",
    "IcmpOutRedirects",
)
_FILES = ("/proc/self/net/netstat", "/proc/self/net/snmp")


def read() -> dict[str, int]:
    """The counters of NAMES that this kernel has; raises OSError where /proc is not readable."""
    found: dict[str, int] = {}
    for path in _FILES:
        with open(path, encoding="ascii") as stream:
            found.update(parse(stream.read()))
    return {name: found[name] for name in NAMES if name in found}


def parse(text: str) -> dict[str, int]:
    """Counters by name from pairs of lines: ``TcpExt: NAME ...`` and ``TcpExt: VALUE ...``. Pure."""
    counters: dict[str, int] = {}
    lines = text.splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        prefix, _colon, rest = names.partition(":")
        pairs: t.Iterable[tuple[str, str]] = zip(rest.split(), values.partition(":")[2].split())
        counters.update({prefix + name: int(value) for name, value in pairs})
    return counters
