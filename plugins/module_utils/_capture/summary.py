# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a capture saw, in counts and in one sentence."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import FORWARD, ICMP_ERROR, RETURN

_VERBS = {"in": "came in on", "out": "left"}
STORY_STEPS = 12  # a sentence is for people


@dataclasses.dataclass(frozen=True)
class Event:
    """One packet of the flow as an interface saw it."""

    time: float  # epoch seconds, the kernel's time stamp
    interface: str
    direction: str  # in, out
    way: str  # forward, return, icmp_error
    source: str
    destination: str
    sport: t.Optional[int]
    dport: t.Optional[int]
    protocol: str
    flags: str
    length: int  # bytes of the IP packet
    ttl: int
    vlan: t.Optional[int] = None
    icmp_error: str = ""
    quoted: str = ""

    def to_dict(self) -> dict[str, t.Any]:
        return {
            key: value
            for key, value in dataclasses.asdict(self).items()
            if value is not None and not (key in ("icmp_error", "quoted") and not value)
        }

    @property
    def label(self) -> str:
        if self.way == ICMP_ERROR:
            return f"ICMP {self.icmp_error} from {self.source}"
        if self.flags in ("SYN", "SYN-ACK", "echo-request", "echo-reply") or self.flags.startswith(("RST", "FIN")):
            return self.flags
        return "reply" if self.way == RETURN else "packet"

    @property
    def place(self) -> str:
        """Where it was seen, for a sentence."""
        return f"{_VERBS[self.direction]} {self.interface}"


def summarise(events: t.Sequence[Event]) -> dict[str, t.Any]:
    """Counts per interface and direction, where each kind of packet was first seen, and whether both ways were."""
    counts: dict[tuple[str, str, str], list[int]] = {}
    for event in events:
        count = counts.setdefault((event.interface, event.direction, event.way), [0, 0])
        count[0] += 1
        count[1] += event.length
    ways = {event.way for event in events}
    return {
        "counts": [
            {"interface": interface, "direction": direction, "way": way, "packets": packets, "bytes": size}
            for (interface, direction, way), (packets, size) in sorted(counts.items())
        ],
        "forward_seen": FORWARD in ways,
        "return_seen": RETURN in ways,
        "story": story(events),
    }


def story(events: t.Sequence[Event]) -> str:
    """``SYN left wan_a, SYN-ACK came in on wan_b``: the first packet of each kind at each interface, in order."""
    if not events:
        return "no packet of the flow was seen"
    steps: list[str] = []
    for event in sorted(events, key=lambda event: event.time):
        # Once the opening packets are told, plain packets of a TCP connection add nothing.
        if event.protocol == "tcp" and event.label in ("packet", "reply") and steps:
            continue
        step = f"{event.label} {event.place}"
        if step not in steps:
            steps.append(step)
    text = ", ".join(steps[:STORY_STEPS]) + (", and more" if len(steps) > STORY_STEPS else "")
    ways = {event.way for event in events}
    if RETURN not in ways:
        return f"{text}; no reply was seen"
    if FORWARD not in ways:
        return f"{text}; nothing of the forward direction was seen"
    return text
