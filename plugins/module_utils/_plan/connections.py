# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which live connections a change of source NAT makes wrong.

A conntrack entry keeps the translation that its first packet got: a client that goes on with the same ports keeps the
old one whatever the rules say now. (net/netfilter/nf_nat_core.c, nf_nat_setup_info runs once per connection)
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Connection
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import NatEntry
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import PrefixSet

CHOICES = ("unreplied", "all", "keep")


class Translations:
    """The address that entries give to a connection."""

    def __init__(self, entries: t.Iterable[NatEntry]) -> None:
        self._entries = [(entry, PrefixSet(entry.prefixes)) for entry in entries]

    def wanted(self, flow: Connection) -> t.Optional[NatEntry]:
        """The entry that a connection falls under, or None."""
        for entry, prefixes in self._entries:
            if entry.protocols and flow.protocol not in entry.protocols:
                continue
            if entry.ports and not any(low <= (flow.dport or 0) <= high for low, high in entry.ports):
                continue
            if flow.destination in prefixes:
                return entry
        return None


def made_wrong(
    flows: t.Iterable[Connection], before: t.Sequence[NatEntry], after: t.Sequence[NatEntry]
) -> list[Connection]:
    """The connections whose translation would be another one, were they new: those and no others."""
    old, new = Translations(before), Translations(after)
    wrong = []
    for flow in flows:
        was, will = old.wanted(flow), new.wanted(flow)
        if (was and was.address) == (will and will.address):
            continue
        actual = flow.reply_destination
        if will is not None:
            stale = actual != will.address
        else:
            stale = was is not None and actual == was.address != flow.source
        if stale:
            wrong.append(flow)
    return wrong


def deletions(wrong: t.Iterable[Connection], choice: str) -> list[Change]:
    """The changes that delete wrong connections, by the option existing_connections."""
    if choice == "keep":
        return []
    return [Change("conntrack", "delete", before=flow) for flow in wrong if flow.unreplied or choice == "all"]


def sources_seen(flows: t.Iterable[Connection], entry: NatEntry) -> list[str]:
    """The source addresses that the far end of an entry's live connections sees now."""
    only = Translations([entry])
    return sorted({flow.reply_destination for flow in flows if only.wanted(flow)})
