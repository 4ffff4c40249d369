# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Pairs and clusters of network devices that share sessions, as both members say of themselves.

Nothing is taken for shared because it is configured: each member must say that sessions are synchronised now, no error
counter of it may have grown while it was watched, and both must belong together, by what they call each other or by the
variable ``symmetry_state_peers``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import list_of, name_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.bond import Bond

Facts = t.Mapping[str, t.Any]
VARIABLE = "symmetry_state_peers"
# They drop or misjudge a reply that comes before the session does; others hand it to the member that owns the session.
RACING = ("cisco_asa", "fortinet", "vyos")


def bonds(facts: t.Mapping[str, Facts], variables: t.Mapping[str, Facts]) -> list[Bond]:
    """Every two devices that are a pair, and whether they share sessions now."""
    members = [host for host, one in facts.items() if one.get("device")]
    return [_bond(host, other, facts) for place, host in enumerate(members) for other in members[place + 1:]
            if _belong_together(host, other, facts, variables)]


def _bond(host: str, other: str, facts: t.Mapping[str, Facts]) -> Bond:
    told = [(name, *_shares(facts[name])) for name in (host, other)]
    for kind in ("apart", "doubtful"):
        for name, found, why in told:
            if found == kind:
                return Bond(host, other, kind, f"{name}: {why}")
    return Bond(host, other, "shared", races=facts[host]["platform"] in RACING)


def _shares(facts: Facts) -> tuple[str, str]:
    """Whether the device says that its peer has its sessions now: a kind of bond, and why it is not shared."""
    device, pair = facts["device"], facts["device"].get("ha") or {}
    grown = {what: count for what, count in pair.get("growth", {}).items() if count}
    if pair.get("synchronised") is False or pair.get("mode") == "none":
        return "apart", "it says that sessions are not synchronised"
    if grown:
        return "apart", f"errors of the synchronisation grew: {', '.join(grown)}"
    if not facts["parts"].get("ha", {}).get("complete") or pair.get("synchronised") is None or pair.get("mode") is None:
        return "doubtful", "whether sessions are synchronised is not told"
    return ("shared", "") if device.get("session_key") else ("doubtful", "what its sessions are is not told")


def peers_of(host: str, variables: t.Mapping[str, Facts]) -> list[str]:
    """The peers that the inventory names; raises SiteError."""
    given = list_of(host, VARIABLE, variables.get(host, {}).get(VARIABLE))
    return [name_of(host, f"{VARIABLE}[{number}]", one) for number, one in enumerate(given)]


def _belong_together(
    host: str, other: str, facts: t.Mapping[str, Facts], variables: t.Mapping[str, Facts]
) -> bool:
    one, two = facts[host], facts[other]
    if one["platform"] != two["platform"]:
        return False
    if other in peers_of(host, variables) or host in peers_of(other, variables):
        return True
    called, calling = (facts[name]["device"].get("ha") or {} for name in (host, other))
    return _is_called(other, two, called) and _is_called(host, one, calling)


def _is_called(host: str, facts: Facts, by: Facts) -> bool:
    """Whether a device calls the host its peer, by name or by one of its addresses."""
    peer = str(by.get("peer") or "").lower()
    addresses = (one["address"] for interface in facts["interfaces"].values() for one in interface["addresses"])
    return bool(peer) and (peer == host.lower() or peer in addresses)
