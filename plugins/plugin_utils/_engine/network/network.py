# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The hosts that were read, joined to one network: what every later question is asked of."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.declared_balancers import (
    Declared,
    read_balancers,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.inspectors import (
    Inspector,
    read_inspectors,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.intake import look_over
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import (
    Facts,
    Site,
    Uplink,
    family_of,
    read_site,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.topology import Topology
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import Keepers, Sharing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import uncollected

# What is known of a network whatever the flow is.
_ALIKE = ("sharing", "foreign", "_trackers", "_local_routes", "remembered_candidates")


@dataclasses.dataclass(frozen=True)
class Network:
    """Hosts, declarations and joins. ``unread`` names each host without usable facts, and why."""

    hosts: t.Mapping[str, Host]
    facts: t.Mapping[str, Facts]
    variables: t.Mapping[str, Facts]
    site: Site
    topology: Topology
    unread: t.Mapping[str, str]
    inspectors: tuple[Inspector, ...] = ()
    declared: Declared = Declared()  # balancers: they are among hosts and facts, though nobody has read them
    keepers: Keepers = dataclasses.field(default_factory=Keepers)  # of the flow that it is asked about

    @classmethod
    @uncollected()
    def build(cls, facts: t.Mapping[str, Facts | None], variables: t.Mapping[str, Facts]) -> Network:
        """Join the facts of all hosts (None or empty: it could not be read); raises SiteError on bad variables."""
        known: dict[str, Facts] = {}
        unread: dict[str, str] = {}
        for host in {**facts, **variables}:
            sound, why = look_over(facts.get(host))
            if sound is None:
                unread[host] = why
            else:
                known[host] = sound
        site = read_site(variables, known)
        inspectors, topology = read_inspectors(variables, site), Topology(known, site)
        declared = read_balancers(variables, known, site, topology)
        if declared.balancers:
            known = {**known, **declared.facts}
            unread = {host: why for host, why in unread.items() if host not in declared.facts}
            site = _with_declared(site, declared)
            topology = Topology(known, site)
        hosts = {host: Host.from_facts(host, values) for host, values in known.items()}
        return cls(hosts, known, variables, site, topology, unread, inspectors, declared)

    def with_facts(self, changed: t.Mapping[str, Facts]) -> Network:
        """The same network with other facts for some hosts: the planned state."""
        facts = {**self.facts, **changed}
        read = {host: values for host, values in facts.items() if host not in self.declared.facts}
        site = _with_declared(read_site(self.variables, read), self.declared)
        hosts = {**self.hosts, **{host: Host.from_facts(host, values) for host, values in changed.items()}}
        return dataclasses.replace(self, hosts=hosts, facts=facts, site=site, topology=Topology(facts, site))

    @functools.cached_property
    def foreign(self) -> frozenset[str]:
        """Hosts that are no Linux hosts, or were only declared: no remedy of ours can be made there."""
        return frozenset(name for name, host in self.hosts.items() if host.platform != "linux")

    def keeper(self, host: str) -> str:
        """The name under which a host's connections are kept: the first member of its state domain, or itself."""
        return self.keepers.of(host) if self.keepers else host

    @functools.cached_property
    def sharing(self) -> Sharing:
        """Which hosts share connection state, or mean to."""
        return Sharing.read(self.facts, self.variables)

    def of_flow(self, flow: Flow, *more: str) -> Network:
        """The network with the state domains of a flow, over shared bonds and those of ``more`` kinds."""
        if not self.sharing.bonds:
            return self
        found = dataclasses.replace(self, keepers=self.sharing.keepers(flow, "shared", *more))
        vars(found).update({name: getattr(self, name) for name in _ALIKE})
        return found

    def new_tracker(self, host: str) -> Tracker:
        """The connection table with which an analysis begins: empty, with the host's own settings."""
        found = self._trackers.get(host)
        if found is None:
            found = self._trackers[host] = Tracker.new(self.facts[host])
        return found

    @functools.cached_property
    def _trackers(self) -> dict[str, Tracker]:
        return {}

    def owners(self, address: str) -> list[tuple[str, str]]:
        """The (host, interface) pairs that take packets to the address as their own."""
        listed = self.topology.owners(address)
        if listed:
            return listed
        # local routes without an address
        found = ((name, self.hosts[name].owns(address)) for name in self._with_local_route(address))
        return [(name, device) for name, device in found if device and (name, device) not in self.site.ignored]

    def _with_local_route(self, address: str) -> list[str]:
        """The hosts with a local route that covers the address, in the order of the inventory."""
        family, number = family_of(address), number_of(address)
        holders: set[str] = set()
        for shift, networks in self._local_routes[family].items():
            holders |= networks.get(number >> shift, frozenset())
        return [name for name in self.hosts if name in holders] if holders else []

    @functools.cached_property
    def _local_routes(self) -> dict[int, dict[int, dict[int, set[str]]]]:
        """Hosts by the networks of their local routes, by family and by the bits to shift an address by."""
        found: dict[int, dict[int, dict[int, set[str]]]] = {4: {}, 6: {}}
        for name, host in self.hosts.items():
            for family, network, length in host.local_prefixes():
                shift = BITS[family] - length
                found[family].setdefault(shift, {}).setdefault(network >> shift, set()).add(name)
        return found

    @functools.cached_property
    def taught(self) -> bool:
        """Whether ICMP has taught any host anything."""
        return any(host.learned for host in self.hosts.values())

    @functools.cached_property
    def one_mtu(self) -> bool:
        """Whether every link takes the same size, as far as interfaces, routes and ICMP say: then none is narrow."""
        sizes: set[int] = set()
        for host in self.hosts.values():
            for one in host.interfaces.values():
                if one.kind != "loopback":
                    sizes |= {one.mtu, one.sysctls.get("mtu6") or one.mtu}
            if any(route.get("mtu") for route in host.facts.get("routes", ())):
                return False
        return len(sizes) < 2 and not self.taught

    def is_edge(self, uplink: Uplink) -> bool:
        """True where no host of the inventory is known to own the uplink's gateway."""
        if uplink.host not in self.hosts:
            return bool(uplink.announces)
        joins = (self.topology.join(uplink.host, uplink.interface, gateway) for gateway in uplink.gateways)
        # a gateway that a host of the inventory has is no edge while that host is down
        link_up = self.topology.is_up(uplink.host, uplink.interface)
        return all(join.neighbour is None and not join.unknown and not (join.down and link_up) for join in joins)

    @functools.cached_property
    def edge_uplinks(self) -> tuple[Uplink, ...]:
        return tuple(uplink for uplink in self.site.uplinks if self.is_edge(uplink))

    @functools.cached_property
    def remembered_candidates(self) -> dict[str, tuple[list[Uplink], str]]:
        """What ``externals.return_candidates`` has found so far, by address."""
        return {}

    def forwards(self, host: str, family: int) -> bool:
        """True where the host forwards packets of the family at all."""
        name = "net/ipv4/ip_forward" if family == 4 else "net/ipv6/conf/all/forwarding"
        facts = self.facts[host]
        value = facts.get("sysctls", {}).get(name)
        if value is None:
            key = "forwarding" if family == 4 else "forwarding6"
            value = facts.get("interface_sysctls", {}).get("all", {}).get(key, 0)
        return bool(value)


def _with_declared(site: Site, declared: Declared) -> Site:
    """What declared balancers add: their segments, and those that have no place."""
    if not declared.balancers:
        return site
    problems = [(one.name, why) for one in declared.balancers
                for why in {declared.unplaced.get(service.address) for service in one.services} if why]
    return dataclasses.replace(site, segments={**site.segments, **declared.segments},
                               problems=(*site.problems, *problems))
