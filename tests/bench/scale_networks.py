# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of made-up data centres of any size, in the schema of docs/architecture.md, and flows across them.

A fabric of leaves and spines with two edges. Every leaf spreads over all spines, every spine over both edges for half
of the outside, and over one of them for a quarter each. Servers have a default route by their leaf; every tenth has
two uplinks with a rule and a table for each address, every third checks the reverse path strictly. The edges are
firewalls that keep state (nft: established, invalid, new from inside, some ports from outside) and translate private
sources to an address of their own. Each eighth leaf has public servers, announced at both edges; half of the
outside prefers the one, half the other, so that some of these flows come back by the wrong firewall and break.

The mix of flows, with no pair of endpoints and service twice: 40 % private server to the outside (TCP), 10 % the same
with UDP, 15 % outside to public servers (TCP), 5 % public servers to the outside, 30 % server to server (TCP).
All flows are IPv4; every host has the kernel's IPv6 routes and rules as well.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import random
import typing as t

Facts = dict[str, t.Any]

KERNEL_RULES = [
    {"family": family, "priority": priority, "table": table, "protocol": 2}
    for family, priority, table in ((4, 0, 255), (4, 32766, 254), (4, 32767, 253), (6, 0, 255), (6, 32766, 254))
]
OUTSIDE = int(ipaddress.ip_address("20.0.0.0"))  # the outside: one /24 after the other from here on
SERVICES = (22, 80, 443, 5432, 8080)
EDGES = 2


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large a network is. ``routes`` is for each host; those that the fabric does not need lead outside."""

    spines: int
    leaves: int
    servers: int  # per leaf
    routes: int

    @property
    def hosts(self) -> int:
        return EDGES + self.spines + self.leaves * (1 + self.servers)


def shape_of(hosts: int, routes: int) -> Shape:
    """A fabric of exactly this many hosts or a few less."""
    servers = 10 if hosts <= 1000 else 48
    spines = 4
    return Shape(spines, (hosts - EDGES - spines) // (1 + servers), servers, routes)


@dataclasses.dataclass(frozen=True)
class Made:
    """A network: facts and variables per host, and who may talk to whom."""

    facts: dict[str, Facts]
    variables: dict[str, Facts]
    private: list[str]
    public: list[str]
    prefixes: int  # /24s outside

    def flows(self, count: int, seed: int = 1) -> list[str]:
        """Distinct flows in the mix that is told above."""
        random_of = random.Random(seed)
        found: dict[str, None] = {}
        while len(found) < count:
            found[self._flow(random_of)] = None
        return list(found)

    def _flow(self, random_of: random.Random) -> str:
        outside = str(ipaddress.ip_address(OUTSIDE + random_of.randrange(self.prefixes * 256)))
        kind = random_of.random()
        if kind < 0.40:
            return f"tcp {random_of.choice(self.private)} > {outside}:{random_of.choice((80, 443))}"
        if kind < 0.50:
            return f"udp {random_of.choice(self.private)} > {outside}:{random_of.choice((53, 123))}"
        if kind < 0.65:
            return f"tcp {outside} > {random_of.choice(self.public)}:{random_of.choice((80, 443))}"
        if kind < 0.70:
            return f"tcp {random_of.choice(self.public)} > {outside}:443"
        one, other = random_of.sample(self.private + self.public, 2)
        return f"tcp {one} > {other}:{random_of.choice(SERVICES)}"


def make(shape: Shape) -> Made:
    """Build the facts. Every host has its own copy of everything, as facts that were read have."""
    builder = _Builder(shape)
    for edge in range(EDGES):
        builder.add_edge(edge)
    for spine in range(shape.spines):
        builder.add_spine(spine)
    for leaf in range(shape.leaves):
        builder.add_leaf(leaf)
        for server in range(shape.servers):
            builder.add_server(leaf, server)
    builder.add_neighbours()
    facts = {name: json.loads(json.dumps(host)) for name, host in builder.facts.items()}
    return Made(facts, builder.variables, builder.private, builder.public, builder.prefixes)


class _Builder:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.facts: dict[str, Facts] = {}
        self.variables: dict[str, Facts] = {}
        self.private: list[str] = []
        self.public: list[str] = []
        self.prefixes = max(1, shape.routes - 8)

    # addresses
    def subnet(self, leaf: int) -> str:
        """The servers of a leaf; each eighth leaf has public ones."""
        if leaf % 8 == 7:
            return f"198.{18 + (leaf >> 8)}.{leaf & 255}."
        return f"10.{leaf >> 8}.{leaf & 255}."

    def fabric(self, lower: int, upper: int, leaf: bool) -> tuple[str, str]:
        """Both ends of a fabric link; the lower one first."""
        base = int(ipaddress.ip_address("172.16.0.0" if leaf else "172.30.0.0")) + 2 * (lower * 16 + upper)
        return str(ipaddress.ip_address(base)), str(ipaddress.ip_address(base + 1))

    # hosts
    def add_edge(self, edge: int) -> None:
        wan = f"192.0.2.{4 * edge + 2}"
        interfaces = {"wan": f"{wan}/30"}
        interfaces.update({f"s{s}": f"{self.fabric(s, edge, False)[1]}/31" for s in range(self.shape.spines)})
        inward = [(f"s{s}", self.fabric(s, edge, False)[0]) for s in range(self.shape.spines)]
        routes = [_route("0.0.0.0/0", [("wan", f"192.0.2.{4 * edge + 1}")])]
        routes += [_route(prefix, inward) for prefix in ("10.0.0.0/8", "198.18.0.0/15")]
        routes += [_route(_outside(i), [("wan", f"192.0.2.{4 * edge + 1}")]) for i in range(self.prefixes)]
        name = f"edge{edge}"
        self.facts[name] = _host(interfaces, routes, forwarding=1, rp_filter={"wan": 2})
        self.facts[name]["netfilter"] = _firewall(f"192.0.2.{4 * edge + 2}")
        names = ["A", "B"]
        half = OUTSIDE + self.prefixes // 2 * 256
        last = OUTSIDE + self.prefixes * 256
        self.variables[name] = {
            "symmetry_uplinks": [{"name": names[edge], "interface": "wan", "gateway": f"192.0.2.{4 * edge + 1}",
                                  "announces": ["198.18.0.0/15", f"{wan}/32"]}],
            "symmetry_externals": [
                {"name": f"outside{part}", "prefixes": _cover(first, end),
                 "prefers": {"198.18.0.0/15": names[part:] + names[:part]}}
                for part, (first, end) in enumerate(((OUTSIDE, half), (half, last)))
            ],
        }

    def add_spine(self, spine: int) -> None:
        interfaces = {f"e{e}": f"{self.fabric(spine, e, False)[0]}/31" for e in range(EDGES)}
        interfaces.update({f"l{leaf}": f"{self.fabric(leaf, spine, True)[1]}/31" for leaf in range(self.shape.leaves)})
        edges = [(f"e{e}", self.fabric(spine, e, False)[1]) for e in range(EDGES)]
        routes = [_route("0.0.0.0/0", edges)]
        routes += [_route(f"{self.subnet(leaf)}0/24", [(f"l{leaf}", self.fabric(leaf, spine, True)[0])])
                   for leaf in range(self.shape.leaves)]
        by_prefix = (edges, edges, edges[:1], edges[1:])
        routes += [_route(_outside(i), by_prefix[i % 4]) for i in range(self.prefixes)]
        routes += [_route(f"192.0.2.{4 * e}/30", [edges[e]]) for e in range(EDGES)]
        self.facts[f"spine{spine}"] = _host(interfaces, routes, forwarding=1)

    def add_leaf(self, leaf: int) -> None:
        links = {f"s{s}": self.fabric(leaf, s, True) for s in range(self.shape.spines)}
        interfaces = {"servers": f"{self.subnet(leaf)}1/24", **{name: f"{ends[0]}/31" for name, ends in links.items()}}
        spines = [(name, ends[1]) for name, ends in links.items()]
        routes = [_route("0.0.0.0/0", spines)] + [_route(_outside(i), spines) for i in range(self.prefixes)]
        self.facts[f"leaf{leaf}"] = _host(interfaces, routes, forwarding=1)

    def add_server(self, leaf: int, server: int) -> None:
        subnet = self.subnet(leaf)
        address, gateway = f"{subnet}{10 + server}", f"{subnet}1"
        name = f"server{leaf}_{server}"
        interfaces = {"eth0": f"{address}/24"}
        routes = [_route("0.0.0.0/0", [("eth0", gateway)])]
        routes += [_route(_outside(i), [("eth0", gateway)]) for i in range(self.prefixes)]
        rules: list[Facts] = []
        if server % 10 == 3:  # a second address, and a table for each
            interfaces["eth1"] = f"{subnet}{110 + server}/24"
            for table, (device, own) in enumerate((("eth0", address), ("eth1", f"{subnet}{110 + server}")), start=100):
                rules.append({"family": 4, "priority": 1000 + table, "src": f"{own}/32", "table": table, "protocol": 3})
                routes.append(_route("0.0.0.0/0", [(device, gateway)], table))
                routes.append(_route(f"{subnet}0/24", [(device, None)], table))
        strict = {"eth0": 1} if server % 3 == 0 and not rules else {}
        self.facts[name] = _host(interfaces, routes, forwarding=0, rp_filter=strict, rules=rules)
        (self.public if leaf % 8 == 7 else self.private).append(address)

    def add_neighbours(self) -> None:
        """Every host knows its gateways, and a leaf its servers, as on any network that carries traffic."""
        macs = {
            item["address"]: one["mac"] for host in self.facts.values()
            for name, one in host["interfaces"].items() if name != "lo" for item in one["addresses"]
        }
        for name, host in self.facts.items():
            legs = [leg for route in host["routes"] for leg in route["nexthops"] if "gateway" in leg]
            wanted = {(leg["device"], leg["gateway"]) for leg in legs}
            if name.startswith("leaf"):
                subnet = host["interfaces"]["servers"]["addresses"][0]["address"].rpartition(".")[0]
                servers = (f"{subnet}.{last}" for last in range(10, 250))
                wanted |= {("servers", address) for address in servers if address in macs}
            host["neighbours"] = [
                {"family": 4, "device": device, "address": address, "state": "reachable",
                 "mac": macs.get(address, "02:ff:ff:ff:ff:ff")}
                for device, address in sorted(wanted)
            ]


def _outside(number: int) -> str:
    return f"{ipaddress.ip_address(OUTSIDE + number * 256)}/24"


def _cover(first: int, end: int) -> list[str]:
    """The prefixes that make up a range of addresses."""
    if first >= end:
        return ["240.0.0.0/32"]
    ends = ipaddress.IPv4Address(first), ipaddress.IPv4Address(end - 1)
    return [str(network) for network in ipaddress.summarize_address_range(*ends)]


def _route(dst: str, legs: t.Sequence[tuple[str, str | None]], table: int = 254) -> Facts:
    hops: list[Facts] = [
        {"device": device, "gateway": gateway} if gateway else {"device": device} for device, gateway in legs
    ]
    route: Facts = {"family": 4, "table": table, "dst": dst, "protocol": 4, "nexthops": hops}
    return route if legs[0][1] else {**route, "scope": "link"}


def _host(
    interfaces: t.Mapping[str, str], routes: t.Sequence[Facts], forwarding: int,
    rp_filter: t.Mapping[str, int] | None = None, rules: t.Sequence[Facts] = (),
) -> Facts:
    modes = rp_filter or {}
    sysctls = {
        name: {"rp_filter": modes.get(name, 0), "forwarding": forwarding, "forwarding6": 0, "src_valid_mark": 0,
               "accept_local": 0, "send_redirects": 1, "arp_filter": 0, "log_martians": 0, "route_localnet": 0,
               "ignore_routes_with_linkdown": 0, "disable_ipv6": 0}
        for name in ("all", "default", "lo", *interfaces)
    }
    facts: Facts = {
        "schema": "netpath.symmetry/1", "platform": "linux", "kernel": "6.18.44", "source": "netlink",
        "interfaces": {"lo": {"index": 1, "kind": "loopback", "up": True, "carrier": True, "mtu": 65536,
                              "addresses": [{"family": 4, "address": "127.0.0.1", "prefixlen": 8, "scope": "host"},
                                            {"family": 6, "address": "::1", "prefixlen": 128, "scope": "host"}]}},
        "rules": [*KERNEL_RULES, *rules],
        "routes": [_local("127.0.0.0/8", "lo"), _local("127.0.0.1/32", "lo")],
        "nexthop_groups": [], "neighbours": [], "local_table_merged": not rules,
        "sysctls": {"net/ipv4/ip_forward": forwarding, "net/ipv4/fib_multipath_hash_policy": 1,
                    "net/ipv6/conf/all/forwarding": 0},
        "interface_sysctls": sysctls,
        "rp_filter": {name: {"mode": modes.get(name, 0), "origin": "interface"} for name in ("lo", *interfaces)},
        "netfilter": {"backends": [], "chains": [], "sets": []},
        "conntrack": {"available": True, "count": 0, "max": 262144, "stats": {"invalid": 0},
                      "sysctls": {"tcp_loose": 1, "tcp_be_liberal": 0}, "flows": []},
        "counters": {"TcpExtIPReversePathFilter": 0}, "managers": [], "lookups": [],
        "parts": {name: {"complete": True} for name in ("interfaces", "rules", "routes", "netfilter", "conntrack")},
    }
    for index, (name, text) in enumerate(interfaces.items(), start=2):
        one = ipaddress.ip_interface(text)
        facts["interfaces"][name] = {
            "index": index, "up": True, "carrier": True, "mtu": 1500,
            "mac": f"02:{one.ip.packed.hex(':')}:00",
            "addresses": [{"family": 4, "address": str(one.ip), "prefixlen": one.network.prefixlen}],
        }
        facts["routes"].append(_local(f"{one.ip}/32", name))
        if one.network.prefixlen < 31:
            facts["routes"].append({**_local(f"{one.network.broadcast_address}/32", name), "type": "broadcast",
                                    "scope": "link"})
        facts["routes"].append({"family": 4, "table": 254, "dst": str(one.network), "protocol": 2, "scope": "link",
                                "prefsrc": str(one.ip), "nexthops": [{"device": name}]})
        facts["routes"].append({"family": 6, "table": 254, "dst": "fe80::/64", "metric": 256, "protocol": 2,
                                "nexthops": [{"device": name}]})
    facts["routes"] += routes
    counts: dict[str, dict[str, int]] = {"4": {}, "6": {}}
    for route in facts["routes"]:
        of_family = counts[str(route["family"])]
        of_family[str(route["table"])] = of_family.get(str(route["table"]), 0) + 1
    facts["route_counts"] = counts
    return facts


def _local(dst: str, device: str) -> Facts:
    return {"family": 4, "table": 255, "dst": dst, "type": "local", "scope": "host", "protocol": 2,
            "nexthops": [{"device": device}]}


def _firewall(address: str) -> Facts:
    """Keeps state, lets out what comes from inside, lets in some ports, and translates private sources."""
    def rule(handle: int, text: str, matches: list[Facts], do: str, **verdict: t.Any) -> Facts:
        return {"handle": handle, "text": text, "counter": {"packets": 10, "bytes": 600}, "matches": matches,
                "statements": [], "verdict": {"do": do, **verdict}}

    established = {"left": "ct state", "op": "in", "right": ["established", "related"]}
    outward = {"left": "meta oifname", "op": "==", "right": "wan"}
    inward = {"left": "meta iifname", "op": "==", "right": "wan"}
    private = {"left": "ip saddr", "op": "==", "right": "10.0.0.0/8"}
    ports = {"left": "tcp dport", "op": "==", "right": "@services"}
    filters = [
        rule(2, "ct state established,related accept", [established], "accept"),
        rule(3, "ct state invalid drop", [{"left": "ct state", "op": "in", "right": ["invalid"]}], "drop"),
        rule(4, "oifname wan accept", [outward], "accept"),
        rule(5, "iifname wan tcp dport @services accept", [inward, ports], "accept"),
        rule(6, "iifname wan icmp type echo-request accept",
             [inward, {"left": "icmp type", "op": "==", "right": "echo-request"}], "accept"),
    ]
    translate = rule(8, f"oifname wan ip saddr 10.0.0.0/8 snat to {address}", [outward, private], "snat",
                     address=address)
    return {
        "backends": ["nft"],
        "chains": [
            {"family": "inet", "table": "fw", "name": "forward", "type": "filter", "hook": "forward", "priority": 0,
             "policy": "drop", "rules": filters},
            {"family": "ip", "table": "nat", "name": "out", "type": "nat", "hook": "postrouting", "priority": 100,
             "policy": "accept", "rules": [translate]},
        ],
        "sets": [{"family": "inet", "table": "fw", "name": "services", "type": "inet_service",
                  "elements": [22, 80, 443], "complete": True}],
    }
