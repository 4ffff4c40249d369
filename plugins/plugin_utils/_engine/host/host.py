# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A Linux host as the engine sees it: interfaces, rules and tables out of its facts, and what it can be asked."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    NextHop,
    Route,
    Rule,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import kernel_version, source_address
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import reverse_path as _reverse_path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import rules as _rules
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import (
    BITS,
    Key,
    Surroundings,
    Table,
    number_of,
    prefix_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.interface import Interface
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.learned import Learned
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.nexthop_objects import NexthopObjects
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.remembered import Remembered
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.settled import Settled
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.tables import read_tables
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Ruleset
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Branch, Lookup, Packet, ReversePath

_BAD_NEIGHBOURS = ("failed", "incomplete")


class Host:
    """One Linux host. Build it with ``from_facts``; it never changes."""

    def __init__(self, name: str, facts: t.Mapping[str, t.Any]) -> None:
        self.name = name
        self.facts = facts
        self.platform = str(facts.get("platform", "linux"))
        self.byte_order = str(facts.get("byte_order", ""))
        self.kernel = kernel_version.parse(str(facts.get("kernel", "")))
        self.sysctls: t.Mapping[str, int] = facts.get("sysctls", {})
        self._interface_sysctls = facts.get("interface_sysctls", {})
        self.all_sysctls: t.Mapping[str, int] = self._interface_sysctls.get("all", {})
        self.interfaces = {name: self._interface(name, data) for name, data in facts.get("interfaces", {}).items()}
        self.interface_groups = {interface.name: interface.group for interface in self.interfaces.values()}
        self.vrf_tables = {one.name: one.vrf_table for one in self.interfaces.values() if one.kind == "vrf"}
        self.local_addresses = {
            number_of(address.address): interface.name
            for interface in self.interfaces.values()
            for address in interface.addresses
        }
        self.rules = {family: self._rules_of(family) for family in (4, 6)}
        # fib_rule_requires_fldissect: while no rule but those of "iif lo" asks for them, the kernel does not look into
        # packets that arrive for protocol and ports, and such a rule then fails in the reverse-path check
        self._dissects_v4 = any(
            rule.iif != "lo" and (rule.ipproto or rule.sport or rule.dport) for rule in self.rules[4]
        )
        self.kernel_rules_only = {family: self.rules[family] == _rules.KERNEL_RULES[family] for family in (4, 6)}
        complete = self._part("routes").get("complete", True)
        self._tables = read_tables(facts, self.interfaces, complete)
        self._empty_tables: dict[tuple[int, int], Table] = {}
        self._covered = [
            prefix_of(text) + (6 if ":" in text else 4,) for text in self._part("routes").get("covered", ())
        ]
        self._surroundings = {family: self._surroundings_of(family) for family in (4, 6)}
        # fib_has_custom_rules: the kernel remembers that an IPv4 rule was ever added or deleted; None: not read
        self.unruled: bool | None = facts.get("local_table_merged")
        self.may_be_unruled = self.unruled is not False and self.kernel_rules_only[4]
        # fib_has_custom_local_routes, which a local route that was deleted again leaves set: that does not show
        self.custom_local_routes = any(
            route.protocol != 2
            for (family, _number), table in self._tables.items()
            if family == 4
            for route in table.local_routes
        )
        self.learned = Learned(facts)
        self.ruleset = Ruleset.from_facts(facts.get("netfilter", {}))
        self.unread_netfilter = self.why_incomplete("netfilter")
        self.unread_rules = self.why_incomplete("rules")
        self._tracks = {family: self._tracks_family(family) for family in (4, 6)}
        bare = self.ruleset.is_empty and not self.unread_netfilter and not facts.get("balancers")
        self._only_routes = {family: bare and not self._tracks[family] for family in (4, 6)}
        self._owned: dict[str, str | None] = {}
        self.settled = Settled()
        self._remembered = {family: self._remember(family) for family in (4, 6)}

    @classmethod
    def from_facts(cls, name: str, facts: t.Mapping[str, t.Any]) -> Host:
        """Build a host out of its facts (schema ``netpath.symmetry/1``)."""
        return cls(name, facts)

    def _part(self, name: str) -> t.Mapping[str, t.Any]:
        part: t.Mapping[str, t.Any] = self.facts.get("parts", {}).get(name, {})
        return part

    def why_incomplete(self, part: str) -> str:
        """Why a part of the facts is not complete; empty where it is."""
        data = self._part(part)
        unread = f"the {part} of {self.name} were not read completely"
        return "" if data.get("complete", True) else str(data.get("why") or unread)

    def _interface(self, name: str, data: t.Mapping[str, t.Any]) -> Interface:
        plain = {field.name: data[field.name] for field in dataclasses.fields(Interface) if field.name in data}
        plain.update(
            name=name,
            addresses=tuple(Address.from_dict(address) for address in data.get("addresses", ())),
            sysctls=self._interface_sysctls.get(name, {}),
            all_sysctls=self.all_sysctls,
        )
        return Interface(**plain)

    def _rules_of(self, family: int) -> tuple[Rule, ...]:
        given = tuple(Rule.from_dict(rule) for rule in self.facts.get("rules", ()) if rule["family"] == family)
        return tuple(sorted(given, key=lambda rule: rule.priority)) or _rules.KERNEL_RULES[family]

    def _surroundings_of(self, family: int) -> Surroundings:
        # of both families: IPv4 routes may have IPv6 gateways
        listed = self.facts.get("neighbours", ())
        states = {(entry["device"], entry["address"]): entry.get("state", "") for entry in listed}
        return Surroundings(
            devices=self.interfaces,
            neighbours=states,
            failed_neighbours=frozenset(place for place, state in states.items() if state in _BAD_NEIGHBOURS),
            use_neighbours=bool(self.sysctls.get("net/ipv4/fib_multipath_use_neigh", 0)),
            first_good_member=self.kernel >= kernel_version.FIRST_GOOD_MEMBER,
            dead_never_good=self.kernel >= kernel_version.DEAD_NEVER_GOOD,
            prefer_source=self.kernel >= kernel_version.SOURCE_OF_LEG,
            reachable_only=family == 6 and not self.all_sysctls.get("forwarding6", 0),
            source_of_leg=self.source_of_leg,
            has_address=self._has_address,
        )

    def _remember(self, family: int) -> Remembered:
        covered = [(network, length) for network, length, of_family in self._covered if of_family == family]
        tables = [table for (of_family, _number), table in self._tables.items() if of_family == family]
        return Remembered(family, self.rules[family], tables, covered, self.local_addresses)

    def remembered(self, family: int) -> Remembered:
        """The answers that were given before, and what of a packet they depend on."""
        return self._remembered[family]

    def tables(self) -> t.Iterable[Table]:
        """Every table that has routes."""
        return self._tables.values()

    # what rules.py asks
    def table(self, family: int, number: int) -> Table:
        table = self._tables.get((family, number))
        if table is None:
            table = self._empty_tables.get((family, number))
        if table is None:
            table = self._empty_tables[family, number] = Table(family, number, ())
        return table

    @functools.cached_property
    def local_and_main(self) -> Table:
        """The IPv4 tables local and main as the one that they are until a rule is added or deleted (fib_unmerge)."""
        return self.table(4, TABLE_MAIN).with_routes_of(self.table(4, TABLE_LOCAL))

    @functools.cached_property
    def nexthop_objects(self) -> NexthopObjects:
        """Which IPv6 routes share a next-hop object."""
        routes = (route for (family, _number), table in self._tables.items() if family == 6 for route in table.routes())
        return NexthopObjects(self.facts.get("nexthop_groups", ()), routes)

    def surroundings(self, family: int) -> Surroundings:
        return self._surroundings[family]

    def covered(self, family: int, address: int) -> bool:
        """Whether the facts list every route that covers an address."""
        return any(
            family == other and (address ^ network) >> (BITS[family] - length) == 0
            for network, length, other in self._covered
        )

    def _has_address(self, device: str, address: int) -> bool:
        """ipv6_chk_addr: any interface of the VRF will do, but for link-local addresses."""
        owner = self.local_addresses.get(address)
        return owner == device or (
            owner is not None and address >> 118 != 0xFE80 >> 6 and self.vrf_of(owner) == self.vrf_of(device))

    def source_of_leg(self, route: Route, hop: NextHop) -> int:
        """The address that the host would use over a leg (IPv4)."""
        return source_address.of_leg(self.interfaces, route, hop)

    # questions
    def owns(self, address: str) -> str | None:
        """The interface that has ``address`` as a local one, by the local routes of any table; None without one."""
        if address not in self._owned:
            self._owned[address] = self._owner_of(number_of(address), 6 if ":" in address else 4)
        return self._owned[address]

    def _owner_of(self, number: int, family: int) -> str | None:
        for (table_family, _number), table in self._tables.items():
            if table_family != family:
                continue
            for _network, routes in table.matches(number):
                if routes[0].type == "local":
                    device = routes[0].nexthops[0].device if routes[0].nexthops else "lo"
                    return self.local_addresses.get(number) or device or "lo"
                break
        return None

    def local_prefixes(self) -> t.Iterator[tuple[int, int, int]]:
        """Family, network and length of every local route: no other address is one of the host's own."""
        for (family, _number), table in self._tables.items():
            for route in table.local_routes:
                yield (family, *prefix_of(route.dst))

    def tracks(self, family: int) -> bool:
        """Whether the host tracks connections: a rule asks for it, or there are entries."""
        return self._tracks[family]

    def _tracks_family(self, family: int) -> bool:
        flows = self.facts.get("conntrack", {}).get("flows", ())
        return self.ruleset.uses_conntrack(family) or any(
            (":" in flow["original"]["source"]) == (family == 6) for flow in flows
        )

    def only_routes(self, family: int) -> bool:
        """Whether packets of a family meet nothing but routing: no rule of netfilter, no connection, no balancer."""
        return self._only_routes[family]

    def reads_ports(self, family: int) -> bool:
        """Whether packets of a family that differ in their ports only may fare otherwise here."""
        return not self._only_routes[family] or self._remembered[family].reads_ports

    def forwards(self, packet: Packet, iif: str) -> bool | None:
        """Whether the host routes packets that arrive on ``iif``; None where that was not read."""
        if ":" in packet.flow.destination:
            value = self.all_sysctls.get("forwarding6", self.sysctls.get("net/ipv6/conf/all/forwarding"))
        else:
            value = self.interfaces[iif].sysctls.get("forwarding", self.sysctls.get("net/ipv4/ip_forward"))
        return None if value is None else bool(value)

    def vrf_of(self, interface: str | None) -> str | None:
        """The VRF of an interface, a VRF device being of itself (l3mdev_master_ifindex_rcu)."""
        one = self.interfaces.get(interface or "")
        if one is None:
            return None
        return one.name if one.kind == "vrf" else one.vrf

    def key(self, packet: Packet, iif: str | None = None, oif: str | None = None) -> Key:
        """The flow key of a packet that arrives on ``iif``, or of one that the host sends (by ``oif``, where bound)."""
        flow = packet.flow
        family = 6 if ":" in flow.destination else 4
        dst = number_of(flow.destination)
        dissected = iif is None or family == 6 or self._dissects_v4
        ports = flow.protocol in ("tcp", "udp") and dissected
        vrf = self.vrf_of(oif) if oif else self.vrf_of(iif)
        needs_device = family == 6 and _is_scoped(dst)
        bound_without_source = bool(oif) and not packet.has_source
        return Key(
            family=family,
            dst=dst,
            src=number_of(flow.source),
            iif=iif or "lo",
            oif=None if oif and oif == vrf else oif,
            mark=packet.mark,
            tos=packet.tos,
            protocol=PROTOCOLS[flow.protocol] if dissected else 0,
            sport=flow.sport if ports else 0,
            dport=flow.dport if ports else 0,
            uid=0 if iif else packet.uid,
            l3mdev=vrf,
            l3mdev_by_oif=bool(oif and vrf),
            strict=needs_device or (family == 6 and iif is None and bound_without_source),
        )

    def lookup(self, packet: Packet, iif: str | None = None, oif: str | None = None) -> Lookup:
        """What rules and FIB answer for a packet that arrives on ``iif``, or for one of the host itself.

        Interface names that the host does not have are a ``ValueError``.
        """
        for name in (iif, oif):
            if name is not None and name not in self.interfaces:
                raise ValueError(f"{self.name} has no interface {name!r}; it has {', '.join(sorted(self.interfaces))}")
        key = self.key(packet, iif, oif)
        if key.is_multicast:
            return Lookup((), unknown=f"{packet.flow.destination} is multicast or broadcast, which is not followed")
        answer = self.answer(key)
        why = self.unread_rules or answer.unknown
        if iif is None and key.family == 4 and key.oif and not key.l3mdev and (answer.error or answer.hit is None):
            # ip_route_output_key_hash_rcu: "routing tables are wrong. Assume, that the destination is on link."
            return Lookup((self._on_link(packet, key),), answer.rule, why)
        why = why or self._unsure_source(packet, key, answer)
        return self.learned.apply(packet, Lookup(self._branches(packet, key, answer), answer.rule, why))

    def answer(self, key: Key) -> _rules.Answer:
        """The answer of rules and tables, as the kernel finds it (fib_lookup, fib6_rule_lookup)."""
        return self._remembered[key.family].answer(key, self._walk_rules)

    def _walk_rules(self, key: Key) -> _rules.Answer:
        if key.family == 6 or not self.may_be_unruled:
            return _rules.walk(self, self.rules[key.family], key)
        if self.unruled:
            return _rules.merged(self, key)
        walked = _rules.walk(self, self.rules[4], key)
        if walked.hit is not None and not walked.error and self.table(4, TABLE_LOCAL).longest(key.dst) is None:
            return walked  # the local table has no say
        return _rules.either(walked, _rules.merged(self, key))

    def _branches(self, packet: Packet, key: Key, answer: _rules.Answer) -> tuple[Branch, ...]:
        if answer.error or answer.hit is None:
            route = answer.hit.route if answer.hit else None
            return (Branch("drop", 1.0, route=route, reason=answer.error or "no route"),)
        route = answer.hit.route
        output = key.iif == "lo"
        if route.type == "anycast" and key.family == 4 and not output:
            return (Branch("drop", 1.0, route=route, reason="martian destination"),)
        local = route.type in ("local", "anycast") or (route.type == "broadcast" and not output)
        chooses = output and not packet.has_source
        branches = []
        for leg in answer.hit.legs:
            gateway = None if local else self._gateway(leg.hop)
            on_link = not local and not gateway
            source = self._source(packet, key, leg.route or route, leg.hop, local) if chooses else None
            branches.append(Branch(
                "local" if local else "forward",
                leg.share,
                leg.hop.device,
                packet.flow.destination if on_link else gateway,
                leg.route or route,
                source,
                leg=leg.hop,
                on_link=on_link,
            ))
        return tuple(branches)

    def _gateway(self, hop: NextHop) -> str | None:
        """The gateway of a leg; one that is an address of its interface only says that all is on link there."""
        gateway = hop.gateway
        if not gateway or ":" in gateway or "onlink" in hop.flags:
            return gateway
        return None if self.local_addresses.get(number_of(gateway)) == hop.device else gateway

    def _unsure_source(self, packet: Packet, key: Key, answer: _rules.Answer) -> str:
        if key.family == 6 or key.forwarded or packet.has_source or answer.hit is None:
            return ""
        route = answer.hit.route
        if all(source_address.is_of_leg_certain(self.interfaces, route, leg.hop) for leg in answer.hit.legs):
            return ""
        return f"which source next-hop object {route.nhid} of {route.dst} remembers does not show"

    def _on_link(self, packet: Packet, key: Key) -> Branch:
        source = None if packet.has_source else _text(source_address.on_link(self.interfaces, key.oif or ""), 4)
        return Branch("forward", 1.0, key.oif, packet.flow.destination, source=source)

    def _source(self, packet: Packet, key: Key, route: Route, hop: NextHop, local: bool) -> str | None:
        if key.family == 4 and not local and key.l3mdev and self.vrf_of(hop.device) != key.l3mdev:
            # fib_select_path: a route that leaves the VRF does not choose the source
            return _text(source_address.on_link(self.interfaces, key.l3mdev), 4)
        if route.prefsrc:
            return route.prefsrc
        if key.family == 6:
            # ip6_route_get_saddr: of a group of next-hop objects the first member counts, whichever is taken
            used = route.nexthops[0] if route.nhid is not None else hop
            return source_address.select_v6(self.interfaces, used.device or "", packet.flow.destination)
        if local:
            return packet.flow.destination
        return _text(self.source_of_leg(route, hop), 4)

    def reverse_path(self, packet: Packet, iif: str, oif: str | None) -> ReversePath:
        """Reverse-path validation of a packet in by ``iif`` that would leave by ``oif`` (None: it is for the host)."""
        return _reverse_path.validate(self, packet, iif, oif)


def _is_scoped(dst: int) -> bool:
    """rt6_need_strict: link-local, multicast and loopback addresses of IPv6 mean one interface."""
    return dst >> 118 == 0xFE80 >> 6 or dst >> 120 == 0xFF or dst == 1


def _text(number: int, family: int) -> str | None:
    return source_address.to_text(number, family) if number else None
