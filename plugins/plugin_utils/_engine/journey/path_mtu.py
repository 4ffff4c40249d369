# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How large a packet may be on every link of a path, and where a larger one is lost or turned back."""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop, Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network


@dataclasses.dataclass(frozen=True)
class Link:
    """One link of a path: what its sender may put on it, and what its receiver takes (None: outside the inventory)."""

    position: int  # of the hop that sends
    hop: Hop
    limit: int
    taken: int | None = None


def links(network: Network, path: Path) -> list[Link]:
    """Every link that the path leaves a host by."""
    found = []
    for position, hop in enumerate(path.hops):
        if hop.oif:
            after = path.hops[position + 1] if position + 1 < len(path.hops) else None
            taken = network.hosts[after.host].interfaces[after.iif].mtu if after and after.iif else None
            found.append(Link(position, hop, egress_limit(network.hosts[hop.host], hop), taken))
    return found


def first_size(network: Network, path: Path) -> int | None:
    """The largest packet that the sender makes: of its own link, or of the one by which it comes in from outside."""
    if not path.hops:
        return None
    hop = path.hops[0]
    host = network.hosts[hop.host]
    if hop.iif is not None:
        return host.interfaces[hop.iif].mtu
    return egress_limit(host, hop) if hop.oif else None


def narrowest(network: Network, path: Path) -> int | None:
    """The path MTU: the smallest limit of its links."""
    return min((min(one.limit, one.taken or one.limit) for one in links(network, path)), default=None)


def egress_limit(host: Host, hop: Hop) -> int:
    """ip_dst_mtu_maybe_forward and ip6_dst_mtu_maybe_forward: the MTU for a packet that leaves by the hop.

    The MTU of a route counts for forwarded packets too. So does a learned path MTU with IPv6; IPv4 believes it for
    packets of its own only, unless ip_forward_use_pmtu is set.
    """
    device = host.interfaces[hop.oif or ""]
    branch = hop.branch
    learned = branch.lesson.mtu if branch and branch.lesson else None
    of_route = branch.route.mtu if branch and branch.route else None
    if ":" in hop.transit.packet.flow.destination:
        of_device = min(device.mtu, device.sysctls.get("mtu6") or device.mtu)
        return learned or of_route or of_device
    if learned and (hop.iif is None or host.sysctls.get("net/ipv4/ip_forward_use_pmtu")):
        return learned
    return of_route or device.mtu
