# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which hosts the judgement of a flow asks: what no other host has or does can make a difference to it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict, judge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import Observed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import NamedFlow


class _Hosts(dict[str, Host]):
    """The hosts of a network; notes which of them were asked."""

    def __init__(self, hosts: t.Mapping[str, Host]) -> None:
        super().__init__(hosts)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Host:
        self.asked.add(name)
        return super().__getitem__(name)


class Watched:
    """A network that tells with every verdict which hosts were asked for it."""

    def __init__(self, network: Network) -> None:
        self._hosts = _Hosts(network.hosts)
        self.network = dataclasses.replace(network, hosts=self._hosts)

    def judge(self, named: NamedFlow, observed: Observed) -> tuple[FlowVerdict, frozenset[str]]:
        """The verdict on one flow, and the hosts that were asked."""
        self._hosts.asked.clear()
        # by which uplinks an address is reached may be remembered: it has to be asked, and noted, for every flow
        vars(self.network).pop("remembered_candidates", None)
        return judge(self.network, named, observed), frozenset(self._hosts.asked)
