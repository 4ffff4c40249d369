# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy routes and address translation of VyOS, out of the configuration in set commands."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_lines import at, value

# The ways that a table knows, by its number and the family; raises DeviceError.
Table = t.Callable[[str, int], list[Dict]]
_ANY = {4: "0.0.0.0/0", 6: "::/0"}
_PORTS = {"http": 80, "https": 443, "ssh": 22, "telnet": 23, "domain": 53, "smtp": 25, "ftp": 21, "bgp": 179,
          "snmp": 161, "ntp": 123, "syslog": 514, "tftp": 69}
_BESIDE = {"description", "log", "log-options", "set", "action", "disable", "source", "destination", "protocol"}


def read_policies(config: Dict, table: Table) -> list[Dict]:
    """Rules of ``policy route`` and ``policy route6`` on interfaces, in the order in which they are tried."""
    found: list[Dict] = []
    for word, family in (("route", 4), ("route6", 6)):
        for name, policy in at(config, "policy", word).items():
            devices = [*at(policy, "interface"), *_users(config, word, name)]
            for number, rule in sorted(at(policy, "rule").items(), key=lambda one: int(one[0])):
                if devices and "disable" not in rule:
                    found.append({"name": name, "sequence": int(number), "interfaces": devices,
                                  **_entry(config, rule, family, table)})
            if devices and value(policy, "default-action") == "drop":
                found.append({"name": f"{name} default", "sequence": 999_999, "interfaces": devices, "action": "drop",
                              "match": [{"sources": [_ANY[family]]}]})
    return found


def _users(config: Dict, word: str, name: str) -> list[str]:
    """Interfaces that name a policy themselves, as up to release 1.3."""
    return [device for device, below in interfaces(config) if value(below, "policy", word) == name]


def interfaces(config: Dict) -> t.Iterator[tuple[str, Dict]]:
    """Each interface and VLAN of the configuration with what stands below it."""
    for kind in at(config, "interfaces").values():
        for name, one in kind.items():
            yield name, one
            for vlan, below in at(one, "vif").items():
                yield f"{name}.{vlan}", below
            for outer, below in at(one, "vif-s").items():
                yield f"{name}.{outer}", below
                for inner, deepest in at(below, "vif-c").items():
                    yield f"{name}.{outer}.{inner}", deepest


def _entry(config: Dict, rule: Dict, family: int, table: Table) -> Dict:
    unknown = [f"{word} {' '.join(more)}".strip() for word, more in rule.items() if word not in _BESIDE]
    entry: Dict = {"action": "normal", "nexthops": []}
    number, vrf = value(rule, "set", "table"), value(rule, "set", "vrf")
    if value(rule, "action") == "drop":
        entry["action"] = "drop"
    elif number and number != "main":
        entry.update(_into(table(number, family), number, unknown))
    elif vrf:
        entry.update(action="vrf", vrf="" if vrf == "default" else vrf)
    unknown += [f"set {word}" for word in at(rule, "set") if word in ("mark", "connection-mark")]
    entry["match"] = _matches(config, rule, family, unknown)
    return {**entry, **({"unknown": unknown} if unknown else {})}


def _into(routes: list[Dict], number: str, unknown: list[str]) -> Dict:
    """To the next hops of the table's default route; what else the table knows is not told here."""
    default = next((one for one in routes if one.get("dst") == "default"), None)
    if len(routes) > 1:
        unknown.append(f"table {number} has more than a default route")
    if default is None:
        return {}
    if default.get("type") in ("blackhole", "unreachable", "prohibit"):
        return {"action": "drop"}
    legs = default.get("nexthops") or [default]
    hops = [str(leg["gateway"]) for leg in legs if "gateway" in leg]
    return {"action": "forward", "nexthops": hops, **({"device": legs[0]["dev"]} if not hops and legs else {})}


def _matches(config: Dict, rule: Dict, family: int, unknown: list[str]) -> list[Dict]:
    one: Dict = {}
    for side, place, ports in (("source", "sources", "sports"), ("destination", "destinations", "dports")):
        below = at(rule, side)
        prefixes, excepted = _prefixes(config, below, unknown)
        if excepted:  # all but these
            one[place] = words.by_longest([*((text, False) for text in prefixes or [_ANY[family]]),
                                           *((text, True) for text in excepted)])
        elif prefixes:
            one[place] = prefixes
        ranges = _ports(config, below, unknown)
        if ranges:
            one[ports] = ranges
        unknown += [f"{side} {word}" for word in below if word not in ("address", "port", "group")]
    protocol = value(rule, "protocol")
    protocols = {"": [""], "all": [""], "tcp_udp": ["tcp", "udp"], "ipv6-icmp": ["icmpv6"]}.get(protocol, [protocol])
    if protocol.startswith("!"):
        unknown.append(f"protocol {protocol}")
        protocols = [""]
    if "sources" not in one and "destinations" not in one:
        one["sources"] = [_ANY[family]]
    return [{**one, **({"protocol": name} if name else {})} for name in protocols]


def _prefixes(config: Dict, below: Dict, unknown: list[str]) -> tuple[list[str], list[str]]:
    """The prefixes of a side, and those that it excepts (``!``)."""
    listed = [*at(below, "address")]
    for kind, member in (("address-group", "address"), ("network-group", "network"),
                         ("ipv6-address-group", "address"), ("ipv6-network-group", "network")):
        for name in at(below, "group", kind):
            group = at(config, "firewall", "group", kind, name.lstrip("!"))
            members = [*at(group, member)]
            if not members or "include" in group:
                unknown.append(f"{kind} {name}")
            listed += [f"!{one}" if name.startswith("!") else one for one in members]
    strange = ("domain-group", "mac-group", "dynamic-address-group")
    unknown += [f"group {kind}" for kind in at(below, "group") if kind in strange]
    found: tuple[list[str], list[str]] = ([], [])
    for text in listed:
        prefix = words.prefix(text.lstrip("!"))
        if prefix is None:
            unknown.append(f"address {text}")  # a range
        else:
            found[text.startswith("!")].append(prefix)
    return found


def _ports(config: Dict, below: Dict, unknown: list[str]) -> list[list[int]]:
    listed = [part for text in at(below, "port") for part in text.split(",")]
    for name in at(below, "group", "port-group"):
        members = [*at(config, "firewall", "group", "port-group", name, "port")]
        if not members:
            unknown.append(f"port-group {name}")
        listed += members
    found: list[list[int]] = []
    for text in listed:
        low, _dash, high = text.partition("-") if text not in _PORTS else (text, "", "")
        first, last = (int(part) if part.isdigit() else _PORTS.get(part) for part in (low, high or low))
        if first is None or last is None:
            unknown.append(f"port {text}")
        else:
            found.append([first, last])
    return found


def read_nat(config: Dict) -> Reading:
    """Rules in their order: those of static and destination come before routing, those of the source after it."""
    found: list[Dict] = []
    for kind in ("static", "destination", "source"):
        for number, rule in sorted(at(config, "nat", kind, "rule").items(), key=lambda one: int(one[0])):
            if "disable" not in rule:
                found += _translation(config, kind, int(number), rule)
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    doubts += ["translation of IPv6 is not read"] if at(config, "nat66") else []
    doubts += ["nat cgnat is not read"] if at(config, "nat", "cgnat") else []
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _translation(config: Dict, kind: str, number: int, rule: Dict) -> list[Dict]:
    unknown = [f"{word}" for word in rule if word not in (
        "description", "log", "source", "destination", "protocol", "translation", "outbound-interface",
        "inbound-interface", "exclude", "packet-type")]
    one: Dict = {"name": f"{kind} rule {number}", "sequence": number}
    for word, place in (("inbound-interface", "interfaces_in"), ("outbound-interface", "interfaces_out")):
        names = [*(at(rule, word, "name") or (at(rule, word) if "group" not in at(rule, word) else {}))]
        for group in at(rule, word, "group"):
            names += at(config, "firewall", "group", "interface-group", group, "interface")
        if any(set(name) & set("!*+") for name in names):
            unknown.append(f"{word} {' '.join(names)}")
        elif names and names != ["any"]:
            one[place] = names
    for side, place in (("source", "sources"), ("destination", "destinations")):
        prefixes, excepted = _prefixes(config, at(rule, side), unknown)
        unknown += [f"{side} !{text}" for text in excepted]
        one.update({place: prefixes} if prefixes else {})
    protocol = value(rule, "protocol")
    if protocol.startswith("!") or protocol == "tcp_udp":
        unknown.append(f"protocol {protocol}")
    elif protocol and protocol != "all":
        one["protocol"] = protocol
    ports = _ports(config, at(rule, "destination"), unknown)
    one.update({"dports": ports} if ports else {})
    unknown += ["source port"] if at(rule, "source", "port") else []
    return _halves(one, kind, rule, unknown)


def _halves(one: Dict, kind: str, rule: Dict, unknown: list[str]) -> list[Dict]:
    address, port = value(rule, "translation", "address"), value(rule, "translation", "port")
    doubt = {"unknown": unknown} if unknown else {}
    if "exclude" in rule:
        return [{**one, "kind": "none", **doubt}]
    if kind == "source" and address == "masquerade":
        return [{**one, "kind": "source", "to_interface": True, **doubt}]
    if not address:
        said = " ".join(["translation", *at(rule, "translation")])
        return [{**one, "kind": kind, "unknown": [*unknown, said]}]
    target = words.without_length(address)
    if kind == "source":
        return [{**one, "kind": "source", "to_sources": [target], **doubt}]
    there = {**one, "kind": kind, "to_destination": target, **doubt,
             **({"to_port": int(port)} if port.isdigit() else {})}
    if kind == "destination" or not one.get("destinations"):
        return [there]
    back = {"name": f"{one['name']} (from inside)", "sequence": one["sequence"], "kind": "static",
            "interfaces_out": one.get("interfaces_in", []), "sources": [words.prefix(address)],
            "to_sources": [words.without_length(one["destinations"][0])], **doubt}
    return [there, back]
