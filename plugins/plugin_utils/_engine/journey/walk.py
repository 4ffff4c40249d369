# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Follow one packet through the network, hop by hop, along every branch, leaving connection state behind.

A walk begins at the host that sends the packet (``send``) or where it comes in from outside (``enter``). Each path
keeps its own connection tables, so that a reply meets exactly what the request of the same path left.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.resolution import (
    Known,
    Refusal,
    knows,
    refusal,
    resolve,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.balancers import as_balanced
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Entry, unread_might_be
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Branch, Neighbour, Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit as host_transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

HOP_LIMIT = 64
BRANCH_LIMIT = 64

Trackers = t.Mapping[str, Tracker]
# the way of a packet: host, both interfaces and next hop of each branch that it took
Branches = frozenset[tuple[str, t.Optional[str], t.Optional[str], t.Optional[str]]]
# what became of a packet at a host: by host, interface, packet and connection table
Fates = dict[tuple[str, t.Optional[str], Packet, t.Optional[Tracker]], tuple[Transit, ...]]


@dataclasses.dataclass(frozen=True)
class Hop:
    """One host on a path: where the packet came in, where it left, and what decided."""

    host: str
    iif: str | None  # None: sent by the host itself
    transit: Transit
    proof: str = ""  # how the next hop was joined: mac, prefix, declared, external
    ways: int = 1  # how many next hops the deciding route has

    @property
    def oif(self) -> str | None:
        return self.transit.device

    @property
    def stateful(self) -> bool:
        return self.transit.stateful

    @property
    def branch(self) -> Branch | None:
        """The branch of the routing decision by which the packet left."""
        found = self.transit.lookup.branches if self.transit.lookup else ()
        return next((one for one in found if (one.device, one.next_hop) == (self.oif, self.transit.next_hop)), None)

    def to_dict(self) -> dict[str, t.Any]:
        """The hop as plain data; what does not apply is left out."""
        transit = self.transit
        route = next((b.route for b in transit.lookup.branches if b.device == transit.device and b.route), None) \
            if transit.lookup else None
        rule = transit.lookup.rule if transit.lookup else None
        entries: dict[str, t.Any] = {
            "host": self.host, "iif": self.iif, "oif": self.oif, "next_hop": transit.next_hop,
            "rule": rule.priority if rule else None, "table": route.table if route else None,
            "route": route.dst if route else None, "state": transit.state, "stateful": self.stateful,
            "proof": self.proof, "translation": translation_of(transit),
            "reverse_path": transit.reverse_path.verdict if transit.reverse_path else None, "ways": self.ways,
        }
        return {key: value for key, value in entries.items() if value not in (None, "", False)}


@dataclasses.dataclass(frozen=True)
class Path:
    """One way a packet takes, to its end."""

    outcome: str  # delivered (to a host), left (to the outside), dropped, unknown
    share: float
    packet: Packet  # as it was delivered, left or died
    hops: tuple[Hop, ...] = ()
    trackers: Trackers = dataclasses.field(default_factory=dict)
    entry: Entry | None = None  # where it came in from outside
    host: str = ""  # where the path ended
    interface: str = ""  # delivered: came in by; left: went out by; dropped: the interface concerned
    next_hop: str = ""  # left: the address beyond
    reason: str = ""
    detail: str = ""
    known: Known = frozenset()  # neighbours that hosts have learned on the way

    @property
    def arrived(self) -> bool:
        return self.outcome in ("delivered", "left")

    def links(self) -> list[tuple[str, str | None, str | None]]:
        """Host and both interfaces of every hop, for the comparison of both directions."""
        return [(hop.host, hop.iif, hop.oif) for hop in self.hops]

    def to_dict(self) -> dict[str, t.Any]:
        entries: dict[str, t.Any] = {
            "outcome": self.outcome, "share": round(self.share, 6), "flow": str(self.packet.flow),
            "hops": [hop.to_dict() for hop in self.hops], "host": self.host, "interface": self.interface,
            "uplink": self.entry.uplink if self.entry else "", "next_hop": self.next_hop,
            "reason": self.reason, "detail": self.detail,
        }
        return {key: value for key, value in entries.items() if value != ""}


@dataclasses.dataclass(frozen=True)
class _Step:
    """A packet that is about to be handled by a host."""

    host: str
    iif: str | None
    packet: Packet
    share: float
    trackers: Trackers
    hops: tuple[Hop, ...] = ()
    known: Known = frozenset()


def translation_of(transit: Transit) -> str:
    """What the host translates, as text: ``snat to 198.51.100.2``; empty without translation."""
    found = (item.translation for item in transit.filters if item.translation)
    return "; ".join(f"{one.kind} to {one.address}" if one.address else one.kind for one in found)


def refusal_of(network: Network, dead: Path) -> Refusal | None:
    """Who left the ARP requests unanswered for which a packet waits in vain."""
    last = dead.hops[-1].transit
    return refusal(network, dead.host, dead.interface, last.next_hop or "", last.packet.flow.source)


def send(
    network: Network, host: str, packet: Packet, before: Path | None = None, guide: Path | None = None,
    fates: Fates | None = None,
) -> list[Path]:
    """Every path of a packet that the host sends, after what the packet of the path ``before`` left behind.

    ``guide``: keep to the branches of that earlier path of the flow. ``fates``: what earlier walks of the flow met.
    """
    trackers, known = left_by(before)
    step = _Step(host, None, packet, 1.0, trackers, known=known)
    return _walk(network, step, None, guide, {} if fates is None else fates)


def left_by(before: Path | None) -> tuple[Trackers, Known]:
    """The connection tables and neighbours that an earlier path left behind."""
    return (before.trackers, before.known) if before else ({}, frozenset())


def enter(
    network: Network, entry: Entry, packet: Packet, before: Path | None = None, guide: Path | None = None,
    fates: Fates | None = None,
) -> list[Path]:
    """Every path of a packet that comes in from outside by ``entry``; shares include the entry's."""
    trackers, known = left_by(before)
    if entry.host not in network.hosts:
        why = network.unread.get(entry.host, "no facts of it are there")
        return [Path("unknown", entry.share, packet, entry=entry, host=entry.host, interface=entry.interface,
                     trackers=trackers, known=known, reason="unread",
                     detail=f"it comes in by {entry.uplink or entry.interface} of {entry.host}, which could not be "
                            f"read ({why}); read facts of {entry.host}")]
    first = _Step(entry.host, entry.interface, _bare(packet), entry.share, trackers, known=known)
    return _walk(network, first, entry, guide, {} if fates is None else fates)


def _bare(packet: Packet) -> Packet:
    """What goes over the wire: marks and owners stay on the host."""
    return changed(packet, mark=0, uid=None) if packet.mark or packet.uid is not None else packet


def _walk(network: Network, first: _Step, entry: Entry | None, guide: Path | None, fates: Fates) -> list[Path]:
    done: list[Path] = []
    todo = [first]
    taken = branches_of(guide) if guide else frozenset()
    while todo:
        step = todo.pop()
        trouble = _trouble(step)
        if trouble:
            done.append(_end(step, *trouble))
            continue
        met = _fates(network, step, fates)
        for transit in met if guide is None else _guided(met, step, taken, guide):
            result: Path | _Step = _advance(network, step, transit)
            if isinstance(result, _Step) and len(done) + len(todo) >= BRANCH_LIMIT:
                detail = f"more than {BRANCH_LIMIT} branches; the rest is not followed"
                result = _end(result, "unknown", "branches", detail)
            (todo if isinstance(result, _Step) else done).append(result)  # type: ignore[arg-type]
    return [changed(path, entry=entry) for path in done] if entry else done


def _trouble(step: _Step) -> tuple[str, str, str] | None:
    host, before = step.host, None
    for hop in step.hops:
        again = hop.host == host and hop.iif == step.iif and before is not None
        if again and t.cast(Hop, before).transit.packet.flow == step.packet.flow:  # as it was then
            round_trip = " > ".join([*_names(step.hops), f"{step.host}:{step.iif}"])
            return "dropped", "loop", f"the packet is back at {step.host}: {round_trip}"
        before = hop
    if len(step.hops) >= HOP_LIMIT:
        names = _names(step.hops[-4:])
        return "dropped", "hop_limit", f"still under way after {HOP_LIMIT} hops: {' > '.join(names)}"
    return None


def _names(hops: t.Sequence[Hop]) -> list[str]:
    return [f"{hop.host}:{hop.iif}" for hop in hops]


def _fates(network: Network, step: _Step, fates: Fates) -> tuple[Transit, ...]:
    """What becomes of the packet at the host; the same packet by another way meets the same again."""
    key = (step.host, step.iif, step.packet, step.trackers.get(network.keeper(step.host)))
    found = fates.get(key)
    if found is None:
        found = fates[key] = _at_host(network, step)
    return found


def _at_host(network: Network, step: _Step) -> tuple[Transit, ...]:
    tracker = step.trackers.get(network.keeper(step.host)) or network.new_tracker(step.host)
    host = network.hosts[step.host]
    if step.iif is None:
        fates = host_transit.originate(host, tracker, step.packet)
    else:
        fates = host_transit.forward(host, tracker, step.packet, step.iif)
    if not network.facts[step.host].get("balancers"):
        return fates
    return tuple(as_balanced(step.host, network.facts[step.host], fate) for fate in fates)


def _guided(fates: tuple[Transit, ...], step: _Step, taken: Branches, guide: Path) -> tuple[Transit, ...]:
    """Later packets of a flow hash as the first did: keep to the branch that it took, where there is one."""
    if len(fates) == 1 and fates[0].share == 1.0:
        return fates
    same = [fate for fate in fates if (step.host, step.iif, fate.device, fate.next_hop) in taken]
    if same and any(fate.chance for fate in fates):
        same = [fate for fate in same if fate.outcome in ("forward", "local")] or same
        if not any(hop.transit.chance for hop in guide.hops if hop.host == step.host):
            detail = f"{step.host}: a rule that hangs on a hash meets later packets of the flow only"
            same = [changed(same[0], outcome="unknown", detail=detail)]
    return (changed(same[0], share=1.0),) if same else fates


def branches_of(guide: Path) -> Branches:
    """The way of a path, without what it carried."""
    return frozenset((hop.host, hop.iif, hop.oif, hop.transit.next_hop) for hop in guide.hops)


def _advance(network: Network, step: _Step, transit: Transit) -> Path | _Step:
    """The end of the path at this host, or the same packet before the next one."""
    if transit.outcome == "forward":
        return _cross(network, step, transit)
    after = _after(network, step, transit)
    if transit.outcome == "local":
        return _end(after, "delivered", interface=step.iif or "")
    outcome = "dropped" if transit.outcome == "drop" else "unknown"
    return _end(after, outcome, transit.reason, transit.detail, transit.device if step.iif is None else step.iif)


def _after(network: Network, step: _Step, transit: Transit, proof: str = "", to: Neighbour | None = None) -> _Step:
    """The packet as it leaves the host, or as it reaches the one that it goes ``to``; ``proof`` of who is next."""
    ways = len(transit.lookup.branches) if transit.lookup else 1
    hop = Hop(step.host, step.iif, transit, proof, ways or 1)
    tracker = t.cast(Tracker, transit.tracker)
    trackers, keeper = step.trackers, network.keeper(step.host)
    if tracker.entries or keeper in trackers:  # an empty table is what a host begins with
        trackers = {**trackers, keeper: tracker}
    host, iif = (to.host, to.interface) if to else (step.host, step.iif)
    return _Step(host, iif, _bare(transit.packet), step.share * transit.share, trackers, (*step.hops, hop), step.known)


def _cross(network: Network, step: _Step, transit: Transit) -> Path | _Step:
    """Over the link to the next host, or out of the inventory."""
    host, device, next_hop = step.host, transit.device or "", transit.next_hop or ""
    if (host, device) in network.site.ignored:
        return _end(_after(network, step, transit), "unknown", "ignored", f"{host} sends it by {device}, which "
                    "symmetry_ignore_interfaces keeps out of paths", device)
    join = network.topology.join(host, device, next_hop)
    if join.down:
        return _end(_after(network, step, transit), "dropped", "link_down", join.down, device)
    if join.unanswered:
        return _end(_after(network, step, transit), "dropped", "neighbour", join.unanswered, device)
    if join.unknown:
        return _end(_after(network, step, transit), "unknown", "join", join.unknown, device)
    neighbour = join.neighbour
    if neighbour is None:
        return _leave(network, _after(network, step, transit, "external"), device, next_hop)
    if knows(network, host, device, next_hop, step.known):
        return _after(network, step, transit, neighbour.proof, neighbour)
    found = resolve(network, host, device, next_hop, transit.packet.flow.source, neighbour, step.known)
    if found.unanswered or found.unknown:
        outcome = "dropped" if found.unanswered else "unknown"
        after = _after(network, step, transit, neighbour.proof)
        return _end(after, outcome, "neighbour", found.unanswered or found.unknown, device)
    return changed(_after(network, step, transit, neighbour.proof, neighbour), known=found.known)


def _leave(network: Network, step: _Step, device: str, next_hop: str) -> Path:
    """Beyond the next hop nothing is known; where it may be a host that was not read, that is said."""
    unplaced = network.declared.unplaced.get(step.packet.flow.destination)
    if unplaced:
        return _end(step, "unknown", "balancer", unplaced, device)
    uplink = network.site.uplink_of(step.host, device, next_hop)
    if uplink and uplink.name in network.site.lost:
        return _end(step, "dropped", "uplink_lost", f"{step.host}: what is beyond uplink {uplink.name} is lost", device)
    if network.unread and not (uplink and uplink.announces):
        what = f"the packet leaves {step.host} by {device} to {next_hop}"
        return changed(
            _end(step, "unknown", "unread", unread_might_be(network, (next_hop,), what), device), next_hop=next_hop)
    destination = step.packet.flow.destination
    owners = [f"{host}:{name}" for host, name in network.owners(destination)]
    if owners and next_hop == destination:
        return _end(step, "unknown", "join", f"{step.host} looks for {destination} on {device}, but it is an address "
                    f"of {' and '.join(owners)}, which is not on that segment", device)
    if _off_link(network, step.hops[-1], next_hop) and not (uplink and uplink.declared):
        return _end(step, "unknown", "join", f"{step.host}: gateway {next_hop} is in no connected prefix of {device}, "
                    f"and no neighbour entry shows that it answers: ping it from {step.host}, or declare it in "
                    "symmetry_uplinks", device)
    return changed(_end(step, "left", interface=device), next_hop=next_hop)


def _off_link(network: Network, hop: Hop, next_hop: str) -> bool:
    """A gateway that the kernel took while it was on link, and that may not be there any more (fib_check_nh)."""
    leg = hop.branch.leg if hop.branch else None
    if leg is None or leg.gateway != next_hop or "onlink" in leg.flags:
        return False
    topology = network.topology
    return not topology.mac_of(hop.host, hop.oif or "", next_hop) and not topology.on_link(
        hop.host, hop.oif or "", next_hop)


def _end(step: _Step, outcome: str, reason: str = "", detail: str = "", interface: str | None = "") -> Path:
    host, device = step.host, interface or ""
    return Path(outcome, step.share, step.packet, step.hops, step.trackers, host=host, interface=device,
                reason=reason, detail=detail, known=step.known)
