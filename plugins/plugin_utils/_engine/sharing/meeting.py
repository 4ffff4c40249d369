# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which host is at the other end of a link over which state is shared.

Pairs at many sites have the same addresses on their links. The MAC address of the neighbour tells which of them is
meant; where nobody knows it and an address is that of several hosts, so does nothing.
"""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import typing as t

Facts = t.Mapping[str, t.Any]
Item = t.Mapping[str, t.Any]  # of the facts state_sync


@dataclasses.dataclass(frozen=True)
class Met:
    """Two members of which each has a link to the other; ``doubt`` says why it may be another host, or is empty."""

    one: str
    item: Item
    other: str
    theirs: Item
    doubt: str = ""


@dataclasses.dataclass(frozen=True)
class Alone:
    """A member whose link leads to one of our hosts, which has none to it."""

    host: str
    other: str


def meet(facts: t.Mapping[str, Facts]) -> tuple[list[Met], list[Alone]]:
    """All members that meet, in the order of the hosts, and those that meet nobody where somebody should be."""
    found: dict[frozenset[str], Met] = {}
    alone: dict[tuple[str, str], Alone] = {}
    places = _Places(facts)
    for host, item in places.members:
        for link in item["links"]:
            others, sure = places.beyond(host, link)
            for other in others:
                theirs = places.answering(host, link, other)
                if theirs is not None:
                    back, as_sure = places.beyond(other, theirs[1])
                    if host not in back:  # its neighbour is somebody else
                        continue
                    doubt = "" if sure and as_sure else _doubt(link, others)
                    found.setdefault(frozenset((host, other)), Met(host, item, other, theirs[0], doubt))
                elif sure and link["transport"] != "multicast":
                    alone.setdefault((host, other), Alone(host, other))
    met = {frozenset((one.host, one.other)) for one in alone.values()} & set(found)
    return list(found.values()), [one for one in alone.values() if frozenset((one.host, one.other)) not in met]


def _doubt(link: Facts, others: t.Sequence[str]) -> str:
    where = link.get("peer") or link.get("group")
    return f"{where} may be that of {' or '.join(others[:5])}, and no neighbour entry tells of which"


class _Places:
    """Where the addresses of members and of their peers are."""

    def __init__(self, facts: t.Mapping[str, Facts]) -> None:
        self._facts = facts
        self.members: list[tuple[str, Item]] = [
            (host, item) for host, one in facts.items() if one.get("platform") == "linux"
            for item in one.get("state_sync") or () if item.get("links")]
        self._by_host: dict[str, list[Item]] = collections.defaultdict(list)
        self._groups: dict[tuple[t.Any, ...], list[tuple[str, Facts]]] = collections.defaultdict(list)
        for host, item in self.members:
            self._by_host[host].append(item)
            for link in item["links"]:
                if link["transport"] == "multicast":
                    for network in networks(facts[host], link.get("interface")):
                        self._groups[link.get("group"), link["port"], network].append((host, link))
        asked = {link.get("peer") for _host, item in self.members for link in item["links"]} - {None}
        self._owners: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)  # host and MAC address
        for host, one in facts.items() if asked else ():
            for interface in one["interfaces"].values():
                for each in interface["addresses"]:
                    if each["address"] in asked:
                        self._owners[each["address"]].append((host, interface.get("mac", "")))

    def beyond(self, host: str, link: Facts) -> tuple[list[str], bool]:
        """The hosts that a link may lead to, and whether that is known."""
        if link["transport"] == "multicast":
            return self._of_group(host, link)
        owners = [one for one in self._owners.get(link.get("peer", ""), ()) if one[0] != host]
        mac = self._neighbour(host, link, link.get("peer", ""))
        if mac:
            return [name for name, own in owners if own == mac], True
        return [name for name, _mac in owners], len(owners) < 2

    def _of_group(self, host: str, link: Facts) -> tuple[list[str], bool]:
        """The others of a group on the same network; unknown where two of them have one address."""
        found: list[str] = []
        sure = True
        for network in networks(self._facts[host], link.get("interface")):
            everybody = self._groups[link.get("group"), link["port"], network]
            addresses = [(name, address, mac) for name, theirs in everybody
                         for address, mac in self._own(name, theirs, network)]
            once = len({address for _name, address, _mac in addresses}) == len(addresses)
            mine = {address for address, _mac in self._own(host, link, network)}
            for name, address, mac in addresses:
                seen = self._neighbour(host, link, address)
                if address not in mine and (seen == mac or not seen):
                    found.append(name)
                    sure = sure and bool(seen or once)
        return list(dict.fromkeys(found)), sure

    def _own(self, host: str, link: Facts, network: t.Any) -> t.Iterator[tuple[str, str]]:
        interface = self._facts[host]["interfaces"][link["interface"]]
        for each in interface["addresses"]:
            if ipaddress.ip_address(each["address"]) in network:
                yield each["address"], interface.get("mac", "")

    def _neighbour(self, host: str, link: Facts, address: str) -> str:
        entries = self._facts[host].get("neighbours", ())
        return next((str(entry["mac"]) for entry in entries if entry["address"] == address and entry.get("mac")
                     and entry.get("device") == link.get("interface")), "")

    def answering(self, host: str, link: Facts, other: str) -> tuple[Item, Facts] | None:
        """The daemon and the link of another host that lead back."""
        for item in self._by_host.get(other, ()):
            for theirs in item["links"]:
                if linked(link, theirs, self._facts[host], self._facts[other]):
                    return item, theirs
        return None


def linked(one: Facts, other: Facts, facts: Facts, theirs: Facts) -> bool:
    """Whether what is sent by one link arrives at the other."""
    if (one["transport"], one["port"]) != (other["transport"], other["port"]):
        return False
    if one["transport"] == "multicast":
        shared = networks(facts, one.get("interface")) & networks(theirs, other.get("interface"))
        return one.get("group") == other.get("group") and bool(shared)
    return "peer" in one and (one["peer"], one.get("local")) == (other.get("local"), other.get("peer"))


def networks(facts: Facts, interface: str | None) -> set[t.Any]:
    """The networks of an interface, without those of link-local addresses."""
    listed = (facts["interfaces"].get(interface) or {}).get("addresses", ())
    found = {ipaddress.ip_network(f"{each['address']}/{each['prefixlen']}", strict=False) for each in listed}
    return {network for network in found if not network.is_link_local}
