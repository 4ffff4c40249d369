# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host without any open socket answers to a packet that reaches it."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.resets import reset_to
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet


def answer_of(packet: Packet) -> Packet | None:
    """A reset (tcp_v4_send_reset), an ICMP port unreachable, an echo reply; None where it keeps silent."""
    flow = packet.flow.reversed()
    if packet.about is not None:
        return None
    if flow.protocol == "tcp":
        return reset_to(packet)
    if flow.protocol == "udp":
        icmp = Flow("icmp" if flow.family == 4 else "icmpv6", flow.source, flow.destination)
        return Packet(icmp, first=False, error="port_unreachable", about=packet)
    return Packet(flow, first=False) if packet.first else None
