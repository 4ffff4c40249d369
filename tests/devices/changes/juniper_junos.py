# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of Juniper Junos: an exclusive candidate, checked, and commits that wait."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.juniper_junos import JuniperJunos
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_junos import JunosDevice

CONFIG = """set system host-name border
set security zones security-zone trust interfaces ge-0/0/2.0
set security zones security-zone trust interfaces ge-0/0/3.0 host-inbound-traffic system-services ssh
set security zones security-zone untrust interfaces ge-0/0/0.0
set interfaces ge-0/0/0 unit 0 family inet rpf-check fail-filter SPECIAL
set interfaces ge-0/0/0 unit 0 family inet address 192.0.2.2/30
set interfaces ge-0/0/1 unit 0 family inet filter input FROM-B
set interfaces ge-0/0/2 unit 0 family inet
set interfaces ge-0/0/3 unit 0 family inet address 10.30.0.1/24
set firewall family inet filter FROM-B term ALL then accept
set routing-options autonomous-system 65001
set protocols bgp group A type external
set protocols bgp group A neighbor 192.0.2.1 peer-as 65010
set protocols bgp group A neighbor 192.0.2.1 authentication-key "$9$abcdef"
set protocols bgp group B export STATICS
set protocols bgp group B multipath multiple-as
set protocols bgp group B neighbor 203.0.113.9 peer-as 65020
set protocols bgp group CORE type internal
set protocols bgp group CORE neighbor 10.255.0.1
"""
PARTNER: Wish = {"name": "partner", "interface": "ge-0/0/2.0", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [443, 8443]}
BACKUP: Wish = {"name": "backup", "interface": "ge-0/0/2.0", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "ge-0/0/0.0", "mode": "loose"}]}
STRICT: Wish = {"reverse_path": [{"interface": "ge-0/0/0.0", "mode": "strict"}]}
BGP: Wish = {"bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
MULTIPATH: Wish = {"multipath": {"asn": 65001, "ibgp": 4}}
ZONE: Wish = {"zones": [{"interface": "ge-0/0/3.0", "zone": "untrust"}]}
UNCHECKED: Wish = {"name": "legacy", "setting": "no_syn_check", "consent": True, "by": "net team", "reason": "move",
                   "until": "2099-01-01"}
READ = "show configuration | display inheritance no-comments | display set"
LISTED, COMMIT = "show system commit", "commit confirmed 5"
BEGIN, END = "configure exclusive", "exit configuration-mode"
LINE = "set interfaces ge-0/0/0 unit 0 family inet rpf-check mode loose"

CASE = Case(
    JuniperJunos, lambda: JunosDevice("border", CONFIG),
    everything={"policies": [PARTNER, BACKUP], **LOOSE, **BGP, **MULTIPATH, **ZONE, "weaken": [UNCHECKED]},
    away=({"policies": [PARTNER, BACKUP], **BGP, **MULTIPATH, "weaken": [UNCHECKED], "state": "absent"},
          {**STRICT, "zones": [{"interface": "ge-0/0/3.0", "zone": "trust"}]}),
    small=LOOSE,
    promised=(
        READ, LISTED,
        BEGIN, "show | compare | no-more", LINE, "commit check", COMMIT, END,
        READ,
        LISTED, BEGIN, "commit", END,
    ),
    keeps="commit",
    never_refused=END,
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "ge-0/0/1.0"}]}, "has the filter FROM-B already, which is not ours"),
        ({"policies": [{**PARTNER, "interface": "ge-0/0/2"}]}, "no unit 'ge-0/0/2' with IPv4; it has ge-0/0/0.0"),
        ({"policies": [{**PARTNER, "verify": True}]}, "verify is not served on Junos"),
        ({"bgp": [{"neighbor": "203.0.113.9", "asn": 65001, "prepend": 1}]}, "has export STATICS already (by"),
        ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65002, "prepend": 1}]}, "of autonomous system 65001, not 65002"),
        ({"bgp": [{"neighbor": "192.0.2.9", "asn": 65001, "prepend": 1}]}, "no neighbor 192.0.2.9; it has 192.0.2.1"),
        ({"zones": [{"interface": "ge-0/0/1.0", "zone": "dmz"}]}, "no zone 'dmz'; it has trust, untrust"),
        ({"zones": [{"interface": "ge-0/0/9.0", "zone": "trust"}]}, "no unit 'ge-0/0/9.0'; it has ge-0/0/0.0"),
        ({"weaken": [{**UNCHECKED, "zone": "untrust"}]}, "is for the whole device: zone cannot narrow it"),
        ({"weaken": [{**UNCHECKED, "setting": "asymroute"}]}, "asymroute is not of Junos, which has no_syn_check"),
    ),
)
