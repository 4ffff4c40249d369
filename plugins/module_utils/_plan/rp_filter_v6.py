# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The reverse-path filter of IPv6 on named interfaces: rules of ours that ask the FIB (nft fib).

The kernel has no parameter for it. Strict: the best route back to the source leaves by the interface that the packet
came in by. Loose: there is a route back at all. The source of duplicate address detection has none and passes
(net/ipv6/netfilter/nft_fib_ipv6.c); link-local sources are looked up on the link itself.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import MARK
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import (
    Part,
    PartChain,
    PartRule,
    require_nft_name,
)

PREFIX = "rpf_"
CHAIN = "rpf_prerouting"
_ASKED = {"strict": "fib saddr . iif oif", "loose": "fib saddr oif"}
_COMMENT = f"{MARK}rpf:"


def wanted_part(live: Part, modes: t.Mapping[str, str]) -> Part:
    """Our part with these modes by interface; rules of interfaces that are not named stay. Raises PlanError."""
    chain = live.chain(CHAIN)
    rules = [] if chain is None else [r for r in chain.rules if r.comment[len(_COMMENT) :] not in modes]
    for interface, mode in modes.items():
        require_nft_name(interface, f"interface {interface}")
        if mode != "off":
            rules.append(_rule(interface, mode))
    if not rules:
        return Part(PREFIX)
    rules.sort(key=lambda rule: rule.comment)
    body = "type filter hook prerouting priority raw; policy accept;"
    return Part(PREFIX, (PartChain(CHAIN, body, tuple(rules)),))


def _rule(interface: str, mode: str) -> PartRule:
    matches = [
        {"left": "meta iifname", "op": "==", "right": interface},
        {"left": "meta nfproto", "op": "==", "right": "ipv6"},
        {"left": _ASKED[mode], "op": "==", "right": False},
    ]
    form = {"matches": matches, "statements": [], "verdict": {"do": "drop"}, "counter": True}
    return PartRule(f"{_COMMENT}{interface}", form)


def check_strict(host: Host, interface: str) -> None:
    """Refuse strict where a route back has several next hops: nft sees one of them, by hash, and drops the rest."""
    for route in host.routes:
        devices = [leg.device for leg in route.nexthops]
        if route.family == 6 and len(set(devices)) > 1 and interface in devices:
            raise PlanError(
                f"interface {interface}: ipv6 strict would drop sources by chance: {route.dst} has several next hops "
                f"({', '.join(map(str, devices))}), and nft compares the one that the hash picks; use loose"
            )
