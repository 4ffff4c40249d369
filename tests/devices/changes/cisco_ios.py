# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Cisco IOS: lines that are in force at once, under its timer, and where it has none."""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_ios import CiscoIos
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_config import IosDevice

ARCHIVE = "archive\n path bootflash:base\n"
CONFIG = """hostname edge1
zone security INSIDE
zone security OUTSIDE
interface GigabitEthernet1
 ip address 192.0.2.2 255.255.255.252
 zone-member security OUTSIDE
 ip verify unicast source reachable-via rx allow-self-ping 120
interface GigabitEthernet2
 ip address 203.0.113.2 255.255.255.0
 ip policy route-map TO-PARTNER
interface GigabitEthernet3
 ip address 10.10.0.1 255.255.255.0
 zone-member security INSIDE
interface GigabitEthernet4
 vrf forwarding RED
 ip address 10.20.0.1 255.255.255.0
router bgp 65001
 neighbor 192.0.2.1 remote-as 65010
 neighbor 192.0.2.1 password 7 0822455D0A16
 neighbor 203.0.113.9 remote-as 65020
 neighbor 203.0.113.9 route-map FROM-B in
 neighbor 198.51.100.9 remote-as 65030
 neighbor 198.51.100.9 peer-group PEERS
 neighbor PEERS route-map PEERS-OUT out
route-map TO-PARTNER permit 5
 set ip next-hop 203.0.113.1
"""
PARTNER: Wish = {"name": "partner", "interface": "GigabitEthernet3", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [80, 443]}
BACKUP: Wish = {"name": "backup", "interface": "GigabitEthernet3", "next_hop": "203.0.113.7",
                "sources": ["10.10.0.9/32"]}
PREPEND: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2}]}
BGP: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "local_preference": 300}]}
LOOSE: Wish = {"reverse_path": [{"interface": "GigabitEthernet1", "mode": "loose"}]}
STRICT: Wish = {"reverse_path": [{"interface": "GigabitEthernet1", "mode": "strict"}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ebgp": 4, "ibgp": 2}}
ZONE: Wish = {"zones": [{"interface": "GigabitEthernet2", "zone": "OUTSIDE"},
                        {"interface": "GigabitEthernet3", "zone": "OUTSIDE"}]}
LINES = ("route-map NPS-OUT-192.0.2.1 permit 10", "set as-path prepend 65001 65001", "router bgp 65001",
         "neighbor 192.0.2.1 route-map NPS-OUT-192.0.2.1 out")
READ, WAITS, TIMER = "show running-config", "show archive config rollback timer", "configure terminal revert timer 5"
CLEAR = "clear ip bgp 192.0.2.1 soft out"


def device(config: str = ARCHIVE + CONFIG) -> IosDevice:
    return IosDevice("edge1", config)


CASE = Case(
    CiscoIos, device,
    everything={"policies": [{**PARTNER, "verify": True}, BACKUP], **LOOSE, **BGP, **MULTIPATH, **ZONE},
    away=({"policies": [{**PARTNER, "verify": True}, BACKUP], **BGP, **MULTIPATH, "zones": ZONE["zones"][:1],
           "state": "absent"},
          {"zones": [{"interface": "GigabitEthernet3", "zone": "INSIDE"}]}, STRICT),
    small=PREPEND,
    promised=(
        READ, "show archive", WAITS,  # what is there, and whether it may be changed
        "show archive", TIMER, f"do {WAITS}", *LINES, "end",
        READ, CLEAR,
        WAITS, "configure confirm", "write memory",
    ),
    keeps="configure confirm",
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "GigabitEthernet2"}]}, "has 'ip policy route-map TO-PARTNER' already"),
        ({"policies": [{**PARTNER, "interface": "GigabitEthernet9"}]}, "no interface 'GigabitEthernet9'; it has Gigab"),
        ({"policies": [{**PARTNER, "interface": "GigabitEthernet4", "verify": True}]}, "is in the VRF RED"),
        ({"policies": [{**PARTNER, "destinations": ["2001:db8:9::/48"], "next_hop": "2001:db8::1"}]},
         "policies of IPv6"),
        ({"bgp": [{"neighbor": "203.0.113.9", "asn": 65001, "local_preference": 300}]},
         "has route-map FROM-B in already"),
        ({"bgp": [{"neighbor": "198.51.100.9", "asn": 65001, "prepend": 1}]},
         "PEERS has route-map PEERS-OUT out already"),
        ({"bgp": [{"neighbor": "192.0.2.99", "asn": 65001, "prepend": 1}]}, "has no neighbor 192.0.2.99"),
        ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65009, "prepend": 1}]}, "it has router bgp 65001"),
        ({"zones": [{"interface": "GigabitEthernet1", "zone": "DMZ"}]}, "no zone 'DMZ'; it has INSIDE, OUTSIDE"),
        ({"zones": [{"interface": "GigabitEthernet9", "zone": "INSIDE"}]}, "no interface 'GigabitEthernet9'"),
    ),
)
# The same without an archive: only this task holds the way back.
WITHOUT_TIMER = dataclasses.replace(
    CASE, device=lambda: device(CONFIG), keeps="",
    promised=(READ, "show archive", WAITS, "show archive", "configure terminal", *LINES, "end", READ, CLEAR,
              "write memory"))
