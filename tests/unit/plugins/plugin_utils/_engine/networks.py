# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of small networks, written down as host_facts would read them. Every function gives fresh dictionaries."""

from __future__ import annotations

import hashlib
import ipaddress
import typing as t

Facts = dict[str, t.Any]


def host(
    interfaces: t.Mapping[str, t.Sequence[str]],
    routes: t.Sequence[str] = (),
    forwarding: bool = True,
    rp_filter: t.Mapping[str, int] | None = None,
    chains: t.Sequence[Facts] = (),
    rules: t.Sequence[Facts] = (),
    neighbours: t.Sequence[Facts] = (),
    **more: t.Any,
) -> Facts:
    """Facts of one host. ``interfaces``: addresses with prefix length by name; ``routes``: as ``route`` reads."""
    facts: Facts = {
        "schema": "netpath.symmetry/1", "platform": "linux", "kernel": "6.18.44", "source": "iproute",
        "interfaces": {}, "routes": [], "exceptions": [], "neighbours": list(neighbours),
        "sysctls": {"net/ipv4/ip_forward": int(forwarding), "net/ipv6/conf/all/forwarding": int(forwarding)},
        "interface_sysctls": {}, "rp_filter": {}, "sysctl_files": {"applied_by": ""},
        "netfilter": {"backends": ["nft"] if chains else [], "chains": list(chains), "sets": []},
        "conntrack": {"available": True, "count": 0, "stats": {"invalid": 0},
                      "sysctls": {"tcp_loose": 1, "tcp_be_liberal": 0}, "flows": []},
        "will_undo": [], "applied": [], "state_sync": [],
        "parts": {},
    }
    modes = {"all": 0, "default": 0, **(rp_filter or {})}
    for name in ("all", "default", *interfaces):
        facts["interface_sysctls"][name] = {
            "rp_filter": modes.get(name, modes["default"]),
            "forwarding": int(forwarding), "forwarding6": int(forwarding),
            "src_valid_mark": 0, "accept_local": 0, "send_redirects": 1,
        }
    for index, (name, addresses) in enumerate(interfaces.items(), start=2):
        _interface(facts, index, name, addresses, modes)
    facts["rules"] = [
        {"family": family, "priority": priority, "table": table, "protocol": 2}
        for family, priority, table in ((4, 0, 255), (4, 32766, 254), (4, 32767, 253), (6, 0, 255), (6, 32766, 254))
    ] + list(rules)
    facts["routes"] += [route(text) for text in routes]
    facts.update(more)
    return facts


def _interface(facts: Facts, index: int, name: str, addresses: t.Sequence[str], modes: t.Mapping[str, int]) -> None:
    listed = [ipaddress.ip_interface(text) for text in addresses]
    facts["interfaces"][name] = {
        "index": index, "kind": "veth", "up": True, "carrier": True, "mtu": 1500,
        "mac": "02:" + ":".join(f"{byte:02x}" for byte in hashlib.sha256("".join(addresses).encode()).digest()[:5]),
        "addresses": [
            {"family": one.version, "address": str(one.ip), "prefixlen": one.network.prefixlen} for one in listed],
    }
    own = modes.get(name, modes["default"])
    mode = max(own, modes["all"])
    facts["rp_filter"][name] = {"mode": mode, "origin": "interface" if own == mode else "all"}
    for one in listed:
        family, full = one.version, one.max_prefixlen
        facts["routes"].append({"family": family, "table": 255, "dst": f"{one.ip}/{full}", "type": "local",
                                "protocol": 2, "scope": "host" if family == 4 else "global",
                                "nexthops": [{"device": name}]})
        facts["routes"].append({"family": family, "table": 254, "dst": str(one.network), "protocol": 2,
                                "scope": "link" if family == 4 else "global", "metric": 0 if family == 4 else 256,
                                "nexthops": [{"device": name}]})


def route(text: str) -> Facts:
    """Read '203.0.113.0/25 via 198.51.100.1 dev wan_a metric 100 table 10 src A', or 'nexthop G%D' twice or more."""
    words = text.split()
    prefix = words[0]
    family = 6 if ":" in words[0] or ":" in text.partition("via ")[2].partition(" ")[0] else 4
    dst = {4: "0.0.0.0/0", 6: "::/0"}[family] if prefix == "default" else prefix
    values = dict(zip(words[1::2], words[2::2], strict=True)) if "nexthop" not in words else {}
    legs = [leg.split("%") for leg in words[2::2]] if "nexthop" in words else []
    nexthops = [{"gateway": gateway, "device": device} for gateway, device in legs] or [
        {key: values[word] for key, word in (("gateway", "via"), ("device", "dev")) if word in values}]
    found = {"family": family, "table": int(values.get("table", 254)), "dst": dst, "protocol": 4,
             "metric": int(values.get("metric", 0 if family == 4 else 1024)), "nexthops": nexthops}
    if "src" in values:
        found["prefsrc"] = values["src"]
    return found


def match(left: str, right: t.Any) -> Facts:
    return {"left": left, "op": "in" if isinstance(right, list) and left == "ct state" else "==", "right": right}


def chain(
    hook: str, rules: t.Sequence[Facts], policy: str = "accept", type: str = "filter", priority: int = 0
) -> Facts:
    return {"family": "inet", "table": "fw", "name": hook, "type": type, "hook": hook, "priority": priority,
            "policy": policy, "rules": list(rules)}


def firewall(*more: Facts, inside: str = "in", invalid_packets: int = 0) -> Facts:
    """Policy drop; established, invalid and everything from inside as in the lab's firewalls; then ``more``."""
    return chain("forward", [
        {"handle": 4, "text": "ct state established,related accept",
         "matches": [match("ct state", ["established", "related"])], "statements": [], "verdict": {"do": "accept"}},
        {"handle": 5, "text": "ct state invalid counter drop", "counter": {"packets": invalid_packets, "bytes": 0},
         "matches": [match("ct state", "invalid")], "statements": [{"do": "counter"}], "verdict": {"do": "drop"}},
        {"handle": 6, "text": f'iifname "{inside}" accept', "matches": [match("meta iifname", inside)],
         "statements": [], "verdict": {"do": "accept"}},
        *more,
    ], policy="drop")


def snat(interface: str, address: str, prefix: str | None = None, text: str = "") -> Facts:
    """A postrouting chain that translates the source of what leaves by the interface."""
    matches = [match("meta oifname", interface)] + ([match("ip daddr", prefix)] if prefix else [])
    return chain("postrouting", [
        {"handle": 9, "text": text or f'oifname "{interface}" snat to {address}', "matches": matches, "statements": [],
         "verdict": {"do": "snat", "address": address}}], type="nat", priority=100)


def dual_wan_partner() -> tuple[dict[str, Facts], dict[str, Facts]]:
    """client - gw - {fwa, fwb}: the outside prefers B for the partner; the request leaves by A."""
    feed = {"handle": 7, "text": 'iifname "out" ip saddr 203.0.113.0/25 udp dport 514 ct state new accept',
            "matches": [match("meta iifname", "out"), match("ip saddr", "203.0.113.0/25"), match("udp dport", 514),
                        match("ct state", "new")], "statements": [], "verdict": {"do": "accept"}}
    hosts = {
        "client": host({"eth0": ["192.0.2.20/24"]}, ["default via 192.0.2.1 dev eth0"], forwarding=False),
        "gw": host(
            {"lan": ["192.0.2.1/24"], "wan_a": ["198.51.100.2/30"], "wan_b": ["198.51.100.130/30"]},
            ["default via 198.51.100.1 dev wan_a metric 100", "default via 198.51.100.129 dev wan_b metric 200"],
            rp_filter={"wan_b": 1}),
        "fwa": host({"in": ["198.51.100.1/30"], "out": ["100.64.1.2/30"]},
                    ["default via 100.64.1.1 dev out", "192.0.2.0/24 via 198.51.100.2 dev in"], chains=[firewall()]),
        "fwb": host({"in": ["198.51.100.129/30"], "out": ["100.64.2.2/30"]},
                    ["default via 100.64.2.1 dev out", "192.0.2.0/24 via 198.51.100.130 dev in"],
                    chains=[firewall(feed)]),
    }
    shared: Facts = {
        "symmetry_flows": [
            {"name": "partner-api", "flow": "tcp 192.0.2.20 > 203.0.113.10:80"},
            {"name": "partner-lookup", "flow": "udp 192.0.2.20:40053 > 203.0.113.10:5353"},
            {"name": "partner-feed", "flow": "udp 203.0.113.10 > 192.0.2.20:514", "one_way": True},
            {"name": "other-partner", "flow": "tcp 192.0.2.20 > 203.0.113.130:80"},
        ],
        "symmetry_externals": [
            {"name": "partner", "prefixes": ["203.0.113.0/25"], "prefers": {"192.0.2.0/24": ["B", "A"]}},
            {"name": "other_partner", "prefixes": ["203.0.113.128/25"], "prefers": {"192.0.2.0/24": ["A", "B"]}},
        ],
        "symmetry_ignore_interfaces": ["mgmt0"],
    }
    variables: dict[str, Facts] = {name: dict(shared) for name in hosts}
    variables["gw"]["symmetry_uplinks"] = [
        {"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"},
        {"name": "wan_b", "interface": "wan_b", "gateway": "198.51.100.129"}]
    variables["fwa"]["symmetry_uplinks"] = [
        {"name": "A", "interface": "out", "gateway": "100.64.1.1", "announces": ["192.0.2.0/24", "198.51.100.0/30"]}]
    variables["fwb"]["symmetry_uplinks"] = [
        {"name": "B", "interface": "out", "gateway": "100.64.2.1", "announces": ["192.0.2.0/24", "198.51.100.128/30"]}]
    return hosts, variables


def multihomed_server(strict: bool = False) -> tuple[dict[str, Facts], dict[str, Facts]]:
    """A server with two NICs answers requests to its second address by its first; each NIC has its own firewall."""
    reply_only = {"handle": 8, "text": 'iifname "lan" accept', "matches": [match("meta iifname", "lan")],
                  "statements": [], "verdict": {"do": "accept"}}
    hosts = {
        "client": host({"eth0": ["10.9.0.20/24"]}, ["default via 10.9.0.1 dev eth0"], forwarding=False),
        "core": host({"lan": ["10.9.0.1/24"], "to_one": ["10.8.1.1/30"], "to_two": ["10.8.2.1/30"]},
                     ["10.1.1.0/24 via 10.8.1.2 dev to_one", "10.1.2.0/24 via 10.8.2.2 dev to_two"]),
        "fw_one": host({"up": ["10.8.1.2/30"], "dmz": ["10.1.1.1/24"]}, ["default via 10.8.1.1 dev up"],
                       chains=[firewall(inside="up")]),
        "fw_two": host({"up": ["10.8.2.2/30"], "dmz": ["10.1.2.1/24"]}, ["default via 10.8.2.1 dev up"],
                       chains=[firewall(reply_only, inside="up")]),
        "server": host({"eth0": ["10.1.1.10/24"], "eth1": ["10.1.2.10/24"]}, ["default via 10.1.1.1 dev eth0"],
                       forwarding=False, rp_filter={"eth1": 1} if strict else {}),
    }
    flows = [{"name": "first", "flow": "tcp 10.9.0.20 > 10.1.1.10:443"},
             {"name": "second", "flow": "tcp 10.9.0.20 > 10.1.2.10:443"}]
    return hosts, {name: {"symmetry_flows": flows} for name in hosts}


def healthy() -> tuple[dict[str, Facts], dict[str, Facts]]:
    """Dual uplinks behind one gateway that translates; each provider's address brings replies back; both families."""
    hosts = {
        "client": host({"eth0": ["10.0.0.20/24", "2001:db8:1::20/64"]},
                       ["default via 10.0.0.1 dev eth0", "default via 2001:db8:1::1 dev eth0"], forwarding=False),
        "server": host({"eth0": ["10.0.1.30/24", "2001:db8:2::30/64"]},
                       ["default via 10.0.1.1 dev eth0", "default via 2001:db8:2::1 dev eth0"], forwarding=False),
        "gw": host(
            {"lan": ["10.0.0.1/24", "2001:db8:1::1/64"], "dmz": ["10.0.1.1/24", "2001:db8:2::1/64"],
             "wan_a": ["198.51.100.2/30", "2001:db8:a::2/64"], "wan_b": ["198.51.100.130/30"]},
            ["default via 198.51.100.1 dev wan_a metric 100", "default via 198.51.100.129 dev wan_b metric 200",
             "default via 2001:db8:a::1 dev wan_a"],
            rp_filter={"lan": 1, "dmz": 1},
            chains=[firewall(inside="lan"), snat("wan_a", "198.51.100.2", "0.0.0.0/0"),
                    {**snat("wan_b", "198.51.100.130", "0.0.0.0/0"), "name": "post_b"}]),
    }
    flows = [
        {"name": "web", "flow": "tcp 10.0.0.20 > 203.0.113.10:443"},
        {"name": "dns", "flow": "udp 10.0.0.20:40000 > 203.0.113.53:53"},
        {"name": "ping", "flow": "icmp 10.0.0.20 > 203.0.113.10"},
        {"name": "inside", "flow": "tcp 10.0.0.20 > 10.0.1.30:22"},
        {"name": "inside6", "flow": "tcp 2001:db8:1::20 > [2001:db8:2::30]:22"},
        {"name": "web6", "flow": "tcp 2001:db8:1::20 > [2001:db8:ffff::10]:443"},
    ]
    variables: dict[str, Facts] = {name: {"symmetry_flows": flows} for name in hosts}
    variables["gw"]["symmetry_uplinks"] = [
        {"name": "A", "interface": "wan_a", "gateway": "198.51.100.1",
         "announces": ["198.51.100.0/30", "2001:db8:1::/64", "2001:db8:2::/64"]},
        {"name": "B", "interface": "wan_b", "gateway": "198.51.100.129", "announces": ["198.51.100.128/30"]}]
    return hosts, variables


def connection(
    protocol: str, source: str, destination: str, sport: int, dport: int, unreplied: bool = True,
    state: str = "SYN_SENT",
) -> Facts:
    """An entry of a connection table, without translation."""
    found: Facts = {
        "protocol": protocol, "status": ["confirmed"],
        "original": {"source": source, "destination": destination, "sport": sport, "dport": dport},
        "reply": {"source": destination, "destination": source, "sport": dport, "dport": sport},
    }
    if unreplied:
        found["unreplied"] = True
    if protocol == "tcp":
        found["state"] = state
    return found
