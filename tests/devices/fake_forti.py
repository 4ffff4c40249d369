# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake FortiGate that is configured: config, edit, set, next, end; each entry is in force when it is ended.

Defaults are not shown, names must exist where they are used, and what is used cannot be deleted. With ``domain`` the
login stands above the virtual domains. Source: Fortinet, FortiOS Administration Guide, "CLI basics" and CLI Reference.
"""

from __future__ import annotations

import copy
import dataclasses
import re
import shlex
import typing as t

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured, Session

_NET = r"[\d.]+/[\d.]+"
# What can be set in which section; and whether a section has entries.
OPTIONS: dict[str, dict[str, str]] = {
    "router policy": {
        "input-device": r"\S+", "src": _NET, "dst": _NET, "protocol": r"\d+", "start-port": r"\d+", "end-port": r"\d+",
        "gateway": r"[\d.]+", "output-device": r"\S+", "comments": r".*", "status": "enable|disable"},
    "system interface": {"vdom": r"\S+", "ip": r"[\d.]+", "src-check": "enable|disable", "description": r"(?s:.*)"},
    "system zone": {"interface": r"\S+", "intrazone": "allow|deny"},
    "system settings": {"asymroute": "enable|disable", "strict-src-check": "enable|disable"},
    "system link-monitor": {
        "srcintf": r"\S+", "server": r"\S+", "gateway-ip": r"[\d.]+", "update-cascade-interface": "enable|disable",
        "update-static-route": "enable|disable", "update-policy-route": "enable|disable"},
    "router route-map": {"comments": ".*"},
    "router route-map rule": {"set-local-preference": r"\d+", "set-metric": r"\d+", "set-aspath": r"[\d ]+",
                              "match-ip-address": r"\S+"},
    "router bgp": {"as": r"\d+", "ebgp-multipath": "enable|disable", "ibgp-multipath": "enable|disable"},
    "router bgp neighbor": {"remote-as": r"\d+", "route-map-in": r"\S+", "route-map-out": r"\S+"},
}
TABLES = ("router policy", "system interface", "system zone", "system link-monitor", "router route-map",
          "router route-map rule", "router bgp neighbor")
DEFAULTS = {"src-check": "enable", "asymroute": "disable", "ebgp-multipath": "disable", "ibgp-multipath": "disable",
            "strict-src-check": "disable", "status": "enable", "protocol": "0", "intrazone": "deny",
            "update-cascade-interface": "enable", "update-static-route": "enable", "update-policy-route": "enable"}
MANY = ("input-device", "src", "dst", "interface", "ip", "server")
BARE = ("protocol", "start-port", "end-port", "gateway", "ip", "as", "remote-as", "set-local-preference", "set-metric",
        "src-check", "asymroute", "strict-src-check", "ebgp-multipath", "ibgp-multipath", "status", "intrazone",
        "gateway-ip", "update-cascade-interface", "update-static-route")
SHOWN = ("system interface", "system zone", "system settings", "system link-monitor", "router policy",
         "router route-map", "router bgp")
FAILED = "Command fail. Return code"
WRONG = f"\ncommand parse error before 'what'\n{FAILED} -61"


@dataclasses.dataclass
class Node:
    """A section or an entry of one."""

    values: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    entries: dict[str, Node] = dataclasses.field(default_factory=dict)
    sections: dict[str, Node] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Frame:
    """Where a session stands: ``what`` is the section, ``key`` its entry or empty."""

    what: str
    node: Node
    key: str = ""

    @property
    def label(self) -> str:
        return self.key or self.what.split()[-1]


class FortiDevice(platforms.Fortinet, Configured):
    """``running`` and ``startup`` are sections by name."""

    domain = ""  # that the login stands above
    saving = "automatic"
    role = "primary"

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, "", fault)
        sections: dict[str, Node] = {}
        frames: list[Frame] = []
        for line in re.findall(r'(?:[^"\n\\]|\\.|"(?:\\.|[^"\\])*")+', config):
            word, *rest = shlex.split(line)
            if word == "config":
                what = " ".join([frames[-1].what, *rest] if frames else rest)
                above, key = (frames[-1].node.sections, rest[0]) if frames else (sections, what)
                frames.append(Frame(what, above.setdefault(key, Node())))
            elif word == "edit":
                frames.append(Frame(frames[-1].what, frames[-1].node.entries.setdefault(rest[0], Node()), rest[0]))
            elif word == "set":
                frames[-1].node.values[rest[0]] = rest[1:]
            elif word in ("next", "end"):
                frames.pop()
        self.running = sections  # type: ignore[assignment]
        self.startup = copy.deepcopy(self.running)

    @property
    def sections(self) -> dict[str, Node]:
        return t.cast("dict[str, Node]", self.running)

    def shown(self) -> str:
        return (f"#vdom={self.domain}\n" if self.domain else "") + "".join(map(self.section, SHOWN))

    def section(self, what: str) -> str:
        return f"config {what}\n{_shown(what, self.sections[what], 1)}end\n"

    def shown_prompt(self, session: Session) -> str:
        frames: list[Frame] = session.get("frames", [])
        label = frames[-1].label if frames else session.get("inside", "")
        return f"{self.name} ({label}) # " if label else f"{self.name} # "

    def handle(self, session: Session, line: str) -> str | None:
        if not session.get("frames") and not session.get("inside"):
            return super().handle(session, line)
        if line:
            self.received.append(line)
        return self.configure(session, line) if line else ""

    def command(self, session: Session, line: str) -> str | None:
        if line == "get system status":
            return (f"Version: FortiGate-100F v7.2.8,build1639,240313 (GA.M)\nHostname: {self.name}\n"
                    f"Current virtual domain: root\nVirtual domain configuration: "
                    f"{'multiple' if self.domain else 'disable'}\nCurrent HA mode: a-p, {self.role}\n")
        if self.domain:
            sudo, whose, *rest = [*line.split(), "", ""]
            if line in ("config vdom", "config global"):
                session["inside"] = line.split()[1]
                return ""
            if sudo != "sudo" or whose not in ("global", self.domain):
                return self.unknown
            line = " ".join(rest).strip()
            if line == "show system interface" and whose != "global":
                return WRONG
        return self._given(session, line)

    def _given(self, session: Session, line: str) -> str:
        cleared = re.fullmatch(r"execute router clear bgp ip [\d.]+ soft (in|out)", line)
        if cleared:
            self.cleared.append(line)
            return ""
        if line == "get system global | grep cfg-save":
            return f"cfg-save            : {self.saving}"
        if line == "execute cfg save":
            self.startup = copy.deepcopy(self.running)
            return "config saved."
        show = re.fullmatch(r"show (.+)", line)
        if show and show[1] in self.sections:
            return self.section(show[1])
        return self.configure(session, line) if line.startswith("config ") else self.unknown

    def configure(self, session: Session, line: str) -> str:
        frames: list[Frame] = session.setdefault("frames", [])
        word, *rest = shlex.split(line)
        if not frames and word == "config":
            what = " ".join(rest)
            inside = session.get("inside", "")
            if what not in self.sections or (self.domain and (inside == "global") != (what == "system interface")):
                return WRONG
            frames.append(Frame(what, copy.deepcopy(self.sections[what])))
            return ""
        if not frames:
            return self._in_domain(session, word, rest)
        if word in ("next", "end", "abort"):
            return self._leave(frames, word)
        if word == "config" and rest and f"{frames[-1].what} {rest[0]}" in OPTIONS:
            frames.append(Frame(f"{frames[-1].what} {rest[0]}", frames[-1].node.sections.setdefault(rest[0], Node())))
            return ""
        act = {"edit": self._edit, "delete": self._delete, "set": self._set, "unset": self._unset}.get(word)
        return act(frames, rest) if act and rest else WRONG

    def _in_domain(self, session: Session, word: str, rest: list[str]) -> str:
        if word == "edit" and session["inside"] == "vdom" and rest == [self.domain]:
            session["inside"] = self.domain
            return "current vf=root:0"
        if word == "end":
            session["inside"] = ""
            return ""
        return WRONG

    def _edit(self, frames: list[Frame], rest: list[str]) -> str:
        here = frames[-1]
        if here.key or here.what not in TABLES:
            return WRONG
        new = rest[0] not in here.node.entries
        if here.what == "system interface" and new:
            return f"The entry {rest[0]} cannot be made here\n{FAILED} -1"
        frames.append(Frame(here.what, copy.deepcopy(here.node.entries.get(rest[0], Node())), rest[0]))
        return f"new entry '{rest[0]}' added" if new else ""

    def _set(self, frames: list[Frame], rest: list[str]) -> str:
        here, (name, *values) = frames[-1], rest
        pattern = OPTIONS[here.what].get(name)
        if (here.what in TABLES) != bool(here.key) or pattern is None or not values:
            return WRONG
        if not all(re.fullmatch(pattern, one) for one in values) or (len(values) > 1 and name not in MANY):
            return f"\nvalue parse error before '{values[-1]}'\n{FAILED} -651"
        if name.startswith("route-map-") and values[0] not in self.sections["router route-map"].entries:
            return f"entry not found in datasource\n\nvalue parse error before '{values[0]}'\n{FAILED} -3"
        if here.what == "system zone" and name == "interface":
            others = [one for key, node in self.sections["system zone"].entries.items() if key != here.key
                      for one in node.values.get("interface", [])]
            taken = next((one for one in values if one in others), "")
            if taken:
                return (f"node_check_object fail! for interface {taken}\n\nvalue parse error before '{taken}'\n"
                        f"{FAILED} -23")
        here.node.values[name] = values
        if values == [DEFAULTS.get(name)]:
            del here.node.values[name]
        return ""

    def _unset(self, frames: list[Frame], rest: list[str]) -> str:
        if rest[0] not in OPTIONS[frames[-1].what]:
            return WRONG
        frames[-1].node.values.pop(rest[0], None)
        return ""

    def _delete(self, frames: list[Frame], rest: list[str]) -> str:
        here = frames[-1]
        if here.key or rest[0] not in here.node.entries:
            return f"entry not found in table\n{FAILED} -3"
        users = [one for one in self.sections["router bgp"].sections.get("neighbor", Node()).entries.values()
                 if here.what == "router route-map" and [rest[0]] in one.values.values()]
        if users:
            return f"The entry is used by other {len(users)} entries\n{FAILED} -23"
        del here.node.entries[rest[0]]
        self._flush(frames)
        return ""

    def _leave(self, frames: list[Frame], word: str) -> str:
        here = frames[-1]
        if word == "next" and not here.key:
            return WRONG
        if here.key:
            if word != "abort" and here.what == "router policy" and "output-device" not in here.node.values:
                return f"node_check_object fail!\n\nAttribute 'output-device' MUST be set.\n{FAILED} -56"
            frames.pop()
            if word != "abort":
                frames[-1].node.entries[here.key] = here.node
                self._flush(frames)
            if word == "next":
                return ""
        last = frames.pop()
        if word == "end" and not frames:
            self.sections[last.what] = last.node
            self._saved()
        return ""

    def _flush(self, frames: list[Frame]) -> None:
        """An entry of a section that is under no other is in force at once."""
        if len(frames) == 1:
            self.sections[frames[0].what] = copy.deepcopy(frames[0].node)
            self._saved()

    def _saved(self) -> None:
        if self.saving == "automatic":
            self.startup = copy.deepcopy(self.running)


def _shown(what: str, node: Node, depth: int) -> str:
    indent = "    " * depth
    found = [f"{indent}set {name} {_values(name, values)}" for name, values in node.values.items()]
    if what == "router route-map rule" and not node.entries:
        found += [f"{indent}unset set-ip-nexthop", f"{indent}unset set-originator-id"]
    for name, section in node.sections.items():
        inner = _shown(f"{what} {name}", section, depth + 1)
        found += [f"{indent}config {name}", *([inner.rstrip("\n")] if inner else []), f"{indent}end"]
    for key, entry in node.entries.items():
        inner = _shown(what, entry, depth + 1)
        name = key if key.isdigit() else f'"{key}"'
        found += [f"{indent}edit {name}", *([inner.rstrip("\n")] if inner else []), f"{indent}next"]
    return "".join(f"{line}\n" for line in found)


def _values(name: str, values: list[str]) -> str:
    escaped = [one.replace("\\", "\\\\").replace('"', '\\"') for one in values]
    return " ".join(values) if name in BARE else " ".join(f'"{one}"' for one in escaped)
