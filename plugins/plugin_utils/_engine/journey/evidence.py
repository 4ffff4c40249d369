# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What was seen on the hosts that bears on a flow: connection entries, counters and their growth, sysctls.

The two-sided signature of asymmetric routing (a firewall with an unreplied entry, another without any whose count of
invalid packets grows) tells by which uplink replies really come where nobody declared it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import return_candidates
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.live import (
    connection_entries,
    same_flow,
    tuples,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, Uplink

Evidence = dict[str, t.Any]


def observe_uplinks(network: Network) -> dict[tuple[str, str], str]:
    """By which uplink packets from an external address to one of ours were seen to come: (ours, theirs) -> uplink.

    Seen directly where the edge host holds an entry whose reply (or, for connections from outside, whose first
    packet) has passed it; else by the two-sided signature. Contradicting observations cancel each other.
    """
    direct: dict[tuple[str, str], set[str]] = {}
    missing: dict[tuple[str, str], set[str]] = {}
    candidates: dict[str, list[Uplink]] = {}
    for host in network.hosts:
        for entry in connection_entries(network, host):
            original, reply = tuples(entry)
            inbound = not network.owners(original.source)
            ours, theirs = (original.destination, original.source) if inbound else (reply.destination, reply.source)
            if not inbound and network.owners(theirs):
                continue  # between two of our own hosts
            if ours not in candidates:
                candidates[ours] = return_candidates(network, ours)[0]
            here = [uplink for uplink in candidates[ours] if uplink.host == host]
            if len(here) != 1 or len(candidates[ours]) < 2:
                continue
            if inbound or not entry.get("unreplied", False):
                direct.setdefault((ours, theirs), set()).add(here[0].name)
            elif entry.get("state") == "SYN_SENT":
                others = [uplink for uplink in candidates[ours] if uplink.host != host]
                seen = {u.name for u in others if _rejects(network, u.host, original, reply)}
                missing.setdefault((ours, theirs), set()).update(seen)
    found = {key: next(iter(names)) for key, names in missing.items() if len(names) == 1}
    found.update({key: next(iter(names)) for key, names in direct.items() if len(names) == 1})
    for key, names in direct.items():
        if len(names) > 1:
            found.pop(key, None)
    return found


def _rejects(network: Network, host: str, original: Flow, reply: Flow) -> bool:
    """True where the host has no entry of the flow and counts more and more invalid packets."""
    if host not in network.hosts or not network.facts[host].get("conntrack", {}).get("available", False):
        return False
    if not network.facts[host].get("parts", {}).get("conntrack", {}).get("complete", True):
        return False
    known = any(set(tuples(entry)) & {original, reply} for entry in connection_entries(network, host))
    return not known and invalid_growth(network.facts[host]) > 0


def invalid_growth(facts: Facts) -> int:
    """Packets that conntrack found invalid, or a rule counted as such, during the sampling window; 0 without one."""
    samples = facts.get("samples", {})
    handles = {
        (c["family"], c["table"], c.get("backend"), c["name"], rule.get("handle")) for c, rule in invalid_rules(facts)
    }
    by_rule = [
        int(item.get("packets", 0)) for item in samples.get("rules", ())
        if tuple(item.get(key) for key in ("family", "table", "backend", "chain", "handle")) in handles
    ]
    return max([int(samples.get("conntrack_invalid", 0)), *by_rule])


def invalid_rules(facts: Facts) -> t.Iterator[tuple[Facts, Facts]]:
    """Every rule that drops or rejects packets of invalid state, with its chain."""
    for chain in facts.get("netfilter", {}).get("chains", ()):
        for rule in chain.get("rules", ()):
            matches = rule.get("matches", ())
            state = any(m.get("left") == "ct state" and "invalid" in str(m.get("right")) for m in matches)
            if state and rule.get("verdict", {}).get("do") in ("drop", "reject"):
                yield chain, rule


def gather(network: Network, told: FlowVerdict) -> tuple[Evidence, ...]:
    """Everything seen on the hosts that supports (or speaks against) the verdict on a failing flow."""
    found: list[Evidence] = []
    for path in told.forward_paths():
        found += _entries_on(network, path, told.named.flow)
    death = told.dies_at
    if death and death.host in network.facts:
        facts = network.facts[death.host]
        if death.reason == "reverse_path":
            found += _reverse_path(facts, death.host, death.interface)
        if death.state == "invalid":
            found += _invalid(facts, death.host)
        if death.direction == "return" and death.state in ("invalid", "new"):
            found += _no_entry(network, death.host, told)
        found += [_item(death.host, "rule", death.rule)] if death.rule else []
    return tuple({item["text"]: item for item in found}.values())


def _item(host: str, kind: str, text: str, **values: t.Any) -> Evidence:
    return {"host": host, "kind": kind, "text": f"{host}: {text}", **values}


def _entries_on(network: Network, path: Path, flow: Flow) -> t.Iterator[Evidence]:
    """The connection entries of the flow on the hosts of its forward path, as each host sees the flow."""
    arriving = flow
    for hop in path.hops:
        for entry in connection_entries(network, hop.host):
            original, reply = tuples(entry)
            if same_flow(original, arriving):
                unreplied = bool(entry.get("unreplied"))
                state = f"{entry.get('state', '')} {'[UNREPLIED]' if unreplied else 'replied'}".strip()
                yield _item(hop.host, "conntrack", f"{original}: {state}", unreplied=unreplied)
                break
        arriving = hop.transit.packet.flow


def _no_entry(network: Network, host: str, told: FlowVerdict) -> t.Iterator[Evidence]:
    """Absence counts as seen only where the table was read and a firewall of the forward path does hold an entry."""
    conntrack = network.facts[host].get("conntrack", {})
    if not conntrack.get("available", False):
        return
    tracked = [told.named.flow, *(path.packet.flow for path in told.forward_paths())]
    for entry in connection_entries(network, host):
        original, _reply = tuples(entry)
        if any(same_flow(original, flow) or same_flow(original, flow.reversed()) for flow in tracked):
            return
    yield _item(host, "conntrack", f"no entry for {tracked[-1]}")


def _invalid(facts: Facts, host: str) -> t.Iterator[Evidence]:
    samples = facts.get("samples", {})
    growth = invalid_growth(facts)
    if samples:
        seconds = samples.get("seconds", 0)
        text = f"{growth} packets of invalid state in {seconds:g} s"
        yield _item(host, "growth", text, packets=growth, seconds=seconds)
    count = facts.get("conntrack", {}).get("stats", {}).get("invalid")
    if count:
        yield _item(host, "counter", f"conntrack has counted {count} invalid packets", packets=count)
    for chain, rule in invalid_rules(facts):
        if rule.get("counter"):
            packets = rule["counter"].get("packets", 0)
            yield _item(host, "counter", f"rule {rule.get('text', '')!r} in {chain['family']} {chain['table']} "
                        f"{chain['name']} has counted {packets} packets", packets=packets)


def _reverse_path(facts: Facts, host: str, interface: str) -> t.Iterator[Evidence]:
    setting = facts.get("rp_filter", {}).get(interface, {})
    names = {0: "off", 1: "strict", 2: "loose"}
    if setting:
        yield _item(host, "sysctl", f"rp_filter on {interface} is {names.get(setting.get('mode'), '?')} "
                    f"(set by {setting.get('origin')})", mode=setting.get("mode"), origin=setting.get("origin"))
    growth = facts.get("samples", {}).get("reverse_path_filter")
    if growth:
        text = f"TcpExtIPReversePathFilter grew by {growth} in the sampling window"
        yield _item(host, "growth", text, packets=growth)
    count = facts.get("counters", {}).get("TcpExtIPReversePathFilter")
    if count:
        yield _item(host, "counter", f"TcpExtIPReversePathFilter is {count}", packets=count)
