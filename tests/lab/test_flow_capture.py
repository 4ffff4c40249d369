# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures of real packets on a router whose replies come back by the other uplink. The observer is tcpdump."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module, words
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

CLIENT, SERVER, CLIENT6, SERVER6 = "10.1.0.2", "10.9.9.9", "fd00:1::2", "fd00:9::9"
INTERFACES = ["lan", "wan_a", "wan_b"]
ECHO = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
tcp, udp = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
for sock in (tcp, udp):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((sys.argv[1], 80))
tcp.listen(16)
import threading
def answer():
    while True:
        data, peer = udp.recvfrom(2048)
        udp.sendto(data, peer)
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    tcp.accept()[0].close()
"""


@dataclasses.dataclass
class Network:
    client: Netns
    router: Netns
    server: Netns

    @contextlib.contextmanager
    def capture(self, flow: str, **options: t.Any) -> t.Iterator[dict[str, t.Any]]:
        """Capture on the router while the block runs; the result is complete after it."""
        arguments = {"flow": flow, "interfaces": INTERFACES, "seconds": 6, **options}
        others = self._sockets()
        process = self.router.start(*words("flow_capture", arguments))
        self._wait_for_sockets(others + len(arguments["interfaces"]))
        result: dict[str, t.Any] = {}
        try:
            yield result
        finally:
            answer, told = process.communicate(timeout=60)
        assert answer, told
        result.update(json.loads(answer))
        assert not result.get("failed"), result

    def _sockets(self) -> int:
        """Packet sockets of the router that are bound to an interface (the fifth column is its index)."""
        lines = self.router.output("cat /proc/net/packet").splitlines()[1:]
        return sum(line.split()[4] != "0" for line in lines)

    def _wait_for_sockets(self, count: int) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if self._sockets() >= count:
                return
            time.sleep(0.05)
        raise AssertionError("the capture did not begin")

    def connect(self, destination: str, port: int = 80, source: str = "", sport: int = 0) -> None:
        code = (
            "import socket, sys\n"
            "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2, (sys.argv[3], int(sys.argv[4])))\n"
            "s.recv(1)\ns.close()\n"
        )
        done = subprocess.run(
            self.client.command("python3", "-c", code, destination, str(port), source, str(sport)),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture
def network() -> t.Iterator[Network]:
    net = Network(Netns("client"), Netns("router"), Netns("server"))
    with contextlib.ExitStack() as stack:
        for ns in (net.client, net.router, net.server):
            ns.create()
            stack.callback(ns.delete)
            ns.run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
        veth(net.client, "eth0", net.router, "lan", [("10.1.0.2/24", "10.1.0.1/24"), ("fd00:1::2/64", "fd00:1::1/64")])
        for name, number in (("wan_a", 2), ("wan_b", 3)):
            pairs = [(f"10.{number}.0.1/24", f"10.{number}.0.2/24"), (f"fd00:{number}::1/64", f"fd00:{number}::2/64")]
            veth(net.router, name, net.server, name, pairs)
        net.client.run("ip route add default via 10.1.0.1; ip -6 route add default via fd00:1::1")
        net.router.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        net.router.run(f"ip route add {SERVER} via 10.2.0.2; ip -6 route add {SERVER6} via fd00:2::2")
        net.server.run(f"ip address add {SERVER}/32 dev lo; ip address add {SERVER6}/128 dev lo nodad")
        net.server.run("ip route add default via 10.3.0.1; ip -6 route add default via fd00:3::1")
        for address in (SERVER, SERVER6):
            echo = net.server.start("python3", "-c", ECHO, address)
            stack.callback(echo.wait, 5)
            stack.callback(echo.kill)
            assert echo.stdout is not None and echo.stdout.readline() == "ready\n"
        yield net


class Tcpdump:
    """tcpdump on each interface and direction of the router, counted by TCP flags."""

    NAMES: t.ClassVar = {"S": "SYN", "S.": "SYN-ACK", ".": "ACK", "F.": "FIN-ACK", "P.": "PSH-ACK", "R": "RST"}

    def __init__(self, router: Netns, expression: str) -> None:
        self._running = {}
        for interface in INTERFACES:
            for direction in ("in", "out"):
                process = router.start(
                    "tcpdump", "-n", "-l", "--immediate-mode", "-i", interface, "-Q", direction, expression
                )
                assert process.stderr is not None
                while "listening on" not in process.stderr.readline():
                    assert process.poll() is None
                self._running[interface, direction] = process

    def stop(self) -> collections.Counter[tuple[str, str, str]]:
        counts: collections.Counter[tuple[str, str, str]] = collections.Counter()
        time.sleep(0.5)
        for (interface, direction), process in self._running.items():
            process.send_signal(signal.SIGINT)
            text, _errors = process.communicate(timeout=10)
            for flags in re.findall(r"Flags \[([^]]*)\]", text):
                counts[interface, direction, self.NAMES[flags]] += 1
        return counts


@pytest.mark.parametrize(("client", "server", "family"), [(CLIENT, SERVER, "ip"), (CLIENT6, SERVER6, "ip6")])
def test_a_connection_is_seen_as_tcpdump_sees_it(network: Network, client: str, server: str, family: str) -> None:
    observer = Tcpdump(network.router, f"{family} and tcp port 80")
    target = f"[{server}]:80" if family == "ip6" else f"{server}:80"
    with network.capture(f"tcp {client} > {target}", seconds=3) as seen:
        network.connect(server)
    expected = observer.stop()
    counts = collections.Counter((e["interface"], e["direction"], e["flags"]) for e in seen["timeline"])
    assert counts == expected and expected["wan_b", "in", "SYN-ACK"] == 1
    assert seen["summary"]["story"].startswith(
        "SYN came in on lan, SYN left wan_a, SYN-ACK came in on wan_b, SYN-ACK left lan"
    )
    assert seen["summary"]["return_seen"] and seen["truncated"]["dropped"] == 0 and not seen["changed"]
    ttls = {(e["interface"], e["way"]): e["ttl"] for e in seen["timeline"]}
    assert ttls["lan", "forward"] == ttls["wan_a", "forward"] + 1
    stamps = [e["time"] for e in seen["timeline"]]
    assert stamps == sorted(stamps) and abs(stamps[0] - time.time()) < 30


def test_until_reply_ends_early_and_check_mode_captures(network: Network) -> None:
    started = time.monotonic()
    arguments = {"flow": f"tcp {CLIENT} > {SERVER}:80", "seconds": 60, "until": "reply"}
    connecting = threading.Timer(2, network.connect, [SERVER])
    connecting.start()
    seen = run_module(network.router, "flow_capture", arguments, check_mode=True)
    connecting.join()
    assert seen["ended_by"] == "reply" and time.monotonic() - started < 20
    assert seen["interfaces"] == ["lan", "wan_a", "wan_b"], "all but lo when none is named"


def test_other_flows_are_left_out_and_no_payload_is_told(network: Network) -> None:
    with network.capture(f"udp {CLIENT}:5000 > {SERVER}:80", seconds=3) as seen:
        for sport in (5000, 5001):
            network.client.run(f"printf SECRET | nc -u -w 1 -p {sport} {SERVER} 80")
        network.connect(SERVER, sport=5000)
    assert {(e["sport"], e["dport"]) for e in seen["timeline"]} == {(5000, 80), (80, 5000)}
    assert {e["protocol"] for e in seen["timeline"]} == {"udp"} and "SECRET" not in json.dumps(seen)
    assert [e["length"] for e in seen["timeline"]] == [34] * 4


def test_any_port_sees_both(network: Network) -> None:
    with network.capture(f"tcp {CLIENT} > {SERVER}:*", seconds=3) as seen:
        network.connect(SERVER)
        network.client.run(f"nc -z -w 1 {SERVER} 81", check=False)
    assert {80, 81} <= {e["dport"] for e in seen["timeline"]}
    assert "RST-ACK came in on wan_b" in seen["summary"]["story"]


def test_icmp_echo(network: Network) -> None:
    with network.capture(f"icmp {CLIENT} > {SERVER}", seconds=3) as seen:
        probe = run_module(network.client, "flow_probe", {"protocol": "icmp", "destination": SERVER})
        assert probe["summary"]["received"] == 1
    assert seen["summary"]["story"] == (
        "echo-request came in on lan, echo-request left wan_a, echo-reply came in on wan_b, echo-reply left lan"
    )


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), (CLIENT6, SERVER6)])
def test_an_icmp_error_that_quotes_the_flow(network: Network, client: str, server: str) -> None:
    target = f"[{server}]:99" if ":" in server else f"{server}:99"
    with network.capture(f"udp {client} > {target}", seconds=3) as seen:
        network.client.run(f"printf x | nc -u -w 1 {server} 99", check=False)
    errors = [e for e in seen["timeline"] if e["way"] == "icmp_error"]
    code = 4 if ":" in server else 3
    assert {(e["interface"], e["direction"], e["icmp_error"]) for e in errors} == {
        ("wan_b", "in", f"unreachable code {code}"),
        ("lan", "out", f"unreachable code {code}"),
    }
    assert errors[0]["quoted"].endswith(f"> {target}") and not seen["summary"]["return_seen"]


def test_an_error_of_a_router_on_the_way(network: Network) -> None:
    """Its address is none of the flow's."""
    network.router.run(f"ip route replace unreachable {SERVER}")
    with network.capture(f"udp {CLIENT} > {SERVER}:80", seconds=3) as seen:
        network.client.run(f"printf x | nc -u -w 1 {SERVER} 80", check=False)
    errors = [e for e in seen["timeline"] if e["way"] == "icmp_error"]
    assert [(e["interface"], e["source"]) for e in errors] == [("lan", "10.1.0.1")]
    assert seen["summary"]["story"].endswith("no reply was seen")


def test_a_translated_source_belongs_to_the_flow(network: Network) -> None:
    network.router.run(
        "nft -f - <<'X'\ntable ip t {\n chain c {\n  type nat hook postrouting priority 100\n"
        "  oifname wan_a meta l4proto tcp snat to 10.2.0.1:7000-7001\n }\n}\nX"
    )
    network.server.run("ip route replace 10.2.0.1 via 10.3.0.1")
    with network.capture(f"tcp {CLIENT}:6000 > {SERVER}:80", seconds=3) as without:
        network.connect(SERVER, sport=6000)
    assert {e["interface"] for e in without["timeline"]} == {"lan"}, "the negative control"
    with network.capture(f"tcp {CLIENT}:6001 > {SERVER}:80", seconds=3, addresses=["10.2.0.1"]) as seen:
        network.connect(SERVER, sport=6001)
    assert "SYN left wan_a" in seen["summary"]["story"] and "SYN-ACK came in on wan_b" in seen["summary"]["story"]
    assert {e["sport"] for e in seen["timeline"] if e["interface"] == "wan_a"} <= {7000, 7001}


def test_a_vlan_tag_is_told(network: Network) -> None:
    """The far end sends a tagged frame by hand, so that no VLAN driver is needed."""
    mac = bytes.fromhex(network.router.json("ip -j link show wan_a")[0]["address"].replace(":", ""))
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton(SERVER), socket.inet_aton(CLIENT))
    frame = mac + b"\x02" * 6 + struct.pack("!HHH", 0x8100, 100, 0x0800) + ip + struct.pack("!HHHH", 80, 5000, 8, 0)
    code = (
        "import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW);"
        f"s.bind(('wan_a', 0)); s.send(bytes.fromhex('{frame.hex()}'))"
    )
    with network.capture(f"udp {CLIENT}:5000 > {SERVER}:80", seconds=2) as seen:
        network.server.run(f'python3 -c "{code}"')
    assert [(e["interface"], e["way"], e.get("vlan")) for e in seen["timeline"]] == [("wan_a", "return", 100)]


def test_limits_end_the_capture_and_are_told(network: Network) -> None:
    for option, value in (("packets", 3), ("bytes", 100)):
        started = time.monotonic()
        with network.capture(f"tcp {CLIENT} > {SERVER}:80", **{"seconds": 30, option: value}) as seen:
            network.connect(SERVER)
        assert seen["ended_by"] == option and seen["truncated"][option] and time.monotonic() - started < 20
    assert seen["summary"]["counts"]


def test_an_interface_that_goes_down_meanwhile(network: Network) -> None:
    with network.capture(f"tcp {CLIENT} > {SERVER}:80", seconds=5) as seen:
        network.router.run("ip link set wan_a down; sleep 0.5; ip link set wan_a up")
        network.router.run(f"ip route replace {SERVER} via 10.2.0.2")
        network.connect(SERVER)
    assert seen["truncated"]["interfaces_down"] == ["wan_a"]
    assert "SYN left wan_a" in seen["summary"]["story"], "it goes on when the interface is up again"


def test_a_busy_link_does_not_reach_the_capture(network: Network) -> None:
    """Ten thousand packets of another host pass by; the kernel hands over none of them."""
    network.client.run("ip address add 10.1.0.3/24 dev eth0")
    flood = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.1.0.3', 0))\n"
        f"for _ in range(10000): s.sendto(b'x', ('{SERVER}', 80))"
    )
    with network.capture(f"udp {CLIENT} > {SERVER}:80", seconds=4, packets=50) as seen:
        network.client.run(f'python3 -c "{flood}"')
        network.client.run(f"printf x | nc -u -w 1 {SERVER} 80")
    assert len(seen["timeline"]) == 4 and seen["truncated"]["dropped"] == 0
    received = int(network.router.json("ip -j -s link show lan")[0]["stats64"]["rx"]["packets"])
    assert received > 10000, "the observer saw the flood"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"interfaces": ["nosuch"]}, "nosuch does not exist on this host, there are: lo, lan"),
        ({"seconds": 301}, "at most 300"),
        ({"flow": "tcp 10.0.0.1 > 10.0.0.2"}, "needs a destination port"),
        ({"addresses": ["fd00::1"]}, "address family"),
        ({"addresses": ["router"]}, "not an IP address"),
        ({"packets": 0}, "1 to 10000"),
    ],
)
def test_bad_input_is_named(network: Network, options: dict[str, t.Any], told: str) -> None:
    answer = run_module(network.router, "flow_capture", {"flow": f"tcp {CLIENT} > {SERVER}:80", **options})
    assert answer["failed"] and told in answer["msg"]
