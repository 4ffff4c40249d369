# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy-based routing and address translation of Arista EOS, out of the running configuration."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import read_access_list
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.indented_lines import starting

_NUMBER = r"(?:(?P<number>\d+) )?"
_STATIC = (r"ip nat (?P<side>source|destination) static (?P<first>[0-9.]+)(?: (?P<first_port>\d+))?"
           r" (?P<second>[0-9.]+)(?: (?P<second_port>\d+))?(?: protocol (?P<protocol>tcp|udp))?")
_DYNAMIC = r"ip nat source dynamic access-list (?P<acl>\S+) (?:pool (?P<pool>\S+)|(?P<overload>overload))"
_POOL = r"ip nat pool (?P<name>\S+) (?P<first>[0-9.]+) (?P<last>[0-9.]+) .*"


def read_pbr(config: Dict) -> Reading:
    """Every class of every policy map that is on an interface, in the order in which they are tried."""
    users: dict[str, list[str]] = {}
    for head, below in starting(config, r"interface (?P<name>\S+)"):
        for match, _below in starting(below, r"service-policy type pbr input (?P<policy>\S+)"):
            users.setdefault(match["policy"], []).append(head["name"])
    found: list[Dict] = []
    missing = []
    for policy, devices in users.items():
        lines = next((below for _match, below in starting(config, rf"policy-map type pbr {_exactly(policy)}")), None)
        if lines is None:
            missing.append(f"policy-map {policy} is not there")
            continue
        for number, (line, below) in enumerate(lines.items(), 1):
            found.append({"interfaces": devices, **_entry(config, policy, number, line, below)})
    doubts = missing + [f"{one['name']} {one['sequence']}: {text}" for one in found for text in one.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _exactly(name: str) -> str:
    return "".join(f"\\{letter}" if not letter.isalnum() and letter != "_" else letter for letter in name)


def _entry(config: Dict, policy: str, number: int, line: str, below: Dict) -> Dict:
    unknown: list[str] = []
    entry: Dict = {"name": policy, "sequence": number, "nexthops": [], "action": "normal", "match": []}
    match = next((match for match, _below in starting({line: {}}, rf"{_NUMBER}class (?P<name>\S+)")), None)
    if match is None:
        first = line.split()[0]
        return {**entry, "sequence": int(first) if first.isdigit() else number, "unknown": [line]}
    if match["number"]:
        entry["sequence"] = int(match["number"])
    if match["name"] == "class-default":
        entry["match"] = [{"sources": ["0.0.0.0/0"]}]
    else:
        entry["match"] = _class(config, match["name"], unknown)
    for text in below:
        hops = text.removeprefix("set nexthop ").removeprefix("recursive ").split()
        if text == "drop":
            entry["action"] = "drop"
        elif text.startswith("set nexthop ") and all(map(words.address, hops)):
            entry.update(action="forward", nexthops=hops)
        elif not text.startswith("set ttl"):
            unknown.append(text)
    return {**entry, **({"unknown": unknown} if unknown else {})}


def _class(config: Dict, name: str, unknown: list[str]) -> list[Dict]:
    """What a class map matches: any of its access lists."""
    lines = [*starting(config, rf"class-map type pbr (?P<how>match-\w+) {_exactly(name)}")]
    if not lines:
        unknown.append(f"class {name} is not there")
        return []
    head, below = lines[0]
    if head["how"] != "match-any" and len(below) > 1:
        unknown.append(f"class {name} {head['how']}")
    found: list[Dict] = []
    for text in below:
        pattern = rf"{_NUMBER}match ip access-group (?P<acl>\S+)"
        match = next((match for match, _below in starting({text: {}}, pattern)), None)
        if match is None:
            unknown.append(text)
            continue
        if any("deny" in one for one in found):
            unknown.append(f"class {name}: an access list after one that denies")
        found += _access_list(config, match["acl"], unknown)
    return found


def _access_list(config: Dict, name: str, unknown: list[str]) -> list[Dict]:
    head, lines = next(starting(config, rf"ip access-list (?P<standard>standard )?{_exactly(name)}"), (None, {}))
    if head is None:
        unknown.append(f"access list {name} is not there")
        return []
    text = "\n".join(lines)
    if head["standard"]:  # of sources only
        text = re.sub(r"(?m)^((?:\d+ )?(?:permit|deny)) (host \S+|\S+)$", r"\1 ip \2 any", text)
    found, strange = read_access_list(text)
    unknown += strange
    return found


def read_nat(config: Dict) -> Reading:
    """Rules under interfaces; those of the source act on what leaves there, the others on what arrives."""
    pools = {match["name"]: f"{match['first']}-{match['last']}" for match, _below in starting(config, _POOL)}
    found: list[Dict] = []
    for head, below in starting(config, r"interface (?P<name>\S+)"):
        for number, line in enumerate((text for text in below if text.startswith("ip nat ")), 1):
            found += _with_other_half(_rule(config, head["name"], number, line, pools))
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _with_other_half(rule: Dict) -> list[Dict]:
    """A static translation of what leaves is one of what arrives for the new address, too."""
    if rule["kind"] != "static":
        return [rule]
    inside, outside = rule["sources"][0], rule["to_sources"][0]
    return [rule, {"name": f"{rule['name']} (from outside)", "sequence": rule["sequence"], "kind": "static",
                   "interfaces_in": rule["interfaces_out"], "destinations": [f"{outside}/32"],
                   "to_destination": words.without_length(inside)}]


def _rule(config: Dict, device: str, number: int, line: str, pools: t.Mapping[str, str]) -> Dict:
    rule: Dict = {"name": f"{device} {number}", "sequence": number}
    static = next((match for match, _below in starting({line: {}}, _STATIC)), None)
    dynamic = next((match for match, _below in starting({line: {}}, _DYNAMIC)), None)
    if static and static["side"] == "destination":
        port = static["first_port"]
        return {**rule, "kind": "destination", "interfaces_in": [device], "destinations": [f"{static['first']}/32"],
                "to_destination": static["second"], **({"protocol": static["protocol"]} if static["protocol"] else {}),
                **({"dports": [[int(port), int(port)]], "to_port": int(static["second_port"] or port)} if port else {})}
    if static and not static["first_port"]:
        return {**rule, "kind": "static", "interfaces_out": [device], "sources": [f"{static['first']}/32"],
                "to_sources": [static["second"]]}
    if dynamic is None:
        return {**rule, "kind": "source" if " source " in line else "destination", "unknown": [line]}
    unknown: list[str] = []
    entries = _access_list(config, dynamic["acl"], unknown)
    if any(set(one) != {"sources"} for one in entries):
        unknown.append(f"access list {dynamic['acl']}")
    if dynamic["pool"] and dynamic["pool"] not in pools:
        unknown.append(f"pool {dynamic['pool']}")
    return {**rule, "kind": "source", "interfaces_out": [device],
            "sources": [prefix for one in entries for prefix in one.get("sources", ())],
            **({"to_interface": True} if dynamic["overload"] else {"to_sources": [pools.get(dynamic["pool"], "")]}),
            **({"unknown": unknown} if unknown else {})}
