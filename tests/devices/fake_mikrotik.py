# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake RouterOS 7 that is configured: menus with entries, each line in force and saved at once."""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured, Session

Entry = dict[str, str]
_PREFIX, _NAME = r"[\d.]+(/\d+)?", r"[\w.-]+"
# What may be typed into a menu, and what each is.
_TYPED = {
    "/routing table": {"name": _NAME, "fib": "", "comment": ".*"},
    "/ip route": {"dst-address": _PREFIX, "gateway": rf"[\d.]+(@{_NAME})?", "routing-table": _NAME,
                  "check-gateway": "ping|arp|none", "comment": ".*"},
    "/routing rule": {"interface": _NAME, "src-address": _PREFIX, "dst-address": _PREFIX, "table": _NAME,
                      "action": "lookup|lookup-only-in-table|drop|unreachable", "comment": ".*"},
    "/ip firewall mangle": {
        "chain": "prerouting|output|forward", "action": "mark-routing", "in-interface": _NAME, "src-address": _PREFIX,
        "dst-address": _PREFIX, "protocol": "tcp|udp|icmp", "dst-port": r"[\d,-]+", "new-routing-mark": _NAME,
        "passthrough": "yes|no", "comment": ".*"},
}
_FLAGS = {"/ip route": "As ", "/interface": " R ", "/routing table": "   "}
# What the device prints besides.
_BESIDE = {"/ip route": "pref-src= immediate-gw={gateway} distance=1 scope=30 target-scope=10 suppress-hw-offload=no",
           "/ip firewall mangle": "log=no log-prefix="}
_NAMES = {"interface": "/interface", "in-interface": "/interface", "routing-table": "/routing table",
          "table": "/routing table", "new-routing-mark": "/routing table"}


class MikrotikDevice(platforms.MikrotikRouteros, Configured):
    """Entries of each menu in their order; hosts are printed without the length of their prefix in the firewall."""

    def __init__(self, name: str, config: str, fault: Fault | None = None) -> None:
        super().__init__(name, "", fault)
        self.running: t.Any = {}
        for line in config.splitlines():
            menu, _space, given = re.split(r" (print)? ?\| ", line, maxsplit=1)
            self.running.setdefault(menu, []).append(_fields(given))
        self.startup = copy.deepcopy(self.running)
        self.invalid: tuple[str, ...] = ()  # interfaces by which marks take no effect
        self.floating = False  # somebody has changed something in Safe Mode

    def shown(self) -> str:
        menus = ("/interface", "/routing table", "/ip route", "/routing rule", "/ip firewall mangle",
                 "/ip firewall filter")
        where = {"/ip route": ' where routing-table~"NPS-"'}
        return "".join(f"{menu} print terse without-paging{where.get(menu, '')}\n{self._printed(menu)}\n"
                       for menu in menus)

    def _printed(self, menu: str, which: str = "") -> str:
        found = []
        for number, entry in enumerate(self.running.get(menu, [])):
            shown = dict(entry)
            if menu == "/ip firewall mangle":
                shown = {key: value.removesuffix("/32") for key, value in entry.items()}
            flags = shown.pop("flags", _FLAGS.get(menu, "   "))
            if entry.get("in-interface") in self.invalid:
                flags = " I "
            comment = [f"comment={shown.pop('comment')}"] if "comment" in shown else []
            text = " ".join([*comment, *(key if key == "fib" else f"{key}={shown[key]}" for key in shown),
                             _BESIDE.get(menu, "").format(**entry)])
            if which in entry.get("routing-table", ""):
                found.append(f"{number:2} {flags} {text.strip()}")
        return "\n".join(found)

    def command(self, session: Session, line: str) -> str | None:
        asked = re.fullmatch(r'(/[a-z ]+) print terse without-paging( where routing-table~"(.*)")?', line)
        added = re.fullmatch(r"(/[a-z ]+) add (.*)", line)
        removed = re.fullmatch(r"(/[a-z ]+) remove \[find (name|comment)=(\S+)\]", line)
        if asked:
            return self._printed(asked[1], asked[3] or "")
        if line == "/system history print":
            mark = "F" if self.floating else "U"
            return ("Flags: U, F - FLOATING-UNDO\nColumns: ACTION, BY, POLICY\n  ACTION        BY     POLICY\n"
                    f"{mark} address added  admin  write\nU route added    admin  write")
        if added:
            said = self._add(added[1], added[2])
        elif removed:
            kept = [one for one in self.running.get(removed[1], []) if one.get(removed[2]) != removed[3]]
            said, self.running[removed[1]] = "", kept
        else:
            return super().command(session, line)
        self.startup = copy.deepcopy(self.running)
        return said

    def _add(self, menu: str, given: str) -> str:
        entry, allowed = _fields(given), _TYPED.get(menu)
        if allowed is None:
            return f"bad command name {menu.split()[-1]} (line 1 column 2)"
        for key, value in entry.items():
            if key not in allowed:
                return f"expected end of command (line 1 column {len(menu) + given.find(key) + 6})"
            if not re.fullmatch(allowed[key], value):
                return f"invalid value for argument {key}"
            there = {one.get("name") for one in self.running.get(_NAMES.get(key, ""), [])}
            if key in _NAMES and value not in there:
                return f"input does not match any value of {key}"
        if menu == "/routing table" and entry["name"] in {one["name"] for one in self.running.get(menu, [])}:
            return "failure: already have such name"
        self.running.setdefault(menu, []).append(entry)
        return ""


def _fields(given: str) -> Entry:
    return {key: value.strip('"') for key, _equals, value in (
        word.partition("=") for word in re.findall(r'[\w.-]+=(?:"[^"]*"|\S*)|\bfib\b', given))}
