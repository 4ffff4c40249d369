# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake VyOS 1.5 that is configured: nodes, tags and values, a private candidate, revisions, commits that wait.

What it does is that of vyos-1x: a node without anything below it stays, a tag or a value takes its name along; a commit
may fail in part; a timer goes back to revision 0, or reboots.
"""

from __future__ import annotations

import copy
import re
import shlex

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured, Path, Pending, Session, Tree, at

_IP, _PREFIX, _NUMBER, _NAME = r"[\d.]+", r"[\d./]+", r"\d+", r"[\w.-]+"
# One line for each place: words, "@" a tag, "=" one value, "*" any number of values, each with what it may be.
_PLACES = fr"""
firewall global-options source-validation =strict|loose|disable
firewall zone @{_NAME} default-action =drop|reject
firewall zone @{_NAME} local-zone
firewall zone @{_NAME} member interface *{_NAME}
interfaces ethernet @eth\d+ address *{_PREFIX}
interfaces ethernet @eth\d+ description =.*
interfaces ethernet @eth\d+ ip source-validation =strict|loose|disable
interfaces ethernet @eth\d+ vif @{_NUMBER} address *{_PREFIX}
interfaces ethernet @eth\d+ vif @{_NUMBER} ip source-validation =strict|loose|disable
policy prefix-list @{_NAME} rule @{_NUMBER} action =permit|deny
policy route @{_NAME} interface *{_NAME}
policy route @{_NAME} rule @{_NUMBER} description =.*
policy route @{_NAME} rule @{_NUMBER} source address ={_PREFIX}
policy route @{_NAME} rule @{_NUMBER} destination address ={_PREFIX}
policy route @{_NAME} rule @{_NUMBER} destination port =[\d,-]+
policy route @{_NAME} rule @{_NUMBER} protocol =tcp|udp|icmp|all
policy route @{_NAME} rule @{_NUMBER} set table =main|1?\d?\d|200
policy route-map @{_NAME} rule @{_NUMBER} action =permit|deny
policy route-map @{_NAME} rule @{_NUMBER} set local-preference ={_NUMBER}
policy route-map @{_NAME} rule @{_NUMBER} set metric ={_NUMBER}
policy route-map @{_NAME} rule @{_NUMBER} set as-path prepend =[\d\s]+
protocols bgp system-as ={_NUMBER}
protocols bgp address-family ipv4-unicast maximum-paths ebgp ={_NUMBER}
protocols bgp address-family ipv4-unicast maximum-paths ibgp ={_NUMBER}
protocols bgp neighbor @{_IP} remote-as =.*
protocols bgp neighbor @{_IP} password =.*
protocols bgp neighbor @{_IP} peer-group ={_NAME}
protocols bgp neighbor @{_IP} address-family ipv4-unicast route-map import ={_NAME}
protocols bgp neighbor @{_IP} address-family ipv4-unicast route-map export ={_NAME}
protocols bgp neighbor @{_IP} address-family ipv4-unicast
protocols bgp peer-group @{_NAME} address-family ipv4-unicast route-map import ={_NAME}
protocols static route @{_PREFIX} next-hop @{_IP}
protocols static table @1?\d?\d|200 route @{_PREFIX} next-hop @{_IP}
system config-management commit-confirm action =reload|reboot
system config-management commit-revisions ={_NUMBER}
system host-name ={_NAME}
"""
PLACES = [tuple(line.split(" ")) for line in _PLACES.strip().splitlines()]
_PROCEED = ("commit-confirm will automatically reload previous config in {0} minutes\nunless changes are confirmed.\n"
            "Proceed ? [Y/n] ")


def place_of(path: Path) -> Path | None:
    """The words of the place that a path is at, or else above; None where there is none."""
    for words in sorted(PLACES, key=len):
        if len(path) <= len(words) and all(_fits(*both) for both in zip(words, path, strict=False)):
            return words
    return None


def _fits(word: str, text: str) -> bool:
    return bool(re.fullmatch(word[1:], text)) if word[0] in "@=*" else word == text


class VyosDevice(platforms.Vyos, Configured):
    """VyOS: ``revision`` is what the last commit that was none of a timer has left."""

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, "", fault)
        self.running = {}
        for line in config.splitlines():
            path = tuple(shlex.split(line)[1:])
            assert place_of(path), line
            at(self.running, path)
        self.startup, self.revision = copy.deepcopy(self.running), copy.deepcopy(self.running)
        self.failing = ""  # the section that no commit gets through
        self.reboots = 0
        self.told = False  # everybody who is logged in, that the timer is about to run out

    def shown_prompt(self, session: Session) -> str:
        if "asked" in session:
            return _PROCEED.format(session["asked"]).replace("\n", "\r\n")
        return f"[edit]\r\nvyos@{self.name}# " if "candidate" in session else super().shown_prompt(session)

    def shown(self) -> str:
        return "".join(f"set {_written(path)}\n" for path in _paths(self.running))

    def take_back(self) -> None:
        assert self.pending is not None
        self.pending = None
        managed = self.running["system"]["config-management"]
        reloads = "reload" in managed.get("commit-confirm", {}).get("action", {})
        self.reboots += not reloads
        self.running = copy.deepcopy(self.revision if reloads else self.startup)

    def handle(self, session: Session, line: str) -> str | None:
        self.advance(0)
        if "candidate" not in session:
            return super().handle(session, line)
        if "asked" in session:
            return self._answered(session, line)
        if line:
            self.received.append(line)
        return self.configure(session, line) if line else ""

    def configure(self, session: Session, line: str) -> str:
        tree = session["candidate"]
        word, _space, rest = line.partition(" ")
        if line in ("exit", "exit discard"):
            if tree != self.running and line == "exit":
                return "Cannot exit: configuration modified.\nUse 'exit discard' to discard the changes and exit."
            del session["candidate"]
            saved = self.running == self.startup
            return "exit" if saved else "Warning: configuration changes have not been saved.\nexit"
        if word in ("set", "delete"):
            path = tuple(shlex.split(rest))
            return self._set(tree, path) if word == "set" else self._delete(tree, path)
        if line == "compare 0":
            same = tree == self.revision
            return ("No changes between working and revision 0 configurations." if same
                    else "[system]\n- host-name \"other\"\n+ host-name \"this\"")
        if line == "save":
            self.startup = copy.deepcopy(self.running)
            return "Saving configuration to '/config/config.boot'...\nDone"
        return self._of_commits(session, line)

    def _of_commits(self, session: Session, line: str) -> str:
        timed = re.fullmatch(r"commit-confirm (\d+)", line)
        if timed and self.pending:
            return "Another confirm is pending"
        if timed:
            session["asked"] = timed[1]
            return ""
        if line == "commit":
            said = self._commit(session)
            self.revision = copy.deepcopy(self.running)
            return said
        if line == "rollback-soft 0":
            session["candidate"] = copy.deepcopy(self.revision)
            return 'Rollback diff has been applied.\nUse "compare" to review the changes or "commit" to apply them.'
        if line == "confirm" and self.pending is None:
            return "No confirm pending"
        if line == "confirm" and self.told:  # its notifier has ended, and cannot be ended once more
            self.pending = None
            return "Traceback (most recent call last):\n  ...\nvyos.config_mgmt.ConfigMgmtError"
        if line == "confirm":
            self.pending, self.revision = None, copy.deepcopy(self.running)
            return "Reload timer stopped"
        return self.unknown

    def _answered(self, session: Session, line: str) -> str:
        """Nothing, as from somebody who presses the key to see where he is, is a yes."""
        if line:
            self.received.append(line)
        minutes = session.pop("asked")
        if line not in ("", "y", "Y", "yes"):
            return "commit-confirm canceled"
        self.told = minutes == "1"
        self.pending = Pending(self.clock + 60 * int(minutes), self.running)
        return f"Initialized commit-confirm; {minutes} minutes to confirm before reload\n{self._commit(session)}"

    def _set(self, tree: Tree, path: Path) -> str:
        words = place_of(path)
        if words is None or len(words) != len(path):
            return f"\n  Configuration path: [{' '.join(path)}] is not valid\n  Set failed\n"
        if words[-1][0] == "=":
            at(tree, path[:-1]).clear()
        at(tree, path)
        return ""

    def _delete(self, tree: Tree, path: Path) -> str:
        words, above = place_of(path), tree
        for word in path[:-1]:
            above = above.get(word, {})
        if words is None or above.pop(path[-1], None) is None:
            return "\n  Nothing to delete (the specified node does not exist)\n  Delete failed\n"
        if words[len(path) - 1][0] in "@=*" and not above:
            at(tree, path[:-2]).pop(path[-2])
        return ""

    def _commit(self, session: Session) -> str:
        """What is wrong is left out, and stays in the candidate; the rest is in force."""
        wanted = session["candidate"]
        if wanted == self.running:
            return "No configuration changes to commit"
        wrong = self._wrong(wanted)
        applied = copy.deepcopy(wanted)
        if wrong:
            applied[wrong] = copy.deepcopy(self.running.get(wrong, {}))
        self.running = applied
        return f"\n[[{wrong}]] failed\nCommit failed" if wrong else ""

    def _wrong(self, wanted: Tree) -> str:
        zones = wanted.get("firewall", {}).get("zone", {})
        if any(not ({"local-zone"} & set(zone)) and not zone.get("member", {}).get("interface")
               for zone in zones.values()):
            return "firewall"
        for neighbour in wanted.get("protocols", {}).get("bgp", {}).get("neighbor", {}).values():
            maps = neighbour.get("address-family", {}).get("ipv4-unicast", {}).get("route-map", {})
            if {name for way in maps.values() for name in way} - set(wanted.get("policy", {}).get("route-map", {})):
                return "protocols"
        return self.failing if wanted.get(self.failing) != self.running.get(self.failing) else ""

    def command(self, session: Session, line: str) -> str | None:
        if self.pending and not self.told and self.pending.until - self.clock <= 60:
            self.told = True
            return ("\n[commit-confirm] System will reload previous config in 1 minute\nto rollback the last commit.\n"
                    f"Confirm your changes to cancel the reload.\n{self.command(session, line)}")
        if line == "configure":
            session["candidate"] = copy.deepcopy(self.running)
            return ""
        if line == "systemctl is-active commit-confirm.timer":
            return "active" if self.pending else "inactive"
        match = re.fullmatch(r"show configuration commands(?: \| match '(.*)')?", line)
        if match:
            return "\n".join(one for one in self.shown().splitlines() if re.search(match[1] or "", one))
        return super().command(session, line)


def _paths(tree: Tree) -> list[Path]:
    """In the order of the device: by name, and numbers by what they count."""
    order = sorted(tree, key=lambda word: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", word)])
    return [(word, *path) for word in order for path in _paths(tree[word])] if tree else [()]


def _written(path: Path) -> str:
    """Values are in quotes, tags are not."""
    words = place_of(path) or ()
    value = len(words) == len(path) and words[-1][0] in "=*"
    return " ".join([*path[:-1], f"'{path[-1]}'" if value else path[-1]])
