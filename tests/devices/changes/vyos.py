# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of VyOS: a private candidate, and commits that the device reloads unless they are confirmed."""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.vyos import Vyos
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_vyos import VyosDevice

RELOADS = "set system config-management commit-confirm action 'reload'\n"
CONFIG = """set firewall zone LAN default-action 'drop'
set firewall zone LAN member interface 'eth2'
set firewall zone LAN member interface 'eth3'
set firewall zone WAN default-action 'drop'
set firewall zone WAN member interface 'eth0'
set interfaces ethernet eth0 address '192.0.2.2/30'
set interfaces ethernet eth0 description 'provider A: do not touch'
set interfaces ethernet eth0 ip source-validation 'strict'
set interfaces ethernet eth1 address '203.0.113.2/24'
set interfaces ethernet eth2 address '10.10.0.1/24'
set interfaces ethernet eth2 vif 50 address '10.50.0.1/24'
set interfaces ethernet eth3 address '10.30.0.1/24'
set policy route TO-PARTNER interface 'eth1'
set policy route TO-PARTNER rule 10 destination address '172.16.0.0/16'
set policy route TO-PARTNER rule 10 set table '171'
set policy route-map FROM-B rule 10 action 'permit'
set policy route-map PEERS-IN rule 10 action 'permit'
set protocols bgp neighbor 192.0.2.1 address-family ipv4-unicast
set protocols bgp neighbor 192.0.2.1 password 'hidden word'
set protocols bgp neighbor 192.0.2.1 remote-as '65010'
set protocols bgp neighbor 198.51.100.9 peer-group 'PEERS'
set protocols bgp neighbor 203.0.113.8 remote-as '65030'
set protocols bgp neighbor 203.0.113.9 address-family ipv4-unicast route-map import 'FROM-B'
set protocols bgp peer-group PEERS address-family ipv4-unicast route-map import 'PEERS-IN'
set protocols bgp system-as '65001'
set protocols static table 171 route 0.0.0.0/0 next-hop 203.0.113.1
set system config-management commit-revisions '100'
set system host-name 'edge1'
"""
PARTNER: Wish = {"name": "partner", "interface": "eth2", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16", "172.20.0.0/16"], "dports": [443, 8443]}
BACKUP: Wish = {"name": "backup", "interface": "eth2", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "eth0", "mode": "loose"}]}
STRICT: Wish = {"reverse_path": [{"interface": "eth0", "mode": "strict"}]}
OF_VLAN: Wish = {"interface": "eth2.50", "mode": "strict"}
BGP: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ebgp": 4, "ibgp": 2}}
ZONE: Wish = {"zones": [{"interface": "eth3", "zone": "WAN"}]}
BACK: Wish = {"zones": [{"interface": "eth3", "zone": "LAN"}]}
READ, WAITS = "show configuration commands", "systemctl is-active commit-confirm.timer"
TIMED = "show configuration commands | match 'config-management'"
LINES = ("delete interfaces ethernet eth0 ip source-validation strict",
         "set interfaces ethernet eth0 ip source-validation loose")


def device(reloads: bool = True) -> VyosDevice:
    return VyosDevice("edge1", CONFIG + (RELOADS if reloads else ""))


CASE = Case(
    Vyos, device,
    everything={"policies": [PARTNER, BACKUP], "reverse_path": [*LOOSE["reverse_path"], OF_VLAN], **BGP, **MULTIPATH,
                **ZONE},
    away=({"policies": [PARTNER, BACKUP], "reverse_path": [OF_VLAN], **BGP, **MULTIPATH, "state": "absent"},
          {**STRICT, **BACK}),
    small=LOOSE,
    promised=(
        READ, TIMED, WAITS,
        TIMED, "configure", "compare 0", *LINES, "commit-confirm 5", "y", "exit",
        READ,
        WAITS, "configure", "confirm", "exit", WAITS, "configure", "save", "exit",
    ),
    keeps="confirm",
    never_refused="y|exit",
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "eth1"}]}, "has 'policy route TO-PARTNER' already, which is not ours"),
        ({"policies": [{**PARTNER, "interface": "eth9"}]}, "no interface 'eth9'; it has eth0, eth1, eth2, eth2.50"),
        ({"policies": [{**PARTNER, "verify": True}]}, "verify is not served on VyOS"),
        ({"policies": [{**PARTNER, "return_next_hops": ["203.0.113.1"]}]}, "return_next_hops is for PAN-OS"),
        ({"policies": [{**PARTNER, "destinations": ["2001:db8:9::/48"], "next_hop": "2001:db8::1"}]},
         "policies of IPv6"),
        ({"bgp": [{"neighbor": "203.0.113.9", "asn": 65001, "local_preference": 300}]}, "has route-map import FROM-B"),
        ({"bgp": [{"neighbor": "198.51.100.9", "asn": 65001, "local_preference": 300}]},
         "peer-group PEERS has route-map import PEERS-IN already"),
        ({"bgp": [{"neighbor": "203.0.113.8", "asn": 65001, "med": 5}]}, "has no address-family ipv4-unicast, and"),
        ({"bgp": [{"neighbor": "192.0.2.99", "asn": 65001, "prepend": 1}]}, "no neighbor 192.0.2.99; it has 192.0.2.1"),
        ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65009, "prepend": 1}]}, "of autonomous system 65001, not 65009"),
        ({"zones": [{"interface": "eth1", "zone": "DMZ"}]}, "no zone 'DMZ'; it has LAN, WAN"),
        ({"zones": [{"interface": "eth0", "zone": "LAN"}]}, "eth0 is the only interface of zone WAN"),
    ),
)
# The same where the timer would reboot it: the change is committed without one.
WITHOUT_TIMER = dataclasses.replace(
    CASE, device=lambda: device(reloads=False), keeps="",
    promised=(READ, TIMED, WAITS, TIMED, "configure", *LINES, "commit", "exit", READ, "configure", "save", "exit"))
