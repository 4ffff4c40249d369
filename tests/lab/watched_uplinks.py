# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that translates to one address per provider, a client behind it and servers beyond both providers."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

INTERVAL = 1
UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1",
     "targets": ["203.0.113.1", "203.0.113.2", "203.0.113.3"], "need": 2, "fall": 3, "rise": 2},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5", "targets": ["203.0.113.2"], "fall": 3, "rise": 2,
     "check_gateway": True},
    {"name": "a", "interface": "wan_a", "gateway": "2001:db8:a::1", "targets": ["2001:db8:f::1"], "fall": 3, "rise": 2},
    {"name": "b", "interface": "wan_b", "gateway": "2001:db8:b::1", "targets": ["2001:db8:f::1"], "fall": 3, "rise": 2},
]  # fmt: skip
DROP = "nft add table inet dead; nft 'add chain inet dead f { type filter hook forward priority -500; policy drop; }'"
# It tells each client as whom it comes.
SERVER = """
import selectors, socket, sys
selector = selectors.DefaultSelector()
for address in ("203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.200", "2001:db8:f::10"):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 7000))
    selector.register(s, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _events in selector.select():
        data, peer = key.fileobj.recvfrom(100)
        key.fileobj.sendto(peer[0].encode() + b" " + str(peer[1]).encode(), peer)
"""
# One five-tuple for ever; each line: seconds since the beginning, and as whom the server sees us ("-": no answer).
TALK = """
import socket, sys, time
address, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", port))
s.connect((address, 7000))
s.settimeout(0.1)
while True:
    try:
        s.send(b"x")
        told = s.recv(100).decode()
    except OSError:
        told = "- -"
    print(f"{time.monotonic():.2f} {told}", flush=True)
    time.sleep(0.1)
"""


class Talk:
    """A client with one five-tuple that talks to a server of the lab all the time."""

    def __init__(self, client: Netns, address: str, port: int, log: pathlib.Path) -> None:
        self._log = log
        with log.open("w") as stream:
            self._process = client.start(sys.executable, "-c", TALK, address, str(port), stdout=stream)

    def lines(self, since: float = 0) -> list[tuple[float, str]]:
        """When, and as whom the server saw us; "- -" where no answer came."""
        words = [line.split(" ", 1) for line in self._log.read_text().splitlines() if line.count(" ") == 2]
        return [(float(when), who) for when, who in words if float(when) >= since]

    def last(self) -> str:
        lines = self.lines()
        return lines[-1][1] if lines else ""

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Lab:
    """The namespaces, and the watcher of the gateway."""

    def __init__(self, made: dict[str, Netns]) -> None:
        self.client, self.gw, self.pa, self.pb, self.net = made.values()
        self.program = self.gw.state / "symmetry-uplink-watch"

    def watch(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.gw, "uplink_watch", {"interval": INTERVAL, **options}, check_mode)

    def say(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command of the program on the gateway."""
        words = self.gw.with_state("sh", f"{STATE_DIR}/symmetry-uplink-watch", command)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    def state(self) -> str:
        return self.gw.output(
            "ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft -s list ruleset"
        )

    def status(self) -> str:
        try:
            return (self.gw.state / "uplink-watch" / "status").read_text()
        except FileNotFoundError:
            return ""

    def wait(self, holds: t.Callable[[], bool], seconds: float, complaint: str) -> float:
        """The seconds until it held."""
        start = time.monotonic()
        while not holds():
            assert time.monotonic() - start < seconds, f"{complaint}\n{self.status()}\n{self.state()}"
            time.sleep(0.05)
        return time.monotonic() - start

    def kill(self) -> None:
        """End the watcher as a crash does."""
        pid = (self.gw.state / "uplink-watch" / "pid").read_text().strip()
        subprocess.run(["kill", "-9", pid], check=True)

    def die(self, provider: Netns) -> None:
        provider.run(DROP)

    def mend(self, provider: Netns) -> None:
        provider.run("nft delete table inet dead")

    def asks(self, address: str = "203.0.113.10") -> str:
        """As whom the server sees a new flow of the client, by its address; empty where it does not."""
        code = ("import socket, sys; a = sys.argv[1]\n"
                "s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET, socket.SOCK_DGRAM)\n"
                "s.settimeout(0.5); s.connect((a, 7000)); s.send(b'x'); print(s.recv(100).decode().split()[0])")
        done = subprocess.run(self.client.command(sys.executable, "-c", code, address), capture_output=True, text=True,
                              check=False)
        return done.stdout.strip()


@contextlib.contextmanager
def built() -> t.Iterator[Lab]:
    made = {name: Netns(f"w{name}").create() for name in ("client", "gw", "pa", "pb", "net")}
    client, gw, pa, pb, net = made.values()
    server = None
    try:
        for one in made.values():
            one.run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=1 "
                    "net.ipv6.conf.all.forwarding=1")
        veth(client, "eth0", gw, "lan", [("10.0.0.2/24", "10.0.0.1/24"), ("2001:db8:c::2/64", "2001:db8:c::1/64")])
        for side, prov, number in (("a", pa, 0), ("b", pb, 4)):
            veth(prov, "customer", gw, f"wan_{side}",
                 [(f"198.51.100.{number + 1}/30", f"198.51.100.{number + 2}/30"),
                  (f"2001:db8:{side}::1/64", f"2001:db8:{side}::2/64")])
            veth(prov, "core", net, f"to_{side}", [(f"192.0.2.{number + 1}/30", f"192.0.2.{number + 2}/30"),
                                                   (f"2001:db8:e{side}::1/64", f"2001:db8:e{side}::2/64")])
            prov.run(f"ip route add default via 192.0.2.{number + 2}; ip -6 route add default via 2001:db8:e{side}::2")
            net.run(f"ip route add 198.51.100.{number}/30 via 192.0.2.{number + 1}; "
                    f"ip -6 route add 2001:db8:{side}::/64 via 2001:db8:e{side}::1")
        client.run("ip route add default via 10.0.0.1; ip -6 route add default via 2001:db8:c::1")
        for last in (1, 2, 3, 10, 11, 12, 200):
            net.run(f"ip address add 203.0.113.{last}/32 dev lo")
        net.run("ip address add 2001:db8:f::1/128 dev lo nodad; ip address add 2001:db8:f::10/128 dev lo nodad")
        gw.run("ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:a::1")
        gw.run("nft -f - <<'E'\ntable inet own { chain p { type nat hook postrouting priority srcnat;\n"
               "oifname wan_a snat ip to 198.51.100.2\n"
               "oifname wan_b snat ip to 198.51.100.6\n"
               "oifname wan_a snat ip6 to 2001:db8:a::2\n"
               "oifname wan_b snat ip6 to 2001:db8:b::2\n}\n}\nE")
        tables = [
            {"name": "pins", "routes": [{"dst": "203.0.113.10/32", "gateway": "198.51.100.1", "device": "wan_a"},
                                        {"dst": "203.0.113.12/32", "gateway": "198.51.100.1", "device": "wan_a"},
                                        {"dst": "203.0.113.12/32", "type": "unreachable", "metric": 4000000},
                                        {"dst": "203.0.113.200/32", "gateway": "198.51.100.5", "device": "wan_b"}]},
            {"name": "pins6", "routes": [{"dst": "2001:db8:f::10/128", "gateway": "2001:db8:a::1", "device": "wan_a"}]},
        ]
        rules = [{"table": "pins"}, {"table": "pins6", "family": 6}]
        done = run_module(gw, "policy_routing", {"scope": "policy_route", "tables": tables, "rules": rules})
        assert done.get("changed"), done
        server = net.start(sys.executable, "-c", SERVER)
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        yield Lab(made)
    finally:
        if server is not None:
            server.kill()
            server.communicate()
        pid = gw.state / "uplink-watch" / "pid"
        if pid.exists():
            subprocess.run(["kill", pid.read_text().strip()], check=False, capture_output=True)
        for one in made.values():
            one.delete()

