# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The addresses, prefixes, ports and ranges of them that are written in a part of the facts, whatever they mean there.

Taking a number for a port that is none does no harm to those who ask what a packet may be compared with.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, prefix_of

# what it is (an address of family 4 or 6, or 0 for a port), the first and the last number
Scalar = tuple[int, int, int]

_SAYS_NOTHING = ("counter", "handle", "text", "comment", "name", "table", "chain", "priority")
_ORDERED = ("<", ">", "<=", ">=")
_PORTS = 1 << 16


def scalars(part: t.Any) -> t.Iterator[list[Scalar]]:
    """Groups of what is written: a plain list is one group, as it only asks whether it holds a number."""
    if isinstance(part, dict):
        one = _scalar(part)
        if one is not None:
            yield [one]
            return
        if part.get("op") in _ORDERED:
            yield from _both_sides(_scalar(part.get("right")))
        for key, value in part.items():
            if key not in _SAYS_NOTHING:
                yield from scalars(key)
                yield from scalars(value)
    elif isinstance(part, (list, tuple)):
        listed = [_scalar(item) for item in part]
        if all(isinstance(item, (str, int, dict)) and "op" not in _keys(item) for item in part) and None not in listed:
            yield [one for one in listed if one is not None]
            return
        for item in part:  # maps give each element a meaning of its own
            for inner in item if isinstance(item, (list, tuple)) else (item,):
                yield from scalars(inner)
    else:
        one = _scalar(part)
        if one is not None:
            yield [one]


def _keys(item: t.Any) -> t.Container[str]:
    return item if isinstance(item, dict) else ()


def _both_sides(bound: Scalar | None) -> t.Iterator[list[Scalar]]:
    if bound is not None:
        kind, first, last = bound
        yield [(kind, last + 1, (1 << BITS[kind] if kind else _PORTS))]
        yield [(kind, 0, first)]


def _scalar(value: t.Any) -> Scalar | None:
    if isinstance(value, dict):
        if set(value) == {"range"}:
            return _text("-".join(str(end) for end in value["range"]))
        if set(value) == {"prefix"}:
            return _text(f"{value['prefix']['addr']}/{value['prefix']['len']}")
        return None
    if isinstance(value, bool):
        return None
    return _text(str(value)) if isinstance(value, (str, int)) else None


def _text(text: str) -> Scalar | None:
    first, dash, last = text.partition("-")
    try:
        if "." in first or ":" in first:
            family = 6 if ":" in first else 4
            low, high = prefix_of(first), prefix_of(last if dash else first)
            return family, low[0], high[0] + (1 << (BITS[family] - high[1])) - 1
        return 0, int(first, 0), int(last if dash else first, 0)
    except ValueError:
        return None
