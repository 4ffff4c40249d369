# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Arista EOS that is configured: sessions, and commits that wait."""

from __future__ import annotations

import copy
import re

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import (
    LineDevice,
    LineGrammar,
    Path,
    Pending,
    Session,
    Tree,
)


class EosGrammar(LineGrammar):
    sections = {
        r"interface \S+": "", r"route-map \S+ permit \d+": "", r"ip access-list \S+": "", r"router bgp \d+": "",
        r"class-map type pbr match-any \S+": "", r"policy-map type pbr \S+": "",
        r"class \S+": r"policy-map type pbr \S+",
    }
    lines = {
        r"interface .*": r"service-policy type pbr input \S+"
                         r"|ip verify unicast source reachable-via (rx|any)( allow-default)?",
        r"route-map .*": r"set (local-preference|metric) \d+|set as-path prepend [\d ]+",
        r"ip access-list .*": r"permit (ip|tcp|udp|icmp)( any| host [\d.]+| [\d./]+){2}( eq \d+)?",
        r"class-map .*": r"match ip access-group \S+",
        r"class \S+": r"set nexthop [\d.]+",
        r"router bgp .*": r"neighbor [\da-f.:]+ route-map \S+ (in|out)|maximum-paths \d+",
    }
    single = ("service-policy type pbr input ", "ip verify unicast ", "set local-preference ", "set metric ",
              "maximum-paths ")


class EosDevice(platforms.AristaEos, LineDevice):
    """Arista EOS: what is typed is in force when its session is committed; with a timer, until that runs out."""

    grammar = EosGrammar()
    order = ("hostname", "interface", "ip access-list", "class-map", "policy-map", "route-map", "router")
    ports = {"80": "www", "443": "https", "53": "domain"}
    indent = 3
    numbered = ("ip access-list", "class-map", "policy-map")

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, config, fault)
        self.sessions: dict[str, Tree] = {}  # that are open

    def left_behind(self) -> str:
        return ", ".join(self.sessions)

    def head(self, body: str) -> str:
        return f"! Command: show running-config\n! device: {self.name} (EOS-4.32.2F)\n"

    def target(self, session: Session) -> Tree:
        return self.sessions[session["name"]]

    def configure(self, session: Session, path: Path, line: str) -> str:
        timed = re.fullmatch(r"commit(?: timer (\d\d):(\d\d):(\d\d))?", line)
        if line != "abort" and not timed:
            return super().configure(session, path, line)
        name = session.pop("name")
        del session["path"]
        candidate = self.sessions.pop(name)
        if timed and timed[1]:
            hours, minutes, seconds = map(int, timed.groups())
            self.pending = Pending(self.clock + 3600 * hours + 60 * minutes + seconds, self.running, name)
        if timed:
            self.running = candidate
        return ""

    def command(self, session: Session, line: str) -> str | None:
        match = re.fullmatch(r"configure session (?P<name>\S+)(?: (?P<what>abort|commit))?", line)
        if match and not match["what"]:
            self.sessions.setdefault(match["name"], copy.deepcopy(self.running))
            session.update(name=match["name"], path=())
            return ""
        if match:
            return self._ended(match["name"], match["what"])
        if line == "write memory":
            self.startup = copy.deepcopy(self.running)
            return "Copy completed successfully."
        if line == "show running-config":
            return self.shown()
        if line == "show configuration sessions detail":
            return self._listed()
        return super().command(session, line)

    def _ended(self, name: str, what: str) -> str:
        if self.pending and self.pending.name == name:
            if what == "abort":
                self.take_back()
            self.pending = None
            return ""
        there = what == "abort" and self.sessions.pop(name, None) is not None
        return "" if there else "% Error: session does not exist"

    def _listed(self) -> str:
        rows = [(name, "pending") for name in self.sessions]
        rows += [(self.pending.name, "pendingCommitTimer")] if self.pending else []
        return ("Maximum number of completed sessions: 1\nMaximum number of pending sessions: 5\n\n"
                "  Name         State                User    Terminal\n"
                + "".join(f"  {name:12} {state:20} admin   vty7\n" for name, state in rows))
