# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan the clamping of TCP's maximum segment size at named interfaces, and at no other.

Both directions are clamped: the SYN that leaves by the edge limits what comes in there, the SYN or SYN-ACK that comes
in limits what leaves. The kernel never raises what a SYN says (net/netfilter/nft_exthdr.c), so edges do not fight.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
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

PREFIX = "mss_"
HEADERS = {"ipv4": 40, "ipv6": 60}  # of IP and TCP without options
SMALLEST = {"ipv4": 576, "ipv6": 1280}  # RFC 791, RFC 8200: no link has less
_SYN = {"left": "tcp flags", "op": "==", "right": "syn", "mask": ["syn", "rst"]}
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Edge:
    """An interface, and the MTU of the path beyond it; None: what the kernel's routes say."""

    interface: str
    mtu: t.Optional[int] = None


def read_edges(edges: t.Iterable[Data], host: Host) -> list[Edge]:
    """Read the option ``edges`` of mss_clamp; raises PlanError."""
    found: list[Edge] = []
    for position, data in enumerate(edges, 1):
        name, mtu = str(data.get("interface") or ""), data.get("mtu")
        where = f"edges[{position}] ({name})"
        if name not in host.interfaces:
            known = ", ".join(sorted(host.interfaces)) or "none"
            raise PlanError(f"{where}: interface {name!r} does not exist on this host; it has {known}")
        require_nft_name(name, where)
        if any(edge.interface == name for edge in found):
            raise PlanError(f"{where}: the interface is declared twice; keep one")
        if mtu is not None and not SMALLEST["ipv4"] <= int(mtu) <= 65535:
            raise PlanError(f"{where}: mtu {mtu} is not within 576 to 65535")
        own = host.interfaces[name].get("mtu")
        if mtu is not None and own and int(mtu) > int(own):
            raise PlanError(
                f"{where}: mtu {mtu} is more than the interface's own {own}, so nothing would be clamped; give what "
                "the path beyond takes, or leave mtu out"
            )
        found.append(Edge(name, None if mtu is None else int(mtu)))
    return found


def wanted_part(edges: t.Sequence[Edge]) -> Part:
    """Our chains: forwarded SYNs of every edge; of edges with an MTU also those of the host itself.

    The host's own TCP knows the MTU of its routes, and not what the path beyond takes.
    """
    beyond = [edge for edge in edges if edge.mtu is not None]
    hooks = [("forward", edges, ("in", "out")), ("input", beyond, ("in",)), ("output", beyond, ("out",))]
    chains = [
        PartChain(
            f"{PREFIX}{hook}",
            f"type filter hook {hook} priority mangle; policy accept;",
            tuple(rule for edge in chosen for way in ways for rule in _rules(edge, way)),
        )
        for hook, chosen, ways in hooks
        if chosen
    ]
    return Part(PREFIX, tuple(chains))


def _rules(edge: Edge, way: str) -> t.Iterator[PartRule]:
    passed = {"left": f"meta {'iifname' if way == 'in' else 'oifname'}", "op": "==", "right": edge.interface}
    if edge.mtu is None:
        form = {"matches": [passed, _SYN], "statements": [{"do": "set_mss", "value": "rt mtu"}]}
        yield PartRule(f"{MARK}mss:{way}:{edge.interface}", form)
        return
    for family, headers in HEADERS.items():
        size = max(edge.mtu, SMALLEST[family]) - headers
        of_family = {"left": "meta nfproto", "op": "==", "right": family}
        form = {"matches": [passed, of_family, _SYN], "statements": [{"do": "set_mss", "value": size}]}
        yield PartRule(f"{MARK}mss:{way}:{edge.interface}:{family}", form)


def standing_edges(live: Part) -> list[dict[str, t.Any]]:
    """The edges at which the part clamps, as the option ``edges`` has them."""
    found: dict[str, dict[str, t.Any]] = {}
    start = f"{MARK}mss:out:"
    for rule in (rule for chain in live.chains for rule in chain.rules if rule.comment.startswith(start)):
        name, _colon, family = rule.comment[len(start) :].rpartition(":")
        if family not in HEADERS:
            found[rule.comment[len(start) :]] = {"interface": rule.comment[len(start) :]}
        elif family == "ipv4":  # of IPv6 the size may have been raised
            value = next(one["value"] for one in rule.form["statements"] if one["do"] == "set_mss")
            found[name] = {"interface": name, "mtu": int(value) + HEADERS[family]}
    return list(found.values())


def plan(live: Part, edges: t.Sequence[Edge]) -> Plan:
    """The changes that clamp at exactly these edges; raises PlanError, changes nothing."""
    wanted = wanted_part(edges)
    changes = tuple(plan_part(live, wanted))
    return Plan("MSS clamp", changes, part_text(live), part_text(after_part(live, wanted)))
