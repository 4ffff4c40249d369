# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct server return on real kernels: the balancer hands requests on untranslated, the server answers by itself."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed, read

Hosts = dict[str, Netns]
SERVICE = "10.1.0.100"
STATE = ("nft 'add table ip f; add chain ip f forward { type filter hook forward priority 0; }; "
         "add rule ip f forward ct state invalid drop; add rule ip f forward ct state established accept'")
CASES = {  # the server's gateway, who keeps state, verdict, findings
    "the reply comes back by the firewall": ("10.1.0.1", "fw", "asymmetric_harmless", set()),
    "the reply goes around the firewall": ("10.1.0.2", "fw", "at_risk", {("SYM402", "fw")}),
    "the balancer keeps state": ("10.1.0.1", "lb", "at_risk", {("SYM402", "lb")}),
    "nobody keeps state": ("10.1.0.2", "", "asymmetric_harmless", set()),
}


@pytest.fixture(scope="module")
def farm() -> t.Iterator[Hosts]:
    """client - {fw, around} - one wire with lb and server. lb answers ARP for the service, server has it on lo."""
    hosts = {name: Netns(name).create() for name in ("client", "fw", "around", "lb", "server")}
    try:
        hosts["lb"].run("ip link add br0 type bridge; ip link set br0 up; ip address add 10.1.0.3/24 dev br0")
        hosts["lb"].run("sysctl -qw net.bridge.bridge-nf-call-iptables=0", check=False)  # it is a switch besides
        for name, address in (("fw", "10.1.0.1/24"), ("around", "10.1.0.2/24"), ("server", "10.1.0.4/24")):
            veth(hosts["lb"], f"port_{name}", hosts[name], "lan", [])
            hosts["lb"].run(f"ip link set port_{name} master br0")
            hosts[name].run(f"ip address add {address} dev lan")
        for number, name in ((1, "fw"), (2, "around")):
            veth(hosts["client"], name, hosts[name], "outer", [(f"10.0.{number}.10/24", f"10.0.{number}.1/24")])
            hosts[name].run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0")
        hosts["around"].run("ip route add 10.0.1.10 via 10.0.2.10")
        hosts["client"].run("sysctl -qw net.ipv4.conf.all.rp_filter=0; ip route add 10.1.0.0/24 via 10.0.1.1")
        hosts["lb"].run(f"sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.br0.proxy_arp_pvlan=1 "
                        f"net.ipv4.conf.br0.send_redirects=0 net.ipv4.conf.all.send_redirects=0; "
                        f"ip route add {SERVICE} via 10.1.0.4; ip route add default via 10.1.0.1")
        hosts["server"].run(f"sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2; "
                            f"ip address add {SERVICE}/32 dev lo; ip route add default via 10.1.0.1")
        yield hosts
    finally:
        for one in hosts.values():
            one.delete()


@pytest.mark.parametrize("name", CASES)
def test_direct_return_is_a_bypass_where_somebody_must_see_the_reply(farm: Hosts, name: str) -> None:
    gateway, keeper, verdict, findings = CASES[name]
    farm["server"].run(f"ip route replace default via {gateway}")
    if keeper:
        farm[keeper].run(STATE)
    try:
        ping = farm["client"].run(f"ping -c 2 -i 0.2 -W 1 -I 10.0.1.10 {SERVICE}", check=False)
        assert "bytes from" in ping.stdout, ping.stdout
        told = diagnosed(farm, [f"icmp 10.0.1.10 > {SERVICE}"])
        assert told.verdicts[0].verdict == verdict, told.verdicts[0].summary()
        crossed = [hop.host for hop in told.verdicts[0].forward_paths()[0].hops]
        assert crossed == ["client", "fw", "lb", "server"]
        assert {(one.id, one.host) for one in told.findings} == findings
    finally:
        if keeper:
            farm[keeper].run("nft flush ruleset")


def test_a_server_that_keeps_quiet_is_no_rival_of_the_balancer(farm: Hosts) -> None:
    """Without a neighbour entry the address alone does not say that the server answers for it."""
    farm["fw"].run("ip neigh flush all")
    told = diagnosed(farm, [f"icmp 10.0.1.10 > {SERVICE}"])
    assert told.verdicts[0].verdict == "unknown" and SERVICE in told.verdicts[0].read_next


# a balancer that nobody reads
DECLARED = {"name": "lb", "address": "10.1.0.3", "mode": "direct", "services": [SERVICE], "servers": ["10.1.0.4"]}
NAT = {**DECLARED, "mode": "nat", "gateway": "10.1.0.1"}
TRANSLATE = f"nft 'add table ip lb; add chain ip lb pre {{ type nat hook prerouting priority -100; }}; " \
    f"add chain ip lb post {{ type nat hook postrouting priority 100; }}; add rule ip lb pre ip daddr {SERVICE} " \
    "dnat to 10.1.0.4'"
TO_ITSELF = "nft 'add rule ip lb post ct status dnat snat to 10.1.0.3'"
DECLARED_CASES = {  # what is declared, the balancer's commands, the server's gateway, does it work, verdict, findings
    "direct, the reply comes back by the firewall": (
        DECLARED, "true", "10.1.0.1", True, "asymmetric_harmless", set()),
    "direct, the reply goes around the firewall": (
        DECLARED, "true", "10.1.0.2", True, "at_risk", {("SYM402", "fw")}),
    "nat, the reply comes back by the balancer": (
        NAT, TRANSLATE, "10.1.0.3", True, "symmetric", set()),
    "nat, the reply misses the balancer": (
        NAT, TRANSLATE, "10.1.0.1", False, "broken", {("SYM402", "lb")}),
    "full_nat, the reply comes back by itself": (
        {**NAT, "mode": "full_nat"}, f"{TRANSLATE}; {TO_ITSELF}", "10.1.0.2", True, "symmetric", set()),
}


@pytest.mark.parametrize("name", DECLARED_CASES)
def test_a_declared_mode_says_what_the_balancer_does(farm: Hosts, name: str) -> None:
    """The verdict with the balancer declared, and with its facts read, is what packets do."""
    declared, commands, gateway, works, verdict, findings = DECLARED_CASES[name]
    farm["server"].run(f"ip route replace default via {gateway}")
    farm["fw"].run(STATE)
    farm["lb"].run(commands)
    try:
        ping = farm["client"].run(f"ping -c 1 -W 1 -I 10.0.1.10 {SERVICE}", check=False)
        assert ("bytes from" in ping.stdout) == works, ping.stdout
        facts = {name: read(netns) for name, netns in farm.items()}
        others = {name: one for name, one in facts.items() if name != "lb"}
        for known, variables in ((facts, {}), (others, {"fw": {"symmetry_balancers": [declared]}})):
            told = diagnose(known, variables, [f"icmp 10.0.1.10 > {SERVICE}"], live=False)
            assert told.verdicts[0].verdict == verdict, told.verdicts[0].summary()
            assert {(one.id, one.host) for one in told.findings} == findings
            crossed = [hop.host for hop in told.verdicts[0].forward_paths()[0].hops]
            assert crossed == ["client", "fw", "lb", "server"]
        assert any("balancer lb (declared)" in note for note in told.assumptions)
    finally:
        farm["fw"].run("nft flush ruleset")
        farm["lb"].run("nft flush ruleset")
