# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random nftables rulesets of a router with three sides: a0 inside, b0 and c0 outside."""

from __future__ import annotations

import random
import typing as t

_MATCHES = (
    "iifname a0", 'iifname "b*"', "oifname { b0, c0 }", "oifname != a0", "ip saddr 10.0.1.0/24", "ip daddr @partners",
    "ip saddr 10.0.1.2-10.0.1.3", "ip daddr != 203.0.113.5", "tcp dport 80", "tcp dport { 80, 443 }", "udp dport 53",
    "tcp sport != 80", "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags syn", "ct state established,related",
    "ct state new", "ct state invalid", "ct state { new, invalid }", "ct state != new", "ct direction reply",
    "ct direction original", "ct status dnat", "ct status snat", "ct mark 0x10", "ct mark and 0xf0 == 0x20",
    "meta mark 0x10", "meta mark and 0xf0 != 0x10", "meta l4proto tcp", "meta l4proto { tcp, udp }",
    "icmp type echo-request", "ct original ip saddr 10.0.1.2", "ct original proto-dst 80", "ct state untracked",
    "fib saddr . iif oif missing", "fib saddr . iif oif exists", "fib daddr type local", "meta pkttype host",
    "ct status seen-reply", "th dport 80-443", "ip protocol udp", "meta nfproto ipv6", "ct state established ct mark 0",
    "ip6 saddr fd00:0:0:1::/64", "ip6 daddr @partners6", "ct state related", "ct state invalid", "meta nfproto ipv4",
    "icmpv6 type echo-request", "icmp type destination-unreachable", "icmpv6 type packet-too-big", "icmp code 4",
    "ct state related ct direction reply", "tcp flags & rst == rst", "ct original proto-src 4000-4002",
    "ct reply ip saddr 10.0.2.8", "ip saddr . tcp dport @services", "ip saddr . ip daddr != { 10.0.1.2 . 203.0.113.5 }",
    "meta l4proto . th dport { tcp . 80-443, udp . 53 }", "iifname . oifname { a0 . b0, b0 . a0 }",
    "ip6 saddr . meta l4proto @pairs6", "ct zone 5", "ip dscp cs1", "meta mark . ct mark { 0x10 . 0x10, 0x0 . 0x0 }",
    "meta mark and 0x30 == 0x10", "fib saddr . mark . iif oif missing", "fib daddr . iif type local",
    "exthdr frag missing", "ip daddr . tcp dport { 203.0.113.0/24 . 80, 198.51.100.7 . 443 }",
)  # fmt: skip
_VERDICTS = (
    "accept", "accept", "drop", "drop", "reject", "jump helper", "goto helper", "return", "counter", "continue",
    "ct state vmap { established : accept, related : accept, invalid : drop }",
    "tcp dport vmap { 80 : jump helper, 443 : drop }",
    "iifname vmap { a0 : accept, c0 : drop }", "ct direction vmap { reply : accept, original : jump helper }",
    "reject with tcp reset", "reject with icmpx admin-prohibited",
    "ip saddr . tcp dport vmap { 10.0.1.2 . 80 : accept, 10.0.1.3 . 443 : drop, 10.0.1.4 . 1-100 : jump helper }",
    "meta l4proto . iifname vmap @sides", "ip dscp set cs1", "meta mark set meta mark xor 0x30",
)  # fmt: skip
_RAW = (
    "udp dport 53 notrack", "meta l4proto udp notrack", "meta l4proto udp notrack", "iifname c0 notrack",
    "ip saddr 10.0.1.3 notrack",
    "tcp dport 80 notrack", "meta nfproto ipv6 notrack",
)  # fmt: skip
_RAW_TOO = (
    "ct zone set 5", "iifname a0 ct zone set 5", "ct zone set iifname map { a0 : 5, c0 : 7 }",
    "ct state invalid counter",
    "fib saddr . iif oif missing drop",
)  # fmt: skip
_MARKS = (
    "iifname a0 meta mark set 0x10", "ct state new ct mark set 0x10", "meta mark set ct mark",
    "meta mark set ct mark and 0xf0", "meta mark set meta mark and 0xffffff0f or 0x20",
    "ct state new ct mark set iifname map { a0 : 0x20, c0 : 0x10 }",
    "ct direction reply meta mark set ct mark", "ip daddr @partners meta mark set 0x10", "ct mark set ct mark or 0x10",
    "meta mark set meta mark and 0xf0 xor 0x30", "meta mark set ct mark xor 0x10", "ct mark set meta mark and 0x3f",
    "ct mark set ip saddr . meta l4proto map { 10.0.1.2 . tcp : 0x10, 10.0.1.3 . udp : 0x20 }",
)  # fmt: skip
_BEFORE = (
    "tcp dport 443 dnat ip to 10.0.2.9:8443", "ip daddr 203.0.113.5 dnat to 10.0.2.8",
    "udp dport 53 dnat ip to 10.0.3.9", "iifname a0 dnat ip to ip daddr map { 203.0.113.6 : 10.0.2.9 }",
    "ip6 daddr 2001:db8:5::5 dnat ip6 to fd00:0:0:2::8", "tcp dport 443 dnat ip6 to [fd00:0:0:2::9]:8443",
    "meta l4proto tcp dnat ip to 10.0.2.8-10.0.2.9", "dnat ip to ip daddr . tcp dport map @endpoints",
    "dnat ip prefix to ip daddr map { 203.0.113.0/29 : 10.0.2.72/29 }", "meta l4proto udp redirect to :5353",
)  # fmt: skip
_AFTER = (
    "oifname b0 masquerade", "ip saddr 10.0.1.2 snat to 10.0.2.77", "oifname c0 snat ip to 10.0.3.77", "masquerade",
    "oifname b0 meta l4proto udp snat ip to 10.0.2.78", "ct mark 0x10 snat ip to 10.0.3.78",
    "ip6 saddr fd00:0:0:1::2 snat to fd00:0:0:2::77", "oifname c0 snat ip6 to fd00:0:0:3::77",
    "oifname b0 snat ip to 192.0.2.64-192.0.2.127", "snat ip to 198.51.100.64-198.51.101.5 persistent",
    "snat ip to 192.0.2.64/26", "oifname b0 snat ip6 to 2001:db8:9::40-2001:db8:9:0:1::7",
    "snat ip prefix to ip saddr map { 10.0.1.0/29 : 10.0.2.0/29 }",
)  # fmt: skip


# for what the router itself sends and takes
_OWN = (
    "ct state established,related accept", "ct state invalid drop", "ct state new drop", "ct direction reply accept",
    "ct state new ct mark set 0x10", "meta l4proto icmp drop", "ct state related counter", "meta mark set 0x10",
    "tcp flags & rst == rst drop", "udp dport 53 drop",
)  # fmt: skip
_OWN_MARKS = ("udp dport 53 notrack", "ct state new ct mark set 0x20", "meta mark set 0x10", "meta mark set ct mark")

# on one device, before everything else
_DEVICE = (
    "ip saddr 10.0.1.2 drop", "tcp dport 443 drop", "udp dport 53 drop", "meta mark set 0x10",
    "ip daddr 203.0.113.5 accept",
    "ip6 saddr fd00:0:0:1::3 drop", "ct state invalid counter", "icmp type echo-request drop",
)  # fmt: skip


def _own_chain(hook: str, rules: str) -> str:
    return f"  chain {hook} {{\n    type filter hook {hook} priority filter;\n{rules}  }}\n"


_SETS = """\
  set partners6 { type ipv6_addr; flags interval; elements = { 2001:db8:5::/48 } }
  set partners { type ipv4_addr; flags interval; elements = { 203.0.113.0/29, 198.51.100.5-198.51.100.9 } }
  set services { type ipv4_addr . inet_service; flags interval;
    elements = { 10.0.1.0/31 . 80, 10.0.1.2-10.0.1.3 . 443-500 } }
  set pairs6 { type ipv6_addr . inet_proto; elements = { fd00:0:0:1::2 . tcp, fd00:0:0:1::3 . udp } }
  map endpoints { type ipv4_addr . inet_service : ipv4_addr . inet_service;
    elements = { 203.0.113.5 . 80 : 10.0.2.8 . 8080 } }
"""
_SIDES = """\
  map sides { type inet_proto . ifname : verdict;
    elements = { tcp . "a0" : accept, udp . "c0" : drop, tcp . "b0" : jump helper } }
"""


def random_ruleset(dice: random.Random) -> str:
    """The text for `nft -f`."""

    def rules(pool: t.Sequence[str], most: int, share: float = 1.0) -> str:
        count = dice.randrange(most + 1) if dice.random() < share else 0
        return "".join(f"    {dice.choice(pool)}\n" for _each in range(count))

    def filters(most: int) -> str:
        lines = ""
        for _each in range(dice.randrange(most + 1)):
            matches = " ".join(dice.sample(_MATCHES, dice.choice((0, 1, 1, 1, 2, 2))))
            lines += f"    {matches} {dice.choice(_VERDICTS)}\n"
        return lines

    helper = filters(3).replace("jump helper", "accept").replace("goto helper", "drop")
    policy = dice.choice(("accept", "accept", "drop"))
    stateful = "    ct state established,related accept\n" if policy == "drop" and dice.random() < 0.7 else ""
    own = ""
    if dice.random() < 0.4:
        own = "".join(_own_chain(hook, rules(_OWN, 2)) for hook in ("input", "output"))
        kind = f"type {dice.choice(('filter', 'route'))} hook output priority {dice.choice(('raw', 'mangle'))};"
        own += f"  chain before_output {{\n    {kind}\n{rules(_OWN_MARKS, 1)}  }}\n"
    device = ""
    if dice.random() < 0.2:
        hook = f"type filter hook ingress device {dice.choice(('a0', 'b0', 'c0'))} priority 0"
        device = f"table netdev d {{\n  chain in {{\n    {hook};\n{rules(_DEVICE, 2)}  }}\n}}\n"
    return f"""
table inet f {{
{_SETS}  chain helper {{
{helper}  }}
{_SIDES}  chain raw {{
    type filter hook prerouting priority raw;
{rules(_RAW, 1, 0.5)}{rules(_RAW_TOO, 1, 0.2)}  }}
  chain mangle {{
    type filter hook prerouting priority mangle;
{rules(_MARKS, 3, 0.6)}  }}
  chain before {{
    type nat hook prerouting priority dstnat;
{rules(_BEFORE, 2, 0.5)}  }}
  chain forward {{
    type filter hook forward priority filter; policy {policy};
{stateful}{filters(6)}  }}
  chain after {{
    type nat hook postrouting priority srcnat;
{rules(_AFTER, 2, 0.6)}  }}
{own}}}
{device}table ip g {{
  set partners {{ type ipv4_addr; flags interval; elements = {{ 203.0.113.0/29 }} }}
  chain last {{
    type filter hook postrouting priority 200;
{filters(2).replace("jump helper", "accept").replace("goto helper", "accept").replace("reject", "drop")}  }}
}}
"""
