# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall pairs of inventories/lab do with real packets what their headers say."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import parse

TOPOLOGIES = pathlib.Path(__file__).resolve().parents[2] / "inventories" / "lab" / "topologies"
SERVER = "10.9.0.10"
BEHIND_NAT = "198.51.100.10"
FLOWS = 16  # that all of them take one of two ways happens once in 32,768 times


def of_kind(built: t.Any, script: str) -> list[str]:
    """What FLOWS runs of a script print, all at once: a word each; PORT in it is a port of its own."""
    each = f"for PORT in $(seq 41001 {41000 + FLOWS}); do ( echo $({script}) ) & done; wait"
    words = str(built.output("client", each)).split()
    assert len(words) == FLOWS, words
    return words


def http(built: t.Any, server: str) -> list[str]:
    return of_kind(built, f"curl -s -o /dev/null -m 2 -w '%{{http_code}}:%{{time_total}}' http://{server}/")


def answered(built: t.Any, server: str) -> list[bool]:
    """Whether each TCP connection was opened and answered without anything sent twice (which takes 0.2 s at least)."""
    results = [item.split(":") for item in http(built, server)]
    return [status == "200" and float(seconds) < 0.19 for status, seconds in results]


def echoed(built: t.Any, server: str) -> list[bool]:
    return [line == "hi" for line in of_kind(built, f"echo hi | nc -u -w 1 -p $PORT {server} 5353 | grep . || echo no")]


def injected(built: t.Any, firewall: str) -> int:
    """How many connections the other member has put into this one's kernel."""
    match = re.search(r"external inject:\s+connections created:\s+(\d+)\s+failed:\s+0\n", said(built, firewall))
    return int(match[1]) if match else 0


def said(built: t.Any, firewall: str) -> str:
    return str(built.output(firewall, "conntrackd -s"))


def invalid_packets(built: t.Any) -> int:
    rules = built.output("fw_a", "nft list ruleset") + built.output("fw_b", "nft list ruleset")
    return sum(int(count) for count in re.findall(r"ct state invalid counter packets (\d+)", rules))


def spread(built: t.Any, server: str) -> None:
    """Wait until the routing daemons have both ways, on both sides."""
    for router, target in (("left", server), ("right", "203.0.113.1" if server == BEHIND_NAT else "10.0.0.10")):
        deadline = time.monotonic() + 15
        while built.output(router, f"ip route show match {target}").count("nexthop") < 2:
            assert time.monotonic() < deadline, f"{router} does not spread"
            time.sleep(0.05)


@pytest.mark.parametrize(("topology", "server"), [("firewall_pair_ecmp", SERVER), ("nat_pair", BEHIND_NAT)])
def test_what_is_shared_in_time_protects_split_paths(lab: t.Any, topology: str, server: str) -> None:
    pair = lab(topology)
    spread(pair, server)
    http(pair, server)  # neighbours are found
    before = invalid_packets(pair)
    assert all(answered(pair, server)) and all(echoed(pair, server))
    assert injected(pair, "fw_a") and injected(pair, "fw_b") and invalid_packets(pair) == before


@pytest.mark.long
@pytest.mark.parametrize(
    ("topology", "server"), [("firewall_pair_ecmp_unsynchronised", SERVER), ("nat_pair_unsynchronised", BEHIND_NAT)]
)
def test_without_it_flows_die_whose_replies_come_by_the_other_member(lab: t.Any, topology: str, server: str) -> None:
    pair = lab(topology)
    spread(pair, server)
    http(pair, server)
    for results in (answered(pair, server), echoed(pair, server)):
        assert set(results) == {True, False}, results


def test_what_is_left_out_is_not_shared(lab: t.Any) -> None:
    pair = lab("firewall_pair_ecmp_half_covered")
    spread(pair, SERVER)
    http(pair, SERVER)
    assert all(answered(pair, SERVER))
    assert set(echoed(pair, SERVER)) == {True, False}


@pytest.mark.long
def test_replies_of_a_near_server_overtake_what_is_shared(lab: t.Any) -> None:
    pair = lab("firewall_pair_ecmp_too_slow")
    spread(pair, SERVER)
    http(pair, SERVER)
    before = invalid_packets(pair)
    assert set(answered(pair, SERVER)) == {True, False}
    assert invalid_packets(pair) > before and injected(pair, "fw_a"), "it is shared, and too late"


def test_pairs_of_a_kind_differ_in_what_they_are_named_for_alone() -> None:
    def read(name: str) -> tuple[t.Any, list[str], list[t.Any]]:
        topology = parse.read(str(TOPOLOGIES / f"{name}.yml"))
        shared = [host.conntrackd for host in topology.hosts]
        delays = [wire.delay for wire in topology.wires]
        hosts = tuple(dataclasses.replace(host, conntrackd="") for host in topology.hosts)
        # With the delay goes the checksum offload of the ends.
        ports = tuple(
            dataclasses.replace(port, checksum_offload=True) for wire in topology.wires for port in wire.ports
        )
        return (hosts, ports), shared, delays

    rest, shared, delays = read("firewall_pair_ecmp")
    assert read("firewall_pair_ecmp_unsynchronised") == (rest, [""] * len(shared), delays)
    assert read("firewall_pair_ecmp_too_slow") == (rest, shared, [None] * len(delays)) and any(delays)
    half = read("firewall_pair_ecmp_half_covered")
    assert (half[0], half[2]) == (rest, delays)
    assert [re.sub(r" +Protocol Accept \{\n +TCP\n +\}\n", "", text) for text in half[1]] == shared != half[1]
    nat, nat_shared, nat_delays = read("nat_pair")
    assert read("nat_pair_unsynchronised") == (nat, [""] * len(nat_shared), nat_delays) and any(nat_shared)


ESTABLISHED = """\
import http.client, pathlib, sys, time
connection = http.client.HTTPConnection("10.9.0.10", timeout=10)
for number in range(2):
    connection.request("GET", "/")
    print(connection.getresponse().read().decode().strip(), connection.sock.getsockname()[1], flush=True)
    pathlib.Path(f"/run/asked-{number}").touch()
    while not number and not pathlib.Path("/run/go-on").exists():
        time.sleep(0.02)
"""


def test_an_established_connection_survives_when_the_backup_takes_over(lab: t.Any) -> None:
    pair = lab("firewall_pair_vrrp", fresh=True)
    until(lambda: "10.0.0.1/24" in pair.output("fw_a", "ip -br address show dev in"))
    pair.run("client", "cat > /run/ask.py", input=ESTABLISHED)
    pair.run("client", "setsid python3 /run/ask.py > /run/said 2>&1 < /dev/null &")
    until(lambda: "asked-0" in pair.output("client", "ls /run"))
    until(lambda: re.search(r"external:\s+current active connections:\s+[1-9]", said(pair, "fw_b")))
    pair.run("fw_a", "ip link set dev in down")
    until(lambda: "10.0.0.1/24" in pair.output("fw_b", "ip -br address show dev in"))
    until(lambda: "Committed" in pair.output("fw_b", "cat /var/log/conntrackd.log"))
    assert "10.9.0.1/24" not in pair.output("fw_a", "ip -br address show dev out")
    pair.run("client", "touch /run/go-on")
    until(lambda: "asked-1" in pair.output("client", "ls /run"))
    first, second = str(pair.output("client", "cat /run/said")).splitlines()
    assert first == second and first.startswith("hello from behind a firewall pair")


def until(condition: t.Callable[[], t.Any], seconds: float = 15) -> None:
    """Wait for what comes in its own time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
