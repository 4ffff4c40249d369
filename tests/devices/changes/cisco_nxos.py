# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Cisco NX-OS: a checkpoint, and no timer."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nxos import CiscoNxos
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_nxos import NxosDevice

CONFIG = """hostname leaf1
feature bgp
feature pbr
feature interface-vlan
feature sla sender
ip sla 401
  icmp-echo 203.0.113.99
    frequency 10
ip sla schedule 401 life forever start-time now
track 1 ip sla 401 reachability
vrf context RED
interface Vlan10
  no shutdown
  ip address 10.10.0.2/24
interface Ethernet1/1
  no switchport
  ip address 192.0.2.2/30
  ip verify unicast source reachable-via rx
interface Vlan20
  vrf member RED
  ip address 10.20.0.2/24
  hsrp 1
    track 402 decrement 20
interface Ethernet1/2
  ip policy route-map TO-PARTNER
router bgp 65001
  router-id 10.0.0.1
  address-family ipv4 unicast
  template peer PEERS
    remote-as 65030
    address-family ipv4 unicast
      route-map PEERS-OUT out
  neighbor 192.0.2.1
    remote-as 65010
    address-family ipv4 unicast
      send-community
  neighbor 198.51.100.9
    inherit peer PEERS
"""
PARTNER: Wish = {"name": "partner", "interface": "Vlan10", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [80, 8443]}
VERIFIED: Wish = {**PARTNER, "verify": True}
BACKUP: Wish = {"name": "backup", "interface": "Vlan10", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "Ethernet1/1", "mode": "loose", "allow_default": True}]}
STRICT: Wish = {"reverse_path": [{"interface": "Ethernet1/1", "mode": "strict"}]}
BGP: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ebgp": 4, "ibgp": 2}}
SUMMARY = "show checkpoint summary"

CASE = Case(
    CiscoNxos, lambda: NxosDevice("leaf1", CONFIG),
    everything={"policies": [VERIFIED, BACKUP], **LOOSE, **BGP, **MULTIPATH},
    away=({"policies": [VERIFIED, BACKUP], **BGP, **MULTIPATH, "state": "absent"}, STRICT),
    small=LOOSE,
    promised=(
        "show running-config", SUMMARY,
        "checkpoint NPS-change", SUMMARY,
        "configure terminal",
        "interface Ethernet1/1", "ip verify unicast source reachable-via any allow-default", "end",
        "show running-config",
        "no checkpoint NPS-change", "copy running-config startup-config",
    ),
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "Ethernet1/2"}]}, "has 'ip policy route-map TO-PARTNER' already"),
        ({"policies": [{**VERIFIED, "interface": "Vlan20"}]}, "interface Vlan20 is in the VRF RED"),
        ({"bgp": [{"neighbor": "198.51.100.9", "asn": 65001, "med": 5}]}, "PEERS has route-map PEERS-OUT out already"),
        ({"bgp": [{"neighbor": "192.0.2.7", "asn": 65001, "med": 5}]}, "it has 192.0.2.1, 198.51.100.9"),
        ({"reverse_path": [{"interface": "Ethernet1/1", "mode": "strict", "allow_default": True}]}, "with loose only"),
    ),
)
