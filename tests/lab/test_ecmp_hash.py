# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ecmp_hash on two real routers with two links between them. The observers are /proc/sys and packets."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

FLOWS = 40
CONNECT = f"""
import socket
for family, target in ((socket.AF_INET, "10.9.0.10"), (socket.AF_INET6, "2001:db8:9::10")):
    for number in range({FLOWS}):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(family, kind)
            s.bind(("", 20000 + number))
            s.settimeout(2)
            try:
                s.connect((target, 7))
                s.send(b"x"), s.recv(10)
            except OSError:
                pass
            s.close()
"""
ECHO = """
import socket, selectors
selector = selectors.DefaultSelector()
for family in (socket.AF_INET, socket.AF_INET6):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("", 7))
    selector.register(s, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _events in selector.select():
        data, peer = key.fileobj.recvfrom(10)
        key.fileobj.sendto(data, peer)
"""
# Which flows leave by the first link: of the client's router by their source port, of the server's by the other port.
COUNT = """table inet seen {
  set tcp4 { type inet_service; }
  set udp4 { type inet_service; }
  set tcp6 { type inet_service; }
  set udp6 { type inet_service; }
  chain f { type filter hook forward priority 0;
    oifname "one" meta nfproto ipv4 tcp PORT != 7 add @tcp4 { tcp PORT }
    oifname "one" meta nfproto ipv4 udp PORT != 7 add @udp4 { udp PORT }
    oifname "one" meta nfproto ipv6 tcp PORT != 7 add @tcp6 { tcp PORT }
    oifname "one" meta nfproto ipv6 udp PORT != 7 add @udp6 { udp PORT }
  }
}"""


class Routers:
    """client - left = right - server, with two links between left and right."""

    def __init__(self, client: Netns, left: Netns, right: Netns) -> None:
        self.client, self.left, self.right = client, left, right

    def hash(self, router: Netns, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(router, "ecmp_hash", options, check_mode)

    def state(self, router: Netns) -> str:
        return router.output("tail -n 1 /proc/sys/net/ipv4/fib_multipath_* /proc/sys/net/ipv6/fib_multipath_*")

    def differing(self) -> dict[str, int]:
        """How many flows of each kind took one link there and the other one back; all were seen."""
        for router, port in ((self.left, "sport"), (self.right, "dport")):
            router.run(f"nft delete table inet seen 2>/dev/null || :; nft -f - <<'E'\n{COUNT.replace('PORT', port)}\nE")
        self.client.run(f'python3 -c \'{CONNECT}\'')
        there, back = (self._first_link(router) for router in (self.left, self.right))
        assert all(2 < len(ports) < FLOWS - 2 for ports in there.values()), "both links are used"
        return {kind: len(there[kind] ^ back[kind]) for kind in there}

    def _first_link(self, router: Netns) -> dict[str, set[int]]:
        found = {}
        for kind in ("tcp4", "udp4", "tcp6", "udp6"):
            listing = router.output(f"nft list set inet seen {kind}").partition("elements")[2]
            found[kind] = {int(port) for port in re.findall(r"\d+", listing)}
        return found


@pytest.fixture
def routers() -> t.Iterator[Routers]:
    client, left, right, server = (Netns(name).create() for name in ("ecl", "eleft", "eright", "esrv"))
    echo = None
    try:
        veth(client, "eth0", left, "lan", [("10.0.0.10/24", "10.0.0.1/24"), ("2001:db8::10/64", "2001:db8::1/64")])
        veth(server, "eth0", right, "lan", [("10.9.0.10/24", "10.9.0.1/24"), ("2001:db8:9::10/64", "2001:db8:9::1/64")])
        for number, name in ((1, "one"), (2, "two")):
            veth(left, name, right, name, [(f"10.1.{number}.1/24", f"10.1.{number}.2/24"),
                                           (f"2001:db8:{number}::1/64", f"2001:db8:{number}::2/64")])
        for router, end, v4, v6 in ((left, 2, "10.9.0.0/24", "2001:db8:9::/64"),
                                    (right, 1, "10.0.0.0/24", "2001:db8::/64")):
            router.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0; "
                       f"ip route add {v4} nexthop via 10.1.1.{end} nexthop via 10.1.2.{end}; "
                       f"ip -6 route add {v6} nexthop via 2001:db8:1::{end} nexthop via 2001:db8:2::{end}")
            router.run("cd /proc/sys/net/ipv4/conf; for i in *; do echo 0 > $i/rp_filter; done")
        client.run("ip route add default via 10.0.0.1; ip -6 route add default via 2001:db8::1")
        server.run("ip route add default via 10.9.0.1; ip -6 route add default via 2001:db8:9::1")
        echo = server.start("python3", "-c", ECHO)
        assert echo.stdout is not None and echo.stdout.readline() == "ready\n"
        yield Routers(client, left, right)
    finally:
        if echo is not None:
            echo.kill()
            echo.communicate()
        for one in (client, left, right, server):
            one.delete()


def test_four_runs_and_both_directions_hash_alike(routers: Routers) -> None:
    before = routers.state(routers.left)
    check = routers.hash(routers.left, True, seed=77)
    assert routers.state(routers.left) == before
    run = routers.hash(routers.left, seed=77)
    again, last = routers.hash(routers.left, True, seed=77), routers.hash(routers.left, seed=77)
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False], run
    assert check["diff"] == run["diff"] and again["diff"]["before"] == run["diff"]["after"]
    assert "moves flows" in run["not_promised"][0] and len(run["not_promised"]) == 4
    routers.hash(routers.right, seed=78)
    assert min(routers.differing().values()) > 5, "with other seeds the routers choose by themselves"
    routers.hash(routers.right, seed=77)
    assert routers.differing() == {"tcp4": 0, "udp4": 0, "tcp6": 0, "udp6": 0}
    for _twice in range(2):
        for command in run["undo"]:
            routers.left.run(command)
        assert routers.state(routers.left) == before
    assert routers.hash(routers.right, state="absent")["changed"] and routers.state(routers.right) == before
