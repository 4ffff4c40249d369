# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables as Cisco IOS prints them; relatives print theirs nearly so."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_LEG = re.compile(r"\[(?P<distance>\d+)/(?P<metric>\d+)\] via (?P<gateway>[0-9A-Fa-f.:]+)"
                  r"(?: \((?:nexthop in vrf (?P<vrf>[^)]+)|[^)]*)\))?(?P<rest>.*)$")
_ROUTE = re.compile(
    r"^(?P<code>[A-Za-z][A-Za-z0-9*%+&~ ]*?) +(?P<dst>\d+\.\d+\.\d+\.\d+)(?P<length>/\d+)?(?P<rest> .*|)$")
_SUBNETTED = re.compile(r"^ +(?P<network>\d+\.\d+\.\d+\.\d+)(?P<length>/\d+) is (?P<how>subnetted|variably subnetted)")


def route_count(text: str) -> int | None:
    """How many routes ``show ip route summary`` counts."""
    match = re.search(r"^Total\s+(\d+)\s+(\d+)", text, re.M) or re.search(r"total of (\d+)", text, re.I)
    return sum(map(int, match.groups())) if match else None


def read_routes(text: str, asking: Asking, vrf: str, command: str) -> Reading:
    """The routes of ``show ip route``. Older images leave out the length where a whole network has one.

    Lines that look like a route and are not understood are kept, and make the table incomplete.
    """
    table, found, inherited, left = asking.table(vrf), [], "", []
    current: Dict | None = None
    for line in _joined(text):
        subnetted = _SUBNETTED.match(line)
        if subnetted:
            inherited = subnetted["length"] if subnetted["how"] == "subnetted" else ""
            continue
        leg = _LEG.search(line)
        head = _ROUTE.match(line)
        if head and (leg or "directly connected" in line or "is a summary" in line):
            dst = words.prefix(head["dst"] + (head["length"] or inherited or _classful(head["dst"])))
            current = {"family": 4, "table": table, "dst": dst, "origin": head["code"].split()[0].strip("*%+&"),
                       "nexthops": []}
            found.append(current)
        elif not leg:
            left += [line] if re.match(r"^[A-Z][A-Za-z0-9* ]{0,9} \d+\.", line) else []
            current = None if left and left[-1] is line else current
            continue
        if leg and not words.address(leg["gateway"]):
            left.append(line)  # cut off, or not an address at all
        elif current is not None:
            _add_leg(current, leg, line, asking)
    asking.keep(command, left)
    why = f"lines of {command!r} were not understood: {len(left)}" if left else ""
    return Reading([_closed(route) for route in found if route["origin"] != "L"], why)


def _joined(text: str) -> t.Iterator[str]:
    """Lines, a prefix that stands alone joined with the line that goes on: a long code or name wraps in old images."""
    held = ""
    for line in text.splitlines():
        if held:
            line, held = f"{held} {line.strip()}", ""
        if re.match(r"^[A-Z][A-Za-z0-9* ]* +\d+\.\d+\.\d+\.\d+(/\d+)?\s*$", line):
            held = line.rstrip()
            continue
        yield line
    if held:
        yield held


def _classful(text: str) -> str:
    first = int(text.split(".")[0])
    if text == "0.0.0.0":
        return "/0"
    return "/8" if first < 128 else "/16" if first < 192 else "/24"


def _add_leg(route: Dict, leg: re.Match[str] | None, line: str, asking: Asking) -> None:
    names = asking.facts.get("interfaces") or {}
    if leg is None:
        attached = (re.search(r"directly connected, (?:[\dwdhmsy:]+, )?(?P<device>\S+)", line)
                    or re.search(r"(?P<device>Null0)", line))
        if attached:
            route["nexthops"].append({"device": attached["device"]})
        return
    route.setdefault("distance", int(leg["distance"]))
    route.setdefault("metric", int(leg["metric"]))
    pieces = [piece.split(" (")[0].strip() for piece in leg["rest"].split(",")]
    device = next((piece for piece in reversed(pieces) if piece in names or re.match(r"^[A-Z][\w-]*\d", piece)), "")
    other = {"table": asking.table("" if leg["vrf"] == "default" else leg["vrf"])} if leg["vrf"] else {}
    route["nexthops"].append({"gateway": leg["gateway"], **({"device": device} if device else {}), **other})


def _closed(route: Dict) -> Dict:
    """What leads to Null0 is a blackhole; a metric of 0 is not written, as for a host."""
    if any(leg.get("device") == "Null0" for leg in route["nexthops"]):
        route["type"] = "blackhole"
        del route["nexthops"]
    if not route.get("metric"):
        route.pop("metric", None)
    return route


def read_routes6(text: str, asking: Asking, vrf: str) -> list[Dict]:
    """The routes of ``show ipv6 route``: a line with the prefix, and one line per way."""
    found = []
    head = re.compile(
        r"^(?P<code>[A-Z][A-Za-z0-9*]*(?: \w+)?) +(?P<dst>[0-9A-Fa-f:]+/\d+) \[(?P<distance>\d+)/(?P<metric>\d+)\]")
    for match, lines in words.blocks(text, head):
        if match["code"].startswith(("LC", "L")) and match["code"] != "LISP":
            continue
        legs: list[Dict] = []
        for line in lines:
            way = re.match(r"\s+via (?P<first>[^\s,]+)(?:, (?P<second>\S+))?", line)
            if way:
                gateway = words.address(way["first"])
                device = way["second"] if gateway else way["first"]
                gateway = None if gateway == "::" else gateway  # as some write what is connected
                legs.append({**({"gateway": gateway} if gateway else {}), **({"device": device} if device else {})})
        found.append(_closed({"family": 6, "table": asking.table(vrf), "dst": words.prefix(match["dst"]),
                              "origin": match["code"].split()[0], "nexthops": legs, "distance": int(match["distance"]),
                              "metric": int(match["metric"])}))
    return found


def read_entry(text: str, table: int, family: int) -> list[Dict]:
    """The route of ``show ip route ADDRESS``; none where the table has none."""
    head = re.search(r"Routing entry for (?P<dst>\S+/\d+)", text)
    if not head:
        return []
    legs: list[Dict] = []
    for line in text.splitlines():
        way = re.match(
            r"\s+\*? ?(?:(?P<gateway>[0-9A-Fa-f.:]+)|directly connected)(?:,.*)?, via (?P<device>[A-Za-z][\w./:-]*)",
            line)
        far = re.match(r"\s+\*? ?(?P<gateway>[0-9A-Fa-f.:]+)(?:,|$)", line)
        if way and (not way["gateway"] or words.address(way["gateway"])):
            legs.append({**({"gateway": way["gateway"]} if way["gateway"] else {}), "device": way["device"]})
        elif far and words.address(far["gateway"]):
            legs.append({"gateway": far["gateway"]})
    return [_closed({"family": family, "table": table, "dst": words.prefix(head["dst"]), "origin": "",
                     "nexthops": legs})]


def by_address(
    asking: Asking, command: str, table: int, family: int, clean: t.Callable[[str], str] = str
) -> tuple[list[Dict], tuple[str, ...]]:
    """What a table says about each address of interest, asked one by one, and the prefixes that it is complete for.

    Many images do not answer with the default route where nothing else covers an address; it is asked for then.
    """
    default, bits = ("0.0.0.0", 32) if family == 4 else ("::/0", 128)
    wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
    found: dict[str, Dict] = {}
    for one in wanted:
        routes = _entry(asking, f"{command} {one}", table, family, clean)
        for route in routes or _entry(asking, f"{command} {default}", table, family, clean):
            found[route["dst"]] = route
    return list(found.values()), tuple(f"{one}/{bits}" for one in wanted)


def _entry(asking: Asking, command: str, table: int, family: int, clean: t.Callable[[str], str]) -> list[Dict]:
    try:
        return read_entry(clean(asking.ask(command)), table, family)
    except Rejected as error:
        if re.search(r"not in table|not found", error.answer, re.I):
            return []
        raise
