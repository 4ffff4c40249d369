# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's answer to a question, and whether it agrees with the kernel's."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.routing import Decision
from ansible_collections.netpath.symmetry.tests.oracle.kernel import Answer
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

_NETWORK, _HOST, _PERMISSION = "Network is unreachable", "No route to host", "Permission denied"
_INVALID = ("Invalid argument", "Invalid cross-device link")
# the error of `ip route get` for each reason; IPv6 prints some of them as a route with an error number
_ERRORS: dict[str, tuple[str, ...]] = {
    "no_route": (_NETWORK,),
    "unreachable": (_NETWORK, _HOST, "-101", "-113"),
    "prohibit": (_PERMISSION, "-13"),
    "blackhole": (*_INVALID, "-22"),
    "not_forwarding": (_HOST,),
    "martian": _INVALID,
    "reverse_path": _INVALID,
    "no_source": (*_INVALID, _NETWORK),
}


def decide(host: Host, question: Question) -> tuple[Decision, ...]:
    """What the engine says."""
    nothing = "0.0.0.0" if question.family == 4 else "::"
    flow = Flow(question.protocol, question.src or nothing, question.dst, question.sport, question.dport)
    packet = Packet(flow, question.mark, question.tos, uid=0)
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
        Decision(one.kind, one.share, one.device, one.next_hop, reason=one.reason.replace(" ", "_"))
        for one in lookup.branches
    )


def agrees(question: Question, decisions: t.Sequence[Decision], answer: Answer) -> bool | None:
    """Whether any branch of the engine's answer is the kernel's; None where the engine does not know."""
    if any(decision.outcome == "unknown" for decision in decisions):
        return None
    if answer.error.startswith("Cannot find device"):  # shrunk away
        return None
    return any(_same(question, decision, answer) for decision in decisions)


def _same(question: Question, decision: Decision, answer: Answer) -> bool:
    if decision.outcome == "drop":
        return answer.error in _ERRORS[decision.reason]
    if answer.error:
        return False
    if not question.iif and not question.src and answer.source != (decision.source or ""):
        return False
    if decision.outcome == "local":
        return answer.kind in ("local", "broadcast", "anycast")
    leaves_by = (answer.device, answer.gateway or question.dst)
    return answer.kind in ("unicast", "broadcast") and leaves_by == (decision.device, decision.next_hop)
