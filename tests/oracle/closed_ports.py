# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host without any open socket answers to a packet that reaches it."""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.resets import reset_to
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

_ECN, _TOS, _INTERNETWORK_CONTROL = 0x03, 0x1E, 0xC0


def answer_of(packet: Packet) -> Packet | None:
    """A reset (tcp_v4_send_reset), an ICMP port unreachable, an echo reply; None where it keeps silent.

    The first and the last bear the DS field of what they answer (in a reset of IPv6 without ECN, tcp_v6_send_response),
    an ICMP error of IPv4 bits of it (icmp_send).
    """
    flow = packet.flow.reversed()
    if packet.about is not None:
        return None
    if flow.protocol == "tcp":
        reset = reset_to(packet)
        return reset and dataclasses.replace(reset, tos=packet.tos if flow.family == 4 else packet.tos & ~_ECN)
    if flow.protocol == "udp":
        icmp = Flow("icmp" if flow.family == 4 else "icmpv6", flow.source, flow.destination)
        tos = packet.tos & _TOS | _INTERNETWORK_CONTROL if flow.family == 4 else 0
        return Packet(icmp, tos=tos, first=False, error="port_unreachable", about=packet)
    return Packet(flow, tos=packet.tos, first=False) if packet.first else None
