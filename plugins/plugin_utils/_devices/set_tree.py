# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Configurations of set lines (Junos): what has to be sent so that a tree of words becomes another, and back.

Pure: the configuration comes as text, as the device shows it. Nothing is sent to find out what would change.
"""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import set_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan

Tree = dict[str, t.Any]
Path = tuple[str, ...]
# Words that one value follows: where that changes, the word itself is deleted, for its value is no place of its own.
_VALUES = ("next-hop", "local-preference", "metric", "as-path-prepend", "mode", "input", "instance-type")
_PLAIN = re.compile(r"[\w./:*+@,-]+")


class Draft:
    """A configuration that is being changed; ``tree`` is as it would be."""

    def __init__(self, text: str) -> None:
        self.before: Tree = set_lines.tree(text)
        self.tree: Tree = copy.deepcopy(self.before)
        self._touched: list[Path] = []
        self._last: list[Path] = []  # what comes after all others beside it
        self._stated: list[Path] = []  # what is set again whatever was deleted below it

    def at(self, *path: str) -> Tree:
        """What stands below a path; an empty tree where there is nothing."""
        return set_lines.at(self.tree, *path)

    def touch(self, *path: str) -> None:
        """A section that is shown before and after."""
        if path not in self._touched:
            self._touched.append(path)

    def put(self, *path: str) -> None:
        node = self.tree
        for word in path:
            node = node.setdefault(word, {})

    def put_last(self, *path: str, name: int) -> None:
        """As ``put``; the section of the first ``name`` words stays behind all others beside it."""
        self.at(*path[: name - 1]).pop(path[name - 1], None)
        self.put(*path)
        self._last.append(path[:name])

    def state(self, *path: str) -> None:
        """As ``put``, for a section that is there for itself, even where the last line below it goes."""
        self.put(*path)
        self._stated.append(path)

    def drop(self, *path: str, least: int) -> None:
        """Take a section away, and those around it that hold nothing else, down to ``least`` words."""
        if path[-1] not in self.at(*path[:-1]):
            return
        while len(path) > least and len(self.at(*path[:-1])) == 1:
            path = path[:-1]
        self.at(*path[:-1]).pop(path[-1])

    def plan(self) -> ConfigPlan:
        again = [path for path in self._last if self._has_new_beside(path)]
        lines = [*(f"delete {written(path)}" for path in (*_gone(self.before, self.tree), *again)),
                 *(f"set {written(path)}" for path in _new(self.before, self.tree))]
        lines += [f"set {written(path)}" for path in self._stated
                  if any(line.startswith(f"delete {written(path)} ") for line in lines)]
        lines += [f"set {written((*path, *leaf))}" for path in again for leaf in _leaves(self.at(*path))]
        inverse = [*(f"delete {written(path)}" for path in self._within(_gone(self.tree, self.before))),
                   *(f"set {written(path)}" for path in _new(self.tree, self.before))]
        before, after = (self._shown(tree) for tree in (self.before, self.tree))
        return ConfigPlan(tuple(dict.fromkeys(lines)), tuple(inverse) if lines else (), before, after)

    def _within(self, gone: t.Iterable[Path]) -> t.Iterator[Path]:
        """Not more than what was touched: what is deactivated is not in the tree, and may be around it."""
        for path in gone:
            inside = [one for one in self._touched if one[: len(path)] == path]
            yield from inside or [path]

    def _has_new_beside(self, path: Path) -> bool:
        old = set_lines.at(self.before, *path[:-1])
        return path[-1] in old and any(word not in old for word in self.at(*path[:-1]))

    def _shown(self, tree: Tree) -> str:
        found = []
        for path in self._touched:
            below = set_lines.at(tree, *path)
            if below or path[-1] in set_lines.at(tree, *path[:-1]):
                found += [f"set {written((*path, *leaf))}\n" for leaf in sorted(_leaves(below))]
        return "".join(found)


def written(path: Path) -> str:
    return " ".join(word if _PLAIN.fullmatch(word) else f'"{word}"' for word in path)


def _leaves(tree: Tree) -> list[Path]:
    return [(word, *leaf) for word, below in tree.items() for leaf in _leaves(below)] if tree else [()]


def _gone(old: Tree, new: Tree, path: Path = ()) -> list[Path]:
    """The tops of what is in the one and not in the other."""
    found: list[Path] = []
    for word, below in old.items():
        if word not in new or (word in _VALUES and below and not set(below) <= set(new[word])):
            found.append((*path, word))
        else:
            found += _gone(below, new[word], (*path, word))
    return found


def _new(old: Tree, new: Tree, path: Path = ()) -> list[Path]:
    """The lines of what is in the other and not in the one."""
    found: list[Path] = []
    for word, below in new.items():
        if word not in old or (word in _VALUES and old[word] and not set(old[word]) <= set(below)):
            found += [(*path, word, *leaf) for leaf in _leaves(below)]
        else:
            found += _new(old[word], below, (*path, word))
    return found
