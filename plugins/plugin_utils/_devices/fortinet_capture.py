# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Captures on FortiGate: ``diagnose sniffer packet``, with a count on the device, and interrupted after the seconds.

A sniffer is its session's alone and ends with it, so that other people's are not disturbed, and nothing of it stays.
Packets of sessions that a network processor forwards pass it by.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import (
    Answers,
    CaptureError,
    CapturePlan,
    Known,
    Seen,
    Watch,
    needs_four,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import (
    Sighting,
    header_of_text,
    sighting,
)

_LINE = re.compile(r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (?P<interface>\S+) (?P<direction>in|out) "
                   r"(?P<rest>\S.*)$")
_NO_PACKET = re.compile(r"^(Using Original Sniffing Mode|interfaces=|filters=|\d+ packets|pcap_|\^C|\s*$)")
_END = re.compile(r"^\d+ packets received by filter", re.M)
_LINK = re.compile(r"^if=(?P<name>\S+) family=", re.M)


class FortinetCapture:
    """Interfaces may be left out: each packet names its own."""

    title = "Fortinet FortiGate"
    clock = "device"

    def in_the_way(self, session: Session) -> str:
        return ""  # every session has its own sniffer

    def ask_before(self, session: Session, watch: Watch) -> Known:
        if watch.interfaces:
            there = _LINK.findall(session.ask("diagnose netlink interface list"))
            unknown = [name for name in watch.interfaces if name not in there]
            if unknown:
                raise CaptureError(f"{session.where}: interface {', '.join(unknown)} is not there, there are: "
                                   f"{', '.join(there)}. Nothing was sent")
        return Known()

    def plan(self, watch: Watch, known: Known) -> CapturePlan:
        needs_four(watch, self.title)
        flow = watch.flow
        ports = [f"port {port}" for port in (flow.sport, flow.dport) if port is not None]
        words = " and ".join([f"host {flow.source}", f"host {flow.destination}", flow.protocol, *ports])
        interface = watch.interfaces[0] if len(watch.interfaces) == 1 else "any"
        return CapturePlan((f"diagnose sniffer packet {interface} '{words}' 4 {watch.packets} a",))

    def take(self, session: Session, plan: CapturePlan, watch: Watch) -> Answers:
        return {line: session.type_until(line, watch.seconds) for line in plan.begin}

    def left(self, session: Session) -> t.Sequence[str]:
        return ()  # a sniffer that has given the prompt back has ended, and so has that of a session that is closed

    def parse(self, answers: Answers, watch: Watch, known: Known, began: float) -> Seen:
        return read_sniffer("\n".join(answers.values()), watch)


def read_sniffer(text: str, watch: Watch) -> Seen:
    """Packets of ``diagnose sniffer packet ... 4 N a``, whose times are UTC; raises DeviceError for a cut answer."""
    if not _END.search(text):
        said = next((line.strip() for line in text.splitlines() if line.strip()), "nothing")
        raise DeviceError(f"the sniffer did not come to its end, its first words are {said[:120]!r}")
    found: list[Sighting] = []
    unread: list[str] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        header = header_of_text(match["rest"].strip(), watch.flow.protocol) if match else None
        if match is None or header is None:
            unread += [] if _NO_PACKET.match(line) else [line.strip()]
            continue
        if watch.interfaces and match["interface"] not in watch.interfaces:
            continue
        stamp = datetime.datetime.fromisoformat(match["time"]).replace(tzinfo=datetime.UTC).timestamp()
        one = sighting(header, watch.wanted, stamp, interface=match["interface"], direction=match["direction"])
        found += [one] if one else []
    return Seen(tuple(found), tuple(unread))
