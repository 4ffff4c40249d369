# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router with two providers, each of which keeps state, a server behind it and a client outside.

The client reaches the router and the server by provider B; the router's default route leads to A, whose firewall never
saw the requests.
"""

from __future__ import annotations

import contextlib
import json
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
    {"name": "a", "interface": "wan_a", "gateway": "2001:db8:a::1"},
    {"name": "b", "interface": "wan_b", "gateway": "2001:db8:b::1"},
]
STATEFUL = """table inet fw {
  chain f { type filter hook forward priority 0; policy drop;
    ct state established accept
    iifname "ext" ct state new counter accept
    counter drop comment "no session"
  }
}"""
# What is asked, by provider B: the router itself, a server behind it, and the server by a translated port.
QUESTIONS = {
    f"{kind} {protocol} {address}": [protocol, address, port]
    for kind, address, port in (
        ("local", "198.51.100.6", 7000),
        ("local", "2001:db8:b::2", 7000),
        ("forwarded", "192.0.2.20", 7000),
        ("forwarded", "2001:db8:c::20", 7000),
        ("translated", "198.51.100.6", 8000),
    )
    for protocol in ("tcp", "udp")
}
SERVER = """
import selectors, socket, sys
selector = selectors.DefaultSelector()
def answer(s, kind):
    if kind == socket.SOCK_STREAM:
        connection, peer = s.accept()
        with connection:
            connection.sendall(b"hello")
    else:
        data, peer = s.recvfrom(100)
        s.sendto(b"hello", peer)
for address in sys.argv[1:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(family, kind)
        s.bind((address, 7000))
        if kind == socket.SOCK_STREAM:
            s.listen(20)
        selector.register(s, selectors.EVENT_READ, kind)
print("ready", flush=True)
while True:
    for key, _events in selector.select():
        try:
            answer(key.fileobj, key.data)
        except OSError as error:  # of one packet: the service goes on, as real ones do
            print(error, file=sys.stderr, flush=True)
"""
# Ask all at once; an answer within the time counts. A UDP client keeps its port and asks again.
ASK = """
import json, socket, sys, threading, time
questions, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
answers = {}
def ask(name, protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(seconds if protocol == "tcp" else 0.1)
    end = time.monotonic() + seconds
    try:
        s.connect((address, port))
        while protocol == "udp":
            try:
                s.send(b"x")
                s.recv(100)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        answers[name] = protocol == "udp" or s.recv(100) == b"hello"
    except OSError:
        answers[name] = False
threads = [threading.Thread(target=ask, args=(name, *question)) for name, question in questions.items()]
print("asking", flush=True)
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(answers))
"""


class Network:
    """The namespaces, and the module's two halves as the role runs them."""

    def __init__(self, **spaces: Netns) -> None:
        self.ext, self.host = spaces["ext"], spaces["host"]
        self.prov_a, self.prov_b = spaces["prov_a"], spaces["prov_b"]

    def routing(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.host, "policy_routing", {"scope": "symmetric_return", **options}, check_mode)

    def marks(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.host, "symmetric_return", options, check_mode)

    def state(self) -> str:
        return self.host.output(
            "ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft -s list ruleset"
        )

    def answers(self, seconds: float = 0.7, questions: t.Mapping[str, t.Any] = QUESTIONS) -> dict[str, bool]:
        command = [sys.executable, "-c", ASK, json.dumps(questions), str(seconds)]
        process = self.ext.start(*command)
        return t.cast("dict[str, bool]", json.loads(process.communicate(timeout=90)[0].splitlines()[-1]))

    def undo(self, *runs: t.Mapping[str, t.Any]) -> None:
        for run in runs:
            for command in run["undo"]:
                self.host.run(command)


@contextlib.contextmanager
def built() -> t.Iterator[dict[str, Netns]]:
    """The namespaces, with servers that answer in two of them; all of it goes again."""
    made = {name: Netns(name).create() for name in ("ext", "prov_a", "prov_b", "host", "srv")}
    ext, prov_a, prov_b, host, srv = made.values()
    servers = []
    try:
        both = "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
        for one in made.values():
            one.run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
        for one in (prov_a, prov_b, host):
            one.run(f"sysctl -qw {both}")
        for one in (host, srv):
            # Who has given up asking is not answered again and again: what is lost later belongs to what is asked then.
            one.run("sysctl -qw net.ipv4.tcp_synack_retries=0")
        for side, prov, host_if, net in (("a", prov_a, "wan_a", 0), ("b", prov_b, "wan_b", 4)):
            veth(ext, f"to_{side}", prov, "ext", [(f"203.0.113.{net + 2}/30", f"203.0.113.{net + 1}/30"),
                                                  (f"2001:db8:e{side}::2/64", f"2001:db8:e{side}::1/64")])
            veth(prov, "customer", host, host_if, [(f"198.51.100.{net + 1}/30", f"198.51.100.{net + 2}/30"),
                                                   (f"2001:db8:{side}::1/64", f"2001:db8:{side}::2/64")])
            prov.run(f"ip route add 192.0.2.0/24 via 198.51.100.{net + 2}; "
                     f"ip -6 route add 2001:db8:c::/64 via 2001:db8:{side}::2; "
                     f"ip route add 203.0.113.100 via 203.0.113.{net + 2}; "
                     f"ip -6 route add 2001:db8:f::1 via 2001:db8:e{side}::2")
            prov.run(f"nft -f - <<'E'\n{STATEFUL}\nE")
        veth(host, "lan", srv, "eth0", [("192.0.2.1/24", "192.0.2.20/24"), ("2001:db8:c::1/64", "2001:db8:c::20/64")])
        srv.run("ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8:c::1")
        host.run("ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:a::1")
        host.run("nft -f - <<'E'\ntable inet own { chain d { type nat hook prerouting priority dstnat;\n"
                 "iifname wan_b tcp dport 8000 dnat ip to 192.0.2.20:7000\n"
                 "iifname wan_b udp dport 8000 dnat ip to 192.0.2.20:7000\n}\n}\nE")
        ext.run("ip address add 203.0.113.100/32 dev lo; ip -6 address add 2001:db8:f::1/128 dev lo")
        ext.run("ip route add default via 203.0.113.5 src 203.0.113.100; ip route add 198.51.100.0/30 via 203.0.113.1 "
                "src 203.0.113.100; ip -6 route add default via 2001:db8:eb::1 src 2001:db8:f::1; "
                "ip -6 route add 2001:db8:a::/64 via 2001:db8:ea::1 src 2001:db8:f::1")
        for one, addresses in ((host, ("198.51.100.2", "198.51.100.6", "2001:db8:a::2", "2001:db8:b::2")),
                               (srv, ("192.0.2.20", "2001:db8:c::20"))):
            servers.append(one.start(sys.executable, "-c", SERVER, *addresses))
            assert servers[-1].stdout is not None and servers[-1].stdout.readline() == "ready\n"
        yield made
    finally:
        for server in servers:
            server.kill()
            server.communicate()
        for one in made.values():
            one.delete()
