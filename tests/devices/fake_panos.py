# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake PAN-OS that is configured: XML, a candidate that everybody shares, commits by jobs, locks.

Lines of an account are kept in a journal; a partial commit and a partial revert concern those of one account. A name
that a line refers to must be there already, and what is referred to cannot be deleted. An empty container stays where
it is. Source: Palo Alto Networks, PAN-OS CLI Quick Start and "Configure CLI Command Hierarchy".
"""

from __future__ import annotations

import copy
import re
import shlex
import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import USER, Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured, Session

MEMBERS = "members"  # of a list: each is a <member>
# The schema below a virtual system and below the device: containers are dicts, "*" is the name of an entry, a string is
# the pattern of a value.
_RULE: dict[str, t.Any] = {
    "from": {"interface": MEMBERS, "zone": MEMBERS}, "source": MEMBERS, "destination": MEMBERS, "source-user": MEMBERS,
    "application": MEMBERS, "service": MEMBERS, "disabled": "yes|no",
    "action": {"no-pbf": {}, "forward": {
        "egress-interface": r"\S+", "nexthop": {"ip-address": r"[\d.]+"},
        "monitor": {"profile": r"\S+", "disable-if-unreachable": "yes|no"}}},
    "enforce-symmetric-return": {"enabled": "yes|no", "nexthop-address-list": {"*": {}}},
}
_ROUTE: dict[str, t.Any] = {"*": {"enable": "yes|no", "used-by": MEMBERS, "action": {"allow": {"update": {
    "local-preference": r"\d+", "med": r"\d+", "as-path": {"prepend": r"[1-9]|1[0-6]"}}}}}}
SYSTEM: dict[str, t.Any] = {
    "rulebase": {"pbf": {"rules": {"*": _RULE}}},
    "service": {"*": {"protocol": {"tcp": {"port": r"[\d,-]+"}, "udp": {"port": r"[\d,-]+"}}}},
    "zone": {"*": {"network": {"layer3": MEMBERS, "zone-protection-profile": r"\S+"}}},
}
DEVICE: dict[str, t.Any] = {"network": {
    "profiles": {
        "monitor-profile": {"*": {"interval": r"\d+", "threshold": r"\d+", "action": "wait-recover|fail-over"}},
        "zone-protection-profile": {"*": {"asymmetric-path": "global|drop|bypass",
                                          "tcp-reject-non-syn": "global|yes|no"}}},
    "virtual-router": {"*": {"protocol": {"bgp": {"policy": {
        "import": {"rules": _ROUTE}, "export": {"rules": _ROUTE}}}}}},
}}
# Where names are used, and where they are defined.
_USES = (("rulebase/pbf/rules/entry/service/member", "service/entry", ("any",)),
         ("zone/entry/network/zone-protection-profile", "network/profiles/zone-protection-profile/entry", ()),
         ("rulebase/pbf/rules/entry/action/forward/monitor/profile", "network/profiles/monitor-profile/entry", ()))


class PanosDevice(platforms.PaloaltoPanos, Configured):
    """``running`` and ``startup`` are texts of XML; the candidate is the running one with the journal's lines."""

    login_lines: t.ClassVar[t.Mapping[str, str]] = {
        **platforms.PaloaltoPanos.login_lines, "show system info": "hostname: fw1\noperational-mode: normal"}
    late = 0  # how often a commit is at work when somebody looks, before it is over

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, "", fault)
        self.running = self.startup = _pretty(ET.fromstring(config))  # type: ignore[assignment]
        self.journal: list[tuple[str, str]] = []  # who typed which line that is not committed
        self.config_locks: list[str] = []
        self.commit_locks: list[str] = []
        self._at_work = 0

    @property
    def text(self) -> str:
        return t.cast(str, self.running)

    def shown(self) -> str:
        return f'<response status="success"><result>{self.text}</result></response>\n'

    def left_behind(self) -> str:
        return ", ".join(line for _who, line in self.journal)

    def shown_prompt(self, session: Session) -> str:
        return f"\r\n[edit]\r\nadmin@{self.name}# " if "edits" in session else f"admin@{self.name}> "

    def handle(self, session: Session, line: str) -> str | None:
        if "edits" not in session:
            return super().handle(session, line)
        if line:
            self.received.append(line)
        return self.configure(session, line) if line else ""

    def command(self, session: Session, line: str) -> str | None:
        if line == "configure":
            session["edits"] = True
            return "Entering configuration mode"
        answers = {
            "show config running": self.shown, "show config list changes": self._changes,
            "show config diff": lambda: "".join(f"+ {line}\n" for _who, line in self.journal),
            "show config-locks": lambda: _locks(self.config_locks),
            "show commit-locks": lambda: _locks(self.commit_locks), "show jobs all": self._jobs,
        }
        return answers[line]() if line in answers else super().command(session, line)

    def configure(self, session: Session, line: str) -> str:
        if line == "exit":
            del session["edits"]
            return "Exiting configuration mode"
        partial = re.fullmatch(r"(commit|revert config)(?: partial admin (\S+))?", line)
        if partial:
            return (self._commit if partial[1] == "commit" else self._revert)(partial[2])
        word, *path = shlex.split(line)
        if word not in ("set", "delete"):
            return self.unknown
        if self.config_locks:
            return f"Server error : Configuration is locked by {self.config_locks[0]}"
        tree = self.candidate()
        said = _set(tree, path) if word == "set" else _delete(tree, path)
        wrong = said or _dangling(tree)
        if not wrong:
            self.journal.append((USER, line))
        return wrong

    def candidate(self, only: str | None = None) -> ET.Element:
        """The running configuration with the lines of everybody, or of one account."""
        tree = ET.fromstring(self.text)
        for who, line in self.journal:
            if only in (None, who):
                word, *path = shlex.split(line)
                (_set if word == "set" else _delete)(tree, path)
        return tree

    def _commit(self, who: str | None) -> str:
        if not any(who in (None, one) for one, _line in self.journal):
            return "There are no changes to commit."
        if self.commit_locks:
            return f"Server error : Other administrators are holding device wide commit locks ({self.commit_locks[0]})"
        tree = self.candidate(who)
        wrong = _twice(tree)
        if wrong:
            return f"Validation Error:\n {wrong}\nConfiguration is invalid"
        self.running = self.startup = _pretty(tree)  # type: ignore[assignment]
        self._revert(who)
        self._at_work = self.late
        return ("\nCommit job 7 is in progress. Use Ctrl+C to return to command prompt\n"
                "..............55%75%.....98%..............100%\nConfiguration committed successfully\n"
                "Warning: rule 'old-guests' shadows rule 'guests', which is not supported on this path\n")

    def _revert(self, who: str | None) -> str:
        self.journal = [(one, line) for one, line in self.journal if who not in (None, one)]
        return "Config reverted"

    def _changes(self) -> str:
        entries = "".join(
            f"  <entry>\n    <xpath>/config/devices/entry/{line.split()[1]}</xpath>\n    <owner>{who}</owner>\n"
            "    <action>EDIT</action>\n  </entry>\n" for who, line in self.journal)
        return f"<journal>\n{entries}</journal>" if entries else "<journal/>"

    def _jobs(self) -> str:
        state = "ACT   PEND       55%" if self._at_work else "FIN     OK 10:00:31"
        self._at_work = max(0, self._at_work - 1)
        return ("Enqueued              Dequeued           ID  PositionInQ                              Type"
                "                         Status Result Completed\n" + "-" * 120 + "\n"
                f"2026/11/26 10:00:11   10:00:11            7                                       Commit"
                f"                             {state}\n"
                "2026/11/26 04:00:02   04:00:02            6                                      Downld               "
                "                FIN     OK 04:00:09")


def _locks(held: list[str]) -> str:
    if not held:
        return "No locks"
    return "Owner   Name    Created              Last activity        Logged in\n" + "".join(
        f"{who}   vsys1   2026/11/26 09:12:44  2026/11/26 09:30:01  yes\n" for who in held)


def _pretty(tree: ET.Element) -> str:
    copied = copy.deepcopy(tree)
    for one in copied.iter():
        one.tail = None
        if len(one) or not (one.text or "").strip():
            one.text = None
    ET.indent(copied)
    return ET.tostring(copied, encoding="unicode")


def _root(tree: ET.Element, word: str) -> tuple[ET.Element | None, t.Any]:
    """Where a path begins, and its schema."""
    device = tree.find("devices/entry")
    assert device is not None
    return (device, DEVICE) if word in DEVICE else (device.find("vsys/entry"), SYSTEM)


def _child(node: ET.Element, schema: t.Any, word: str) -> tuple[ET.Element | None, str, t.Any]:
    """What a word leads to: the element if it is there, its kind, and the schema below."""
    if schema == MEMBERS:
        return next((one for one in node if one.text == word), None), "member", {}
    if "*" in schema:
        return next((one for one in node if one.get("name") == word), None), "entry", schema["*"]
    return node.find(word), word, schema[word]


def _set(tree: ET.Element, path: list[str]) -> str:
    node, schema = _root(tree, path[0])
    for word in path:
        assert node is not None
        if isinstance(schema, str) and schema != MEMBERS:
            if not re.fullmatch(schema, word):
                return "Invalid syntax."
            node.text, schema = word, {}
            continue
        if schema != MEMBERS and "*" not in schema and word not in schema:
            return "Invalid syntax."
        child, kind, below = _child(node, schema, word)
        if child is None:
            child = ET.SubElement(node, kind, {"name": word} if kind == "entry" else {})
            child.text = word if kind == "member" else None
        node, schema = child, below
    return "Invalid syntax." if isinstance(schema, str) and schema != MEMBERS else ""


def _delete(tree: ET.Element, path: list[str]) -> str:
    node, schema = _root(tree, path[0])
    for word in path[:-1]:
        if node is None or isinstance(schema, str):  # a value is deleted by its name alone
            return "Invalid syntax."
        node, _kind, schema = _child(node, schema, word)
    if node is None:
        return "Object doesn't exist"
    if isinstance(schema, str) and schema != MEMBERS:
        return "Invalid syntax."
    child, _kind, _below = _child(node, schema, path[-1])
    if child is None:
        return "Object doesn't exist"
    node.remove(child)
    return ""


def _find(tree: ET.Element, path: str) -> list[ET.Element]:
    node = _root(tree, path.split("/")[0])[0]
    return node.findall(path) if node is not None else []


def _dangling(tree: ET.Element) -> str:
    """The first name that nobody has defined."""
    for used, defined, known in _USES:
        names = {one.get("name") for one in _find(tree, defined)}
        for one in _find(tree, used):
            if one.text not in names and one.text not in known:
                return f"Server error : {used.replace('/', ' -> ')} '{one.text}' is not a valid reference"
    return ""


def _twice(tree: ET.Element) -> str:
    """An interface that is in two zones, or a rule that is not whole."""
    members = [one.text for one in _find(tree, "zone/entry/network/layer3/member")]
    for one in members:
        if members.count(one) > 1:
            return f"zone -> network -> layer3 '{one}' is already in use"
    for rule in _find(tree, "rulebase/pbf/rules/entry"):
        for word in ("from", "source", "destination", "action", "service", "application"):
            if rule.find(word) is None:
                return f"rulebase -> pbf -> rules -> {rule.get('name')} is missing '{word}'"
    return ""
