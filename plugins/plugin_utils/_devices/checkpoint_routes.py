# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables of Gaia, and the rules of its policy-based routing as they are configured."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

WHOLE = {4: "show route", 6: "show ipv6 route"}
PBR = "show configuration pbr"
_ROUTE = re.compile(r"^(?P<code>[A-Za-z](?:[ ,]*[A-Za-z]{1,2})?)\s+(?P<dst>[0-9A-Fa-f.:]+/\d+)\s+(?P<rest>\S.*)$")
_VIA = re.compile(r"^\s*via (?P<gateway>[0-9A-Fa-f.:]+)(?:, (?P<device>[^\s,]+))?(?:, cost (?P<cost>\d+))?")
_ATTACHED = re.compile(r"^is directly connected, (?P<device>[^\s,]+)")
_NOWHERE = re.compile(r"\b(?P<kind>blackhole|reject)\b", re.I)
_UNUSED = frozenset("HPUi")  # hidden, suppressed, unreachable, inactive
_RULE = re.compile(r"^set pbr rule priority (?P<priority>\d+) (?P<part>match|action) (?P<rest>.+?)\s*$")
_TABLE = re.compile(r"^set pbr table (?P<table>\S+) static-route (?P<dst>\S+) nexthop (?P<rest>.+?)\s*$")


def read(asking: Asking) -> Reading:
    """Both families, whole where they are small, else by the addresses of interest."""
    found: list[Dict] = []
    whys: list[str] = []
    covered: list[str] = []
    for family, command in WHOLE.items():
        try:
            count = _count(asking, command)
            if count is None or count <= asking.request.max_routes:
                routes, left = _routes(asking.ask(command, patience=120), asking, family)
            else:
                wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
                texts = [asking.ask(f"{command} destination {one}") for one in wanted]
                routes, left = _routes("\n".join(texts), asking, family)
                whys.append(f"{count} routes of IPv{family}, more than {asking.request.max_routes}: asked by address")
                covered += [f"{one}/{128 if family == 6 else 32}" for one in wanted]
        except Rejected:
            if family == 4:
                raise
            continue  # IPv6 is off
        found += routes
        asking.keep(command, left)
        whys += [f"{len(left)} routes are not understood: {left[0].strip()[:60]}"] if left else []
    return Reading(found, "; ".join(whys), tuple(covered))


def _count(asking: Asking, command: str) -> int | None:
    try:
        match = re.search(r"^\s*Total\s+(\d+)", asking.ask(f"{command} summary"), re.M)
    except Rejected:
        return None
    return int(match[1]) if match else None


def _routes(text: str, asking: Asking, family: int) -> tuple[list[Dict], list[str]]:
    found: dict[str, Dict] = {}
    left: list[str] = []
    current: Dict | None = None
    for line in text.splitlines():
        head, more = _ROUTE.match(line), _VIA.match(line)
        if head:
            current = _route(head, asking.table(""), family)
            if current is None:
                left.append(line)
            elif current:
                found.setdefault(current["dst"], current)
        elif more and current:
            _add(current, more)
        elif not line.startswith(" "):
            current = None
            left += [line] if re.match(r"^[A-Za-z].*\d/\d+", line) else []
    return list(found.values()), left


def _route(head: re.Match[str], table: int, family: int) -> Dict | None:
    """None: not understood; empty: not in use."""
    letters = re.findall(r"[A-Za-z]+", head["code"])
    if any(letter in _UNUSED for letter in letters):
        return {}
    route: Dict = {"family": family, "table": table, "dst": words.prefix(head["dst"]), "origin": letters[0],
                   "nexthops": []}
    via, attached, nowhere = _VIA.match(head["rest"]), _ATTACHED.match(head["rest"]), _NOWHERE.search(head["rest"])
    if via:
        _add(route, via)
        if via["cost"] and int(via["cost"]):
            route["metric"] = int(via["cost"])
    elif attached:
        route["nexthops"].append({"device": attached["device"]})
    elif nowhere:
        del route["nexthops"]
        route["type"] = "blackhole" if nowhere["kind"].lower() == "blackhole" else "unreachable"
    else:
        return None
    return route


def _add(route: Dict, via: re.Match[str]) -> None:
    leg = {"gateway": words.address(via["gateway"]), **({"device": via["device"]} if via["device"] else {})}
    if "nexthops" in route and leg["gateway"] and leg not in route["nexthops"]:
        route["nexthops"].append(leg)


def read_policies(asking: Asking) -> Reading:
    """Rules by their priority. Whether a next hop is down now is not told by the configuration."""
    text = asking.ask(PBR)
    tables: dict[str, list[tuple[str, str]]] = {}
    parts: dict[int, dict[str, list[str]]] = {}
    left = []
    for line in text.splitlines():
        rule, table = _RULE.match(line), _TABLE.match(line)
        if rule:
            parts.setdefault(int(rule["priority"]), {}).setdefault(rule["part"], []).append(rule["rest"])
        elif table:
            tables.setdefault(table["table"], []).append((table["dst"], table["rest"]))
        elif line.startswith("set pbr"):
            left.append(line)
    found = [_policy(asking, number, parts[number], tables) for number in sorted(parts)]
    asking.keep(PBR, left)
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    doubts += [left[0][:80]] if left else []
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _policy(
    asking: Asking, number: int, parts: t.Mapping[str, list[str]], tables: t.Mapping[str, list[tuple[str, str]]]
) -> Dict:
    match, device, unknown = _match(" ".join(parts.get("match", ())).split())
    known = asking.facts["interfaces"]
    if device and device not in known:
        unknown.append(f"interface {device}")
    every = sorted(name for name, one in known.items() if one["addresses"])
    verdict = _verdict(" ".join(parts.get("action", ())).split(), tables, unknown)
    return {"name": f"pbr rule {number}", "sequence": number, "interfaces": [device] if device in known else every,
            "match": [match] if match else [], **verdict, **({"unknown": unknown} if unknown else {})}


def _match(rest: list[str]) -> tuple[Dict, str, list[str]]:
    match: Dict = {}
    device, unknown = "", []
    for key, value in zip(rest[::2], [*rest[1::2], ""], strict=False):
        network = words.prefix(value)
        if key in ("from", "to") and network:
            if network not in ("0.0.0.0/0", "::/0"):
                match["sources" if key == "from" else "destinations"] = [network]
        elif key == "interface":
            device = value
        elif key == "port" and value.isdigit():
            match["dports"] = [[int(value), int(value)]]
        elif key == "protocol" and value:
            match["protocol"] = {"6": "tcp", "17": "udp", "1": "icmp"}.get(value, value)
        else:
            unknown.append(f"match {key} {value}".strip())
    return match, device, unknown


def _verdict(action: list[str], tables: t.Mapping[str, list[tuple[str, str]]], unknown: list[str]) -> Dict:
    if action[:1] in (["prohibit"], ["unreachable"]):
        return {"action": "drop", "nexthops": []}
    if action[:1] == ["main-table"] or action == ["table", "main"]:
        return {"action": "normal", "nexthops": []}
    if action[:1] != ["table"] or len(action) != 2:
        unknown.append(f"action {' '.join(action) or 'is not told'}")
        return {"action": "normal", "nexthops": []}
    entries = tables.get(action[1], [])
    hops = [found for _dst, rest in entries if (found := re.search(r"gateway address (?P<hop>[0-9A-Fa-f.:]+)", rest))]
    if not entries or len(hops) != len(entries) or {dst for dst, _rest in entries} != {"default"}:
        return {"action": "vrf", "vrf": action[1], "nexthops": []}
    return {"action": "forward", "nexthops": [hop["hop"] for hop in sorted(hops, key=_rank)]}


def _rank(hop: re.Match[str]) -> int:
    """The lowest priority is the best, and the first by itself."""
    match = re.search(r"priority (\d+)", hop.string)
    return int(match[1]) if match else 1
