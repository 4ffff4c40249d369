# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The connection table of one host during one analysis, as nf_conntrack keeps it.

Timeouts are left out: an analysis follows a flow through some packets, within seconds. TCP is in conntrack_tcp.
Source: net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_{udp,icmp,icmpv6}.c.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import conntrack_tcp
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack_tcp import Settings, Tcp
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

MAYBE = "?"


class Zone(t.NamedTuple):
    """The zone of a connection: of both directions, or of the one that is named; the other is then in zone 0."""

    number: int = 0
    direction: str = ""

    def of(self, direction: str) -> int:
        """nf_ct_zone_id."""
        return self.number if self.direction in ("", direction) else 0


NO_ZONE = Zone()


@dataclasses.dataclass(frozen=True)
class Way:
    """How a flowtable sends the packets of one direction that arrive on ``iif``; next hop None: not known."""

    direction: str
    iif: str
    oif: str
    next_hop: str | None


@dataclasses.dataclass(frozen=True)
class Offload:
    """A connection that a flowtable has taken up, for packets from its devices; without ways: which is not known."""

    devices: frozenset[str] = frozenset()
    ways: tuple[Way, ...] = ()
    stale: bool = False  # routes have changed: the next packet that the flowtable sees ends it


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tracked connection: the packets of one direction look like ``original``, those of the other like ``reply``.

    Without translation ``reply`` is ``original`` reversed.
    """

    original: Flow
    reply: Flow
    zone: Zone = NO_ZONE
    tcp: Tcp | None = None
    mark: int = 0
    seen_reply: bool = False
    # the interface whose address the source became: the connection may not leave by another; MAYBE: that is not known
    masquerade: str = ""
    offload: Offload | None = None
    followed: bool = False  # from its first packet on, so that what a flowtable has of it is known

    @property
    def tcp_state(self) -> str:
        return self.tcp.state if self.tcp else ""

    @property
    def source_translated(self) -> bool:
        return (self.reply.destination, self.reply.dport) != (self.original.source, self.original.sport)

    @property
    def destination_translated(self) -> bool:
        return (self.reply.source, self.reply.sport) != (self.original.destination, self.original.dport)


@dataclasses.dataclass(frozen=True)
class Connection:
    """What the rules of a host see of a packet's connection."""

    state: str = ""  # new, established, related, invalid, untracked; empty: nothing on the host tracks connections
    direction: str = ""  # original, reply; empty without an entry
    entry: Entry | None = None
    fresh: bool = False  # the entry is made by this very packet
    replaces: Entry | None = None  # the old entry that the packet ended
    gone: bool = False  # the packet ends the entry: a reset before any reply
    noted: Entry | None = None  # an entry that remembers this packet, though it is none of its own (invalid)

    @property
    def mark(self) -> int:
        return self.entry.mark if self.entry else 0

    @property
    def is_first(self) -> bool:
        """True for the packet that makes the entry: only that one meets the rules of nat chains."""
        return self.fresh


@dataclasses.dataclass(frozen=True)
class Tracker:
    """The immutable connection table of one host; every change gives a new one."""

    entries: tuple[Entry, ...] = ()
    tcp: Settings = Settings()
    full: str = ""  # why the host may have no room for another connection

    @classmethod
    def new(cls, facts: t.Mapping[str, t.Any]) -> Tracker:
        """An empty table, with the settings of a host (``facts`` of the schema)."""
        return cls(tcp=_settings(facts), full=_fullness(facts))

    @classmethod
    def from_facts(cls, facts: t.Mapping[str, t.Any]) -> Tracker:
        """The table as it is now, for "what happens to the flows that are alive" (``facts`` of the schema)."""
        flows = facts.get("conntrack", {}).get("flows", ())
        known = [flow for flow in flows if flow["protocol"] in PROTOCOLS]
        entries = tuple(_entry(flow, _masquerade_of(flow, facts)) for flow in known)
        return cls(entries, _settings(facts), _fullness(facts))

    def classify(self, packet: Packet, zone: Zone = NO_ZONE) -> Connection:
        """The connection of a packet as it arrives, before any translation (nf_conntrack_in)."""
        if packet.about is not None:
            return self._classify_error(packet.flow, packet.about, zone)
        entry, direction = self._find(packet, zone)
        if packet.flow.protocol == "tcp":
            return self._classify_tcp(packet, entry, direction, zone)
        if entry is None:
            if packet.flow.protocol in ("icmp", "icmpv6") and not packet.first:
                return Connection("invalid")
            return Connection("new", "original", _fresh(packet.flow, zone), fresh=True)
        return _known(entry, direction)

    def _classify_error(self, flow: Flow, about: Packet, zone: Zone) -> Connection:
        """nf_conntrack_inet_error: an ICMP error is related where the packet it tells of is of a known connection,
        and where it goes to the sender of that packet."""
        answer = changed(about, flow=about.flow.reversed(), first=not about.first)
        entry, direction = self._find(answer, zone)
        if entry is None:
            return Connection("invalid")
        side = entry.original if direction == "original" else entry.reply
        known = side.destination == flow.destination
        return Connection("related", direction, entry) if known else Connection("invalid")

    def _pick_up(self, packet: Packet, zone: Zone) -> Connection:
        """A TCP segment without an entry: a SYN opens one, and with tcp_loose so does a bare ACK."""
        tcp = conntrack_tcp.open_connection(packet.tcp_kind, packet.segment, self.tcp)
        if tcp is None:
            return Connection("invalid")
        return Connection("new", "original", changed(_fresh(packet.flow, zone), tcp=tcp), fresh=True)

    def has_family(self, family: int) -> bool:
        """Whether any connection of the family is tracked: then the host does so, whatever asked for it."""
        return any(entry.original.family == family for entry in self.entries)

    def _classify_tcp(self, packet: Packet, entry: Entry | None, direction: str, zone: Zone) -> Connection:
        if entry is None or entry.tcp is None:
            return self._pick_up(packet, zone)
        step = conntrack_tcp.arrive(entry.tcp, direction, packet.tcp_kind, packet.segment, self.tcp, entry.seen_reply)
        if step.verdict == "reopen":  # the kernel drops the entry and looks again
            return changed(self._pick_up(packet, zone), replaces=entry)
        after = entry if step.tcp == entry.tcp else changed(entry, tcp=step.tcp)
        if step.verdict == "invalid":
            return Connection("invalid", noted=None if after is entry else after)
        return changed(_known(after, direction), gone=step.verdict == "end")

    def is_taken(self, entry: Entry) -> bool:
        """Whether another connection already has the entry's reply tuple (nf_nat_used_tuple)."""
        return any(_clash(old, entry) for old in self.entries)

    def note(self, entry: Entry) -> Tracker:
        """The table with another version of an entry, in its place: the latest of several is found first."""
        key = (entry.zone, entry.original)
        if all((old.zone, old.original) != key for old in self.entries):
            return changed(self, entries=(*self.entries, entry))
        entries = tuple(entry if (old.zone, old.original) == key else old for old in self.entries)
        return changed(self, entries=entries)

    def forget(self, entry: Entry) -> Tracker:
        """The table without an entry."""
        kept = tuple(old for old in self.entries if (old.zone, old.original) != (entry.zone, entry.original))
        return changed(self, entries=kept)

    def _find(self, packet: Packet, zone: Zone) -> tuple[Entry | None, str]:
        flow = packet.flow
        # an echo request is never the answer to another
        only = ("original" if packet.first else "reply") if flow.protocol in ("icmp", "icmpv6") else ""
        # the latest first: without its id, an echo reply is taken for the answer to the latest request
        for entry in reversed(self.entries):
            if entry.original == flow and entry.zone.of("original") == zone.of("original") and only != "reply":
                return entry, "original"
            if entry.reply == flow and entry.zone.of("reply") == zone.of("reply") and only != "original":
                return entry, "reply"
        return None, ""

    def commit(self, connection: Connection) -> Tracker:
        """The table after the packet has left the host or reached its socket (nf_conntrack_confirm)."""
        entry = connection.entry
        if entry is None:
            return self
        return self.forget(entry) if connection.gone else self.note(entry)


def _fresh(flow: Flow, zone: Zone) -> Entry:
    return Entry(flow, flow.reversed(), zone, followed=True)


def _clash(old: Entry, new: Entry) -> bool:
    """Whether replies to a new connection would be taken for packets of another (nf_conntrack_tuple_taken)."""
    ours, theirs = new.zone, old.zone
    if old.original == new.original and theirs.of("original") == ours.of("original"):
        return False
    if old.reply == new.reply and theirs.of("reply") == ours.of("reply"):
        return True
    backwards = old.original == new.reply and new.original.protocol not in ("icmp", "icmpv6")
    return backwards and theirs.of("original") == ours.of("original") == ours.of("reply")


def _known(entry: Entry, direction: str) -> Connection:
    """resolve_normal_ct: a reply is established, an original packet is so once a reply was seen."""
    if direction == "reply":
        return Connection("established", direction, changed(entry, seen_reply=True))
    return Connection("established" if entry.seen_reply else "new", direction, entry)


def _fullness(facts: t.Mapping[str, t.Any]) -> str:
    """__nf_conntrack_alloc: a full table takes a new connection only where early_drop finds one to end near by."""
    conntrack = facts.get("conntrack", {})
    count, most = conntrack.get("count"), conntrack.get("max")
    if not most or count is None or count < most:
        return ""
    return (f"its connection table is full ({count} of {most}): a new connection is dropped unless the kernel finds "
            "one that is not assured, and ends it")


def _settings(facts: t.Mapping[str, t.Any]) -> Settings:
    sysctls = facts.get("conntrack", {}).get("sysctls", {})
    return Settings(
        bool(sysctls.get("tcp_loose", 1)),
        bool(sysctls.get("tcp_be_liberal", 0)),
        bool(sysctls.get("tcp_ignore_invalid_rst", 0)),
    )


def _masquerade_of(flow: t.Mapping[str, t.Any], facts: t.Mapping[str, t.Any]) -> str:
    """The interface that a live connection is masqueraded by: the table does not tell, the rules do.

    Where addresses are also translated to by name, it may be either.
    """
    address = flow["reply"]["destination"]
    if "src_nat" not in flow.get("status", ()):
        return ""
    verdicts = [
        rule.get("verdict") or {} for chain in facts.get("netfilter", {}).get("chains", ()) for rule in chain["rules"]
    ]
    kinds = {verdict.get("do") for verdict in verdicts}
    if "masquerade" not in kinds:
        return ""
    if kinds & {"snat", "unknown", "vmap"}:
        return MAYBE
    interfaces = facts.get("interfaces", {}).items()
    owners = [name for name, one in interfaces for own in one.get("addresses", ()) if own["address"] == address]
    return owners[0] if owners else MAYBE


def _entry(flow: t.Mapping[str, t.Any], masquerade: str) -> Entry:
    original, reply = (
        Flow(flow["protocol"], side["source"], side["destination"], side.get("sport"), side.get("dport"))
        for side in (flow["original"], flow["reply"])
    )
    tcp = None
    if flow["protocol"] == "tcp":
        tcp = Tcp(_state(flow), assured="assured" in flow.get("status", ()), picked_up=bool(flow.get("liberal")))
    return Entry(
        original,
        reply,
        _zone_of(flow),
        tcp,
        int(flow.get("mark", 0)),
        seen_reply=not flow.get("unreplied", False),
        masquerade=masquerade,
    )


def _zone_of(flow: t.Mapping[str, t.Any]) -> Zone:
    for direction in ("original", "reply"):
        if "zone" in flow[direction]:
            return Zone(int(flow[direction]["zone"]), direction)
    return Zone(int(flow.get("zone", 0)))


def _state(flow: t.Mapping[str, t.Any]) -> str:
    state = str(flow.get("state", ""))
    return "" if state == "NONE" else state
