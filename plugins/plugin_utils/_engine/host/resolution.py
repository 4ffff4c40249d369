# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether a neighbour answers when it is asked for its MAC address: an ARP request is validated like a packet.

Source: net/ipv4/arp.c. arp_solicit asks in the name of the packet's source where that is an address of the host;
arp_process answers only where ip_route_input_noref accepts sender and target, reverse-path filter included. The one
that is asked learns the one that asks, so that its own packets to that address need no question.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing, source_address
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import SCOPES, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import (
    Neighbour,
    Packet,
    ReversePath,
)

# (host, interface, address of a neighbour that it knows): what was learned since the facts were read
Known = frozenset[tuple[str, str, str]]


@dataclasses.dataclass(frozen=True)
class Resolution:
    """Who knows whom now; or why the packet waits in vain, or why that cannot be told."""

    known: Known
    unanswered: str = ""
    unknown: str = ""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Who does not answer whose question, and the check that it fails where it is that."""

    neighbour: Neighbour
    asking: str
    reverse_path: ReversePath | None


def knows(network: Network, host: str, device: str, next_hop: str, known: Known) -> bool:
    """Whether the host needs not ask for a neighbour's MAC address."""
    return bool(
        ":" in next_hop or (host, device, next_hop) in known or network.topology.mac_of(host, device, next_hop))


def resolve(
    network: Network, host: str, device: str, next_hop: str, source: str, neighbour: Neighbour, known: Known
) -> Resolution:
    """What comes of a packet from ``source`` that the host is about to send to a neighbour."""
    if knows(network, host, device, next_hop, known):
        return Resolution(known)
    if network.hosts[host].platform != "linux" or network.hosts[neighbour.host].platform != "linux":
        return Resolution(known)  # how other platforms validate ARP is not known to matter
    for name in (host, neighbour.host):
        unfollowed = network.hosts[name].ruleset.may_drop_arp
        if unfollowed:
            return Resolution(known, unknown=f"{name}: {unfollowed} may drop ARP, and is not followed: whether "
                              f"{next_hop} answers {host} is not known; ping it from there, so that it is")
    asking = _asking(network, host, device, next_hop, source)
    decision = _heard_by(network, neighbour, asking, next_hop)
    if decision.outcome == "local":
        return Resolution(known | {(host, device, next_hop), (neighbour.host, neighbour.interface, asking)})
    who = f"{neighbour.host}:{neighbour.interface}"
    if decision.outcome == "unknown":
        return Resolution(known, unknown=f"whether {who} answers ARP requests of {asking}: {decision.detail}")
    why = decision.detail.removeprefix(f"{neighbour.host}: ") or f"{next_hop} is not an address of it"
    return Resolution(known, unanswered=f"{host}: {who} leaves ARP requests of {asking} for {next_hop} unanswered, and "
                      f"no counter rises: {why}")


def refusal(network: Network, host: str, device: str, next_hop: str, source: str) -> Refusal | None:
    """The same for a path that ended there: who refused; None where nobody in the inventory has the next hop."""
    neighbour = network.topology.join(host, device, next_hop).neighbour
    if neighbour is None:
        return None
    asking = _asking(network, host, device, next_hop, source)
    return Refusal(neighbour, asking, _heard_by(network, neighbour, asking, next_hop).reverse_path)


def _asking(network: Network, host: str, device: str, next_hop: str, source: str) -> str:
    """The sender of the ARP request; 0.0.0.0 where the host has no address at all."""
    here = network.hosts[host]
    if here.owns(source):
        return source
    number = source_address.select_v4(here.interfaces, device, number_of(next_hop), SCOPES["link"])
    return source_address.to_text(number, 4)


def _heard_by(network: Network, neighbour: Neighbour, asking: str, next_hop: str) -> routing.Decision:
    """What the one that is asked makes of the question: with "local" it answers."""
    if asking == "0.0.0.0":  # a probe for a duplicate address: answered without a check
        return routing.Decision("local")
    question = Packet(Flow("icmp", asking, next_hop))
    return routing.route_input(network.hosts[neighbour.host], question, neighbour.interface)[0]
