# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fake devices that are configured: lines under lines, modes, rejected lines, timers, what is saved.

Time is the fake's own (``clock``, in seconds): a test lets it pass with ``advance``. The grammar knows only what the
collection types, so that another line is rejected as a device would.
"""

from __future__ import annotations

import copy
import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import FakeDevice, Fault

Tree = dict[str, "Tree"]
Path = tuple[str, ...]
Session = dict[str, t.Any]
ALWAYS = "life forever start-time now"


def read_lines(text: str) -> Tree:
    """A tree of indented lines, in their order."""
    tree: Tree = {}
    stack: list[tuple[int, Tree]] = [(-1, tree)]
    for raw in text.splitlines():
        if not raw.strip() or raw.startswith("!"):
            continue
        depth = len(raw) - len(raw.lstrip())
        while stack[-1][0] >= depth:
            stack.pop()
        stack.append((depth, stack[-1][1].setdefault(raw.strip(), {})))
    return tree


def at(tree: Tree, path: t.Iterable[str]) -> Tree:
    for text in path:
        tree = tree.setdefault(text, {})
    return tree


@dataclasses.dataclass
class Pending:
    """A change that waits for its confirmation."""

    until: float
    before: Tree
    name: str = ""


class Configured(FakeDevice):
    """A device with a running and a saved configuration, and a clock."""

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, {}, fault)
        self.running = read_lines(config)
        self.startup = copy.deepcopy(self.running)
        self.pending: Pending | None = None
        self.clock = 0.0
        self.cleared: list[str] = []  # resets of BGP
        self.deaf: tuple[str, ...] = ()  # lines that are taken, and do nothing

    def advance(self, seconds: float) -> None:
        """Let time pass; a timer that runs out takes the change back."""
        self.clock += seconds
        if self.pending and self.clock >= self.pending.until:
            self.take_back()

    def take_back(self) -> None:
        assert self.pending is not None
        self.running = self.pending.before
        self.pending = None

    def shown(self) -> str:
        """The running configuration as the platform shows it."""
        raise NotImplementedError

    def left_behind(self) -> str:
        """What somebody would have to clear away beside the configuration (an open session, a lock), or nothing."""
        return ""

    @property
    def typed(self) -> list[str]:
        """What was received but for questions."""
        return [line for line in self.received if not re.match(r"(do )?show ", line)]


class LineGrammar:
    """What may be typed under what: sections by their first line, and the lines of each."""

    # The first line of a section, by the section that it is under ("": none), and the lines that it takes.
    sections: t.ClassVar[dict[str, str]] = {}
    lines: t.ClassVar[dict[str, str]] = {}
    single: t.ClassVar[tuple[str, ...]] = ()  # beginnings of lines of which a section has one at most
    lists: t.ClassVar[tuple[str, ...]] = ()  # beginnings of lines whose values one line gathers

    def enter(self, path: Path, line: str) -> Path | None:
        """The section that a line begins, seen from where it is typed: below that, or below what that is in."""
        for depth in range(len(path), -1, -1):
            for pattern, under in self.sections.items():
                below = path[depth - 1] if depth else ""
                if re.fullmatch(pattern, line) and (re.fullmatch(under, below) if under else not depth):
                    return (*path[:depth], line)
        return None

    def takes(self, section: str, line: str) -> bool:
        return any(
            re.fullmatch(under, section) and re.fullmatch(pattern, line) for under, pattern in self.lines.items())

    def put(self, tree: Tree, path: Path, line: str) -> bool:
        """Put a line where it belongs; False where it belongs nowhere."""
        for depth in range(len(path), -1, -1):
            if self.takes(path[depth - 1] if depth else "", line):
                section = at(tree, path[:depth])
                for begin in self.lists:
                    there = [text for text in section if text.startswith(begin) and line.startswith(begin)]
                    for text in there:  # a device adds to the list
                        del section[text]
                        line = text if line[len(begin):] in text[len(begin):].split() else f"{text} {line[len(begin):]}"
                slot = self.slot(line)
                for text in [text for text in section if slot and self.slot(text) == slot]:
                    del section[text]
                section[line] = {}
                return True
        return False

    def slot(self, line: str) -> str:
        """The beginning of which a section has one line at most; empty for any other."""
        return max((begin for begin in self.single if line.startswith(begin)), key=len, default="")

    def remove(self, tree: Tree, path: Path, line: str) -> bool:
        """``no`` before a line or the first line of a section."""
        begun = self.enter(path, line)
        if begun is not None:
            at(tree, begun[:-1]).pop(line, None)
            return True
        for depth in range(len(path), -1, -1):
            if self.takes(path[depth - 1] if depth else "", line):
                at(tree, path[:depth]).pop(line, None)
                return True
        return False


class IosGrammar(LineGrammar):
    sections = {
        r"interface \S+": "", r"route-map \S+ permit \d+": "", r"ip access-list extended \S+": "",
        r"router bgp \d+": "", r"address-family ipv[46]": r"router bgp \d+", r"ip sla \d+": "",
        r"track \d+ ip sla \d+ reachability": "", "archive": "", r"zone security \S+": "",
    }
    lines = {
        r"interface .*": r"ip policy route-map \S+|ip verify unicast source reachable-via (rx|any)"
                         r"( allow-default)?( allow-self-ping)?( \d+)?|ip address .*|description .*"
                         r"|zone-member security \S+",
        r"route-map .*": r"match ip address \S+|set ip next-hop [\d.]+"
                         r"|set ip next-hop verify-availability [\d.]+ \d+ track \d+"
                         r"|set (local-preference|metric) \d+|set as-path prepend [\d ]+",
        r"ip access-list .*": r"permit (ip|tcp|udp|icmp)( any| host [\d.]+| [\d.]+ [\d.]+){2}( eq \d+)?",
        r"(router bgp|address-family) .*": r"neighbor [\da-f.:]+ .*|bgp .*|network .*"
                                              r"|maximum-paths( ibgp)? \d+",
        r"ip sla \d+": r"icmp-echo [\d.]+|frequency \d+",
        "": r"ip sla schedule \d+ life forever start-time now|hostname \S+",
        "archive": r"path \S+",
    }
    single = ("ip policy route-map ", "ip verify unicast ", "set local-preference ", "set metric ", "frequency ",
              "maximum-paths ibgp ", "maximum-paths ")
    lists = ("set ip next-hop ",)


class LineDevice(Configured):
    """What platforms of lines under lines have in common."""

    grammar: t.ClassVar[LineGrammar]
    order: t.ClassVar[tuple[str, ...]]
    ports: t.ClassVar[dict[str, str]]
    indent = 1
    numbered: t.ClassVar[tuple[str, ...]]  # sections whose lines are shown with numbers

    def target(self, session: Session) -> Tree:
        """The configuration that is typed into."""
        return self.running

    def shown_prompt(self, session: Session) -> str:
        path = session.get("path")
        if path is None:
            return f"{self.name}#"
        return f"{self.name[:20]}(config{'-sub' if path else ''})#"

    def handle(self, session: Session, line: str) -> str | None:
        self.advance(0)
        path: Path | None = session.get("path")
        if path is None:
            return super().handle(session, line)
        if line:
            self.received.append(line)
        if line in ("end", "exit"):
            session["path"] = path[:-1] if path and line == "exit" else None
            return ""
        return self.configure(session, path, line) if line else ""

    def configure(self, session: Session, path: Path, line: str) -> str:
        """A line in the mode of configuration."""
        if line in self.deaf:
            return ""
        tree = self.target(session)
        if line.startswith("no "):
            return "" if self.grammar.remove(tree, path, line[3:]) else self.unknown
        begun = self.grammar.enter(path, line)
        if begun is not None:
            at(tree, begun)
            session["path"] = begun
            return ""
        return "" if self.grammar.put(tree, path, line) else self.unknown

    def shown(self) -> str:
        body = ""
        for text in sorted(self.running, key=lambda text: next(at for at, begin in enumerate(self.order)
                                                               if text.startswith(begin))):
            body += f"{'' if 'schedule' in text else '!' + chr(10)}{text}\n{self._below(self.running[text], text, 1)}"
        return self.head(body) + f"{body}!\nend\n"

    def head(self, body: str) -> str:
        return f"Building configuration...\n\nCurrent configuration : {len(body)} bytes\n"

    def _below(self, tree: Tree, under: str, depth: int) -> str:
        found = ""
        for number, (text, inner) in enumerate(tree.items()):
            shown = re.sub(r"(?<= eq )\d+$", lambda match: self.ports.get(match[0], match[0]), text)
            sequence = f"{10 * (number + 1)} " if under.startswith(self.numbered) else ""
            found += f"{' ' * self.indent * depth}{sequence}{shown}\n" + self._below(inner, text, depth + 1)
        return found


class IosDevice(platforms.CiscoIos, LineDevice):
    """Cisco IOS: what is typed is in force at once; ``archive`` with a path gives timers."""

    grammar = IosGrammar()
    order = ("hostname", "archive", "track", "zone", "interface", "router", "ip access-list", "ip sla", "route-map")
    ports = {"80": "www", "53": "domain", "179": "bgp"}
    numbered = ("ip access-list",)

    @property
    def archived(self) -> bool:
        return any(text.startswith("path ") for text in self.running.get("archive", {}))

    def configure(self, session: Session, path: Path, line: str) -> str:
        if line.startswith("do "):
            return self.command(session, line[3:]) or ""
        if line.startswith("no "):
            return self.negate(session, path, line[3:])
        section = path[-1] if path else ""
        if (section.startswith("ip sla ") and self.grammar.takes(section, line)
                and f"ip sla schedule {section[7:]} {ALWAYS}" in self.running):
            return "Entry already running and cannot be modified\n\t(only can delete (no) and start over)"
        if line.startswith("zone-member security "):
            there = [text for text in self.running.get(section, {}) if text.startswith("zone-member security ")]
            if f"zone security {line.split()[2]}" not in self.running:
                return f"% Invalid zone {line.split()[2]}: it is not configured"
            if there and there != [line]:
                return f"% Error: interface is already a member of {there[0].split()[2]}"
        if line in ("maximum-paths 1", "maximum-paths ibgp 1"):  # by itself, and not shown
            return self.negate(session, path, line)
        return super().configure(session, path, line)

    def negate(self, session: Session, path: Path, line: str) -> str:
        if re.fullmatch(r"(ip sla schedule|track) \d+", line):
            for text in [text for text in self.running if text.startswith(f"{line} ")]:
                del self.running[text]
            return ""
        if re.fullmatch(r"maximum-paths( ibgp)?( \d+)?", line):
            for there in (at(self.running, path[:length]) for length in range(1, len(path) + 1)):
                for text in [text for text in there if self.grammar.slot(text) == self.grammar.slot(f"{line} ")]:
                    del there[text]
            return ""
        if re.fullmatch(r"ip sla \d+", line):
            self.running.pop(f"ip sla schedule {line[7:]} {ALWAYS}", None)
        return super().configure(session, path, f"no {line}")

    def command(self, session: Session, line: str) -> str | None:
        timed = re.fullmatch(r"configure terminal(?: revert timer (\d+))?", line)
        if timed:
            return self._enter(session, timed[1])
        if line == "configure confirm":
            answer = "" if self.pending else "%No Rollback Confirmed Change pending"
            self.pending = None
            return answer
        if line == "configure revert now":
            if not self.pending:
                return "%No Rollback Confirmed Change pending"
            self.take_back()
            return "Total number of passes: 1\nRollback Done\n"
        if line == "write memory":
            self.startup = copy.deepcopy(self.running)
            return "Building configuration...\n[OK]"
        if re.fullmatch(r"clear (ip bgp|bgp ipv6 unicast) \S+ soft (in|out)", line):
            self.cleared.append(line)
            return ""
        if line == "show running-config":
            return self.shown()
        if line == "show archive":
            return ("The maximum archive configurations allowed is 10.\nThere are currently 1 archive configurations "
                    "saved." if self.archived else "Archive feature not enabled")
        if line == "show archive config rollback timer":
            left = self.pending.until - self.clock if self.pending else 0
            return (f"Time configured: now\nTimer type: absolute timer\nTimer value: {left / 60:.0f} min\nUser: admin"
                    if self.pending else "%No Rollback Confirmed Change pending")
        return super().command(session, line)

    def _enter(self, session: Session, minutes: str | None) -> str:
        if minutes and not self.archived:
            return "%Turn config archive on before using Rollback Confirmed Change"
        session["path"] = ()
        said = ""
        if minutes:
            self.pending = Pending(self.clock + 60 * int(minutes), copy.deepcopy(self.running))
            said = "Rollback Confirmed Change: Backing up current running config to bootflash:base-Nov-26-1\n\n"
        return f"{said}Enter configuration commands, one per line.  End with CNTL/Z."
