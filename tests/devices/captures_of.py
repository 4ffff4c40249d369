# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures platform by platform: what is sent, in which order, and what comes of what the device printed."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import capturing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import CapturePlan, Seen, Watch
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_capture import (
    AsaCapturing,
    FortinetCapturing,
    IosCapturing,
    LinuxCapturing,
    PaloaltoCapturing,
    VyosCapturing,
)

FLOW = "tcp 192.0.2.20:40000 > 203.0.113.10:443"
Row = tuple[float, str, str, str, str]  # time, interface, direction, way, flags
_ASA = "packet-length 160 match tcp host 192.0.2.20 eq 40000 host 203.0.113.10 eq 443"
_POINT = "monitor capture NPS_CAP"
_TOOLS = "id -u; command -v tcpdump; command -v timeout; command -v pgrep; true"
_OURS = "pgrep -f 'tcpdump .*-z [N]PS-capture' || true"
_TCPDUMP = (
    "timeout --foreground -s INT -k 2 1 tcpdump -p -l -nn -tt -q -x -s 160 -z NPS-capture -c 100 -i any "
    "'(tcp and host 192.0.2.20 and host 203.0.113.10 and port 40000 and port 443) or (icmp and icmp[0] != 0 and "
    "icmp[0] != 8 and (dst host 192.0.2.20 or dst host 203.0.113.10))'")
_OF_TCPDUMP: tuple[Row, ...] = (
    (1795226400.204211, "lan", "in", "forward", "SYN"), (1795226400.204240, "wan_a", "out", "forward", "SYN"),
    (1795226400.215003, "wan_b", "in", "return", "SYN-ACK"), (1795226400.215011, "wan_b", "in", "icmp_error", ""))
_SNIFFER = ("diagnose sniffer packet any 'host 192.0.2.20 and host 203.0.113.10 and tcp and port 40000 and port 443' 4 "
            "100 a")

_DIAG = "debug dataplane packet-diag"
_SETTING = f"{_DIAG} show setting"
_VIEW = "view-pcap no-dns-lookup yes no-port-lookup yes filter-pcap"
_STAGES = ("receive", "firewall", "transmit", "drop")


@dataclasses.dataclass(frozen=True)
class Case:
    """One platform. ``promised``: every line of a run after the login. ``packets``: times of ``first_packet`` and
    ``time_of_day`` count from the first."""

    device: t.Callable[..., t.Any]
    interfaces: tuple[str, ...]
    promised: tuple[str, ...]
    packets: tuple[Row, ...]
    last: str  # the line after which it runs
    # Lines that no device of the platform refuses.
    never_refused: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()  # lines whose answer is seen to be cut


CASES: dict[str, Case] = {
    "frr": Case(
        LinuxCapturing, ("lan", "wan_a", "wan_b"), (_OURS, _TOOLS, "cat /proc/net/dev", _TCPDUMP, _OURS), _OF_TCPDUMP,
        _TCPDUMP, cut=(_TCPDUMP,)),
    "vyos": Case(
        VyosCapturing, (), (_OURS, _TOOLS, "cat /proc/net/dev", f"sudo -n {_TCPDUMP}", _OURS), _OF_TCPDUMP,
        f"sudo -n {_TCPDUMP}", cut=(f"sudo -n {_TCPDUMP}",)),
    "cisco_asa": Case(
        AsaCapturing, ("inside", "outside"), (
            "show capture", "show interface inside", "show interface outside", "show clock",
            f"capture NPS-1 type raw-data interface inside buffer 19200 {_ASA}",
            f"capture NPS-2 type raw-data interface outside buffer 19200 {_ASA}",
            f"capture NPS-DROP type asp-drop all buffer 19200 {_ASA}",
            "capture NPS-1 stop", "capture NPS-2 stop", "capture NPS-DROP stop",
            "show capture NPS-1 detail", "show capture NPS-2 detail", "show capture NPS-DROP detail", "show capture",
            "no capture NPS-1", "no capture NPS-2", "no capture NPS-DROP", "show capture"),
        ((0, "inside", "in", "forward", "SYN"), (0.000043, "outside", "out", "forward", "SYN"),
         (0.010544, "", "", "return", "SYN-ACK"), (0.026544, "inside", "out", "return", "RST-ACK")),
        f"capture NPS-DROP type asp-drop all buffer 19200 {_ASA}",
        cut=("show capture NPS-1 detail", "show capture NPS-DROP detail")),
    "cisco_ios": Case(
        IosCapturing, ("GigabitEthernet1", "GigabitEthernet2"), (
            "show monitor capture", "show ip access-lists NPS-CAPTURE", "show archive config rollback timer",
            "show interfaces GigabitEthernet1 | include address is",
            "show interfaces GigabitEthernet2 | include address is",
            "configure terminal", "ip access-list extended NPS-CAPTURE",
            "permit tcp host 192.0.2.20 eq 40000 host 203.0.113.10 eq 443",
            "permit tcp host 203.0.113.10 eq 443 host 192.0.2.20 eq 40000", "end",
            f"{_POINT} interface GigabitEthernet1 both", f"{_POINT} interface GigabitEthernet2 both",
            f"{_POINT} access-list NPS-CAPTURE", f"{_POINT} buffer size 1",
            f"{_POINT} limit packets 100 duration 1 packet-len 160", f"{_POINT} start", f"{_POINT} stop",
            f"show {_POINT} buffer", f"show {_POINT} buffer detailed",
            "show monitor capture", "show ip access-lists NPS-CAPTURE",
            f"{_POINT} stop", f"no {_POINT}", "configure terminal", "no ip access-list extended NPS-CAPTURE", "end",
            "show monitor capture", "show ip access-lists NPS-CAPTURE"),
        ((0, "GigabitEthernet1", "in", "forward", "SYN"), (0.000031, "GigabitEthernet2", "out", "forward", "SYN"),
         (0.010999, "", "in", "return", "SYN-ACK")),
        f"{_POINT} start", never_refused=("end",), cut=(f"show {_POINT} buffer detailed",)),
    "fortinet": Case(
        FortinetCapturing, ("port1", "port2"), ("diagnose netlink interface list", _SNIFFER),
        ((1795687201.123456, "port1", "in", "forward", "SYN"), (1795687201.123499, "port2", "out", "forward", "SYN"),
         (1795687201.134, "port2", "in", "return", "SYN-ACK"), (1795687201.13402, "port1", "out", "return", "SYN-ACK")),
        _SNIFFER),
    "paloalto_panos": Case(
        PaloaltoCapturing, (), (
            _SETTING, "show clock",
            f"{_DIAG} set filter match source 192.0.2.20 source-port 40000 destination 203.0.113.10 "
            "destination-port 443 protocol 6",
            f"{_DIAG} set filter match source 203.0.113.10 source-port 443 destination 192.0.2.20 "
            "destination-port 40000 protocol 6",
            f"{_DIAG} set filter on", *(f"{_DIAG} set capture stage {stage} packet-count 100 file NPS-{stage}"
                                        for stage in _STAGES),
            f"{_DIAG} set capture on", f"{_DIAG} set capture off", f"{_DIAG} set filter off", _SETTING,
            *(f"{_VIEW} NPS-{stage}" for stage in _STAGES if stage != "firewall"), _SETTING, f"{_DIAG} set capture off",
            *(f"delete debug-filter file NPS-{stage}" for stage in _STAGES), f"{_DIAG} clear all", _SETTING,
            *(f"{_VIEW} NPS-{stage}" for stage in _STAGES)),
        ((0, "receive", "in", "forward", "SYN"), (0.000021, "transmit", "out", "forward", "SYN"),
         (0.010544, "receive", "in", "return", "SYN-ACK"), (0.010560, "drop", "", "return", "SYN-ACK")),
        f"{_DIAG} set capture on"),
}


@dataclasses.dataclass
class Running:
    """A fake that listens, and how to log in there."""

    platform: str
    device: t.Any
    login: Login

    def run(self, check: bool = False, flow: str = FLOW, **more: t.Any) -> tuple[CapturePlan, Seen]:
        """As the action does; raises what it raises."""
        dialect = dialect_of(self.platform)
        watch = Watch(Wanted.build(flow, []), **{"interfaces": CASES[self.platform].interfaces, "seconds": 1, **more})
        capture = capturing.capture_of(dialect)
        capturing.check_bounds(capture, watch)
        seen = Seen()
        with Session.open(self.login, dialect, read_only=check) as session:
            plan, known = capturing.prepare(session, capture, watch)
            if not check:
                seen = capturing.make(session, capture, watch, plan, known)
        return plan, seen

    @property
    def typed(self) -> list[str]:
        """What was received that is no question."""
        dialect = dialect_of(self.platform)
        return [line for line in self.device.received if not dialect.reading.fullmatch(line)]


@contextlib.contextmanager
def running(platform: str, fault: Fault | None = None) -> t.Iterator[Running]:
    device = CASES[platform].device(platform, fault)
    with FakeNetwork(device) as network, tempfile.TemporaryDirectory() as folder:
        known_hosts = pathlib.Path(folder, "known_hosts")
        known_hosts.write_text(network.known_hosts())
        yield Running(platform, device, Login(platform, "127.0.0.1", network.ports[platform], USER, PASSWORD,
                                              known_hosts=str(known_hosts), timeout=10.0))
