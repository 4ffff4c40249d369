# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What decides on the way of packets in RouterOS: routes, rules, marks of the firewall, and its translations."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import mikrotik_print, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

MENU = {4: "/ip route", 6: "/ipv6 route"}
_ORIGINS = {one: one.upper() for one in "csrbodvmygi"}  # as the flags of routes say
_DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}


def name_of(table: str) -> str:
    return "" if table in ("", "main") else table


def read_routes(asking: Asking) -> Reading:
    """Active routes of all tables; where there are too many, those that cover the addresses of interest."""
    found: list[Dict] = []
    whys: list[str] = []
    covered: list[str] = []
    for family, menu in MENU.items():
        try:
            count = mikrotik_print.number(asking.ask(f"{menu} print count-only"))
        except Rejected:
            if family == 4:
                raise
            continue  # without the package of IPv6
        if count is None or count <= asking.request.max_routes:
            text = asking.ask(f"{menu} print terse without-paging", patience=120)
        else:
            wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
            text = "\n".join(asking.ask(f"{menu} print terse without-paging where {one} in dst-address", patience=120)
                             for one in wanted)
            whys.append(f"{count} routes of IPv{family}, more than {asking.request.max_routes}: asked by address")
            covered += [f"{one}/{128 if family == 6 else 32}" for one in wanted]
        routes, left = _routes(text, asking, family)
        found += routes
        asking.keep(f"{menu} print terse", left)
        whys += [f"{len(left)} routes are not understood: {left[0].strip()[:60]}"] if left else []
    return Reading(found, "; ".join(whys), tuple(covered))


def _routes(text: str, asking: Asking, family: int) -> tuple[list[Dict], list[str]]:
    found: dict[tuple[int, str], Dict] = {}
    left: list[str] = []
    for row in mikrotik_print.rows(text):
        if "A" not in row.flags:
            continue
        fields = row.fields
        dst = words.prefix(re.split(r"[%@ ]", fields.get("dst-address", ""))[0])
        table = asking.table(name_of(fields.get("routing-table") or fields.get("routing-mark", "")))
        distance = words.number(fields.get("distance"))
        kind = _kind(row)
        legs = [] if kind else _legs(row, asking, table)
        if dst is None or legs is None:
            left.append(row.line)
            continue
        origin = next((_ORIGINS[one.lower()] for one in row.flags if one not in "ADX" and one.lower() in _ORIGINS), "")
        route = found.setdefault((table, dst), {
            "family": family, "table": table, "dst": dst, "origin": origin,
            **({"distance": distance} if distance is not None else {}),
            **({"type": kind} if kind else {"nexthops": []})})
        if "nexthops" in route:
            route["nexthops"] += [leg for leg in legs if leg not in route["nexthops"]]
    return list(found.values()), left


def _kind(row: mikrotik_print.Row) -> str:
    """Of a route that leads nowhere; older releases say it by a flag in capitals."""
    if row.fields.get("type") in ("blackhole", "unreachable", "prohibit"):
        return row.fields["type"]
    words_ = [word for key, value in row.fields.items() if key != "comment" for word in value.split()]
    if "blackhole" in words_ or "B" in row.flags:
        return "blackhole"
    return "unreachable" if "U" in row.flags else "prohibit" if "P" in row.flags else ""


def _legs(row: mikrotik_print.Row, asking: Asking, table: int) -> list[Dict] | None:
    """By the resolved gateway where it is told: ``ADDRESS%INTERFACE``, ``INTERFACE``, ``...@TABLE``, lists of them."""
    resolved = row.fields.get("immediate-gw") or row.fields.get("gateway", "")
    status = dict(re.findall(r"([0-9a-f.:]+) reachable via +([^\s,]+)", row.fields.get("gateway-status", "")))
    legs: list[Dict] = []
    for one in filter(None, resolved.split(",")):
        way, _at, other = one.partition("@")
        address, _mark, device = way.partition("%")
        device = device.strip("[]")
        gateway = words.address(address)
        leg: Dict = {"gateway": gateway} if gateway else {}
        name = device or (address if not gateway else status.get(address, ""))
        if name and (name in asking.facts["interfaces"] or gateway):
            leg["device"] = name
        elif name:
            return None
        if other and asking.table(name_of(other)) != table and not name:
            leg["table"] = asking.table(name_of(other))
        legs.append(leg)
    return legs or None


def read_policies(asking: Asking) -> Reading:
    """Marks of the firewall, then rules. Where both are set, which of them counts depends on the release."""
    marks = [_mark(row, asking) for row in _mangle(asking)]
    rules = [_rule(row, asking) for row in _rules(asking)]
    found = [{**entry, "sequence": number} for number, entry in enumerate([*marks, *rules], 1)]
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    whys = [f"not understood: {'; '.join(doubts)}"] if doubts else []
    if any(flow.family == 6 for flow in asking.request.flows):
        whys.append("marks of the firewall of IPv6 are not read")
    if marks and rules:
        whys.append("marks of the firewall and routing rules are both set, and which of them counts first is not told")
    return Reading(found, "; ".join(whys))


def _mangle(asking: Asking) -> list[mikrotik_print.Row]:
    text = asking.ask("/ip firewall mangle print terse without-paging")
    return [row for row in mikrotik_print.rows(text) if row.fields.get("action") in ("mark-routing", "route")]


def _rules(asking: Asking) -> list[mikrotik_print.Row]:
    text = asking.ask("/routing rule print terse without-paging", "/ip route rule print terse without-paging")
    return [row for row in mikrotik_print.rows(text) if row.fields.get("action")]


def _mark(row: mikrotik_print.Row, asking: Asking) -> Dict:
    match, unknown = mikrotik_print.conditions(row.fields)
    chain, target = row.fields.get("chain", ""), row.fields.get("new-routing-mark", "")
    if chain not in ("prerouting", "output"):
        unknown.append(f"chain={chain}")
    if row.fields.get("passthrough", "yes") == "yes" and len(_mangle(asking)) > 1:
        unknown.append("passthrough=yes: a later mark takes the place of this one")
    return _entry(f"mangle {row.number}", row, match, unknown, _to_table(asking, target, match),
                  asking, "in-interface", chain == "output")


def _rule(row: mikrotik_print.Row, asking: Asking) -> Dict:
    match, unknown = mikrotik_print.conditions(row.fields)
    action = row.fields["action"]
    if action in ("drop", "unreachable"):
        verdict: Dict = {"action": "drop", "nexthops": []}
    else:
        verdict = _to_table(asking, row.fields.get("table") or row.fields.get("routing-table", ""), match)
        if action not in ("lookup", "lookup-only-in-table"):
            unknown.append(f"action={action}")
        elif action == "lookup-only-in-table" and verdict["action"] == "normal":
            verdict = {"action": "drop", "nexthops": []} if row.fields.get("table") not in ("main", None) else verdict
    return _entry(f"rule {row.number}", row, match, unknown, verdict, asking, "interface", False)


def _entry(
    name: str, row: mikrotik_print.Row, match: Dict, unknown: list[str], verdict: Dict, asking: Asking, key: str,
    local: bool,
) -> Dict:
    arrives = row.fields.get(key, "")
    known = asking.facts["interfaces"]
    if arrives and arrives not in known:
        unknown.append(f"{key}={arrives}")
    interfaces = [arrives] if arrives in known else sorted(each for each, one in known.items() if one["addresses"])
    return {"name": name, "interfaces": [] if local else interfaces, "match": [match] if match else [], **verdict,
            **({"local": True} if local else {}), **({"unknown": unknown} if unknown else {})}


def _to_table(asking: Asking, target: str, match: Dict) -> Dict:
    """What a look-up in a table comes to: a table with nothing but a default route is a next hop."""
    if not name_of(target):
        return {"action": "normal", "nexthops": []}
    number = asking.table(target)
    family = 6 if any(":" in one for name in ("sources", "destinations") for one in match.get(name, ())) else 4
    inside = [one for one in asking.facts.get("routes") or [] if one["table"] == number and one["family"] == family]
    if not inside:
        return {"action": "normal", "nexthops": []}  # nothing is found there, and the look-up goes on in main
    if [one["dst"] for one in inside] != [_DEFAULTS[family]] or "nexthops" not in inside[0]:
        return {"action": "vrf", "vrf": target, "nexthops": []}
    legs = inside[0]["nexthops"]
    hops = [leg["gateway"] for leg in legs if "gateway" in leg]
    device = legs[0].get("device") if len(legs) == 1 else None
    return {"action": "forward", "nexthops": hops, **({"device": device} if device else {})}


_SOURCE, _DESTINATION = ("masquerade", "src-nat", "same"), ("dst-nat", "redirect")


def read_nat(asking: Asking) -> Reading:
    found: list[Dict] = []
    for row in mikrotik_print.rows(asking.ask("/ip firewall nat print terse without-paging")):
        found += _translation(row)
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _translation(row: mikrotik_print.Row) -> t.Iterator[Dict]:
    match, unknown = mikrotik_print.conditions(row.fields)
    chain, action = row.fields.get("chain", ""), row.fields.get("action", "")
    targets = row.fields.get("to-addresses", "")
    entry: Dict = {"name": f"nat {row.number}", "sequence": row.number or 0}
    if action in _SOURCE and chain == "srcnat":
        entry.update(kind="source", **({"to_interface": True} if action == "masquerade" else {}),
                     **({"to_sources": [targets]} if targets else {}))
    elif action in _DESTINATION and chain == "dstnat":
        ports = words.number(row.fields.get("to-ports"))
        entry.update(kind="destination", **({"to_destination": targets} if targets else {}),
                     **({"to_port": ports} if ports is not None else {}))
        if not targets and action == "redirect":
            unknown.append("redirect to the router itself")
    elif action in ("log", "passthrough", "add-src-to-address-list", "add-dst-to-address-list"):
        return
    else:
        entry.update(kind="none")
        if action not in ("accept", "return"):
            unknown.append(f"action={action} in chain={chain}")
    if match.pop("sports", None):
        unknown.append(f"src-port={row.fields['src-port']}")
    for key, name in (("in-interface", "interfaces_in"), ("out-interface", "interfaces_out")):
        device = row.fields.get(key, "")
        if device.startswith("!"):
            unknown.append(f"{key}={device}")
        elif device:
            entry[name] = [device]
    yield {**entry, **match, **({"unknown": unknown} if unknown else {})}
