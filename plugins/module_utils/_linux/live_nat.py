# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read our nft table and the connections that a change of source NAT may make wrong."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_FAMILY, NFT_TABLE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Connection
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import NatTable, parse_table
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import PrefixSet

_PAIR = re.compile(r"(src|dst|sport|dport|type|code|id|zone|zone-orig)=(\S+)")


def read_table() -> NatTable:
    """Our table as it is; raises CommandError."""
    argv = ["nft", "-j", "list", "table", NFT_FAMILY, NFT_TABLE]
    done = command.run(argv, check=False)
    if done.rc != 0 and "No such file" in done.stderr:
        return NatTable()
    if done.rc != 0:
        command.run(argv)  # raises with the reason
    listing = command.run(["nft", "-s", "-a", "list", "table", NFT_FAMILY, NFT_TABLE]).stdout
    return parse_table(json.loads(done.stdout), listing)


def read_connections(prefixes: t.Iterable[str]) -> list[Connection]:
    """The conntrack entries whose original destination lies in one of the prefixes; raises CommandError."""
    wanted = PrefixSet(prefixes)
    families = wanted.families()
    found = []
    for family in families:
        listing = command.run(["conntrack", "-L", "-f", f"ipv{family}"]).stdout
        entries = (parse_connection(family, line) for line in listing.splitlines())
        found += [entry for entry in entries if entry is not None and entry.destination in wanted]
    return found


def parse_connection(family: int, line: str) -> t.Optional[Connection]:
    """One line of ``conntrack -L``; None for a line that holds no entry."""
    words = line.split(None, 1)
    pairs = _PAIR.findall(line)
    addresses = [(key, value) for key, value in pairs if key in ("src", "dst")]
    if len(words) < 2 or len(addresses) < 4:
        return None
    original: dict[str, str] = {}
    for key, value in pairs:
        original.setdefault(key, value)  # the original tuple comes first
    icmp = None
    if "type" in original:
        icmp = (int(original["type"]), int(original.get("code", 0)), int(original.get("id", 0)))
    return Connection(
        family=family,
        protocol=words[0],
        source=addresses[0][1],
        destination=addresses[1][1],
        reply_source=addresses[2][1],
        reply_destination=addresses[3][1],
        sport=int(original["sport"]) if "sport" in original else None,
        dport=int(original["dport"]) if "dport" in original else None,
        icmp=icmp,
        zone=int(original.get("zone", original.get("zone-orig", "0"))),
        unreplied="[UNREPLIED]" in line,
    )
