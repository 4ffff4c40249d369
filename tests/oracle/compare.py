# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's answer to a question, and whether it agrees with the kernel's."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import TABLE_LOCAL, TABLE_MAIN, Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.oracle.asking import Answer
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

_NETWORK, _HOST, _PERMISSION = "Network is unreachable", "No route to host", "Permission denied"
_ARGUMENT, _CROSS = "Invalid argument", "Invalid cross-device link"
# the error of `ip route get` for each reason; IPv6 prints some of them as a route with an error number
_ERRORS: dict[str, tuple[str, ...]] = {
    "no_route": (_NETWORK,),
    "unreachable": (_NETWORK, _HOST, "-101", "-113"),
    "prohibit": (_PERMISSION, "-13"),
    "blackhole": (_ARGUMENT, "-22"),
    "not_forwarding": (_HOST,),
    "martian": (_ARGUMENT,),
    "reverse_path": (_CROSS, _ARGUMENT),  # Linux 6.13 and later say the latter of both
    "no_source": (_ARGUMENT, _NETWORK),
}


def packet_of(question: Question) -> Packet:
    """The packet that a question is about."""
    nothing = "0.0.0.0" if question.family == 4 else "::"
    flow = Flow(question.protocol, question.src or nothing, question.dst, question.sport, question.dport)
    return Packet(flow, question.mark, question.tos, uid=question.uid)


def decide(host: Host, question: Question) -> tuple[Decision, ...]:
    """What the engine says."""
    packet = packet_of(question)
    if question.iif and question.family == 6:
        return _lookup_only(host, packet, question.iif)
    if question.iif:
        return routing.route_input(host, packet, question.iif)
    return routing.route_output(host, packet, question.oif)


def _lookup_only(host: Host, packet: Packet, iif: str) -> tuple[Decision, ...]:
    """Rules and FIB alone: for IPv6 `ip route get` does none of the checks of ip6_rcv and ip6_forward."""
    lookup = host.lookup(packet, iif)
    if lookup.unknown:
        return (Decision("unknown", detail=lookup.unknown),)
    return tuple(
        Decision(one.kind, one.share, one.device, one.next_hop, reason=one.reason.replace(" ", "_"), lookup=lookup)
        for one in lookup.branches
    )


def difference(
    host: Host, question: Question, decisions: t.Sequence[Decision], answer: Answer, matched: Route | str
) -> str | None:
    """What differs between the engine and the kernel; empty where nothing does, None where the engine does not know.

    The kernel's answer must be one of the engine's branches, and the route that matched must be the engine's, with
    its table, prefix, type, metric, tos, source and every leg with its weight.
    """
    if any(decision.outcome == "unknown" for decision in decisions):
        return None
    if answer.error.startswith("Cannot find device"):  # shrunk away
        return None
    routes = [_as_shown(host, route_of(decision)) for decision in decisions]
    if not any(_same(question, *pair, answer) for pair in zip(decisions, routes, strict=True)):
        return "answer"
    return "" if _same_route(decisions, routes, matched) else f"matched route: {matched}"


def _as_shown(host: Host, route: Route | None) -> Route | None:
    """The route with the table that the kernel names: main for local, too, while both are one."""
    if route is not None and route.family == 4 and route.table == TABLE_LOCAL and host.unruled:
        return dataclasses.replace(route, table=TABLE_MAIN)
    return route


def _same(question: Question, decision: Decision, route: Route | None, answer: Answer) -> bool:
    if decision.outcome == "drop":
        return answer.error in _ERRORS[decision.reason]
    if answer.error or (route is not None and answer.table != route.table):
        return False
    if not question.iif and not question.src and answer.source != (decision.source or ""):
        return False
    if decision.outcome == "local":
        return answer.kind in ("local", "broadcast", "anycast")
    leaves_by = (answer.device, answer.gateway or question.dst)
    return answer.kind in ("unicast", "broadcast") and leaves_by == (decision.device, decision.next_hop)


def route_of(decision: Decision) -> Route | None:
    """The route of a branch; of a branch among equal default routes its own."""
    branches = decision.lookup.branches if decision.lookup else ()
    for branch in branches:
        if (branch.device, branch.next_hop) == (decision.device, decision.next_hop):
            return branch.route
    return branches[0].route if branches else None


def _same_route(decisions: t.Sequence[Decision], routes: t.Sequence[Route | None], matched: Route | str) -> bool:
    if isinstance(matched, str):  # a refusal; or a route that the kernel made up, for there was none
        return any(decision.outcome == "drop" for decision in decisions) or None in routes
    return _plain(matched) in [_plain(route) for route in routes if route is not None]


def _plain(route: Route) -> Route:
    """The route with its legs in one order: IPv6 begins with the leg that the hash chose.

    Of equal IPv4 default routes the kernel shows the tos of the first, whichever it takes.
    """
    tos = 0 if route.dst == "0.0.0.0/0" else route.tos
    legs = tuple(sorted(route.nexthops, key=lambda leg: (leg.device or "", leg.gateway or "", leg.weight)))
    return dataclasses.replace(route, nexthops=legs, tos=tos)
