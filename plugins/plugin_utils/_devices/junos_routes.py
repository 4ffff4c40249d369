# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables of Junos, and what its forwarding table makes of them."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import set_lines, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_answers import (
    configuration,
    document,
    every,
    leaf,
)

_TABLE = re.compile(r"^(?:(?P<instance>.+)\.)?inet(?P<six>6)?\.0$")
_KINDS = {"discard": "blackhole", "reject": "unreachable", "dscd": "blackhole", "rjct": "unreachable"}
_OWN = ("local", "receive", "multi")  # addresses of the device itself, and of groups


def tables(asking: Asking) -> list[tuple[str, str, int, int | None]]:
    """``(name, instance, family, routes)`` of every table of unicast routes."""
    found = []
    for one in every(document(asking, "show route summary"), "route-table"):
        name = leaf(one, "table-name")
        match = _TABLE.match(name)
        if match and not name.startswith("__"):
            count = words.number(leaf(one, "active-route-count") or leaf(one, "destination-count"))
            found.append((name, match["instance"] or "", 6 if match["six"] else 4, count))
    return found


def read_tables(asking: Asking) -> Reading:
    """Active routes of every table, in whole where it is small, else what covers the addresses of interest."""
    spread, doubt = spreads(asking)
    routes: list[Dict] = []
    whys: list[str] = [doubt] if doubt else []
    covered: list[str] = []
    for name, instance, family, count in tables(asking):
        if count is None or count <= asking.request.max_routes:
            command = f"show route active-path table {name}"
            routes += _routes(document(asking, command, 120), asking, instance, family, command, spread, whys)
            continue
        wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
        found: dict[str, Dict] = {}
        for one in wanted:
            command = f"show route {one} active-path table {name}"
            doubts: list[str] = []
            for route in _routes(document(asking, command), asking, instance, family, command, spread, doubts):
                found[route["dst"]] = route
            whys += doubts
            covered += [] if doubts or doubt else [f"{one}/{128 if family == 6 else 32}"]
        routes += found.values()
        whys.append(f"{count} routes in {name}, more than {asking.request.max_routes}: asked by address")
    return Reading(routes, "; ".join(dict.fromkeys(whys)), tuple(dict.fromkeys(covered)))


def spreads(asking: Asking) -> tuple[bool, str]:
    """Whether the forwarding table takes all next hops of a route and not only the selected one, and the doubt."""
    try:
        return bool(balancing(asking)), ""
    except DeviceError as error:
        return True, f"whether several next hops are in use is not known: {error}"


def balancing(asking: Asking) -> str:
    """What the export policy of the forwarding table says after load-balance; empty: one next hop per route."""
    options = configuration(asking, "routing-options")
    names = [*set_lines.at(options, "routing-options", "forwarding-table", "export")]
    if not names:
        return ""
    policies = set_lines.at(configuration(asking, "policy-options"), "policy-options", "policy-statement")
    for name in names:
        policy = policies.get(name) or {}
        for one in (policy, *set_lines.at(policy, "term").values()):
            word = set_lines.value(one, "then", "load-balance")
            if word:
                return word
    return ""


def _routes(
    answer: object, asking: Asking, instance: str, family: int, command: str, spread: bool, whys: list[str]
) -> list[Dict]:
    found = []
    for one in every(answer, "rt"):
        length = leaf(one, "rt-prefix-length")
        dst = words.prefix(leaf(one, "rt-destination"), length)
        entry = next((entry for entry in every(one, "rt-entry") if entry), {})
        origin = leaf(entry, "protocol-name")
        if dst is None:
            continue
        if origin in ("Local", "Multicast", "PIM", "INET", "INET6") and _kind(entry) not in _KINDS:
            continue
        route: Dict = {"family": family, "table": asking.table(instance), "dst": dst, "origin": origin}
        _number(route, "distance", leaf(entry, "preference"))
        if leaf(entry, "metric") != "0":
            _number(route, "metric", leaf(entry, "metric"))
        kind = _kind(entry)
        legs = _legs(entry, asking, spread)
        if kind in _KINDS:
            route["type"] = _KINDS[kind]
        elif kind.startswith(_OWN):
            continue
        else:
            route["nexthops"] = legs
            if not legs:
                asking.keep(command, [f"{dst} {kind or 'without a next hop'}"])
                whys.append(f"the way of {dst} is not understood ({kind or 'no next hop'})")
        found.append(route)
    return found


def _number(route: Dict, key: str, text: str) -> None:
    number = words.number(text)
    if number is not None:
        route[key] = number


def _kind(entry: Dict) -> str:
    """The type of the next hop: it stands at the route, or at its only next hop."""
    return (leaf(entry, "nh-type") or next((leaf(one, "nh-type") for one in every(entry, "nh")), "")).lower()


def _legs(entry: Dict, asking: Asking, spread: bool) -> list[Dict]:
    legs: list[Dict] = []
    ways = every(entry, "nh")
    selected = [one for one in ways if "selected-next-hop" in one]
    for one in selected if selected and not spread else ways:
        gateway, device = words.address(leaf(one, "to")), leaf(one, "via").split(",", maxsplit=1)[0]
        table = leaf(one, "nh-table")
        leg: Dict = {**({"gateway": gateway} if gateway else {}), **({"device": device} if device else {})}
        match = _TABLE.match(table)
        if match:
            leg["table"] = asking.table(match["instance"] or "")
        if leg:
            legs.append(leg)
    return legs


def read_lookups(asking: Asking, instances: list[str]) -> Reading:
    """What the forwarding table says of each address of a flow. Filters on the interface are not part of it."""
    found, whys = [], []
    for flow in asking.request.flows:
        for destination in (flow.destination, flow.source):
            for instance in instances:
                command = f"show route forwarding-table destination {destination} table {instance or 'default'}"
                try:
                    answer = document(asking, command)
                except DeviceError as error:
                    whys.append(str(error))
                    continue
                one = _forwarding(answer)
                if one is None:
                    whys.append(f"{command}: several next hops, or one that is not understood")
                    asking.keep(command, asking.ask(f"{command} | display json").splitlines())
                elif one:
                    found.append({"flow": str(flow), "command": command, "table": asking.table(instance),
                                  "destination": destination, **one})
    return Reading(found, "; ".join(dict.fromkeys(whys)))


def _forwarding(answer: object) -> Dict | None:
    """Where the longest match leads: empty where there is none, None where it does not say."""
    entries = every(answer, "rt-entry")
    if not entries:
        return {}
    entry = max(entries, key=lambda one: _length(leaf(one, "rt-destination")))
    ways = [one for one in every(entry, "nh") if leaf(one, "nh-type") not in ("indr", "ulst")]
    if len(ways) != 1:
        return None
    kind = leaf(ways[0], "nh-type")
    if kind in _KINDS:
        return {"verdict": "drop", "reason": _KINDS[kind]}
    if kind in ("locl", "recv"):
        return {"verdict": "local"}
    device, gateway = leaf(ways[0], "via"), words.address(leaf(ways[0], "to"))
    if kind not in ("ucst", "ucast", "rslv", "hold", "comp") or not device:
        return None
    return {"device": device, **({"gateway": gateway} if gateway else {})}


def _length(text: str) -> int:
    if text == "default":
        return 0
    prefix = words.prefix(text)
    return int(prefix.split("/")[1]) if prefix else -1
