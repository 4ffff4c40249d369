# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fake devices that capture: they take the lines that the platforms document, and keep what nobody takes away.

What they have seen is in tests/devices/captures, in each platform's own form: a SYN that comes in and leaves, and what
becomes of its answer.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import FakeDevice, Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_asa import AsaDevice
from ansible_collections.netpath.symmetry.tests.devices.fake_config import IosDevice, IosGrammar

Session = dict[str, t.Any]
FOLDER = pathlib.Path(__file__).parent / "captures"


def recorded(name: str) -> str:
    """What a device printed; raises OSError."""
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


class Capturing(FakeDevice):
    """What all of them have."""

    def __init__(self, name: str, fault: Fault | None = None) -> None:
        super().__init__(name, {}, fault)

    def left_behind(self) -> str:
        """What somebody would have to clear away, or nothing."""
        return ""


class LinuxCapturing(Capturing):
    """A Linux router. Its tcpdump goes on after a session that breaks off, until it is ended or its timeout is over."""

    prompt = "root@{name}:~# "
    unknown = "bash: what: command not found"
    user_id = "0"
    interfaces = "\n".join([
        "Inter-|   Receive                                                |  Transmit",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls",
        *(f"{name:>6}: 5328040   14321    0    0    0     0          0         0  5328040   14321    0    0    0     0"
          for name in ("lo", "lan", "wan_a", "wan_b"))])
    tcpdump = ""  # its process
    _line = re.compile(r"(?P<sudo>sudo -n )?timeout --foreground -s INT -k 2 (?P<seconds>\d+) tcpdump -p -l -nn -tt -q"
                       r" -x -s 160 -z NPS-capture -c (?P<count>\d+) -i any '[^']+'")

    def shown_prompt(self, session: Session) -> str:
        if session.pop("runs", False):
            self.tcpdump = ""  # it has ended, as the shell is here again
        return super().shown_prompt(session)

    def command(self, session: Session, line: str) -> str | None:
        if line == "id -u; command -v tcpdump; command -v timeout; command -v pgrep; true":
            return f"{self.user_id}\n/usr/bin/tcpdump\n/usr/bin/timeout\n/usr/bin/pgrep"
        if line == "cat /proc/net/dev":
            return self.interfaces
        if line == "pgrep -f 'tcpdump .*-z [N]PS-capture' || true":
            return self.tcpdump
        sudo = "" if self.user_id == "0" else "sudo -n "
        if line == f"{sudo}pkill -INT -f 'tcpdump .*-z [N]PS-capture'":
            self.tcpdump = ""
            return ""
        match = self._line.fullmatch(line)
        if match and bool(match["sudo"]) == bool(sudo):
            self.tcpdump, session["runs"] = "4242", True
            return recorded("tcpdump")
        return super().command(session, line)

    def left_behind(self) -> str:
        return self.tcpdump


class VyosCapturing(LinuxCapturing):
    """The same behind VyOS's prompt, by a user who is not root."""

    prompt = platforms.Vyos.prompt
    login_lines = platforms.Vyos.login_lines
    user_id = "1002"


class AsaCapturing(platforms.CiscoAsa, Capturing):
    """Captures stay until they are removed; what is asked of interfaces and the clock."""

    unknown = "                     ^\nERROR: % Invalid input detected at '^' marker."
    macs: t.ClassVar[dict[str, str]] = {"inside": "0050.56aa.0003", "outside": "0050.56aa.0001"}
    _line = re.compile(
        r"capture (?P<name>[\w-]+) type (?P<kind>raw-data interface (?P<interface>\S+)|asp-drop all)"
        r" buffer (?P<buffer>\d+) packet-length \d+ match"
        r" (?P<match>(?:tcp|udp|icmp|ip)(?: host [\d.]+(?: eq \d+)?){2})")

    echo = AsaDevice.echo  # its lines are longer than the screen

    def __init__(self, name: str, fault: Fault | None = None) -> None:
        super().__init__(name, fault)
        self.captures: dict[str, dict[str, str]] = {}

    def command(self, session: Session, line: str) -> str | None:
        made = self._line.fullmatch(line)
        if made and (made["interface"] or "inside") in self.macs and made["name"] not in self.captures:
            self.captures[made["name"]] = {**made.groupdict(default=""), "state": "Capturing"}
            return ""
        one = re.fullmatch(r"(?:show capture|no capture|capture) (?P<name>[\w-]+)(?: (?P<word>stop|detail))?", line)
        if line == "show capture":
            return "\n".join(
                f"capture {name} type {one['kind']} buffer {one['buffer']} packet-length 160 [{one['state']} - 224 "
                f"bytes] \n  match {one['match']}" for name, one in self.captures.items())
        if one and one["name"] in self.captures:
            return self._about(line, one["name"])
        interface = re.fullmatch(r"show interface (\S+)", line)
        if interface and interface[1] in self.macs:
            return (f'Interface GigabitEthernet0/0 "{interface[1]}", is up, line protocol is up\n  Hardware is '
                    f"net_vmxnet3, BW 10000 Mbps, DLY 10 usec\n\tMAC address {self.macs[interface[1]]}, MTU 1500")
        if line == "show clock":
            return "10:00:00.250 UTC Thu Nov 26 2026"
        return self.unknown if line else ""

    def _about(self, line: str, name: str) -> str:
        if line == f"no capture {name}":
            del self.captures[name]
            return ""
        if line == f"capture {name} stop":
            self.captures[name]["state"] = "Stopped"
            return ""
        if line == f"show capture {name} detail":
            return recorded(f"asa_{self.captures[name]['interface'] or 'drop'}")
        return self.unknown

    def left_behind(self) -> str:
        return ", ".join(self.captures)


class _Grammar(IosGrammar):
    lines = {**IosGrammar.lines,
             r"ip access-list .*": r"permit (ip|tcp|udp|icmp)( host [\d.]+( eq \d+)?){2}"}


class IosCapturing(IosDevice):
    """A capture point is made of lines, and stays when it has ended; a started one takes no more of them."""

    grammar = _Grammar()
    macs: t.ClassVar[dict[str, str]] = {"GigabitEthernet1": "0050.56bb.0001", "GigabitEthernet2": "0050.56bb.0002",
                                        "GigabitEthernet2.100": "0050.56bb.0002"}
    _lines = (r"interface \S+ (both|in|out)", r"access-list \S+", r"buffer size \d+",
              r"limit packets \d+ duration \d+ packet-len \d+")

    def __init__(self, name: str, fault: Fault | None = None) -> None:
        super().__init__(name, f"hostname {name}\ninterface GigabitEthernet1\ninterface GigabitEthernet2\n", fault)
        self.points: dict[str, list[str]] = {}
        self.active: set[str] = set()
        self.before = self.shown()

    def command(self, session: Session, line: str) -> str | None:
        point = re.fullmatch(r"(?P<no>no )?monitor capture (?P<name>\w{1,8})(?: (?P<rest>.+))?", line)
        if point:
            return self._point(bool(point["no"]), point["name"], point["rest"] or "")
        if line == "show monitor capture":
            return "".join(self._status(name) for name in self.points)
        shown = re.fullmatch(r"show monitor capture (\w+) buffer( detailed)?", line)
        if shown and shown[1] in self.points:
            return recorded("ios_detailed" if shown[2] else "ios_buffer")
        listed = re.fullmatch(r"show ip access-lists (\S+)", line)
        if listed:
            entries = self.running.get(f"ip access-list extended {listed[1]}")
            numbered = [f"    {10 * at} {text}" for at, text in enumerate(entries or (), 1)]
            return "" if entries is None else "\n".join([f"Extended IP access list {listed[1]}", *numbered])
        mac = re.fullmatch(r"show interfaces (\S+) \| include address is", line)
        if mac and mac[1] in self.macs:
            return f"  Hardware is CSR vNIC, address is {self.macs[mac[1]]} (bia {self.macs[mac[1]]})"
        return super().command(session, line)

    def _point(self, no: bool, name: str, rest: str) -> str:
        if no:
            self.active.discard(name)
            return "" if self.points.pop(name, None) is not None else f"Capture {name} does not exist"
        if rest in ("start", "stop"):
            if (rest == "start") == (name in self.active) or name not in self.points:
                return f"Capture {name} is not active Failed to Stop"
            self.active ^= {name}
            return f"{'Started' if rest == 'start' else 'Stopped'} capture point : {name}"
        if name in self.active or not any(re.fullmatch(one, rest) for one in self._lines):
            return self.unknown
        self.points.setdefault(name, []).append(rest)
        return ""

    def _status(self, name: str) -> str:
        state = "Active" if name in self.active else "Inactive"
        return (f"\nStatus Information for Capture {name}\n  Target Type: \n Interface: GigabitEthernet1, Direction: "
                f"BOTH\n   Status : {state}\n  Filter Details: \n   Access-list: NPS\n  Buffer "
                "Details: \n   Buffer Type: LINEAR (default)\n   Buffer Size (in MB): 1\n")

    def left_behind(self) -> str:
        return ", ".join([*self.points, *([] if self.shown() == self.before else ["a changed configuration"])])


class FortinetCapturing(platforms.Fortinet, Capturing):
    """A sniffer prints while it runs, and gives the prompt back after its count or after Ctrl-C."""

    _line = re.compile(r"diagnose sniffer packet (?P<interface>\S+) '(?P<words>[^']+)' 4 (?P<count>\d+) a")
    links = "if=lo family=00 type=772 index=1\nif=port1 family=00 type=1 index=4\nif=port2 family=00 type=1 index=5"

    def shown_prompt(self, session: Session) -> str:
        return "" if session.get("runs") else super().shown_prompt(session)

    def pages(self, answer: str) -> list[str]:
        return [answer] if answer.startswith("Using Original") else super().pages(answer)

    def interrupt(self, session: Session) -> str:
        return f"^C\n{self._end(4)}" if session.pop("runs", False) else "^C"

    def command(self, session: Session, line: str) -> str | None:
        match = self._line.fullmatch(line)
        if not match:
            return self.links if line == "diagnose netlink interface list" else super().command(session, line)
        packets = recorded("fortinet").splitlines()
        shown = packets[: int(match["count"])]
        session["runs"] = len(shown) < int(match["count"])
        head = ["Using Original Sniffing Mode", f"interfaces=[{match['interface']}]", f"filters=[{match['words']}]"]
        return "\n".join([*head, *shown, *([] if session["runs"] else [self._end(len(shown))])])

    def _end(self, count: int) -> str:
        return f"{count} packets received by filter\n0 packets dropped by kernel"


class PaloaltoCapturing(platforms.PaloaltoPanos, Capturing):
    """One packet-diag for all; its files stay beside its settings until they are deleted."""

    login_lines: t.ClassVar[dict[str, str]] = {
        **platforms.PaloaltoPanos.login_lines, "show system info": "hostname: fw1\noperational-mode: normal"}
    stages = ("receive", "firewall", "transmit", "drop")
    counts: t.ClassVar[dict[str, int]] = {"receive": 2, "firewall": 0, "transmit": 1, "drop": 1}

    def __init__(self, name: str, fault: Fault | None = None) -> None:
        super().__init__(name, fault)
        self.filters: list[str] = []
        self.on: set[str] = set()  # filter, capture
        self.files: dict[str, str] = {}  # by stage
        self.pcaps: set[str] = set()

    def command(self, session: Session, line: str) -> str | None:
        diag = re.fullmatch(r"debug dataplane packet-diag (.+)", line)
        if diag:
            return self._diag(diag[1])
        if line == "show clock":
            return "Thu Nov 26 10:00:00 UTC 2026"
        file = re.fullmatch(
            r"(?:delete debug-filter file|view-pcap no-dns-lookup yes no-port-lookup yes filter-pcap) (\S+)", line)
        if file and file[1] in self.pcaps:
            if line.startswith("view"):
                return recorded(f"panos_{file[1].removeprefix('NPS-')}")
            self.pcaps.discard(file[1])
            return f"successfully removed {file[1]}"
        if file:
            return f"Server error : {file[1]}: No such file or directory"
        return self.unknown if line else ""

    def _diag(self, words: str) -> str:
        matched = re.fullmatch(r"set filter match (source [\d.]+( source-port \d+)? destination [\d.]+"
                               r"( destination-port \d+)?( protocol \d+)?)", words)
        stage = re.fullmatch(r"set capture stage (receive|firewall|transmit|drop) packet-count (\d+) file (\S+)", words)
        switch = re.fullmatch(r"set (filter|capture) (on|off)", words)
        if words == "show setting":
            return self._setting()
        if matched and len(self.filters) < 4:
            self.filters.append(matched[1])
        elif stage:
            self.files[stage[1]] = stage[3]
        elif switch:
            (self.on.add if switch[2] == "on" else self.on.discard)(switch[1])
            if words == "set capture on":
                self.pcaps |= {file for at, file in self.files.items() if self.counts[at]}
            return f"packet {switch[1]} is {switch[2]}"
        elif words == "clear all":
            self.filters, self.on, self.files = [], set(), {}
        else:
            return self.unknown
        return ""

    def _setting(self) -> str:
        rule = "-" * 80
        yes = {name: "yes" if name in self.on else "no" for name in ("filter", "capture")}
        filters = "".join(
            f"  Index {at}: {text}\n           ingress-interface any, egress-interface any, exclude non-IP\n"
            for at, text in enumerate(self.filters, 1))
        stages = "".join(
            f"  Stage {stage:9}:  file {file}\n    Captured:     packets - {self.counts[stage] if self.pcaps else 0}"
            "          bytes - 120\n    Maximum:      packets - 100        bytes - 0\n"
            for stage, file in self.files.items())
        return "\n".join([
            rule, "Packet diagnosis setting:", rule, "Packet filter", f"  Enabled:                   {yes['filter']}",
            f"  Match pre-parsed packet:   no\n{filters}{rule}", "Logging", "  Enabled:                   no",
            "  Log-throttle:              no", "  Aggregate-to-single-file:  yes", "  Features:", "  Counters:", rule,
            "Packet capture", f"  Enabled:                   {yes['capture']}", "  Snaplen:                   0",
            f"{stages}{rule}"])

    def left_behind(self) -> str:
        return ", ".join([*self.filters, *self.on, *self.files, *self.pcaps])
