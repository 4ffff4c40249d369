# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read the rules of iptables: of the legacy back end, and of the nft back end, whose extensions nft does not show.

Reading changes nothing: iptables-legacy-save makes the table that it is asked for (and a nat table switches
connection tracking on), so only tables that are there already are asked for.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, ipset, iptables_rules

Dict = dict[str, t.Any]
TABLES = ("raw", "mangle", "nat", "filter", "security")
MAX_OUTPUT = 32 << 20  # bytes of one table
LEGACY, NFT = "iptables-legacy", "iptables-nft"
_NAMES = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}


class Reading(t.NamedTuple):
    """Chains and the ipsets they ask, and what could not be read."""

    chains: list[Dict]
    sets: list[Dict]
    missing: list[str]


def read_legacy() -> Reading:
    """The tables of the legacy back end that exist in this network namespace."""
    saved, missing = [], []
    for family in (4, 6):
        try:
            names = _existing(family)
        except PermissionError:
            missing.append(f"{_tool_name(family)}-legacy can be read by root only (become: true)")
            continue
        for name in names:
            try:
                saved.append((family, _save(family, LEGACY, name)))
            except command.CommandError as error:
                missing.append(f"rules of {_tool_name(family)}-legacy ({name}) are not read: {error}")
    return _parse(saved, LEGACY, missing)


def read_nft(tables: t.Iterable[tuple[str, str]]) -> Reading:
    """Tables (family, name) of the nft back end.

    A table that iptables did not make, or that cannot be read so, is not in the chains: nft shows what it can of it.
    """
    saved, missing = [], []
    for nft_family, name in tables:
        family = 4 if nft_family == "ip" else 6
        try:
            text = _save(family, NFT, name)
        except command.CommandError as error:
            missing.append(str(error))
            continue
        if iptables_rules.INCOMPATIBLE not in text:
            saved.append((family, text))
    return _parse(saved, NFT, missing)


def _parse(saved: list[tuple[int, str]], backend: str, missing: list[str]) -> Reading:
    asks = any("--match-set" in text or "-j SET" in text for _family, text in saved)
    sets = read_sets() if asks else {}
    chains = [chain for family, text in saved for chain in iptables_rules.parse(text, family, backend, sets)]
    return Reading(chains, list(sets.values()), missing)


def read_sets() -> dict[str, Dict]:
    """The ipsets of the host; none where they cannot be read: rules that ask them are then unknown."""
    try:
        return ipset.parse(command.run_bounded(["ipset", "save"], MAX_OUTPUT))
    except command.CommandError:
        return {}


def _existing(family: int) -> list[str]:
    try:
        with open(_NAMES[family], encoding="ascii") as stream:
            return [name for name in stream.read().split() if name in TABLES]
    except FileNotFoundError:  # no such back end in this kernel
        return []


def _save(family: int, backend: str, table: str) -> str:
    return command.run_bounded([_save_tool(family, backend), "-c", "-t", table], MAX_OUTPUT)


@functools.cache
def _save_tool(family: int, backend: str) -> str:
    """The program that saves the rules of a back end; raises MissingToolError."""
    name = f"{_tool_name(family)}-{backend.partition('-')[2]}-save"
    plain = f"{_tool_name(family)}-save"
    if not command.find(name) and command.find(plain):
        version = command.run([plain, "-V"], check=False).stdout
        if ("nf_tables" in version) == (backend == NFT):  # before 1.8 there was one back end, and no word for it
            return plain
    return name


def _tool_name(family: int) -> str:
    return "iptables" if family == 4 else "ip6tables"


def holds_rules(chains: t.Iterable[Dict]) -> bool:
    """Whether any rule or policy can decide anything."""
    return any(chain["rules"] or chain.get("policy", "accept") != "accept" for chain in chains)
