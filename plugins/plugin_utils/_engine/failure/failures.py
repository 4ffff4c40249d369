# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What can fail in a network, one thing at a time, and the network after it has."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import link_loss
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, Uplink

KINDS = ("node", "link", "carrier", "uplink", "sessions")
NAMED_LIKE = "'node fwa', 'link gw:wan_a', 'carrier gw:wan_a', 'uplink A' or 'sessions fwb'"
_CABLE = {4: 30, 6: 126}  # from this prefix length on, two interfaces are the two ends of a cable
Key = tuple[str, str]


class FailureError(ValueError):
    """What should fail is not there; the message says what there is."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """One thing that fails.

    node: a host is switched off. link: an interface goes down, its routes vanish. carrier: a cable is cut, or the far
    end goes down: routes stay. uplink: what is beyond an edge uplink is lost, its link stays. sessions: the connection
    table of a host is lost.
    """

    kind: str
    host: str
    interface: str = ""
    uplink: str = ""

    def __str__(self) -> str:
        if self.kind == "uplink":
            return f"uplink {self.uplink}"
        return f"{self.kind} {self.host}:{self.interface}" if self.interface else f"{self.kind} {self.host}"


class Cables:
    """Which interfaces share a segment, and which pairs are the two ends of one cable."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._members: dict[t.Any, list[Key]] = {}
        self._places: dict[Key, list[t.Any]] = {}
        for host in network.hosts:
            for interface in network.topology.interfaces(host):
                for item in network.topology.addresses(host, interface):
                    if not item.ip.is_link_local and item.network.prefixlen < item.max_prefixlen:
                        self._members.setdefault(item.network, []).append((host, interface))
                        self._places.setdefault((host, interface), []).append(item.network)

    def neighbours(self, key: Key) -> list[Key]:
        """The interfaces of other hosts on the same segment."""
        segments = self._network.site.segments
        found = {other for place in self._places.get(key, ()) for other in self._members[place]}
        return sorted(other for other in found if other[0] != key[0] and not (
            key in segments and other in segments and segments[key] != segments[other]))

    def far_ends(self, key: Key) -> list[Key]:
        """The other end, where the interface has a cable to one other interface alone."""
        short = [place for place in self._places.get(key, ()) if place.prefixlen >= _CABLE[place.version]]
        others = self.neighbours(key)
        return others if short and len(others) == 1 else []


def every_failure(network: Network, cables: Cables) -> list[Failure]:
    """Each single failure once: hosts, interfaces that are up, cables, edge uplinks, connection tables."""
    found: list[Failure] = []
    cut: set[Key] = set()
    for host in sorted(network.hosts):
        found.append(Failure("node", host))
        for interface in network.topology.interfaces(host):
            key = (host, interface)
            if not network.topology.is_up(host, interface) or not network.topology.addresses(host, interface):
                continue
            found.append(Failure("link", host, interface))
            if key not in cut:  # a cable has two ends and is cut once
                found.append(Failure("carrier", host, interface))
                cut.update(cables.far_ends(key))
        facts = network.hosts[host]
        if facts.tracks(4) or facts.tracks(6):
            found.append(Failure("sessions", host))
    found += [Failure("uplink", uplink.host, uplink=uplink.name) for uplink in _edges(network)]
    return found


def _edges(network: Network) -> list[Uplink]:
    """Uplinks that lead out of what was read."""
    return [uplink for uplink in network.site.uplinks if uplink.host in network.hosts and network.is_edge(uplink)]


def read_failure(network: Network, text: str) -> Failure:
    """Read ``node HOST``, ``link HOST:INTERFACE`` and so on (a colon may stand for the space); raises FailureError."""
    kind, separator, rest = text.strip().partition(" ")
    if not separator:
        kind, separator, rest = text.strip().partition(":")
    rest = rest.strip()
    if kind not in KINDS or not rest:
        raise FailureError(f"what_if: {text!r} is no failure; expected 'single', {NAMED_LIKE}")
    uplinks = {uplink.name: uplink for uplink in network.site.uplinks}
    if kind == "uplink":
        return _read_uplink(network, uplinks, rest)
    if kind in ("link", "carrier") and rest in uplinks:
        return Failure(kind, uplinks[rest].host, uplinks[rest].interface)
    host, _colon, interface = rest.partition(":")
    if host not in network.hosts:
        unread = f"; {host} could not be read" if host in network.unread else ""
        raise FailureError(f"what_if: {text!r}: there is no host {host!r}{unread}; there are "
                           f"{', '.join(sorted(network.hosts))}")
    if kind in ("node", "sessions"):
        if interface:
            raise FailureError(f"what_if: {text!r}: {kind} takes a host alone, for example '{kind} {host}'")
        return Failure(kind, host)
    known = network.topology.interfaces(host)
    if interface not in known:
        what = f"there is no interface {interface!r} on {host}" if interface else "an interface is missing"
        raise FailureError(f"what_if: {text!r}: {what}; there are {', '.join(known)}")
    return Failure(kind, host, interface)


def _read_uplink(network: Network, uplinks: t.Mapping[str, Uplink], name: str) -> Failure:
    if name not in uplinks:
        raise FailureError(f"what_if: no uplink is named {name!r}; there are {', '.join(sorted(uplinks)) or 'none'}")
    uplink = uplinks[name]
    if not network.is_edge(uplink):
        raise FailureError(f"what_if: beyond uplink {name} is a host of the inventory; name that (node), or "
                           f"'link {uplink.host}:{uplink.interface}'")
    return Failure("uplink", uplink.host, uplink=name)


def after(network: Network, failure: Failure, cables: Cables) -> Network:
    """The network after the failure; what was declared or inferred about it stays."""
    if failure.kind == "uplink":
        site = dataclasses.replace(network.site, lost=network.site.lost | {failure.uplink})
        return dataclasses.replace(network, site=site)
    changed = changes(network, failure, cables)
    return dataclasses.replace(
        network,
        hosts={**network.hosts, **{host: Host.from_facts(host, facts) for host, facts in changed.items()}},
        facts={**network.facts, **changed},
        topology=network.topology.with_facts(changed),
    )


def changes(network: Network, failure: Failure, cables: Cables) -> dict[str, Facts]:
    """The facts of every host that the failure changes."""
    host, facts = failure.host, network.facts[failure.host]
    key = (host, failure.interface)
    if failure.kind == "link":
        changed: dict[str, Facts] = {host: link_loss.after_down(facts, failure.interface)}
        _cut(network, changed, cables.far_ends(key))
    elif failure.kind == "carrier":
        changed = {host: link_loss.after_carrier_loss(facts, failure.interface)}
        _cut(network, changed, cables.far_ends(key))
    elif failure.kind == "node":
        changed = {host: link_loss.switched_off(facts)}
        own = {item["address"] for one in facts.get("interfaces", {}).values() for item in one.get("addresses", ())}
        for interface in network.topology.interfaces(host):
            ends = cables.far_ends((host, interface))
            _cut(network, changed, ends)
            for other, _name in cables.neighbours((host, interface)):
                changed[other] = link_loss.without_neighbours(changed.get(other, network.facts[other]), own)
    else:  # sessions: only what is under way notices
        changed = {host: {**facts, "conntrack": {**facts.get("conntrack", {}), "flows": [], "count": 0}}}
    return changed


def _cut(network: Network, changed: dict[str, Facts], ends: t.Iterable[Key]) -> None:
    for host, interface in ends:
        changed[host] = link_loss.after_carrier_loss(changed.get(host, network.facts[host]), interface)
