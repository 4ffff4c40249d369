# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM501 to SYM503: flows or packets are spread over ways that do not share connection state."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.multipath_hash import (
    difference,
    unpredictable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

_CHOOSERS = ("numgen", "statistic", "jhash")  # symhash and HMARK give all packets of a flow the same, both ways


def of_failing_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM501 and SYM502, where some pairs of branches break and others do not."""
    results = {pair.result for pair in told.journey.pairs}
    if "broken" not in results or len(told.journey.pairs) < 2:
        return
    there, back = _spreaders(told)
    for host, ways in {**back, **there}.items():
        yield finding("SYM501", host, f"{host} spreads flows over {ways} next hops that do not share connection state: "
                      f"{told.share} path pairs break")
    if len(results) > 1:
        yield from _hashes(network, told, list(there), list(back))


def _spreaders(told: FlowVerdict) -> tuple[dict[str, int], dict[str, int]]:
    """The hosts that spread, with the number of their next hops: on the way there, and on the way back."""
    there: dict[str, int] = {}
    back: dict[str, int] = {}
    for pair in told.journey.pairs:
        for path, found in ((pair.forward, there), (pair.back, back)):
            found.update({hop.host: hop.ways for hop in path.hops if hop.ways > 1} if path else {})
    return there, back


def _hashes(network: Network, told: FlowVerdict, there: list[str], back: list[str]) -> t.Iterator[Finding]:
    """SYM502: the hash is a matter of chance, or both routers do not hash alike."""
    flow = told.named.flow
    for host in dict.fromkeys([*there, *back]):
        why = unpredictable(network.hosts[host], flow)
        if why:
            yield finding("SYM502", host, f"{host} spreads {flow.protocol} flows by a hash that differs by direction "
                          f"or by connection: {why}")
    for one in there:
        for other in back:
            why = difference(network.hosts[one], network.hosts[other], flow) if one != other else ""
            if why:
                yield finding("SYM502", other, f"{one} and {other} spread the two directions of a flow, and do not "
                              f"hash alike: {why}")


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM503: a mark that is drawn anew for each packet selects routes, so one connection takes several ways."""
    engine = network.hosts[host]
    for chain in engine.ruleset.chains:
        family = 6 if chain.family == "ip6" else 4
        for rule in chain.rules:
            mask = _drawn_mark(rule)
            if not mask or (_first_packets_only(rule) and _restores(engine)):
                continue
            selecting = [one for one in (*engine.rules[family], *engine.rules[6])
                         if one.fwmark is not None and one.fwmask & mask]
            if selecting:
                yield finding(
                    "SYM503", host, f"{chain.describe(rule)} draws a mark for each packet, and rule "
                    f"{selecting[0].priority} selects routes by it: packets of one connection take several ways")


def _drawn_mark(rule: t.Mapping[str, t.Any]) -> int:
    """The bits of the mark that a rule sets by chance or by counting; 0 where it does not."""
    drawn = any(word in f"{match.get('left', '')} {match.get('unknown', '')}"
                for match in rule.get("matches", ()) for word in _CHOOSERS)
    for statement in rule.get("statements", ()):
        if statement.get("do") == "set_mark":
            value = statement.get("value")
            chosen = value.get("key", value) if isinstance(value, dict) else None
            if drawn or (isinstance(chosen, dict) and set(chosen) & set(_CHOOSERS)):
                return int(str(statement.get("mask", 0xFFFFFFFF)), 0)
    return 0


def _first_packets_only(rule: t.Mapping[str, t.Any]) -> bool:
    """The rule asks for a new connection, or for one without a mark."""
    return any(
        match.get("left") == "ct mark" or (match.get("left") == "ct state" and "new" in str(match.get("right")))
        for match in rule.get("matches", ()))


def _restores(host: Host) -> bool:
    """Some rule gives packets the mark of their connection."""
    return any(
        statement.get("do") == "set_mark" and "ct mark" in str(statement.get("value"))
        for chain in host.ruleset.chains for rule in chain.rules for statement in rule.get("statements", ()))
