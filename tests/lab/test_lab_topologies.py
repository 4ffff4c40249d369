# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of inventories/lab do with real packets what they are there for, and nothing else is wrong in them."""

from __future__ import annotations

import re
import typing as t

import pytest


@pytest.fixture(scope="module")
def incident(lab: t.Any) -> t.Any:
    return lab("dual_wan_partner", fresh=True)


@pytest.fixture(scope="module")
def multihomed(lab: t.Any) -> t.Any:
    return lab("multihomed_server", fresh=True)


@pytest.fixture(scope="module")
def healthy(lab: t.Any) -> t.Any:
    return lab("healthy", fresh=True)


def http(built: t.Any, host: str, url: str) -> str:
    """The status of a request, or "timeout"."""
    done = built.run(host, f"curl -s -o /dev/null -m 2 -w '%{{http_code}}' '{url}'", check=False)
    return "timeout" if done.returncode == 28 else str(done.stdout)


def echoed(built: t.Any, host: str, address: str, options: str = "") -> bool:
    return bool(built.output(host, f"echo hi | nc -u -w 1 {options} {address} 5353") == "hi\n")


def pings(built: t.Any, host: str, address: str, source: str = "") -> bool:
    option = f"-I {source}" if source else ""
    return bool(built.run(host, f"ping -c 2 -i 0.1 -W 1 {option} {address}", check=False).returncode == 0)


def invalid_packets(built: t.Any, host: str) -> int:
    match = re.search(r"ct state invalid counter packets (\d+)", built.output(host, "nft list ruleset"))
    assert match
    return int(match[1])


def reverse_path_drops(built: t.Any, host: str) -> int:
    return int(built.output(host, "nstat -asz TcpExtIPReversePathFilter | awk '/^TcpExt/ {print $2}'"))


def connections(built: t.Any, host: str) -> str:
    return str(built.output(host, "conntrack -L 2>/dev/null"))


# The incident


def test_requests_to_the_partner_time_out_with_the_two_sided_signature(incident: t.Any) -> None:
    before = invalid_packets(incident, "fwb")
    assert http(incident, "client", "http://203.0.113.10/") == "timeout"
    assert re.search(r"SYN_SENT src=192\.0\.2\.20 dst=203\.0\.113\.10 .*\[UNREPLIED\]", connections(incident, "fwa"))
    assert invalid_packets(incident, "fwb") > before and invalid_packets(incident, "fwa") == 0
    assert "203.0.113.10" not in connections(incident, "fwb")


def test_lookups_at_the_partner_get_no_answer(incident: t.Any) -> None:
    assert not echoed(incident, "client", "203.0.113.10", "-p 40053")
    assert re.search(r"udp .*sport=40053 dport=5353 \[UNREPLIED\]", connections(incident, "fwa"))


def test_the_other_partner_works(incident: t.Any) -> None:
    assert http(incident, "client", "http://203.0.113.130/") == "200"


def test_the_feed_dies_at_the_strict_check_and_passes_without_it(incident: t.Any) -> None:
    before = reverse_path_drops(incident, "gw")
    received = "nft add table inet seen; nft add chain inet seen i '{ type filter hook input priority 0; }';"
    incident.run("client", f"{received} nft add rule inet seen i udp dport 514 counter")
    try:
        feed = "bash -c 'for i in 1 2 3; do echo event > /dev/udp/192.0.2.20/514; done'"
        incident.run("partner", feed)
        assert reverse_path_drops(incident, "gw") > before
        assert "counter packets 0 " in incident.output("client", "nft list table inet seen")
        incident.run("gw", "echo 2 > /proc/sys/net/ipv4/conf/wan_b/rp_filter")
        incident.run("partner", feed)
        assert "counter packets 3 " in incident.output("client", "nft list table inet seen")
    finally:
        incident.run("gw", "echo 1 > /proc/sys/net/ipv4/conf/wan_b/rp_filter")
        incident.run("client", "nft delete table inet seen")


def test_a_source_of_provider_a_brings_the_replies_home(incident: t.Any) -> None:
    """Replies choose the uplink by the address they are sent to: the cure of the incident works in this lab."""
    rule = "nft add rule inet cure post oifname wan_a ip daddr 203.0.113.0/25 snat ip to 198.51.100.2"
    chain = "nft add chain inet cure post '{ type nat hook postrouting priority srcnat; }'"
    incident.run("gw", f"nft add table inet cure && {chain} && {rule}")
    try:
        assert http(incident, "client", "http://203.0.113.10/") == "200"
        assert echoed(incident, "client", "203.0.113.10")
    finally:
        incident.run("gw", "nft delete table inet cure")
    assert http(incident, "client", "http://203.0.113.10/") == "timeout"


def test_the_internet_falls_back_to_a_where_b_is_gone(incident: t.Any) -> None:
    incident.run("isp_b", "ip link set dev internet down")
    try:
        assert http(incident, "client", "http://203.0.113.10/") == "200"
    finally:
        incident.run("isp_b", "ip link set dev internet up && ip route add default via 100.64.20.2 proto static")
    assert http(incident, "client", "http://203.0.113.10/") == "timeout"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("gw", "203.0.113.10"),  # from wan_a's own address: back by A
        ("fwa", "203.0.113.10"),
        ("fwb", "203.0.113.10"),
        ("fwb", "203.0.113.130"),
        ("partner", "203.0.113.130"),
        ("isp_a", "100.64.2.1"),
        ("client", "198.51.100.129"),
    ],
)
def test_everything_else_of_the_incident_works(incident: t.Any, host: str, address: str) -> None:
    assert pings(incident, host, address)


# Servers with two network cards


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.0.10", "200"), ("10.2.0.10", "timeout"), ("10.1.0.11", "200"), ("10.2.0.11", "timeout")],
)
def test_only_the_first_card_of_a_server_answers(multihomed: t.Any, address: str, status: str) -> None:
    assert http(multihomed, "client", f"http://{address}/") == status


def test_the_reply_dies_at_the_firewall_that_never_saw_the_request(multihomed: t.Any) -> None:
    before = invalid_packets(multihomed, "fw_front")
    assert http(multihomed, "client", "http://10.2.0.10/") == "timeout"
    assert invalid_packets(multihomed, "fw_front") > before and invalid_packets(multihomed, "fw_back") == 0
    assert re.search(r"SYN_SENT .*dst=10\.2\.0\.10 .*\[UNREPLIED\]", connections(multihomed, "fw_back"))
    assert not echoed(multihomed, "client", "10.2.0.10") and echoed(multihomed, "client", "10.1.0.10")


def test_the_strict_server_drops_the_request_itself(multihomed: t.Any) -> None:
    before = reverse_path_drops(multihomed, "server_strict")
    front = invalid_packets(multihomed, "fw_front")
    assert http(multihomed, "client", "http://10.2.0.11/") == "timeout"
    assert reverse_path_drops(multihomed, "server_strict") > before
    assert invalid_packets(multihomed, "fw_front") == front, "there is no reply that a firewall could drop"


def test_the_monitor_is_not_answered_and_nothing_counts_it(multihomed: t.Any) -> None:
    before = reverse_path_drops(multihomed, "server_strict")
    assert not pings(multihomed, "monitor", "10.2.0.11", "10.3.0.50")
    assert re.search(r"10\.2\.0\.11 dev eth0 +(INCOMPLETE|FAILED)", multihomed.output("monitor", "ip neighbour"))
    assert reverse_path_drops(multihomed, "server_strict") == before
    multihomed.run("server_strict", "echo 0 > /proc/sys/net/ipv4/conf/eth1/rp_filter")
    try:
        multihomed.run("monitor", "ping -c 1 -W 1 10.2.0.11", check=False)
        neighbours = multihomed.output("monitor", "ip neighbour show to 10.2.0.11")
        assert "lladdr" in neighbours, "without the strict check the ARP request is answered"
    finally:
        multihomed.run("server_strict", "echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter")
        multihomed.run("monitor", "ip neighbour flush all")


# Nothing wrong


def test_every_flow_of_the_healthy_network_works(healthy: t.Any) -> None:
    for address in ("203.0.113.10", "203.0.113.130", "2001:db8:cafe::10"):
        url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
        assert http(healthy, "client", url) == "200", address
        assert echoed(healthy, "client", address), address
        assert pings(healthy, "client", address), address
    assert invalid_packets(healthy, "fwa") == invalid_packets(healthy, "fwb") == 0
    for host in ("gw", "fwa", "fwb"):
        assert reverse_path_drops(healthy, host) == 0
        assert "UNREPLIED" not in connections(healthy, host)


def test_the_healthy_network_uses_both_uplinks(healthy: t.Any) -> None:
    assert http(healthy, "client", "http://203.0.113.10/") == http(healthy, "client", "http://203.0.113.130/") == "200"
    assert "dst=100.64.1.2" in connections(healthy, "fwa") and "203.0.113.130" not in connections(healthy, "fwa")
    assert "dst=100.64.2.2" in connections(healthy, "fwb") and "203.0.113.10 " not in connections(healthy, "fwb")
