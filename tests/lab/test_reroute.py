# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes change under an established flow: what the engine says beforehand is what the flow's packets then do."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
Facts = dict[str, t.Any]
STATEFUL = """table inet f { chain forward { type filter hook forward priority filter; policy drop;
ct state established,related accept
ct state invalid drop
iifname "in" accept
}
}
"""
INVALID_ONLY = """table inet f { chain forward { type filter hook forward priority filter; policy accept;
ct state invalid drop
}
}
"""
MASQUERADE = """table inet n { chain after { type nat hook postrouting priority srcnat;
oifname "out" masquerade
}
}
"""
# Echoes what comes, TCP of one client after the other, and UDP.
SERVER = """
import select, socket
tcp, udp = socket.create_server(("10.1.1.2", 7)), socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("10.1.1.2", 7))
open_ones = [tcp, udp]
print("ready", flush=True)
while True:
    for one in select.select(open_ones, [], [])[0]:
        if one is tcp:
            open_ones.append(one.accept()[0])
        elif one is udp:
            data, peer = one.recvfrom(2000)
            one.sendto(data, peer)
        else:
            try:
                data = one.recv(2000)
                one.send(data) if data else open_ones.remove(one)
            except OSError:
                open_ones.remove(one)
"""
# Sends for every line that it reads, and says whether the echo came back.
CLIENT = """
import socket, sys
kind, port = sys.argv[1], int(sys.argv[2])
one = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
one.bind(("10.0.1.2", port))
one.settimeout(0.8)
one.connect(("10.1.1.2", 7))
for line in sys.stdin:
    try:
        one.send(b"x" * 100)
        got = len(one.recv(2000)) > 0
    except OSError:
        got = False
    print("echo" if got else "lost", flush=True)
"""


@dataclasses.dataclass
class Hosts:
    """client - {fw1, fw2} - server, and what was read of them."""

    all: dict[str, Netns]
    ends: dict[tuple[int, int], dict[str, Facts]] = dataclasses.field(default_factory=dict)

    def route(self, forward: int, back: int) -> None:
        self.all["client"].run(f"ip route replace 10.1.0.0/16 via 10.0.{forward}.1")
        self.all["server"].run(f"ip route replace 10.0.0.0/16 via 10.1.{back}.1")

    def facts_of_ends(self, forward: int, back: int) -> dict[str, Facts]:
        """Of client and server, whose routes are the only thing that changes there."""
        if (forward, back) not in self.ends:
            self.route(forward, back)
            self.ends[forward, back] = {name: self.read(name) for name in ("client", "server")}
        return self.ends[forward, back]

    def read(self, name: str) -> Facts:
        result = run_module(self.all[name], "host_facts", {})
        return t.cast("Facts", result["ansible_facts"]["symmetry"])


@pytest.fixture(scope="module")
def hosts() -> t.Iterator[Hosts]:
    every = {name: Netns(name) for name in ("client", "fw1", "fw2", "server")}
    server = None
    try:
        for one in every.values():
            one.create()
        for number in (1, 2):
            firewall = every[f"fw{number}"]
            veth(every["client"], f"left{number}", firewall, "in", [(f"10.0.{number}.2/24", f"10.0.{number}.1/24")])
            veth(firewall, "out", every["server"], f"right{number}", [(f"10.1.{number}.1/24", f"10.1.{number}.2/24")])
            firewall.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.in.rp_filter=0"
                         " net.ipv4.conf.out.rp_filter=0")
        every["fw2"].run("ip route add 10.0.1.0/24 via 10.0.2.2; ip route add 10.1.1.0/24 via 10.1.2.2")
        for name in ("client", "server"):
            every[name].run("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done")
        server = every["server"].start(sys.executable, "-c", SERVER, stdin=subprocess.DEVNULL)
        assert server.stdout and server.stdout.readline() == "ready\n"
        yield Hosts(every)
    finally:
        if server is not None:
            server.kill()
            server.wait()
        for one in every.values():
            one.delete()


class Case(t.NamedTuple):
    """A flow, the firewalls, and where the routes go when it is established."""

    kind: str
    moved: tuple[int, int]  # the firewall of the flow's packets, and of the answers
    rules: str = STATEFUL
    loose: int = 1
    liberal: int = 0
    synced: bool = False  # the second firewall is given the first one's state
    goes_on: bool = True


CASES = {
    "nothing moves": Case("tcp", (1, 1)),
    "to a firewall that picks up": Case("tcp", (2, 2)),
    "to a strict firewall": Case("tcp", (2, 2), loose=0, goes_on=False),
    "to a strict firewall that has the state": Case("tcp", (2, 2), loose=0, synced=True),
    "udp": Case("udp", (2, 2), loose=0),
    "answers alone": Case("tcp", (1, 2), INVALID_ONLY, goes_on=False),
    "answers alone, liberal": Case("tcp", (1, 2), INVALID_ONLY, liberal=1),
    "masqueraded by another": Case("tcp", (2, 2), STATEFUL + MASQUERADE, goes_on=False),
    "udp masqueraded by another": Case("udp", (2, 2), STATEFUL + MASQUERADE),
}


@pytest.mark.parametrize("name", CASES)
def test_the_prediction_is_what_packets_do(hosts: Hosts, name: str) -> None:
    case, port = CASES[name], 40000 + list(CASES).index(name)
    for firewall in ("fw1", "fw2"):
        hosts.all[firewall].run(
            f"nft flush ruleset; nft -f - <<'END'\n{case.rules}END\n"
            f"sysctl -qw net.netfilter.nf_conntrack_tcp_loose={case.loose}"
            f" net.netfilter.nf_conntrack_tcp_be_liberal={case.liberal}")
    after = hosts.facts_of_ends(*case.moved)
    before = dict(hosts.facts_of_ends(1, 1))
    hosts.route(1, 1)
    words = (sys.executable, "-c", CLIENT, case.kind, str(port))
    client = hosts.all["client"].start(*words, stdin=subprocess.PIPE, bufsize=1)
    try:
        assert _ask(client) == _ask(client) == "echo"
        if case.synced:
            hosts.all["fw2"].run(
                f"conntrack -I -p tcp -s 10.0.1.2 -d 10.1.1.2 --sport {port} --dport 7 --state ESTABLISHED"
                " -u SEEN_REPLY,ASSURED -t 300")
        before.update({firewall: hosts.read(firewall) for firewall in ("fw1", "fw2")})
        flow = Flow(case.kind, "10.0.1.2", "10.1.1.2", port, 7)
        network = Network.build(before, {})
        answers = [reroute(network, network.with_facts(after), flow, live=True)]
        if not case.synced:  # without the tables, by the flow's own first packets, it must say the same
            answers.append(reroute(network, network.with_facts(after), flow))
        hosts.route(*case.moved)
        seen = [_ask(client) for _each in range(3)]
    finally:
        client.kill()
        client.wait()
    assert (seen[-1] == "echo") == case.goes_on, seen
    for answer in answers:
        outcomes = {one.outcome for one in answer.continuations if one.speaker == "source"}
        assert outcomes <= ({"survives", "recovers"} if case.goes_on else {"stranded"}) and outcomes, answer.detail


def _ask(client: subprocess.Popen[str]) -> str:
    assert client.stdin and client.stdout
    client.stdin.write("go\n")
    client.stdin.flush()
    return client.stdout.readline().strip()
