# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Embedded packet capture of Cisco IOS-XE: one capture point for all interfaces, with an access list of both ways.

It ends by itself after its seconds or packets. A filter that is typed in line is of one way only, and two captures have
no time in common, so that the access list has to be; it is in the running configuration while the capture is, and is
not saved. The bytes of the headers are printed and decoded; in from out is told by the MAC address of the interface.
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
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_config import CiscoIosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import (
    Sighting,
    header_of_bytes,
    sighting,
)

_POINT, _LIST = "NPS_CAP", "NPS-CAPTURE"  # the name of a capture point takes no hyphen
_MORE_THAN_LAN = 14  # bytes of an Ethernet header
_STATUS = re.compile(r"^Status Information for Capture (?P<name>\S+).*?Status ?: (?P<state>\w+)", re.M | re.S)
_MAC = re.compile(r"address is (?P<mac>[0-9a-f.]{14})")
_IN_BUFFER = re.compile(r"packets in buf\s*: (?P<count>\d+)")
_PACKET = re.compile(r"^\s*\d+\s+\d+\s+(?P<time>\d+\.\d+)\s+\S+\s+(?:->\s+)?\S+")
_BYTES = re.compile(r"^\s*[0-9A-F]{4}: {1,4}(?P<digits>(?:[0-9A-F]{8} ){0,3}[0-9A-F]{2,8})(?:\s|$)", re.I)


class IosCapture:
    """IOS-XE, and IOS from 15.2(4)S on; older software has other commands and refuses the first question."""

    title = "Cisco IOS and IOS-XE"
    clock = "first_packet"

    def in_the_way(self, session: Session) -> str:
        for one in _STATUS.finditer(self._listed(session)):
            if one["name"] == _POINT:
                return (f"capture {_POINT} is ours, of a run that goes on or was broken off; 'no monitor capture "
                        f"{_POINT}' removes it")
            if one["state"].lower() == "active":
                return f"capture {one['name']} of somebody else runs there"
        if session.ask(f"show ip access-lists {_LIST}").strip():
            return f"access list {_LIST} is left from a run; 'no ip access-list extended {_LIST}' removes it"
        return CiscoIosConfig().why_not_now(session)  # what takes that change back would take the access list too

    def _listed(self, session: Session) -> str:
        try:
            return session.ask("show monitor capture")
        except Rejected as error:
            raise CaptureError(f"{session.where}: its software has no embedded packet capture of this kind ({error}). "
                               "Nothing was sent") from error

    def ask_before(self, session: Session, watch: Watch) -> Known:
        macs: dict[str, str] = {}
        for name in watch.interfaces:
            try:
                match = _MAC.search(session.ask(f"show interfaces {name} | include address is"))
            except Rejected as error:
                raise CaptureError(f"{session.where}: interface {name} is not there ({error}). Nothing was "
                                   "sent") from error
            mac = words.mac(match["mac"]) if match else None
            twin = next((other for other, known in macs.items() if known == mac), "")
            if mac is None or twin:
                why = f"has the MAC address of {twin}" if twin else "tells no MAC address"
                raise CaptureError(f"{session.where}: interface {name} {why}, by which packets in are told from "
                                   "packets out; leave it out. Nothing was sent")
            macs[name] = mac
        return Known(macs=macs)

    def plan(self, watch: Watch, known: Known) -> CapturePlan:
        needs_four(watch, self.title)
        needs_interfaces(watch, self.title)
        flow = watch.flow
        source, destination = (f"host {address}{f' eq {port}' if port is not None else ''}" for address, port in (
            (flow.source, flow.sport), (flow.destination, flow.dport)))
        point = f"monitor capture {_POINT}"
        begin = ["configure terminal", f"ip access-list extended {_LIST}",
                 f"permit {flow.protocol} {source} {destination}", f"permit {flow.protocol} {destination} {source}",
                 "end"]
        begin += [f"{point} interface {name} both" for name in watch.interfaces]
        begin += [f"{point} access-list {_LIST}", f"{point} buffer size 1",
                  f"{point} limit packets {watch.packets} duration {watch.seconds} packet-len {HEADERS}",
                  f"{point} start"]
        return CapturePlan(
            tuple(begin), (f"{point} stop",), (f"show {point} buffer", f"show {point} buffer detailed"),
            (f"{point} stop", f"no {point}", "configure terminal", f"no ip access-list extended {_LIST}", "end"))

    def take(self, session: Session, plan: CapturePlan, watch: Watch) -> Answers:
        return run_in_background(session, plan, watch)

    def left(self, session: Session) -> t.Sequence[str]:
        session.leave_configuration("end")
        points = [one["name"] for one in _STATUS.finditer(self._listed(session)) if one["name"] == _POINT]
        return points + ([_LIST] if session.ask(f"show ip access-lists {_LIST}").strip() else [])

    def parse(self, answers: Answers, watch: Watch, known: Known, began: float) -> Seen:
        counted, detailed = answers.values()
        packets = packets_of(detailed)
        match = _IN_BUFFER.search(counted)
        if match is None or int(match["count"]) != len(packets):
            count = match["count"] if match else "an unknown number"
            raise DeviceError(f"{len(packets)} packets of {count} were read: the answer was cut, or is not understood")
        found: list[Sighting] = []
        unread: list[str] = []
        for head, digits in packets:
            stamp, vlan, header = _decoded(head, digits)
            if header is None:
                unread.append(head.strip())
                continue
            interface, direction = _place(digits, known.macs)
            one = sighting(header, watch.wanted, round(began + stamp, 6), interface=interface, direction=direction,
                           vlan=vlan)
            found += [one] if one else []
        return Seen(tuple(found), tuple(unread))


def packets_of(answer: str) -> list[tuple[str, str]]:
    """Of ``show monitor capture NAME buffer detailed``: each packet's line, and its bytes as hexadecimal digits."""
    found: list[tuple[str, str]] = []
    for line in answer.splitlines():
        more = _BYTES.match(line)
        if more and found:
            found[-1] = (found[-1][0], found[-1][1] + more["digits"].replace(" ", ""))
        elif _PACKET.match(line):
            found.append((line, ""))
    return found


def _decoded(head: str, digits: str) -> tuple[float, int | None, t.Any]:
    """Seconds since the first packet, the VLAN, and the header of the IP packet in the frame."""
    match = _PACKET.match(head)
    vlan = None
    at = 2 * _MORE_THAN_LAN
    if digits[at - 4 : at].lower() == "8100":
        vlan = int(digits[at : at + 4], 16) & 0xFFF
        at += 8
    return float(match["time"]) if match else 0.0, vlan, header_of_bytes(digits[at:])


def _place(digits: str, macs: t.Mapping[str, str]) -> tuple[str, str]:
    """Interface and direction: a frame from the interface's own address leaves there, any other has come in.

    What is for an address that several routers share (HSRP) tells no interface where more than one was watched.
    """
    destination, source = words.mac(digits[:12]), words.mac(digits[12:24])
    for name, mac in macs.items():
        if source == mac:
            return name, "out"
    for name, mac in macs.items():
        if destination == mac:
            return name, "in"
    return next(iter(macs)) if len(macs) == 1 else "", "in"
