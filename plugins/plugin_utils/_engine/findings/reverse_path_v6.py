# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM204: nft's fib expression compares with the one route that the kernel would take back, and no other.

Over IPv4 it accepts a packet that came in by any leg of the route back; over IPv6 only by the leg that the hash picks,
or by the route of the best metric (nft_fib6_eval). The rpfilter match of ip6tables accepts them all.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter import fib_expression as netfilter_fib
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

_HOOKS = ("prerouting", "forward", "input")


def of_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """The hops of a flow at which such a rule would drop a share of the sources, or this source always."""
    if told.named.flow.family != 6:
        return
    severity = "critical" if told.verdict == "broken" else "warning"
    for path in (*told.forward_paths(), *told.return_paths()):
        for hop in path.hops:
            for hook, text, flags in _checks(network.hosts[hop.host]) if hop.iif else ():
                problem = _problem(network.hosts[hop.host], hop, hook, flags)
                if problem:
                    yield finding(
                        "SYM204", hop.host, f"{text} looks for the way back to {hop.transit.packet.flow.source}, "
                        f"which came in by {hop.iif}: {problem}", hop.iif or "", severity, (told.name,))


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """Routes with several legs behind such a rule, whether a flow is known to suffer or not."""
    checks = _checks(network.hosts[host])
    routes = [r for r in network.facts[host].get("routes", ()) if r["family"] == 6 and r.get("type") is None]
    for route in routes if checks else ():
        devices = sorted({str(leg.get("device")) for leg in route.get("nexthops", ())})
        if len(devices) > 1:
            yield finding(
                "SYM204", host, f"{checks[0][1]} compares with the one leg that the hash picks, and route "
                f"{route['dst']} has {len(devices)} ({', '.join(devices)}): it drops a share of the sources behind it",
                devices[0])


def _checks(host: Host) -> list[tuple[str, str, frozenset[str]]]:
    """Hook, text and flags of every rule that drops what comes in by another interface than the way back."""
    found = []
    for chain in host.ruleset.chains:
        for rule in chain.rules if chain.hook in _HOOKS and chain.family in ("ip6", "inet") else ():
            flags = next((one for match in rule.get("matches", ()) if (one := _missing_way_back(match))), None)
            if flags and (rule.get("verdict") or {}).get("do") in ("drop", "reject"):
                found.append((str(chain.hook), chain.describe(rule), flags))
    return found


def _missing_way_back(match: t.Mapping[str, t.Any]) -> frozenset[str] | None:
    """The flags of ``fib saddr . iif oif missing``; None where the match is something else."""
    words = str(match.get("left", "")).split()
    if words[:1] != ["fib"] or words[-1] not in ("oif", "oifname"):
        return None
    flags = frozenset(word for word in words[1:-1] if word != ".")
    missing = (match.get("right") is False) == (match.get("op", "==") == "==")
    return flags if missing and {"saddr", "iif"} <= flags else None


def _problem(host: Host, hop: Hop, hook: str, flags: frozenset[str]) -> str:
    """What the rule does to packets of this source on this interface; empty where it lets all of them pass."""
    now = Situation(host, hook, hop.transit.packet, hop.iif, hop.oif if hook == "forward" else None, Connection())
    answer = netfilter_fib.reverse_answer(now, flags)
    hit = answer.hit
    if answer.error or answer.unknown or hit is None or hit.route.type != "unicast":
        return ""
    fitting = sum(leg.share for leg in hit.legs if hop.iif in (leg.hop.device, host.vrf_of(leg.hop.device)))
    if 0 < fitting < 1:
        return f"the hash picks one of {len(hit.legs)} legs, and {1 - fitting:.0%} of the sources take another: dropped"
    if fitting:
        return ""
    others = [route for route in host.table(6, hit.route.table).routes() if route.dst == hit.route.dst]
    by_metric = [one for one in others if any(leg.device == hop.iif for leg in one.nexthops)]
    if by_metric:
        return (f"the route {by_metric[0].dst} by {hop.iif} has metric {by_metric[0].metric}, and the one of metric "
                f"{hit.route.metric} by {hit.route.nexthops[0].device} is preferred: dropped")
    return ""
