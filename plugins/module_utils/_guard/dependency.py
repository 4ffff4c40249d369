# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which later changes of a host depend on an earlier one, by what each has touched: pure.

What a change touches is recorded beside its inverses: ``w KEY`` for what it changes, ``r KEY`` for what it looks up
(what is later put there is of use through it), ``h KEY`` for what it holds a copy of. A key is a path such as
``rule/4/10500`` or ``route/4/10500/203.0.113.0/25``, and stands for everything below it; the empty one for everything.
The shell script decides the same by the same lines (script_rollback.py).
"""

from __future__ import annotations

import re
import typing as t

NOTHING = "nothing"  # recorded by a change that touches nothing which could be needed
EVERYTHING = ("w ",)
MANY = 200  # keys with one parent, from which on the parent stands for them

# Lookups of these lead there anyway (local, main, default): what is later put into them needs no rule of ours.
_KERNEL_TABLES = re.compile(r"^route/[46]/25[345]$")
Touches = t.Optional[t.Sequence[str]]  # None: not recorded


class _Keys:
    """Keys, and whether another one is among them, above one of them or below one of them."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._above: set[str] = set()

    def add(self, key: str) -> None:
        self._keys.add(key)
        self._above.update(_prefixes(key))

    def overlaps(self, key: str) -> bool:
        return key in self._above or any(prefix in self._keys for prefix in _prefixes(key))


def _prefixes(key: str) -> list[str]:
    """The key itself and everything above it, down to the empty key."""
    parts = key.split("/")
    return ["", *("/".join(parts[:count]) for count in range(1, len(parts) + 1))]


def dependents(touches: Touches, later: t.Sequence[tuple[str, Touches]]) -> dict[str, str]:
    """Those of the later changes, oldest first, that depend on a change: ``{id: the key by which}``, oldest first.

    One that depends on a dependent is one, too: it would have to go before that one goes.
    """
    written, needed = _Keys(), _Keys()
    _add(touches, written, needed)
    found: dict[str, str] = {}
    for change_id, touched in later:
        key = next((key for kind, key in _split(touched) if _hits(kind, key, written, needed)), None)
        if key is not None:
            found[change_id] = key
            _add(touched, written, needed)
    return found


def _hits(kind: str, key: str, written: _Keys, needed: _Keys) -> bool:
    return written.overlaps(key) or (kind == "w" and needed.overlaps(key))


def _add(touched: Touches, written: _Keys, needed: _Keys) -> None:
    for kind, key in _split(touched):
        if kind == "w":
            written.add(key)
        elif kind == "r" and not _KERNEL_TABLES.match(key):
            needed.add(key)


def _split(touched: Touches) -> list[tuple[str, str]]:
    lines = EVERYTHING if touched is None else touched
    return [(line[0], line[2:]) for line in lines if line != NOTHING]


def condensed(lines: t.Iterable[str]) -> list[str]:
    """The lines, each once; where many have one parent, the parent stands for them."""
    children: dict[str, list[str]] = {}
    for line in dict.fromkeys(lines):
        children.setdefault(_parent(line), []).append(line)
    kept: dict[str, None] = {}
    for parent, found in children.items():
        kept.update(dict.fromkeys([parent] if len(found) > MANY else found))
    return list(kept)


def _parent(line: str) -> str:
    """What stands for a line and its like: routes of a table, elements of a set."""
    parts = line.split("/")
    return "/".join(parts[:3]) if len(parts) > 3 else line


def told(key: str) -> str:
    """A key for a person."""
    return key or "what is not recorded"
