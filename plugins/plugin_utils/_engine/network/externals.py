# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Where packets from outside the inventory come in: the uplinks by which an external reaches one of our addresses.

The answer depends on the address they are sent to, not on where the forward path left (design: replies choose
an uplink by which of our addresses they are sent to).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import (
    Preference,
    Uplink,
    contains,
    family_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

HOP_LIMIT = 64

# (our address, the external's address) -> the uplink by which replies were seen to come
Observed = t.Mapping[tuple[str, str], str]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One way in, with its share of the traffic (0 to 1)."""

    host: str
    interface: str
    share: float = 1.0
    uplink: str = ""  # its name; empty for a neighbour on a connected segment


@dataclasses.dataclass(frozen=True)
class Entries:
    """All ways in, what was taken for granted, and why nothing can be said where that is so."""

    ways: tuple[Entry, ...] = ()
    assumptions: tuple[str, ...] = ()
    unknown: str = ""
    undecided: bool = False  # several uplinks and no preference known: shares are not a measurement


def entries(
    network: Network, ours: str, theirs: str, observed: Observed, came_by: Entry | None = None, beyond: bool = False
) -> Entries:
    """By which uplinks packets from ``theirs`` to ``ours`` enter.

    ``came_by`` is where a packet to ``theirs`` left on link: a neighbour outside the inventory answers on that segment.
    ``beyond``: the packet has left the inventory by an edge, so it is on no segment of ours, whatever its source is.
    """
    if not beyond and network.site.external_of(theirs) is None:
        on_link = [came_by] if came_by else [Entry(*key) for key in network.topology.attached(theirs)]
        if on_link:
            return _from_segment(network, ours, theirs, on_link)
    candidates, why = return_candidates(network, ours)
    usable = [uplink for uplink in candidates if _is_up(network, uplink)]
    if not usable:
        return Entries(unknown="" if candidates or why else f"no uplink is known by which {theirs} could reach {ours}; "
                       "declare symmetry_uplinks with announces at the edge", assumptions=_nothing(candidates, ours))
    doubtful = [uplink for uplink in usable if not uplink.announces]
    if doubtful and network.unread:
        return Entries(unknown=unread_might_be(network, doubtful[0].gateways, f"{theirs} may reach {ours} by "
                                               f"{doubtful[0].name}"))
    return _choose(network, ours, theirs, usable, why, observed)


def unread_might_be(network: Network, next_hops: t.Sequence[str], what: str) -> str:
    """Why an inferred edge proves nothing while a host of the inventory could not be read."""
    gateways = " and ".join(next_hops) or "what is beyond it"
    return (f"{what}, but {gateways} may be {' or '.join(sorted(network.unread))}, which could not be read; "
            "read it, or declare the uplink with announces in symmetry_uplinks")


def _nothing(candidates: list[Uplink], ours: str) -> tuple[str, ...]:
    if candidates:
        return (f"every uplink that announces {ours} is down: {', '.join(uplink.name for uplink in candidates)}",)
    return (f"no declared uplink announces {ours}",)


def _choose(
    network: Network, ours: str, theirs: str, usable: list[Uplink], why: str, observed: Observed
) -> Entries:
    """Declared preference, else an observed one, else equal shares that nobody vouches for."""
    by_name = {uplink.name: uplink for uplink in usable}
    external = network.site.external_of(theirs)
    preference = external.preference(ours) if external else None
    notes = [why] if why else []
    if external and preference:
        shares = _shares(preference, list(by_name))
        if shares:
            notes.append(f"{external.name} reaches {preference.prefix} by {_describe(shares)} (declared)")
            return Entries(tuple(_way(by_name[name], share) for name, share in shares.items()), tuple(notes))
    if len(usable) == 1:
        notes.append(f"replies from {theirs} to {ours} come by {usable[0].name}, the only uplink that leads to {ours}")
        return Entries((_way(usable[0], 1.0),), tuple(notes))
    seen = observed.get((ours, theirs))
    if seen in by_name:
        notes.append(f"observed: replies from {theirs} to {ours} come by {seen} (nobody declared a preference)")
        return Entries((_way(by_name[seen], 1.0),), tuple(notes))
    notes.append(f"replies from {theirs} to {ours} may come by {' or '.join(by_name)}: no preference is declared or "
                 "observed, so each is given an equal share")
    share = 1.0 / len(usable)
    return Entries(tuple(_way(uplink, share) for uplink in usable), tuple(notes), undecided=True)


def _shares(preference: Preference, names: list[str]) -> dict[str, float]:
    """The preference restricted to uplinks that are there: the first of an order, or normalised weights."""
    first = next((name for name in preference.order if name in names), None)
    if first is not None:
        return {first: 1.0}
    weights = {name: weight for name, weight in preference.weights if name in names}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _describe(shares: t.Mapping[str, float]) -> str:
    return ", ".join(name if share == 1 else f"{name} ({share:.0%})" for name, share in shares.items())


def _way(uplink: Uplink, share: float) -> Entry:
    return Entry(uplink.host, uplink.interface, share, uplink.name)


def _is_up(network: Network, uplink: Uplink) -> bool:
    """An uplink of a host that was not read counts as up: nothing shows that it is not."""
    if uplink.name in network.site.lost:
        return False
    return uplink.host not in network.hosts or network.topology.is_up(uplink.host, uplink.interface)


def return_candidates(network: Network, ours: str) -> tuple[list[Uplink], str]:
    """The edge uplinks that lead to one of our addresses, and the assumption behind that; empty where none is known.

    Order of evidence: announced there; the address is of the uplink's own link; by inference, the uplink's host would
    carry a packet for the address inward.
    """
    found = network.remembered_candidates.get(ours)
    if found is None:
        found = network.remembered_candidates[ours] = _return_candidates(network, ours)
    return found


def _return_candidates(network: Network, ours: str) -> tuple[list[Uplink], str]:
    declared = [uplink for uplink in network.site.announcing if any(contains(p, ours) for p in uplink.announces)]
    if declared:
        return declared, ""
    edge = network.edge_uplinks
    own_link = [uplink for uplink in edge if any(
        contains(str(item.network), ours)
        for item in network.topology.addresses(uplink.host, uplink.interface, family_of(ours))
    )]
    if own_link:
        return own_link, f"{ours} belongs to the link of {own_link[0].name}, so it is reached by it"
    undeclared = [uplink for uplink in edge if not uplink.announces and uplink.host in network.hosts]
    inferred = [uplink for uplink in undeclared if leads_inward(network, uplink, ours)]
    if inferred:
        names = ", ".join(uplink.name for uplink in inferred)
        return inferred, f"inferred: {ours} can be reached by {names} (no announces declared)"
    announced = any(family_of(p) == family_of(ours) for uplink in network.site.announcing for p in uplink.announces)
    return [], f"no declared uplink announces {ours}" if announced else ""


def leads_inward(network: Network, uplink: Uplink, ours: str) -> bool:
    """True where routing alone carries a packet for ``ours`` from the uplink to the address and never out again."""
    host, device = uplink.host, uplink.interface
    packet = Packet(Flow("udp", "::" if family_of(ours) == 6 else "0.0.0.0", ours, None, 9))
    gateways = [gateway for gateway in uplink.gateways if family_of(gateway) == family_of(ours)]
    if not gateways:
        return False
    packet = dataclasses.replace(packet, flow=dataclasses.replace(packet.flow, source=gateways[0]))
    for _hop in range(HOP_LIMIT):
        branches = network.hosts[host].lookup(packet, iif=device).branches
        branch = next((item for item in branches if item.kind != "drop"), None)
        if branch is None:
            return False
        if branch.kind == "local":
            return True
        if branch.device is None or branch.next_hop is None or branch.device == device:
            return False
        join = network.topology.join(host, branch.device, branch.next_hop)
        if join.neighbour is None:
            return branch.next_hop == ours  # on link: a box of ours that is not in the inventory
        host, device = join.neighbour.host, join.neighbour.interface
    return False


def _from_segment(network: Network, ours: str, theirs: str, on_link: t.Sequence[Entry]) -> Entries:
    """A box outside the inventory on a connected segment sends straight to the owner, else through a router there."""
    owners = network.owners(ours)
    direct = [entry for entry in on_link if (entry.host, entry.interface) in owners]
    everyone = {key for key in network.topology.attached(theirs) if _same_segment(network, key, on_link)}
    direct += [Entry(*key) for key in everyone if key in owners and key not in {(e.host, e.interface) for e in direct}]
    if direct:
        return Entries((direct[0],), (f"{theirs} is on the segment of {direct[0].host}:{direct[0].interface} and sends "
                                      f"to {ours} directly",))
    family = family_of(ours)
    routers = sorted({key for key in everyone if network.forwards(key[0], family)})
    if network.unread:
        return Entries(unknown=unread_might_be(network, (), f"{theirs} is on link and its gateway towards {ours} is "
                                               "outside what was read"))
    if not routers:
        return Entries(unknown=f"{theirs} is on the segment of {on_link[0].host}:{on_link[0].interface}, where no host "
                       f"that was read forwards packets to {ours}")
    note = f"{theirs} is outside the inventory, on the segment of {routers[0][0]}:{routers[0][1]}; "
    if len(routers) == 1:
        return Entries((Entry(*routers[0]),), (note + f"its gateway towards {ours} is taken to be {routers[0][0]}",))
    names = " or ".join(f"{host}:{interface}" for host, interface in routers)
    ways = tuple(Entry(host, interface, 1.0 / len(routers)) for host, interface in routers)
    return Entries(ways, (note + f"its gateway towards {ours} may be {names}: each is given an equal share",),
                   undecided=True)


def _same_segment(network: Network, key: tuple[str, str], on_link: t.Sequence[Entry]) -> bool:
    """Where the packet left by one known segment, others of equal prefix count only if they are that segment."""
    if len(on_link) != 1:
        return True
    here = (on_link[0].host, on_link[0].interface)
    if key == here:
        return True
    segments = network.site.segments
    if key in segments and here in segments:
        return segments[key] == segments[here]
    return any(network.topology.share_prefix(here, key, str(item.ip)) for item in network.topology.addresses(*key))
