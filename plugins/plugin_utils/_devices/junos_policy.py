# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Filter-based forwarding and NAT of Junos, out of the configuration."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_answers import configuration, units
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_lines import at, value

PORTS = {"http": 80, "https": 443, "ssh": 22, "telnet": 23, "domain": 53, "smtp": 25, "ftp": 21, "ftp-data": 20,
         "bgp": 179, "snmp": 161, "ntp": 123, "syslog": 514, "tftp": 69, "dhcp": 67, "bootps": 67, "bootpc": 68,
         "ldap": 389, "radius": 1812, "radacct": 1813, "imap": 143, "pop3": 110, "snmptrap": 162, "tacacs": 49}
_STEER = ("routing-instance", "next-ip", "next-ip6", "next-interface")
# What a term does beside deciding where the packet goes.
_BESIDE = {"count", "log", "syslog", "sample", "port-mirror", "policer", "forwarding-class", "loss-priority", "dscp",
           "traffic-class", "packet-mode", "service-accounting", "next-hop-group"}
_ADDRESSES = {"source-address": "sources", "destination-address": "destinations"}
_LISTS = {"source-prefix-list": "sources", "destination-prefix-list": "destinations"}


def read_filters(asking: Asking) -> Reading:
    """The terms of every input filter that steers, in order; the discard at its end is a term of its own."""
    firewall = at(configuration(asking, "firewall"), "firewall")
    users = _users(asking)
    found: list[Dict] = []
    for (family, names), devices in users.items():
        terms = [(name, term, below) for name in names for term, below in _terms(firewall, family, name)]
        if not any(set(at(below, "then")) & set(_STEER) for _name, _term, below in terms):
            continue
        for number, (name, term, below) in enumerate(terms, 1):
            found += _entry(asking, family, f"{name} term {term}", number, below, devices)
        found.append({"name": f"{names[-1]} end", "sequence": len(terms) + 1, "interfaces": devices, "action": "drop",
                      "match": [_any(family)]})
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _any(family: str) -> Dict:
    return {"sources": ["::/0" if family == "inet6" else "0.0.0.0/0"]}


def _users(asking: Asking) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Input filters, several where they are in a list, and the interfaces that have them."""
    users: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    interfaces = [*asking.facts["interfaces"]]
    for name, below in units(configuration(asking, "interfaces")):
        for family in ("inet", "inet6"):
            filters = at(below, "family", family, "filter")
            names = (*at(filters, "input"), *at(filters, "input-list"))
            if names:
                users.setdefault((family, names), []).append(name)
    forwarding = at(configuration(asking, "forwarding-options"), "forwarding-options", "family")
    for family in ("inet", "inet6"):
        names = (*at(forwarding, family, "filter", "input"),)
        if names:
            users.setdefault((family, names), []).extend(interfaces)
    return users


def _terms(firewall: Dict, family: str, name: str) -> list[tuple[str, Dict]]:
    """Terms of a filter; a filter without a family is one of IPv4."""
    one = at(firewall, "family", family, "filter", name) or (at(firewall, "filter", name) if family == "inet" else {})
    return list(at(one, "term").items())


def _entry(asking: Asking, family: str, name: str, number: int, below: Dict, devices: list[str]) -> list[Dict]:
    then = at(below, "then")
    if not then:
        then = {"accept": {}}
    if "next" in then:  # goes on with the term that follows
        return []
    unknown: list[str] = []
    entry: Dict = {"name": name, "sequence": number, "interfaces": devices, "nexthops": [], "action": "normal"}
    for word, more in then.items():
        if word == "routing-instance":
            entry.update(_into(asking, _instance(value(more)), family))
        elif word in ("next-ip", "next-ip6"):
            address = words.address(value(more).split("/")[0])
            entry.update(action="forward", nexthops=[address] if address else [])
        elif word == "next-interface":
            entry.update(action="forward", device=value(more))
        elif word in ("discard", "reject"):
            entry["action"] = "drop"
        elif word != "accept" and word not in _BESIDE:
            unknown.append(f"then {word}")
    entry["match"] = _matches(asking, family, at(below, "from"), unknown)
    if not entry["match"]:  # every address is excepted
        return []
    return [{**entry, **({"unknown": unknown} if unknown else {})}]


def _into(asking: Asking, name: str, family: str) -> Dict:
    """Into an instance: to the next hops of its default route, where it has no other way."""
    routes: list[Dict] = asking.facts.get("routes") or []
    number, version = asking.table(name), 6 if family == "inet6" else 4
    ways = [one for one in routes if one["table"] == number and one["family"] == version]
    hops = [leg.get("gateway") for one in ways for leg in one.get("nexthops", ())]
    if name and len(ways) == 1 and ways[0]["dst"] == _any(family)["sources"][0] and hops and all(hops):
        return {"action": "forward", "vrf": name, "nexthops": hops}
    return {"action": "vrf", "vrf": name}


def _instance(name: str) -> str:
    return "" if name in ("default", "master") else name


def _matches(asking: Asking, family: str, conditions: Dict, unknown: list[str]) -> list[Dict]:
    """Entries of which one must hold; none where no packet can match."""
    one: Dict = {}
    listed: dict[str, list[tuple[str, bool]]] = {}
    protocols: list[str] = []
    both: list[str] = []
    for word, more in conditions.items():
        if word in _ADDRESSES or word in _LISTS:
            place = _ADDRESSES.get(word) or _LISTS[word]
            prefixes = _prefixes(more) if word in _ADDRESSES else _listed(asking, more, unknown)
            listed.setdefault(place, []).extend(prefixes)
        elif word == "address":
            both += words.by_longest(_prefixes(more))
        elif word in ("protocol", "next-header", "payload-protocol"):
            protocols += ["icmpv6" if name == "icmp6" else name for name in more]
        elif word in ("source-port", "destination-port"):
            _port(one, "sports" if word == "source-port" else "dports", more, unknown)
        else:
            unknown.append(f"from {word}")
    one.update({place: words.by_longest(prefixes) for place, prefixes in listed.items()})
    if any(not one[place] for place in listed) and not unknown:
        return []
    sides = [{**one, side: both} for side in ("sources", "destinations")] if both else [one]
    entries = [{**side, **({"protocol": name} if name else {})} for side in sides for name in protocols or [""]]
    if not any("sources" in entry or "destinations" in entry for entry in entries):
        entries = [{**entry, **_any(family)} for entry in entries]
    return entries


def _prefixes(more: Dict) -> list[tuple[str, bool]]:
    found = []
    for text, below in more.items():
        prefix = words.prefix(text)
        if prefix:
            found.append((prefix, "except" in below))
    return found


def _listed(asking: Asking, more: Dict, unknown: list[str]) -> list[tuple[str, bool]]:
    """The prefixes of prefix-lists."""
    lists = at(configuration(asking, "policy-options"), "policy-options", "prefix-list")
    found = []
    for name, below in more.items():
        if name not in lists or "apply-path" in lists[name]:
            unknown.append(f"prefix-list {name}")
        found += [(prefix, "except" in below) for prefix, _excepts in _prefixes(at(lists, name))]
    return found


def _port(one: Dict, place: str, more: Dict, unknown: list[str]) -> None:
    for text in more:
        low, _dash, high = text.partition("-") if text not in PORTS else (text, "", "")
        numbers = [int(part) if part.isdigit() else PORTS.get(part) for part in (low, high or low)]
        if None in numbers:
            unknown.append(f"port {text}")
        else:
            one.setdefault(place, []).append(numbers)


# NAT of an SRX ---------------------------------------------------------------------------------------------------


def read_nat(asking: Asking) -> Reading:
    """Rules of source, destination and static NAT in their order: static and destination come before routing."""
    nat = at(configuration(asking, "security nat"), "security", "nat")
    found = [rule for kind in ("static", "destination", "source") for rule in _rules(nat, kind)]
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _rules(nat: Dict, kind: str) -> t.Iterator[Dict]:
    pools = at(nat, kind, "pool")
    for set_name, rules in at(nat, kind, "rule-set").items():
        where: Dict = {}
        for side, suffix in (("from", "in"), ("to", "out")):
            for word, place in (("zone", "zones"), ("interface", "interfaces")):
                if at(rules, side, word):
                    where[f"{place}_{suffix}"] = [*at(rules, side, word)]
        hidden = [f"{side} routing-instance" for side in ("from", "to") if at(rules, side, "routing-instance")]
        for number, (name, rule) in enumerate(at(rules, "rule").items(), 1):
            unknown = list(hidden)
            one = {"name": f"{set_name}/{name}", "sequence": number, **where, **_nat_match(at(rule, "match"), unknown),
                   **_translation(at(rule, "then", f"{kind}-nat"), kind, pools, unknown)}
            yield {**one, **({"unknown": unknown} if unknown else {})}
            if kind == "static" and "to_destination" in one and one.get("destinations"):
                yield _backwards(one, unknown)


def _backwards(one: Dict, unknown: list[str]) -> Dict:
    """The other half of a static rule: what the inside sends leaves with the address that the outside knows."""
    places = {f"{place}_out": one[f"{place}_in"] for place in ("zones", "interfaces") if f"{place}_in" in one}
    return {"name": f"{one['name']} (from inside)", "sequence": one["sequence"], "kind": "static", **places,
            "sources": [prefix for prefix in [words.prefix(one["to_destination"])] if prefix],
            "to_sources": [words.without_length(one["destinations"][0])], **({"unknown": unknown} if unknown else {})}


def _nat_match(match: Dict, unknown: list[str]) -> Dict:
    one: Dict = {}
    for word, more in match.items():
        if word in _ADDRESSES:
            one[_ADDRESSES[word]] = [prefix for prefix in map(words.prefix, more) if prefix]
        elif word == "protocol" and len(more) == 1:
            one["protocol"] = next(iter(more))
        elif word == "destination-port":
            for text, below in more.items():
                _port(one, "dports", {f"{text}-{value(below, 'to')}" if at(below, "to") else text: {}}, unknown)
        else:
            unknown.append(f"match {word}")
    return one


def _translation(then: Dict, kind: str, pools: Dict, unknown: list[str]) -> Dict:
    if "off" in then:
        return {"kind": "none"}
    if kind == "source" and "interface" in then:
        return {"kind": kind, "to_interface": True}
    if kind == "static" and "prefix" in then:
        return {"kind": kind, "to_destination": words.without_length(value(then, "prefix"))}
    pool = value(then, "pool")
    addresses = at(pools, pool, "address")
    if not pool or not addresses:
        unknown.append(f"then {' '.join(then) or 'nothing'} {pool}".strip())
        return {"kind": kind}
    if kind == "source":
        return {"kind": kind, "to_sources": [_range(*one) for one in addresses.items()]}
    first, below = next((text, below) for text, below in addresses.items() if text != "port")
    port = value(below, "port") or value(addresses, "port")
    return {"kind": kind, "to_destination": words.without_length(first),
            **({"to_port": int(port)} if port.isdigit() else {})}


def _range(first: str, below: Dict) -> str:
    last = value(below, "to")
    if not last:
        return words.without_length(first)
    ends = [str(ipaddress.ip_interface(one).ip) for one in (first, last)]
    return "-".join(ends)
