# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Address translation of one connection: from a rule to the entry, from the entry to a packet (nf_nat_core.c)."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import nat_pool
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection, Entry
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import source_address
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Translation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host


class TranslationUnknown(Exception):
    """The address that a rule translates to is not known; the message says which rule."""


def translate_destination(flow: Flow, connection: Connection) -> Flow:
    """The packet after prerouting or output, where the kernel rewrites destinations."""
    target = _target(connection)
    if target is None:
        return flow
    return changed(flow, destination=target.destination, dport=target.dport)


def translate_source(flow: Flow, connection: Connection) -> Flow:
    """The packet after postrouting or input, where the kernel rewrites sources."""
    target = _target(connection)
    if target is None:
        return flow
    return changed(flow, source=target.source, sport=target.sport)


def translate_error(packet: Packet, connection: Connection, source: bool) -> Packet:
    """nf_nat_icmp_reply_translation: an ICMP error where sources (or destinations) are rewritten.

    It then looks as if the end that the connection shows to that side had sent it, and tells of the packet as the
    receiver knows it.
    """
    entry, about = connection.entry, packet.about
    if entry is None or about is None:
        return packet
    reply = connection.direction == "reply"
    if not (entry.source_translated if source != reply else entry.destination_translated):
        return packet
    known = entry.original if reply else entry.reply
    if source:
        inside = changed(about.flow, destination=known.destination, dport=known.dport)
        flow = changed(packet.flow, source=known.destination)
    else:
        inside = changed(about.flow, source=known.source, sport=known.sport)
        flow = changed(packet.flow, destination=known.source)
    if inside.protocol in ("icmp", "icmpv6"):  # an echo has one id, which is written twice
        inside = changed(inside, sport=known.sport, dport=known.sport)
    return changed(packet, flow=flow, about=changed(about, flow=inside))


def _target(connection: Connection) -> Flow | None:
    """What the packet looks like after all translation: the other direction's tuple, reversed."""
    entry = connection.entry
    if entry is None or not (entry.source_translated or entry.destination_translated):
        return None
    return (entry.reply if connection.direction == "original" else entry.original).reversed()


def bind_destination(host: Host, entry: Entry, rule: Translation, iif: str | None) -> Entry:
    """The entry of a new connection after a dnat or redirect rule."""
    address = rule.address
    if rule.kind == "redirect":
        address = _redirect_address(host, entry.original, iif)
    reply = entry.reply
    if address is not None:
        reply = changed(reply, source=_one_of(host, entry, rule, address, ()))
    elif rule.port is None:
        raise TranslationUnknown(f"{host.name}: the address of {rule.rule} is not known")
    if rule.port is not None or rule.port_unknown:
        reply = changed(reply, sport=rule.port)
    return changed(entry, reply=reply)


def bind_source(
    host: Host, entry: Entry, rule: Translation, device: str, next_hop: str | None, others: t.Sequence[Entry] = ()
) -> Entry:
    """The entry of a new connection after a snat or masquerade rule, for packets that leave by ``device``.

    ``others`` are the connections that there are already.
    """
    address = rule.address
    if rule.kind == "masquerade":
        address = _masquerade_address(host, entry, device, next_hop)
        entry = changed(entry, masquerade=device)
    reply = entry.reply
    if address is not None:
        reply = changed(reply, destination=_one_of(host, entry, rule, address, others))
    elif rule.port is None or rule.kind == "masquerade":
        raise TranslationUnknown(f"{host.name}: the address of {rule.rule} is not known")
    if rule.port is not None or rule.port_unknown:
        reply = changed(reply, dport=rule.port)
    return changed(entry, reply=reply)


def _one_of(host: Host, entry: Entry, rule: Translation, address: str, others: t.Sequence[Entry]) -> str:
    """The address that the kernel takes of a rule's range (get_unique_tuple): it hashes the connection's ends.

    A source that lies in the range stays, and one that another connection has been given is given again.
    """
    try:
        first, last = nat_pool.bounds(address)
    except ValueError:
        raise TranslationUnknown(f"{host.name}: {rule.rule} translates to {address}, which is not understood") from None
    if first == last:
        return first
    source, of_destination = entry.reply.destination, rule.kind == "dnat"
    if not of_destination:
        if rule.port is None and not rule.port_unknown and _lies_in(source, first, last):
            return source
        if any(_same_source(entry, other) for other in others):
            raise TranslationUnknown(f"{host.name}: {rule.rule} may give the address of another connection again")
    if not host.byte_order:
        raise TranslationUnknown(f"{host.name}: {rule.rule} translates to one of {address}: byte order not read")
    asked = nat_pool.Asked(source, entry.reply.source, entry.zone.number, rule.persistent, of_destination)
    return nat_pool.choose(first, last, asked, host.byte_order)


def _lies_in(address: str, first: str, last: str) -> bool:
    return number_of(first) <= number_of(address) <= number_of(last)


def _same_source(entry: Entry, other: Entry) -> bool:
    """same_src: of one end, port and protocol, and another connection."""
    mine, its = entry.original, other.original
    return (its.protocol, its.source, its.sport) == (mine.protocol, mine.source, mine.sport) and its != mine


def _masquerade_address(host: Host, entry: Entry, device: str, next_hop: str | None) -> str | None:
    """nf_nat_masquerade_ipv4 and _ipv6: the address that the output interface would use toward the next hop."""
    destination = entry.reply.source
    if ":" in destination:
        return source_address.select_v6(host.interfaces, device, destination)
    toward = number_of(next_hop) if next_hop and ":" not in next_hop else number_of(destination)
    number = source_address.select_v4(host.interfaces, device, toward, 0)
    return source_address.to_text(number, 4) if number else None


def _redirect_address(host: Host, flow: Flow, iif: str | None) -> str | None:
    """nf_nat_redirect_ipv4: the first address of the input interface; loopback for packets of the host itself."""
    family = 6 if ":" in flow.destination else 4
    if iif is None:
        return "127.0.0.1" if family == 4 else "::1"
    found = (one.address for one in host.interfaces[iif].addresses if one.family == family)
    return next((address for address in found if family == 4 or not address.lower().startswith("fe80:")), None)
