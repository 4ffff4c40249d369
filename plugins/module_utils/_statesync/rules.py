# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The rules that let nobody but the peers reach the port of the sync link, in a chain of our nft table. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import MARK
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import (
    Part,
    PartChain,
    PartRule,
    after_part,
    part_text,
    plan_part,
    require_nft_name,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.wish import Wish

SUBJECT = "state sync rules"
PREFIX = "sync_"
_BODY = "type filter hook input priority mangle; policy accept;"


def wanted_part(wish: t.Optional[Wish]) -> Part:
    """Our chain; without a wish, or where the port shall stay open, there is none."""
    if wish is None or not wish.restricted:
        return Part(PREFIX)
    own = wish.group.own
    require_nft_name(own.interface, f"interface of {own.name}")
    port = {"left": "udp dport", "op": "==", "right": wish.port}
    link = {"left": "meta iifname", "op": "==", "right": own.interface}
    source = f"{'ip' if own.family == 4 else 'ip6'} saddr"
    rules = [
        PartRule(
            f"{MARK}sync:{peer.address}",
            {
                "matches": [link, {"left": source, "op": "==", "right": peer.address}, port],
                "statements": [],
                "verdict": {"do": "accept"},
            },
        )
        for peer in wish.group.peers
    ]
    rules.append(PartRule(f"{MARK}sync:others", {"matches": [port], "statements": [], "verdict": {"do": "drop"}}))
    return Part(PREFIX, (PartChain(f"{PREFIX}input", _BODY, tuple(rules)),))


def plan(live: Part, wish: t.Optional[Wish]) -> Plan:
    """The changes that leave exactly these rules; raises PlanError, changes nothing."""
    wanted = wanted_part(wish)
    changes = tuple(plan_part(live, wanted))
    return Plan(SUBJECT, changes, part_text(live), part_text(after_part(live, wanted)))
