# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Captures on FRRouting and VyOS: tcpdump, which ``timeout`` ends on the router whatever becomes of the session.

The bytes of the headers are printed and decoded here, as those of flow_capture are. Other people's tcpdump is not
disturbed by ours. Ours is known by an argument that does nothing without -w: ``-z NPS-capture``.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import (
    GRACE,
    HEADERS,
    Answers,
    CaptureError,
    CapturePlan,
    Known,
    Seen,
    Watch,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.sightings import (
    Sighting,
    header_of_bytes,
    sighting,
)

_NAME = "NPS-capture"
_OURS = "pgrep -f 'tcpdump .*-z [N]PS-capture' || true"
_TOOLS = "id -u; command -v tcpdump; command -v timeout; command -v pgrep; true"
_LINKS = "cat /proc/net/dev"
QUESTIONS = "|".join(map(re.escape, (_OURS, _TOOLS, _LINKS)))  # for the dialect's whitelist
_HEAD = re.compile(
    r"^(?P<time>\d{6,}\.\d+) +(?:(?P<interface>\S+) +(?P<direction>In|Out|B|M|P) +)?(?P<rest>\S.*)$")
_BYTES = re.compile(r"^\s*0x[0-9a-f]{4}: +(?P<digits>(?:[0-9a-f]{2,4} ?)+)")
_END = re.compile(r"^\d+ packets? captured", re.M)


class LinuxCapture:
    """``tcpdump -i any``: it tells interface and direction of each packet."""

    clock = "device"

    def __init__(self, title: str) -> None:
        self.title = title

    def in_the_way(self, session: Session) -> str:
        if self.left(session):
            return (f"a capture of ours ({_NAME}) runs there already; it ends by itself within its seconds, or by "
                    "\"pkill -INT -f 'tcpdump .*-z [N]PS-capture'\"")
        return ""

    def ask_before(self, session: Session, watch: Watch) -> Known:
        told = session.ask(_TOOLS).split()
        missing = [name for name in ("tcpdump", "timeout", "pgrep")
                   if not any(one == name or one.endswith(f"/{name}") for one in told)]
        if missing:
            raise CaptureError(f"{session.where}: {', '.join(missing)} is missing there. Nothing was sent")
        there = re.findall(r"^\s*([^\s:|]+):", session.ask(_LINKS), re.M)
        unknown = [name for name in watch.interfaces if name not in there]
        if unknown:
            raise CaptureError(f"{session.where}: interface {', '.join(unknown)} is not there, there are: "
                               f"{', '.join(there)}. Nothing was sent")
        return Known(sudo="0" not in told)

    def plan(self, watch: Watch, known: Known) -> CapturePlan:
        sudo = "sudo -n " if known.sudo else ""
        line = (f"{sudo}timeout --foreground -s INT -k 2 {watch.seconds} tcpdump -p -l -nn -tt -q -x -s {HEADERS} "
                f"-z {_NAME} -c {watch.packets} -i any '{pcap_filter(watch.flow)}'")
        return CapturePlan(begin=(line,), remove=(f"{sudo}pkill -INT -f 'tcpdump .*-z [N]PS-capture'",))

    def take(self, session: Session, plan: CapturePlan, watch: Watch) -> Answers:
        return {line: session.type(line, watch.seconds + GRACE) for line in plan.begin}

    def left(self, session: Session) -> t.Sequence[str]:
        return [_NAME] if session.ask(_OURS).strip() else []

    def parse(self, answers: Answers, watch: Watch, known: Known, began: float) -> Seen:
        return read_tcpdump("\n".join(answers.values()), watch)


def read_tcpdump(text: str, watch: Watch) -> Seen:
    """Packets of ``tcpdump -tt -x -i any``; raises DeviceError where its last words are missing."""
    if not _END.search(text):
        said = next((line for line in text.splitlines() if line.startswith(("tcpdump:", "sudo:", "timeout:"))), "")
        raise DeviceError(f"tcpdump did not come to its end{f': {said}' if said else ''}")
    found: list[Sighting] = []
    unread: list[str] = []
    for head, digits in _packets(text):
        header = header_of_bytes(digits)
        if header is None:
            unread.append(head.group())
            continue
        direction = {"In": "in", "Out": "out"}.get(head["direction"] or "", "")
        interface = head["interface"] or ""
        one = sighting(header, watch.wanted, float(head["time"]), interface=interface, direction=direction)
        if one is not None and (not watch.interfaces or interface in watch.interfaces):
            found.append(one)
    return Seen(tuple(found), tuple(unread))


def _packets(text: str) -> t.Iterator[tuple[re.Match[str], str]]:
    """Each packet's first line, and its bytes in hexadecimal digits."""
    head: re.Match[str] | None = None
    digits: list[str] = []
    for line in [*text.splitlines(), "0.0 end"]:
        begun, more = _HEAD.match(line), _BYTES.match(line)
        if more and head:
            digits.append(more["digits"].replace(" ", ""))
        elif begun or line == "0.0 end":
            if head:
                yield head, "".join(digits)
            head, digits = begun, []


def pcap_filter(flow: Flow) -> str:
    """In the words of pcap-filter(7): both directions of the flow, and ICMP errors that may quote it."""
    ends = f"host {flow.source} and host {flow.destination}"
    ports = [f"port {port}" for port in (flow.sport, flow.dport) if port is not None]
    protocol = {"icmpv6": "icmp6"}.get(flow.protocol, flow.protocol)
    to_an_end = f"(dst host {flow.source} or dst host {flow.destination})"
    errors = "icmp and icmp[0] != 0 and icmp[0] != 8" if flow.family == 4 else "icmp6 and ip6[40] < 128"
    return f"({' and '.join([protocol, ends, *ports])}) or ({errors} and {to_an_end})"
