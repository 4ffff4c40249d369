# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy-based forwarding and NAT of PAN-OS, as running policies are printed: ``NAME {``, and fields that end in ;."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_RULE = re.compile(r"^\s*\"?(?P<name>[^\";{]+?)(?:; index: (?P<index>\d+))?\"? \{\s*$")
_FIELD = re.compile(r"^\s+(?P<key>[\w/.-]+):?\s+(?P<value>.*?)\s*;?\s*$")
_SERVICE = re.compile(r"^(?:\d+:)?(?P<application>[^/]+)/(?:(?P<protocol>[^/]+)/(?P<sports>[^/]+)/(?P<dports>[^/]+))$")
_RETURN_MAC = re.compile(r"^\s*\d+\s+(?P<rule>\d+)\s+\d+\s+[0-9a-f:]{17}\s+(?P<address>[0-9a-f.:]+)", re.I)
_RULE_STATE = re.compile(
    r"^(?P<name>\S.*?)\s+(?P<id>\d+)\s+(?P<state>Active|Disabled|Inactive)\s+(?P<action>\S+)", re.I)
_TRANSLATION = re.compile(
    r"(?P<side>src|dst): *(?:(?P<device>[a-z]+[\d./]+)(?:\s+|(?=\())|)(?P<address>[0-9A-Fa-f.:/-]+)?(?P<rest>[^;\"]*)")
# Fields that say nothing about which packets a rule takes, or are read elsewhere.
_PLAIN = {"id", "terminal", "nat-type", "source-region", "destination-region", "action", "symmetric-return",
          "forwarding-egress-IF/VSYS", "next-hop", "translate-to", "to-interface", "from", "to", "source",
          "destination", "application/service", "service", "monitor", "tag", "uuid", "index"}
_RETURN_HOPS = re.compile(r"(?:return.*(?:addr|hop)|nexthop-address)", re.I)


def rules(text: str) -> t.Iterator[tuple[re.Match[str], Dict]]:
    """Each rule with its fields; a field that is there twice is joined."""
    for head, lines in words.blocks(text, _RULE):
        fields: Dict = {}
        for line in lines:
            match = _FIELD.match(line)
            if match:
                fields[match["key"]] = f"{fields.get(match['key'], '')} {match['value']}".strip()
        if fields:
            yield head, fields


def _members(value: str) -> list[str]:
    return [one for one in value.strip("[] ").split() if one]


def _networks(value: str) -> list[str] | None:
    """Prefixes; empty where any is meant, None where something in it is no address."""
    found: list[str] = []
    for one in _members(value):
        if one == "any":
            return []
        first, dash, last = one.partition("-")
        if dash and words.address(first) and words.address(last):
            found += map(str, ipaddress.summarize_address_range(*map(ipaddress.ip_address, (first, last))))
        else:
            network = words.prefix(one)
            if network is None:
                return None
            found.append(network)
    return found


def _ports(value: str) -> list[list[int]] | None:
    if value == "any":
        return []
    found = []
    for one in value.split(","):
        low, _dash, high = one.partition("-")
        if not low.isdigit() or not (high or low).isdigit():
            return None
        found.append([int(low), int(high or low)])
    return found


def _services(value: str) -> tuple[list[Dict], list[str]]:
    """``{protocol, sports, dports}`` of each application/service, and what is not understood."""
    found: list[Dict] = []
    strange: list[str] = []
    for one in _members(value):
        match = _SERVICE.match(one)
        sports, dports = (_ports(match["sports"]), _ports(match["dports"])) if match else (None, None)
        if match is None or sports is None or dports is None:
            strange.append(f"service {one}")
            continue
        if match["application"] != "any":
            strange.append(f"application {match['application']}")  # known only after packets went by
        entry = {**({"protocol": match["protocol"]} if match["protocol"] != "any" else {}),
                 **({"sports": sports} if sports else {}), **({"dports": dports} if dports else {})}
        if entry not in found:
            found.append(entry)
    return found, strange


def _ends(fields: Dict) -> tuple[Dict, list[str]]:
    """sources and destinations, and what is not understood of them and of other conditions."""
    found: Dict = {}
    strange: list[str] = []
    for key, name in (("source", "sources"), ("destination", "destinations")):
        networks = _networks(fields.get(key, "any"))
        if networks is None:
            strange.append(f"{key} {fields[key]}")
        elif networks:
            found[name] = networks
    for key, value in fields.items():
        if key not in _PLAIN and value not in ("any", "none", "no", "") and not _RETURN_HOPS.search(key):
            strange.append(f"{key} {value}")
    return found, strange


def read_forwarding(asking: Asking, several: str) -> Reading:
    """Policy-based forwarding. ``several``: why not all virtual systems are read, empty where there is one."""
    states = {match["id"]: match["state"].lower() == "active"
              for line in _optional(asking, "show pbf rule all").splitlines() if (match := _RULE_STATE.match(line))}
    returns: dict[str, list[str]] = {}
    for line in _optional(asking, "show pbf return-mac all").splitlines():
        match = _RETURN_MAC.match(line)
        if match and words.address(match["address"]):
            returns.setdefault(match["rule"], []).append(match["address"])
    found = []
    for position, (head, fields) in enumerate(rules(asking.ask("show running pbf-policy")), 1):
        number = fields.get("id") or head["index"] or str(position)
        entry = _forwarding(asking, head["name"], position, fields)
        hops = [one for key, value in fields.items() if _RETURN_HOPS.search(key) for one in _members(value)]
        hops = [one for one in hops if words.address(one)] or returns.get(number, [])
        found.append({**entry, **({"return_nexthops": hops} if hops else {}),
                      **({"enabled": states[number]} if number in states else {})})
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    why = [several] if several else []
    return Reading(found, "; ".join(why + ([f"not understood: {'; '.join(doubts)}"] if doubts else [])))


def _optional(asking: Asking, command: str) -> str:
    try:
        return asking.ask(command)
    except Rejected:
        return ""


def _forwarding(asking: Asking, name: str, position: int, fields: Dict) -> Dict:
    ends, unknown = _ends(fields)
    services, strange = _services(fields.get("application/service", "any/any/any/any"))
    unknown += strange
    interfaces, zones = _arrivals(asking, fields.get("from", "any"))
    action = fields.get("action", "").lower()
    hop = fields.get("next-hop", "")
    device = fields.get("forwarding-egress-IF/VSYS", "")
    entry: Dict = {"name": name, "sequence": position, "interfaces": interfaces, "match": [], "nexthops": [],
                   "action": {"forward": "forward", "discard": "drop", "no-pbf": "normal"}.get(action, "normal"),
                   "symmetric_return": fields.get("symmetric-return", "no").lower() in ("yes", "true")}
    if action not in ("forward", "discard", "no-pbf"):
        unknown.append(f"action {action or 'is not told'}")
    if entry["action"] == "forward":
        entry["nexthops"] = [hop] if words.address(hop) and hop not in ("0.0.0.0", "::") else []
        if device in asking.facts["interfaces"]:
            entry["device"] = device
        else:
            unknown.append(f"egress {device or 'is not told'}")
        if hop and not words.address(hop) and hop.lower() not in ("none", "any"):
            unknown.append(f"next-hop {hop}")
    if ends or services not in ([], [{}]):
        entry["match"] = [{**ends, **one} for one in services or [{}]]
    return {**entry, **({"zones": zones} if zones else {}), **({"unknown": unknown} if unknown else {})}


def _arrivals(asking: Asking, value: str) -> tuple[list[str], list[str]]:
    """Interfaces by which packets that a rule is for arrive, and the zones that it names."""
    known = asking.facts["interfaces"]
    named = _members(value)
    if "any" in named:
        return sorted(name for name, one in known.items() if one["addresses"]), []
    zones = [one for one in named if one not in known]
    inside = [name for name, one in known.items() if one.get("zone") in zones]
    return [one for one in named if one in known] + sorted(inside), zones


def read_nat(asking: Asking, several: str) -> Reading:
    """Rules in order; one that translates both ends is there twice, its destination first."""
    found = []
    for position, (head, fields) in enumerate(rules(asking.ask("show running nat-policy")), 1):
        if fields.get("nat-type", "ipv4") not in ("ipv4", "nat64", "nptv6"):
            asking.keep("show running nat-policy", [f"{head['name']}: nat-type {fields['nat-type']}"])
        found += _translations(head["name"], int(head["index"] or position), fields)
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    why = [several] if several else []
    return Reading(found, "; ".join(why + ([f"not understood: {'; '.join(doubts)}"] if doubts else [])))


def _translations(name: str, sequence: int, fields: Dict) -> list[Dict]:
    ends, unknown = _ends(fields)
    services, strange = _services(fields.get("service", "any/any/any/any"))
    unknown += strange
    one = services[0] if len(services) == 1 else {}
    if len(services) > 1:
        unknown.append(f"service {fields['service']}")
    zones = {key: members for key, field in (("zones_in", "from"), ("zones_out", "to"))
             if (members := [zone for zone in _members(fields.get(field, "any")) if zone != "any"])}
    out = [device for device in _members(fields.get("to-interface", "")) if device not in ("any", "none")]
    base: Dict = {"name": name, "sequence": sequence, **ends, **zones, **({"interfaces_out": out} if out else {}),
                  **{key: one[key] for key in ("protocol", "dports") if key in one}}
    found = [_translation(match) for match in _TRANSLATION.finditer(fields.get("translate-to", ""))]
    if not found:
        if fields.get("translate-to", "none").strip('"').lower() not in ("none", ""):
            unknown.append(f"translate-to {fields['translate-to']}")
        found = [{"kind": "none"}]
    found.sort(key=lambda entry: entry["kind"] != "destination")
    return [{**base, **entry, **({"unknown": unknown} if unknown else {})} for entry in found]


def _translation(match: re.Match[str]) -> Dict:
    address = (match["address"] or "").strip()
    if match["side"] == "dst":
        target, _colon, port = address.partition(":") if address.count(":") == 1 else (address, "", "")
        more = re.search(r":(?P<port>\d+)", match["rest"])
        port = port or (more["port"] if more else "")
        return {"kind": "destination", "to_destination": target, **({"to_port": int(port)} if port else {})}
    kind = "static" if "static-ip" in match["rest"] else "source"
    return {"kind": kind, **({"to_interface": match["device"]} if match["device"] else {}),
            **({"to_sources": [address]} if address else {})}
