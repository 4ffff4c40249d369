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

# tcp_conntracks of nf_conntrack_proto_tcp.c, without the window states that a first exchange cannot reach.
# None: the packet is invalid; the same state again: it is ignored or changes nothing.
# fmt: off
_TCP: dict[str, dict[str, dict[str, str | None]]] = {
    "original": {
        "syn": {"": "SYN_SENT", "SYN_SENT": "SYN_SENT", "SYN_RECV": "SYN_RECV", "ESTABLISHED": "ESTABLISHED",
                "FIN_WAIT": "FIN_WAIT", "CLOSE": "SYN_SENT", "SYN_SENT2": "SYN_SENT2"},
        "syn_ack": {"": None, "SYN_SENT": None, "SYN_RECV": "SYN_RECV", "ESTABLISHED": None,
                    "FIN_WAIT": None, "CLOSE": None, "SYN_SENT2": "SYN_RECV"},
        "ack": {"": "ESTABLISHED", "SYN_SENT": None, "SYN_RECV": "ESTABLISHED", "ESTABLISHED": "ESTABLISHED",
                "FIN_WAIT": "CLOSE_WAIT", "CLOSE_WAIT": "CLOSE_WAIT", "CLOSE": "CLOSE", "SYN_SENT2": None},
        "fin": {"": None, "SYN_SENT": None, "SYN_RECV": "FIN_WAIT", "ESTABLISHED": "FIN_WAIT",
                "FIN_WAIT": "LAST_ACK", "CLOSE_WAIT": "LAST_ACK", "CLOSE": "CLOSE", "SYN_SENT2": None},
        "rst": {"": None},  # closes every other state
    },
    "reply": {
        "syn": {"SYN_SENT": "SYN_SENT2", "CLOSE": None, "SYN_SENT2": "SYN_SENT2"},
        "syn_ack": {"SYN_SENT": "SYN_RECV", "SYN_RECV": "SYN_RECV", "ESTABLISHED": "ESTABLISHED",
                    "FIN_WAIT": "FIN_WAIT", "CLOSE_WAIT": "CLOSE_WAIT", "CLOSE": "CLOSE", "SYN_SENT2": "SYN_RECV"},
        "ack": {"SYN_SENT": "SYN_SENT", "SYN_RECV": "SYN_RECV", "ESTABLISHED": "ESTABLISHED",
                "FIN_WAIT": "CLOSE_WAIT", "CLOSE_WAIT": "CLOSE_WAIT", "CLOSE": "CLOSE", "SYN_SENT2": "SYN_SENT2"},
        "fin": {"SYN_SENT": None, "SYN_RECV": "FIN_WAIT", "ESTABLISHED": "FIN_WAIT",
                "FIN_WAIT": "LAST_ACK", "CLOSE_WAIT": "LAST_ACK", "CLOSE": "CLOSE", "SYN_SENT2": None},
        "rst": {},
    },
}
# fmt: on


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
    assumed_ports: bool = False  # translation to a port range or "random": the port is not known

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

    def has_family(self, family: int) -> bool:
        """Whether any connection of the family is tracked: then the host does so, whatever asked for it."""
        return any(entry.original.family == family for entry in self.entries)

    def _classify_tcp(self, packet: Packet, entry: Entry | None, direction: str, zone: int) -> Connection:
        kind = packet.tcp_kind
        if entry is None:
            state = _TCP["original"][kind][""]
            if state is None or (state != "SYN_SENT" and not self.tcp_loose):
                return Connection("invalid")
            entry = dataclasses.replace(_fresh(packet.flow, zone), tcp_state=state)
            return Connection("new", "original", entry, fresh=True)
        state = "CLOSE" if kind == "rst" else _TCP[direction][kind].get(entry.tcp_state, entry.tcp_state)
        if state is None:
            return Connection("invalid")
        return _known(dataclasses.replace(entry, tcp_state=state), direction)

    def _find(self, flow: Flow, zone: int) -> tuple[Entry | None, str]:
        for entry in self.entries:
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
        others = tuple(old for old in self.entries if (old.zone, old.original) != (entry.zone, entry.original))
        return dataclasses.replace(self, entries=(*others, entry))


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
