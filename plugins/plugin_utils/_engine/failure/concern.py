# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which failures can make a difference to a flow: those that change something that its judgement rests on.

What a failure does is compared with what a flow rests on (``Rests``). A host that was not asked makes no difference.
On one that was asked, an interface that goes makes none where no packet passed it, no route by it covers an address
that any packet, reply or next hop of the flow had (only such routes are ever looked at), and it is no uplink by which
the outside reaches the flow.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failures
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import Cables, Failure
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.watched import Watched
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, number_of, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, NamedFlow, contains

Key = tuple[str, str]  # host and interface


@dataclasses.dataclass(frozen=True)
class Rests:
    """What the judgement of a flow rests on. ``links`` and ``addresses`` are None where any on the hosts may count."""

    hosts: frozenset[str]
    links: frozenset[Key] | None = None
    addresses: frozenset[str] | None = None

    def for_ends(self, ends: t.Mapping[str, str], owners: t.Mapping[str, str]) -> Rests:
        """The same of a flow that is alike: with its own ends, and their hosts, in place of these."""
        hosts = frozenset(owners.get(host, host) for host in self.hosts)
        links = None if self.links is None else frozenset((owners.get(host, host), name) for host, name in self.links)
        addresses = None if self.addresses is None else frozenset(ends.get(one, one) for one in self.addresses)
        return Rests(hosts, links, addresses)


@dataclasses.dataclass(frozen=True)
class Change:
    """What a failure changes on one host."""

    everything: bool
    interfaces: frozenset[str] = frozenset()
    prefixes: tuple[tuple[int, int, int], ...] = ()  # family, network and the bits behind it: routes that change

    def concerns(self, host: str, rests: Rests) -> bool:
        """Whether it can make a difference to a flow for which the host was asked."""
        if self.everything or rests.links is None or rests.addresses is None:
            return True
        if any((host, name) in rests.links for name in self.interfaces):
            return True
        return any(self._covers(address) for address in rests.addresses)

    def _covers(self, address: str) -> bool:
        family, number = 6 if ":" in address else 4, number_of(address)
        return any(family == of and (number ^ network) >> shift == 0 for of, network, shift in self.prefixes)


class Effects:
    """What each failure changes."""

    def __init__(self, network: Network, cables: Cables) -> None:
        self._network = network
        self._cables = cables

    def of(self, failure: Failure) -> dict[str, Change]:
        """By host; a host that is not in it stays as it is."""
        if failure.kind in ("uplink", "sessions"):
            return {failure.host: Change(True)}
        changed = failures.changes(self._network, failure, self._cables)
        return {host: self._change(host, facts, failure) for host, facts in changed.items()}

    def _change(self, host: str, after: Facts, failure: Failure) -> Change:
        before = self._network.facts[host]
        interfaces = {name for name, one in before.get("interfaces", {}).items()
                      if after["interfaces"].get(name) is not one and after["interfaces"].get(name) != one}
        if (failure.kind == "node" and host == failure.host) or any(self._shares_mac(host, one) for one in interfaces):
            return Change(True)
        left = {id(route) for route in after.get("routes", ())}
        routes = [route for route in before.get("routes", ()) if id(route) not in left]
        silent = self._silent(before, after, interfaces)
        routes += [route for route in before.get("routes", ())
                   if any(leg.get("gateway") in silent for leg in route.get("nexthops", ()))]
        texts = {(route["family"], route["dst"]) for route in routes}
        texts |= {(item["family"], item["address"]) for name in interfaces
                  for item in before["interfaces"][name].get("addresses", ())}
        texts |= {(6 if ":" in address else 4, address.partition("%")[0]) for address in silent}
        prefixes = ((family, *prefix_of(text)) for family, text in texts)
        return Change(False, frozenset(interfaces), tuple(
            (family, network, BITS[family] - length) for family, network, length in prefixes))

    def _shares_mac(self, host: str, interface: str) -> bool:
        """Whether a neighbour entry with its MAC address may mean another interface."""
        mac = self._network.facts[host]["interfaces"][interface].get("mac")
        return bool(mac) and len(self._network.topology.holders_of(mac)) > 1

    @staticmethod
    def _silent(before: Facts, after: Facts, interfaces: t.Container[str]) -> set[str]:
        """The neighbours on other interfaces whose entries change: they have stopped to answer."""
        left = {id(entry) for entry in after.get("neighbours", ())}
        return {entry["address"] for entry in before.get("neighbours", ())
                if id(entry) not in left and entry["device"] not in interfaces}


class Concerns:
    """What flows rest on; found once for all flows that are alike."""

    def __init__(self, network: Network, observed: Observed, alike: Alike | None) -> None:
        self._network = network
        self._observed = observed
        self._alike = alike
        self._found: dict[t.Hashable, tuple[NamedFlow, Rests]] = {}

    @functools.cached_property
    def _watched(self) -> Watched:
        return Watched(self._network)

    def of(self, told: FlowVerdict) -> Rests | None:
        """What the flow's judgement rests on; None where that may be everything."""
        named = told.named
        if named.region is not None or not told.journey.pairs:
            return None  # other flows of its class may ask other hosts after the failure
        kind = self._alike.of(named) if self._alike else None
        if kind is None:
            return self._rests(told)
        if kind not in self._found:
            self._found[kind] = named, self._rests(told)
        like, rests = self._found[kind]
        ends = {like.flow.source: named.flow.source, like.flow.destination: named.flow.destination}
        owners = {one: other for was, now in ends.items()
                  for one, other in zip(self._hosts(was), self._hosts(now), strict=False)}
        return rests.for_ends(ends, owners)

    def _hosts(self, address: str) -> list[str]:
        return [host for host, _interface in self._network.owners(address)]

    def _rests(self, told: FlowVerdict) -> Rests:
        _told, asked = self._watched.judge(told.named, self._observed)
        paths = [path for pair in told.journey.pairs for path in (pair.forward, pair.back, pair.again, pair.data)
                 if path is not None]
        hops = [hop.transit.next_hop for path in paths for hop in path.hops if hop.transit.next_hop]
        beyond = {address for path in paths if (address := path.next_hop)} | set(hops)
        around = {key for address in beyond for key in self._network.owners(address)}
        for end in (told.named.flow.source, told.named.flow.destination):
            around |= set(self._network.owners(end) or self._network.topology.attached(end))
        hosts = frozenset({*asked, *(host for host, _interface in around), *self._edges(told)})
        uplinks = self._uplinks(told)
        if uplinks is None or not all(path.arrived for path in paths):
            return Rests(hosts)  # a packet that died may have asked for more than shows, and so an inferred edge
        links = {(host, name) for path in paths for host, iif, oif in path.links() for name in (iif, oif) if name}
        return Rests(hosts, frozenset(links | around | uplinks), frozenset(beyond | _addresses(told, paths)))

    def _uplinks(self, told: FlowVerdict) -> set[Key] | None:
        """The declared uplinks by which its packets may come in from outside; None where that was inferred."""
        ours = {told.named.flow.destination for pair in told.journey.pairs if pair.forward.entry}
        ours |= {pair.forward.packet.flow.source for pair in told.journey.pairs if pair.back and pair.back.entry}
        found = {one: {(uplink.host, uplink.interface) for uplink in self._network.site.announcing
                       if any(contains(prefix, one) for prefix in uplink.announces)} for one in ours}
        return set().union(*found.values()) if all(found.values()) else None

    def _edges(self, told: FlowVerdict) -> set[str]:
        """The hosts of the uplinks by which its packets may come in; translation may give it other addresses."""
        paths = (*told.forward_paths(), *told.return_paths())
        if not any(path.entry or path.outcome == "left" for path in paths):
            return set()
        ours = {end for path in paths for end in (path.packet.flow.source, path.packet.flow.destination)}
        announcing = {uplink.host for uplink in self._network.site.uplinks
                      for prefix in uplink.announces if any(contains(prefix, end) for end in ours)}
        return announcing or {uplink.host for uplink in self._network.site.uplinks}


def _addresses(told: FlowVerdict, paths: t.Sequence[Path]) -> set[str]:
    """Every address that a packet of the flow had on its way."""
    flows = [told.named.flow, *(path.packet.flow for path in paths)]
    flows += [hop.transit.packet.flow for path in paths for hop in path.hops]
    return {end for flow in flows for end in (flow.source, flow.destination)}
