# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""NAT of FortiOS: of sources by policies or by the central table, of destinations by virtual IPs.

Destinations are translated before routing, by every virtual IP that a policy names (with central NAT: by every one).
Sources are translated as the first policy says that matches, or the first entry of the central table. Packets to a
virtual IP match policies that name it and no others; one without ports is used for what its server sends, too.
Sources: Fortinet, "Technical Tip: Mapping VIP outbound connections" (pool, virtual IP, interface, in this order, unless
nat-source-vip is set), "DENY policy for Virtual IP firewall policy", "How to use VIP's External IP Address for Source".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.decision_lists import common
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_objects import (
    ANY,
    Objects,
    between,
    value,
    values,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_tree import Tree

_POLICY = {"srcintf", "dstintf", "srcaddr", "dstaddr", "service", "action", "status", "schedule", "nat", "ippool",
           "poolname"}
_CENTRAL = {"srcintf", "dstintf", "orig-addr", "dst-addr", "protocol", "orig-port", "dst-port", "nat", "nat-ippool",
            "nat-port", "status", "type"}
_VIRTUAL = {"extip", "mappedip", "extintf", "portforward", "protocol", "extport", "mappedport", "nat-source-vip",
            "status", "type", "portmapping-type"}
# What is done with packets that match, and what is written for people; anything else may say which packets match.
_HARMLESS = re.compile(
    r"uuid|id|name|comments?|color|(?:global-)?label|logtraffic(?:-.*)?|capture-packet|utm-status|inspection-mode|profile-.*"
    r"|.*-profile|.*-profile-group|.*-sensor|application-list|voip-profile|.*shaper.*|tcp-mss-.*|tcp-session-without-syn"
    r"|session-ttl|timeout-.*|anti-replay|auto-asic-offload|np-acceleration|fixedport|port-preserve|permit-.*|match-vip.*"
    r"|disclaimer|replacemsg-.*|diffserv.*|vlan-cos-.*|send-deny-packet|firewall-session-dirty|block-notification|wccp"
    r"|webcache.*|http-policy-redirect|ssh-policy-redirect|delay-tcp-npu-session|email-collect|custom-log-fields|dsri"
    r"|schedule-timeout|captive-portal-exempt|poolname6|srcaddr6|dstaddr6|arp-reply|gratuitous-arp-interval"
    r"|dns-mapping-ttl|policy-expiry.*|cgn-.*|pcp-.*|passive-wan-health-measurement")
_DOES = re.compile(r"action |nat|poolname ")  # what is not understood may be done with packets that match
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp"}


class _Virtual(t.NamedTuple):
    """A virtual IP. ``pairs``: addresses outside and inside; ``outer`` and ``inner``: ranges of ports."""

    name: str
    interfaces: list[str] | None
    pairs: list[tuple[str, str]]
    protocol: str
    outer: list[int]
    inner: list[int]
    forced: bool
    unknown: list[str]


class _Asked(t.NamedTuple):
    """Which packets a policy or an entry of the central table is for."""

    name: str
    places: Dict
    sources: list[str]
    destinations: list[str]
    services: list[Dict]
    unknown: list[str]


def read(asking: Asking, ask: t.Callable[..., str], settings: t.Mapping[str, str]) -> Reading:
    """Every translation, in the order in which they are tried. ``settings``: what ``get system settings`` told.

    Where sources become one of several addresses, the first and the last are given.
    """
    central = {"enable": True, "disable": False}.get(settings.get("central-nat", ""))
    if central is None:
        raise NotUnderstood("'get system settings' does not tell whether central-nat is on")
    reader = _Reader(Objects(asking, ask))
    central = central or settings.get("ngfw-mode") == "policy-based"
    found = list(reader.central() if central else reader.policies())
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    six = any(flow.family == 6 for flow in asking.request.flows)
    whys = (f"not understood: {'; '.join(dict.fromkeys(doubts))}" if doubts else "",
            "translation of IPv6 is not read" if six else "")
    return Reading([{**one, "sequence": number} for number, one in enumerate(found, 1)], "; ".join(filter(None, whys)))


class _Reader:
    """Rules under construction."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.virtual: list[_Virtual] = []

    def policies(self) -> t.Iterator[Dict]:
        # that a flow is permitted is taken for granted, so none that denies matches it
        active = {key: one for key, one in self.objects.section("firewall policy").items()
                  if _is_on(one) and value(one, "action") not in ("", "deny")}
        names = self.objects.virtual(name for one in active.values() for name in values(one, "dstaddr"))
        if not names and not any(value(one, "nat") == "enable" for one in active.values()):
            return
        yield from self._destinations(names)
        asked = [(self._asked_policy(key, one), one) for key, one in active.items()
                 if "set srcaddr" in one or "set srcaddr6" not in one]
        done = [(which, self._done(one, which, "ippool", "poolname"), self.objects.virtual(values(one, "dstaddr")))
                for which, one in asked]
        for which, sources, named in _surely([one for one in done if one[2]]):
            yield from self._to_virtual(which, sources, named)
        for which, sources, _named in _surely([one for one in done if one[0].destinations]):
            yield from self._of_servers(which, sources, central=False)
            yield from _rules(which, sources)

    def central(self) -> t.Iterator[Dict]:
        yield from self._destinations([*self.objects.section("firewall vip")])
        for key, one in self.objects.section("firewall central-snat-map").items():
            if not _is_on(one) or value(one, "type") == "ipv6":
                continue
            which = self._asked_centrally(key, one)
            done = self._done(one, which, "", "nat-ippool")
            yield from self._of_servers(which, done, central=True)
            yield from _rules(which, done)
        rest = _Asked("no entry of the central table", {}, [ANY], [ANY], [{}], [])
        yield from self._of_servers(rest, {"kind": "none"}, central=True)

    def _destinations(self, names: t.Sequence[str]) -> t.Iterator[Dict]:
        """What virtual IPs do, in the order of their table."""
        for name, one in self.objects.section("firewall vip").items():
            if name not in names or not _is_on(one):
                continue
            virtual = self._virtual(name, one)
            self.virtual.append(virtual)
            ports: Dict = {"protocol": virtual.protocol} if virtual.protocol else {}
            if virtual.outer:
                ports["dports"] = [virtual.outer]
                if virtual.outer != virtual.inner:
                    ports["to_port"] = virtual.inner[0]
            nowhere = virtual.interfaces == []
            for outside, inside in [] if nowhere else virtual.pairs or [("", "")]:
                yield {"name": f"vip {name}", "kind": "destination", "sources": [ANY],
                       **_filled(interfaces_in=virtual.interfaces, unknown=virtual.unknown), **ports,
                       **({"destinations": [f"{outside}/32"], "to_destination": inside} if inside else {})}

    def _virtual(self, name: str, one: Tree) -> _Virtual:
        unknown = _strange(one, _VIRTUAL)
        if value(one, "type") not in ("", "static-nat"):
            unknown.append(f"type {value(one, 'type')}")
        outside, inside = between(value(one, "extip")), between(value(one, "mappedip"))
        if not outside or not inside or len(outside) != len(inside) or "0.0.0.0" in outside:
            unknown.append(f"from {value(one, 'extip') or 'no address'} to {value(one, 'mappedip') or 'no address'}")
            outside = inside = []
        protocol, outer, inner = "", [], []
        if value(one, "portforward") == "enable":
            protocol = value(one, "protocol") or "tcp"
            outer = _ports(value(one, "extport"))
            inner = _ports(value(one, "mappedport")) or outer
            moved = outer != inner and (len(set(outer)) > 1 or len(set(inner)) > 1)
            if protocol != "icmp" and (not outer or moved):
                unknown.append(f"from ports {value(one, 'extport')} to {value(one, 'mappedport')}")
                outer = inner = []
        return _Virtual(name, self.objects.interfaces(values(one, "extintf") or ["any"]),
                        list(zip(outside, inside, strict=True)), protocol, outer, inner,
                        value(one, "nat-source-vip") == "enable", unknown)

    def _asked_policy(self, key: str, one: Tree) -> _Asked:
        unknown = _strange(one, _POLICY)
        if value(one, "schedule") not in ("", "always"):
            unknown.append(f"schedule {value(one, 'schedule')}")
        if value(one, "action") != "accept":
            unknown.append(f"action {value(one, 'action')}")
        wanted = values(one, "dstaddr")
        plain = [name for name in wanted if not self.objects.virtual([name])]
        services = self._known(self.objects.services(values(one, "service")), "service", one, [{}], unknown)
        return _Asked(
            f"policy {key} {value(one, 'name')}".strip(), self._places(one),
            self._known(self.objects.addresses(values(one, "srcaddr")), "srcaddr", one, [ANY], unknown),
            self._known(self.objects.addresses(plain), "dstaddr", one, [ANY], unknown) if plain or not wanted else [],
            _merged(services), unknown)

    def _asked_centrally(self, key: str, one: Tree) -> _Asked:
        unknown = _strange(one, _CENTRAL)
        number = value(one, "protocol") or "0"
        service: Dict = {} if number == "0" else {"protocol": _PROTOCOLS.get(number, number)}
        for name, side in (("orig-port", "sports"), ("dst-port", "dports")):
            text = value(one, name)
            if text not in ("", "0"):
                service[side] = [_ports(text)]
                unknown += [] if _ports(text) else [f"{name} {text}"]
        destinations = self._known(self.objects.addresses(values(one, "dst-addr")), "dst-addr", one, [ANY], unknown)
        return _Asked(
            f"central SNAT {key}", self._places(one),
            self._known(self.objects.addresses(values(one, "orig-addr")), "orig-addr", one, [ANY], unknown),
            self._before_translation(destinations, unknown), [service], unknown)

    def _before_translation(self, destinations: list[str], unknown: list[str]) -> list[str]:
        """The central table is asked for the destination as it has become; here the one that packets came for."""
        if ANY in destinations:
            return destinations
        added = []
        for virtual in self.virtual:
            for outside, inside in virtual.pairs:
                became, came = ([any(words.covers(one, each) for one in destinations) for each in (inside, outside)])
                added += [f"{outside}/32"] if became and not came else []
                unknown += [f"it is for {outside}, and not for what vip {virtual.name} makes of it"] if (
                    came and not became) else []
        return [*destinations, *added]

    def _places(self, one: Tree) -> Dict:
        sides = {key: self.objects.interfaces(values(one, name) or ["any"])
                 for key, name in (("interfaces_in", "srcintf"), ("interfaces_out", "dstintf"))}
        return {key: found for key, found in sides.items() if found is not None}

    def _known(self, found: list[t.Any] | None, key: str, one: Tree, anything: list[t.Any],
               unknown: list[str]) -> list[t.Any]:
        if found is not None and values(one, key):
            return found
        unknown.append(f"{key} {value(one, key) or 'is not set'}")
        return anything

    def _done(self, one: Tree, which: _Asked, switch: str, pools: str) -> Dict:
        """What is done with sources: a pool, the interface, or nothing. The central table translates by default."""
        if value(one, "nat") == "disable" or (switch and value(one, "nat") != "enable"):
            return {"kind": "none"}
        if value(one, switch) != "enable" if switch else not values(one, pools):
            return {"kind": "source", "to_interface": True}
        found = self.objects.pools(values(one, pools))
        text = f"{pools} {value(one, pools)}"
        if found is None and text not in which.unknown:
            which.unknown.append(text)
        return {"kind": "source", "to_sources": found or []}

    def _to_virtual(self, which: _Asked, done: Dict, names: t.Sequence[str]) -> t.Iterator[Dict]:
        """What a policy does with packets to the virtual IPs that it names; it sees their ports translated."""
        for virtual in self.virtual:
            if virtual.name in names and virtual.pairs:
                ports = {**({"protocol": virtual.protocol} if virtual.protocol else {}),
                         **({"dports": [virtual.inner]} if virtual.inner else {})}
                services = [both for both in (common(ports, service) for service in which.services) if both is not None]
                yield from _rules(which._replace(
                    name=f"{which.name} to {virtual.name}", services=services,
                    destinations=[f"{outside}/32" for outside, _inside in virtual.pairs]), done)

    def _of_servers(self, which: _Asked, done: Dict, central: bool) -> t.Iterator[Dict]:
        """What servers behind virtual IPs send appears as theirs, by a policy that translates sources."""
        for virtual in self.virtual:
            sure = done["kind"] == "source" and not virtual.outer and virtual.protocol == ""
            if not virtual.forced and (central or not sure or "to_sources" in done):
                continue
            places = dict(which.places)
            if virtual.interfaces is not None and not virtual.forced:
                wanted = places.get("interfaces_out", virtual.interfaces)
                places["interfaces_out"] = [name for name in virtual.interfaces if name in wanted]
            doubt = [] if sure else [f"whether nat-source-vip of {virtual.name} decides over what its server sends"]
            for outside, inside in virtual.pairs:
                found = common({"sources": which.sources}, {"sources": [f"{inside}/32"]})
                if found is not None:
                    yield from _rules(which._replace(
                        name=f"{which.name}, of vip {virtual.name}", places=places, sources=found["sources"],
                        unknown=[*which.unknown, *doubt]), {"kind": "source", "to_sources": [outside]})


_Done = tuple[_Asked, Dict, list[str]]  # a policy, what it does with sources, and the virtual IPs that it names


def _surely(policies: t.Sequence[_Done]) -> t.Iterator[_Done]:
    """The policies; without what is not understood where it is known all the same what becomes of a flow.

    That is so where each policy between the same interfaces does the same, for one of them permits the flow.
    """
    for which, done, named in policies:
        same = done.get("to_sources") != [] and not any(map(_DOES.match, which.unknown)) and all(
            other == done for asked, other, _named in policies if _meet(asked.places, which.places))
        yield (which._replace(unknown=[]) if same else which), done, named


def _meet(one: Dict, other: Dict) -> bool:
    """Whether a packet may come and go by interfaces of both; a side that is not there may be any."""
    return all(set(one[side]) & set(other[side]) for side in one.keys() & other.keys())


def _rules(which: _Asked, done: Dict) -> t.Iterator[Dict]:
    """One rule for each service; none where a zone has no interfaces."""
    for service in which.services if all(which.places.values()) else ():
        yield {"name": which.name, **done, **which.places, "sources": which.sources,
               **({} if ANY in which.destinations else {"destinations": which.destinations}), **service,
               **_filled(unknown=list(which.unknown))}


def _merged(services: list[Dict]) -> list[Dict]:
    """Services that differ in their destination ports alone, as one."""
    found: list[Dict] = []
    for one in services:
        like = next((other for other in found if "dports" in other and "dports" in one and all(
            other.get(key) == one.get(key) for key in ("protocol", "sports"))), None)
        if like:
            like["dports"] = [*like["dports"], *one["dports"]]
        else:
            found.append(dict(one))
    return found


def _strange(one: Tree, known: t.Collection[str]) -> list[str]:
    """What is set and not known to leave open which packets match."""
    names = [key.removeprefix("set ") for key in one if key.startswith("set ")]
    return [f"{name} {value(one, name)}" for name in names
            if name not in known and value(one, name) != "disable" and not _HARMLESS.fullmatch(name)]


def _is_on(one: Tree) -> bool:
    return value(one, "status") != "disable"


def _ports(text: str) -> list[int]:
    match = re.fullmatch(r"(?P<low>\d+)(?:-(?P<high>\d+))?", text)
    return [int(match["low"]), int(match["high"] or match["low"])] if match else []


def _filled(**lists: list[str] | None) -> Dict:
    """Those that are there and not empty."""
    return {key: found for key, found in lists.items() if found}
