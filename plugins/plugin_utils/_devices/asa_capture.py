# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Captures on Cisco ASA: ``capture`` for each interface, and one of what the device drops, with the reason.

The buffer is the bound on the device: it is linear, and full when it is full. Time is bounded by this task alone. The
running configuration does not hold captures. In from out is told by the MAC address of the interface.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import (
    HEADERS,
    Answers,
    CaptureError,
    CapturePlan,
    Known,
    Seen,
    Watch,
    needs_four,
    needs_interfaces,
    run_in_background,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import (
    Clock,
    Sighting,
    header_of_text,
    sighting,
)

_OURS = "NPS-"
_DROPS = "NPS-DROP"
_LISTED = re.compile(r"^capture (?P<name>\S+) *(?P<rest>.*?) *$", re.M)
_MAC = re.compile(r"MAC address (?P<mac>[0-9a-f.]{14})")
_BEGIN = re.compile(r"^\s*\d+: (?=\d\d:\d\d:\d\d\.\d)")
_PACKET = re.compile(
    r"(?P<time>\d\d:\d\d:\d\d\.\d+) +"
    r"(?:(?P<from>[0-9a-f.]{14}) (?P<to>[0-9a-f.]{14}) 0x[0-9a-f]{4} (?:Length: )?\d+:? +)?"
    r"(?:802\.1Q vlan#(?P<vlan>\d+) P\d+ +)?(?P<rest>.*?)(?: Drop-reason: \((?P<reason>[\w-]+)\).*)?$")
_TTL = re.compile(r"\(ttl (?P<ttl>\d+)")
_COUNTS = re.compile(r"^\s*(?P<count>\d+) packets? (?P<what>captured|shown)", re.M)


class AsaCapture:
    """Interfaces are those of ``nameif``."""

    title = "Cisco ASA"
    clock = "time_of_day"

    def in_the_way(self, session: Session) -> str:
        for one in _LISTED.finditer(session.ask("show capture")):
            if one["name"].startswith(_OURS):
                return (f"capture {one['name']} is ours, of a run that goes on or was broken off; 'no capture "
                        f"{one['name']}' removes it")
            if "[Capturing" in one["rest"]:
                return f"capture {one['name']} of somebody else runs there ({one['rest']})"
        return ""

    def ask_before(self, session: Session, watch: Watch) -> Known:
        macs = {}
        for name in watch.interfaces:
            try:
                match = _MAC.search(session.ask(f"show interface {name}"))
            except Rejected as error:
                raise CaptureError(f"{session.where}: interface {name} is not there ({error}). Nothing was "
                                   "sent") from error
            macs[name] = (words.mac(match["mac"]) if match else None) or ""
        return Known(clock=Clock.read(session.ask("show clock")), macs=macs)

    def plan(self, watch: Watch, known: Known) -> CapturePlan:
        needs_four(watch, self.title)
        needs_interfaces(watch, self.title)
        flow = watch.flow
        ends = " ".join(f"host {address}{f' eq {port}' if port is not None else ''}" for address, port in (
            (flow.source, flow.sport), (flow.destination, flow.dport)))
        size = max(1534, watch.packets * (HEADERS + 32))
        rest = f"buffer {size} packet-length {HEADERS} match {flow.protocol} {ends}"
        named = {f"{_OURS}{number}": name for number, name in enumerate(watch.interfaces, 1)}
        begin = [f"capture {name} type raw-data interface {interface} {rest}" for name, interface in named.items()]
        begin.append(f"capture {_DROPS} type asp-drop all {rest}")
        names = (*named, _DROPS)
        return CapturePlan(
            tuple(begin), tuple(f"capture {name} stop" for name in names),
            tuple(f"show capture {name} detail" for name in names), tuple(f"no capture {name}" for name in names))

    def take(self, session: Session, plan: CapturePlan, watch: Watch) -> Answers:
        return run_in_background(session, plan, watch)

    def left(self, session: Session) -> t.Sequence[str]:
        listed = [one["name"] for one in _LISTED.finditer(session.ask("show capture"))]
        return [name for name in listed if name.startswith(_OURS)]

    def parse(self, answers: Answers, watch: Watch, known: Known, began: float) -> Seen:
        if known.clock is None:
            raise DeviceError("'show clock' does not tell the time; the packets' times mean nothing without it")
        found: list[Sighting] = []
        unread: list[str] = []
        for interface, answer in zip((*watch.interfaces, ""), answers.values(), strict=True):
            for text in packets_of(answer):
                one, understood = _read(text, interface, watch, known)
                unread += [] if understood else [text]
                found += [one] if one else []
        return Seen(tuple(found), tuple(unread))


def packets_of(answer: str) -> list[str]:
    """The packets of ``show capture NAME detail``, each in one line; raises DeviceError where some are missing."""
    found: list[str] = []
    for line in answer.splitlines():
        if _BEGIN.match(line):
            found.append(_BEGIN.sub("", line).strip())
        elif found and not _COUNTS.match(line):
            found[-1] = f"{found[-1]} {line.strip()}".strip()
    shown = [int(one["count"]) for one in _COUNTS.finditer(answer) if one["what"] == "shown"]
    if shown != [len(found)]:
        raise DeviceError(f"the answer tells of {len(found)} packets and not that these are all: it was cut")
    return found


def _read(text: str, interface: str, watch: Watch, known: Known) -> tuple[Sighting | None, bool]:
    """The packet where it is of the flow, and whether the line was understood. Without an interface it was dropped."""
    match = _PACKET.match(text)
    header = header_of_text(match["rest"], watch.flow.protocol) if match else None
    if match is None or header is None or known.clock is None:
        return None, False
    own, came_from = known.macs.get(interface), words.mac(match["from"] or "")
    direction = ("out" if came_from == own else "in") if own and came_from else ""
    ttl = _TTL.search(match["rest"])
    return sighting(
        header, watch.wanted, known.clock.epoch(match["time"]), interface=interface,
        direction=direction, dropped=not interface, drop_reason=match["reason"] or "",
        vlan=int(match["vlan"]) if match["vlan"] else None, **({"ttl": int(ttl["ttl"])} if ttl else {})), True
