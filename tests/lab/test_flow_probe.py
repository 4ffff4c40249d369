# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes between real namespaces: what answers, what does not, and what tcpdump or nft counters saw of it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import AS_NOBODY, run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

HERE, THERE, HERE6, THERE6 = "10.8.0.1", "10.8.0.2", "fd00:8::1", "fd00:8::2"
SERVER = """
import http.server, socket, sys, threading
address = sys.argv[1]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
udp = socket.socket(family, socket.SOCK_DGRAM)
udp.bind((address, 53))
def answer():
    while True:
        data, peer = udp.recvfrom(2048)
        udp.sendto(data, peer)
threading.Thread(target=answer, daemon=True).start()
other = socket.create_server((address, 81), family=family)
def slam():
    while True:
        peer = other.accept()[0]
        peer.recv(1)
        peer.close()
threading.Thread(target=slam, daemon=True).start()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204 if self.path == "/ok" and self.headers["Host"] == "partner.example" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    address_family = family
server = Server((address, 80), Handler)
print("ready", flush=True)
server.serve_forever()
"""


class Pair:
    def __init__(self, here: Netns, there: Netns) -> None:
        self.here, self.there = here, there

    def probe(self, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.here, "flow_probe", {"timeout": 1, **options})

    def count(self, expression: str) -> None:
        """Let nft count on the far side what matches."""
        self.there.run(
            "nft add table inet watch; nft add chain inet watch c '{ type filter hook prerouting priority -300; }'; "
            f"nft add rule inet watch c {expression} counter"
        )

    def counted(self) -> int:
        rules = self.there.json("nft -j list chain inet watch c")["nftables"]
        rule = next(entry["rule"] for entry in rules if "rule" in entry)
        return int(next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part))


@pytest.fixture
def pair() -> t.Iterator[Pair]:
    here, there = Netns("here"), Netns("there")
    with contextlib.ExitStack() as stack:
        for ns in (here, there):
            ns.create()
            stack.callback(ns.delete)
        veth(here, "near", there, "distant", [(f"{HERE}/24", f"{THERE}/24"), (f"{HERE6}/64", f"{THERE6}/64")])
        for address in (THERE, THERE6):
            server = there.start("python3", "-c", SERVER, address)
            stack.callback(server.wait, 5)
            stack.callback(server.kill)
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
        yield Pair(here, there)


@pytest.mark.parametrize(("here", "there"), [(HERE, THERE), (HERE6, THERE6)])
@pytest.mark.parametrize(("protocol", "dport"), [("tcp", 80), ("udp", 53), ("icmp", None)])
def test_what_answers(pair: Pair, here: str, there: str, protocol: str, dport: int | None) -> None:
    answer = pair.probe(protocol=protocol, destination=there, dport=dport, count=3, interval=0.05, expect="success")
    summary = answer["summary"]
    assert (summary["sent"], summary["received"], summary["loss_percent"]) == (3, 3, 0.0) and not answer["changed"]
    assert all(one["ok"] and one["local_address"] == here for one in answer["tries"])
    ports = {one["local_port"] for one in answer["tries"]}
    assert len(ports) == 3 if dport else ports == {None}, "every try is a new flow"


def test_http(pair: Pair) -> None:
    asked = {"destination": THERE, "dport": 80, "http": {"path": "/ok", "host": "partner.example"}}
    assert pair.probe(**asked)["tries"][0]["http_status"] == 204
    asked["http"] = {"path": "/other"}
    assert pair.probe(**asked)["tries"][0]["http_status"] == 404
    assert pair.probe(destination=THERE6, dport=80, http={})["tries"][0]["http_status"] == 404
    closed = pair.probe(destination=THERE, dport=81, http={})["tries"][0]
    assert not closed["ok"] and closed["error"] in ("closed", "reset") and closed["http_status"] is None


def test_bytes_that_are_acknowledged(pair: Pair) -> None:
    """Small packets pass where large ones do not: only the bytes tell. That a service hangs up does not matter."""
    for port in (80, 81):  # one reads what is there before it closes, the other resets after the first byte
        for size in (100, 65536):
            answer = pair.probe(destination=THERE, dport=port, size=size, count=20, interval=0)
            assert answer["summary"]["received"] == 20, (port, size, answer["summary"])
    pair.there.run("nft add table inet f; nft add chain inet f i '{ type filter hook input priority 0; }'; "
                   "nft add rule inet f i meta length gt 1200 drop")
    assert pair.probe(destination=THERE, dport=80)["tries"][0]["ok"], "it connects"
    assert pair.probe(destination=THERE, dport=80, size=500)["tries"][0]["ok"]
    (lost,) = pair.probe(destination=THERE, dport=80, size=65536)["tries"]
    assert (lost["ok"], lost["error"]) == (False, "stalled") and "only 0 of 65536 bytes" in lost["detail"], lost
    assert 0.9 < lost["seconds"] < 3


@pytest.mark.parametrize(
    ("prepare", "options", "error"),
    [
        ("", {"protocol": "tcp", "dport": 99}, "refused"),
        ("", {"protocol": "udp", "dport": 99}, "refused"),
        ("nft add rule inet f i tcp dport 80 drop", {"protocol": "tcp", "dport": 80}, "timeout"),
        ("nft add rule inet f i udp dport 53 drop", {"protocol": "udp", "dport": 53}, "timeout"),
        ("nft add rule inet f i icmp type echo-request drop", {"protocol": "icmp"}, "timeout"),
        ("nft add rule inet f i udp dport 53 reject with icmp host-unreachable", {"protocol": "udp", "dport": 53},
         "unreachable"),
        ("nft add rule inet f i icmp type echo-request reject with icmp host-unreachable", {"protocol": "icmp"},
         "unreachable"),
        ("nft add rule inet f i tcp dport 80 reject with icmp host-unreachable", {"protocol": "tcp", "dport": 80},
         "unreachable"),
        ("nft add rule inet f i tcp dport 80 reject with tcp reset", {"protocol": "tcp", "dport": 80}, "refused"),
    ],
)  # fmt: skip
def test_what_does_not_answer(pair: Pair, prepare: str, options: dict[str, t.Any], error: str) -> None:
    pair.there.run(
        f"nft add table inet f; nft add chain inet f i '{{ type filter hook input priority 0; }}'; {prepare}"
    )
    answer = pair.probe(destination=THERE, **options)
    assert not answer.get("failed") and answer["summary"]["lost"] == 1
    assert answer["tries"][0]["error"] == error and answer["tries"][0]["detail"]
    assert (answer["tries"][0]["seconds"] >= 0.95) == (error == "timeout")


@pytest.mark.parametrize(
    ("route", "error"), [("unreachable", "unreachable"), ("blackhole", "unreachable"), ("prohibit", "prohibited")]
)
@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_what_a_route_of_the_host_refuses(pair: Pair, route: str, error: str, protocol: str) -> None:
    pair.here.run(f"ip route add {route} 10.55.0.0/16")
    answer = pair.probe(protocol=protocol, destination="10.55.0.1", dport=None if protocol == "icmp" else 80)
    assert answer["tries"][0]["error"] == error


def test_source_port_interface_and_mark(pair: Pair) -> None:
    pair.here.run(
        "ip address add 10.8.0.7/24 dev near; ip rule add fwmark 5 lookup 55; ip route add blackhole default table 55"
    )
    pair.count("ip saddr 10.8.0.7 tcp sport 4444 tcp flags syn / syn,ack")
    asked = {"destination": THERE, "dport": 80, "source": "10.8.0.7", "sport": 4444, "interface": "near"}
    answer = pair.probe(count=3, interval=0.05, expect="success", **asked)
    assert {(one["local_address"], one["local_port"]) for one in answer["tries"]} == {("10.8.0.7", 4444)}
    assert pair.counted() == 3, "the same 5-tuple three times, each a new connection"
    assert pair.probe(mark=5, **asked)["tries"][0]["ok"], "bound to an interface, IPv4 takes a failed lookup as on link"
    del asked["interface"]
    assert pair.probe(mark=5, **asked)["tries"][0]["error"] == "unreachable"
    assert pair.probe(destination=THERE, dport=80, interface="lo")["summary"]["received"] == 0


def test_a_kept_socket_is_one_flow(pair: Pair) -> None:
    options = {"protocol": "udp", "destination": THERE, "dport": 53, "count": 5, "interval": 0.02}
    assert len({one["local_port"] for one in pair.probe(keep_socket=True, **options)["tries"]}) == 1
    assert len({one["local_port"] for one in pair.probe(**options)["tries"]}) > 1
    refused = pair.probe(keep_socket=True, **{**options, "dport": 99})
    assert refused["summary"]["errors"] == {"refused": 5}


def test_until_success_measures_the_failover(pair: Pair) -> None:
    pair.there.run("ip link set distant down")
    mend = threading.Timer(3, pair.there.run, ["ip link set distant up"])
    mend.start()
    answer = pair.probe(
        destination=THERE, dport=80, timeout=0.3, interval=0.1, until="success", wait=20, expect="success"
    )
    mend.join()
    summary = answer["summary"]
    assert summary["received"] == 1 and 1 < summary["first_success_seconds"] < 12
    assert summary["longest_gap_seconds"] == pytest.approx(answer["tries"][-1]["started"], abs=0.01)


def test_until_success_gives_up(pair: Pair) -> None:
    started = time.monotonic()
    answer = pair.probe(destination=THERE, dport=99, until="success", wait=2, expect="success")
    assert answer["failed"] and "success was expected" in answer["msg"] and answer["summary"]["errors"]
    assert time.monotonic() - started < 10


def test_gap_and_loss_of_an_interruption(pair: Pair) -> None:
    def interrupt() -> None:
        pair.there.run(
            "nft add table inet f; nft add chain inet f i '{ type filter hook input priority 0; policy drop; }'"
        )
        time.sleep(1.5)
        pair.there.run("nft delete table inet f")

    breaking = threading.Timer(1.5, interrupt)
    breaking.start()
    answer = pair.probe(protocol="udp", destination=THERE, dport=53, count=80, interval=0.05, timeout=0.1)
    breaking.join()
    assert 1.3 < answer["summary"]["longest_gap_seconds"] < 2.5
    assert 8 <= answer["summary"]["lost"] <= 40 and answer["tries"][-1]["ok"]


def test_an_address_that_goes_away_meanwhile_is_a_result(pair: Pair) -> None:
    pair.here.run("ip address add 10.8.0.7/24 dev near")
    removing = threading.Timer(1.5, pair.here.run, ["ip address del 10.8.0.7/24 dev near"])
    removing.start()
    answer = pair.probe(destination=THERE, dport=80, source="10.8.0.7", count=30, interval=0.1)
    removing.join()
    assert not answer.get("failed") and answer["tries"][0]["ok"] and answer["tries"][-1]["error"] == "local"


def test_expectations(pair: Pair) -> None:
    assert not pair.probe(destination=THERE, dport=99, expect="failure").get("failed")
    answer = pair.probe(destination=THERE, dport=80, expect="failure")
    assert answer["failed"] and "1 of 1 tries succeeded" in answer["msg"] and answer["tries"]


def test_an_unprivileged_user_is_told_what_is_missing(pair: Pair) -> None:
    code = (
        "from ansible_collections.netpath.symmetry.plugins.module_utils._probe.send import run\n"
        f"print(run(dict(protocol='icmp', destination='{THERE}'))[1][0].ok)"
    )

    def ask() -> subprocess.CompletedProcess[str]:
        command = pair.here.command(*AS_NOBODY, "/usr/bin/python3", "-c", code)
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    pair.here.run("sysctl -qw net.ipv4.ping_group_range='1 0'")
    assert "needs root" in ask().stderr
    pair.here.run("sysctl -qw net.ipv4.ping_group_range='0 65534'")
    assert ask().stdout == "True\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"destination": THERE}, "needs a dport"),
        ({"destination": "partner.example", "dport": 80}, "names are not resolved"),
        ({"destination": THERE, "dport": 80, "source": "10.99.0.1"}, "10.99.0.1 is not an address of this host"),
        ({"destination": THERE, "dport": 80, "interface": "nosuch"}, "interface nosuch"),
        ({"destination": THERE, "dport": 80, "count": 1001}, "1 to 1000"),
        ({"destination": THERE, "dport": 80, "count": 1000, "timeout": 60}, "may take more than 3600 s"),
        ({"destination": THERE, "dport": 80, "keep_socket": True}, "keep_socket is for udp"),
        ({"destination": THERE, "dport": 80, "http": {"path": "/a b"}}, "without spaces"),
        ({"destination": THERE, "dport": 80, "source": HERE6}, "different families"),
        ({"flow": "tcp here > there:80"}, "not an address"),
        ({"flow": f"icmp {HERE} > {THERE}", "dport": 80}, "mutually exclusive"),
        ({"protocol": "icmp", "destination": THERE, "dport": 80}, "has no ports"),
        ({}, "one of the following is required"),
    ],
)
def test_bad_input_is_named(pair: Pair, options: dict[str, t.Any], told: str) -> None:
    answer = pair.probe(**options)
    assert answer["failed"] and told in answer["msg"], answer["msg"]
