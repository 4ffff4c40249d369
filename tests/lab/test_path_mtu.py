# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small works, large stalls: SYM601 says so where real transfers stall, and only there."""

from __future__ import annotations

import subprocess
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed

Hosts = dict[str, Netns]
FLOWS = {4: "tcp 10.0.1.10 > 10.0.4.10:5000", 6: "tcp 2001:db8:1::10 > [2001:db8:4::10]:5000"}
ADDRESS = {4: "10.0.4.10", 6: "2001:db8:4::10"}
DROP = "add table inet f; add chain inet f forward { type filter hook forward priority 0; }; add rule inet f forward "
SINK = """
import socket, threading
server = socket.create_server(("::", 5000), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)

def serve(peer):
    peer.settimeout(5)
    try:
        sent = int.from_bytes(peer.recv(4), "big")
        while sent > 0:
            sent -= len(peer.recv(65536))
        peer.sendall(b"done")
    except OSError:
        pass
    peer.close()

while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
SEND = """
import socket, sys
peer = socket.create_connection((sys.argv[1], 5000), timeout=1)
size = int(sys.argv[2])
peer.sendall(size.to_bytes(4, "big") + bytes(size))
sys.exit(peer.recv(4) != b"done")
"""


@pytest.fixture(scope="module")
def chain() -> t.Iterator[Hosts]:
    """client - fw - near =1300= far - server, both families."""
    hosts = {name: Netns(name).create() for name in ("client", "fw", "near", "far", "server")}
    sink = None
    try:
        _build(hosts)
        sink = hosts["server"].start(sys.executable, "-c", SINK)
        assert sink.stdout and sink.stdout.readline().strip() == "ready"
        yield hosts
    finally:
        if sink:
            sink.kill()
            sink.communicate()
        for one in hosts.values():
            one.delete()


def _build(hosts: Hosts) -> None:
    names = list(hosts)
    for number, (left, right) in enumerate(zip(names, names[1:], strict=False), 1):
        low, high = (10, 1) if number == 1 else (1, 10 if number == 4 else 2)
        veth(hosts[left], "right", hosts[right], "left", [
            (f"10.0.{number}.{low}/24", f"10.0.{number}.{high}/24"),
            (f"2001:db8:{number}::{low}/64", f"2001:db8:{number}::{high}/64")])
    for name in ("fw", "near", "far"):
        hosts[name].run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    hosts["client"].run("ip link set right gso_max_segs 1")  # a bundle of segments would slip through any veth
    hosts["near"].run("ip link set right mtu 1300")
    hosts["far"].run("ip link set left mtu 1300")
    for name, number, there in (("client", 1, 1), ("fw", 2, 2), ("near", 3, 2)):
        hosts[name].run(f"ip route add default via 10.0.{number}.{there}; "
                        f"ip route add default via 2001:db8:{number}::{there}")
    for name, number in (("server", 4), ("far", 3), ("near", 2)):
        target = ("default", "default") if name == "server" else ("10.0.1.0/24", "2001:db8:1::/64")
        hosts[name].run(f"ip route add {target[0]} via 10.0.{number}.1; ip route add {target[1]} via "
                        f"2001:db8:{number}::1")
    hosts["far"].run("ip route add 10.0.2.0/24 via 10.0.3.1; ip route add 2001:db8:2::/64 via 2001:db8:3::1")


def forget(hosts: Hosts) -> None:
    """New routes know of no path MTU; flushing the cache keeps what was learned (fnhe_genid)."""
    hosts["client"].run("ip route delete default; ip -6 route delete default; "
                        "ip route add default via 10.0.1.1; ip route add default via 2001:db8:1::1")


def transfer(hosts: Hosts, family: int, size: int) -> bool:
    """Whether that many bytes arrive, over a new connection and with nothing learned before."""
    forget(hosts)
    done = subprocess.run(hosts["client"].command(sys.executable, "-c", SEND, ADDRESS[family], str(size)),
                          capture_output=True, check=False, timeout=20)
    return done.returncode == 0


def diagnose(hosts: Hosts) -> list[Finding]:
    told = diagnosed(hosts, list(FLOWS.values()))
    assert {one.verdict for one in told.verdicts} == {"symmetric"}, [one.summary() for one in told.verdicts]
    return list(told.findings)


def test_an_mtu_of_a_route_makes_the_directions_differ(chain: Hosts) -> None:
    forget(chain)
    chain["fw"].run("ip route change default via 10.0.2.2 mtu 1250; ip route change default via 2001:db8:2::2 mtu 1280")
    try:
        (found,) = diagnose(chain)
        assert (found.id, found.host, found.severity) == ("SYM601", "fw", "info")
        assert found.flows == tuple(FLOWS.values()) and "may have 1250 bytes, replies 1300" in found.text
        assert "may have 1280 bytes, replies 1300" in str(found.evidence)
        for family, mtu in ((4, 1250), (6, 1280)):
            told = chain["client"].run(f"ping -c 1 -W 1 -M do -s 1245 {ADDRESS[family]}", check=False)
            assert str(mtu) in told.stdout, told.stdout
    finally:
        chain["fw"].run("ip route change default via 10.0.2.2; ip route change default via 2001:db8:2::2")


CASES = {
    "icmp passes": ("", "", True, set()),
    "icmp is filtered": ("fw", DROP + "icmp type destination-unreachable drop; add rule inet f forward icmpv6 type "
                         "packet-too-big drop", False, {("SYM601", "near")}),
    "another icmp is filtered": ("fw", DROP + "icmp type echo-request drop", True, set()),
    "mss is clamped": ("fw", DROP + "icmp type destination-unreachable drop; add rule inet f forward icmpv6 type "
                       "packet-too-big drop; add rule inet f forward tcp flags syn tcp option maxseg size set 1200",
                       True, set()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_told_is_what_transfers_show(chain: Hosts, name: str) -> None:
    host, rules, works, expected = CASES[name]
    if host:
        chain[host].run(f"nft '{rules}'")
    try:
        found = diagnose(chain)
        assert {(one.id, one.host) for one in found} == expected, found
        for family in (4, 6):
            assert transfer(chain, family, 100), "small ones always work"
            assert transfer(chain, family, 100_000) == works, family
    finally:
        if host:
            chain[host].run("nft flush ruleset")


def test_an_end_of_a_wire_that_takes_less_than_the_other_sends(chain: Hosts) -> None:
    chain["near"].run("ip link set left mtu 1280")
    try:
        (found,) = [one for one in diagnose(chain) if one.severity == "critical"]
        assert (found.id, found.host, found.interface) == ("SYM601", "near", "left")
        assert transfer(chain, 4, 100) and not transfer(chain, 4, 100_000)
    finally:
        chain["near"].run("ip link set left mtu 1500")
