# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two strict checks of IPv6 disagree (SYM204): which sources a real kernel drops, and what the findings say."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed

SOURCES = 24
NFT = ("nft 'add table ip6 r; add chain ip6 r pre { type filter hook prerouting priority -300; }; "
       "add rule ip6 r pre ip6 saddr 2001:db8:f::/64 fib saddr . iif oif missing counter drop'")
IP6TABLES = "ip6tables -t raw -A PREROUTING -s 2001:db8:f::/64 -m rpfilter --invert -j DROP"
BEST = "ip -6 route replace 2001:db8:f::/64 via 2001:db8:a::2 dev wire_a"
ECMP = ("ip -6 route replace 2001:db8:f::/64 nexthop via 2001:db8:a::2 dev wire_a nexthop via 2001:db8:b::2 dev wire_b")
ONE_TO_THREE = ("ip -6 route replace 2001:db8:f::/64 nexthop via 2001:db8:b::2 dev wire_b weight 1 "
                "nexthop via 2001:db8:a::2 dev wire_a weight 3")
METRIC = ("ip -6 route add 2001:db8:f::/64 via 2001:db8:a::2 dev wire_a metric 2000; "
          "ip -6 route add 2001:db8:f::/64 via 2001:db8:b::2 dev wire_b metric 100")
CASES = {  # routes back, check, how many of the sources are dropped (low, high), the share that the verdict tells
    "best route, nft": (BEST, NFT, 0, 0, 0.0),
    "several legs, nft": (ECMP, NFT, 2, SOURCES - 2, 0.5),
    "legs of unequal weight, nft": (ONE_TO_THREE, NFT, 0, SOURCES // 2 + 4, 0.25),
    "several legs, ip6tables": (ECMP, IP6TABLES, 0, 0, 0.0),
    "worse metric, nft": (METRIC, NFT, SOURCES, SOURCES, 1.0),
    "worse metric, ip6tables": (METRIC, IP6TABLES, 0, 0, 0.0),
}


@pytest.fixture(scope="module")
def pair() -> t.Iterator[dict[str, Netns]]:
    """peer -- two wires, a and b -- host. The peer sends from 2001:db8:f::N, always by a."""
    hosts = {name: Netns(name).create() for name in ("host", "peer")}
    try:
        for wire in "ab":
            addresses = [(f"2001:db8:{wire}::1/64", f"2001:db8:{wire}::2/64")]
            veth(hosts["host"], f"wire_{wire}", hosts["peer"], f"wire_{wire}", addresses)
        for number in range(1, SOURCES + 1):
            hosts["peer"].run(f"ip address add 2001:db8:f::{number:x}/128 dev lo nodad")
        hosts["peer"].run("sysctl -qw net.ipv6.conf.all.forwarding=1")
        yield hosts
    finally:
        for one in hosts.values():
            one.delete()


@pytest.mark.parametrize("name", CASES)
def test_what_is_found_is_what_the_kernel_drops(pair: dict[str, Netns], name: str) -> None:
    routes, check, low, high, share = CASES[name]
    host, peer = pair["host"], pair["peer"]
    try:
        host.run(f"{routes}; {check}")
        pings = "; ".join(f"ping -c 1 -W 1 -I 2001:db8:f::{number:x} 2001:db8:a::1 > /dev/null & "
                          for number in range(1, SOURCES + 1)).replace("& ;", "&")
        peer.run(f"{pings} wait", check=False)
        assert low <= _dropped(host) <= high
        flows = ["icmpv6 2001:db8:f::1 > 2001:db8:a::1", "tcp [2001:db8:f::1]:4000 > [2001:db8:a::1]:80"]
        told = diagnosed(pair, flows)
        ids = {(one.id, one.host) for one in told.findings if one.id != "SYM901"}
        assert (("SYM204", "host") in ids) == (share > 0), told.findings
        wanted = {0.0: ("symmetric", "asymmetric_harmless"), 1.0: ("broken",)}.get(share, ("at_risk",))
        for verdict in told.verdicts:
            assert verdict.share_broken == pytest.approx(share)
            assert verdict.verdict in wanted, verdict.summary()
            assert not share or "fib saddr . iif oif missing" in verdict.summary()
    finally:
        host.run("nft flush ruleset; ip6tables -t raw -F; ip -6 route flush 2001:db8:f::/64")


def _dropped(host: Netns) -> int:
    shown = host.output("nft list ruleset; ip6tables -t raw -L PREROUTING -v -x -n")
    counted = re.search(r"counter packets (\d+) bytes \d+ drop|^\s*(\d+)\s+\d+ DROP", shown, re.M)
    assert counted, shown
    return int(counted[1] or counted[2])
