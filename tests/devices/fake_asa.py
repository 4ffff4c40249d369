# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Cisco ASA that is configured: what is typed is in force at once; what is in use is not taken away.

Access lists are lines without a section, ports and addresses are shown by their names.
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

_PROMPTS = {"interface": "if", "route-map": "route-map", "class-map": "cmap", "policy-map": "pmap", "class": "pmap-c",
            "router": "router", "address-family": "router-af", "sla": "sla-monitor", "type": "sla-monitor-echo",
            "track": "track"}
_RUNNING = "life forever start-time now"


class AsaGrammar(LineGrammar):
    sections = {
        r"interface \S+": "", r"route-map \S+ permit \d+": "", r"class-map \S+": "", r"policy-map \S+": "",
        r"class \S+": r"policy-map \S+", r"router bgp \d+": "", r"address-family ipv[46] unicast": r"router bgp \d+",
        r"sla monitor \d+": "", r"type echo protocol ipIcmpEcho [\d.]+ interface \S+": r"sla monitor \d+",
        r"track ([1-9]\d?|[1-4]\d\d|500) rtr \d+ reachability": "",
    }
    lines = {
        r"interface .*": r"policy-route route-map \S+|zone-member \S+",
        r"route-map .*": r"match ip address \S+|set ip next-hop [\d.]+"
                         r"|set ip next-hop verify-availability [\d.]+ \d+ track \d+|set (local-preference|metric) \d+"
                         r"|set as-path prepend [\d ]+",
        r"class-map .*": r"match access-list \S+",
        r"class .*": r"set connection advanced-options tcp-state-bypass",
        r"address-family .*": r"neighbor [\da-f.:]+ route-map \S+ (in|out)",
        r"type echo .*": r"frequency \d+",
        "": r"access-list \S+ extended permit (ip|tcp|udp|icmp)( any4?| host [\d.]+| [\d.]+ 255[\d.]+){2}( eq \d+)?"
            r"|sla monitor schedule \d+ life forever start-time now"
            r"|ip verify reverse-path interface \S+|service-policy \S+ interface \S+",
    }
    single = ("policy-route ", "zone-member ", "set local-preference ", "set metric ")
    lists = ("set ip next-hop ",)


class AsaDevice(platforms.CiscoAsa, LineDevice):
    """``unit``: what it says of itself where it is one of a pair."""

    grammar = AsaGrammar()
    order = ("hostname", "names", "name ", "zone", "interface", "access-list", "route-map", "ip verify", "router",
             "sla monitor", "track", "class-map", "policy-map", "service-policy")
    ports = {"443": "https", "80": "www", "22": "ssh", "53": "domain"}
    numbered = ()
    unknown = "                         ^\nERROR: % Invalid input detected at '^' marker."

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, config, fault)
        self.unit = ""

    def shown_prompt(self, session: Session) -> str:
        path = session.get("path")
        if session.get("asks") or path is None:
            return super().shown_prompt(session) + ("" if session.get("asks") else " ")
        return f"{self.name}(config{f'-{_PROMPTS[path[-1].split()[0]]}' if path else ''})# "

    def echo(self, session: Session, typed: str) -> str:
        """A line that is longer than the screen is drawn anew, moved to the left."""
        prompt = self.shown_prompt(session)
        over = len(prompt) + len(typed) - 80
        return f"\r{prompt}${typed[-(69 - len(prompt)):]}" if over >= 0 and over % 10 == 0 else typed[-1]

    def configure(self, session: Session, path: Path, line: str) -> str:
        if path and path[-1].startswith("address-family") and equal_ways(at(self.running, path), line):
            return ""
        refused = self._in_use(line[3:]) if line.startswith("no ") else (
            self._probe(path, line) or self._missing(path, line))
        if refused or not re.match(r"no (sla monitor|track) ", line):
            return refused or super().configure(session, path, line)
        return self._unwatch(line)

    def _probe(self, path: Path, line: str) -> str:
        """A probe that is scheduled takes no change, and is not even entered."""
        probe = re.fullmatch(r"sla monitor (\d+)", line if line.startswith("sla ") or not path else path[0])
        if probe and f"sla monitor schedule {probe[1]} {_RUNNING}" in self.running and re.match("sla|type|freq", line):
            return "Entry already running and cannot be modified\n\t(only can delete (no) and start over)"
        return ""

    def _unwatch(self, line: str) -> str:
        """``no``, with the number alone; a probe goes as a whole, and its schedule with it."""
        off = re.fullmatch(r"no (sla monitor schedule|sla monitor|track) (\d+)", line)
        if not off:
            return self.unknown
        for text in [text for text in self.running if text == f"{off[1]} {off[2]}" or text.startswith(
                (f"{off[1]} {off[2]} ", *([f"sla monitor schedule {off[2]} "] if off[1] == "sla monitor" else [])))]:
            del self.running[text]
        return ""

    def _missing(self, path: Path, line: str) -> str:
        """What a line refers to must be there."""
        words = line.split()
        if words[0] == "zone-member":
            there = [text for text in self.running.get(path[-1] if path else "", {}) if text.startswith("zone-member ")]
            if f"zone {words[1]}" not in self.running:
                return f"ERROR: Zone {words[1]} does not exist"
            return f"ERROR: Interface is already a member of {there[0].split()[1]}" if there else ""
        if words[0] == "class" and f"class-map {words[1]}" not in self.running:
            return f"ERROR: % class-map {words[1]} not configured"
        if line.startswith("match access-list ") and not self._list(words[2]):
            return f"ERROR: access-list {words[2]} does not exist"
        if line.startswith("ip verify ") and words[-1] not in self._named():
            return self.unknown
        if words[0] == "type" and words[-1] not in self._named():
            return self.unknown
        if line.startswith("sla monitor schedule ") and not self.running.get(f"sla monitor {words[3]}"):
            return f"ERROR: SLA monitor {words[3]} is not configured"
        if "verify-availability" in line and not any(text.startswith(f"track {words[-1]} ") for text in self.running):
            return f"ERROR: track object {words[-1]} does not exist"
        if words[0] == "service-policy":
            on = [text for text in self.running if re.fullmatch(rf"service-policy \S+ interface {words[-1]}", text)]
            if f"policy-map {words[1]}" not in self.running or words[-1] not in self._named():
                return f"ERROR: Policy map {words[1]} not configured"
            return f"ERROR: {on[0]} is there already" if on and on != [line] else ""
        return ""

    def _in_use(self, line: str) -> str:
        words = line.split()
        top = list(self.running)
        below = [text for section in self.running.values() for text in section]
        if words[0] == "policy-map" and any(text.startswith(f"service-policy {words[1]} ") for text in top):
            return f"ERROR: % policy-map {words[1]} is in use"
        if words[0] == "class-map" and f"class {words[1]}" in below:
            return f"ERROR: % class-map {words[1]} is being used"
        if words[0] == "route-map" and f"policy-route route-map {words[1]}" in below:
            return f"ERROR: route-map {words[1]} is in use"
        if words[0] == "track" and any(text.endswith(f" track {words[1]}") for text in (*top, *below)):
            return f"ERROR: track object {words[1]} is in use"
        if words[0] == "access-list":
            if line not in top:
                return "Specified access-list does not exist"
            used = f"match access-list {words[1]}" in below or f"match ip address {words[1]}" in below
            return f"ERROR: access-list {words[1]} is in use" if used and len(self._list(words[1])) == 1 else ""
        return ""

    def _list(self, name: str) -> list[str]:
        return [text for text in self.running if text.startswith(f"access-list {name} ")]

    def _named(self) -> list[str]:
        return [text[7:] for section in self.running.values() for text in section if text.startswith("nameif ")]

    def command(self, session: Session, line: str) -> str | None:
        if line == "configure terminal":
            session["path"] = ()
            return ""
        if line == "write memory":
            self.startup = copy.deepcopy(self.running)
            return ("Building configuration...\nCryptochecksum: 6ad3a3f0 e2d2fd56 0a1c6a2b 1f0e6b7c\n\n"
                    "8213 bytes copied in 0.290 secs\n[OK]")
        if re.fullmatch(r"clear bgp [\da-f.:]+ soft (in|out)", line):
            self.cleared.append(line)
            return ""
        if line == "show running-config":
            return self.shown()
        if line == "show failover | include This":
            return self.unit
        return super().command(session, line)

    def shown(self) -> str:
        names = {text.split()[1]: text.split()[2] for text in self.running if text.startswith("name ")}
        body = ""
        for text in sorted(self.running, key=self._place):
            below = self._lines(self.running[text], 1)
            for line in re.findall(r"^ +(?:ip address|set ip next-hop|type echo) .*$", below, re.M):
                below = below.replace(line, _named(line, names))
            named = _named(text, names) if text.startswith("access-list") else text
            body += f"{self._with_ports(named)}\n{below}"
            body += "!\n" if self.running[text] else ""
        return (": Saved\n\n: \n: Serial Number: 9AKWL4F31QX\n: Hardware:   ASAv, 2048 MB RAM\n:\n"
                f"ASA Version 9.16(4) \n!\n{body}prompt hostname context \n"
                "Cryptochecksum:6ad3a3f0e2d2fd560a1c6a2b1f0e6b7c\n: end\n")

    def _place(self, text: str) -> tuple[int, int]:
        """Checks in the order of their interfaces; probes and objects by their numbers, schedules behind probes."""
        kind = next(place for place, begin in enumerate(self.order) if text.startswith(begin))
        probe = re.match(r"(?:sla monitor|track) (schedule )?(\d+)", text)
        if probe:
            return kind, 2 * int(probe[2]) + bool(probe[1])
        return kind, self._named().index(text.split()[-1]) if text.startswith("ip verify ") else 0

    def _with_ports(self, text: str) -> str:
        return re.sub(r"(?<= eq )\d+$", lambda match: self.ports.get(match[0], match[0]), text)

    def _lines(self, tree: Tree, depth: int) -> str:
        found = ""
        for text, inner in tree.items():
            space = " " if text.startswith("ip address ") else ""  # as the device has it
            found += f"{' ' * depth}{text}{space}\n{self._lines(inner, depth + 1)}"
            found += " exit-address-family\n" if text.startswith("address-family ") else ""
        return found


def _named(text: str, names: dict[str, str]) -> str:
    """Names in the place of addresses."""
    return re.sub(r"(?<![\d.])\d+(\.\d+){3}(?![\d.])", lambda match: names.get(match[0], match[0]), text)
