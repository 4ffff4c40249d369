# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Fortinet FortiGate: sections that are in force when they end, and no timer."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet import Fortinet
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_forti import FortiDevice

CONFIG = r'''config system interface
    edit "port1"
        set vdom "root"
        set ip 198.51.100.2 255.255.255.252
        set description "says \"end\"
next"
    next
    edit "port2"
        set vdom "root"
        set ip 203.0.113.2 255.255.255.252
    next
    edit "port3"
        set vdom "root"
        set ip 10.10.0.1 255.255.255.0
    next
    edit "port4"
        set vdom "GUESTS"
        set ip 10.50.0.1 255.255.255.0
    next
end
config system zone
    edit "inside"
        set intrazone allow
        set interface "port3" "port1"
    next
    edit "outside"
        set interface "port2"
    next
end
config system settings
    set strict-src-check enable
end
config system link-monitor
end
config router policy
    edit 4
        set input-device "port3"
        set src "10.10.0.128/255.255.255.128"
        set gateway 198.51.100.1
        set output-device "port1"
        set comments "guests"
    next
    edit 2
        set input-device "port2"
        set output-device "port1"
        set status disable
    next
end
config router route-map
    edit "theirs"
        config rule
            edit 1
                set match-ip-address "lans"
            next
        end
    next
end
config router bgp
    set as 65001
    config neighbor
        edit "198.51.100.1"
            set remote-as 64500
        next
        edit "203.0.113.1"
            set remote-as 64501
            set route-map-in "theirs"
        next
    end
end
'''
PARTNER: Wish = {"name": "partner", "interface": "port3", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "sources": ["10.10.0.0/25"], "destinations": ["172.16.0.0/16", "172.18.0.0/16"], "dports": [443, 8443],
                 "verify": True}
BACKUP: Wish = {"name": "backup", "interface": "port2", "next_hop": "198.51.100.1", "destinations": ["10.10.0.9/32"]}
BGP: Wish = {"bgp": [{"neighbor": "198.51.100.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
CHECK: Wish = {"reverse_path": [{"interface": "port1", "mode": "off"}]}
ZONES: Wish = {"zones": [{"interface": "port1", "zone": "outside"}]}
WAYS: Wish = {"multipath": {"asn": 65001, "ebgp": 2, "ibgp": 1}}
WEAKEN: Wish = {"name": "failover", "setting": "asymroute", "consent": True, "by": "ops", "reason": "migration",
                "until": "2099-01-01"}
READ = ("get system status", "show system interface", "show system zone", "show system settings",
        "show system link-monitor", "show router policy", "show router route-map", "show router bgp")
SAVING = "get system global | grep cfg-save"

CASE = Case(
    Fortinet, lambda: FortiDevice("FGT1", CONFIG),
    everything={"policies": [PARTNER, BACKUP], **BGP, **CHECK, **ZONES, **WAYS, "weaken": [WEAKEN]},
    away=({"policies": [PARTNER, BACKUP], **BGP, **CHECK, **WAYS, "weaken": [WEAKEN], "state": "absent"},
          {"zones": [{"interface": "port1", "zone": "inside"}]}),
    small={"policies": [{**BACKUP, "protocol": "udp", "dports": [53]}]},
    promised=(
        *READ, "get system status", SAVING,
        "config router policy", "edit 5",
        'set input-device "port2"', 'set dst "10.10.0.9/255.255.255.255"', "set protocol 17", "set start-port 53",
        "set end-port 53", "set gateway 198.51.100.1", 'set output-device "port1"', 'set comments "NPS-backup"',
        "next", "end",
        *READ, SAVING,
    ),
    in_the_way=(
        ({"policies": [{**PARTNER, "sources": ["10.10.0.0/24"]}]}, "policy route 4, which is not ours"),
        ({"policies": [{**PARTNER, "next_hop": "192.0.2.9"}]}, "no interface has a fixed address beside"),
        ({"policies": [{**PARTNER, "interface": "port9"}]}, "no interface 'port9'; it has port1"),
        ({"policies": [{**PARTNER, "return_next_hops": ["203.0.113.1"]}]}, "return_next_hops is for PAN-OS"),
        ({"bgp": [{"neighbor": "203.0.113.1", "asn": 65001, "local_preference": 300}]},
         "has route-map-in theirs already"),
        ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "med": 5}]}, "it has 198.51.100.1, 203.0.113.1"),
        ({"multipath": {"asn": 65009, "ebgp": 2}}, "is of autonomous system 65001, not 65009"),
        ({"zones": [{"interface": "port3", "zone": "dmz"}]}, "there are inside, outside"),
        ({"reverse_path": [{"interface": "port1", "mode": "loose"}]}, "has no loose check of one interface"),
        ({"weaken": [{**WEAKEN, "interface": "port1"}]}, "for the whole virtual domain: leave interface out"),
        ({"weaken": [{**WEAKEN, "setting": "no_syn_check"}]}, "FortiGate has asymroute, not no_syn_check"),
    ),
)
