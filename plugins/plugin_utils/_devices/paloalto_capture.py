# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Captures on PAN-OS: packet-diag, by the stages receive, firewall, transmit and drop.

There is one packet-diag for the whole device: with a filter, a capture or a log of anybody's there is no other. Packets
are bounded there, time is not. It tells a stage and no interface. Files are deleted before the settings are cleared,
which are what is looked for afterwards.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import capturing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import (
    Answers,
    CaptureError,
    CapturePlan,
    Known,
    Seen,
    Watch,
    needs_four,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import (
    Clock,
    Sighting,
    header_of_text,
    sighting,
)

_DIAG = "debug dataplane packet-diag"
_SETTING = f"{_DIAG} show setting"
_VIEW = "view-pcap no-dns-lookup yes no-port-lookup yes filter-pcap"
QUESTIONS = rf"{_SETTING}|show clock|{_VIEW} NPS-\w+"  # for the dialect's whitelist
_DIRECTIONS = {"receive": "in", "firewall": "", "transmit": "out", "drop": ""}
_PACKET = re.compile(r"^(?P<time>\d\d:\d\d:\d\d\.\d+) IP (?P<rest>[\d.]+ > .*)$")
_STAMP = re.compile(r"\d\d:\d\d:\d\d\.")
_SECTION = re.compile(r"^(?P<name>Packet filter|Logging|Packet capture)\s*$", re.M)
_STAGE = re.compile(
    r"^\s*Stage (?P<stage>\w+)\s*: +file (?P<file>\S+)\s*\n\s*Captured: +packets - (?P<count>\d+)", re.M)
_OURS = "NPS-"


class PaloaltoCapture:
    """The device is asked for its settings first, and only where it has none of anybody's is one made."""

    title = "Palo Alto PAN-OS"
    clock = "time_of_day"

    def in_the_way(self, session: Session) -> str:
        text = session.ask(_SETTING)
        there = settings_of(text)
        if not there:
            return ""
        if f"file {_OURS}" in text:
            return (f"packet-diag has settings of ours ({'; '.join(there)}), of a run that goes on or was broken off; "
                    f"'{_DIAG} clear all' removes them")
        return f"packet-diag is one for the whole device, and has settings of somebody else: {'; '.join(there)}"

    def ask_before(self, session: Session, watch: Watch) -> Known:
        return Known(clock=Clock.read(session.ask("show clock")))

    def plan(self, watch: Watch, known: Known) -> CapturePlan:
        needs_four(watch, self.title)
        if watch.interfaces:
            raise CaptureError(f"interfaces: {self.title} captures by stages, not by interfaces; leave them out")
        flow = watch.flow
        begin = [f"{_DIAG} set filter match {_match(one.source, one.sport, one.destination, one.dport)} protocol "
                 f"{PROTOCOLS[flow.protocol]}" for one in (flow, flow.reversed())]
        begin.append(f"{_DIAG} set filter on")
        begin += [f"{_DIAG} set capture stage {stage} packet-count {watch.packets} file {_OURS}{stage}"
                  for stage in _DIRECTIONS]
        begin.append(f"{_DIAG} set capture on")
        stop = (f"{_DIAG} set capture off", f"{_DIAG} set filter off")
        remove = (stop[0], *(f"delete debug-filter file {_OURS}{stage}" for stage in _DIRECTIONS), f"{_DIAG} clear all")
        read = (_SETTING, *(f"{_VIEW} {_OURS}{stage}" for stage in _DIRECTIONS))
        return CapturePlan(tuple(begin), stop, read, remove)

    def take(self, session: Session, plan: CapturePlan, watch: Watch) -> Answers:
        """A stage without a packet has no file, and is not asked for one."""
        for line in plan.begin:
            session.type(line)
        capturing.wait(watch.seconds)
        for line in plan.stop:
            session.type(line)
        answers = {_SETTING: session.ask(_SETTING)}
        for stage in counts_of(answers[_SETTING]):
            answers[stage] = session.ask(f"{_VIEW} {_OURS}{stage}", 120)
        return answers

    def left(self, session: Session) -> t.Sequence[str]:
        """Settings; without any, files with packets in them."""
        return settings_of(session.ask(_SETTING)) or [
            f"file {_OURS}{stage}" for stage in _DIRECTIONS if _has_packets(session, f"{_VIEW} {_OURS}{stage}")]

    def parse(self, answers: Answers, watch: Watch, known: Known, began: float) -> Seen:
        if known.clock is None:
            raise DeviceError("'show clock' does not tell the time; the packets' times mean nothing without it")
        found: list[Sighting] = []
        unread: list[str] = []
        for stage, count in counts_of(answers[_SETTING]).items():
            lines = [line for line in answers[stage].splitlines() if _STAMP.match(line)]
            if len(lines) != count:
                raise DeviceError(f"{len(lines)} packets of {count} at stage {stage} were read: the answer was cut")
            for line in lines:
                one, understood = _read(line, stage, watch, known.clock)
                unread += [] if understood else [line]
                found += [one] if one else []
        return Seen(tuple(found), tuple(unread))


def _has_packets(session: Session, view: str) -> bool:
    try:
        return any(_STAMP.match(line) for line in session.ask(view, 120).splitlines())
    except Rejected:  # there is no such file
        return False


def settings_of(text: str) -> list[str]:
    """What ``show setting`` tells of that is not as it is without any; raises CaptureError where it is not understood.
    """
    parts = _SECTION.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if set(sections) != {"Packet filter", "Logging", "Packet capture"}:
        raise CaptureError(f"the answer to '{_SETTING}' is not understood")
    found = [f"{name.lower()} is on" for name, body in sections.items() if re.search(r"Enabled:\s+yes", body)]
    found += [" ".join(line.split()) for line in text.splitlines() if re.match(r"\s*(Index \d+:|Stage \w+\s*:)", line)]
    return found


def counts_of(text: str) -> dict[str, int]:
    """How many packets each stage has captured, of those with one; raises DeviceError where that is not told."""
    found = {one["file"].removeprefix(_OURS): int(one["count"]) for one in _STAGE.finditer(text)}
    if set(found) != set(_DIRECTIONS):
        raise DeviceError(f"the answer to '{_SETTING}' does not tell what each stage has captured")
    return {stage: count for stage, count in found.items() if count}


def _match(source: str, sport: int | None, destination: str, dport: int | None) -> str:
    words = [f"source {source}", *([f"source-port {sport}"] if sport is not None else []),
             f"destination {destination}", *([f"destination-port {dport}"] if dport is not None else [])]
    return " ".join(words)


def _read(line: str, stage: str, watch: Watch, clock: Clock) -> tuple[Sighting | None, bool]:
    match = _PACKET.match(line)
    header = header_of_text(match["rest"], watch.flow.protocol) if match else None
    if match is None or header is None:
        return None, False
    return sighting(header, watch.wanted, clock.epoch(match["time"]), interface=stage, stage=stage,
                    direction=_DIRECTIONS[stage], dropped=stage == "drop"), True
