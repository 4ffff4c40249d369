# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Running configurations that are indented (Arista EOS), as a tree of lines in their order."""

from __future__ import annotations

import re
import typing as t

Dict = dict[str, t.Any]


def tree(text: str) -> Dict:
    """``{line: {line below it: {}}}``; a block that is written twice is one."""
    root: Dict = {}
    stack: list[tuple[int, Dict]] = [(-1, root)]
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith("!"):
            continue
        depth = len(line) - len(line.lstrip())
        while stack[-1][0] >= depth:
            stack.pop()
        stack.append((depth, stack[-1][1].setdefault(words, {})))
    return root


def starting(node: Dict, pattern: str) -> t.Iterator[tuple[re.Match[str], Dict]]:
    """The lines of a level that match in whole, and what stands below each."""
    for line, below in node.items():
        match = re.fullmatch(pattern, line)
        if match:
            yield match, below
