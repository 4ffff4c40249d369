# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Junos that is configured: set lines, a candidate that is exclusive, commits that wait."""

from __future__ import annotations

import copy
import re
import shlex

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured, Path, Pending, Session, Tree, at


class JunosDevice(platforms.JuniperJunos, Configured):
    """Junos: a candidate of words, commits that wait, the configuration of before as ``rollback 1``."""

    # What stands for itself, even with nothing below it; all other sections go with their last line.
    stays = r"family inet|rpf-check|then accept|(interfaces|neighbor|unit|security-zone) \S+"
    takes = (
        r"interfaces \S+ unit \d+ family inet (rpf-check( mode loose)?|filter input \S+)",
        r"firewall family inet filter \S+ term \S+ from (source-address|destination-address|protocol|destination-port)"
        r" \S+",
        r"firewall family inet filter \S+ term \S+ then (accept|routing-instance \S+)",
        r"routing-instances \S+ (instance-type forwarding|routing-options static route 0.0.0.0/0 next-hop [\d.]+)",
        r"routing-options (rib-groups \S+ import-rib \S+|interface-routes rib-group inet \S+)",
        r"policy-options policy-statement \S+ term \S+ then (local-preference|metric) \d+",
        r"policy-options policy-statement \S+ term \S+ then as-path-prepend [\d ]+",
        r"protocols bgp group \S+ neighbor \S+ (import|export) \S+",
        r"protocols bgp group \S+ multipath( multiple-as| disable)?",
        r"security zones security-zone \S+ interfaces \S+( host-inbound-traffic (system-services|protocols) \S+)?",
        r"security flow tcp-session no-syn-check",
    )

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, "", fault)
        self.running = {}
        for line in config.splitlines():
            at(self.running, shlex.split(line)[1:])
        self.startup = copy.deepcopy(self.running)
        self.candidate = copy.deepcopy(self.running)  # that everybody shares

    def shown_prompt(self, session: Session) -> str:
        if "candidate" not in session:
            return f"admin@{self.name}> "
        waits = "# commit confirmed will be rolled back in 5 minutes\r\n" if self.pending else ""
        return f"{waits}[edit]\r\nadmin@{self.name}# "

    def shown(self) -> str:
        return "set version 23.2R1.14\n" + "".join(f"set {_quoted(path)}\n" for path in _paths(self.running))

    def take_back(self) -> None:
        super().take_back()
        self.startup = copy.deepcopy(self.running)

    def handle(self, session: Session, line: str) -> str | None:
        self.advance(0)
        if "candidate" not in session:
            return super().handle(session, line)
        if line:
            self.received.append(line)
        return self.configure(session, line) if line else ""

    def configure(self, session: Session, line: str) -> str:
        tree = session["candidate"]
        word, _space, rest = line.partition(" ")
        if line == "exit configuration-mode":
            if tree != self.running:
                return "The configuration has been changed but not committed"  # and would ask
            del session["candidate"]
            return "Exiting configuration mode"
        if line == "show | compare | no-more":
            return "" if tree == self.running else "[edit interfaces]\n+  changed;"
        if word in ("set", "delete"):
            path = tuple(shlex.split(rest))
            return self._set(tree, path) if word == "set" else self._delete(tree, path)
        if word == "rollback":
            before = self.pending.before if rest == "1" and self.pending else self.running
            session["candidate"] = copy.deepcopy(before)
            return "load complete"
        return self._commit(session, rest) if word == "commit" else self.unknown

    def _set(self, tree: Tree, path: Path) -> str:
        if not any(re.fullmatch(pattern, " ".join(path)) for pattern in self.takes):
            return "                ^\nsyntax error."
        if len(path) > 1 and path[-2] in ("local-preference", "metric", "as-path-prepend", "instance-type", "mode"):
            at(tree, path[:-1]).clear()
        at(tree, path)
        return ""

    def _delete(self, tree: Tree, path: Path) -> str:
        node = tree
        for word in path[:-1]:
            node = node.get(word, {})
        if node.pop(path[-1], None) is None:
            return "warning: statement not found"
        for length in range(len(path) - 1, 0, -1):
            text = " ".join(path[:length])
            if at(tree, path[:length]) or re.search(rf"({self.stays})$", text):
                break
            del at(tree, path[: length - 1])[path[length - 1]]
        return ""

    def _commit(self, session: Session, how: str) -> str:
        zones = session["candidate"].get("security", {}).get("zones", {}).get("security-zone", {})
        members = [name for zone in zones.values() for name in zone.get("interfaces", {})]
        twice = next((name for name in members if members.count(name) > 1), "")
        if twice:
            return f"error: interface {twice} is in more than one zone\nerror: configuration check-out failed"
        if how == "check":
            return "configuration check succeeds"
        timed = re.fullmatch(r"confirmed (\d+)", how)
        if how and not timed:
            return self.unknown
        self.pending = (Pending(self.clock + 60 * int(timed[1]), self.running) if timed else None)
        self.running = copy.deepcopy(session["candidate"])
        self.candidate = copy.deepcopy(self.running)
        if not timed:
            self.startup = copy.deepcopy(self.running)
        said = "commit confirmed will be automatically rolled back in 5 minutes unless confirmed\n" if timed else ""
        return f"{said}commit complete"

    def command(self, session: Session, line: str) -> str | None:
        if line == "configure exclusive":
            if self.candidate != self.running and self.pending is None:
                return "error: configuration database modified"
            session["candidate"] = copy.deepcopy(self.running)
            return "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n"
        if line == "show configuration | display inheritance no-comments | display set":
            return self.shown()
        if line == "show system commit":
            waits = "commit confirmed, rollback in 5mins" if self.pending else ""
            return f"0   2026-11-26 10:00:00 UTC by admin via cli {waits}\n1   2026-11-25 10:00:00 UTC by admin via cli"
        return super().command(session, line)


def _paths(tree: Tree) -> list[Path]:
    return [(word, *path) for word, below in tree.items() for path in _paths(below)] if tree else [()]


def _quoted(path: Path) -> str:
    return " ".join(f'"{word}"' if " " in word or "$" in word else word for word in path)
