# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mss_clamp on a real router. The observers are nft and captured SYNs, of both directions and families."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth


class Router:
    """A client behind a router, and two networks beyond it, of which one takes small packets only."""

    def __init__(self, client: Netns, host: Netns, far: Netns) -> None:
        self.client, self.host, self.far = client, host, far

    def clamp(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.host, "mss_clamp", options, check_mode)

    def state(self) -> str:
        return self.host.output("nft -s list ruleset")

    def sizes(self) -> dict[str, int]:
        """What arrives in the SYNs of connections from one to another: {"client > 10.1.0.2": 1460 ...}."""
        asks = [(self.client, "client", "10.1.0.2"), (self.client, "client", "2001:db8:1::2"),
                (self.client, "client", "10.2.0.2"), (self.host, "host", "10.1.0.2"), (self.host, "host", "10.2.0.2"),
                (self.far, "far", "192.0.2.20"), (self.far, "far", "10.1.0.1")]  # fmt: skip
        seen = {}
        captures = []
        for netns, interface in ((self.far, "any"), (self.client, "any"), (self.host, "any")):
            capture = netns.start("tcpdump", "-n", "-l", "--immediate-mode", "-i", interface, "-Q", "in",
                                  "(tcp and tcp[tcpflags] & tcp-syn != 0) or (ip6 and tcp)")
            assert capture.stderr is not None
            next(line for line in capture.stderr if "listening" in line)
            captures.append((netns, capture))
        for number, (netns, _name, address) in enumerate(asks):
            family = "-6" if ":" in address else "-4"
            netns.run(f"nc {family} -w 1 -p {5000 + number} {address} 9 </dev/null", check=False)
        for netns, capture in captures:
            capture.terminate()
            for line in capture.communicate(timeout=10)[0].splitlines():
                found = re.search(r"[. ](\d+) > \S+[.:]9: Flags \[S\].*\bmss (\d+)", line)
                name = asks[int(found[1]) - 5000] if found else None
                if found and name and (netns is not self.host or name[2] == "10.1.0.1"):
                    seen[f"{name[1]} > {name[2]}"] = int(found[2])
        return seen


@pytest.fixture
def router() -> t.Iterator[Router]:
    client, host, far = Netns("mcl").create(), Netns("mgw").create(), Netns("mfar").create()
    try:
        veth(client, "eth0", host, "lan",
             [("192.0.2.20/24", "192.0.2.1/24"), ("2001:db8:c::20/64", "2001:db8:c::1/64")])
        veth(host, "v0.100", far, "pa", [("10.1.0.1/24", "10.1.0.2/24"), ("2001:db8:1::1/64", "2001:db8:1::2/64")])
        veth(host, "wan_b", far, "pb", [("10.2.0.1/24", "10.2.0.2/24")])
        host.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        client.run("ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8:c::1")
        far.run("ip route add 192.0.2.0/24 via 10.1.0.1; ip -6 route add 2001:db8:c::/64 via 2001:db8:1::1")
        yield Router(client, host, far)
    finally:
        for one in (client, host, far):
            one.delete()


def test_four_runs_clamp_both_ways_at_the_named_edge_only(router: Router) -> None:
    before, edges = router.state(), [{"interface": "v0.100", "mtu": 1400}]
    unclamped = router.sizes()
    assert unclamped == {"client > 10.1.0.2": 1460, "client > 2001:db8:1::2": 1440, "client > 10.2.0.2": 1460,
                         "host > 10.1.0.2": 1460, "host > 10.2.0.2": 1460, "far > 192.0.2.20": 1460,
                         "far > 10.1.0.1": 1460}  # fmt: skip
    check = router.clamp(True, edges=edges)
    assert router.state() == before
    run = router.clamp(edges=edges)
    again, last = router.clamp(True, edges=edges), router.clamp(edges=edges)
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False], run
    assert check["diff"] == run["diff"] and again["diff"]["before"] == run["diff"]["after"]
    # What comes in for the host itself is captured before it is clamped.
    assert router.sizes() == {**unclamped, "client > 10.1.0.2": 1360, "client > 2001:db8:1::2": 1340,
                              "host > 10.1.0.2": 1360, "far > 192.0.2.20": 1360}  # fmt: skip
    for _twice in range(2):
        for command in run["undo"]:
            router.host.run(command)
        assert router.state() == before


def test_without_an_mtu_the_routes_decide(router: Router) -> None:
    router.host.run("ip link set v0.100 mtu 1300; ip link set wan_b mtu 1300")
    assert router.clamp(edges=[{"interface": "v0.100"}])["changed"]
    sizes = router.sizes()
    assert sizes["client > 10.1.0.2"] == 1260 and sizes["far > 192.0.2.20"] == 1260
    assert sizes["client > 2001:db8:1::2"] == 1240 and sizes["client > 10.2.0.2"] == 1460
    assert router.clamp(state="absent")["changed"] and "netpath_symmetry" not in router.state()
    for bad, message in (({"interface": "eth9"}, "does not exist"), ({"interface": "lan", "mtu": 100}, "576 to 65535"),
                         ({"interface": "v0.100", "mtu": 1400}, "more than the interface's own 1300")):  # fmt: skip
        answer = router.clamp(edges=[bad])
        assert answer.get("failed") and message in answer["msg"], answer
