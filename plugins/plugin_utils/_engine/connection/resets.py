# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The TCP reset by which a host refuses a segment: a closed port, or a rule that rejects with a reset."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Segment


def reset_to(packet: Packet) -> Packet | None:
    """tcp_v4_send_reset and nf_reject_ip_tcphdr_put; None for what is not refused so (a reset, another protocol)."""
    if packet.tcp_kind in ("", "rst"):
        return None
    return Packet(packet.flow.reversed(), first=False, tcp="rst", segment=_numbers(packet))


def _numbers(packet: Packet) -> Segment | None:
    told = packet.segment
    if told is None:
        return None
    if packet.tcp_kind != "syn":
        return Segment(told.acknowledged, 0, 0, has_ack=False)
    return Segment(0, (told.sequence + told.length + 1) & 0xFFFFFFFF, 0)
