# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables of FortiOS: one per VRF, ways of the same prefix on lines of their own, a priority behind each."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

Ask = t.Callable[..., str]
WHOLE = {4: "get router info routing-table all", 6: "get router info6 routing-table"}
_VRF = re.compile(r"^Routing table for VRF=(?P<vrf>\d+)")
_ROUTE = re.compile(
    r"^(?P<code>[A-Za-z][A-Za-z0-9]?(?: [A-Z][A-Z0-9])?)\*? +(?P<dst>[0-9A-Fa-f.:]+/\d+)(?P<rest> .*)$")
_MORE = re.compile(r"^\s+(?P<rest>\[\d+/\d+\] .*)$")
_COST = re.compile(r"^\s*\[(?P<distance>\d+)/(?P<metric>\d+)\]")
_PRIORITY = re.compile(r"\[(?P<priority>\d+)/\d+\]\s*$")
_WAYS = (
    re.compile(r"is a summary, (?P<null>Null)"),
    re.compile(r"is directly connected, (?P<device>[^\s,]+)"),
    re.compile(r"via (?P<gateway>[0-9A-Fa-f.:]+) \(recursive (?:via (?P<next>[0-9A-Fa-f.:]+), |is directly connected, )"
               r"(?P<device>[^\s,)]+)\)"),
    re.compile(r"via (?P<far>[0-9A-Fa-f.:]+) \(recursive via (?P<device>\S+) tunnel [^)]*\)"),
    re.compile(r"via (?P<device>\S+) tunnel \S+"),
    re.compile(r"via (?P<gateway>[0-9A-Fa-f.:]+), (?P<device>[^\s,]+)"),
)
_ENTRY_WAYS = (
    re.compile(r"^\s*\* (?:vrf \d+ )?(?P<gateway>[0-9A-Fa-f.:]+),? via (?P<device>[^\s,]+)"),
    re.compile(
        r"^\s*\* (?:vrf \d+ )?(?P<gateway>[0-9A-Fa-f.:]+)(?: priority \d+)? \(recursive .*?(?P<device>[^\s,)]+)\)"),
    re.compile(r"^\s*\* (?:vrf \d+ )?directly connected, (?P<device>[^\s,]+)"),
)


def name_of(vrf: str) -> str:
    return "" if vrf == "0" else vrf


def vrf_of_interfaces(text: str) -> dict[str, str]:
    """The VRF of each interface, by where its own network is."""
    found, vrf = {}, "0"
    for line in text.splitlines():
        head = _VRF.match(line)
        vrf = head["vrf"] if head else vrf
        attached = re.match(r"^C .*is directly connected, (?P<device>[^\s,]+)", line)
        if attached and name_of(vrf):
            found[attached["device"]] = vrf
    return found


def read(asking: Asking, ask: Ask) -> Reading:
    """``ask`` asks in the virtual domain that is read."""
    routes: list[Dict] = []
    whys: list[str] = []
    covered: list[str] = []
    for family, command in WHOLE.items():
        try:
            count = words.number(ask(f"{command} | grep -c /"))
            if count is None or count <= asking.request.max_routes:
                found = _table(ask(command, patience=180), asking, family, command)
            else:
                found = _by_address(asking, ask, family, count)
        except Rejected:
            if family == 4:
                raise
            continue  # a model or a domain without IPv6
        routes += found.value
        whys += [found.why] if found.why else []
        covered += found.covered
    return Reading(routes, "; ".join(whys), tuple(covered) if whys else ())


def _table(text: str, asking: Asking, family: int, command: str) -> Reading:
    found: list[tuple[Dict, list[tuple[int, Dict]]]] = []
    strange: list[str] = []
    table = asking.table("")
    for line in text.splitlines():
        vrf, head, more = _VRF.match(line), _ROUTE.match(line), _MORE.match(line)
        if vrf:
            table = asking.table(name_of(vrf["vrf"]))
        rest = (head or more or {"rest": ""})["rest"]
        if not rest or (more and not found):
            strange += [line] if re.match(r"^[A-Za-z>].*\d/\d+", line) else []
            continue
        way = _way(rest)
        if way is None:
            strange.append(line)
            continue
        if head:
            cost = _COST.match(rest)
            found.append(({"family": family, "table": table, "dst": words.prefix(head["dst"]), "origin": head["code"],
                           **({"distance": int(cost["distance"])} if cost else {}),
                           **({"metric": int(cost["metric"])} if cost and int(cost["metric"]) else {})}, []))
        found[-1][1].append(way)
    asking.keep(command, strange)
    why = f"{len(strange)} lines of routes are not understood: {strange[0].strip()[:60]}" if strange else ""
    return Reading([route for head, ways in found for route in _closed(head, ways)], why)


def _way(rest: str) -> tuple[int, Dict] | None:
    """Its priority, and the way; None: not understood."""
    priority = _PRIORITY.search(rest)
    match = next(filter(None, (pattern.search(rest) for pattern in _WAYS)), None)
    if match is None:
        return None
    named = match.groupdict()
    if named.get("null"):
        return int(priority["priority"]) if priority else 0, {"type": "blackhole"}
    gateway = words.address(named.get("next") or named.get("gateway") or "")
    return int(priority["priority"]) if priority else 0, {
        **({"gateway": gateway} if gateway and gateway != "::" else {}), "device": named["device"]}


def _closed(head: Dict, ways: list[tuple[int, Dict]]) -> t.Iterator[Dict]:
    """Only the ways of the lowest priority carry packets; others are in the table, for the check of sources."""
    for position, level in enumerate(sorted({priority for priority, _way in ways})):
        legs = [leg for priority, leg in ways if priority == level]
        route = {**head, **({"installed": False} if position else {})}
        if any("type" in leg for leg in legs):
            yield {**route, "type": "blackhole"}
        else:
            yield {**route, "nexthops": legs}


def _by_address(asking: Asking, ask: Ask, family: int, count: int) -> Reading:
    wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
    found: dict[tuple[int, str], Dict] = {}
    current: Dict = {}
    word = "info6" if family == 6 else "info"
    for one in wanted:
        details = "routing-table" if family == 6 else "routing-table details"
        table = asking.table("")
        for line in ask(f"get router {word} {details} {one}").splitlines():
            vrf = _VRF.match(line)
            table = asking.table(name_of(vrf["vrf"])) if vrf else table
            head = re.match(r"^Routing entry for (?P<dst>\S+/\d+)", line)
            if head:
                current = found.setdefault((table, head["dst"]), {
                    "family": family, "table": table, "origin": "", "nexthops": [], "dst": words.prefix(head["dst"])})
                continue
            match = next(filter(None, (pattern.match(line) for pattern in _ENTRY_WAYS)), None)
            if match and current:
                gateway = match.groupdict().get("gateway")
                leg = {**({"gateway": gateway} if gateway else {}), "device": match["device"]}
                current["nexthops"] += [leg] if leg not in current["nexthops"] else []
    why = f"{count} routes of IPv{family}, more than {asking.request.max_routes}: asked by address"
    return Reading(list(found.values()), why, tuple(f"{one}/{128 if family == 6 else 32}" for one in wanted))
