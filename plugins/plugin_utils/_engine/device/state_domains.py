# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""State domains of devices: pairs and clusters that share sessions, as both members say of themselves.

Nothing is taken for shared because it is configured: each member must say that sessions are synchronised now, no error
counter of it may have grown while it was watched, and both must belong together, by what they call each other or by the
variable ``symmetry_state_peers``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import list_of, name_of

Facts = t.Mapping[str, t.Any]
VARIABLE = "symmetry_state_peers"


def state_domains(facts: t.Mapping[str, Facts], variables: t.Mapping[str, Facts]) -> dict[str, str]:
    """Of each member of a proven domain the name under which its sessions are kept: its first member's."""
    found: dict[str, str] = {}
    members = [host for host, one in facts.items() if shares_sessions(one)]
    for place, host in enumerate(members):
        for other in members[place + 1:]:
            if _belong_together(host, other, facts, variables):
                found[other] = found.setdefault(host, host)
    return found


def shares_sessions(facts: Facts) -> bool:
    """Whether the device says that its peer has its sessions now."""
    device = facts.get("device") or {}
    if not device:
        return False
    pair = device.get("ha") or {}
    complete = facts["parts"].get("ha", {}).get("complete")
    return bool(device.get("session_key") and pair.get("mode") not in (None, "none") and complete
                and pair.get("synchronised") is True and not any(pair.get("growth", {}).values()))


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
    return _is_called(other, two, one["device"]["ha"]) and _is_called(host, one, two["device"]["ha"])


def _is_called(host: str, facts: Facts, by: Facts) -> bool:
    """Whether a device calls the host its peer, by name or by one of its addresses."""
    peer = str(by.get("peer") or "").lower()
    addresses = (one["address"] for interface in facts["interfaces"].values() for one in interface["addresses"])
    return bool(peer) and (peer == host.lower() or peer in addresses)
