# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random conversations through, from and to a router with an inside (a0) and two outsides (b0, c0).

A TCP conversation mostly follows what two ends would say, from a random point on; some segments come out of order,
from another connection, or with numbers that do not fit.
"""

from __future__ import annotations

import dataclasses
import random

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import ICMP_ERRORS, Packet, Segment

ROUTER = ""  # the device of what the router itself sends
_SCRIPT = (
    *(">syn", "<syn_ack", ">ack", ">data", "<ack", "<data", ">ack", ">data", "<data", "<ack", ">ack"),
    *(">fin", "<ack", "<fin", ">ack"),
)
_ORDERS = (
    _SCRIPT,
    (">syn", "<syn_ack", ">ack", ">data", "<ack", "<data", ">ack", "<fin", ">fin", "<ack"),
    (">syn", "<syn", ">syn_ack", "<syn_ack", ">ack", "<ack", ">data", "<ack"),  # both ends open
    (">syn", "<rst", ">syn", "<syn_ack", ">ack", ">data", "<rst", ">syn", "<syn_ack"),
    (">data", "<ack", ">data", "<ack", "<data", ">ack", ">rst", ">syn", "<syn_ack", ">ack"),  # begins in the middle
    ("<data", ">ack", "<data", ">data", "<fin", ">rst"),
    (">syn", ">ack", ">data", ">data", ">fin"),  # the answers go another way
    (">syn", "<syn_ack", ">ack", *((">data", ">ack") * 6)),
    (">syn", "<syn_ack", ">ack", ">data", "<data", ">syn", "<ack", ">rst", ">syn", "<syn_ack", ">ack"),  # a restart
    (">syn", "<syn_ack", ">ack", ">fin", "<fin", ">syn", "<ack", ">rst", ">syn", "<syn_ack"),
)
_KINDS = ("syn", "syn_ack", "ack", "data", "fin", "rst")
INSIDE = {4: ("10.0.1.2", "10.0.1.3", "10.0.1.4"), 6: ("fd00:0:0:1::2", "fd00:0:0:1::3", "fd00:0:0:1::4")}
OUTSIDE = {
    4: ("203.0.113.5", "203.0.113.6", "198.51.100.7", "192.0.2.1"),
    6: ("2001:db8:5::5", "2001:db8:5::6", "2001:db8:6::7", "2001:db8:7::1"),
}
OWN = {4: ("10.0.1.1", "10.0.2.1", "10.0.3.1"), 6: ("fd00:0:0:1::1", "fd00:0:0:2::1", "fd00:0:0:3::1")}
MIDDLE = {4: ("10.0.2.3", "10.0.3.4", "10.0.1.4"), 6: ("fd00:0:0:2::3", "fd00:0:0:3::4", "fd00:0:0:1::4")}


@dataclasses.dataclass
class End:
    """One end of a TCP connection: the next number that it sends, its window and what it offers in a SYN."""

    following: int
    window: int
    scale: int | None
    sack: bool


@dataclasses.dataclass
class Conversation:
    """Packets of one flow, and how the other side knows it (after translation, as it came out)."""

    flow: Flow
    seen: Flow
    device: str  # where the flow's first packets come from; ROUTER for the router itself
    far: tuple[str, ...]  # where the answers come from
    order: tuple[str, ...] = ()
    position: int = 0
    ends: dict[str, End] = dataclasses.field(default_factory=dict)

    def is_in(self, line: str) -> bool:
        """Whether a line of the report is about this conversation or one of the same ports."""
        return str(self.flow.sport) in line if self.flow.sport else self.flow.protocol in line

    def packet(self, dice: random.Random) -> tuple[str, Packet]:
        """A random packet with the device it arrives on."""
        if dice.random() < 0.08:
            return self._error(dice)
        if self.flow.protocol != "tcp":
            reply = dice.random() < 0.45
            return self._sent(dice, reply, first=not reply or self.flow.protocol == "udp")
        if self.position < len(self.order) and dice.random() < 0.8:
            step = self.order[self.position]
            self.position += 1
        else:
            step = dice.choice("><") + dice.choice(_KINDS)
        reply, kind = step[0] == "<", step[1:]
        if kind == "syn" and self.position > 5 and dice.random() < 0.5:  # a new connection of the same ports
            self.ends["<" if reply else ">"].following = dice.randrange(1 << 32)
        segment = self._segment(dice, reply, kind)
        tcp = "ack" if kind == "data" else kind
        return self._sent(dice, reply, first=tcp == "syn", tcp=tcp, segment=segment)

    def _sent(
        self, dice: random.Random, reply: bool, first: bool, tcp: str = "", segment: Segment | None = None
    ) -> tuple[str, Packet]:
        flow = self.flow if not reply else dice.choice((self.seen, self.seen, self.seen, self.flow)).reversed()
        device = dice.choice(self.far) if reply else self.device
        return device, Packet(flow, first=first, tcp=tcp, segment=segment)

    def _segment(self, dice: random.Random, reply: bool, kind: str) -> Segment:
        me, peer = self.ends["<" if reply else ">"], self.ends[">" if reply else "<"]
        length = dice.choice((1, 100, 1400)) if kind == "data" or (kind == "fin" and dice.random() < 0.2) else 0
        sequence, acknowledged = me.following, peer.following
        if dice.random() < 0.12:  # sent again, too early, or of another connection
            sequence += dice.choice((-100, -1, 1, 100, 3000, 70000, -70000, 1 << 30))
        if dice.random() < 0.12:
            acknowledged += dice.choice((-100, -1, 1, 100, 3000, 70000, -70000, 1 << 30))
        has_ack = kind != "syn" and not (kind == "rst" and dice.random() < 0.4)
        if kind == "rst" and dice.random() < 0.2:
            sequence = 0
        if not has_ack or (kind == "rst" and dice.random() < 0.1):
            acknowledged = 0
        sequence, acknowledged = sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF
        window = me.window if dice.random() < 0.95 else 0
        is_syn = kind in ("syn", "syn_ack")
        if kind != "rst":
            me.following = (sequence + length + (is_syn or kind == "fin")) & 0xFFFFFFFF
        scale = me.scale if is_syn else None
        return Segment(sequence, acknowledged, window, length, scale, is_syn and me.sack, has_ack)

    def _error(self, dice: random.Random) -> tuple[str, Packet]:
        """An ICMP error about a packet of the conversation, from either side of the router."""
        family = self.flow.family
        outside = dice.random() < 0.7
        # a packet of the flow met the error outside, or one of the answers did so inside
        outside = outside or self.device == ROUTER
        about = self.seen if outside else self.flow.reversed()
        device = dice.choice(self.far) if outside else self.device
        target = about.source
        if dice.random() < 0.15:  # about a connection that nobody has
            about = dataclasses.replace(about, dport=(about.dport or 0) + 1, sport=(about.sport or 0) + 1)
        if dice.random() < 0.1:  # to another host than the one that sent the packet
            target = dice.choice((*INSIDE[family], *OUTSIDE[family]))
        source = dice.choice((*MIDDLE[family], about.destination))
        flow = Flow("icmp" if family == 4 else "icmpv6", source, target)
        first = outside or about.protocol == "udp"
        inside = Packet(about, first=first, tcp="ack" if about.protocol == "tcp" else "")
        return device, Packet(flow, first=False, error=dice.choice(list(ICMP_ERRORS)), about=inside)


def random_conversations(dice: random.Random, to_router: bool = True) -> list[Conversation]:
    """Some conversations of different ends; those of the router itself are left out without ``to_router``."""
    conversations: list[Conversation] = []
    families = (4, 4, 6)
    for number in range(5):
        family = dice.choice(families)
        protocol = dice.choice(("tcp", "tcp", "tcp", "udp", "icmp"))
        if protocol == "icmp" and family == 6:
            protocol = "icmpv6"
        device, source, destination, far = _ends_of(dice, family, dice.random() * (1.0 if to_router else 0.75))
        if source == destination:
            continue
        ports = (4000 + number, dice.choice((80, 443) if protocol == "tcp" else (53, 514)))
        if protocol in ("icmp", "icmpv6"):
            ports = (700 + number, 700 + number)
        flow = Flow(protocol, source, destination, *ports)
        if all((one.flow.source, one.flow.destination) != (source, destination) for one in conversations):
            order = dice.choice(_ORDERS)
            ends = {way: _random_end(dice) for way in "><"}
            begin = dice.choice((0, 0, 0, dice.randrange(len(order))))
            conversations.append(Conversation(flow, flow, device, far, order, begin, ends))
    return conversations


def _ends_of(dice: random.Random, family: int, where: float) -> tuple[str, str, str, tuple[str, ...]]:
    """The device, source and destination of a conversation, and the devices of its answers."""
    outside, inside, own = dice.choice(OUTSIDE[family]), dice.choice(INSIDE[family]), OWN[family]
    if where < 0.65:
        return "a0", inside, outside, ("b0", "b0", "c0")
    if where < 0.75:
        return "b0", outside, inside, ("a0",)
    if where < 0.85:  # to the router itself, which refuses it
        return dice.choice((("a0", inside, own[0], ("a0",)), ("b0", outside, own[1], ("b0",))))
    return ROUTER, own[1], outside, ("b0", "b0", "c0")


def _random_end(dice: random.Random) -> End:
    scale = dice.choice((None, None, 0, 2, 7))
    return End(dice.randrange(1 << 32), dice.choice((8192, 1000, 65535)), scale, dice.random() < 0.5)
