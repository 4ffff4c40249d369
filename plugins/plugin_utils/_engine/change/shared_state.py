# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Sharing connection state between the firewalls of a split path: thought of first, and seldom the right remedy."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.remedies import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.sharing import RIGHT
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.deaths import without_session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import race_of


def rejected(network: Network, verdicts: t.Sequence[FlowVerdict]) -> list[Rejected]:
    """One for each two Linux hosts of which one keeps state and the other sees the reply."""
    found: dict[tuple[str, str], Rejected] = {}
    for told in verdicts if verdicts else ():
        for one in told.relies:
            if one.verdict == "at_risk" and one.race:
                found.setdefault((one.first, one.second), _rejected(one.first, one.second, one.race.sentence))
        for dead, forward in without_session(told) if told.failing else ():
            for first in [hop.host for hop in forward.hops if hop.transit.stateful]:
                if first not in network.foreign and dead.host not in network.foreign:
                    race = race_of(told.named.flow, network.facts[first], network.facts[dead.host])
                    found.setdefault((first, dead.host), _rejected(first, dead.host, race.sentence))
    return list(found.values())


def _rejected(first: str, second: str, why: str) -> Rejected:
    return Rejected("state_sync", second, f"share connection state between {first} and {second}",
                    f"a remedy only where state is measured to come before the reply ({why}); otherwise {RIGHT}")
