# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of MikroTik RouterOS: each line is in force and saved at once, and no timer runs."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.mikrotik_routeros import MikrotikRouteros
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Wish
from ansible_collections.netpath.symmetry.tests.devices.fake_mikrotik import MikrotikDevice

CONFIG = """/interface | name=ether1 default-name=ether1 type=ether mtu=1500 actual-mtu=1500
/interface | comment="to provider B, no name=here" name=ether2 default-name=ether2 type=ether mtu=1500
/interface | name=ether3 default-name=ether3 type=ether mtu=1500 actual-mtu=1500
/interface | name=ether4 default-name=ether4 type=ether mtu=1500 actual-mtu=1500
/interface | name=ether5 default-name=ether5 type=ether mtu=1500 actual-mtu=1500
/interface | flags=RS name=ether6 default-name=ether6 type=ether mtu=1500 actual-mtu=1500
/routing table | name=main fib
/routing table | name=isp2 fib
/ip route | dst-address=0.0.0.0/0 gateway=198.51.100.1 routing-table=main
/ip route | comment="by provider B" dst-address=0.0.0.0/0 gateway=203.0.113.1 routing-table=isp2
/routing rule | interface=ether4 dst-address=192.0.2.0/24 action=lookup table=isp2
/ip firewall mangle | comment=theirs chain=prerouting in-interface=ether5 action=mark-routing new-routing-mark=isp2
/ip firewall filter | chain=forward action=drop connection-state=invalid
"""
PARTNER: Wish = {"name": "partner", "interface": "ether3", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "sources": ["10.10.0.9/32", "10.20.0.0/16"], "destinations": ["172.16.0.0/16"], "dports": [443, 8443]}
BACKUP: Wish = {"name": "backup", "interface": "ether3", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"],
                "verify": True}
TERSE = "print terse without-paging"
READ = (f"/interface {TERSE}", f"/routing table {TERSE}", f'/ip route {TERSE} where routing-table~"NPS-"',
        f"/routing rule {TERSE}", f"/ip firewall mangle {TERSE}", f"/ip firewall filter {TERSE}")
LINES = (
    "/routing table add name=NPS-backup fib",
    "/ip route add dst-address=0.0.0.0/0 gateway=203.0.113.7@main routing-table=NPS-backup check-gateway=ping "
    "comment=NPS-backup",
    "/routing rule add interface=ether3 src-address=10.10.0.9/32 action=lookup table=NPS-backup comment=NPS-backup")

CASE = Case(
    MikrotikRouteros, lambda: MikrotikDevice("edge1", CONFIG),
    everything={"policies": [PARTNER, BACKUP]},
    away=({"policies": [PARTNER, BACKUP], "state": "absent"},),
    small={"policies": [BACKUP]},
    promised=(*READ, "/system history print", *LINES, *READ),
    in_the_way=(
        ({"policies": [{**PARTNER, "interface": "ether5"}]}, "with new-routing-mark=isp2 already, which is not ours"),
        ({"policies": [{**BACKUP, "interface": "ether4"}]}, "'/routing rule' with table=isp2 already, which is not"),
        ({"policies": [{**PARTNER, "interface": "ether6"}]}, "ether6 is a port of another (a bridge, a bond)"),
        ({"policies": [{**PARTNER, "interface": "ether9"}]}, "no interface 'ether9'; it has ether1, ether2"),
        ({"policies": [{**PARTNER, "return_next_hops": ["203.0.113.1"]}]}, "return_next_hops is for PAN-OS"),
        ({"policies": [{**BACKUP, "sources": ["2001:db8:9::/48"], "next_hop": "2001:db8::1"}]}, "policies of IPv6"),
    ),
)
