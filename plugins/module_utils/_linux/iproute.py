# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Rules, routes, interfaces and neighbours from ``ip -j``, as the dictionaries of the facts schema.

``-N`` makes tables, protocols and scopes numeric whatever rt_tables, rt_protos and rt_scopes say.
An iproute2 older than the kernel leaves out selectors that it does not know; rtnetlink.py does not.
"""

from __future__ import annotations

import json
import socket
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import (
    command,
    exceptions,
    links,
    nexthops,
    numbers,
)

Dict = dict[str, t.Any]
FAMILIES = (4, 6)
_IP = ("ip", "-j", "-N", "-d")
_RULE_KEYS = {  # keys of `ip -j rule` that are decoded below or select nothing
    *("priority", "src", "srclen", "dst", "dstlen", "iif", "oif", "fwmark", "fwmask", "tos", "dscp", "ipproto"),
    *("sport", "sport_start", "sport_end", "dport", "dport_start", "dport_end", "uid_start", "uid_end"),
    *("suppress_prefixlen", "suppress_ifgroup", "goto", "tun_id", "l3mdev", "not", "nop", "action", "table"),
    *("protocol", "unresolved", "iif_detached", "oif_detached", "flow_from", "flow_to"),
}
_RANGES = (  # of a rule: the key of the schema, and those of both ends
    ("sport", "sport_start", "sport_end"),
    ("dport", "dport_start", "dport_end"),
    ("uidrange", "uid_start", "uid_end"),
)


def read_rules(family: int | None = None) -> list[Dict]:
    """The rules of one family, or of both, in the kernel's order; raises CommandError."""
    rules: list[Dict] = []
    for one in FAMILIES if family is None else (family,):
        rules += [parse_rule(one, data) for data in _ask(f"-{one}", "rule", "show")]
    return rules


def read_routes(family: int | None = None, table: int | None = None) -> list[Dict]:
    """The routes of one family and table, or of all, without cached ones; raises CommandError.

    Routes that the schema cannot hold (see ``split_routes``) are left out.
    """
    routes: list[Dict] = []
    for one in FAMILIES if family is None else (family,):
        routes += split_routes(one, _read_route_objects(one, table), table or 254)[0]
    return nexthops.resolve(routes, read_nexthops)


def read_routes_and_omitted() -> tuple[list[Dict], list[str]]:
    """Every route of both families, and a sentence for each that the schema cannot hold; raises CommandError."""
    routes: list[Dict] = []
    omitted: list[str] = []
    for family in FAMILIES:
        kept, left_out = split_routes(family, _read_route_objects(family, None), 254)
        routes += kept
        omitted += left_out
    return nexthops.resolve(routes, read_nexthops), omitted


def read_exceptions() -> list[Dict]:
    """What ICMP taught of single destinations, see exceptions.py; raises CommandError."""
    found = []
    for family in FAMILIES:
        for data in _ask(f"-{family}", "route", "show", "cache", "table", "all"):
            found.append(exceptions.from_route(parse_route(family, data, 254)))
    return exceptions.ordered(found)


def read_interfaces() -> dict[str, Dict]:
    """Interfaces by name, with their addresses; raises CommandError."""
    return links.finish([parse_interface(data) for data in _ask("addr", "show")])


def read_neighbours() -> list[Dict]:
    """The neighbour entries of both families that iproute2 shows; raises CommandError."""
    return [parse_neighbour(data) for data in _ask("neigh", "show")]


def read_nexthops() -> list[Dict]:
    """Next-hop objects (``ip nexthop``), see nexthops.py; an empty list where the kernel has none (before 5.3)."""
    done = command.run([*_IP, "nexthop", "show"], check=False)
    return [parse_nexthop(data) for data in load(done.stdout)] if done.rc == 0 else []


def _ask(*words: str) -> list[Dict]:
    return load(command.run([*_IP, *words]).stdout)


def _read_route_objects(family: int, table: int | None) -> list[Dict]:
    argv = [*_IP, f"-{family}", "route", "show", "table", str(table or "all")]
    done = command.run(argv, check=False)
    if done.rc == 0:
        return load(done.stdout)
    if "table does not exist" in done.stderr:  # so the kernel says of a table without routes
        return []
    raise command.CommandError(f"{' '.join(argv)}: {done.stderr.strip()}")


def load(text: str) -> list[Dict]:
    """The objects that ``ip -j`` printed; raises CommandError where that is not JSON."""
    try:
        # iproute2 prints an empty object for some absent entries
        return [item for item in json.loads(text or "[]", object_pairs_hook=_first_wins) if item]
    except ValueError as error:
        text = f"ip -j: the answer is not JSON ({error}); iproute2 4.14 or later is needed"
        raise command.CommandError(text) from None


def _first_wins(pairs: list[tuple[str, t.Any]]) -> Dict:
    """Build an object whose first ``dst`` counts: an encapsulation prints its own dst and tos after the route's."""
    data: Dict = {}
    for key, value in pairs:
        # The tos of a route is text, that of an encapsulation a number.
        if key not in data or (key == "tos" and isinstance(value, str)):
            data[key] = value
    return data


def parse_rule(family: int, data: Dict) -> Dict:
    """One object of ``ip -j -N rule`` as a rule of the schema."""
    rule: Dict = {"family": family, "priority": data.get("priority", 0), **_rule_action(data), **_rule_flags(data)}
    for key in ("src", "dst"):
        if data.get(key, "all") != "all":
            rule[key] = f"{data[key]}/{data.get(key + 'len', numbers.host_bits(family))}"
    for key in ("iif", "oif", "tun_id"):
        if key in data:
            rule[key] = data[key]
    for key in ("fwmark", "fwmask", "tos", "dscp", "suppress_ifgroup"):
        if key in data:
            rule[key] = _number(data[key])
    if "ipproto" in data:
        rule["ipproto"] = _ip_protocol(data["ipproto"])
    for key, first, last in (("sport", "sport", "sport"), ("dport", "dport", "dport"), *_RANGES):
        if first in data:
            rule[key] = [data[first], data[last]]
    unknown = sorted(f"{key} {data[key]}" for key in data if key not in _RULE_KEYS)
    if unknown:
        rule["unknown"] = unknown
    return rule


def _rule_action(data: Dict) -> Dict:
    """What the rule does: the action unless it is a lookup, and the table or the target."""
    if "goto" in data:
        return {"action": "goto", "goto": data["goto"]}
    if "nop" in data:
        return {"action": "nop"}
    if "action" in data:
        return {"action": numbers.name_of(numbers.RULE_ACTIONS, int(data["action"]))}
    return {"table": int(data["table"])} if "table" in data else {}


def _rule_flags(data: Dict) -> Dict:
    """What the rule has beside action and selectors."""
    flags: Dict = {flag: True for key, flag in (("l3mdev", "l3mdev"), ("not", "invert")) if key in data}
    if "suppress_prefixlen" in data:
        flags["suppress_prefixlength"] = data["suppress_prefixlen"]
    if int(data.get("protocol", 0)):
        flags["protocol"] = int(data["protocol"])
    return flags


def _number(text: t.Any) -> int:
    return int(str(text), 0)


def _ip_protocol(text: t.Any) -> int:
    name = str(text)
    number = name.removeprefix("ipproto-")
    return int(number) if number.isdigit() else socket.getprotobyname(number)


def split_routes(family: int, objects: list[Dict], table: int) -> tuple[list[Dict], list[str]]:
    """Routes of the schema, and a sentence for each object that it cannot hold (source-specific routes of IPv6).

    ``table`` is the one that was asked for: iproute2 does not repeat it.
    """
    routes = []
    omitted = []
    for data in objects:
        if "from" in data:
            omitted.append(f"source-specific: {data['dst']} from {data['from']} table {data.get('table', table)}")
        elif "cloned" not in data.get("flags", ()):
            routes.append(parse_route(family, data, table))
    return routes, omitted


def parse_route(family: int, data: Dict, table: int) -> Dict:
    """One object of ``ip -j -N -d route`` as a route of the schema."""
    route: Dict = {"family": family, "table": int(data.get("table", table)), "dst": _destination(family, data["dst"])}
    kind = numbers.name_of(numbers.ROUTE_TYPES, int(data.get("type", 1)))
    if kind != "unicast":
        route["type"] = kind
    if data.get("metric"):
        route["metric"] = data["metric"]
    if isinstance(data.get("tos"), str) and _number(data["tos"]):
        route["tos"] = _number(data["tos"])
    scope = numbers.name_of(numbers.SCOPES, int(data.get("scope", 0)))
    if scope != "global":
        route["scope"] = scope
    if int(data.get("protocol", 3)) != 3:
        route["protocol"] = int(data["protocol"])
    for key in ("prefsrc", "nhid"):
        if key in data:
            route[key] = data[key]
    mtu = next((metrics["mtu"] for metrics in data.get("metrics", ()) if "mtu" in metrics), None)
    if mtu is not None:
        route["mtu"] = mtu
    if kind not in numbers.REJECT_TYPES:  # those name the loopback device at most
        legs = [parse_leg(leg) for leg in data.get("nexthops", [data])]
        if any("device" in leg or "gateway" in leg for leg in legs):  # not where only an object is named
            route["nexthops"] = legs
    return route


def _destination(family: int, text: str) -> str:
    if text == "default":
        return numbers.any_prefix(family)
    return text if "/" in text else f"{text}/{numbers.host_bits(family)}"


def parse_leg(data: Dict) -> Dict:
    """The next hop of a route, of one leg of a multipath route or of a next-hop object."""
    leg: Dict = {}
    if "dev" in data:
        leg["device"] = data["dev"]
    gateway = data.get("gateway") or data.get("via", {}).get("host")
    if gateway:
        leg["gateway"] = gateway
    if data.get("weight", 1) != 1:
        leg["weight"] = data["weight"]
    flags = [flag for flag in data.get("flags", ()) if flag in numbers.LEG_FLAGS.values()]
    if "encap" in data:
        flags.append("encap")
    if flags:
        leg["flags"] = sorted(flags)
    return leg


def parse_nexthop(data: Dict) -> Dict:
    """One object of ``ip -j nexthop`` in the form of nexthops.py."""
    if "group" in data:
        return {"id": data["id"], "members": [[leg["id"], leg.get("weight", 1)] for leg in data["group"]]}
    return {"id": data["id"], "leg": {} if "blackhole" in data else parse_leg(data)}


def parse_interface(data: Dict) -> Dict:
    """One object of ``ip -j -N -d addr`` in the form that links.finish expects."""
    link: Dict = {"name": data["ifname"], "index": data["ifindex"]}
    kind = data.get("linkinfo", {}).get("info_kind") or ("loopback" if "LOOPBACK" in data["flags"] else None)
    if kind:
        link["kind"] = kind
    if kind == "vrf":
        link["vrf_table"] = int(data["linkinfo"]["info_data"]["table"])
    link.update(up="UP" in data["flags"], carrier="LOWER_UP" in data["flags"], mtu=data.get("mtu", 0))
    if len(data.get("address", "")) == links.MAC_LENGTH:
        link["mac"] = data["address"]
    link["group"] = int(data.get("group", 0))
    if "master" in data:
        link["master"] = data["master"]
    link["addresses"] = [parse_address(address) for address in data.get("addr_info", ()) if "local" in address]
    return link


def parse_address(data: Dict) -> Dict:
    """One entry of ``addr_info`` as an address of the schema."""
    address: Dict = {
        "family": 4 if data["family"] == "inet" else 6,
        "address": data["local"],
        "prefixlen": data["prefixlen"],
    }
    scope = numbers.name_of(numbers.SCOPES, int(data.get("scope", 0)))
    if scope != "global":
        address["scope"] = scope
    if data.get("secondary"):
        address["secondary"] = True
    if "address" in data:
        address["peer"] = data["address"]
    names = ("temporary", "dynamic", *numbers.ADDRESS_FLAGS.values())
    flags = sorted(flag for flag in names if data.get(flag))
    if flags:
        address["flags"] = flags
    return address


def parse_neighbour(data: Dict) -> Dict:
    """One object of ``ip -j neigh`` as a neighbour of the schema."""
    neighbour: Dict = {
        "family": 6 if ":" in data["dst"] else 4,
        "address": data["dst"],
        "device": data.get("dev", ""),
        "state": (data.get("state") or ["none"])[0].lower(),
    }
    if len(data.get("lladdr", "")) == links.MAC_LENGTH:
        neighbour["mac"] = data["lladdr"]
    return neighbour
