# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A draft inventory of what was assumed, to be edited: the next diagnosis then assumes less."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.externals import (
    Observed,
    return_candidates,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Uplink, contains, family_of


def draft(network: Network, verdicts: t.Sequence[FlowVerdict], observed: Observed) -> dict[str, t.Any]:
    """Variables per host (``hosts``) and for all (``all``), what is undecided, and the boundaries that were found.

    Everything in it can be written as YAML; ``hosts`` and ``all`` use the names of docs/architecture.md.
    """
    undecided: list[str] = []
    return {
        "hosts": _hosts(network, verdicts),
        "all": {
            "symmetry_flows": [_flow(told) for told in verdicts if not told.named.live],
            "symmetry_externals": _externals(network, verdicts, observed, undecided),
        },
        "undecided": undecided,
        "boundaries": boundaries(verdicts),
        "live_flows": [_flow(told) for told in verdicts if told.named.live],
    }


def boundaries(verdicts: t.Sequence[FlowVerdict]) -> list[dict[str, t.Any]]:
    """Every host that must see both directions of some flow, why, and of which."""
    found: dict[str, dict[str, t.Any]] = {}
    for told in verdicts:
        for boundary in told.boundaries:
            entry = found.setdefault(boundary.host, {"host": boundary.host, "why": boundary.why, "flows": []})
            entry["flows"].append(told.name)
    return list(found.values())


def _flow(told: FlowVerdict) -> dict[str, t.Any]:
    entry: dict[str, t.Any] = {"name": told.name.removeprefix("live: "), "flow": str(told.named.flow)}
    return {**entry, "one_way": True} if told.named.one_way else entry


def _hosts(network: Network, verdicts: t.Sequence[FlowVerdict]) -> dict[str, t.Any]:
    ours = _our_addresses(verdicts)
    found: dict[str, t.Any] = {}
    for uplink in network.site.uplinks:
        entry = found.setdefault(uplink.host, {})
        entry.setdefault("symmetry_uplinks", []).append(_uplink(network, uplink, ours))
    for (host, interface), segment in sorted(network.site.segments.items()):
        found.setdefault(host, {}).setdefault("symmetry_segments", {})[interface] = segment
    for host, interface in sorted(network.site.ignored):
        found.setdefault(host, {}).setdefault("symmetry_ignore_interfaces", []).append(interface)
    return found


def _uplink(network: Network, uplink: Uplink, ours: t.Iterable[str]) -> dict[str, t.Any]:
    entry: dict[str, t.Any] = {"name": uplink.name, "interface": uplink.interface}
    if uplink.gateways:
        entry["gateway"] = uplink.gateways[0] if len(uplink.gateways) == 1 else list(uplink.gateways)
    if uplink.announces:
        return {**entry, "announces": list(uplink.announces)}
    if network.is_edge(uplink):
        reached = [address for address in ours if uplink in return_candidates(network, address)[0]]
        entry["announces"] = list(dict.fromkeys(_prefix_of(network, address) for address in reached))
    return entry


def _prefix_of(network: Network, address: str) -> str:
    """The connected prefix that an address of ours belongs to, or the address alone."""
    for host, interface in (*network.owners(address), *network.topology.attached(address)):
        for item in network.topology.addresses(host, interface, family_of(address)):
            if contains(str(item.network), address):
                return str(item.network)
    return f"{address}/{32 if family_of(address) == 4 else 128}"


def _our_addresses(verdicts: t.Sequence[FlowVerdict]) -> list[str]:
    """Addresses of ours that the outside sees: as requests left, and as they came in."""
    found = []
    for told in verdicts:
        found += [path.packet.flow.source for path in told.forward_paths() if path.outcome == "left"]
        found += [told.named.flow.destination for path in told.forward_paths() if path.entry]
    return list(dict.fromkeys(found))


def _externals(
    network: Network, verdicts: t.Sequence[FlowVerdict], observed: Observed, undecided: list[str]
) -> list[dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = {}
    for external in network.site.externals:
        entry: dict[str, t.Any] = {"name": external.name, "prefixes": list(external.prefixes)}
        for preference in external.preferences:
            kind, value = ("prefers", list(preference.order)) if preference.order else (
                "weights", dict(preference.weights))
            entry.setdefault(kind, {})[preference.prefix] = value
        found[external.name] = entry
    for told in verdicts:
        for ours, theirs in _meetings(told):
            if network.site.external_of(theirs) or network.owners(theirs):
                continue
            prefix = f"{theirs}/{32 if family_of(theirs) == 4 else 128}"
            entry = found.setdefault(theirs, {"name": theirs, "prefixes": [prefix]})
            if (ours, theirs) in observed:
                entry.setdefault("prefers", {})[_prefix_of(network, ours)] = [observed[ours, theirs]]
            else:
                names = [uplink.name for uplink in return_candidates(network, ours)[0]]
                if len(names) > 1:
                    undecided.append(f"prefers of {theirs} for {_prefix_of(network, ours)}: {' or '.join(names)}")
    undecided[:] = list(dict.fromkeys(undecided))
    return list(found.values())


def _meetings(told: FlowVerdict) -> t.Iterator[tuple[str, str]]:
    """(our address, the external's address) of every path to or from the outside."""
    for path in told.forward_paths():
        if path.outcome == "left":
            yield path.packet.flow.source, path.packet.flow.destination
        elif path.entry:
            yield told.named.flow.destination, told.named.flow.source
