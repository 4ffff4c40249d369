# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Configurations of lines under lines (Cisco, Arista, FRR): what has to be sent so that some lines are there, and back.

Pure: the running configuration comes as text, as the device shows it. Nothing is sent to find out what would change.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError

Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line that shall be in the configuration, under its parents; or shall not be there (``absent``).

    ``replaces``: what a line beside it begins with that it takes the place of; such a line is removed only where the
    platform does not do that by itself (``removes``). ``off``: what takes the line away, where "no" before it does not.
    """

    parents: Path
    text: str
    replaces: str = ""
    removes: bool = False
    absent: bool = False
    off: str = ""

    @property
    def negation(self) -> str:
        return self.off or negated(self.text)


@dataclasses.dataclass(frozen=True)
class ConfigPlan:
    """What to send, what takes it back, and the touched sections before and after."""

    lines: tuple[str, ...] = ()
    inverse: tuple[str, ...] = ()
    before: str = ""
    after: str = ""

    @property
    def changed(self) -> bool:
        return bool(self.lines)


Tree = dict[str, "Tree"]


def parse(text: str) -> Tree:
    """Lines by their indentation; comments and the lines that end a section are left out."""
    tree: Tree = {}
    stack: list[tuple[int, Tree]] = [(-1, tree)]
    for raw in text.splitlines():
        line = raw.rstrip()
        bare = line.strip()
        if not bare or bare.startswith("!") or bare in ("exit", "end", "exit-address-family", "exit-vrf"):
            continue
        depth = len(line) - len(line.lstrip())
        while stack[-1][0] >= depth:
            stack.pop()
        stack.append((depth, stack[-1][1].setdefault(bare, {})))
    return tree


def find(tree: Tree, path: Path) -> Tree | None:
    """The section at a path; None where it is not there."""
    for text in path:
        found = tree.get(text)
        if found is None:
            return None
        tree = found
    return tree


def interface_section(tree: Tree, name: str) -> str:
    """The section of an interface; raises WishError with those that there are."""
    there = [text for text in tree if text.startswith("interface ")]
    for text in there:
        if text.split()[1] == name:
            return text
    raise WishError(f"the device has no interface {name!r}; it has "
                    f"{', '.join(text.split()[1] for text in there) or 'none'}")


def plan(running: str, wanted: t.Sequence[Line], leave: str = "") -> ConfigPlan:
    """What brings the lines about, one section after another, in their order.

    ``leave``: what is typed before another section, where a device does not take its first line from anywhere.
    """
    tree, after = parse(running), parse(running)
    sent: list[tuple[Path, str]] = []
    undo: list[tuple[Path, str]] = []
    for line in wanted:
        _one(after, line, sent, undo)
    touched = list(dict.fromkeys(root for line in wanted for root in _roots(tree, line)))
    if not sent:
        return ConfigPlan(before=_sections(tree, touched), after=_sections(tree, touched))
    return ConfigPlan(tuple(_written(sent, leave)), tuple(_written(reversed(undo), leave)),
                      _sections(tree, touched), _sections(after, touched))


def _roots(tree: Tree, line: Line) -> t.Iterator[str]:
    """The first lines of what is touched, with those that it takes the place of."""
    if line.parents:
        yield line.parents[0]
        return
    yield from (text for text in tree if line.replaces and re.match(line.replaces, text))
    yield line.text


def _one(tree: Tree, line: Line, sent: list[tuple[Path, str]], undo: list[tuple[Path, str]]) -> None:
    """Send one line where it is needed, and note what takes it back."""
    section = find(tree, line.parents)
    if line.absent:
        if section is not None and line.text in section:
            kept = _flattened(section.pop(line.text), (*line.parents, line.text))
            sent.append((line.parents, line.negation))
            undo += [*reversed(kept), (line.parents, line.text)]
        return
    if section is None:
        made = next(number for number in range(len(line.parents)) if find(tree, line.parents[: number + 1]) is None)
        section = tree
        for text in line.parents:
            section = section.setdefault(text, {})
        undo.append((line.parents[:made], negated(line.parents[made])))
        sent.append((line.parents, ""))  # a section that has no lines yet is made all the same
    if line.text in section:
        return
    new = any((line.parents[:number], negated(line.parents[number])) in undo for number in range(len(line.parents)))
    old = [text for text in section if line.replaces and re.match(line.replaces, text)]
    for text in old:
        del section[text]
        if line.removes:
            sent.append((line.parents, negated(text)))
        if not new:
            undo.append((line.parents, text))
    section[line.text] = {}
    sent.append((line.parents, line.text))
    if not new and (line.removes or not old):  # what goes with its section is not taken back by itself
        undo.append((line.parents, line.negation))


def negated(text: str) -> str:
    return text[3:] if text.startswith("no ") else f"no {text}"


def _flattened(section: Tree, path: Path) -> list[tuple[Path, str]]:
    found = []
    for text, inner in section.items():
        found += [(path, text), *_flattened(inner, (*path, text))]
    return found


def _written(entries: t.Iterable[tuple[Path, str]], leave: str) -> t.Iterator[str]:
    """The lines as they are typed: a section is entered by its parents, which a device takes from anywhere, or from
    the top."""
    current: Path = ()
    for path, text in entries:
        if path != current:
            if current and leave:
                yield leave
            yield from path
            current = path
        if text:
            yield text
        if text and not path:
            current = ()


def _sections(tree: Tree, roots: t.Iterable[str]) -> str:
    found: list[str] = []
    for root in roots:
        if root in tree:
            found += [root, *_indented(tree[root], 1)]
    return "".join(f"{line}\n" for line in found)


def _indented(section: Tree, depth: int) -> t.Iterator[str]:
    for text, inner in section.items():
        yield " " * depth + text
        yield from _indented(inner, depth + 1)
