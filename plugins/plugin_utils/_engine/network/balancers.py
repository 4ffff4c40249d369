# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Services that a host hands on to others although their address is its own (IPVS): such packets do not end there.

From documentation only: which server a packet goes to, and what of it is translated, is not followed.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit


def as_balanced(name: str, facts: t.Mapping[str, t.Any], fate: Transit) -> Transit:
    """The fate of a packet at a host; unknown where it would be delivered and IPVS takes it first."""
    if fate.outcome != "local":
        return fate
    for service in facts.get("balancers", ()):
        if _is_for(service, fate.packet):
            servers = ", ".join(f"{one['address']}:{one['port']} ({one['mode']})" for one in service["servers"])
            return dataclasses.replace(
                fate, outcome="unknown", detail=f"{name}: IPVS hands {fate.packet.flow} on to "
                f"{servers or 'no server'}, which is not followed; judge the flow to a server instead")
    return fate


def _is_for(service: t.Mapping[str, t.Any], packet: Packet) -> bool:
    if "mark" in service:
        return bool(service["mark"] == packet.mark)
    flow = packet.flow
    ports = (0, flow.dport) if flow.dport is not None else (0, service["port"])  # 0: of any port
    return (service["protocol"], service["address"]) == (flow.protocol, flow.destination) and service["port"] in ports
