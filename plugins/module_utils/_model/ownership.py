# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What this collection owns on a host: the marks by which it knows its own objects.

The numbers keep clear of those in common use (iproute2's rt_protos and the
FRR daemons 186-199; Tailscale rules 5210-5270; VPC CNI 512-1536; mwan3
1001-3254; wg-quick just below 32766).
"""

from __future__ import annotations

PROTOCOL = 83  # rtm_protocol of our routes and rules; 'S', unassigned in rt_protos
NFT_FAMILY = "inet"
NFT_TABLE = "netpath_symmetry"
MARK_MASK = 0xFF000000  # bits of packet and connection marks; not those of kube-proxy, Tailscale, mwan3, VPC CNI
STATE_DIR = "/var/lib/netpath-symmetry"

# Each remedy owns a slice of rule priorities, and the table ids of the same numbers.
SCOPES: dict[str, tuple[int, int]] = {
    # By these an uplink is probed, in front of whatever would lead a probe elsewhere, or refuse it.
    "uplink_probe": (9600, 9699),
    # In front of the others: replies of a connection go where it came from, whatever their address and destination.
    "symmetric_return": (9700, 9999),
    "policy_route": (10100, 10299),
    "source_routing": (10300, 10449),
    "lease_routing": (10450, 10499),  # the same for uplinks whose address and gateway come by DHCP or RA
    "manual": (10500, 10999),  # rules that a user declares through policy_routing itself
    # Behind the others: what they do not decide is led around a dead uplink, instead of by main's default route.
    "uplink_watch": (11000, 11099),
}


# What the watcher of uplinks and the follower of leases put in for as long as they run: it is not configured, and not
# persisted.
TRANSIENT = ("uplink_probe", "uplink_watch", "lease_routing")


def scope_of(number: int) -> str | None:
    """The remedy that owns a rule priority or a table id, or None where nobody of us does."""
    for name, (low, high) in SCOPES.items():
        if low <= number <= high:
            return name
    return None
