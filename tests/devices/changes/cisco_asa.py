# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Cisco ASA: no candidate and no timer, the inverse is all that there is."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa import CiscoAsa
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_asa import AsaDevice

CONFIG = """hostname fw1
names
name 172.16.0.0 PARTNER-NET
name 203.0.113.1 ISP-B
zone WAN
zone OLD
interface GigabitEthernet0/0
 nameif outside
 security-level 0
 zone-member WAN
 ip address 192.0.2.2 255.255.255.252
interface GigabitEthernet0/1
 nameif outside2
 security-level 0
 ip address 203.0.113.2 255.255.255.0
interface GigabitEthernet0/2
 nameif inside
 security-level 100
 ip address 10.10.0.1 255.255.255.0
interface GigabitEthernet0/3
 nameif dmz
 security-level 50
 ip address 10.20.0.1 255.255.255.0
 policy-route route-map TO-PARTNER
interface GigabitEthernet0/4
 shutdown
 no nameif
 no security-level
 no ip address
access-list PARTNER extended permit ip any4 any4
sla monitor 401
 type echo protocol ipIcmpEcho 192.0.2.1 interface outside
  num-packets 3
  frequency 10
sla monitor schedule 401 life forever start-time now
track 1 rtr 401 reachability
route-map TO-PARTNER permit 10
 match ip address PARTNER
ip verify reverse-path interface outside
ip verify reverse-path interface inside
router bgp 65001
 bgp log-neighbor-changes
 address-family ipv4 unicast
  neighbor 192.0.2.1 remote-as 65010
  neighbor 192.0.2.1 activate
  neighbor 203.0.113.1 remote-as 65020
  neighbor 203.0.113.1 activate
  neighbor 203.0.113.1 route-map FROM-B in
  no auto-summary
class-map inspection_default
 match default-inspection-traffic
policy-map global_policy
 class inspection_default
  inspect dns preset_dns_map
policy-map DMZ
 class class-default
service-policy global_policy global
service-policy DMZ interface dmz
"""
PARTNER: Wish = {"name": "partner", "interface": "inside", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [443, 8443]}
VERIFIED: Wish = {**PARTNER, "verify": True}
BACKUP: Wish = {"name": "backup", "interface": "inside", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
BGP: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
ZONE: Wish = {"zones": [{"interface": "outside2", "zone": "WAN"}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ebgp": 4, "ibgp": 2}}
BYPASS: Wish = {"name": "partner", "setting": "tcp_state_bypass", "consent": True, "by": "ops", "reason": "two ways",
                "until": "2099-01-01", "interface": "outside", "sources": ["172.16.0.0/16"], "protocol": "tcp",
                "dports": [22]}
OFF: Wish = {"reverse_path": [{"interface": "outside", "mode": "off"}]}
STRICT: Wish = {"reverse_path": [{"interface": "outside", "mode": "strict"}]}

CASE = Case(
    CiscoAsa, lambda: AsaDevice("fw1", CONFIG),
    everything={"policies": [VERIFIED, BACKUP], **OFF, **BGP, **ZONE, **MULTIPATH, "weaken": [BYPASS]},
    away=({"policies": [VERIFIED, BACKUP], **BGP, **ZONE, **MULTIPATH, "weaken": [BYPASS], "state": "absent"}, STRICT),
    small=OFF,
    promised=(
        "show running-config", "show failover | include This",
        "configure terminal", "no ip verify reverse-path interface outside", "end",
        "show running-config", "write memory",
    ),
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "dmz"}]}, "has 'policy-route route-map TO-PARTNER' already"),
        ({"policies": [{**VERIFIED, "next_hop": "198.51.100.1"}]},
         "198.51.100.1 is in the network of no interface, and Cisco ASA watches a next hop out of the one that it is "
         "behind; there is outside (192.0.2.0/30), outside2 (203.0.113.0/24), inside (10.10.0.0/24), dmz (10.20"),
        ({"policies": [{**PARTNER, "interface": "GigabitEthernet0/2"}]},
         "no interface named 'GigabitEthernet0/2' (nameif); it has outside, outside2, inside, dmz"),
        ({"bgp": [{"neighbor": "203.0.113.1", "asn": 65001, "local_preference": 300}]}, "has route-map FROM-B in"),
        ({"bgp": [{"neighbor": "192.0.2.9", "asn": 65001, "med": 1}]}, "it has 192.0.2.1, 203.0.113.1"),
        ({"zones": [{"interface": "inside", "zone": "LAN"}]}, "no zone 'LAN'; it has WAN, OLD"),
        ({"reverse_path": [{"interface": "inside", "mode": "loose"}]}, "give strict or off"),
        ({"multipath": {"asn": 65001, "ebgp": 16}}, "8 equal ways at most"),
        ({"weaken": [{**BYPASS, "interface": "dmz"}]}, "has 'service-policy DMZ interface dmz' already"),
        ({"weaken": [{**BYPASS, "sources": []}]}, "sources or destinations"),
        ({"weaken": [{**BYPASS, "zone": "WAN"}]}, "no state bypass for a zone"),
        ({"weaken": [{**BYPASS, "setting": "asymroute"}]}, "asymroute is not a setting of Cisco ASA"),
    ),
)
