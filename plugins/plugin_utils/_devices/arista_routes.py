# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables of Arista EOS: JSON, and the text of releases that do not convert the command."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_TEXT = re.compile(
    r"^ ?(?P<code>[A-Z][A-Za-z0-9*]*(?: [A-Z0-9]{1,2})?) +(?P<dst>[0-9A-Fa-f.:]+/\d+) *"
    r"(?:\[(?P<distance>\d+)/(?P<metric>\d+)\])?(?P<rest>.*)$")
_VIA = re.compile(r"via (?P<gateway>[0-9A-Fa-f.:]+)(?:, (?P<device>[A-Z]\S*))?")
_ATTACHED = re.compile(r"is directly connected, (?P<device>\S+)|^ *via (?P<other>[A-Z]\S*), directly connected")


def document(asking: Asking, command: str, patience: float = 60) -> Dict:
    """The answer to ``command | json``; raises Rejected where the release does not convert it, and DeviceError."""
    text = asking.ask(f"{command} | json", patience=patience)
    try:
        found = words.json_documents(text[max(text.find("{"), 0):])
    except ValueError as error:
        raise NotUnderstood(f"the answer to '{command} | json' is no JSON ({error})") from error
    one = found[0] if found else {}
    if not isinstance(one, dict):
        raise NotUnderstood(f"the answer to '{command} | json' is not what is expected")
    if "errors" in one:
        raise Rejected(f"'{command} | json' was refused: {one['errors']}", str(one["errors"]))
    return one


def vrf_of(answer: Dict, vrf: str) -> Dict:
    """The part of a VRF, or the whole of an answer without VRFs (IPv6 of older releases)."""
    vrfs = answer.get("vrfs")
    return vrfs.get(vrf) or {} if isinstance(vrfs, dict) else answer


def read_tables(asking: Asking, vrfs: t.Sequence[str]) -> Reading:
    """Each table in whole where it is small, else what covers the addresses of interest."""
    routes: list[Dict] = []
    whys: list[str] = []
    covered: list[str] = []
    for vrf in vrfs:
        for family, word in ((4, "ip"), (6, "ipv6")):
            try:
                found = _table(asking, vrf, family, word)
            except Rejected:
                if family == 4:
                    raise
                continue
            routes += found.value
            whys += [found.why] if found.why else []
            covered += found.covered
    return Reading(routes, "; ".join(whys), tuple(dict.fromkeys(covered)))


def _table(asking: Asking, vrf: str, family: int, word: str) -> Reading:
    command = f"show {word} route vrf {vrf}"
    count = _count(asking, command, vrf)
    whys: list[str] = []
    if count is None or count <= asking.request.max_routes:
        return Reading(_routes(asking, command, vrf, family, whys), "; ".join(whys))
    found: dict[str, Dict] = {}
    wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
    clear = []
    for one in wanted:
        doubts: list[str] = []
        for route in _routes(asking, f"{command} {one}", vrf, family, doubts):
            found[route["dst"]] = route
        clear += [] if doubts else [one]
        whys += doubts
    whys.append(f"{count} routes in {vrf}, more than {asking.request.max_routes}: asked by address")
    bits = 128 if family == 6 else 32
    return Reading(list(found.values()), "; ".join(whys), tuple(f"{one}/{bits}" for one in clear))


def _count(asking: Asking, command: str, vrf: str) -> int | None:
    try:
        number = vrf_of(document(asking, f"{command} summary"), vrf).get("totalRoutes")
    except Rejected:
        return None
    return number if isinstance(number, int) else None


def _routes(asking: Asking, command: str, vrf: str, family: int, whys: list[str]) -> list[Dict]:
    table = asking.table("" if vrf == "default" else vrf)
    try:
        answer = vrf_of(document(asking, command, 120), vrf)
    except Rejected:
        return _read_text(asking.ask(command, patience=120), table, family)
    found = []
    for dst, one in (answer.get("routes") or {}).items():
        origin = str(one.get("routeType") or "")
        route: Dict = {"family": family, "table": table, "dst": words.prefix(dst), "origin": origin}
        for key, name in (("distance", "preference"), ("metric", "metric")):
            if isinstance(one.get(name), int) and (key == "distance" or one[name] > 0):
                route[key] = one[name]
        action = str(one.get("routeAction", "forward"))
        legs = [leg for leg in map(_leg, one.get("vias") or ()) if leg]
        if action in ("drop", "discard") or any(leg.get("device") == "Null0" for leg in legs):
            route["type"] = "blackhole"
        elif origin in ("receive", "receiveBroadcast", "broadcast"):
            continue
        else:
            route["nexthops"] = legs
        if "nexthops" in route and (not legs or len(legs) < len(one.get("vias") or ())):
            asking.keep(command, [f"{dst} {one}"])
            whys.append(f"the way of {dst} is not understood")
        found.append(route)
    return found


def _leg(via: Dict) -> Dict:
    gateway = words.address(str(via.get("nexthopAddr") or ""))
    device, weight = str(via.get("interface") or ""), via.get("weight")
    if not gateway and not device:
        return {}
    return {**({"gateway": gateway} if gateway else {}), **({"device": device} if device else {}),
            **({"weight": weight} if isinstance(weight, int) and weight > 1 else {})}


def _read_text(text: str, table: int, family: int) -> list[Dict]:
    """The routes of the text: a line with the prefix and its first way, then a line per further way."""
    found: list[Dict] = []
    for line in text.splitlines():
        head = _TEXT.match(line)
        if head:
            route: Dict = {"family": family, "table": table, "dst": words.prefix(head["dst"]), "nexthops": [],
                           "origin": head["code"].replace("*", "")}
            route.update({"distance": int(head["distance"])} if head["distance"] else {})
            route.update({"metric": int(head["metric"])} if head["metric"] and int(head["metric"]) else {})
            found.append(route)
        if not found:
            continue
        way, attached = _VIA.search(line), _ATTACHED.search(line)
        device = (attached["device"] or attached["other"]) if attached else None
        if device:
            found[-1]["nexthops"].append({"device": device})
        elif way and words.address(way["gateway"]):
            found[-1]["nexthops"].append({"gateway": words.address(way["gateway"]),
                                          **({"device": way["device"]} if way["device"] else {})})
    return [_closed(route) for route in found]


def _closed(route: Dict) -> Dict:
    if any(leg.get("device") == "Null0" for leg in route["nexthops"]):
        return {**{key: one for key, one in route.items() if key != "nexthops"}, "type": "blackhole"}
    return route
