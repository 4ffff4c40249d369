# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Flowtables: connections whose packets go from the device that they arrive on straight to the one that they leave by.

A rule with ``flow add`` takes a connection up; from the next packet on neither chains nor routing nor reverse-path
validation see it, in both directions, until a FIN, a reset or a change of routes. Source: net/netfilter/
nft_flow_offload.c, nf_flow_table_ip.c of Linux 6.1, where it was compared with packets.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import translation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import (
    Connection,
    Entry,
    Offload,
    Tracker,
    Way,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision

_ENDS = ("fin", "rst")


def takes_up(connection: Connection, packet: Packet) -> bool:
    """Whether ``flow add`` succeeds (nft_flow_offload_eval); where it does not, the rule ends there."""
    entry = connection.entry
    if entry is None or connection.fresh or entry.offload is not None or connection.state == "invalid":
        return False
    if packet.flow.protocol == "tcp":
        assured = entry.tcp is not None and entry.tcp.assured
        return packet.tcp_kind not in _ENDS and assured and entry.tcp_state == "ESTABLISHED"
    return packet.flow.protocol == "udp"


def begin(
    host: Host, connection: Connection, packet: Packet, iif: str | None, out: Decision | None, devices: tuple[str, ...]
) -> Connection:
    """The connection as ``flow add`` leaves it. The way back is looked up as out by the packet's own device."""
    entry = t.cast(Entry, connection.entry)
    if out is None or out.device is None or iif is None or not devices or host.vrf_of(iif) or host.vrf_of(out.device):
        return dataclasses.replace(connection, entry=dataclasses.replace(entry, offload=Offload()))
    here = connection.direction
    side, other = (entry.original, entry.reply) if here == "original" else (entry.reply, entry.original)
    flow = Flow(side.protocol, other.source, side.source, other.sport, side.sport)
    lookup = host.lookup(Packet(flow, packet.mark, packet.tos, uid=0), oif=iif)  # nft_flow_route: from any source
    found = lookup.branches
    certain = not lookup.unknown and len(found) == 1 and (found[0].kind, found[0].device) == ("forward", iif)
    ways = (
        Way(here, iif, out.device, out.next_hop),
        Way("reply" if here == "original" else "original", out.device, iif, found[0].next_hop if certain else None),
    )
    offload = Offload(frozenset(devices), ways)
    return dataclasses.replace(connection, entry=dataclasses.replace(entry, offload=offload))


def pass_by(host: Host, tracker: Tracker, packet: Packet, iif: str) -> tuple[Transit | None, Tracker]:
    """The fate of a packet that a flowtable takes past all else (None: none does), and the connections after it."""
    for entry in tracker.entries:
        direction = {entry.original: "original", entry.reply: "reply"}.get(packet.flow)
        if entry.offload is None or direction is None or iif not in entry.offload.devices:
            continue
        way = next((one for one in entry.offload.ways if (one.direction, one.iif) == (direction, iif)), None)
        if way is None:
            continue
        if packet.tcp_kind in _ENDS or entry.offload.stale:  # nf_flow_state_check, nf_flow_dst_check: it is handed back
            return None, tracker.note(dataclasses.replace(entry, offload=None))
        return _transit(host, tracker, packet, Connection("established", direction, entry), way), tracker
    return None, tracker


def after_route_change(tracker: Tracker) -> Tracker:
    """The connections after a change of routes or policy rules, which makes every cached route stale."""
    entries = tuple(
        entry
        if entry.offload is None
        else dataclasses.replace(entry, offload=dataclasses.replace(entry.offload, stale=True))
        for entry in tracker.entries
    )
    return dataclasses.replace(tracker, entries=entries)


def _transit(host: Host, tracker: Tracker, packet: Packet, connection: Connection, way: Way) -> Transit:
    if way.next_hop is None:
        detail = f"{host.name}: a flowtable sends it back by {way.oif}, and to which next hop is not known"
        return Transit("unknown", 1.0, packet, tracker, detail=detail, state="established")
    flow = translation.translate_source(translation.translate_destination(packet.flow, connection), connection)
    return Transit(
        "forward",
        1.0,
        Packet(flow, 0, packet.tos, packet.first, packet.tcp),
        tracker,
        way.oif,
        way.next_hop,
        detail=f"{host.name}: a flowtable takes it past routing and rules",
        state="established",
        stateful=True,
    )
