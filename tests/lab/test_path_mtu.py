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
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
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
    peer.settimeout(3)
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

ECHO = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 5000))
print("ready", flush=True)
while True:
    asked, peer = server.recvfrom(65535)
    server.sendto(bytes(int.from_bytes(asked, "big")), peer)
"""
ASK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
peer = socket.socket(family, socket.SOCK_DGRAM)
peer.connect((sys.argv[1], 5000))
peer.settimeout(0.2)
size = int(sys.argv[2])
for _each in range(3):
    peer.send(size.to_bytes(4, "big"))
    try:
        sys.exit(len(peer.recv(65535)) != size)
    except TimeoutError:
        pass
sys.exit(1)
"""


@pytest.fixture(scope="module")
def chain() -> t.Iterator[Hosts]:
    """client - fw - near =1300= far - server, both families."""
    hosts = {name: Netns(name).create() for name in ("client", "fw", "near", "far", "server")}
    services: list[subprocess.Popen[str]] = []
    try:
        _build(hosts)
        for text in (SINK, ECHO):
            services.append(hosts["server"].start(sys.executable, "-c", text))
            assert services[-1].stdout and services[-1].stdout.readline().strip() == "ready"
        yield hosts
    finally:
        for one in services:
            one.kill()
            one.communicate()
        for host in hosts.values():
            host.delete()


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


def forget(hosts: Hosts, name: str = "client", number: int = 1) -> None:
    """New routes know of no path MTU; flushing the cache keeps what was learned (fnhe_genid)."""
    hosts[name].run("ip route delete default; ip -6 route delete default; "
                    f"ip route add default via 10.0.{number}.1; ip route add default via 2001:db8:{number}::1")


def transfers(hosts: Hosts, size: int) -> dict[int, bool]:
    """Whether that many bytes arrive, by family, over new connections and with nothing learned before."""
    forget(hosts)
    running = {family: hosts["client"].start(sys.executable, "-c", SEND, address, str(size))
               for family, address in ADDRESS.items()}
    for one in running.values():
        one.communicate(timeout=20)
    return {family: one.returncode == 0 for family, one in running.items()}


def diagnose(hosts: Hosts, flows: t.Iterable[str] = FLOWS.values()) -> list[Finding]:
    told = diagnosed(hosts, list(flows))
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


NO_ERRORS = "icmp type destination-unreachable drop; add rule inet f forward icmpv6 type packet-too-big drop"
AT = "add chain inet f {0} {{ type filter hook {0} priority 0; }}; add rule inet f {0} "
OWN = "add table inet f; " + AT.format("output")  # what the router before the narrow link does with its own packets
MARKED = "; add chain inet f pre { type filter hook prerouting priority -300; }; add rule inet f pre tcp dport 5000 " \
    "meta mark set 7"
REFLECT = "sysctl -qw net.ipv4.fwmark_reflect={0} net.ipv6.fwmark_reflect={0}"
CASES = {  # whose rules, which, and the families whose large packets stall
    "icmp passes": ("", "", ()),
    "icmp is filtered": ("fw", DROP + NO_ERRORS, (4, 6)),
    "another icmp is filtered": ("fw", DROP + "icmp type echo-request drop", ()),
    "mss is clamped": (
        "fw", DROP + NO_ERRORS + "; add rule inet f forward tcp flags syn tcp option maxseg size set 1200", ()),
    "the router's own output (IPv4) and postrouting (IPv6) drop it": (
        "near", OWN + "icmp type destination-unreachable drop; " + AT.format("postrouting") +
        "icmpv6 type packet-too-big drop", (4, 6)),
    "its own rules drop what errors are not": (
        "near", OWN + "ct state invalid,new icmp type destination-unreachable drop; add rule inet f output ip dscp cs0 "
        "icmp type destination-unreachable drop; add rule inet f output ip6 dscp != cs0 icmpv6 type packet-too-big "
        'drop; add rule inet f output oifname "right" meta l4proto { icmp, ipv6-icmp } drop; '
        "add rule inet f output meta mark 7 drop" + MARKED, ()),
    "they drop what is related, as errors also are about packets that are still to be translated": (
        "near", OWN + "ct state related meta l4proto { icmp, ipv6-icmp } drop; add chain inet f nat { type nat hook "
        'postrouting priority 100; }; add rule inet f nat oifname "right" masquerade', (4, 6)),
    "they drop by the precedence that errors have (IPv4) and by a mark that they take over (IPv6)": (
        "near", OWN + "ip dscp cs6 drop; add rule inet f output meta nfproto ipv6 meta mark 7 drop" + MARKED, (4, 6)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_told_is_what_transfers_show(chain: Hosts, name: str) -> None:
    host, rules, stalls = CASES[name]
    if host:
        chain[host].run(f"nft '{rules}'")
    chain["near"].run(REFLECT.format(int("mark that they take over" in name)))
    try:
        forget(chain)
        found = diagnose(chain)
        assert {(one.id, one.host) for one in found} == ({("SYM601", "near")} if stalls else set()), found
        assert {flow for one in found for flow in one.flows} == {FLOWS[family] for family in stalls}
        assert all(transfers(chain, 100).values()), "small ones always work"
        assert transfers(chain, 100_000) == {family: family not in stalls for family in (4, 6)}
    finally:
        if host:
            chain[host].run("nft flush ruleset")


@pytest.mark.long
def test_the_clamp_that_is_proposed_lets_transfers_through(chain: Hosts) -> None:
    chain["fw"].run(f"nft '{DROP + NO_ERRORS}'")
    try:
        forget(chain)
        told = diagnosed(chain, list(FLOWS.values()))
        (remedy,) = told.proposal.remedies
        assert (remedy.role, remedy.host, set(remedy.fixes)) == ("mss_clamp", "near", set(FLOWS.values()))
        edges = remedy.variables["mss_clamp_edges"]
        assert not run_module(chain["near"], "mss_clamp", {"edges": edges}).get("failed")
        assert transfers(chain, 100_000) == {4: True, 6: True}
        assert not diagnose(chain)
    finally:
        run_module(chain["near"], "mss_clamp", {"state": "absent"})
        chain["fw"].run("nft flush ruleset")


UDP = {family: flow.replace("tcp", "udp") for family, flow in FLOWS.items()}
STATES = "nft '" + DROP.replace("0; }", "0; policy drop; }") + "ct state related,new accept; add rule inet f forward "
OTHER = "ip{0} route add default via {1} table 77; ip{0} rule add {2} pref 9 lookup 77; "
TO_FAR = (("", "10.0.4.1"), (" -6", "2001:db8:4::1"))
UDP_CASES = {  # what is run where, and the families whose large answers are lost
    "the host that turns it back lets replies alone pass of an established flow": (
        {"far": STATES + "ct direction reply ct state established accept'"}, (4, 6)),
    "a host beyond, which has not seen the answer, lets replies alone pass": (
        {"fw": STATES + "ct direction reply ct state established accept'"}, ()),
    "a rule of the server asks for the port, which its lookup for the error does not know": (
        {"server": "".join(OTHER.format(*way, "sport 5000") for way in TO_FAR)}, (4, 6)),
    "a rule of the server asks for a mark that is set at output": (
        {"server": "nft 'add table inet f; add chain inet f out { type route hook output priority 0; }; "
                   "add rule inet f out udp sport 5000 meta mark set 7'; "
                   + "".join(OTHER.format(*way, "fwmark 7") for way in TO_FAR)}, (6,)),
    "the error goes by a host that has not seen the answer which it tells of": (
        {"far": OTHER.format("", "10.0.3.1", "iif lo ipproto icmp") + "sysctl -qw net.ipv4.conf.left.accept_local=1",
         "near": "nft '" + AT.format("prerouting").replace("0;", "-300;").removeprefix("; ").replace(
             "add chain", "add table inet f; add chain", 1) + "iifname left udp dport 5000 notrack; "
                 + AT.format("forward") + "ct state invalid drop'"}, (4,)),
}
UNDO = "set +e; nft flush ruleset; sysctl -qw net.ipv4.conf.left.accept_local=0; " \
    "for f in -4 -6; do ip $f rule delete pref 9; ip $f route flush table 77; done"


def answers(hosts: Hosts, size: int) -> dict[int, bool]:
    """Whether an answer of that many bytes of UDP comes to a client that asks three times, by family."""
    forget(hosts, "server", 4)
    running = {family: hosts["client"].start(sys.executable, "-c", ASK, address, str(size))
               for family, address in ADDRESS.items()}
    for one in running.values():
        one.communicate(timeout=20)
    return {family: one.returncode == 0 for family, one in running.items()}


@pytest.mark.parametrize("name", UDP_CASES)
def test_a_large_answer_by_udp_is_lost_where_nobody_sends_it_again_in_fragments(chain: Hosts, name: str) -> None:
    """The server is told in all cases but the last, and has kept no answer to send it again."""
    scripts, lost = UDP_CASES[name]
    for host, script in scripts.items():
        chain[host].run(script)
    try:
        forget(chain, "server", 4)
        found = [one for one in diagnose(chain, UDP.values()) if one.severity != "info"]
        assert {(one.id, one.host, one.interface, one.severity) for one in found} == (
            {("SYM601", "far", "left", "critical")} if lost else set()), found
        assert {flow for one in found for flow in one.flows} == {UDP[family] for family in lost}
        assert answers(chain, 100) == {4: True, 6: True}
        assert answers(chain, 1400) == {family: family not in lost for family in (4, 6)}
    finally:
        for host in scripts:
            chain[host].run(UNDO, check=False)


def test_a_rule_on_ports_keeps_a_sender_by_tcp_over_ipv4_from_heeding_what_it_is_told(chain: Hosts) -> None:
    """The kernel looks the route that learns the path MTU up without ports; over IPv6 the connection itself is told."""
    rule = "ip{0} route add default via {1} table 77; ip{0} rule add dport 5000 pref 9 lookup 77"
    chain["client"].run(f"{rule.format('', '10.0.1.1')}; {rule.format(' -6', '2001:db8:1::1')}")
    try:
        forget(chain)
        (found,) = diagnose(chain)
        assert (found.id, found.host, found.severity, found.flows) == ("SYM601", "near", "critical", (FLOWS[4],))
        assert "client learns it of its route 0.0.0.0/0 of table 254" in found.text
        assert transfers(chain, 100) == {4: True, 6: True}
        assert transfers(chain, 100_000) == {4: False, 6: True}
    finally:
        chain["client"].run("for f in -4 -6; do ip $f rule delete pref 9; ip $f route flush table 77; done")


def test_fragments_are_not_foretold_where_a_host_without_connection_tracking_asks_for_ports(chain: Hosts) -> None:
    chain["fw"].run("conntrack -F; "  # of the tests before: what has entries is taken to track
                    "nft '" + DROP.replace("0; }", "0; policy drop; }") + "meta l4proto { icmp, ipv6-icmp } accept; "
                    "add rule inet f forward udp sport 5000 accept; add rule inet f forward udp dport 5000 accept'")
    try:
        forget(chain, "server", 4)
        found = diagnose(chain, UDP.values())
        assert {(one.id, one.host, one.severity) for one in found} == {
            ("SYM901", "near", "info"), ("SYM901", "far", "info")}
        assert all("rules of fw ask for ports" in one.text for one in found)
        assert answers(chain, 100) == {4: True, 6: True}
        assert answers(chain, 1400) == {4: False, 6: False}
    finally:
        chain["fw"].run(UNDO, check=False)


def test_an_end_of_a_wire_that_takes_less_than_the_other_sends(chain: Hosts) -> None:
    chain["near"].run("ip link set left mtu 1280")
    try:
        (found,) = [one for one in diagnose(chain) if one.severity == "critical"]
        assert (found.id, found.host, found.interface) == ("SYM601", "near", "left")
        assert transfers(chain, 100)[4] and not transfers(chain, 100_000)[4]
    finally:
        chain["near"].run("ip link set left mtu 1500")
