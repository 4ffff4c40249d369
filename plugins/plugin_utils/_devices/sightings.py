# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Packets as devices tell of them, in the form of flow_capture's timeline, so that both make one timeline.

Some platforms print bytes, which are decoded as those of our own captures are; others print a line, of which only what
is needed is read. What a device does not tell is left out.
"""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.decode import Header, decode
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.summary import Event
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted

_DAY = 86400
_VERBS = {"in": "came in on", "out": "left", "": "was seen on"}
_WORDS = (("syn", "SYN"), ("fin", "FIN"), ("rst", "RST"), ("psh", "PSH"), ("urg", "URG"), ("ack", "ACK"))
_LETTERS = {"S": "syn", "F": "fin", "R": "rst", "P": "psh", "U": "urg", ".": "ack"}
_ICMP = re.compile(r"icmp6?: (?P<kind>echo request|echo reply)", re.I)
_ENDS = re.compile(r"^(?P<source>[0-9.]+) ?-?> ?(?P<destination>[0-9.]+): *(?P<rest>.*)$")


@dataclasses.dataclass(frozen=True)
class Sighting(Event):
    """One packet. Where the device does not tell them, ``direction`` and ``interface`` are empty, ``ttl`` and
    ``length`` 0."""

    stage: str = ""  # of the device's processing, where that is what it tells
    dropped: bool = False
    drop_reason: str = ""

    def to_dict(self) -> dict[str, t.Any]:
        untold = ("direction", "interface", "stage", "drop_reason", "ttl", "length")
        return {key: value for key, value in super().to_dict().items() if value or key not in untold}

    @property
    def place(self) -> str:
        if self.dropped:
            return f"was dropped ({self.drop_reason})" if self.drop_reason else "was dropped"
        return f"was seen at {self.stage}" if self.stage else f"{_VERBS[self.direction]} {self.interface}".rstrip()


@dataclasses.dataclass(frozen=True)
class Clock:
    """What time the device says that it is, and what time it was here then; for stamps that have no date or zone."""

    of_day: float  # seconds since the device's midnight
    here: float  # seconds since the epoch, by this control node

    @classmethod
    def read(cls, answer: str) -> Clock | None:
        """Of the answer to ``show clock``; None where it is not understood."""
        match = re.search(r"\b(?P<stamp>\d{1,2}:\d\d:\d\d(?:\.\d+)?)", answer)
        return cls(of_day(match["stamp"]), time.time()) if match else None

    def epoch(self, stamp: str) -> float:
        """Of a time of day within twelve hours of the clock's."""
        ahead = (of_day(stamp) - self.of_day + _DAY / 2) % _DAY - _DAY / 2
        return round(self.here + ahead, 6)


def of_day(stamp: str) -> float:
    """``HH:MM:SS[.fraction]`` in seconds."""
    hours, minutes, seconds = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def header_of_bytes(digits: str) -> Header | None:
    """The header of an IP packet in hexadecimal digits; None where it is none."""
    try:
        return decode(bytes.fromhex(digits))
    except ValueError:
        return None


def header_of_text(text: str, protocol: str) -> Header | None:
    """The header that ``A.PORT > B.PORT: S ... ack ...`` tells (IPv4, in the words of ASA, FortiGate, tcpdump).

    ``protocol`` is that of the filter of the capture: TCP is what neither says of itself.
    """
    match = _ENDS.match(text)
    if not match:
        return None
    source, sport = _endpoint(match["source"])
    destination, dport = _endpoint(match["destination"])
    rest = match["rest"]
    icmp = _ICMP.match(rest)
    if protocol == "icmp":
        flags = icmp["kind"].replace(" ", "-") if icmp else ""
    else:
        flags = _flags(rest) if protocol == "tcp" else ""
    if not (source and destination) or (protocol != "icmp" and (rest.startswith("icmp") or sport is None)):
        return None
    return Header(protocol, source, destination, 0, 0, sport, dport, flags)


def _endpoint(text: str) -> tuple[str, int | None]:
    """``10.0.0.1.443`` or ``10.0.0.1``; an empty address where it is neither."""
    parts = text.split(".")
    if len(parts) not in (4, 5) or not all(part.isdigit() for part in parts):
        return "", None
    return ".".join(parts[:4]), int(parts[4]) if len(parts) == 5 else None


def _flags(rest: str) -> str:
    """``S 1:1(0) ack 2 win 5``, ``syn 1 ack 2``, ``Flags [S.], seq 1``: SYN-ACK."""
    newer = re.match(r"Flags \[(?P<letters>[A-Z.]*)\]", rest)
    first = newer["letters"] if newer else rest.partition(" ")[0]
    found = {_LETTERS[letter] for letter in first} if first and set(first) <= set(_LETTERS) else {first}
    if re.search(r"(?:^|\s)ack \d", rest):
        found.add("ack")
    return "-".join(name for word, name in _WORDS if word in found)


def sighting(header: Header, wanted: Wanted, stamp: float, **more: t.Any) -> Sighting | None:
    """The packet in the timeline; None where it is not of the flow."""
    way = wanted.way(header)
    if way is None:
        return None
    quoted = header.quoted
    told = ""
    if quoted is not None:
        ends = ((quoted.source, quoted.sport), (quoted.destination, quoted.dport))
        told = " > ".join(address if port is None else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                          for address, port in ends)
    fields: dict[str, t.Any] = {
        "interface": "", "direction": "", "length": header.length, "ttl": header.ttl, "icmp_error": header.error,
        **more}
    return Sighting(
        time=stamp, way=way, source=header.source, destination=header.destination, sport=header.sport,
        dport=header.dport, protocol=header.protocol, flags=header.flags, quoted=told, **fields)
