# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many cases each element of a host decides: the table that a run of the oracle prints.

An element decides a case where the engine, asked about the same host with that one element turned over or taken
away, gives another answer. A route type, a kind of next hop or an outcome decides where the answering route, or the
answer, is of it. docs/accuracy.md explains each row.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.tests.oracle import (
    deciding_checks,
    deciding_routes,
    deciding_rules,
    deciding_sources,
)
from ansible_collections.netpath.symmetry.tests.oracle.compare import packet_of, route_of
from ansible_collections.netpath.symmetry.tests.oracle.tally import Tally
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

FLOOR = 0.005  # of all cases, for every row
_OUTCOMES = ("forward", "local", "no_route", "not_forwarding", "martian", "reverse_path")
SECTIONS: dict[str, tuple[str, ...]] = {
    "rule: selector": deciding_rules.SELECTORS,
    "rule: action": deciding_rules.ACTIONS,
    "route: type": deciding_routes.TYPES,
    "route: choice": deciding_routes.CHOICES,
    "route: next hop": deciding_routes.NEXT_HOPS,
    "source address (IPv4)": deciding_sources.V4,
    "source address (IPv6)": deciding_sources.V6,
    "rp_filter: outcome": deciding_checks.OUTCOMES,
    "rp_filter: decided by": deciding_checks.SYSCTLS,
    "outcome": _OUTCOMES,
}
# what few questions depend on: for these a question is chosen among several
RARE = frozenset(
    (
        *("rp_filter: decided by: lo as iif", "route: next hop: leg with the packet's source"),
        *("route: next hop: equal defaults by neighbour", "source address (IPv4): subnet of the gateway"),
        *("source address (IPv4): peer address", "source address (IPv6): label"),
        "source address (IPv6): longest match",
        *("rp_filter: decided by: src_valid_mark", "rp_filter: decided by: egress as iif"),
        *("rp_filter: decided by: ports swapped", "route: type: unreachable route"),
    )
)
ROWS = tuple(f"{section}: {row}" for section, rows in SECTIONS.items() for row in rows)


def deciding(host: Host, question: Question, decisions: t.Sequence[Decision]) -> set[str]:
    """The rows that decide one case."""
    found = {f"outcome: {decision.reason or decision.outcome}" for decision in decisions}
    packet = packet_of(question)
    path = deciding_rules.Path(host, host.key(packet, question.iif, question.oif))
    ruled = question.family == 6 or not host.unruled
    if all(decision.lookup is not None for decision in decisions) and ruled:
        rules = deciding_rules.deciding(host, path)
        found.update(_named("rule: selector", rules), _named("rule: action", rules))
        routes = deciding_routes.deciding(host, path)
        for section in ("route: type", "route: choice", "route: next hop"):
            found.update(_named(section, routes))
    for decision in decisions:
        sources = set(deciding_sources.deciding(host, question, decision, route_of(decision)))
        found.update(_named("source address (IPv4)" if question.family == 4 else "source address (IPv6)", sources))
        if question.iif and question.family == 4:
            checks = deciding_checks.deciding(host, packet, question.iif, decision)
            found.update(_named("rp_filter: outcome", checks), _named("rp_filter: decided by", checks))
    return found


def _named(section: str, rows: t.Container[str]) -> list[str]:
    return [f"{section}: {row}" for row in SECTIONS[section] if row in rows]


def table(tally: Tally, absent: t.Container[str]) -> str:
    """How many cases, and what part of all, each row decides."""
    lines = [f"{'cases':>9} {'share':>7}  decided by"]
    for row in ROWS:
        if row in absent:
            lines.append(f"{'-':>9} {'-':>7}  {row} (not on this kernel)")
            continue
        share = tally.rows[row] / max(1, tally.cases)
        low = "  UNDER ITS FLOOR" if share < FLOOR else ""
        lines.append(f"{tally.rows[row]:9} {share:7.2%}  {row}{low}")
    return "\n".join(lines)


def under_floor(tally: Tally, absent: t.Container[str]) -> list[str]:
    """The rows that decide too few cases."""
    return [row for row in ROWS if row not in absent and tally.rows[row] < FLOOR * tally.cases]
