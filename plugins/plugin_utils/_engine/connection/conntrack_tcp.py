# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One TCP connection as nf_conntrack sees it: its state, and the windows of both directions where they are known.

A segment may carry its numbers (packet.Segment) or not. Without them, or without those of the connection (a table
that was read from a host does not have them), every number counts as the right one: the segment is in its window, a
SYN-ACK answers the last SYN. Timeouts and SACK blocks are left out.
Source: net/netfilter/nf_conntrack_proto_tcp.c (nf_conntrack_tcp_packet, tcp_in_window, tcp_new) of Linux 6.2 and later.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Segment
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

# The state after a segment (tcp_conntracks), one column per state before it, in the order of enum tcp_conntrack:
TCP_STATES = (
    *("", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"),
    "SYN_SENT2",
)
_SHORT = dict(zip(("NO", "SS", "SR", "ES", "FW", "CW", "LA", "TW", "CL", "S2"), TCP_STATES, strict=True))
_INVALID, _IGNORED = "IV", "IG"
TRANSITIONS = {
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
_ENDING = ("FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE")  # tcp_can_early_drop
_LEAST_ACK_WINDOW = 66000  # MAXACKWINCONST
_MASK = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class Settings:
    """The sysctls net.netfilter.nf_conntrack_tcp_*."""

    loose: bool = True
    be_liberal: bool = False
    ignore_invalid_rst: bool = False


@dataclasses.dataclass(frozen=True)
class Side:
    """What is known of the sender of one direction (struct ip_ct_tcp_state)."""

    end: int = 0  # the highest sequence number sent, plus one
    limit: int = 0  # up to where the other end lets it send (td_maxend)
    window: int = 0  # the largest window that it offered; 0: nothing was seen of it
    acknowledged: int | None = None  # the highest acknowledgement that it sent
    scale: int = 0
    scaling: bool = False
    sack: bool = False
    liberal: bool = False  # picked up in the middle: its windows are not held against it


@dataclasses.dataclass(frozen=True)
class Tcp:
    """A tracked TCP connection (struct ip_ct_tcp). The sides are None where their windows are not known."""

    state: str = ""
    original: Side | None = None
    reply: Side | None = None
    assured: bool = False
    picked_up: bool = False  # in the middle: its windows are not held against it
    closing: bool = False  # a FIN was the first to end it (IP_CT_TCP_FLAG_CLOSE_INIT)
    simultaneous: bool = False
    challenged: bool = False  # an ACK may answer the last SYN as a challenge (RFC 5961)
    last_kind: str = ""  # of the last segment that was let through
    last_direction: str = ""
    last: Segment | None = None  # the last segment whose numbers are kept
    last_end: int | None = None
    challenge_ack: int | None = None  # the acknowledgement of an ACK that answered a SYN

    def side(self, direction: str) -> Side | None:
        return self.original if direction == "original" else self.reply

    def with_side(self, direction: str, side: Side | None) -> Tcp:
        if direction == "original":
            return changed(self, original=side)
        return changed(self, reply=side)


@dataclasses.dataclass(frozen=True)
class Step:
    """What a segment did: ``verdict`` is accept, invalid, reopen (the entry ends, and the segment opens another) or
    end (the segment ends the entry and is let through)."""

    verdict: str
    tcp: Tcp


def other(direction: str) -> str:
    """The opposite direction."""
    return "reply" if direction == "original" else "original"


def open_connection(kind: str, segment: Segment | None, settings: Settings) -> Tcp | None:
    """tcp_new: the connection that a segment without an entry opens, None where it is invalid."""
    state = TRANSITIONS.get(("original", kind), _INVALID).split()[0]
    if state == _INVALID or (state != "SS" and not settings.loose):
        return None
    if segment is None:
        begun = Tcp(picked_up=state != "SS")
    elif state == "SS":
        end = _end(segment, kind)
        begun = Tcp(original=_with_options(Side(end, end, max(1, segment.window)), segment), reply=Side())
    else:
        end, window = _end(segment, kind), max(1, segment.window)
        side = Side(end, _add(end, window), window, sack=True, liberal=True)
        begun = Tcp(original=side, reply=Side(sack=True, liberal=True), picked_up=True)
    return arrive(begun, "original", kind, segment, settings, False).tcp


def in_step(tcp: Tcp, number: int, window: int) -> Tcp:
    """The connection with the windows that it has when both ends have sent up to ``number``, and all of it was seen."""
    side = Side(number, _add(number, window), window, number, liberal=tcp.picked_up)
    return dataclasses.replace(tcp, original=side, reply=side)


def arrive(
    tcp: Tcp, direction: str, kind: str, segment: Segment | None, settings: Settings, seen_reply: bool
) -> Step:
    """nf_conntrack_tcp_packet: a segment of a known connection. ``seen_reply``: before this very segment."""
    after = _after(direction, kind, tcp.state)
    if after is None:
        return Step("invalid", tcp)
    old, new = tcp.state, after
    if after == _IGNORED or (after == "SYN_SENT" and old in ("TIME_WAIT", "CLOSE")):
        if after != _IGNORED and (tcp.closing or (tcp.last_kind, tcp.last_direction) == ("rst", direction)):
            return Step("reopen", tcp)  # RFC 1122: it may be opened anew
        if not _answers_ignored_syn(tcp, direction, kind, segment):
            return Step("accept", _note_ignored(tcp, direction, kind, segment))
        tcp, old, new = _start_over(tcp, direction, segment), "SYN_SENT", "SYN_RECV"
    elif new == "TIME_WAIT" and old == "LAST_ACK" and kind == "ack" and _is_challenge(tcp, direction):
        return Step("accept", changed(tcp, challenged=False))
    elif new == "SYN_SENT2":
        tcp = changed(tcp, simultaneous=True)
    elif new == "SYN_RECV" and (direction, kind) == ("reply", "ack") and tcp.simultaneous:
        new = "ESTABLISHED"
    fits, tcp, new = _fits(tcp, direction, kind, segment, settings, seen_reply, new)
    if fits == "accept":
        return _settle(tcp, direction, kind, old, new, seen_reply)
    return Step("accept" if fits == "ignore" else "invalid", tcp)


def _after(direction: str, kind: str, state: str) -> str | None:
    """The state after a segment, _IGNORED where it changes nothing, None where it is invalid."""
    row = TRANSITIONS.get((direction, kind))
    after = row.split()[TCP_STATES.index(state)] if row else _INVALID
    return None if after == _INVALID else _SHORT.get(after, _IGNORED)


def _fits(
    tcp: Tcp, direction: str, kind: str, segment: Segment | None, settings: Settings, seen_reply: bool, new: str
) -> tuple[str, Tcp, str]:
    """Whether the numbers fit (accept, ignore, invalid), the connection then, and the state after the segment."""
    if kind == "rst" and (segment is None or tcp.original is None or tcp.state in _ENDING):
        return "accept", tcp, new
    if kind == "rst" and segment is not None:
        verdict, new = _judge_reset(tcp, direction, segment, settings, seen_reply, new)
        if verdict != "compare":
            return verdict, tcp, new
    fits, tcp = _check_window(tcp, direction, kind, segment, settings)
    return fits, _note_invalid(tcp, direction, kind) if fits == "invalid" else tcp, new


def _settle(tcp: Tcp, direction: str, kind: str, old: str, new: str, seen_reply: bool) -> Step:
    """What the connection is after a segment in its window."""
    tcp = changed(
        tcp, state=new, last_kind=kind, last_direction=direction,
        closing=tcp.closing or (old != new and new == "FIN_WAIT"),
    )
    if not seen_reply:
        return Step("end" if kind == "rst" else "accept", tcp)
    if old in ("SYN_RECV", "ESTABLISHED") and new == "ESTABLISHED":
        tcp = changed(tcp, assured=True)
    return Step("accept", tcp)


def _answers_ignored_syn(tcp: Tcp, direction: str, kind: str, segment: Segment | None) -> bool:
    """A SYN-ACK that acknowledges a SYN which changed nothing: both ends started anew, and the entry follows them."""
    if kind != "syn_ack" or tcp.last_kind != "syn" or tcp.last_direction == direction:
        return False
    return segment is None or tcp.last_end is None or segment.acknowledged == tcp.last_end


def _start_over(tcp: Tcp, direction: str, segment: Segment | None) -> Tcp:
    last, mine = tcp.last, tcp.side(direction)
    tcp = changed(tcp, challenged=False, closing=False)
    if segment is None or last is None or tcp.last_end is None or mine is None:
        return changed(tcp, original=None, reply=None)
    theirs = Side(
        tcp.last_end, tcp.last_end, max(1, last.window), scale=last.scale or 0, scaling=last.scale is not None,
        sack=last.sack,
    )
    return tcp.with_side(other(direction), theirs).with_side(direction, Side(liberal=mine.liberal))


def _note_ignored(tcp: Tcp, direction: str, kind: str, segment: Segment | None) -> Tcp:
    """A segment that may tell more of the connection than we know: it is let through and remembered."""
    old = tcp.state
    last = segment
    if segment is not None and (kind, direction) != ("syn", "original"):
        # its options are not looked at: those of an earlier SYN stay
        earlier = tcp.last or Segment(0, 0, 0)
        last = changed(segment, scale=earlier.scale, sack=earlier.sack)
    tcp = changed(
        tcp, last_kind=kind, last_direction=direction, last=last,
        last_end=None if segment is None else _end(segment, kind),
    )
    if kind == "syn" and direction == "original":
        tcp = changed(tcp, challenged=old == "LAST_ACK", simultaneous=False)
    if old == "SYN_SENT" and kind == "ack" and direction == "reply":
        tcp = changed(tcp, challenge_ack=segment.acknowledged if segment else None)
    return tcp


def _note_invalid(tcp: Tcp, direction: str, kind: str) -> Tcp:
    """nf_tcp_handle_invalid: a FIN or RST outside the window is remembered, unless it answers one."""
    answers = tcp.last_direction != direction and tcp.last_kind in ("fin", "rst")
    if not tcp.assured or kind not in ("fin", "rst") or answers:
        return tcp
    return changed(tcp, last_kind=kind, last_direction=direction)


def _is_challenge(tcp: Tcp, direction: str) -> bool:
    return tcp.challenged and tcp.last_kind == "syn" and tcp.last_direction != direction


def _judge_reset(
    tcp: Tcp, direction: str, segment: Segment, settings: Settings, seen_reply: bool, new: str
) -> tuple[str, str]:
    """Whether a reset is invalid, is accepted, or has still to be compared with the window; and the state after it."""
    theirs = tcp.side(other(direction))
    highest = theirs.acknowledged if theirs else None
    established = tcp.state == "ESTABLISHED" and tcp.assured
    if highest is not None and tcp.last_kind != "syn":
        if segment.sequence == 0 and not established:
            return "compare", new
        if _before(segment.sequence, highest) and not settings.ignore_invalid_rst:
            return "invalid", new
        if not established or segment.sequence == highest:
            return "compare", new
        if (tcp.last_kind, tcp.last_direction) == ("ack", direction) and segment.sequence == (tcp.last_end or 0):
            return "compare", new
        new = tcp.state  # it does not fit exactly: the connection stays, for a challenge ACK to decide
    answers_syn = seen_reply and tcp.last_kind == "syn" and tcp.last_direction != direction
    let_through = answers_syn or (not tcp.assured and tcp.last_kind == "ack")
    if let_through and segment.acknowledged == (tcp.last_end or 0):
        return "accept", new
    answers_challenge = tcp.state == "SYN_SENT" and (tcp.last_kind, tcp.last_direction) == ("ack", "reply")
    if answers_challenge and segment.sequence == (tcp.challenge_ack or 0):
        return "accept", new
    return "compare", new


def _check_window(
    tcp: Tcp, direction: str, kind: str, segment: Segment | None, settings: Settings
) -> tuple[str, Tcp]:
    """tcp_in_window: accept, ignore (let through, and nothing else) or invalid, and what the windows are then."""
    sender, receiver = tcp.side(direction), tcp.side(other(direction))
    if segment is None or sender is None or receiver is None:
        return "accept", changed(tcp, original=None, reply=None)
    is_syn = kind in ("syn", "syn_ack")
    sequence, end = segment.sequence, _end(segment, kind)
    sender, receiver, done = _begin(tcp.state, sender, receiver, direction, kind, segment)
    known = tcp.with_side(direction, sender).with_side(other(direction), receiver)
    if done:
        return "accept", known
    acknowledged = segment.acknowledged
    if kind == "syn" or (kind == "rst" and (segment.acknowledged == 0 or not segment.has_ack)):
        acknowledged = receiver.end  # it acknowledges nothing
    if kind == "rst" and sequence == 0 and tcp.state == "SYN_SENT":
        sequence = end = sender.end
    outside, sender = _outside(sender, receiver, sequence, end, acknowledged)
    if outside and not (sender.liberal or settings.be_liberal):
        return outside, tcp.with_side(direction, sender).with_side(other(direction), receiver)
    if outside:
        return "accept", tcp.with_side(direction, sender).with_side(other(direction), receiver)
    window = segment.window if is_syn else segment.window << sender.scale
    sender, receiver = _advance(sender, receiver, end, acknowledged, window, has_ack=segment.has_ack and kind != "syn")
    tcp = tcp.with_side(direction, sender).with_side(other(direction), receiver)
    if kind == "ack":
        last = changed(
            tcp.last or Segment(0, 0, 0), sequence=sequence, acknowledged=acknowledged, window=segment.window
        )
        tcp = changed(tcp, last=last, last_end=end, last_direction=direction, challenge_ack=acknowledged)
    return "accept", tcp


def _begin(
    state: str, sender: Side, receiver: Side, direction: str, kind: str, segment: Segment
) -> tuple[Side, Side, bool]:
    """Both sides where a segment is the first of its sender, or a SYN that starts again; and whether that is all."""
    is_syn, end = kind in ("syn", "syn_ack"), _end(segment, kind)
    if is_syn and (sender.window == 0 or (_before(sender.end, end) and state in ("SYN_SENT", "SYN_RECV"))):
        simultaneous = kind == "syn" and (sender.window == 0 or direction == "reply")
        sender = changed(sender, end=end, limit=end, window=max(1, segment.window))
        sender = _with_options(sender, segment)
        if direction == "reply" and not (sender.scaling and receiver.scaling):  # RFC 1323: both must say so
            sender, receiver = changed(sender, scale=0), changed(receiver, scale=0)
        return sender, receiver, simultaneous
    if sender.window:
        return sender, receiver, False
    # in the middle of a connection: its history is lost
    window = max(1, segment.window << sender.scale)
    sender = changed(sender, end=end, window=window, limit=_add(end, window))
    if receiver.window == 0:
        receiver = changed(receiver, end=segment.acknowledged, limit=segment.acknowledged)
    elif segment.acknowledged == _add(receiver.end, 1):  # likely the answer to a keepalive
        receiver = changed(receiver, end=segment.acknowledged)
    return sender, receiver, False


def _outside(sender: Side, receiver: Side, sequence: int, end: int, acknowledged: int) -> tuple[str, Side]:
    """How a segment is outside the window: invalid, ignore, or empty where it is inside; and the sender after it."""
    ack_seen = _before(acknowledged, _add(receiver.end, 1))  # it acknowledges only what went by here
    ack_fresh = _before(_add(receiver.end, -max(sender.window, _LEAST_ACK_WINDOW) - 1), acknowledged)
    seq_fresh = _before(_add(sender.end, -receiver.window - 1), end)
    if not _before(sequence, _add(sender.limit, 1)):
        overshot = _add(end, 1 - sender.limit)
        if receiver.window and seq_fresh and ack_fresh and ack_seen and overshot <= receiver.window:
            return "ignore", changed(sender, end=end)
        return "invalid", sender
    if not ack_seen:
        return "invalid", sender
    if (receiver.window and not seq_fresh) or not ack_fresh:
        return "ignore", sender
    return "", sender


def _advance(
    sender: Side, receiver: Side, end: int, acknowledged: int, window: int, has_ack: bool
) -> tuple[Side, Side]:
    limit = sender.limit
    highest = sender.acknowledged
    if has_ack and (highest is None or _before(highest, acknowledged)):
        highest = acknowledged
    sender = changed(
        sender, window=max(sender.window, window), end=end if _before(sender.end, end) else sender.end,
        acknowledged=highest,
    )
    if receiver.window and _before(limit, end):
        receiver = changed(receiver, window=receiver.window + _add(end, -limit))
    if _before(_add(receiver.limit, -1), _add(acknowledged, window)):
        receiver = changed(receiver, limit=_add(acknowledged, window + (window == 0)))
    return sender, receiver


def _with_options(side: Side, segment: Segment) -> Side:
    """tcp_options: a SYN without any leaves what is known."""
    if segment.scale is None and not segment.sack:
        return side
    scale = min(14, segment.scale or 0)
    return changed(
        side, scale=scale, scaling=segment.scale is not None, sack=segment.sack, acknowledged=None
    )


def _end(segment: Segment, kind: str) -> int:
    """segment_seq_plus_len: SYN and FIN take a number each."""
    return _add(segment.sequence, segment.length + (kind in ("syn", "syn_ack", "fin")))


def _add(number: int, more: int) -> int:
    return (number + more) & _MASK


def _before(first: int, second: int) -> bool:
    """Sequence numbers wrap around (RFC 1982)."""
    return ((first - second) & _MASK) > 0x7FFFFFFF
