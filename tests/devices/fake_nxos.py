# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Cisco NX-OS that is configured: what is typed is in force at once, checkpoints, features that are off.

A line is tried in the mode where it is typed before the modes around that are. Everything in EXEC mode is known in the
configuration too.
"""

from __future__ import annotations

import copy
import re

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_bgp import equal_ways
from ansible_collections.netpath.symmetry.tests.devices.fake_config import (
    LineDevice,
    LineGrammar,
    Path,
    Session,
    Tree,
    at,
)

_MODES = {"interface": "if", "ip": "acl", "route-map": "route-map", "router": "router", "neighbor": "router-neighbor",
          "address-family": "router-neighbor-af", "ip sla": "ip-sla", "icmp-echo": "ip-sla-echo", "track": "track"}
_RUNNING = "life forever start-time now"
_OBJECTS = 500  # tracked objects are counted up to this


class NxosGrammar(LineGrammar):
    sections = {
        r"interface \S+": "", r"route-map \S+ permit \d+": "", r"ip access-list \S+": "", r"router bgp \d+": "",
        r"neighbor [\da-f.:]+( remote-as \d+)?": r"router bgp \d+",
        r"address-family ipv[46] unicast": r"router bgp \d+|neighbor .*",
        r"ip sla \d+": "", r"icmp-echo [\d.]+": r"ip sla \d+", r"track \d+ ip sla \d+ reachability": "",
    }
    lines = {
        r"interface .*": r"ip policy route-map \S+|ip verify unicast source reachable-via (rx|any( allow-default)?)",
        r"ip access-list .*": r"permit (ip|tcp|udp|icmp)( any| [\d.]+/\d+){2}( eq \d+)?",
        r"route-map .*": r"match ip address \S+|set ip next-hop [\d.]+"
                         r"|set ip next-hop verify-availability [\d.]+ track \d+|set (local-preference|metric) \d+"
                         r"|set as-path prepend [\d ]+",
        r"icmp-echo .*": r"frequency \d+",
        "": r"ip sla schedule \d+ life forever start-time now",
        r"address-family .*": r"route-map \S+ (in|out)",
    }
    single = ("ip policy route-map ", "ip verify unicast ", "set local-preference ", "set metric ")
    lists = ("set ip next-hop ",)


class NxosDevice(platforms.CiscoNxos, LineDevice):
    """``checkpoints``: what each holds."""

    grammar = NxosGrammar()
    order = ("hostname", "feature", "ip access-list", "ip sla", "track", "route-map", "vrf", "interface", "router")
    ports = {"80": "www", "23": "telnet", "179": "bgp"}
    numbered = ("ip access-list",)
    indent = 2

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, config, fault)
        self.checkpoints: dict[str, Tree] = {}

    def left_behind(self) -> str:
        return ", ".join(self.checkpoints)

    def shown_prompt(self, session: Session) -> str:
        path = session.get("path")
        words = path[-1].split() if path else [""]
        named = _MODES.get(" ".join(words[:2])) or _MODES.get(words[0])
        mode = "" if path is None else f"(config{f'-{named}' if named else ''})"
        return f"{self.name}{mode}# "

    def configure(self, session: Session, path: Path, line: str) -> str:
        if re.match(r"(show|clear|copy|checkpoint|no checkpoint|rollback|configure) ", line):
            return self.command(session, line) or ""
        if (re.match(r"(no )?route-map ", line) and path and path[-1].startswith("address-family")
                and not re.search(r" (in|out)$", line)):  # there it is what puts one on a neighbor
            return self.unknown
        watched = self._watch(path, line)
        if watched is not None:
            return watched
        if "ip policy" in line and "feature pbr" not in self.running:
            return self.unknown
        if len(path) == 2 and path[-1].startswith("address-family") and equal_ways(at(self.running, path), line):
            return ""
        return super().configure(session, path, line)

    def _watch(self, path: Path, line: str) -> str | None:
        """What is said to a line about probes and tracked objects; None where there is nothing particular to say.

        A probe that is scheduled takes no change; it goes as a whole, and its schedule with it. An object that a
        route-map names stays.
        """
        if re.match(r"(no )?ip sla ", line) and "feature sla sender" not in self.running:
            return self.unknown
        off = re.fullmatch(r"no (ip sla schedule|ip sla|track) (\d+)", line)
        if off:
            return self._unwatch(off[1], int(off[2]))
        probe = re.fullmatch(r"ip sla (\d+)", path[0] if path and not line.startswith("ip sla ") else line)
        if probe and f"ip sla schedule {probe[1]} {_RUNNING}" in self.running and re.match("ip sla|icmp|freq", line):
            return "Entry already running and cannot be modified\n\t(only can delete (no) and start over)"
        scheduled = re.match(r"ip sla schedule (\d+) ", line)
        if scheduled and not self.running.get(f"ip sla {scheduled[1]}"):
            return f"ERROR: IP SLA {scheduled[1]} is not configured"
        tracked = re.match(r"track (\d+) ", line)
        if tracked and not 0 < int(tracked[1]) <= _OBJECTS:
            return self.unknown
        hop = re.match(r"set ip next-hop (verify-availability [\d.]+ track (\d+)$)?", line)
        return self._hop(path, line, hop) if hop and path else None

    def _hop(self, path: Path, line: str, hop: re.Match[str]) -> str | None:
        """Next hops that are watched are lines beside each other, which have none beside them that is not."""
        there = [text for text in self.running.get(path[-1], {}) if text.startswith("set ip next-hop ")]
        if any(("verify-availability" in text) != bool(hop[1]) for text in there):
            return "ERROR: verify-availability and other next hops exclude each other"
        if not hop[1]:
            return None
        if not any(text.startswith(f"track {hop[2]} ") for text in self.running):
            return f"ERROR: Object {hop[2]} is not configured"
        at(self.running, path)[line] = {}
        return ""

    def _unwatch(self, what: str, number: int) -> str:
        gone = {"ip sla": [f"ip sla {number}", f"ip sla schedule {number} {_RUNNING}"],
                "ip sla schedule": [f"ip sla schedule {number} {_RUNNING}"],
                "track": [text for text in self.running if text.startswith(f"track {number} ")]}[what]
        named = [text for section in self.running.values() for text in section if text.endswith(f" track {number}")]
        if what == "track" and named:
            return f"ERROR: Object {number} is in use"
        for text in gone:
            self.running.pop(text, None)
        return ""

    def command(self, session: Session, line: str) -> str | None:
        if line == "configure terminal":
            session["path"] = ()
            return "Enter configuration commands, one per line. End with CNTL/Z."
        if re.match(r"(no )?checkpoint |rollback ", line):
            return self._checkpoint(line)
        if line == "copy running-config startup-config":
            self.startup = copy.deepcopy(self.running)
            return "".join(f"[{'#' * at:40}] {at * 5 // 2:3}%\r" for at in (4, 20, 40)) + "\nCopy complete."
        if re.fullmatch(r"clear (ip bgp|bgp ipv6 unicast) \S+ soft (in|out)", line):
            self.cleared.append(line)
            return ""
        if line == "show running-config":
            return self.shown()
        if line == "show checkpoint summary":
            listed = "".join(f"{number}) {name}:\nCreated by admin\nCreated at Thu, 10:00:00 26 Nov 2026\n"
                             f"Size is 15,568 bytes\nDescription: None\n\n"
                             for number, name in enumerate(self.checkpoints, 1))
            return f"User Checkpoint Summary\n{'-' * 80}\n{listed}\nSystem Checkpoint Summary\n{'-' * 80}\n"
        return super().command(session, line)

    def _checkpoint(self, line: str) -> str:
        name = line.split()[-2] if line.startswith("rollback ") else line.split()[-1]
        if line.startswith("checkpoint "):
            if name in self.checkpoints:
                return "ERROR: Checkpoint name already exists"
            self.checkpoints[name] = copy.deepcopy(self.running)
            return "..Done"
        if name not in self.checkpoints:
            return "ERROR: Checkpoint does not exist"
        if line.startswith("no "):
            del self.checkpoints[name]
            return ""
        if not re.fullmatch(r"rollback running-config checkpoint \S+ atomic", line):
            return self.unknown
        self.running = copy.deepcopy(self.checkpoints[name])
        return ("Note: Applying config parallelly may fail Rollback verification\nCollecting Running-Config\n"
                "#Generating Rollback Patch\nExecuting Rollback Patch\nGenerating Running-config for verification\n"
                "Generating Patch for verification\nVerification is Successful.\n\nRollback completed successfully.\n")

    def shown(self) -> str:
        body, last = "", ""
        for text in sorted(self.running, key=self._place):
            word = text.split()[0]
            together = word == last == "feature" or text.startswith("ip sla schedule ")
            body += ("" if together else "\n") + f"{text}\n{self._below(self.running[text], text, 1)}"
            last = word
        spaced = r"^( +(?:match ip address|set ip next-hop) .*)$"  # as the switch has it
        body = re.sub(spaced, r"\1 ", body, flags=re.M)
        return ("\n!Command: show running-config\n!Running configuration last done at: Thu Nov 26 09:00:00 2026\n"
                f"!Time: Thu Nov 26 10:00:00 2026\n\nversion 9.3(8) Bios:version 07.69 \n{body}\n\n")

    def _place(self, text: str) -> tuple[int, int, bool]:
        """Probes and objects by their numbers, each probe with its schedule behind it."""
        kind = next(place for place, begin in enumerate(self.order) if text.startswith(begin))
        probe = re.match(r"(?:ip sla|track) (schedule )?(\d+)", text)
        return (kind, int(probe[2]), bool(probe[1])) if probe else (kind, 0, False)
