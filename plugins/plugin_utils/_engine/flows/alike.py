# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which flows are alike: nothing that the engine knows of a network tells them apart, so they have one verdict.

The engine compares addresses and ports with what is written in facts and declarations, and with nothing else. So two
addresses are alike where each range that is written down holds both or neither (routes count by what they do, whatever
their prefixes are), and two hosts are alike where they are equal but for their own names and addresses, and all other
hosts treat their addresses alike: exchanging the two changes nothing in the network.

Each range has a mark, a number of 128 bits that no other range has. An address has the exclusive or of the marks of the
ranges that hold it, its signature: equal signatures mean the same ranges (but for a chance of about 2 to the -100).
"""

from __future__ import annotations

import bisect
import hashlib
import ipaddress
import itertools
import json
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.written import Scalar, scalars
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, number_of, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, NamedFlow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import (
    written as compared_by_sharing,
)

# ranges that the kernel, RFCs or the ipaddress module set apart
_SPECIAL = (
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::/128", "::1/128", "fe80::/10", "fec0::/10", "ff00::/8", "fc00::/7", "2001:10::/28", "::ffff:0:0/96", "::/96",
    "2001::/32", "2002::/16",
)
# what a host is, apart from its name: the parts of the facts that verdicts may depend on
_NOT_BEHAVIOUR = ("collected_at", "source", "counters", "samples", "sockets", "managers", "lookups", "route_counts")


class Likeness(t.NamedTuple):
    """The class of a flow: equal for flows that are alike."""

    but_ports: t.Hashable  # equal too for those that only hosts which look at ports may tell apart
    ports: tuple[int | None, int | None]


class Ranges:
    """Numbers (addresses of a family, or ports) with the signature of each."""

    def __init__(self) -> None:
        self._changes: dict[int, int] = {}
        self._starts: list[int] = []
        self._signatures: list[int] = []

    def mark(self, first: int, last: int, mark: int) -> None:
        """Give a mark to the numbers from first to last."""
        self._changes[first] = self._changes.get(first, 0) ^ mark
        self._changes[last + 1] = self._changes.get(last + 1, 0) ^ mark

    def close(self) -> None:
        """After the last mark: from now on signatures can be asked for."""
        self._starts = sorted(self._changes)
        changes = (self._changes[start] for start in self._starts)
        self._signatures = list(itertools.accumulate(changes, lambda one, other: one ^ other))
        self._changes = {}

    def signature(self, number: int) -> int:
        at = bisect.bisect_right(self._starts, number) - 1
        return self._signatures[at] if at >= 0 else 0


class Alike:
    """The classes of the flows of one network."""

    def __init__(self, network: Network, observed: Observed) -> None:
        self._network = network
        self._addresses = {4: Ranges(), 6: Ranges()}
        self._ports = Ranges()
        self._numbers = itertools.count()
        self._holders = _holders(network)
        self._gateways: set[str] = set()
        self._masquerades = False
        self._masks = False
        self._read_site(network, observed)
        for name, host in network.hosts.items():
            self._read_host(name, host)
        for ranges in (*self._addresses.values(), self._ports):
            ranges.close()
        self._hosts = {name: self._host_class(name) for name in network.hosts}
        self._classes: dict[str, t.Hashable] = {}

    def of(self, named: NamedFlow) -> Likeness | None:
        """The class of a flow, None for one that may be like no other."""
        flow = named.flow
        if self._masks:
            return None  # a rule compares single bits
        if flow.source in ("0.0.0.0", "::") or flow.source == flow.destination:
            return None  # the source is chosen by more than ranges; equal ends are equal to no others
        if self._masquerades and flow.family == 6:
            return None  # RFC 6724 compares the source with every bit of the destination
        ends = self._class_of(flow.source), self._class_of(flow.destination)
        owners = self._holders.get(flow.source), self._holders.get(flow.destination)
        one_host = owners[0] is not None and owners[0] == owners[1]
        if (ends[0] == ends[1] and None in owners) or one_host:
            return None
        ports = self._port(flow.sport), self._port(flow.dport)
        return Likeness((flow.protocol, *ends, named.one_way), ports)

    def _port(self, port: int | None) -> int | None:
        return None if port is None else self._ports.signature(port)

    def _class_of(self, address: str) -> t.Hashable:
        found = self._classes.get(address)
        if found is None:
            family = 6 if ":" in address else 4
            found = (family, self._addresses[family].signature(number_of(address)))
            holder = self._holders.get(address)
            if holder is not None:
                found = (self._hosts[holder], self._own(holder).index(address))
            self._classes[address] = found
        return found

    # hosts
    def _own(self, name: str) -> list[str]:
        interfaces = self._network.facts[name].get("interfaces", {})
        return [item["address"] for one in interfaces.values() for item in one.get("addresses", ())
                if self._holders.get(item["address"]) == name]

    def _host_class(self, name: str) -> t.Hashable:
        """Hosts alike have the same: what they are, and how everybody treats each of their addresses."""
        own = self._own(name)
        treated = tuple(self._addresses[6 if ":" in address else 4].signature(number_of(address)) for address in own)
        return self._portrait(name, own), treated

    def _portrait(self, name: str, own: list[str]) -> bytes:
        """A host without its name, addresses and MAC addresses, as a digest."""
        facts = {key: value for key, value in self._network.facts[name].items() if key not in _NOT_BEHAVIOUR}
        facts["interfaces"] = {key: {**one, "mac": self._mac_kind(one)} for key, one in facts["interfaces"].items()}
        site = self._network.site
        declared = [[segment, interface] for (host, interface), segment in site.segments.items() if host == name]
        ignored = [interface for host, interface in site.ignored if host == name]
        uplinks = [[one.interface, one.gateways, one.announces, one.declared and one.name]
                   for one in site.uplinks if one.host == name]
        text = json.dumps([facts, declared, sorted(ignored), uplinks], default=str)
        for place, address in enumerate(own):
            for suffix in ("", "/32", "/128"):
                text = text.replace(f'"{address}{suffix}"', f'"own {place}{suffix}"')
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def _mac_kind(self, interface: Facts) -> str | None:
        mac = interface.get("mac")
        return "its own" if mac and self._network.topology.has_one_holder(mac) else mac

    # reading
    def _new_mark(self) -> int:
        digest = hashlib.blake2b(next(self._numbers).to_bytes(8, "big"), digest_size=16).digest()
        return int.from_bytes(digest, "big")

    def _mark_prefix(self, family: int, network: int, shift: int, mark: int) -> None:
        self._addresses[family].mark(network, network + (1 << shift) - 1, mark)

    def _mark_text(self, prefix: str) -> None:
        """Set one prefix, or address, apart from all others."""
        family = 6 if ":" in prefix else 4
        network, length = prefix_of(prefix)
        self._mark_prefix(family, network, BITS[family] - length, self._new_mark())

    def _read_site(self, network: Network, observed: Observed) -> None:
        for prefix in _SPECIAL:
            self._mark_text(prefix)
        for ours, theirs in observed:
            self._mark_text(ours)
            self._mark_text(theirs)
        externals: dict[tuple[int, int, int], t.Hashable] = {}
        for index, external in enumerate(network.site.externals):
            for prefix in external.prefixes:
                family = 6 if ":" in prefix else 4
                number, length = prefix_of(prefix)
                externals.setdefault((family, number, BITS[family] - length), index)
            for preference in external.preferences:
                self._mark_text(preference.prefix)
        self._mark_nested(externals)
        for uplink in network.site.uplinks:
            for prefix in uplink.announces:
                self._mark_text(prefix)
            if uplink.declared:
                for gateway in uplink.gateways:
                    self._mark_text(gateway)

    def _read_host(self, name: str, host: Host) -> None:
        own = set(self._own(name))
        for one in host.interfaces.values():
            for address in one.addresses:
                self._mark_text(f"{address.address}/{address.prefixlen}")
                if address.address not in own:
                    self._mark_text(address.address)
                if address.peer:
                    self._mark_text(f"{address.peer}/{address.prefixlen}")
        self._read_tables(host, own)
        facts = host.facts
        written = [facts.get("netfilter", {}), facts.get("conntrack", {}).get("flows", ())]
        written += [facts.get("parts", {}).get("routes", {}), *compared_by_sharing(facts)]
        written += [{**rule, **_port_ranges(rule)} for rule in facts.get("rules", ())]
        for group in itertools.chain.from_iterable(scalars(part) for part in written):
            self._mark_group(group, own)
        text = json.dumps(facts.get("netfilter", {}), default=str)
        self._masquerades = self._masquerades or "masquerade" in text
        self._masks = self._masks or any(_masks_addresses(rule) for rule in _rules_of(facts))
        self._read_neighbours(facts, own)

    def _mark_group(self, group: t.Sequence[Scalar], own: set[str]) -> None:
        """Values that are written as one list are one range: the question is whether it holds a number."""
        mark = self._new_mark()
        foreign = [one for one in group if one[1] != one[2] or not one[0] or _text(one[0], one[1]) not in own]
        for kind, first, last in _joined(foreign):
            (self._addresses[kind] if kind else self._ports).mark(first, last, mark)

    def _read_neighbours(self, facts: Facts, own: set[str]) -> None:
        """A neighbour entry says nothing new where it only has the MAC address of the one who has the address."""
        plain: dict[t.Hashable, int] = {}
        for entry in facts.get("neighbours", ()):
            address = entry["address"].split("%")[0]
            family = 6 if ":" in address else 4
            kind = self._network.topology.proves(address, entry.get("mac"))
            what = (entry.get("device"), entry.get("state"), kind)
            mark = self._new_mark() if kind is None else plain.setdefault(what, 0) or self._new_mark()
            if kind is not None:
                plain[what] = mark
            self._mark_prefix(family, number_of(address), 0, mark)

    def _read_tables(self, host: Host, own: set[str]) -> None:
        by_length = any(rule.suppress_prefixlength is not None for rules in host.rules.values() for rule in rules)
        for table in host.tables():
            family = table.family
            nodes: dict[tuple[int, int, int], t.Hashable] = {}
            for shift, network, routes in table.prefixes():
                if shift == 0 and _text(family, network) in own and all(route.type == "local" for route in routes):
                    continue  # in the host's portrait
                alone = by_length or any(route.type != "unicast" or route.nhid is not None for route in routes)
                place = (network, shift) if alone else (shift == 0, shift == BITS[family])
                nodes[family, network, shift] = (place, tuple([_does(route) for route in routes]))
                for route in routes:
                    self._mark_gateways(route, own)
            self._mark_nested(nodes)

    def _mark_gateways(self, route: Route, own: set[str]) -> None:
        for address in (route.prefsrc, *(hop.gateway for hop in route.nexthops)):
            if address and address not in own and address not in self._gateways:
                self._gateways.add(address)
                self._mark_text(address)

    def _mark_nested(self, nodes: t.Mapping[tuple[int, int, int], t.Hashable]) -> None:
        """Mark prefixes of one table by what is found there, and above: the same in two places is the same mark."""
        marks: dict[t.Hashable, int] = {}
        above: list[tuple[int, int]] = []  # the last address of each prefix around, and its mark
        for family, network, shift in sorted(nodes, key=lambda node: (node[0], node[1], -node[2])):
            while above and above[-1][0] < (family << 128) + network:
                above.pop()
            around = above[-1][1] if above else 0
            what = (nodes[family, network, shift], around)
            mark = marks.get(what) or marks.setdefault(what, self._new_mark())
            self._mark_prefix(family, network, shift, mark ^ around)
            above.append(((family << 128) + network + (1 << shift) - 1, mark))


def _holders(network: Network) -> dict[str, str]:
    """The host of each address that one interface of one host has, and nobody else."""
    found: dict[str, list[str]] = {}
    for name, facts in network.facts.items():
        for interface, one in facts.get("interfaces", {}).items():
            if (name, interface) not in network.site.ignored:
                for item in one.get("addresses", ()):
                    found.setdefault(item["address"], []).append(name)
    return {address: names[0] for address, names in found.items() if len(names) == 1}


def _does(route: Route) -> t.Hashable:
    """A route without its prefix."""
    return (route.type, route.metric, route.tos, route.scope, route.protocol, route.prefsrc, route.nexthops, route.nhid)


def _port_ranges(rule: Facts) -> dict[str, str]:
    """The port ranges of a policy rule as text: a list of two numbers would be read as two ports."""
    return {key: f"{rule[key][0]}-{rule[key][1]}" for key in ("sport", "dport") if rule.get(key)}


def _rules_of(facts: Facts) -> t.Iterator[Facts]:
    for chain in facts.get("netfilter", {}).get("chains", ()):
        yield from chain.get("rules", ())


def _masks_addresses(rule: Facts) -> bool:
    return any(
        match.get("mask") is not None and any(word in str(match.get("left")) for word in ("addr", "port", "proto-"))
        for match in rule.get("matches", ())
    )


def _joined(group: t.Iterable[Scalar]) -> list[Scalar]:
    """The same numbers without overlaps, which would cancel each other's marks."""
    joined: list[Scalar] = []
    for kind, first, last in sorted(group):
        if joined and joined[-1][0] == kind and first <= joined[-1][2] + 1:
            joined[-1] = (kind, joined[-1][1], max(last, joined[-1][2]))
        else:
            joined.append((kind, first, last))
    return joined


def _text(family: int, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number))
