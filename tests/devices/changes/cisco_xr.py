# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Cisco IOS-XR: a target, a commit on trial, and the session that alone confirms it."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr import CiscoXr
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr_config import CiscoXrConfig
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_xr import XrDevice

CONFIG = """hostname xr1
track UPLINK
 type rtr 901 reachability
ipv4 access-list FILTER
 10 permit ipv4 any any
interface GigabitEthernet0/0/0/0
 ipv4 address 192.0.2.2 255.255.255.252
 ipv4 verify unicast source reachable-via rx allow-self-ping
interface GigabitEthernet0/0/0/1
 ipv4 access-group FILTER ingress
interface GigabitEthernet0/0/0/2.10
 ipv4 address 10.10.0.1 255.255.255.0
 encapsulation dot1q 10
route-policy PASS
 pass
router bgp 65001
 bgp router-id 10.0.0.1
 address-family ipv4 unicast
 neighbor-group CORE
  remote-as 65001
  address-family ipv4 unicast
   route-policy PASS out
 neighbor 10.0.0.2
  remote-as 65001
  address-family ipv4 unicast
   next-hop-self
 neighbor 10.0.0.3
  use neighbor-group CORE
 neighbor 192.0.2.1
  remote-as 65010
  address-family ipv4 unicast
   route-policy PASS in
 neighbor 198.51.100.1
  remote-as 65020
  address-family ipv4 unicast
ipsla
 operation 901
  type icmp echo
   destination address 192.0.2.1
 schedule operation 901
  life forever
  start-time now
"""
GI2 = "GigabitEthernet0/0/0/2.10"
PARTNER: Wish = {"name": "partner", "interface": GI2, "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [80, 8443]}
VERIFIED: Wish = {**PARTNER, "verify": True}
BACKUP: Wish = {"name": "backup", "interface": GI2, "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "GigabitEthernet0/0/0/0", "mode": "loose", "allow_default": True}]}
STRICT: Wish = {"reverse_path": [{"interface": "GigabitEthernet0/0/0/0", "mode": "strict"}]}
BGP: Wish = {"bgp": [{"neighbor": "10.0.0.2", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ebgp": 4, "ibgp": 2}}
SESSIONS = "show configuration sessions detail"


class Quick(CiscoXr):
    """It does not wait between two looks."""

    config = CiscoXrConfig(0.0)


CASE = Case(
    Quick, lambda: XrDevice("xr1", CONFIG),
    everything={"policies": [VERIFIED, BACKUP], **LOOSE, **BGP, **MULTIPATH},
    away=({"policies": [VERIFIED, BACKUP], **BGP, **MULTIPATH, "state": "absent"}, STRICT),
    small=LOOSE,
    promised=(
        "show running-config", SESSIONS,
        "configure exclusive", "interface GigabitEthernet0/0/0/0",
        "ipv4 verify unicast source reachable-via any allow-default allow-self-ping",
        "commit confirmed 300",
        "do show running-config",
        "commit", "end",
    ),
    keeps="commit",
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "GigabitEthernet0/0/0/1"}]},
         "has 'ipv4 access-group FILTER ingress' already"),
        ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "local_preference": 300}]},
         "neighbor 192.0.2.1 has route-policy PASS in already"),
        ({"bgp": [{"neighbor": "10.0.0.3", "asn": 65001, "med": 5}]},
         "neighbor CORE has route-policy PASS out already"),
        ({"bgp": [{"neighbor": "198.51.100.1", "asn": 65001, "med": 5}]}, "one of ours would let everything pass"),
        ({"bgp": [{"neighbor": "10.0.0.9", "asn": 65001, "med": 5}]}, "it has 10.0.0.2, 10.0.0.3, 192.0.2.1"),
    ),
)
