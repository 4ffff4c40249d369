# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Balancers whose facts nobody reads, ``symmetry_balancers``: what each does with packets is its declared mode.

A declared balancer takes part in paths as a host with the facts that its mode amounts to: routes to the servers for
services that have their address on ``lo`` (direct), or destination translation (nat), or of the source too (full_nat).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import (
    Facts,
    Site,
    contains,
    family_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.topology import Topology
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import (
    SiteError,
    address_of,
    list_of,
    name_of,
    record_of,
)

VARIABLE = "symmetry_balancers"
MODES = {
    "direct": "hands packets on untranslated, and the servers answer by themselves",
    "nat": "translates the destination",
    "full_nat": "translates destination and source",
}
PLATFORM = "declared"
WIRE = "wire"  # the name of its interface
_KEYS = ("name", "address", "mode", "services", "servers", "gateway", "segment")
_EXAMPLE = 'for example "tcp 192.0.2.100:443"'
_ENDPOINT = re.compile(
    r"^(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)|(?P<bare>[0-9A-Fa-f:]+))(?::(?P<port>\d+))?$"
)
_SERVICE_TABLE = 100


@dataclasses.dataclass(frozen=True)
class Service:
    """What clients ask for. Without a port: every port; without a protocol: everything sent to the address."""

    address: str
    protocol: str = ""
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.protocol} {_endpoint(self.address, self.port)}".strip()


@dataclasses.dataclass(frozen=True)
class Balancer:
    """One declared balancer. ``servers``: addresses, each with its port where that is another than the service's."""

    name: str
    address: str
    mode: str
    services: tuple[Service, ...]
    servers: tuple[tuple[str, int | None], ...]
    gateway: str = ""  # where it sends what is not for its own segment
    segment: str = ""

    @property
    def family(self) -> int:
        return family_of(self.address)

    def assumption(self) -> str:
        """What is taken for granted of it, as text."""
        services = ", ".join(map(str, self.services))
        servers = ", ".join(_endpoint(*one) for one in self.servers)
        return f"balancer {self.name} (declared) {MODES[self.mode]}: {services} to {servers}, each equally often"


@dataclasses.dataclass(frozen=True)
class Declared:
    """All balancers that were declared, the facts that they amount to, and those that have no place in the network."""

    balancers: tuple[Balancer, ...] = ()
    facts: t.Mapping[str, Facts] = dataclasses.field(default_factory=dict)
    unplaced: t.Mapping[str, str] = dataclasses.field(default_factory=dict)  # address of a service: why

    @property
    def segments(self) -> dict[tuple[str, str], str]:
        """The segments that the declarations name, as those of symmetry_segments."""
        return {(one.name, WIRE): one.segment for one in self.balancers if one.segment}


def read_balancers(
    variables: t.Mapping[str, Facts], facts: t.Mapping[str, Facts], site: Site, topology: Topology
) -> Declared:
    """The balancers that the variables of the hosts declare; raises SiteError.

    ``facts`` and ``topology``: of the hosts that were read, on whose segments a balancer must be.
    """
    found: dict[str, Balancer] = {}
    read: set[int] = set()
    for host, values in variables.items():
        if id(values.get(VARIABLE)) in read:
            continue  # what all hosts have from one group is one object
        read.add(id(values.get(VARIABLE)))
        for index, item in enumerate(list_of(host, VARIABLE, values.get(VARIABLE))):
            one = _read(host, f"{VARIABLE}[{index}]", item)
            if found.setdefault(one.name, one) != one:
                raise SiteError(host, VARIABLE, f"{one.name!r} differs from what another host says; declare it once, "
                                "for all hosts")
            if one.name in facts:
                raise SiteError(host, VARIABLE, f"{one.name!r} is a host whose facts were read: its own rules and "
                                "routes tell its mode; take the declaration away")
            if one.segment and one.segment not in site.segments.values():
                known = ", ".join(sorted(set(site.segments.values()))) or "none"
                raise SiteError(host, VARIABLE, f"{one.name}: no interface is declared in segment {one.segment!r}; "
                                f"there are {known}")
    _one_balancer_each(found.values())
    placed = {name: places for name, one in found.items() if (places := _places(one, site, topology))}
    unplaced = {
        service.address: f"balancer {name} is declared at {one.address}, but no interface of a host that was read is "
        "on that segment: which servers its services reach is not followed; read a host there, or mend the address"
        for name, one in found.items() if name not in placed for service in one.services
    }
    return Declared(tuple(found.values()), {
        name: _facts_of(found[name], places, facts, topology) for name, places in placed.items()}, unplaced)


def _read(host: str, where: str, item: t.Any) -> Balancer:
    entry = record_of(host, where, item, _KEYS, ("name", "address", "mode", "services", "servers"))
    mode = entry["mode"]
    if mode not in MODES:
        known = "; ".join(f"{name}: {what}" for name, what in MODES.items())
        raise SiteError(host, f"{where}.mode", f"{mode!r} is not a mode; there are {known}")
    services = tuple(_service(host, f"{where}.services", one)
                     for one in list_of(host, f"{where}.services", entry["services"]))
    servers = tuple(_server(host, f"{where}.servers", one, mode)
                    for one in list_of(host, f"{where}.servers", entry["servers"]))
    gateway = address_of(host, f"{where}.gateway", entry["gateway"]) if "gateway" in entry else ""
    for key, listed in (("services", services), ("servers", servers)):
        if not listed:
            raise SiteError(host, f"{where}.{key}", f"is empty; list the {key} of the balancer")
    if mode != "direct" and not gateway:
        raise SiteError(host, where, f"the key 'gateway' is missing: with mode {mode} replies pass the balancer, which "
                        "sends them to clients by it")
    one = Balancer(
        name_of(host, f"{where}.name", entry["name"]), address_of(host, f"{where}.address", entry["address"]), mode,
        services, servers, gateway,
        name_of(host, f"{where}.segment", entry["segment"]) if "segment" in entry else "",
    )
    others = (*(service.address for service in services), *(server for server, _port in servers), gateway)
    odd = next((address for address in others if address and family_of(address) != one.family), None)
    if odd:
        raise SiteError(host, where, f"{odd} and the address {one.address} are of different address families; declare "
                        "one balancer for each family")
    return one


def _service(host: str, where: str, value: t.Any) -> Service:
    words = name_of(host, where, value).split()
    protocol = words[0].lower() if len(words) == 2 else ""
    if len(words) > 2 or (protocol and protocol not in PROTOCOLS):
        raise SiteError(host, where, f"{value!r} is not a protocol ({', '.join(PROTOCOLS)}) with an address and a "
                        f"port, {_EXAMPLE}")
    address, port = _read_endpoint(host, where, words[-1])
    if port is not None and protocol not in ("tcp", "udp"):
        raise SiteError(host, where, f"{value!r} has a port, so it needs tcp or udp before the address, {_EXAMPLE}")
    return Service(address, protocol, port)


def _server(host: str, where: str, value: t.Any, mode: str) -> tuple[str, int | None]:
    address, port = _read_endpoint(host, where, name_of(host, where, value))
    if port is not None and mode == "direct":
        raise SiteError(host, where, f"{value!r} has a port, but with mode direct nothing is translated; leave it out")
    return address, port


def _read_endpoint(host: str, where: str, text: str) -> tuple[str, int | None]:
    match = _ENDPOINT.match(text)
    if not match or (match["bare"] and match["port"]):
        raise SiteError(host, where, f"{text!r} is not an address, or an address with a port; write IPv6 with a port "
                        "as [2001:db8::1]:443")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:
        raise SiteError(host, where, f"{port} is not a port")
    return address_of(host, where, match["six"] or match["four"] or match["bare"]), port


def _one_balancer_each(balancers: t.Iterable[Balancer]) -> None:
    """An address of a service is answered for by one balancer; raises SiteError."""
    holder: dict[str, str] = {}
    for one in balancers:
        for address in {service.address for service in one.services}:
            if holder.setdefault(address, one.name) != one.name:
                raise SiteError("", VARIABLE, f"{address} is of {holder[address]} and of {one.name}; one balancer "
                                "answers for an address")


def _places(one: Balancer, site: Site, topology: Topology) -> list[tuple[str, str]]:
    """The interfaces of hosts that were read on the segment of the balancer."""
    found = topology.attached(one.address)
    if one.segment:
        return [key for key in found if site.segments.get(key) == one.segment]
    return found


def _facts_of(
    one: Balancer, places: list[tuple[str, str]], facts: t.Mapping[str, Facts], topology: Topology
) -> dict[str, t.Any]:
    """The facts of a host that does what the mode says."""
    items = (item for key in places for item in topology.addresses(*key, one.family))
    network = next(item.network for item in items if contains(str(item.network), one.address))
    bits = BITS[one.family]
    virtual = list(dict.fromkeys(service.address for service in one.services))
    views = [facts[host]["interfaces"][device] for host, device in places]
    lengths = {**dict.fromkeys(virtual, bits), one.address: network.prefixlen}
    listed = [{"family": one.family, "address": address, "prefixlen": length} for address, length in lengths.items()]
    wire = {"index": 2, "up": True, "carrier": True, "addresses": listed,
            "mtu": min(view.get("mtu", 1500) for view in views),
            "macs": _learned_macs([one.address, *virtual], places, topology)}
    local = [_route(one.family, 255, f"{address}/{bits}", [{"device": WIRE}], "local")
             for address in (one.address, *virtual)]
    ways = [{"device": WIRE, "gateway": server} for server, _port in one.servers]
    direct = [_route(one.family, _SERVICE_TABLE, f"{address}/{bits}", ways) for address in virtual]
    default = [{"device": WIRE, "gateway": one.gateway}] if one.gateway else []
    return {
        "schema": "netpath.symmetry/1", "platform": PLATFORM, "kernel": "6.12", "interfaces": {WIRE: wire},
        "sysctls": {"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1},
        "interface_sysctls": {name: {"rp_filter": 0, "forwarding": 1, "forwarding6": 1} for name in ("all", WIRE)},
        "rules": _rules(one), "local_table_merged": False,
        "routes": [
            *local, _route(one.family, 254, str(network), [{"device": WIRE}]),
            *([_route(one.family, 254, "::/0" if one.family == 6 else "0.0.0.0/0", default)] if default else []),
            *(direct if one.mode == "direct" else []),
        ],
        "netfilter": {"backends": [], "chains": _chains(one) if one.mode != "direct" else [], "sets": []},
        "conntrack": {"available": True, "count": 0, "flows": [], "sysctls": {}},
    }


def _learned_macs(addresses: list[str], places: list[tuple[str, str]], topology: Topology) -> list[str]:
    """The MAC addresses that neighbours have learned for its addresses, without those of hosts that were read."""
    macs = (topology.mac_of(host, device, address) for address in addresses for host, device in places)
    return list(dict.fromkeys(mac for mac in macs if mac and not topology.holders_of(mac)))


def _route(family: int, table: int, dst: str, ways: list[dict[str, str]], kind: str = "") -> dict[str, t.Any]:
    return {"family": family, "table": table, "dst": dst, "nexthops": ways, **({"type": kind} if kind else {})}


def _rules(one: Balancer) -> list[dict[str, t.Any]]:
    base = [{"family": one.family, "priority": priority, "table": table}
            for priority, table in ((1, 255), (32766, 254))]
    if one.mode != "direct":
        return base
    return [{
        "family": one.family, "priority": 0, "table": _SERVICE_TABLE, "dst": f"{service.address}/{BITS[one.family]}",
        **({"ipproto": PROTOCOLS[service.protocol]} if service.protocol else {}),
        **({"dport": [service.port, service.port]} if service.port is not None else {}),
    } for service in one.services] + base


def _chains(one: Balancer) -> list[dict[str, t.Any]]:
    """Destination translation of every service to one of the servers, and with full_nat of the source."""
    rules = []
    for service in one.services:
        matches: list[dict[str, t.Any]] = [
            {"left": f"ip{'6' if one.family == 6 else ''} daddr", "op": "==", "right": service.address}]
        if service.protocol:
            matches.append({"left": "meta l4proto", "op": "==", "right": PROTOCOLS[service.protocol]})
        if service.port is not None:
            matches.append({"left": f"{service.protocol} dport", "op": "==", "right": service.port})
        rules.append({"text": str(service), "matches": matches, "statements": [], "verdict": {
            "do": "dnat", "one_of": [list(server) for server in one.servers]}})
    chains = [_chain("prerouting", -100, rules)]
    if one.mode == "full_nat":
        translated = {"left": "ct status", "op": "in", "right": ["dnat"]}
        chains.append(_chain("postrouting", 100, [{
            "text": "every service", "matches": [translated], "statements": [],
            "verdict": {"do": "snat", "address": one.address}}]))
    return chains


def _chain(hook: str, priority: int, rules: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    return {"family": "inet", "table": PLATFORM, "name": hook, "type": "nat", "hook": hook, "priority": priority,
            "policy": "accept", "rules": rules}


def _endpoint(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
