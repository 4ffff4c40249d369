# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The connection table of one host during one analysis, as nf_conntrack keeps it.

Windows and timeouts are left out: an analysis follows a flow through its first packets, within
seconds. Source: net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_{tcp,udp,icmp}.c.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

# The state after a segment (tcp_conntracks), one column per state before it:
TCP_STATES = (
    "",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
)
_SHORT = dict(zip(("NO", "SS", "SR", "ES", "FW", "CW", "LA", "TW", "CL", "S2"), TCP_STATES, strict=True))
_INVALID, _SAME = "IV", "IG"  # IG: the packet is let through and changes nothing
_TCP = {
    ("original", "syn"): "SS SS IG IG IG IG IG SS SS S2",
    ("original", "syn_ack"): "IV IV SR IV IV IV IV IV IV SR",
    ("original", "fin"): "IV IV FW FW LA LA LA TW CL IV",
    ("original", "ack"): "ES IV ES ES CW CW TW TW CL IV",
    ("original", "rst"): "IV CL CL CL CL CL CL CL CL CL",
    ("reply", "syn"): "IV S2 IV IV IV IV IV SS IV S2",
    ("reply", "syn_ack"): "IV SR IG IG IG IG IG IG IG SR",
    ("reply", "fin"): "IV IV FW FW LA LA LA TW CL IV",
    ("reply", "ack"): "IV IG SR ES CW CW TW TW CL IG",
    ("reply", "rst"): "IV CL CL CL CL CL CL CL CL CL",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tracked connection: the packets of one direction look like ``original``, those of the other like ``reply``.

    Without translation ``reply`` is ``original`` reversed.
    """

    original: Flow
    reply: Flow
    zone: int = 0
    tcp_state: str = ""
    mark: int = 0
    seen_reply: bool = False
    masquerade: str = ""  # the interface whose address the source became: the connection may not leave by another
    ignored_syn: str = ""  # the direction of a SYN that was the last packet and changed nothing
    challenged: bool = False  # an ACK may answer that SYN as a challenge (RFC 5961)

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
    gone: bool = False  # the packet ends the entry: a reset as the only reply

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
    tcp_loose: bool = True

    @classmethod
    def from_facts(cls, facts: t.Mapping[str, t.Any]) -> Tracker:
        """The table as it is now, for "what happens to the flows that are alive" (``facts`` of the schema)."""
        conntrack = facts.get("conntrack", {})
        loose = bool(conntrack.get("sysctls", {}).get("tcp_loose", 1))
        return cls(tuple(_entry(flow) for flow in conntrack.get("flows", ())), loose)

    def classify(self, packet: Packet, zone: int = 0) -> Connection:
        """The connection of a packet as it arrives, before any translation (nf_conntrack_in)."""
        entry, direction = self._find(packet.flow, zone)
        if packet.flow.protocol == "tcp":
            return self._classify_tcp(packet, entry, direction, zone)
        if entry is None:
            if packet.flow.protocol in ("icmp", "icmpv6") and not packet.first:
                return Connection("invalid")
            return Connection("new", "original", _fresh(packet.flow, zone), fresh=True)
        return _known(entry, direction)

    def _pick_up(self, packet: Packet, zone: int) -> Connection:
        """A TCP segment without an entry: a SYN opens one, and with tcp_loose so does a bare ACK."""
        state = _next_state("original", packet.tcp_kind, "")
        if state is None or (state != "SYN_SENT" and not self.tcp_loose):
            return Connection("invalid")
        entry = dataclasses.replace(_fresh(packet.flow, zone), tcp_state=state)
        return Connection("new", "original", entry, fresh=True)

    def has_family(self, family: int) -> bool:
        """Whether any connection of the family is tracked: then the host does so, whatever asked for it."""
        return any(entry.original.family == family for entry in self.entries)

    def _classify_tcp(self, packet: Packet, entry: Entry | None, direction: str, zone: int) -> Connection:
        kind = packet.tcp_kind
        if entry is None:
            return self._pick_up(packet, zone)
        state = _next_state(direction, kind, entry.tcp_state)
        if state is None:
            return Connection("invalid")
        if state == "SYN_SENT" and entry.tcp_state in ("TIME_WAIT", "CLOSE"):
            # the connection is opened anew (RFC 1122): the kernel drops the entry and looks again
            return dataclasses.replace(self._pick_up(packet, zone), replaces=entry)
        answers_ignored = entry.ignored_syn not in ("", direction)
        if kind == "ack" and entry.challenged and answers_ignored:  # it does not acknowledge the last FIN
            return _known(dataclasses.replace(entry, challenged=False), direction)
        # an answer to a SYN that was ignored shows that both ends started anew, and the entry follows them
        if kind == "syn_ack" and answers_ignored:
            state = "SYN_RECV"
        ignored = direction if kind == "syn" and state != "SYN_SENT" else ""
        challenged = bool(ignored) and entry.tcp_state == "LAST_ACK"
        entry = dataclasses.replace(entry, tcp_state=state, ignored_syn=ignored, challenged=challenged)
        connection = _known(entry, direction)
        if kind == "rst" and not entry.seen_reply and direction == "reply":
            return dataclasses.replace(connection, gone=True)
        return connection

    def is_taken(self, entry: Entry) -> bool:
        """Whether another connection already has the entry's reply tuple (nf_nat_used_tuple)."""
        others = (old for old in self.entries if old.original != entry.original and old.zone == entry.zone)
        return any(entry.reply in (old.original, old.reply) for old in others)

    def forget(self, entry: Entry) -> Tracker:
        """The table without an entry."""
        kept = tuple(old for old in self.entries if (old.zone, old.original) != (entry.zone, entry.original))
        return dataclasses.replace(self, entries=kept)

    def _find(self, flow: Flow, zone: int) -> tuple[Entry | None, str]:
        # the latest first: without its id, an echo reply is taken for the answer to the latest request
        for entry in reversed(self.entries):
            if entry.zone == zone and entry.original == flow:
                return entry, "original"
            if entry.zone == zone and entry.reply == flow:
                return entry, "reply"
        return None, ""

    def commit(self, connection: Connection) -> Tracker:
        """The table after the packet has left the host or reached its socket (nf_conntrack_confirm)."""
        entry = connection.entry
        if entry is None:
            return self
        others = self.forget(entry)
        return others if connection.gone else dataclasses.replace(others, entries=(*others.entries, entry))


def _next_state(direction: str, kind: str, state: str) -> str | None:
    """The TCP state after a segment, None where the segment is invalid."""
    after = _TCP[direction, kind].split()[TCP_STATES.index(state)]
    if after == _INVALID:
        return None
    return state if after == _SAME else _SHORT[after]


def _fresh(flow: Flow, zone: int) -> Entry:
    return Entry(flow, flow.reversed(), zone)


def _known(entry: Entry, direction: str) -> Connection:
    """resolve_normal_ct: a reply is established, an original packet is so once a reply was seen."""
    if direction == "reply":
        return Connection("established", direction, dataclasses.replace(entry, seen_reply=True))
    return Connection("established" if entry.seen_reply else "new", direction, entry)


def _entry(flow: t.Mapping[str, t.Any]) -> Entry:
    original, reply = (
        Flow(flow["protocol"], side["source"], side["destination"], side.get("sport"), side.get("dport"))
        for side in (flow["original"], flow["reply"])
    )
    return Entry(
        original,
        reply,
        int(flow.get("zone", 0)),
        str(flow.get("state", "")),
        int(flow.get("mark", 0)),
        seen_reply=not flow.get("unreplied", False),
    )
