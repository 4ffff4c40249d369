# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""All walks of one flow: what an earlier one has met is not followed again."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import (
    Fates,
    Path,
    branches_of,
    enter,
    left_by,
    send,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Entry
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

T = t.TypeVar("T")


class Walks:
    """The walks of one flow. The same packet from the same place, through the same connection tables and along the
    same earlier path is walked once: the many branches of a flow share most of their way.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._done: dict[t.Hashable, list[Path]] = {}
        self._fates: Fates = {}
        self._followed: dict[int, tuple[Path, Packet, Path | None]] = {}
        self._told: dict[tuple[str, int], tuple[Path, t.Any]] = {}

    def send(
        self, host: str, packet: Packet, before: Path | None = None, guide: Path | None = None
    ) -> list[Path]:
        """As the function ``send``."""
        again = (self.network, host, packet, before, guide, self._fates)
        return self._once(host, packet, before, guide, lambda: send(*again))

    def enter(
        self, entry: Entry, packet: Packet, before: Path | None = None, guide: Path | None = None
    ) -> list[Path]:
        """As the function ``enter``."""
        again = (self.network, entry, packet, before, guide, self._fates)
        return self._once(entry, packet, before, guide, lambda: enter(*again))

    def along(self, guide: Path, packet: Packet, before: Path) -> Path | None:
        """A later packet of a flow that can only fare as that of ``guide``, an earlier one which arrived, did.

        None where a host on the way has more than routes for it, or where it is not known to be alike.
        """
        known = self._followed.get(id(guide))
        if known is None or known[1] != packet:
            known = (guide, packet, self._follow(guide, packet))  # the guide is kept, and so its id
            self._followed[id(guide)] = known
        path = known[2]
        if path is None or (before.trackers == path.trackers and before.known == path.known):
            return path
        keepers = {self.network.keeper(hop.host) for hop in path.hops}
        if any(keeper in before.trackers and before.trackers[keeper].entries for keeper in keepers):
            return None
        return changed(path, trackers=before.trackers, known=before.known)

    def once(self, what: str, path: Path, tell: t.Callable[[], T]) -> T:
        """What is to be told of a path, which is one and the same in many pairs: found out once."""
        known = self._told.get((what, id(path)))
        if known is None:
            known = self._told[what, id(path)] = (path, tell())
        return t.cast(T, known[1])

    def _follow(self, guide: Path, packet: Packet) -> Path | None:
        """The path of ``along``, as if no packet had left anything behind."""
        hosts, family = self.network.hosts, packet.flow.family
        if packet.mark or packet.uid is not None or (guide.entry is None) != (guide.hops[0].iif is None):
            return None
        for hop in guide.hops:
            sent = hop.transit.packet
            same = sent.flow == packet.flow and sent.tos == packet.tos and not sent.mark
            if not same or not hosts[hop.host].only_routes(family):
                return None
        hops = tuple([changed(hop, transit=changed(hop.transit, packet=packet, share=1.0)) for hop in guide.hops])
        share = guide.entry.share if guide.entry else 1.0
        return changed(guide, packet=packet, share=share, hops=hops, trackers={})

    def _once(
        self, start: t.Hashable, packet: Packet, before: Path | None, guide: Path | None,
        walk: t.Callable[[], list[Path]],
    ) -> list[Path]:
        trackers, known = left_by(before)
        key = (start, packet, frozenset(trackers.items()), known, branches_of(guide) if guide else None)
        found = self._done.get(key)
        if found is None:
            found = self._done[key] = walk()
        return found
