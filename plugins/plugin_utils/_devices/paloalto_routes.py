# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables of PAN-OS: virtual routers of the classic engine, logical routers of the advanced one."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

DEFAULT = "default"  # the virtual router that a firewall comes with; it stands for the main table
_ROUTER = re.compile(r"^(?:VIRTUAL|LOGICAL) ROUTER: *(?P<name>.+?)(?: \(id \d+\))?\s*$", re.I)
_PREFIX = re.compile(r"^(?P<dst>[0-9A-Fa-f:.]+/\d+)\s+(?P<rest>\S.*)$")
_FLAG = re.compile(r"^(?:[A?~]*(?:[A-Z]|O[io12])|[A?~]+)$")  # A, A?B, S, C, H, B, Oi, E ...
_INTERFACE = re.compile(r"^(?:ethernet|ae|vlan|loopback|tunnel|sdwan|dedicated|aux|ha)[\w./-]*$")
_VIA = re.compile(r"(?:via (?P<gateway>[0-9A-Fa-f.:]+) +)?interface (?P<device>[\w./-]+)")
_CODES = {"static": "S", "connected": "C", "connect": "C", "local": "H", "host": "H", "bgp": "B", "ospf": "O",
          "ospfv3": "O", "rip": "R"}


def name_of(router: str) -> str:
    """The name that the table of a router goes by."""
    return "" if router == DEFAULT else router


def routers(asking: Asking) -> list[str]:
    """Names as the device writes them, of those that have interfaces."""
    return sorted({one.get("vrf", DEFAULT) for one in asking.facts["interfaces"].values() if one["addresses"]})


def read(asking: Asking) -> Reading:
    """All tables, whole where they are small, else by the addresses of interest."""
    if not routers(asking):
        return Reading([])
    count = _count(asking)
    if count is None or count <= asking.request.max_routes:
        command = "show routing route"
        try:
            text = asking.ask(command, patience=180)
            if not any(map(_ROUTER.match, text.splitlines())):
                raise Rejected("the classic routing engine has no router")  # the advanced one answers elsewhere
        except Rejected:
            command = "show advanced-routing route"
            text = asking.ask(command, patience=180)
        return _tables(text, asking, command)
    found = [route for router in routers(asking) for address in asking.request.addresses
             for route in _by_address(asking, router, address)]
    why = f"{count} routes, more than {asking.request.max_routes}: asked by address"
    covered = tuple(f"{one}/{128 if ':' in one else 32}" for one in asking.request.addresses)
    return Reading(found, why, covered)


def _count(asking: Asking) -> int | None:
    """How many routes there are in all routers; None where the summary does not say."""
    try:
        text = asking.ask("show routing summary", "show advanced-routing route summary")
    except Rejected:
        return None
    found = re.findall(r"(?:All-Routes|All routes)\W+total:? +(\d+)", text, re.I)
    return sum(map(int, found)) if found else None


def _tables(text: str, asking: Asking, command: str) -> Reading:
    found: dict[tuple[int, str], Dict] = {}
    strange: list[str] = []
    table = asking.table("")
    for line in text.splitlines():
        router = _ROUTER.match(line)
        match = _PREFIX.match(line.strip())
        if router:
            table = asking.table(name_of(router["name"]))
        elif match:
            row = _row(match, asking, "advanced" in command)
            if row is None:
                strange.append(line)
            elif row:
                _add(found, table, row)
    asking.keep(command, strange)
    why = f"{len(strange)} routes are not understood: {strange[0].split()[0]}" if strange else ""
    return Reading(list(found.values()), why)


def _row(match: re.Match[str], asking: Asking, advanced: bool) -> Dict | None:
    """``{dst, origin, metric, distance, leg}``; None: not understood, empty: not in use, or of the firewall itself."""
    rest = match["rest"].split()
    protocol = rest.pop(0).lower() if advanced and not words.address(rest[0]) else ""
    gateway = _gateway(rest, asking)
    numbers = [int(rest.pop(0)) for _unused in range(2) if rest and rest[0].isdigit()]
    flags = []
    while rest and _FLAG.match(rest[0]) and not _INTERFACE.match(rest[0]):
        flags.append(rest.pop(0))
    device = next((word for word in rest if word in asking.facts["interfaces"] or _INTERFACE.match(word)), "")
    if not numbers or not flags:
        return None
    if not flags[0].startswith("A"):
        return {}
    origin = _CODES.get(protocol, protocol) or next((flag for flag in flags[1:] if flag != "E"), "")
    if origin == "H":
        return {}
    if gateway is None or not (gateway or device):
        return None
    leg = {} if origin == "C" or "type" in gateway else dict(gateway)
    if device and "table" not in leg:
        leg["device"] = device
    return {"dst": words.prefix(match["dst"]), "origin": origin, "metric": numbers[-1],
            "distance": numbers[0] if len(numbers) > 1 else None, "leg": leg, "type": gateway.get("type")}


def _gateway(rest: list[str], asking: Asking) -> Dict | None:
    """Take the next hop off the words: an address, another router, discard, or nothing; None: not understood."""
    address = words.address(rest[0]) if rest else None
    if address:
        rest.pop(0)
        return {} if address in ("0.0.0.0", "::") else {"gateway": address}
    if rest[:1] in (["vr"], ["lr"], ["next-vr"]) and len(rest) > 1:
        rest.pop(0)
        return {"table": asking.table(name_of(rest.pop(0)))}
    if rest[:1] == ["discard"]:
        rest.pop(0)
        return {"type": "blackhole"}
    return {} if rest and rest[0].isdigit() else None


def _add(found: dict[tuple[int, str], Dict], table: int, row: Dict) -> None:
    """One row is one way; rows of the same prefix are ways that share its load."""
    route = found.setdefault((table, row["dst"]), {
        "family": words.family_of(row["dst"]), "table": table, "dst": row["dst"], "origin": row["origin"],
        **({"distance": row["distance"]} if row["distance"] is not None else {}),
        **({"metric": row["metric"]} if row["metric"] else {}), **({"type": row["type"]} if row["type"] else {}),
        **({} if row["type"] else {"nexthops": []})})
    if "nexthops" in route and row["leg"] and row["leg"] not in route["nexthops"]:
        route["nexthops"].append(row["leg"])


def lookup_commands(router: str, address: str) -> tuple[str, ...]:
    """The classic engine's, then the advanced one's."""
    return (f"test routing fib-lookup virtual-router {router} ip {address}",
            f"test advanced-routing fib-lookup logical-router {router} ip {address}")


def legs(text: str) -> list[Dict]:
    """The ways that a lookup answers with; none where there is no route."""
    return [{**({"gateway": one["gateway"]} if one["gateway"] else {}), "device": one["device"]}
            for one in _VIA.finditer(text)]


def _by_address(asking: Asking, router: str, address: str) -> t.Iterator[Dict]:
    ways: list[Dict] = []
    classic, advanced = lookup_commands(router, address)
    for command in (f"{classic} ecmp yes", classic, advanced):
        try:
            ways = legs(asking.ask(command))
        except Rejected:
            continue
        if ways:
            break
    if ways:
        yield {"family": words.family_of(address), "table": asking.table(name_of(router)), "origin": "",
               "dst": words.prefix(address), "nexthops": ways}
