# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Answers of rules and tables that a host has given before, found again by what its rules and tables look at.

Two questions are alike where nothing on the host tells them apart: their destinations have the same longest prefix in
every table and lie in the same prefixes of rules, and the other fields are equal as far as a rule, or the choice of a
next hop, reads them. Thousands of flows then share a handful of walks through the rules.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, Key, Table, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.rules import Answer

Prefixes = tuple[tuple[int, int], ...]  # network and the bits behind it, to be compared after a shift

LIMIT = 200_000  # answers kept for one host and family
# what routing compares addresses with whatever is configured, as prefixes
SET_APART = {
    4: ((0, 24), (127 << 24, 24), (0xE << 28, 28), (0xFFFFFFFF, 0)),
    6: ((0, 0), (1, 0), (0xFE80 << 112, 118), (0xFF << 120, 120)),
}


class Remembered:
    """The answers of one host for one address family."""

    def __init__(
        self,
        family: int,
        rules: t.Sequence[Rule],
        tables: t.Sequence[Table],
        covered: t.Sequence[tuple[int, int]],
        owned: t.Mapping[int, str],
    ) -> None:
        self._tables = tables
        self._to = _prefixes(family, [rule.dst for rule in rules], covered)
        self._from = _prefixes(family, [rule.src for rule in rules])
        self.reads_ports = any(rule.sport or rule.dport or rule.ipproto for rule in rules)
        self.reads_user = any(rule.uidrange for rule in rules)
        self._reads_mark = any(rule.fwmark is not None or rule.fwmask != 0xFFFFFFFF for rule in rules)
        # IPv6 prefers routes by the interface that a packet came in on
        self._reads_iif = family == 6 or any(rule.iif for rule in rules)
        self._family = family
        self._owned = owned
        self._apart = SET_APART[family]
        self._answers: dict[t.Any, Answer] = {}
        self._places: dict[int, int] = {}
        self._kinds: dict[t.Hashable, int] = {}

    def place(self, address: int) -> int:
        """A number for all that rules, tables and the kernel's own checks see of an address, at either end."""
        found = self._places.get(address)
        if found is None:
            kind = (
                tuple([table.longest(address) for table in self._tables]),
                _inside(address, self._to), _inside(address, self._from), _inside(address, self._apart),
                self._owned.get(address),
            )
            found = self._kinds.setdefault(kind, len(self._kinds))
            if len(self._places) < LIMIT:
                self._places[address] = found
        return found

    def answer(self, key: Key, walk: t.Callable[[Key], Answer]) -> Answer:
        """The answer for ``key``, of ``walk`` where the like was never asked."""
        like = self._like(key)
        found = self._answers.get(like)
        if found is None:
            found = walk(key)
            if len(self._answers) < LIMIT:
                self._answers[like] = found
        return found

    def _like(self, key: Key) -> t.Hashable:
        """All that the answer can depend on."""
        forwarded = key.iif != "lo" or key.reverse
        # packets of the host itself may take the leg of their source, and device lookups of IPv6 compare it
        source: t.Hashable = key.src
        if forwarded and self._family == 4:
            source = _inside(key.src, self._from) if self._from else None
        return (
            self.place(key.dst),
            source,
            key.iif if self._reads_iif else forwarded,
            key.oif,
            key.mark if self._reads_mark else 0,
            key.tos,
            (key.protocol, key.sport, key.dport) if self.reads_ports else None,
            key.uid if self.reads_user else None,
            key.l3mdev,
            (key.l3mdev_by_oif, key.strict, key.ignore_linkstate, key.reverse, key.by_device),
        )


def _prefixes(family: int, texts: t.Iterable[str | None], more: t.Iterable[tuple[int, int]] = ()) -> Prefixes:
    """Each prefix once; those of every address tell nothing apart."""
    found = {prefix_of(text) for text in texts if text} | set(more)
    return tuple(sorted((network, BITS[family] - length) for network, length in found if length))


def _inside(address: int, prefixes: Prefixes) -> int:
    """Which of the prefixes hold the address, one bit for each."""
    bits = 0
    for network, shift in prefixes:
        bits = bits << 1 | ((address ^ network) >> shift == 0)
    return bits
