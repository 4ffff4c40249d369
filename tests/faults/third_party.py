# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else on the same hosts: what was there before, and what is added and removed while a change is pending."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.faults.lab import Host

# A set of banned addresses, a container's address translation, a rule and a route of an administrator.
_BEFORE = """
nft -f - <<'EOT'
table inet other {
    set banned { type ipv4_addr; elements = { 192.0.2.66, 192.0.2.67 } }
    chain input { type filter hook input priority 0; ip saddr @banned drop; }
}
table ip containers {
    chain forward { type nat hook prerouting priority dstnat; tcp dport 8080 dnat to 172.17.0.2:80 comment "first"; }
}
EOT
ip rule add priority 60 from 172.16.60.0/24 lookup 60
ip route add 172.16.61.0/24 dev wan_a
"""
_ACTS = """
set -e
nft 'add element inet other banned { 192.0.2.68 }; delete element inet other banned { 192.0.2.66 };
     add rule ip containers forward tcp dport 8443 dnat to 172.17.0.3:443 comment "second"'
ip rule add priority 62 from 172.16.62.0/24 lookup 62
ip rule del priority 60
ip route add 172.16.63.0/24 dev wan_b
ip route del 172.16.61.0/24
"""
_UNDO = """
set -e
nft 'delete element inet other banned { 192.0.2.68 }; add element inet other banned { 192.0.2.66 };
     flush chain ip containers forward;
     add rule ip containers forward tcp dport 8080 dnat to 172.17.0.2:80 comment "first"'
ip rule del priority 62
ip rule add priority 60 from 172.16.60.0/24 lookup 60
ip route del 172.16.63.0/24
ip route add 172.16.61.0/24 dev wan_a
"""
# What the guard has to tell of it after a revert.
TOLD = (
    "+ rule 4: 62: from 172.16.62.0/24 lookup 62",
    "- rule 4: 60: from 172.16.60.0/24 lookup 60",
    "+ route 4: 172.16.63.0/24 dev wan_b scope link",
    "- route 4: 172.16.61.0/24 dev wan_a scope link",
    '+ nft table ip containers: chain forward: tcp dport 8443 dnat to 172.17.0.3:443 comment "second"',
    "- nft table inet other: set banned: elements = { 192.0.2.66, 192.0.2.67 }",
    "+ nft table inet other: set banned: elements = { 192.0.2.67, 192.0.2.68 }",
)


def settle_in(host: Host) -> None:
    """What is there before any change."""
    host.run(f"set -e\n{_BEFORE}")


def act(host: Host) -> None:
    """Add and remove rules, routes, set elements and a container's rule."""
    host.run(_ACTS)


def undo(host: Host) -> None:
    host.run(_UNDO)
