# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that has one of everything that iproute2 6.1 can set: kinds of addresses, rules, routes and next hops."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

LINKS = """
ip link add br0 type bridge
ip link set v0.100 master br0
ip link set br0 up
ip link set wan_b group 7
ip addr add 10.0.0.1/24 dev br0
ip addr add 10.0.0.2/24 dev br0
ip addr add 10.9.9.1 peer 10.9.9.2/32 dev wan_a
ip addr add 169.254.9.9/16 scope link dev wan_b
ip addr add 2001:db8:c::1 peer 2001:db8:c::2/128 dev wan_b nodad
ip addr add 10.8.8.1/24 dev wan_a noprefixroute valid_lft 3600 preferred_lft 1800
ip addr add 2001:db8:d::1/64 dev wan_a nodad preferred_lft 0
ip neigh add 198.51.100.1 lladdr 02:00:00:00:00:01 dev wan_a nud permanent
ip neigh add 2001:db8:a::1 lladdr 02:00:00:00:00:02 dev wan_a nud permanent
ip neigh add 198.51.100.99 lladdr 02:00:00:00:00:03 dev wan_a nud noarp
ip neigh add proxy 198.51.100.98 dev wan_a
"""

ROUTES_4 = """
default via 198.51.100.1 dev wan_a metric 100
default via 198.51.100.5 dev wan_b metric 200 table 100
unreachable default metric 4294967295 table 100
203.0.113.0/24 nexthop via 198.51.100.1 dev wan_a weight 3 nexthop via 198.51.100.5 dev wan_b weight 1
10.50.0.0/16 nexthop via inet6 2001:db8:a::1 dev wan_a nexthop via 198.51.100.5 dev wan_b onlink weight 256
unreachable 10.10.0.0/16
blackhole 10.11.0.0/16
prohibit 10.12.0.0/16 table 100
throw 10.13.0.0/16 table 100
10.14.0.0/16 via 198.51.100.1 src 198.51.100.2 mtu 1400 proto static
10.15.0.0/16 via 10.200.0.1 dev wan_a onlink
10.16.0.0/16 via 198.51.100.1 mtu lock 1300 advmss 1200 proto 83 table 10100
10.17.0.0/16 dev wan_a scope link tos 0x10
10.17.0.0/16 dev wan_b
10.18.0.1 via inet6 2001:db8:a::1 dev wan_a
local 10.19.0.0/16 dev lo table 100
broadcast 10.19.255.255 dev wan_a table 100
anycast 10.19.9.9 dev wan_a table 100
10.20.0.0/16 via 10.0.0.9 dev br0
10.21.0.0/16 via 198.51.100.1 table 4000000000
10.30.0.0/16 nhid 10
10.31.0.0/16 nhid 1
10.32.0.0/16 nhid 3
10.40.0.0/16 encap ip id 7 dst 10.0.0.9 dev br0
10.41.0.0/16 tos 0x08 encap ip id 7 tos 4 dst 10.0.0.9 dev br0
"""

ROUTES_6 = """
default via 2001:db8:a::1 dev wan_a
2001:db8:100::/48 nexthop via 2001:db8:a::1 dev wan_a weight 2 nexthop via 2001:db8:b::1 dev wan_b
unreachable 2001:db8:10::/48
blackhole 2001:db8:11::/48 table 100
prohibit 2001:db8:12::/48
throw 2001:db8:13::/48 table 100
2001:db8:14::/48 via fe80::1 dev wan_a src 2001:db8:a::2 metric 50 mtu 1400
2001:db8:30::/48 nhid 6
2001:db8:31::/48 nhid 4
2001:db8:32::/48 nhid 20
2001:db8:33::/48 dev wan_b onlink via 2001:db8:77::1
local 2001:db8:34::/48 dev lo table 100
"""

NEXTHOPS = """
id 1 via 198.51.100.1 dev wan_a
id 2 via 198.51.100.5 dev wan_b
id 3 blackhole
id 5 dev wan_a
id 6 via 2001:db8:a::1 dev wan_a
id 7 via 2001:db8:b::1 dev wan_b
id 10 group 1,3/2
id 20 group 6/7,250
"""

NEXTHOPS_6 = """
id 4 blackhole
"""

RULES_4 = """
from 198.51.100.4/30 lookup 100 priority 100
to 10.0.0.0/8 lookup main priority 101
iif wan_a lookup 100 priority 102
oif wan_b lookup 100 priority 103
fwmark 0x10 lookup 100 priority 104
fwmark 0x20/0xff lookup 100 priority 105
fwmark 0x0/0xff lookup 100 priority 106
tos 0x10 lookup 100 priority 107
ipproto tcp dport 443 lookup 100 priority 108
ipproto udp sport 1000-2000 dport 53 lookup 100 priority 109
ipproto 89 lookup 100 priority 110
uidrange 100-200 lookup 100 priority 111
not from 10.0.0.0/8 lookup 100 priority 112
lookup main suppress_prefixlength 0 priority 113
lookup main suppress_ifgroup 7 priority 114
from 10.1.0.0/16 goto 200 priority 115
from 10.2.0.0/16 nop priority 116
from 10.2.0.1 unreachable priority 117
from 10.2.0.2 prohibit priority 118
from 10.2.0.3 blackhole priority 119
tun_id 77 lookup 100 priority 120
iif nosuch0 lookup 100 priority 121
from 10.5.0.1 lookup 10100 proto 83 priority 200
from 0.0.0.0/1 lookup 4000000000 priority 201
goto 999 priority 202
l3mdev priority 203
"""

RULES_6 = """
goto 300 priority 299
from 2001:db8:a::/64 lookup 100 priority 300
not fwmark 0x0/0xff to 2001:db8::/32 ipproto ipv6-icmp lookup 100 priority 301
from 2001:db8:5::1 iif lo unreachable priority 302
"""


def build(host: Netns, peer: Netns) -> None:
    """Give the host everything; the peer only holds the far ends of the links."""
    for own, far, first, net in (("wan_a", "far_a", 1, "a"), ("wan_b", "far_b", 5, "b")):
        four = (f"198.51.100.{first + 1}/30", f"198.51.100.{first}/30")
        veth(host, own, peer, far, [four, (f"2001:db8:{net}::2/64", f"2001:db8:{net}::1/64")])
    veth(host, "v0.100", peer, "far_c")
    peer.run("ip link set far_c down")
    host.run(LINKS)
    for command, lines in (
        ("nexthop add", NEXTHOPS), ("-6 nexthop add", NEXTHOPS_6), ("route add", ROUTES_4), ("-6 route add", ROUTES_6),
        ("rule add", RULES_4), ("-6 rule add", RULES_6),
    ):
        for line in lines.strip().splitlines():
            host.run(f"ip {command} {line}")
