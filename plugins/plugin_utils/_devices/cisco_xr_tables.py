# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing tables and forwarding access lists of Cisco IOS-XR, where they differ from those of IOS."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import read_ace
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_HEAD6 = re.compile(r"^(?P<code>[A-Za-z][\w*() ]*?) +(?P<dst>[0-9A-Fa-f:]+/\d+)(?P<rest>.*)$")
_WAY6 = re.compile(r"\[(?P<distance>\d+)/(?P<metric>\d+)\] via (?P<gateway>[0-9A-Fa-f:.]+)"
                   r"(?: \((?:nexthop in vrf (?P<vrf>[^)]+)|[^)]*)\))?(?P<rest>[^\[]*)")
_DEVICE = re.compile(r"^[A-Z][\w-]*\d\S*$|^Null0$")
_ACE = re.compile(
    r"^\s*(?P<number>\d+) (?P<action>permit|deny) (?P<rest>.+?)(?: \((?P<count>\d+) (?:hw )?match(?:es)?\))?\s*$")
_HOP = re.compile(
    r"(?P<default>default )?nexthop\d (?:track \S+ )?(?:vrf (?P<vrf>\S+) )?(?:ipv4 (?P<address>[0-9.]+))?")


def without_backups(text: str) -> str:
    """Routes without the ways of fast reroute, marked (!), which carry nothing as long as the others are there."""
    text = re.sub(r"\[\d+/\d+\] via [^\n]*\(!\)[ \t]*\n\s+(?=\[)", "", text)
    text = re.sub(r"\n\s+\[\d+/\d+\] via [^\n]*\(!\)", "", text)
    return re.sub(r"\n[^\n]*, via [^\n]*, Backup\b[^\n]*", "", text)


def read_routes6(text: str, asking: Asking, vrf: str, command: str) -> Reading:
    """The routes of ``show route ipv6``: a prefix, and its ways on the lines below."""
    found: list[Dict] = []
    left: list[str] = []
    for head, lines in words.blocks(without_backups(text), _HEAD6):
        dst = words.prefix(head["dst"])
        below = " ".join([head["rest"], *(line.strip() for line in lines if line.startswith(" "))])
        if head["code"].split()[0].strip("*") == "L" or dst is None:
            continue
        origin = head["code"].split()[0].strip("*")
        route: Dict = {"family": 6, "table": asking.table(vrf), "dst": dst, "origin": origin}
        legs = _ways6(below, asking, route)
        if not legs:
            left.append(f"{head[0]} {below}")
        elif any(leg.get("device") == "Null0" for leg in legs):
            found.append({**route, "type": "blackhole"})
        else:
            found.append({**route, "nexthops": legs})
    asking.keep(command, left)
    return Reading(found, f"lines of {command!r} were not understood: {len(left)}" if left else "")


def _ways6(below: str, asking: Asking, route: Dict) -> list[Dict]:
    legs: list[Dict] = []
    for way in _WAY6.finditer(below):
        if not words.address(way["gateway"]):
            return []
        route.setdefault("distance", int(way["distance"]))
        if int(way["metric"]):
            route.setdefault("metric", int(way["metric"]))
        device = _device(way["rest"])
        other = {"table": asking.table("" if way["vrf"] == "default" else way["vrf"])} if way["vrf"] else {}
        legs.append({"gateway": words.address(way["gateway"]), **({"device": device} if device else {}), **other})
    if not legs and "directly connected" in below:
        device = _device(below)
        return [{"device": device}] if device else []
    return legs


def _device(text: str) -> str:
    return next((piece for piece in (one.strip() for one in reversed(text.split(","))) if _DEVICE.match(piece)), "")


def read_forwarding(asking: Asking, users: dict[str, list[str]]) -> Reading:
    """Access lists that name next hops, as policy routes; ``users``: the interfaces by which packets meet each list.

    Every entry of such a list is one: what an earlier one permits is routed as ever, and what none permits is dropped.
    """
    found: list[Dict] = []
    doubts: list[str] = []
    for name, devices in users.items():
        command = f"show access-lists ipv4 {name}"
        text = asking.ask(command)
        if not re.search(r"\bnexthop\d\b", text):
            continue
        entries = [_entry(name, devices, match) for match in filter(None, map(_ACE.match, text.splitlines()))]
        last = entries[-1]["sequence"] + 1 if entries else 0
        found += [*entries, {"name": name, "sequence": last, "interfaces": devices, "action": "drop", "match": []}]
        doubts += [f"{name}: {one}" for entry in entries for one in entry.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _entry(name: str, devices: list[str], match: re.Match[str]) -> Dict:
    rest = match["rest"]
    entry: Dict = {"name": name, "sequence": int(match["number"]), "interfaces": devices,
                   "action": "normal" if match["action"] == "permit" else "drop"}
    if match["count"]:
        entry["packets"] = int(match["count"])
    hops = list(_HOP.finditer(rest))
    unknown = [hop[0].strip() for hop in hops if hop["default"] or not words.address(hop["address"] or "")]
    if hops:
        rest = rest[: hops[0].start()].strip()
        entry.update(action="forward", nexthops=[hop["address"] for hop in hops if words.address(hop["address"] or "")])
        vrfs = {hop["vrf"] or "" for hop in hops}
        if vrfs != {""}:
            entry.update(action="vrf", vrf=sorted(vrfs)[-1])
            unknown += [match["rest"]] if len(vrfs) > 1 else []
        if any("track" in hop[0] for hop in hops):
            entry["verified"] = True
    what = read_ace(rest.split())
    if what is None:
        unknown.append(match[0].strip())
        what = {"unknown": match[0].strip()}
    return {**entry, "match": [what] if what else [], **({"unknown": unknown} if unknown else {})}
