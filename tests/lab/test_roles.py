# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that change a host, run by ansible-playbook inside a real one. The observer is ip, nft and /proc/sys."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.role_host import Host, four_runs

UPLINKS = [
    {"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "wan_b", "interface": "wan_b", "gateway": "198.51.100.5"},
    {"name": "wan_a", "interface": "wan_a", "gateway": "2001:db8:a::1"},
]
PIN = {
    "name": "partner",
    "prefixes": ["203.0.113.0/25", "2001:db8:5::/48"],
    "uplink": "wan_a",
    "source_nat": "198.51.100.2",
    "acknowledge_source": True,
    "on_uplink_loss": "block",
}
POLICY_ROUTE = {"policy_route_uplinks": UPLINKS, "policy_route_pins": [PIN]}
SOURCE_ROUTING = {"source_routing_uplinks": UPLINKS}
RP_FILTER = {"rp_filter_interfaces": [{"name": "wan_b", "mode": "loose", "reason": "replies enter here"}]}


@pytest.fixture
def host(tmp_path: pathlib.Path) -> t.Iterator[Host]:
    netns, far, client = Netns("host").create(), Netns("far").create(), Netns("client").create()
    try:
        for one in (netns, far, client):
            one.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        veth(
            netns,
            "wan_a",
            far,
            "pa",
            [("198.51.100.2/30", "198.51.100.1/30"), ("2001:db8:a::2/64", "2001:db8:a::1/64")],
        )
        veth(netns, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        veth(netns, "v0.100", client, "eth0", [("192.0.2.1/24", "192.0.2.20/24")])
        netns.run("ip route add default via 198.51.100.5; ip -6 route add default via 2001:db8:a::1")
        netns.run("sysctl -qw net.ipv4.ip_forward=1; ip route add 10.50.0.0/16 via 192.0.2.20")
        netns.run(
            "nft add table ip seen; nft 'add chain ip seen c { type filter hook forward priority 0; ct state new; }'"
        )
        client.run("ip route add default via 192.0.2.1")
        far.run("ip address add 203.0.113.10/25 dev lo; ip route add 192.0.2.0/24 via 198.51.100.6")
        far.run("sysctl -qw net.ipv4.conf.all.rp_filter=0")
        yield Host(netns, far, client, tmp_path)
    finally:
        for one in (netns, far, client):
            one.delete()


def test_policy_route(host: Host) -> None:
    before = host.state()
    assert host.way("203.0.113.10") == "wan_b"
    four_runs(host, "policy_route", POLICY_ROUTE, changed=2)
    assert host.way("203.0.113.10") == "wan_a" and host.way("203.0.113.130") == "wan_b"
    assert host.netns.output("ip rule | grep -c 'proto 83'").strip() == "1"
    capture = host.far.start("tcpdump", "-n", "-l", "-i", "pa", "-c", "1", "icmp and dst host 203.0.113.10")
    assert capture.stderr is not None
    next(line for line in capture.stderr if "listening" in line)
    host.client.run("ping -n -c 1 -W 2 203.0.113.10")
    assert capture.communicate(timeout=10)[0].split()[2] == "198.51.100.2"
    absent = {**POLICY_ROUTE, "policy_route_state": "absent"}
    four_runs(host, "policy_route", absent, changed=2)
    assert host.state() == before


def test_block_lets_nothing_go_by_another_way(host: Host) -> None:
    assert host.play(["policy_route"], POLICY_ROUTE).rc == 0
    host.netns.run("ip link set wan_a down")
    assert "No route to host" in host.netns.run("ip route get 203.0.113.10", check=False).stderr


def test_failover_falls_through_to_the_main_table(host: Host) -> None:
    pin = {**PIN, "on_uplink_loss": "failover", "prefixes": ["203.0.113.0/25"]}
    assert host.play(["policy_route"], {**POLICY_ROUTE, "policy_route_pins": [pin]}).rc == 0
    host.netns.run("ip link set wan_a down")
    assert host.way("203.0.113.10") == "wan_b"


def test_overlapping_pins_go_by_the_longest_prefix(host: Host) -> None:
    pins = [
        {"name": "wide", "prefixes": ["10.0.0.0/8"], "uplink": "wan_a"},
        {"name": "narrow", "prefixes": ["10.1.0.0/16"], "uplink": "wan_b"},
    ]
    assert host.play(["policy_route"], {**POLICY_ROUTE, "policy_route_pins": pins}).rc == 0
    assert host.way("10.2.0.1") == "wan_a" and host.way("10.1.0.1") == "wan_b"


@pytest.mark.long
def test_a_pin_of_some_ports_leaves_the_others_alone(host: Host) -> None:
    """Seen by the far side: which interface a SYN comes in by, and with which source, forwarded and of the host."""
    pin = {**PIN, "protocols": ["tcp"], "ports": ["443", "8000-8010"], "on_uplink_loss": "failover"}
    general = {"name": "rest", "prefixes": ["203.0.113.0/24"], "uplink": "wan_b"}
    variables = {**POLICY_ROUTE, "policy_route_pins": [pin, general]}
    before = host.state()
    four_runs(host, "policy_route", variables, changed=2)
    rules = host.netns.output("ip rule; ip -6 rule")
    assert rules.count("ipproto tcp dport 443 ") == 2 and rules.count("ipproto tcp dport 8000-8010 ") == 2
    host.far.run("nft 'add table ip seen; add chain ip seen c { type filter hook prerouting priority 0; }; "
                 "add set ip seen syns { type ifname . ipv4_addr . inet_service; flags dynamic; }; "
                 "add rule ip seen c tcp flags syn add @syns { iifname . ip saddr . tcp dport }'")
    for port in (443, 8005, 80):
        for one in (host.netns, host.client):
            one.run(f"nc -z -w 1 203.0.113.10 {port}", check=False)
    seen = host.far.output("nft list set ip seen syns")
    for port in (443, 8005):
        assert f'"pa" . 198.51.100.2 . {port}' in seen, seen
    assert '"pb" . 198.51.100.6 . 80' in seen and '"pb" . 192.0.2.20 . 80' in seen, seen
    assert seen.count('"pa"') == 2 and seen.count('"pb"') == 2, seen
    four_runs(host, "policy_route", {**variables, "policy_route_state": "absent"}, changed=2)
    assert host.state() == before


def test_a_source_that_the_far_end_does_not_expect_is_refused(host: Host) -> None:
    host.client.run("ping -n -c 1 -W 2 203.0.113.10")
    variables = {**POLICY_ROUTE, "policy_route_pins": [{**PIN, "acknowledge_source": False}]}
    before = host.state()
    run = host.play(["policy_route"], variables)
    assert run.rc != 0 and host.state() == before, run.text
    assert "203.0.113.0/25 will see 198.51.100.2 instead of 192.0.2.20" in run.text
    assert "acknowledge_source" in run.text
    assert host.play(["policy_route"], variables, "--check").rc == 0


@pytest.mark.long
def test_source_routing(host: Host) -> None:
    before = host.state()
    assert host.way("203.0.113.10", "198.51.100.2") == "wan_b"
    four_runs(host, "source_routing", SOURCE_ROUTING, changed=1)
    assert host.way("203.0.113.10", "198.51.100.2") == "wan_a"
    assert host.way("203.0.113.10", "198.51.100.6") == "wan_b"
    assert host.way("10.50.0.1", "198.51.100.2") == "v0.100", "a static internal route must go on working"
    assert host.way("198.51.100.5", "198.51.100.2") == "wan_b"
    four_runs(host, "source_routing", {**SOURCE_ROUTING, "source_routing_specifics": "uplink"}, changed=1)
    assert host.way("10.50.0.1", "198.51.100.2") == "wan_a"
    four_runs(host, "source_routing", {**SOURCE_ROUTING, "source_routing_state": "absent"}, changed=1)
    assert host.state() == before


def test_replies_leave_by_the_uplink_of_their_source(host: Host) -> None:
    host.far.run("ip route add 198.51.100.2/32 via 198.51.100.2 dev pa 2>/dev/null || :")
    capture = host.far.start("tcpdump", "-n", "-l", "-i", "pa", "-c", "1", "icmp[icmptype] = icmp-echoreply")
    assert capture.stderr is not None
    next(line for line in capture.stderr if "listening" in line)
    assert host.play(["source_routing"], SOURCE_ROUTING).rc == 0
    host.far.run("ping -n -c 1 -W 2 -I 203.0.113.10 198.51.100.2")
    assert "198.51.100.2 > 203.0.113.10" in capture.communicate(timeout=10)[0]


@pytest.mark.long
def test_rp_filter(host: Host) -> None:
    before = host.state()
    four_runs(host, "rp_filter", RP_FILTER, changed=1)
    assert host.netns.output("cat /proc/sys/net/ipv4/conf/wan_b/rp_filter").strip() == "2"
    four_runs(host, "rp_filter", {**RP_FILTER, "rp_filter_state": "absent"}, changed=1)
    assert host.state() == before


@pytest.mark.long
def test_all_roles_live_side_by_side(host: Host) -> None:
    roles = ["policy_route", "source_routing", "rp_filter"]
    variables = {**POLICY_ROUTE, **SOURCE_ROUTING, **RP_FILTER}
    before = host.state()
    assert host.play(roles, variables).changed == 4
    again = host.play(roles, variables)
    assert (again.rc, again.changed) == (0, 0), again.text
    absent = {f"{role}_state": "absent" for role in roles}
    assert host.play(roles, {**variables, **absent}).changed == 4
    assert host.state() == before


def test_a_role_demands_a_guard(host: Host) -> None:
    before = host.state()
    run = host.play(["rp_filter"], {**RP_FILTER, "rp_filter_require_guard": True})
    assert run.rc != 0 and "no change guard is armed" in run.text
    assert host.play(["rp_filter"], {**RP_FILTER, "rp_filter_require_guard": True}, "--check").rc == 0
    assert host.state() == before


@pytest.mark.parametrize(
    ("role", "variables", "message"),
    [
        ("policy_route", {"policy_route_pins": [{"name": "x"}]}, "missing required arguments"),
        ("policy_route", {**POLICY_ROUTE, "policy_route_pins": [{**PIN, "uplink": "c"}]}, "uplink 'c' is not declared"),
        ("rp_filter", {"rp_filter_interfaces": [{"name": "all", "mode": "loose"}]}, "never written"),
        ("source_routing", {"source_routing_uplinks": [{"name": "a", "interface": "eth9"}]}, "'eth9' does not exist"),
    ],
)
def test_bad_variables(host: Host, role: str, variables: dict[str, t.Any], message: str) -> None:
    before = host.state()
    for options in (["--check"], []):
        run = host.play([role], variables, *options)
        assert run.rc != 0 and message in run.text, run.text
    assert host.state() == before
