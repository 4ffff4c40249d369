# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A packet at a netfilter hook."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import Picked
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host


@dataclasses.dataclass(frozen=True)
class Situation:
    """A packet at a hook, and everything that a rule may ask about it. Marks hold only their known bits."""

    host: Host
    hook: str
    packet: Packet
    iif: str | None
    oif: str | None
    connection: Connection
    mark: int = 0
    ct_mark: int = 0
    unknown_mark: int = 0  # bits of the mark that a rule may or may not have set
    unknown_ct_mark: int = 0
    picked: Picked = ()  # what is taken for granted of hashes

    @property
    def family(self) -> int:
        return 6 if ":" in self.packet.flow.destination else 4
