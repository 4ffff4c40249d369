# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The tables of a device as those of a host: one per VRF, chosen by the interface by which a packet arrives."""

from __future__ import annotations

import ipaddress
import re
import typing as t

Facts = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
MAIN = 254
_UNREAD = 50_000
_LOCAL_OF_VRF = 100_000  # added to a table's number: the addresses of the device in that VRF
# priorities of rules; those of policies stand between
OWN, FIRST_POLICY, NORMAL = 1, 100, 2_000_000_000
IN_VRF, LAST = NORMAL + 1, NORMAL + 3
_DEPTH = 8  # next hops that are reached by other next hops


def interfaces_by_table(interfaces: t.Mapping[str, Dict], tables: t.Mapping[str, int]) -> dict[int, list[str]]:
    """The interfaces of each VRF, by the number of its table; that of the platform itself is always there.

    A VRF of which nothing but an interface was read has a table without routes.
    """
    known = dict(tables)
    found: dict[int, list[str]] = {MAIN: [], **{number: [] for number in tables.values()}}
    for name, one in interfaces.items():
        vrf = one.pop("of_vrf")
        number = known.setdefault(vrf, _UNREAD + len(known)) if vrf else MAIN
        found.setdefault(number, []).append(name)
    return found


def full_name(short: str, names: t.Iterable[str]) -> str:
    """The interface that an abbreviation such as Gi1/0 means; the text itself where none does, or several do."""
    known = list(names)
    if short in known:
        return short
    match = re.match(r"^(?P<word>[A-Za-z-]+)(?P<place>[\d/.:]+)$", short)
    found = [name for name in known if match and name.lower().startswith(match["word"].lower())
             and name[len(match["word"]):].lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")
             == match["place"]]
    return found[0] if len(found) == 1 else short


def rules(by_table: t.Mapping[int, t.Sequence[str]]) -> list[Dict]:
    """The rules that choose a table; those of policies come between the two halves."""
    found: list[Dict] = []
    for family in (4, 6):
        found += [{"family": family, "priority": 0, "table": 255},
                  {"family": family, "priority": NORMAL, "action": "nop"},
                  {"family": family, "priority": LAST, "table": MAIN}]
        for number, names in by_table.items():
            for name in names if number != MAIN else ():
                found += [{"family": family, "priority": OWN, "iif": name, "table": number + _LOCAL_OF_VRF},
                          {"family": family, "priority": IN_VRF, "iif": name, "table": number},
                          {"family": family, "priority": IN_VRF + 1, "iif": name, "action": "unreachable"}]
    return sorted(found, key=lambda rule: rule["priority"])


def local_routes(by_table: t.Mapping[int, t.Sequence[str]], interfaces: t.Mapping[str, Dict]) -> list[Dict]:
    """The device's own addresses, in the VRF of their interface."""
    found = [_local(4, 255, "127.0.0.1", "lo"), _local(6, 255, "::1", "lo")]
    for number, names in by_table.items():
        table = 255 if number == MAIN else number + _LOCAL_OF_VRF
        found += [_local(one["family"], table, one["address"], name)
                  for name in names if interfaces[name]["up"] for one in interfaces[name]["addresses"]]
    return found


def _local(family: int, table: int, address: str, device: str) -> Dict:
    return {"family": family, "table": table, "dst": f"{address}/{32 if family == 4 else 128}", "type": "local",
            "scope": "host", "protocol": 2, "nexthops": [{"device": device}]}


def routes(
    given: t.Iterable[Facts], by_table: t.Mapping[int, t.Sequence[str]], interfaces: t.Mapping[str, Dict]
) -> tuple[list[Dict], list[str]]:
    """The routes with every next hop resolved to an interface, and the prefixes whose next hops lead nowhere.

    Networks of interfaces are among them even where a large table was only asked for some addresses.
    """
    tables = {number: Resolver(names, interfaces) for number, names in by_table.items()}
    listed = [one for one in given if one.get("installed", True)]
    listed += _connected(by_table, interfaces, {(one["table"], one["dst"]) for one in listed})
    for one in listed:
        tables.setdefault(one["table"], Resolver((), interfaces)).add(one)
    found, lost = [], []
    for one in listed:
        plain = {"family": one["family"], "table": one["table"], "dst": one["dst"],
                 **({"type": one["type"]} if "type" in one else {})}
        if "nexthops" not in one or one.get("type", "unicast") != "unicast":
            found.append(plain)
            continue
        legs = [leg for way in one["nexthops"] for leg in resolve(tables, one["table"], way)]
        if legs:
            found.append({**plain, "nexthops": _distinct(legs)})
        else:
            lost.append(one["dst"])
    return found, lost


def _connected(
    by_table: t.Mapping[int, t.Sequence[str]], interfaces: t.Mapping[str, Dict], known: set[tuple[int, str]]
) -> list[Dict]:
    found = {}
    for number, names in by_table.items():
        for name in names:
            for one in interfaces[name]["addresses"] if interfaces[name]["up"] else ():
                dst = str(ipaddress.ip_network(f"{one['address']}/{one['prefixlen']}", strict=False))
                if (number, dst) not in known and one.get("scope") != "link":
                    found[number, dst, name] = {"family": one["family"], "table": number, "dst": dst,
                                                "nexthops": [{"device": name}]}
    return list(found.values())


def _distinct(legs: t.Iterable[Dict]) -> list[Dict]:
    return list({(leg.get("gateway"), leg["device"]): leg for leg in legs}.values())


class Resolver:
    """What next hops are resolved with: routes and connected networks by longest prefix."""

    def __init__(self, names: t.Iterable[str], interfaces: t.Mapping[str, Dict]) -> None:
        self._known: dict[tuple[int, int, int], t.Sequence[Facts]] = {}
        for name in names:
            for one in interfaces[name]["addresses"] if interfaces[name]["up"] else ():
                network = ipaddress.ip_network(f"{one['address']}/{one['prefixlen']}", strict=False)
                self._known[self._key(network)] = [{"device": name}]

    @staticmethod
    def _key(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int, int]:
        return network.version, network.prefixlen, int(network.network_address)

    def add(self, route: Facts) -> None:
        if route.get("type", "unicast") == "unicast" and route.get("nexthops"):
            self._known.setdefault(self._key(ipaddress.ip_network(route["dst"])), route["nexthops"])

    def best(self, address: str) -> t.Sequence[Facts]:
        """The ways to an address; none where nothing covers it. A default route resolves no next hop."""
        one = ipaddress.ip_address(address)
        bits = one.max_prefixlen
        for length in range(bits, 0, -1):
            found = self._known.get((one.version, length, int(one) >> (bits - length) << (bits - length)))
            if found is not None:
                return found
        return ()


def resolve(tables: t.Mapping[int, Resolver], number: int, way: Facts, depth: int = 0) -> list[Dict]:
    """The way as legs with an interface each: a next hop that others reach is followed to those."""
    number = way.get("table", number)
    weight = {"weight": way["weight"]} if "weight" in way else {}
    gateway = way.get("gateway")
    if "device" in way:
        return [{"device": way["device"], **({"gateway": gateway} if gateway else {}), **weight}]
    if not gateway or depth >= _DEPTH or number not in tables:
        return []
    found = []
    for one in tables[number].best(gateway):
        if "device" in one and "gateway" not in one:
            found.append({"device": one["device"], "gateway": gateway, **weight})
        else:
            found += [{**leg, **weight} for leg in resolve(tables, number, one, depth + 1)]
    return found
