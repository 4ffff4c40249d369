# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM106: what ICMP taught of a destination overrides the routing tables, until it expires."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import Key, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Lesson


def of_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """The redirects that the packets of a flow follow."""
    if not network.taught:
        return
    severity = {"broken": "critical", "at_risk": "warning"}.get(told.verdict, "info")
    for path in (*told.forward_paths(), *told.return_paths()):
        for hop in path.hops:
            branch = hop.branch
            if branch and branch.lesson and branch.leg and branch.route and branch.lesson.diverts(branch.leg):
                yield _redirect(hop.host, hop.transit.packet.flow.destination, branch.route, branch.leg, branch.lesson,
                                severity, (told.name,))


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """Every redirect that the host has learned, whether a flow is known to take it or not."""
    engine = network.hosts[host]
    for entry in network.facts[host].get("exceptions", ()):
        family, number = entry["family"], number_of(entry["dst"])
        hit = engine.table(family, entry["table"]).lookup(Key(family, number), engine.surroundings(family))
        legs = [leg for leg in hit.route.nexthops if leg.device == entry.get("device")] if hit else []
        lesson = Lesson(entry.get("gateway"), entry.get("mtu"))
        if hit and legs and all(lesson.diverts(leg) for leg in legs):
            yield _redirect(host, entry["dst"], hit.route, legs[0], lesson, "info")


def _redirect(
    host: str, destination: str, route: Route, leg: NextHop, lesson: Lesson, severity: str,
    flows: tuple[str, ...] = (),
) -> Finding:
    now = lesson.gateway or "the wire itself"
    says = leg.gateway or "the wire itself"
    return finding("SYM106", host, f"an ICMP redirect sends packets to {destination} to {now} instead of {says}, as "
                   f"route {route.dst} of table {route.table} says", leg.device or "", severity, flows)
