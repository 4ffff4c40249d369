# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracked connections in host_facts: equal to what the conntrack tool prints, bounded, and what a window shows."""

from __future__ import annotations

import re
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.test_host_facts import Facts, facts_of

TRACK = """
nft -f - <<'RULES'
table inet track {
  chain pre { type filter hook prerouting priority -300; policy accept; ip saddr 10.0.0.66 ct zone set 7
  }
  chain seen { type filter hook input priority 0; policy accept; ct state invalid counter drop
    ct state new ct mark set 0x2a
  }
  chain out { type filter hook output priority 0; policy accept; ct state invalid counter
  }
  chain nat { type nat hook postrouting priority 100; policy accept; udp dport 5353 snat ip to 10.0.0.9
  }
}
RULES
echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct
echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose
"""
SEND = """
import socket, sys
for port in range(int(sys.argv[2]), int(sys.argv[3])):
    s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x", (sys.argv[1], port))
"""
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.0.0.2", 7000))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(100)
    s.sendto(data, peer)
"""
# a TCP packet with only ACK set, which opens no connection where tcp_loose is 0
STRAY_ACK = """
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
for number in range(int(sys.argv[1])):
    head = struct.pack("!HHIIBBHHH", 1000 + number, 80, 1, 1, 0x50, 0x10, 1000, 0, 0)
    pseudo = socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + struct.pack("!BBH", 0, 6, 20)
    total = sum(struct.unpack("!16H", pseudo + head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:16] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[18:]
    s.sendto(head, ("10.0.0.2", 0))
"""


@pytest.fixture
def pair() -> t.Iterator[tuple[Netns, Netns]]:
    left, right = Netns("client").create(), Netns("server").create()
    try:
        veth(left, "left0", right, "right0", [("10.0.0.1/24", "10.0.0.2/24"), ("2001:db8::1/64", "2001:db8::2/64")])
        left.run("ip addr add 10.0.0.66/24 dev left0; ip addr add 10.0.0.9/24 dev left0" + TRACK)
        right.run(TRACK)
        yield left, right
    finally:
        left.delete()
        right.delete()


def python(netns: Netns, code: str, *arguments: str) -> None:
    netns.run(f"'{sys.executable}' - {' '.join(arguments)} <<'CODE'\n{code}\nCODE")


def listed(netns: Netns) -> list[Facts]:
    """The entries as ``conntrack -L`` prints them, both families, as far as the line shows them."""
    entries = []
    for family in ("ipv4", "ipv6"):
        for line in netns.output(f"conntrack -L -f {family} -o extended 2>/dev/null").splitlines():
            pairs = re.findall(r"(\w+)=(\S+)", line)
            names = ("src", "dst", "sport", "dport", "packets")
            sides = [[value for key, value in pairs if key == name] for name in names]
            words = line.split()
            entries.append({
                "protocol": words[2],
                "original": [side[0] if side else "" for side in sides],
                "reply": [side[1] if side else "" for side in sides],
                "state": words[5] if words[2] == "tcp" else "",
                "unreplied": "[UNREPLIED]" in line,
                "assured": "[ASSURED]" in line,
                "mark": dict(pairs).get("mark", "0"),
                "zone": dict(pairs).get("zone", dict(pairs).get("zone-orig", "0")),
            })
    return sorted(entries, key=repr)


def as_listed(flow: Facts) -> Facts:
    """An entry of the facts in the same words."""
    sides = {
        name: [str(flow[name].get(key, "")) for key in ("source", "destination", "sport", "dport")]
        + [str(flow["packets"][position])]
        for position, name in enumerate(("original", "reply"))
    }
    return {
        "protocol": flow["protocol"], **sides, "state": flow.get("state", ""), "unreplied": flow["unreplied"],
        "assured": "assured" in flow["status"], "mark": str(flow["mark"]), "zone": str(flow["zone"]),
    }


def test_entries_and_statistics_are_those_of_the_conntrack_tool(pair: tuple[Netns, Netns]) -> None:
    left, right = pair
    python(left, SEND, "10.0.0.2", "5350", "5360")  # one of them is translated
    python(left, SEND, "2001:db8::2", "6000", "6003")
    left.run("ping -c 1 10.0.0.2; ping -6 -c 1 2001:db8::2; ping -c 1 -I 10.0.0.66 10.0.0.2")
    server = right.start("nc", "-l", "10.0.0.2", "443")
    try:
        left.run("for i in $(seq 50); do echo hello | nc -N -w 2 10.0.0.2 443 && break; sleep 0.1; done")
        right.run("ip route add blackhole 10.0.0.200")
        left.run("ip neigh add 10.0.0.200 lladdr 02:00:00:00:00:99 dev left0; nc -w 1 10.0.0.200 22 || true")
    finally:
        server.kill()
        server.communicate()
    python(left, STRAY_ACK, "25")
    for host in pair:
        conntrack = facts_of(host)["conntrack"]
        assert sorted((as_listed(flow) for flow in conntrack["flows"]), key=repr) == listed(host)
        assert conntrack["count"] == len(conntrack["flows"]) == int(host.output("conntrack -C"))
        sums: dict[str, int] = {}
        for name, value in re.findall(r"(\w+)=(\d+)", host.output("conntrack -S")):
            sums[name] = sums.get(name, 0) + int(value)
        sums.pop("cpu")
        assert conntrack["stats"] == sums
        assert conntrack["sysctls"] == {
            "tcp_loose": 0, "tcp_be_liberal": 0, "tcp_ignore_invalid_rst": 0, "acct": 1,
        }
    flows = facts_of(left)["conntrack"]["flows"]
    assert {"tcp", "udp", "icmp", "icmpv6"} == {flow["protocol"] for flow in flows}
    assert {flow["zone"] for flow in facts_of(right)["conntrack"]["flows"]} == {0, 7}
    assert facts_of(left)["conntrack"]["stats"]["invalid"] >= 25
    translated = [flow for flow in flows if "src_nat" in flow["status"]]
    assert [flow["reply"]["destination"] for flow in translated] == ["10.0.0.9"]
    syn = next(flow for flow in flows if flow["original"].get("dport") == 22)
    assert (syn["state"], syn["unreplied"]) == ("SYN_SENT", True)


@pytest.mark.parametrize("unanswered", [100, 3000], ids=["small table", "large table"])
def test_flows_asked_for_come_first_then_unreplied_ones(pair: tuple[Netns, Netns], unanswered: int) -> None:
    left, right = pair
    echo = right.start(sys.executable, "-u", "-c", ECHO)
    try:
        assert echo.stdout is not None and echo.stdout.readline() == "ready\n"
        python(left, SEND, "10.0.0.2", "10000", str(10000 + unanswered))
        python(left, SEND, "10.0.0.2", *["7000", "7001"])
        python(left, "import socket\nfor i in range(40):\n    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                     "    s.sendto(b'x', ('10.0.0.2', 7000))\n    s.recv(10)")
        python(left, SEND, "10.0.0.2", "5353", "5354")
    finally:
        echo.kill()
        echo.communicate()
    arguments = {"max_flows": 60, "gather_subset": ["conntrack"]}
    facts = facts_of(left, flows=["udp 10.0.0.1 > 10.0.0.2:7000"], **arguments)
    flows = facts["conntrack"]["flows"]
    assert len(flows) == 60 and facts["conntrack"]["count"] > unanswered
    asked = [flow for flow in flows if flow["original"]["dport"] == 7000]
    assert asked == flows[: len(asked)] and len(asked) == 41
    assert all(flow["unreplied"] for flow in flows[len(asked) :])
    part = facts["parts"]["conntrack"]
    assert not part["complete"] and part["why"].startswith(f"{facts['conntrack']['count']} entries: 60 are listed")
    # after translation: asked for by the address that the far end sees
    seen = facts_of(left, flows=["udp 10.0.0.9 > 10.0.0.2:5353"], **arguments)["conntrack"]["flows"][0]
    assert (seen["original"]["source"], seen["reply"]["destination"]) == ("10.0.0.1", "10.0.0.9")


def test_a_window_shows_what_grows(pair: tuple[Netns, Netns]) -> None:
    left, right = pair
    right.run("echo 1 > /proc/sys/net/ipv4/conf/right0/rp_filter; ip route add 10.9.9.9 dev lo")
    still = facts_of(right, sample_seconds=0.3)["samples"]
    assert (still["conntrack_invalid"], still["reverse_path_filter"], still["rules"]) == (0, 0, [])
    left.run("ip addr add 10.9.9.9/32 dev left0; ip neigh replace 10.0.0.2 lladdr $MAC dev left0".replace(
        "$MAC", facts_of(right)["interfaces"]["right0"]["mac"]))
    traffic = left.start("sh", "-c", f"""
        for i in $(seq 100); do
          '{sys.executable}' - 5 <<'CODE'
{STRAY_ACK}
CODE
          ping -c 1 -W 0.05 -I 10.9.9.9 10.0.0.2 >/dev/null || true
        done""")
    try:
        samples = facts_of(right, sample_seconds=2)["samples"]
    finally:
        traffic.kill()
        traffic.communicate()
    assert 2 <= samples["seconds"] < 4
    assert samples["conntrack_invalid"] >= 5 and samples["reverse_path_filter"] >= 1
    rule = next(rule for rule in samples["rules"] if rule["chain"] == "seen")
    assert (rule["family"], rule["table"]) == ("inet", "track") and rule["packets"] >= 5


def test_a_host_that_tracks_nothing_has_an_empty_table() -> None:
    alone = Netns("alone").create()
    try:
        conntrack = facts_of(alone, gather_subset=["conntrack"])["conntrack"]
        assert (conntrack["available"], conntrack["count"], conntrack["flows"]) == (True, 0, [])
    finally:
        alone.delete()
