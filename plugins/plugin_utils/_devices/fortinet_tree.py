# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Configurations of FortiOS (config, edit, set): what has to be sent so that a tree becomes another, and back.

``config router policy``, ``edit 1``, ``set protocol 6`` is
``{"config router policy": {"edit 1": {"set protocol": "6"}}}``. What stands at its default is not shown, and not in the
tree. A plan has stages, each of which the device could stop at: what others refer to is there before them, and goes
after them.
"""

from __future__ import annotations

import copy
import re
import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError

Tree = dict[str, t.Any]
Path = tuple[str, ...]
DOMAIN = "#vdom="  # the line before a configuration whose virtual domain has to be entered first
GLOBAL = ("config system interface",)  # sections that belong to no domain
_QUOTES = re.compile(r'\\.|(")', re.S)


def read_tree(text: str) -> Tree:
    """Raises DeviceError where a section does not end."""
    root: Tree = {}
    stack = [root]
    for line in _whole(text.splitlines()):
        word, _space, rest = line.strip().partition(" ")
        if word in ("config", "edit"):
            stack.append(stack[-1].setdefault(f"{word} {unquoted(rest) if word == 'edit' else rest}", {}))
        elif word in ("next", "end") and len(stack) > 1:
            stack.pop()
        elif word == "set":
            name, _space, value = rest.partition(" ")
            stack[-1][f"set {name}"] = value
    if len(stack) > 1:
        raise DeviceError("the configuration is not whole: a section has no end")
    return root


def _whole(lines: t.Iterable[str]) -> t.Iterator[str]:
    """A text in quotes may go on on the next line."""
    held = ""
    for line in lines:
        held = f"{held}\n{line}" if held else line
        if sum(1 for match in _QUOTES.finditer(held) if match[1]) % 2 == 0:
            yield held
            held = ""
    if held:
        raise DeviceError("the configuration is not whole: a text has no end")


def unquoted(text: str) -> str:
    return " ".join(words(text))


def words(value: str) -> list[str]:
    """What a value is made of."""
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def quoted(values: t.Iterable[str]) -> str:
    return " ".join(f'"{one}"' for one in values)


class FortiDraft:
    """A configuration that is being changed; ``tree`` is as it would be."""

    def __init__(self, text: str) -> None:
        match = re.match(rf"{DOMAIN}(\S+)", text)
        self.domain = match[1] if match else ""
        self._stages = [read_tree(text)]
        self.tree: Tree = copy.deepcopy(self._stages[0])
        self._touched: list[Path] = []

    def at(self, *path: str) -> Tree:
        """The section at a path; an empty one where there is none."""
        node: Tree = self.tree
        for key in path:
            node = node.get(key) or {}
        return node

    def value(self, *path: str) -> str:
        """The last of the path is the name of what is set; empty where it is not."""
        return str(self.at(*path[:-1]).get(f"set {path[-1]}", ""))

    def touch(self, *path: str) -> None:
        """A section that is shown before and after."""
        if path not in self._touched:
            self._touched.append(path)

    def put(self, path: Path, name: str, value: str) -> None:
        """Set something, unless it means the same already; an empty value takes it away."""
        if not any(path[: len(one)] == one or one[:-1] == path for one in self._touched):
            self.touch(*path)
        if not value:
            self.at(*path).pop(f"set {name}", None)
            return
        node = self.tree
        for key in path:
            node = node.setdefault(key, {})
        if words(node.get(f"set {name}", "")) != words(value):
            node[f"set {name}"] = value

    def drop(self, *path: str) -> None:
        self.touch(*path)
        self.at(*path[:-1]).pop(path[-1], None)

    def stage(self) -> None:
        """What comes next is sent after what was changed so far, and taken back before it."""
        self._stages.append(copy.deepcopy(self.tree))

    def plan(self) -> ConfigPlan:
        stages = [*self._stages, self.tree]
        lines = [line for old, new in zip(stages, stages[1:], strict=False) for line in self._between(old, new)]
        back = stages[::-1]
        inverse = [line for old, new in zip(back, back[1:], strict=False) for line in self._between(old, new)]
        return ConfigPlan(tuple(lines), tuple(inverse) if lines else (), self._shown(stages[0]), self._shown(self.tree))

    def _between(self, old: Tree, new: Tree) -> t.Iterator[str]:
        for section in dict.fromkeys((*old, *new)):
            lines = [*_changes(old.get(section, {}), new.get(section, {}))]
            if not lines:
                continue
            if self.domain:
                yield from ["config global"] if section in GLOBAL else ["config vdom", f"edit {self.domain}"]
            yield section
            yield from lines
            yield "end"
            if self.domain:
                yield "end"

    def _shown(self, tree: Tree) -> str:
        found = []
        for path in self._touched:
            node = tree
            for key in path[:-1]:
                node = node.get(key, {})
            if node.get(path[-1]):
                found += [f"{'    ' * depth}{key}" for depth, key in enumerate(path[:-1])]
                found += _indented({path[-1]: node[path[-1]]}, len(path) - 1)
        return "".join(f"{line}\n" for line in found)


def _changes(old: Tree, new: Tree) -> t.Iterator[str]:
    for key, value in old.items():
        kind, _space, name = key.partition(" ")
        if key in new:
            continue
        if kind == "config":
            yield from _entered(key, _changes(value, {}), "end")
        else:
            yield f"unset {name}" if kind == "set" else f"delete {_key(name)}"
    for key, value in new.items():
        kind, _space, name = key.partition(" ")
        if old.get(key) == value:
            continue
        if kind == "set":
            yield f"{key} {value}"
        elif kind == "config":
            yield from _entered(key, _changes(old.get(key, {}), value), "end")
        else:
            yield from _entered(f"edit {_key(name)}", _changes(old.get(key, {}), value), "next", key not in old)


def _entered(head: str, lines: t.Iterable[str], last: str, always: bool = False) -> t.Iterator[str]:
    inner = [*lines]
    if inner or always:
        yield from (head, *inner, last)


def _key(name: str) -> str:
    return name if name.isdigit() else f'"{name}"'


def _indented(node: Tree, depth: int) -> t.Iterator[str]:
    for key, value in node.items():
        yield f"{'    ' * depth}{key}{f' {value}' if isinstance(value, str) else ''}"
        if not isinstance(value, str):
            yield from _indented(value, depth + 1)
