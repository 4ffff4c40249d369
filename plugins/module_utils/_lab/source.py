# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read a YAML file as a tree that remembers lines and columns, and refuses what it does not know."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError, Mark, TopologyError


class Node:
    """One value of the file. Scalars are read as they are written, so that 10:20:30 stays a text and not a number."""

    def __init__(self, kind: str, value: t.Any, mark: Mark, style: str | None = None) -> None:
        self.kind = kind  # mapping, sequence or scalar
        self._value = value
        self.mark = mark
        self.key = mark  # where the key stands, for the value of a mapping
        self.style = style

    def error(self, message: str) -> TopologyError:
        """The error to raise about this value."""
        return TopologyError(self.mark, message)

    def mapping(self, what: str, allowed: t.Sequence[str], required: t.Sequence[str] = ()) -> dict[str, Node]:
        """The entries of a mapping whose keys are known beforehand."""
        entries = self.entries(what)
        for key, value in entries.items():
            if key not in allowed:
                nearest = _nearest(key, allowed)
                choice = ", ".join(allowed)
                raise TopologyError(value.key, f"{key!r} is not known in {what}{nearest}; allowed: {choice}")
        for key in required:
            if key not in entries:
                raise self.error(f"{what} needs {key!r}; allowed: {', '.join(allowed)}")
        return entries

    def entries(self, what: str) -> dict[str, Node]:
        """The entries of a mapping with keys of any name, in the order of the file."""
        if self._empty():
            return {}
        self._expect("mapping", what, "key: value pairs")
        result: dict[str, Node] = {}
        for key, value in self._value:
            name = key.text(f"a key of {what}")
            if name in result:
                raise key.error(f"{name!r} stands twice in {what}")
            value.key = key.mark
            result[name] = value
        return result

    def items(self, what: str) -> list[Node]:
        """The items of a list; an empty value is an empty list."""
        if self._empty():
            return []
        self._expect("sequence", what, "a list")
        return t.cast("list[Node]", self._value)

    def text(self, what: str) -> str:
        """A text that is not empty."""
        self._expect("scalar", what, "a text")
        if not self._value:
            raise self.error(f"{what} is empty")
        return str(self._value)

    def integer(self, what: str, low: int, high: int) -> int:
        """A number between ``low`` and ``high``; hexadecimal with 0x."""
        text = self.text(what)
        try:
            number = int(text, 0)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise self.error(f"{what} is {text!r}, expected a number from {low} to {high}")
        return number

    def flag(self, what: str) -> bool:
        """True or false."""
        text = self.text(what).lower()
        if text not in ("true", "false", "yes", "no"):
            raise self.error(f"{what} is {text!r}, expected true or false")
        return text in ("true", "yes")

    def choice(self, what: str, choices: t.Sequence[str]) -> str:
        """One of several words."""
        text = self.text(what)
        if text not in choices:
            raise self.error(f"{what} is {text!r}{_nearest(text, choices)}; allowed: {', '.join(choices)}")
        return text

    def _empty(self) -> bool:
        return self.kind == "scalar" and self._value in ("", "~", "null") and self.style is None

    def _expect(self, kind: str, what: str, expected: str) -> None:
        if self.kind != kind:
            raise self.error(f"{what} is a {self.kind}, expected {expected}")


def _nearest(word: str, known: t.Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def load(path: str) -> Node:
    """Read a YAML file; raises LabError where it cannot be read and TopologyError where it is not YAML."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise LabError(f"{path}: cannot be read ({error.strerror}); give the path of a topology file") from error
    return parse(text, path)


def parse(text: str, path: str) -> Node:
    """Read YAML text; ``path`` is the name that errors give."""
    try:
        import yaml  # where a lab is built ansible-core is installed, and PyYAML with it
    except ImportError as error:
        raise LabError("PyYAML is missing: run this module with the Python of ansible-core") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(path, place.line + 1, place.column + 1) if place else Mark(path, 1, 1)
        raise TopologyError(mark, f"not YAML: {error.problem or error.context}") from error
    if root is None:
        raise TopologyError(Mark(path, 1, 1), "the file is empty; it needs at least 'hosts'")
    return _convert(root, path, ())


def _convert(node: t.Any, path: str, parents: tuple[t.Any, ...]) -> Node:
    mark = Mark(path, node.start_mark.line + 1, node.start_mark.column + 1)
    if node in parents:
        raise TopologyError(mark, "this anchor contains itself")
    inside = (*parents, node)
    if node.id == "mapping":
        pairs = [(_convert(key, path, inside), _convert(value, path, inside)) for key, value in node.value]
        return Node("mapping", pairs, mark)
    if node.id == "sequence":
        return Node("sequence", [_convert(item, path, inside) for item in node.value], mark)
    return Node("scalar", node.value, mark, node.style)
