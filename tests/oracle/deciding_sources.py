# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides the source address of a packet that the host sends without one."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import source_address
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import SCOPES, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

V4 = (
    *("source of the route", "subnet of the gateway", "scope", "peer address", "another interface", "no source"),
    "first address",
)
_RULES_V6 = {1: "scope (IPv6)", 2: "deprecated", 3: "output interface", 4: "label", 7: "longest match"}
V6 = tuple(_RULES_V6.values())
_ANY = SCOPES["nowhere"]


def deciding(host: Host, question: Question, decision: Decision, route: Route | None) -> t.Iterable[str]:
    """The rows of source selection that decide one branch of an answer."""
    if question.iif or question.src or route is None or decision.outcome not in ("forward", "local"):
        return ()
    if route.prefsrc and route.protocol != 2:
        return ("source of the route",)
    if decision.outcome == "local":
        return ()
    return _v4(host, decision, route) if question.family == 4 else _v6(host, question, decision, route)


def _v4(host: Host, decision: Decision, route: Route) -> t.Iterator[str]:
    device = decision.device or ""
    leg = [leg for leg in route.nexthops if leg.device == device][0]
    toward = number_of(leg.gateway) if leg.gateway and ":" not in leg.gateway else 0
    scope = SCOPES.get(route.scope, 0)
    chosen = source_address.select_v4(host.interfaces, device, toward, scope)
    if not chosen:
        yield "no source"
        return
    if host.local_addresses.get(chosen) != device:
        yield "another interface"
    others = 0
    for row, (interfaces, to, wide) in {
        "subnet of the gateway": (host.interfaces, 0, scope),
        "scope": (host.interfaces, toward, _ANY),
        "peer address": (_without_peers(host), toward, scope),
    }.items():
        if source_address.select_v4(interfaces, device, to, wide) != chosen:
            others += 1
            yield row
    own = [one for one in host.interfaces[device].addresses if one.family == 4]
    if not others and len(own) > 1:
        yield "first address"


def _without_peers(host: Host) -> dict[str, t.Any]:
    return {
        name: dataclasses.replace(
            one, addresses=tuple(dataclasses.replace(address, peer=None) for address in one.addresses)
        )
        if any(address.peer for address in one.addresses)
        else one
        for name, one in host.interfaces.items()
    }


def _v6(host: Host, question: Question, decision: Decision, route: Route) -> t.Iterator[str]:
    """Leave out one rule of RFC 6724 after another: does another address win?"""
    dst = number_of(question.dst)
    device = (route.nexthops[0] if route.nhid is not None else decision).device
    usable = [
        (source_address._score_v6(address, one.name == device, dst), address.address)
        for one in sorted(host.interfaces.values(), key=lambda one: one.index)
        for address in one.addresses
        if address.family == 6 and one.vrf is None
    ]
    if not usable:
        return
    chosen = max(usable, key=lambda pair: pair[0])[1]
    for rule, row in _RULES_V6.items():
        if max(usable, key=lambda pair: pair[0][:rule] + pair[0][rule + 1 :])[1] != chosen:
            yield row
