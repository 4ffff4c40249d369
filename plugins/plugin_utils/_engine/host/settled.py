# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Routing decisions that a host has made before, found again for packets that nothing on the host tells apart.

Only what lets a packet pass is kept: the texts of all other decisions name its addresses. Of a leg without a gateway
the next hop is the packet's own destination, which is put in its place.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Branch, Lookup, Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision

LIMIT = 200_000  # questions kept for one host
_OnLink = tuple[bool, ...]  # for each decision, whether its next hop is the destination


def like(host: Host, packet: Packet, iif: str | None, oif: str | None = None) -> t.Hashable | None:
    """All that the routing decision on a packet may depend on; None where more than that counts.

    ``iif`` is None for a packet of the host itself, ``oif`` the interface that its socket is bound to.
    """
    flow = packet.flow
    if host.learned or (iif is None and not packet.has_source):
        return None
    family = 6 if ":" in flow.destination else 4
    remembered = host.remembered(family)
    source = number_of(flow.source)
    return (
        family, iif, oif, remembered.place(number_of(flow.destination)),
        remembered.place(source) if iif is not None else source,
        packet.tos, packet.mark,
        (flow.protocol, flow.sport, flow.dport) if remembered.reads_ports else None,
        packet.uid if remembered.reads_user else None,
    )


class Settled:
    """The decisions of one host."""

    def __init__(self) -> None:
        self._found: dict[t.Hashable, tuple[tuple[Decision, ...], _OnLink] | None] = {}

    def of(
        self, like: t.Hashable | None, destination: str, decide: t.Callable[[], tuple[Decision, ...]]
    ) -> tuple[Decision, ...]:
        """The decisions on a packet to ``destination``; ``like`` is all that they may depend on, None: cannot say."""
        if like is None:
            return decide()
        try:
            kept = self._found[like]
        except KeyError:
            decisions = decide()
            if len(self._found) < LIMIT:
                self._found[like] = _passing(decisions)
            return decisions
        if kept is None:
            return decide()
        decisions, on_link = kept
        return _towards(decisions, on_link, destination) if any(on_link) else decisions


def _passing(decisions: tuple[Decision, ...]) -> tuple[tuple[Decision, ...], _OnLink] | None:
    """The decisions, where all of them let the packet pass and say so without its addresses."""
    on_link: list[bool] = []
    for decision in decisions:
        lookup = decision.lookup
        if lookup is None or lookup.unknown or decision.detail or len(lookup.branches) != len(decisions):
            return None
        if decision.outcome not in ("forward", "local"):
            return None
        branch = lookup.branches[len(on_link)]
        if branch.leg is None or branch.source is not None or branch.lesson is not None:
            return None
        on_link.append(branch.on_link)
    return decisions, tuple(on_link)


def _towards(decisions: tuple[Decision, ...], on_link: _OnLink, destination: str) -> tuple[Decision, ...]:
    old = t.cast(Lookup, decisions[0].lookup)
    branches: list[Branch] = [
        changed(branch, next_hop=destination) if here else branch
        for branch, here in zip(old.branches, on_link, strict=True)
    ]
    lookup = changed(old, branches=tuple(branches))
    return tuple([
        changed(decision, next_hop=branch.next_hop, lookup=lookup)
        for decision, branch in zip(decisions, branches, strict=True)
    ])
