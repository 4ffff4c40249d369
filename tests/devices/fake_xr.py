# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Cisco IOS-XR that is configured: targets of sessions, a lock, commits on trial that their session confirms.

A session that is cut off leaves its trial to the timer; until then nobody else can commit, or take the lock. Its
answers are those that others have seen on XRv 9000 24.3.
"""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import (
    LineDevice,
    LineGrammar,
    Path,
    Pending,
    Session,
    Tree,
    at,
)

_MODES = {"interface": "if", "ipv4": "ipv4-acl", "router": "bgp", "neighbor": "bgp-nbr", "address-family": "bgp-nbr-af",
          "ipsla": "ipsla", "operation": "ipsla-op", "type": "ipsla-icmp-echo", "schedule": "ipsla-sched",
          "track": "track"}
_STATEMENTS = r"pass|set (local-preference|med) \d+|prepend as-path \d+ \d+"
_LEAVING = ("\nYou are exiting after a 'commit confirm' with an active rollback session.  If you exit the "
            "configuration awaiting confirmation will not be confirmed and the router will immediately rollback to "
            "the previous configuration.")
_FAILED = ("\n% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made "
           "have been reverted. Please issue 'show configuration failed [inheritance]' from this session to view the "
           "errors")


class XrGrammar(LineGrammar):
    sections = {
        r"interface \S+": "", r"ipv4 access-list \S+": "", r"router bgp \d+": "", r"route-policy \S+": "",
        r"neighbor [\da-f.:]+": r"router bgp \d+", r"address-family ipv[46] unicast": r"router bgp \d+|neighbor .*",
        "ipsla": "", r"operation \d+": "ipsla", "type icmp echo": r"operation \d+",
        r"schedule operation \d+": "ipsla", r"track \S+": "",
    }
    lines = {
        r"interface .*": r"ipv4 access-group \S+ ingress"
                         r"|ipv4 verify unicast source reachable-via (rx|any)( allow-default)?( allow-self-ping)?",
        r"ipv4 access-list .*": r"\d+ remark \S+|\d+ permit (ipv4|tcp|udp|icmp)( any| host [\d.]+| [\d.]+ [\d.]+){2}"
                                r"( eq \d+)?( nexthop1 (track \S+ )?ipv4 [\d.]+)?",
        "type icmp echo": r"destination address [\d.]+|frequency \d+",
        r"schedule operation .*": r"start-time now|life (forever|\d+)", r"track .*": r"type rtr \d+ reachability",
        r"address-family .*": r"route-policy \S+ (in|out)|maximum-paths (ebgp|ibgp) ([2-9]|[1-6]\d)",
    }
    single = ("ipv4 verify unicast ", "maximum-paths ebgp ", "maximum-paths ibgp ", "destination address ",
              "frequency ", "start-time ", "life ", "type ")


class XrDevice(platforms.CiscoXr, LineDevice):
    """``rows``: the sessions that configure, with the lock of each. ``groups``: what they give, by where it belongs."""

    grammar = XrGrammar()
    order = ("hostname", "track", "ipv4 access-list", "interface", "route-policy", "router", "ipsla")
    ports = {"80": "www", "23": "telnet", "179": "bgp"}
    numbered = ()

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, config, fault)
        self.rows: dict[int, str] = {}
        self.trying = 0  # the session whose trial waits
        self.groups: dict[Path, str] = {}

    def left_behind(self) -> str:
        return ", ".join(self.rows.values())

    def left(self, session: Session) -> None:
        self.rows.pop(id(session), None)

    def target(self, session: Session) -> Tree:
        return session["target"]  # type: ignore[no-any-return]

    def shown_prompt(self, session: Session) -> str:
        path = session.get("path")
        mode = "" if path is None else "(config-rpl)" if "policy" in session else "(config)" if not path else (
            f"(config-{_MODES[path[-1].split()[0]]})")
        return session.get("asks") or f"RP/0/RP0/CPU0:{self.name}{mode}#"

    def handle(self, session: Session, line: str) -> str | None:
        asked = session.pop("asks", "")
        if asked:
            self.received.append(line)
            return self._answered(session, asked, line)
        return super().handle(session, line) if line not in ("end", "exit") or "path" not in session else (
            self._left_by(session, line))

    def _answered(self, session: Session, asked: str, line: str) -> str:
        if (asked.startswith("Do you wish to exit") and line == "yes") or (
                asked.startswith("Uncommitted") and line == "no"):
            if self.pending and self.trying == id(session):
                self.take_back()
            self._outside(session)
        return ""

    def _left_by(self, session: Session, line: str) -> str:
        self.received.append(line)
        if "policy" in session:
            return self.unknown
        if line == "exit" and session["path"]:
            session["path"] = session["path"][:-1]
            return ""
        if self.pending and self.trying == id(session):
            session["asks"] = "Do you wish to exit? [no]: "
            return _LEAVING
        if session["target"] != session["base"]:
            session["asks"] = "Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]: "
        else:
            self._outside(session)
        return ""

    def _outside(self, session: Session) -> None:
        for key in ("path", "target", "base", "policy"):
            session.pop(key, None)
        self.rows.pop(id(session), None)

    def configure(self, session: Session, path: Path, line: str) -> str:
        if "policy" in session:
            return self._in_policy(session, line)
        if line == "abort":
            self._outside(session)
            return ""
        if line.startswith("do "):
            return self.command(session, line[3:]) or ""
        if line == "root":
            session["path"] = ()
            return "" if path else self.unknown
        if line == "show configuration failed":
            return session.get("failed", "% No such configuration item(s)")
        if line.startswith("commit"):
            return self._commit(session, line)
        if re.match(r"(no )?route-policy ", line) and path and path[-1].startswith("address-family"):
            if not re.search(r" (in|out)$", line):  # there it is what puts one on a neighbor
                return "% Incomplete command."
        elif re.fullmatch(r"route-policy \S+", line):
            session.update(path=(), policy=(line, []))
            return (f"% WARNING: Policy object {line}' exists! Reconfiguring it via CLI will replace current "
                    "definition. Use 'abort to cancel." if line in session["target"] else "")
        return self._numbered(session, path, line) or super().configure(session, path, line)

    def _in_policy(self, session: Session, line: str) -> str:
        head, lines = session["policy"]
        if line in ("end-policy", "abort"):
            del session["policy"]
            if line == "end-policy":
                session["target"][head] = {text: {} for text in lines}
            return ""
        if not re.fullmatch(_STATEMENTS, line):
            return self.unknown
        lines.append(line)
        return ""

    def _numbered(self, session: Session, path: Path, line: str) -> str:
        """An entry of an access list is found by its number, and takes the place of another with the same."""
        match = re.match(r"(no )?(\d+)( |$)", line)
        if not match or not path or not path[-1].startswith("ipv4 access-list "):
            return ""
        section = at(session["target"], path)
        for text in [text for text in section if text.split()[0] == match[2]]:
            del section[text]
        return "\n" if match[1] else ""

    def _commit(self, session: Session, line: str) -> str:
        timed = re.fullmatch(r"commit(?: confirmed (\d+))?", line)
        if not timed or (timed[1] and not 30 <= int(timed[1]) <= 65535):
            return self.unknown
        if self.pending and self.trying == id(session) and not timed[1]:
            self.pending, self.startup = None, copy.deepcopy(self.running)
            return "\n% Confirming commit for trial session."
        if not session["target"].get("ipsla", True):
            del session["target"]["ipsla"]  # a section that holds nothing is none
        if session["target"] == session["base"]:
            return "No configuration changes to commit."
        if self.pending:
            return "% Cannot commit because there is an unexpired trial/rollback session '00001000-00005b40-00000000'."
        reason = _undefined(session["target"])
        if reason:
            session["failed"] = f"!! SEMANTIC ERRORS: This configuration was rejected by the system\n\n!!% {reason}\n"
            return _FAILED
        if timed[1]:
            self.pending, self.trying = Pending(self.clock + int(timed[1]), self.running), id(session)
            self.rows[id(session)] = "None"
        self.running = copy.deepcopy(session["target"])
        if not timed[1]:
            self.startup = copy.deepcopy(self.running)
        session.update(path=(), base=copy.deepcopy(self.running))
        return ""

    def command(self, session: Session, line: str) -> str | None:
        if line in ("configure exclusive", "configure"):
            if line != "configure" and self.pending:
                return "Cannot enter exclusive mode. A trial commit is underway in another configuration session."
            if line != "configure" and "Reserved" in self.rows.values():
                return "Cannot enter exclusive mode. The Configuration Namespace is locked by another agent."
            session.update(path=(), target=copy.deepcopy(self.running), base=copy.deepcopy(self.running))
            self.rows[id(session)] = "Reserved" if line != "configure" else "None"
            return ""
        if line in ("show running-config", "show running-config inheritance"):
            whole = copy.deepcopy(self.running)
            for path, text in self.groups.items() if line.endswith("inheritance") else ():
                at(whole, path)[text] = {}
            return f"\nThu Nov 26 10:00:01.456 UTC\n{self._shown(whole)}"
        if line == "show configuration sessions detail":
            return f"\nThu Nov 26 10:00:01.456 UTC\n{self._sessions()}"
        return super().command(session, line)

    def _sessions(self) -> str:
        if self.pending and self.trying not in self.rows:
            self.advance(60)  # who waits for a trial to end sees the time pass
        rows = [("CLI", lock) for lock in self.rows.values()] + ([("commit-confirm", "None")] if self.pending else [])
        return "".join(
            f"  {number}) Session: 00001000-0000{number:04}-00000000  Thu Nov 26 10:00:00 2026\n"
            f"     Line: vty0                           Lock: {lock}\n"
            f"     User: admin                          Client: {client}\n"
            f"     Process: config                      PID: 2976{number}\n"
            for number, (client, lock) in enumerate(rows, 1))

    def shown(self) -> str:
        return self._shown(self.running)

    def _shown(self, tree: Tree) -> str:
        body = ""
        for text in sorted(tree, key=lambda text: (next(
                place for place, begin in enumerate(self.order) if text.startswith(begin)),
                text if text.startswith("track ") else "")):
            if text.startswith("route-policy "):
                body += f"{text}\n" + "".join(f"  {line}\n" for line in tree[text]) + "end-policy\n!\n"
            else:
                body += f"{text}\n{self._lines(tree[text], 1)}" + ("!\n" if tree[text] else "")
        return ("!! Building configuration...\n!! IOS XR Configuration 24.3.1\n!! Last configuration change at Thu "
                f"Nov 26 09:00:00 2026 by admin\n!\n{body}end\n")

    def _lines(self, tree: Tree, depth: int) -> str:
        found = ""
        for text in sorted(tree, key=_number):
            shown = re.sub(r"(?<= eq )\d+(?= |$)", lambda match: self.ports.get(match[0], match[0]), text)
            found += f"{' ' * depth}{shown}\n{self._lines(tree[text], depth + 1)}"
            found += f"{' ' * depth}!\n" if re.match(
                r"neighbor |address-family |operation |type icmp echo$|schedule ", text) else ""
        return found


def _number(text: str) -> tuple[bool, int]:
    """Entries of access lists, operations and their schedules stand in the order of their numbers."""
    match = re.match(r"(?:(schedule )?operation )?(\d+)(?: |$)", text)
    return (bool(match[1]), int(match[2])) if match else (False, 0)


def _undefined(tree: Tree) -> str:
    """A policy, a track or an operation that is used and is not there."""
    name = next((one for one in _used(tree) if f"route-policy {one}" not in tree), "")
    operations = tree.get("ipsla", {})
    wanted = [f"track {match[1]}" for section in tree.values() for text in section
              for match in re.finditer(r" nexthop1 track (\S+) ", text)]
    probes = [f"operation {text.split()[2]}" for text in operations if text.startswith("schedule ")]
    probes += [f"operation {text.split()[2]}" for section in tree.values() for text in section
               if text.startswith("type rtr ")]
    missing = [one for one in wanted if not tree.get(one)] + [one for one in probes if not operations.get(one)]
    return f"Policy [{name}] is not defined" if name else f"{missing[0]} is not defined" if missing else ""


def _used(tree: Tree) -> t.Iterator[str]:
    for text, section in tree.items():
        match = re.fullmatch(r"route-policy (\S+) (in|out)", text)
        if match:
            yield match[1]
        yield from _used(section)
