# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which interface answers for a next hop: hops are joined by proof, or not at all.

Proof is, in this order: a declared segment, the MAC address of the neighbour table, a shared connected prefix.
Two candidates that fit equally, or a MAC address that contradicts, give an unknown that names both.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, Site, family_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Neighbour

_SILENT = ("failed", "incomplete")  # states of a neighbour entry that was asked for in vain
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclasses.dataclass(frozen=True)
class Join:
    """Who answers: a neighbour, nobody in the inventory (both fields empty), or unknown with the reason."""

    neighbour: Neighbour | None = None
    unknown: str = ""
    down: str = ""  # the link cannot carry a packet, and why
    unanswered: str = ""  # nobody answers there for the next hop: the host has asked in vain

    @property
    def outside(self) -> bool:
        return self.neighbour is None and not self.unknown and not self.down and not self.unanswered


class Topology:
    """The interfaces of all hosts that were read, found by address and by MAC address."""

    def __init__(self, facts: t.Mapping[str, Facts], site: Site) -> None:
        self._site = site
        self._interfaces: dict[tuple[str, str], Facts] = {}
        self._addresses: dict[tuple[str, str], tuple[Interface, ...]] = {}
        self._networks: dict[tuple[str, str], set[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {}
        self._joins: dict[tuple[str, str, str], Join] = {}
        self._by_host: dict[str, list[tuple[str, str]]] = {}
        self._by_address: dict[str, list[tuple[str, str]]] = {}
        self._by_mac: dict[str, list[tuple[str, str]]] = {}
        self._neighbours: dict[tuple[str, str, str], Facts] = {}
        self._on_link_to_many: dict[tuple[str, str], None] = {}
        self._strict_arp: set[tuple[str, str]] = set()  # they answer for their own addresses only
        for host, host_facts in facts.items():
            self._read(host, host_facts)

    def with_facts(self, changed: t.Mapping[str, Facts]) -> Topology:
        """The same joins after interfaces went down or lost their carrier, or neighbours stopped to answer."""
        other = copy.copy(self)
        interfaces, neighbours = dict(self._interfaces), dict(self._neighbours)
        for host, facts in changed.items():
            for name, interface in facts.get("interfaces", {}).items():
                if (host, name) in interfaces:
                    interfaces[host, name] = interface
            for key in [key for key in neighbours if key[0] == host]:
                del neighbours[key]
            neighbours.update({(host, one["device"], one["address"]): one for one in facts.get("neighbours", ())})
        other._interfaces, other._neighbours, other._joins = interfaces, neighbours, {}
        return other

    def _read(self, host: str, facts: Facts) -> None:
        sysctls = facts.get("interface_sysctls", {})
        everywhere = sysctls.get("all", {}).get("arp_ignore", 0)
        for name, interface in facts.get("interfaces", {}).items():
            key = (host, name)
            if max(everywhere, sysctls.get(name, {}).get("arp_ignore", 0)):
                self._strict_arp.add(key)
            if key in self._site.ignored:
                continue
            self._interfaces[key] = interface
            self._by_host.setdefault(host, []).append(key)
            listed = tuple(
                ipaddress.ip_interface(f"{item['address']}/{item['prefixlen']}")
                for item in interface.get("addresses", ())
            )
            self._addresses[key] = tuple(item for item in listed if not item.ip.is_loopback)
            for item in self._addresses[key]:
                self._by_address.setdefault(str(item.ip), []).append(key)
                if not item.ip.is_link_local:
                    self._networks.setdefault(key, set()).add(item.network)
            macs = [interface["mac"]] if interface.get("mac") else interface.get("macs", ())
            for mac in macs if not self._is_loopback(key) else ():  # several: of a balancer that is declared
                self._by_mac.setdefault(mac.lower(), []).append(key)
        for route in facts.get("routes", ()):
            self._read_on_link(host, route)
        for entry in facts.get("neighbours", ()):
            self._neighbours[host, entry["device"], entry["address"]] = entry

    def _read_on_link(self, host: str, route: Facts) -> None:
        """A route without a gateway makes its prefix connected, also where the interface has no address of it."""
        legs = [leg for leg in route.get("nexthops", ()) if not leg.get("gateway")]
        if route.get("type", "unicast") != "unicast" or not legs:
            return
        network = ipaddress.ip_network(route["dst"])
        if len(route["nexthops"]) != 1 or not network.prefixlen:
            keys = [(host, leg.get("device")) for leg in legs]
            self._on_link_to_many.update(dict.fromkeys(key for key in keys if key in self._interfaces))
            return
        if network.prefixlen and not network.is_link_local and (host, legs[0].get("device")) in self._interfaces:
            self._networks.setdefault((host, legs[0]["device"]), set()).add(network)

    def _is_loopback(self, key: tuple[str, str]) -> bool:
        """An interface without a wire: it may have an address that another interface of the host answers for."""
        return key[1] == "lo" or self._interfaces[key].get("kind") in ("loopback", "dummy")

    def owners(self, address: str) -> list[tuple[str, str]]:
        """The (host, interface) pairs that have the address; without ignored interfaces."""
        return list(self._by_address.get(address, ()))

    def addresses(self, host: str, interface: str, family: int | None = None) -> tuple[Interface, ...]:
        """The addresses of an interface with their prefix lengths, loopback addresses left out."""
        listed = self._addresses.get((host, interface), ())
        return tuple(item for item in listed if family in (None, item.version))

    def interfaces(self, host: str) -> list[str]:
        """The names of the interfaces of a host that may carry paths."""
        return [name for _host, name in self._by_host.get(host, ())]

    def attached(self, address: str) -> list[tuple[str, str]]:
        """The interfaces in whose connected prefix the address lies: where a box outside the inventory is on link."""
        family, number = family_of(address), number_of(address)
        found: dict[tuple[str, str], None] = {}
        for shift, networks in self._connected[family].items():
            found.update(dict.fromkeys(networks.get(number >> shift, ())))
        return [key for key in found if self.is_up(*key)]

    def may_ask_for(self, address: str) -> list[tuple[str, str]]:
        """The interfaces whose host has a route on link to the address there: who might send ARP requests for it."""
        number = number_of(address)
        found = dict(self._on_link_to_many)
        for shift, networks in self._on_link_networks[family_of(address)].items():
            found.update(dict.fromkeys(networks.get(number >> shift, ())))
        return list(found)

    @functools.cached_property
    def _on_link_networks(self) -> dict[int, dict[int, dict[int, list[tuple[str, str]]]]]:
        """The interfaces by all networks that are on link there, as in ``_connected``."""
        found: dict[int, dict[int, dict[int, list[tuple[str, str]]]]] = {4: {}, 6: {}}
        for key, networks in self._networks.items():
            for one in networks:
                shift = one.max_prefixlen - one.prefixlen
                found[one.version].setdefault(shift, {}).setdefault(int(one.network_address) >> shift, []).append(key)
        return found

    @functools.cached_property
    def _connected(self) -> dict[int, dict[int, dict[int, list[tuple[str, str]]]]]:
        """The interfaces by the networks of their addresses, by family and by the bits to shift an address by."""
        found: dict[int, dict[int, dict[int, list[tuple[str, str]]]]] = {4: {}, 6: {}}
        for key, listed in self._addresses.items():
            for item in listed:
                shift = item.max_prefixlen - item.network.prefixlen
                if shift and not item.ip.is_link_local:
                    found[item.version].setdefault(shift, {}).setdefault(int(item.ip) >> shift, []).append(key)
        return found

    def is_up(self, host: str, interface: str) -> bool:
        """False where the interface is down, has no carrier, is ignored or is not there."""
        view = self._interfaces.get((host, interface))
        return view is not None and bool(view.get("up", True)) and bool(view.get("carrier", True))

    def mac_of(self, host: str, device: str, address: str) -> str | None:
        """The MAC address that the host's neighbour table holds for an address, in lower case."""
        mac = self._neighbours.get((host, device, address), {}).get("mac")
        return mac.lower() if mac else None

    def has_one_holder(self, mac: str) -> bool:
        """Whether one interface, and no other, has the MAC address."""
        return len(self._by_mac.get(mac.lower(), ())) == 1

    def holders_of(self, mac: str) -> list[tuple[str, str]]:
        """The interfaces that have the MAC address."""
        return list(self._by_mac.get(mac.lower(), ()))

    def proves(self, address: str, mac: str | None) -> str | None:
        """What a neighbour entry says: nothing, or that the one who has the address answers for it; else None."""
        if not mac:
            return "nothing"
        owners = self.owners(address)
        return "its owner" if len(owners) == 1 and self._by_mac.get(mac.lower()) == owners else None

    def on_link(self, host: str, device: str, address: str) -> bool:
        """Whether the address may be asked for on the interface: it is connected there, or nobody needs to ask."""
        wanted = ipaddress.ip_address(address)
        if wanted.is_link_local or not self._interfaces.get((host, device), {}).get("mac"):
            return True
        return any(wanted in network for network in self._networks.get((host, device), ()))

    def join(self, host: str, device: str, next_hop: str) -> Join:
        """The interface that answers for ``next_hop`` on the segment of ``host``'s ``device``."""
        key = (host, device, next_hop)
        found = self._joins.get(key)
        if found is None:
            found = self._joins[key] = self._join(host, device, next_hop)
        return found

    def _join(self, host: str, device: str, next_hop: str) -> Join:
        if not self.is_up(host, device):
            return Join(down=f"{host}: interface {device} is down or has no carrier")
        owners = [key for key in self.owners(next_hop) if key[0] != host]
        declared = [key for key in owners if self._declared(host, device, key) is True]
        if declared:
            return self._only(declared, "declared", host, device, next_hop)
        possible = [key for key in owners if self._declared(host, device, key) is None]
        if ":" not in next_hop:
            possible = [key for key in possible if not self._is_quiet(key)]
        mac = self.mac_of(host, device, next_hop)
        if mac:
            elsewhere = [key for key in owners if key not in possible and key in self._by_mac.get(mac, ())]
            if elsewhere:
                return Join(unknown=f"{host}: next hop {next_hop} on {device} is answered by {mac} of "
                            f"{_names(elsewhere)}, but symmetry_segments says that they are on different segments")
            return self._by_proof_of_mac(possible, mac, host, device, next_hop)
        fitting = [key for owner in possible for key in self._receivers((host, device), owner, next_hop)]
        if fitting:
            return self._only(fitting, "prefix", host, device, next_hop)
        if possible:
            return Join(unknown=f"{host}: next hop {next_hop} on {device} is an address of {_names(possible)}, but no "
                        "neighbour entry, connected prefix or declared segment shows that they share a segment; "
                        "declare symmetry_segments on both")
        state = self._neighbours.get((host, device, next_hop), {}).get("state")
        if state in _SILENT:
            return Join(unanswered=f"{host}: next hop {next_hop} on {device} does not answer (neighbour entry {state})")
        return Join()

    def _is_quiet(self, owner: tuple[str, str]) -> bool:
        """arp_ignore: the servers of a balancer have its address on lo, and answer no ARP request for it."""
        wires = [key for key in self._by_host[owner[0]] if not self._is_loopback(key)]
        return self._is_loopback(owner) and bool(wires) and all(key in self._strict_arp for key in wires)

    def _receivers(self, here: tuple[str, str], owner: tuple[str, str], next_hop: str) -> list[tuple[str, str]]:
        """The interfaces of the owner's host that are on our segment by prefix: the owner itself, unless it is lo."""
        keys = [owner]
        if self._is_loopback(owner):
            keys = [key for key in self._by_host[owner[0]] if not self._is_loopback(key)]
        return [key for key in keys if self.share_prefix(here, key, next_hop)]

    def _by_proof_of_mac(
        self, possible: list[tuple[str, str]], mac: str, host: str, device: str, next_hop: str
    ) -> Join:
        having = [key for key in self._by_mac.get(mac, ()) if key[0] != host]
        # a bridge has the MAC address of a port, and speaks for it
        holders = [key for key in having if (key[0], self._interfaces[key].get("master")) not in having]
        fitting = [key for key in possible if key in holders]
        if fitting:
            return self._only(fitting, "mac", host, device, next_hop)
        # A virtual address may be held by another interface of the same host (macvlan under VRRP, a bridge's port).
        same_host = [holder for holder in holders if holder[0] in {key[0] for key in possible}]
        if same_host:
            return self._only(same_host, "mac", host, device, next_hop)
        if possible:
            macs = [self._interfaces[key].get("mac", "no MAC address") for key in possible]
            shown = " and ".join(f"{h}:{i} ({has})" for (h, i), has in zip(possible, macs, strict=True))
            return Join(unknown=f"{host}: next hop {next_hop} on {device} is an address of {shown}, but the neighbour "
                        f"table says {mac}{' of ' + _names(holders) if holders else ''}: another box answers for it")
        answering = [key for key in holders if self._declared(host, device, key) is not False]
        if answering:  # proxy ARP, or an address that the facts of that host do not list
            return self._only(answering, "mac", host, device, next_hop)
        return Join()

    def _only(self, keys: list[tuple[str, str]], proof: str, host: str, device: str, next_hop: str) -> Join:
        up = [key for key in keys if self.is_up(*key)]
        if not up:
            return Join(down=f"{_names(keys)} has next hop {next_hop} of {host}, and is down or has no carrier")
        if len(up) > 1:
            return Join(unknown=f"{host}: next hop {next_hop} on {device} may be {_names(up)} (proof: {proof}); "
                        "declare symmetry_segments to tell them apart, or see which of them answers: ip neigh")
        return Join(Neighbour(up[0][0], up[0][1], proof))

    def _declared(self, host: str, device: str, other: tuple[str, str]) -> bool | None:
        """True or False where both interfaces are in declared segments, else None."""
        here, there = self._site.segments.get((host, device)), self._site.segments.get(other)
        return None if here is None or there is None else here == there

    def share_prefix(self, one: tuple[str, str], other: tuple[str, str], next_hop: str) -> bool:
        """True where a connected prefix of one side holds an address of the other; link-local ones prove nothing."""
        families = (4, 6) if ipaddress.ip_address(next_hop).is_link_local else (family_of(next_hop),)
        return any(self._covers(*pair, families) for pair in ((one, other), (other, one)))

    def _covers(self, one: tuple[str, str], other: tuple[str, str], families: tuple[int, ...]) -> bool:
        return any(
            item.ip in network for network in self._networks.get(one, ()) for item in self._addresses.get(other, ())
            if item.version in families and not item.ip.is_link_local
        )


def _names(keys: t.Iterable[tuple[str, str]]) -> str:
    return " or ".join(f"{host}:{interface}" for host, interface in keys)
