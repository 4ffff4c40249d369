# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each failure made for real, in namespaces: new flows and open sessions fare as was foretold before the failure.

FAILURES=all makes every single failure that the diagnosis names (about half a minute), else a choice of them.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failures
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import Cables, Failure
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.what_if import Row
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

COMPANY = ("client", "gw", "fwa", "fwb")
WORKING = ("symmetric", "asymmetric_harmless")
# each link is a cable through a namespace of its own, so that it can be cut between the ends
LINKS = (("client", "eth0", "gw", "lan"), ("gw", "wan_a", "fwa", "in"), ("gw", "wan_b", "fwb", "in"),
         ("fwa", "out", "isp", "to_a"), ("fwb", "out", "isp", "to_b"))
FIREWALL = """
nft -f - <<'END'
table inet fw {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ct state invalid drop
    iifname "in" accept
  }
}
END
"""
ONCE = {
    "gw": """
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.wan_b.ignore_routes_with_linkdown=1
nft -f - <<'END'
table ip nat {
  chain post {
    type nat hook postrouting priority 100;
    oifname "wan_a" snat to 198.51.100.2
    oifname "wan_b" snat to 198.51.100.130
  }
}
END
""",
    "fwa": FIREWALL + "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    "fwb": FIREWALL + "sysctl -qw net.ipv4.ip_forward=1",
    "isp": "sysctl -qw net.ipv4.conf.all.rp_filter=0; ip address add 203.0.113.10/32 dev lo; "
           "ip address add 203.0.113.11/32 dev lo; ip address add 2001:db8:ffff::10/128 dev lo",
}
AGAIN = {  # what a link that went down has lost; it does no harm to what is there
    "client": """
ip address replace 10.0.0.20/24 dev eth0; ip address replace 2001:db8:1::20/64 dev eth0 nodad
ip route replace default via 10.0.0.1; ip -6 route replace default via 2001:db8:1::1""",
    "gw": """
ip address replace 10.0.0.1/24 dev lan; ip address replace 2001:db8:1::1/64 dev lan nodad
ip address replace 198.51.100.2/30 dev wan_a; ip address replace 2001:db8:a::2/126 dev wan_a nodad
ip address replace 198.51.100.130/30 dev wan_b
ip route replace default via 198.51.100.1 metric 100; ip route replace default via 198.51.100.129 metric 200
ip route replace 203.0.113.11/32 via 198.51.100.129; ip -6 route replace default via 2001:db8:a::1""",
    "fwa": """
ip address replace 198.51.100.1/30 dev in; ip address replace 2001:db8:a::1/126 dev in nodad
ip address replace 100.64.1.2/30 dev out; ip address replace 2001:db8:b::2/126 dev out nodad
ip route replace default via 100.64.1.1; ip -6 route replace default via 2001:db8:b::1
ip -6 route replace 2001:db8:1::/64 via 2001:db8:a::2""",
    "fwb": """
ip address replace 198.51.100.129/30 dev in; ip address replace 100.64.2.2/30 dev out
ip route replace default via 100.64.2.1""",
    "isp": """
ip address replace 100.64.1.1/30 dev to_a; ip address replace 2001:db8:b::1/126 dev to_a nodad
ip address replace 100.64.2.1/30 dev to_b
ip route replace 198.51.100.0/30 via 100.64.1.2; ip route replace 198.51.100.128/30 via 100.64.2.2
ip -6 route replace 2001:db8:1::/64 via 2001:db8:b::2""",
}
VARIABLES: dict[str, dict[str, t.Any]] = {
    "client": {},
    "gw": {"symmetry_flows": [
        {"name": "web", "flow": "tcp 10.0.0.20 > 203.0.113.10:80"},
        {"name": "by-b", "flow": "tcp 10.0.0.20 > 203.0.113.11:80"},
        {"name": "ping", "flow": "icmp 10.0.0.20 > 203.0.113.10"},
        {"name": "ping6", "flow": "icmp 2001:db8:1::20 > 2001:db8:ffff::10"},
        {"name": "gateway", "flow": "icmp 10.0.0.20 > 198.51.100.130"},
    ]},
    "fwa": {"symmetry_uplinks": [{"name": "A", "interface": "out", "gateway": ["100.64.1.1", "2001:db8:b::1"],
                                  "announces": ["198.51.100.0/30", "2001:db8:1::/64"]}]},
    "fwb": {"symmetry_uplinks": [{"name": "B", "interface": "out", "gateway": "100.64.2.1",
                                  "announces": ["198.51.100.128/30"]}]},
}
CHOICE = ("node fwa", "link gw:wan_a", "link fwb:out", "carrier fwa:in", "uplink A", "sessions fwa")
SERVER = """
import socket, threading
def echo(peer):
    while data := peer.recv(100):
        peer.sendall(data)
listening = socket.create_server(("", 80), backlog=64)
print("ready", flush=True)
while True:
    threading.Thread(target=echo, args=(listening.accept()[0],), daemon=True).start()
"""
# connections that are open before the failure, and what becomes of a word sent on them after it
SESSIONS = {"web": "203.0.113.10", "by-b": "203.0.113.11"}
UNDER_WAY = f"""
import json, socket, sys, time
opened = {{name: socket.create_connection((address, 80), timeout=15) for name, address in {SESSIONS!r}.items()}}
for one in opened.values():
    one.sendall(b"a")
    one.recv(1)
print("open", flush=True)
sys.stdin.readline()
until = time.monotonic() + 1.6
seen = {{}}
for one in opened.values():
    one.settimeout(1.6)
    try:
        one.sendall(b"b")
    except OSError:
        pass
for name, one in opened.items():
    one.settimeout(max(0.01, until - time.monotonic()))
    try:
        seen[name] = one.recv(1) == b"b"
    except OSError:
        seen[name] = False
print(json.dumps(seen))
"""


class Company:
    """The hosts, the provider, and the cables between them."""

    def __init__(self) -> None:
        self.hosts = {name: Netns(f"fail-{name}") for name in (*COMPANY, "isp", "cable")}
        self.ports: dict[tuple[str, str], str] = {}  # the end of each interface's wire inside the cable

    def create(self) -> None:
        for host in self.hosts.values():
            host.create()
        cable = self.hosts["cable"].name
        for number, (one, one_if, other, other_if) in enumerate(LINKS):
            ends = ((one, one_if, f"p{number}a"), (other, other_if, f"p{number}b"))
            script = [f"ip link add br{number} type bridge; ip link set br{number} up"]
            for host, interface, port in ends:
                self.ports[host, interface] = port
                self.hosts[host].run(f"ip link add name {interface} type veth peer name {port} netns {cable}")
                script.append(f"ip link set {port} master br{number} up")
                self.hosts[host].run(f"ip link set {interface} up")
            self.hosts["cable"].run("\n".join(script))
        for name, script in ONCE.items():
            self.hosts[name].run(script)
        self.mend()

    def delete(self) -> None:
        for host in self.hosts.values():
            host.delete()

    def far_port(self, host: str, interface: str) -> tuple[tuple[str, str], str]:
        for one, one_if, other, other_if in LINKS:
            for here, there in (((one, one_if), (other, other_if)), ((other, other_if), (one, one_if))):
                if here == (host, interface):
                    return there, self.ports[there]
        raise KeyError(interface)

    def interfaces(self, host: str) -> list[str]:
        return [interface for name, interface in self.ports if name == host]

    def fail(self, failure: Failure) -> None:
        """Make the failure; where a carrier is lost by it, wait until the kernel has noticed."""
        host, cable = self.hosts[failure.host], self.hosts["cable"]
        if failure.kind == "uplink":
            dead_end = f'type filter hook prerouting priority 0; iifname "to_{failure.uplink.lower()}" drop;'
            self.hosts["isp"].run(f"nft 'table inet gone {{ chain prerouting {{ {dead_end} }}; }}'")
        elif failure.kind == "sessions":
            host.run("conntrack -F 2>/dev/null")
        else:
            names = [failure.interface] if failure.interface else self.interfaces(failure.host)
            far = [self.far_port(failure.host, name) for name in names]
            dark = list(far)
            if failure.kind == "carrier":
                cable.run("; ".join(f"ip link set {self.ports[failure.host, name]} down" for name in names))
                dark += [((failure.host, name), "") for name in names]
            else:
                host.run("; ".join(f"ip link set {name} down" for name in names))
            cable.run("; ".join(f"ip link set {port} down" for _end, port in far))
            for (name, interface), _port in dark:
                self._wait(name, interface, "down")

    def mend(self) -> None:
        """All as it was before the failure: each interface up, each end of a cable forwarding."""
        self.hosts["cable"].run("; ".join(f"ip link set {port} up" for port in self.ports.values()))
        for name in AGAIN:
            self.hosts[name].run("; ".join(f"ip link set {interface} up" for interface in self.interfaces(name)))
        self.hosts["isp"].run("nft delete table inet gone 2>/dev/null || true")
        for name, script in AGAIN.items():
            for interface in self.interfaces(name):
                self._wait(name, interface, "up")
            self.hosts[name].run(script)
        # A bridge opens a port when it is told of the carrier, which may be later than the far end of the wire is told.
        for port in self.ports.values():
            self._wait_for("cable", f"{port}/brport/state", lambda state: state == "3", f"{port} does not forward")

    def _wait(self, host: str, interface: str, state: str) -> None:
        self._wait_for(host, f"{interface}/operstate", lambda read: (read == "up") == (state == "up"),
                       f"{interface} does not go {state}")

    def _wait_for(self, host: str, path: str, holds: t.Callable[[str], bool], complaint: str) -> None:
        deadline = time.monotonic() + 15
        while not holds(self.hosts[host].output(f"cat /sys/class/net/{path}").strip()):
            assert time.monotonic() < deadline, f"{host}: {complaint}"
            time.sleep(0.05)

    def works(self, diagnosis: Diagnosis) -> dict[str, bool]:
        """Which flows get an answer, all asked at once."""
        def asks(flow: t.Any) -> bool:
            if flow.protocol == "tcp":
                script = f"timeout 1.5 bash -c '</dev/tcp/{flow.destination}/{flow.dport}'"
            else:
                script = f"ping -c 1 -W 1.5 -I {flow.source} {flow.destination}"
            return self.hosts["client"].run(script, check=False).returncode == 0

        flows = {told.name: told.named.flow for told in diagnosis.verdicts if not told.named.live}
        with concurrent.futures.ThreadPoolExecutor(len(flows)) as pool:
            return dict(zip(flows, pool.map(asks, flows.values()), strict=True))

    def open_sessions(self) -> subprocess.Popen[str]:
        client = self.hosts["client"].start(sys.executable, "-c", UNDER_WAY, stdin=subprocess.PIPE)
        assert client.stdout is not None
        if client.stdout.readline().strip() != "open":
            raise AssertionError(f"no session opens: {client.communicate(timeout=20)[1]}")
        return client


def sessions_foretold(rows: t.Iterable[Row]) -> dict[str, str]:
    """What becomes of each session whose client is the next to send."""
    told = dict.fromkeys(SESSIONS, "survives")
    for row in rows:
        if row.before.name in told and row.established is not None:
            told[row.before.name] = max(
                (one.outcome for one in row.established.continuations if one.speaker == "source"),
                key=("survives", "recovers", "unknown", "stranded").index)
    return told


@pytest.fixture(scope="module")
def company() -> t.Iterator[Company]:
    made = Company()
    server = None
    try:
        made.create()
        server = made.hosts["isp"].start(sys.executable, "-c", SERVER)
        assert server.stdout is not None and server.stdout.readline().strip() == "ready"
        yield made
    finally:
        if server is not None:
            server.kill()
            server.wait()
        made.delete()


def test_every_flow_fares_as_was_foretold(company: Company) -> None:
    facts = {name: run_module(company.hosts[name], "host_facts", {})["ansible_facts"]["symmetry"] for name in COMPANY}
    before = diagnose(facts, VARIABLES, live=False)
    assert {told.verdict for told in before.verdicts} == {"symmetric"}
    assert all(company.works(before).values())
    everything = before.what_if(["single"])
    assert {"node gw", "link client:eth0", "carrier fwa:in", "uplink B"} <= {str(one) for one in everything.failures}
    chosen = [one for one in everything.failures if os.environ.get("FAILURES") == "all" or str(one) in CHOICE]
    wrong, broken, stranded = [], 0, 0
    for failure in chosen:
        rows = [row for row in everything.rows if row.failure == failure]
        foretold = {told.name: told.verdict for told in before.verdicts}
        foretold.update({row.before.name: row.after.verdict for row in rows})
        client = company.open_sessions()
        try:
            company.fail(failure)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                answers = pool.submit(client.communicate, "go\n", 10)
                seen = company.works(before)
                under_way = json.loads(answers.result()[0])
        finally:
            client.kill()
            client.wait()
            company.mend()
        sessions = sessions_foretold(rows)
        if failure.host == "client":
            sessions = {}  # it is an end of both
        stranded += sum(told == "stranded" for told in sessions.values())
        wrong += [f"{failure}: session {name} was foretold: {told}; it goes on: {under_way[name]}"
                  for name, told in sessions.items() if (told == "stranded") == under_way[name] or told == "unknown"]
        broken += sum(not ok for ok in seen.values())
        wrong += [f"{failure}: {name} was foretold {foretold[name]}; its packets {'arrive' if ok else 'do not arrive'}"
                  for name, ok in seen.items() if (foretold[name] in WORKING) != ok]
    print(f"failures={len(chosen)} flows={len(chosen) * len(before.verdicts)} broken={broken} "
          f"sessions={2 * len(chosen)} stranded={stranded} wrong={len(wrong)}")
    assert not wrong, "\n".join(wrong)
    assert len(chosen) >= len(CHOICE) and broken >= len(CHOICE) and stranded >= 5
    assert all(company.works(before).values())


def test_facts_after_a_failure_are_those_that_a_kernel_has(company: Company) -> None:
    """Routes and addresses of every host, foretold and read, after an interface went down and after a cut cable."""
    facts = {name: run_module(company.hosts[name], "host_facts", {})["ansible_facts"]["symmetry"] for name in COMPANY}
    before = diagnose(facts, VARIABLES, live=False)
    cables = Cables(before.network)
    for text in ("link gw:wan_a", "node fwb"):
        failure = before.what_if([text]).failures[0]
        company.fail(failure)
        try:
            read = {name: run_module(company.hosts[name], "host_facts", {"gather_subset": ["interfaces", "routing"]})[
                "ansible_facts"]["symmetry"] for name in COMPANY if (failure.kind, failure.host) != ("node", name)}
        finally:
            company.mend()
        told = {**facts, **failures.changes(before.network, failure, cables)}
        for name, known in read.items():
            assert routes_of(told[name]) == routes_of(known), f"{text}: {name}"
            assert states_of(told[name]) == states_of(known), f"{text}: {name}"


def routes_of(facts: t.Mapping[str, t.Any]) -> list[tuple[t.Any, ...]]:
    """Routes with their legs and flags; link-local and multicast ones come and go with the link."""
    return sorted(
        (one["family"], one["table"], one["dst"], one.get("type", "unicast"), one.get("metric", 0), str([
            (leg.get("device"), leg.get("gateway"), sorted(leg.get("flags", ()))) for leg in one.get("nexthops", ())]))
        for one in facts["routes"] if not one["dst"].startswith(("fe80:", "ff00:"))
    )


def states_of(facts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {
        name: (one["up"], one["carrier"], sorted(
            item["address"] for item in one["addresses"] if not item["address"].startswith("fe80:")))
        for name, one in facts["interfaces"].items()
    }
