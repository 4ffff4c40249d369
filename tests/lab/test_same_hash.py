# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that real routers spread over two firewalls: which pairs of branches occur, and what the verdict says."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed

Hosts = dict[str, Netns]
FLOWS = 16
STATE = ("nft 'add table ip f; add chain ip f forward { type filter hook forward priority 0; policy drop; }; "
         "add rule ip f forward ct state established accept; add rule ip f forward ip saddr 10.0.0.0/24 ct state new "
         "accept'")


@pytest.fixture(scope="module")
def diamond() -> t.Iterator[Hosts]:
    """client - left - {one, two} - right - server; left and right spread over two firewalls."""
    hosts = {name: Netns(name).create() for name in ("client", "left", "one", "two", "right", "server")}
    try:
        veth(hosts["client"], "eth0", hosts["left"], "lan", [("10.0.0.10/24", "10.0.0.1/24")])
        veth(hosts["server"], "eth0", hosts["right"], "lan", [("10.9.0.10/24", "10.9.0.1/24")])
        for number, name in ((1, "one"), (2, "two")):
            veth(hosts["left"], name, hosts[name], "left", [(f"10.1.{number}.1/24", f"10.1.{number}.2/24")])
            veth(hosts["right"], name, hosts[name], "right", [(f"10.2.{number}.1/24", f"10.2.{number}.2/24")])
            hosts[name].run(f"sysctl -qw net.ipv4.ip_forward=1; ip route add 10.0.0.0/24 via 10.1.{number}.1; "
                            f"ip route add 10.9.0.0/24 via 10.2.{number}.1; {STATE}")
        for name in ("left", "right"):
            hosts[name].run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0")
        hosts["left"].run("ip route add 10.9.0.0/24 nexthop via 10.1.1.2 nexthop via 10.1.2.2")
        hosts["client"].run("ip route add default via 10.0.0.1; " + "; ".join(
            f"ip address add 10.0.0.{number}/24 dev eth0" for number in range(20, 20 + FLOWS)))
        hosts["server"].run("ip route add default via 10.9.0.1")
        yield hosts
    finally:
        for one in hosts.values():
            one.delete()


def set_up(hosts: Hosts, legs: t.Sequence[int], left: str, right: str) -> None:
    words = " ".join(f"nexthop via 10.2.{abs(leg)}.2" for leg in legs)
    hosts["right"].run(f"ip route replace 10.0.0.0/24 {words}; sysctl -qw {right}")
    hosts["left"].run(f"sysctl -qw {left}")


def works(hosts: Hosts) -> int:
    """How many of the addresses of the client get their echo back."""
    pings = " ".join(f"ping -c 1 -W 1 -I 10.0.0.{number} 10.9.0.10 &" for number in range(20, 20 + FLOWS))
    return len(re.findall(r"bytes from", hosts["client"].run(f"{pings} wait", check=False).stdout))


POLICY, SEED, FIELDS = (f"net.ipv4.fib_multipath_hash_{name}=" for name in ("policy", "seed", "fields"))
ALIKE = f"{SEED}77 {POLICY}0"
FIVE = f"{SEED}78 {POLICY}3 {FIELDS}0x37"
CASES = {  # legs of right, settings of left and right, verdict, share of the flows that work
    "one seed": ((1, 2), ALIKE, ALIKE, "symmetric", (FLOWS, FLOWS)),
    "one seed, five fields": ((1, 2), FIVE, FIVE, "symmetric", (FLOWS, FLOWS)),
    "one seed, the legs swapped": ((2, 1), ALIKE, ALIKE, "broken", (0, 0)),
    "seeds of their own": ((1, 2), f"{SEED}1 {POLICY}0", f"{SEED}2 {POLICY}0", "at_risk", (1, FLOWS - 1)),
    "fields of their own": ((1, 2), FIVE, f"{SEED}78 {POLICY}3 {FIELDS}0x3", "at_risk", (1, FLOWS - 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_pairs_of_branches_are_those_that_packets_take(diamond: Hosts, name: str) -> None:
    legs, left, right, verdict, (low, high) = CASES[name]
    set_up(diamond, legs, left, right)
    told = diagnosed(diamond, ["icmp 10.0.0.20 > 10.9.0.10"])
    assert told.verdicts[0].verdict == verdict, told.verdicts[0].summary()
    assert low <= works(diamond) <= high
    ids = {one.id for one in told.findings}
    assert ("SYM502" in ids) == (verdict == "at_risk")
    assert ("SYM501" in ids) == (verdict != "symmetric")


@pytest.mark.long
def test_the_hash_that_is_proposed_lets_every_flow_through(diamond: Hosts) -> None:
    legs, left, right, _verdict, (_low, high) = CASES["seeds of their own"]
    set_up(diamond, legs, left, right)
    assert works(diamond) <= high < FLOWS
    told = diagnosed(diamond, ["icmp 10.0.0.20 > 10.9.0.10"])
    found = [one for one in told.proposal.remedies if one.role == "ecmp_hash"]
    assert [one.host for one in found] == ["left", "right"]
    for one in found:
        options = {name.removeprefix("ecmp_hash_"): value for name, value in one.variables.items()}
        assert not run_module(diamond[one.host], "ecmp_hash", options).get("failed")
    assert works(diamond) == FLOWS
    assert diagnosed(diamond, ["icmp 10.0.0.20 > 10.9.0.10"]).verdicts[0].verdict == "symmetric"
