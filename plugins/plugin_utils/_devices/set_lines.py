# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Configurations written as ``set`` lines (Junos, VyOS), as a tree of words in the order of the lines.

``set a b 'c d'`` is ``{"a": {"b": {"c d": {}}}}``. What is deactivated is not in the tree.
"""

from __future__ import annotations

import shlex
import typing as t

Dict = dict[str, t.Any]


def tree(text: str, keep: t.Callable[[list[str]], None] | None = None) -> Dict:
    """The tree of all lines; lines that are neither set nor deactivate nor a comment go to ``keep``."""
    root: Dict = {}
    inactive: list[list[str]] = []
    strange: list[str] = []
    for line in text.splitlines():
        words = _words(line)
        if not words or words[0].startswith(("#", "[edit", "{")) or words[0] in ("activate", "protect"):
            continue
        if words[0] == "deactivate":
            inactive.append(words[1:])
        elif words[0] == "set":
            node = root
            for word in words[1:]:
                node = node.setdefault(word, {})
        else:
            strange.append(line)
    for path in inactive:
        if path:
            at(root, *path[:-1]).pop(path[-1], None)
    if keep and strange:
        keep(strange)
    return root


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that does not end, in a description for example
        return line.split()


def at(node: Dict, *path: str) -> Dict:
    """What stands below a path; an empty tree where there is nothing."""
    for word in path:
        node = node.get(word) or {}
    return node


def value(node: Dict, *path: str) -> str:
    """The first word below a path, empty where there is none."""
    return next(iter(at(node, *path)), "")
