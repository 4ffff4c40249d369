# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Arista EOS: configuration sessions, and commits that wait."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_eos import AristaEos
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_eos import EosDevice

CONFIG = """hostname leaf1
interface Ethernet1
   ip address 192.0.2.2/30
   ip verify unicast source reachable-via rx
interface Ethernet2
   service-policy type pbr input TO-PARTNER
interface Vlan10
   ip address 10.10.0.2/24
router bgp 65001
   neighbor PEERS peer group
   neighbor PEERS route-map PEERS-IN in
   neighbor 192.0.2.1 remote-as 65010
   neighbor 198.51.100.9 peer group PEERS
"""
PARTNER: Wish = {"name": "partner", "interface": "Vlan10", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [443, 8443]}
BACKUP: Wish = {"name": "backup", "interface": "Vlan10", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "Ethernet1", "mode": "loose", "allow_default": True}]}
STRICT: Wish = {"reverse_path": [{"interface": "Ethernet1", "mode": "strict"}]}
BGP: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "local_preference": 300}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ebgp": 4}}
SESSIONS = "show configuration sessions detail"

CASE = Case(
    AristaEos, lambda: EosDevice("leaf1", CONFIG),
    everything={"policies": [PARTNER, BACKUP], **LOOSE, **BGP, **MULTIPATH},
    away=({"policies": [PARTNER, BACKUP], **BGP, **MULTIPATH, "state": "absent"}, STRICT),
    small=LOOSE,
    promised=(
        "show running-config", SESSIONS,
        "configure session NPS-change",
        "interface Ethernet1", "ip verify unicast source reachable-via any allow-default",
        "commit timer 00:05:00",
        "show running-config",
        SESSIONS, "configure session NPS-change commit", "write memory",
    ),
    keeps="configure session NPS-change commit",
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "Ethernet2"}]},
         "has 'service-policy type pbr input TO-PARTNER' already"),
        ({"policies": [{**PARTNER, "verify": True}]}, "verify is not served on Arista EOS"),
        ({"policies": [{**PARTNER, "interface": "Ethernet9"}]}, "no interface 'Ethernet9'; it has Ethernet1"),
        ({"bgp": [{"neighbor": "198.51.100.9", "asn": 65001, "local_preference": 300}]},
         "PEERS has route-map PEERS-IN in"),
    ),
)
