# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of main's routes source_routing keeps: a client in the subnet of one card asks for the address of the other.

The forecast chooses; whether it is right is told by connections through a firewall that wants to see both directions.
"""

from __future__ import annotations

import contextlib
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import source_rules_desired
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed, read

Hosts = dict[str, Netns]
NEAR = ("10.1.0.20", "10.2.0.10")  # from the subnet of the first card to the address of the second
INNER = ("10.50.0.1", "10.1.0.10")  # from behind an internal router, by a static route
FLOWS = [f"tcp {source} > {destination}:80" for source, destination in (NEAR, INNER)]
UPLINKS = [
    {"name": "eth0", "interface": "eth0", "gateway": "10.1.0.1"},
    {"name": "eth1", "interface": "eth1", "gateway": "10.2.0.1"},
]


@pytest.fixture(scope="module")
def hosts() -> t.Iterator[Hosts]:
    """desk, inner (a router), fw and the server's first card are on one wire; fw and the second card on another."""
    found = {name: Netns(name) for name in ("desk", "inner", "fw", "server")}
    switch = Netns("switch")
    with contextlib.ExitStack() as stack:
        for netns in (*found.values(), switch):
            stack.callback(netns.create().delete)
        switch.run("ip link add br0 type bridge; ip link set br0 up")
        for name, device, address in (("desk", "lan", "10.1.0.20/24"), ("inner", "lan", "10.1.0.254/24"),
                                      ("fw", "one", "10.1.0.1/24"), ("server", "eth0", "10.1.0.10/24")):
            veth(switch, f"port_{name}", found[name], device, [])
            switch.run(f"ip link set port_{name} master br0")
            found[name].run(f"ip address add {address} dev {device}")
        veth(found["fw"], "two", found["server"], "eth1", [("10.2.0.1/24", "10.2.0.10/24")])
        for name in ("desk", "inner", "server"):
            found[name].run("ip route add default via 10.1.0.1")
        found["inner"].run("ip address add 10.50.0.1/32 dev lo; sysctl -qw net.ipv4.ip_forward=1")
        found["server"].run("ip route add 10.50.0.0/16 via 10.1.0.254")
        found["fw"].run("ip route add 10.50.0.0/16 via 10.1.0.254; sysctl -qw net.ipv4.ip_forward=1; "
                        "nft 'add table ip f; add chain ip f c { type filter hook forward priority 0; }; "
                        "add rule ip f c ct state invalid counter drop'")
        for netns in found.values():
            netns.run("for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $i; done; "
                      "sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.all.accept_redirects=0")
        server = found["server"].start(sys.executable, "-m", "http.server", "80", "--directory", "/proc/self/fdinfo")
        stack.callback(server.wait)
        stack.callback(server.kill)
        found["server"].run("for n in $(seq 100); do ss -Hltn | grep -q :80 && exit; sleep 0.1; done; exit 1")
        yield found


def works(hosts: Hosts) -> list[bool]:
    """Whether a page comes, for each of the flows; new connections."""
    asks = [("desk", *NEAR), ("inner", *INNER)]
    return [
        hosts[host].run(f"curl -s -o /dev/null -m 3 --interface {source} http://{destination}/", check=False).returncode
        == 0
        for host, source, destination in asks
    ]


def apply(hosts: Hosts, variables: dict[str, t.Any] | None) -> dict[str, t.Any]:
    """What the role makes of its variables; None removes it."""
    options: dict[str, t.Any] = {"scope": "source_routing", "state": "absent"}
    if variables is not None:
        desired = source_rules_desired(variables["source_routing_uplinks"], read(hosts["server"])["interfaces"],
                                       variables.get("source_routing_specifics", "main"))
        options = {"scope": "source_routing", **desired}
    done = run_module(hosts["server"], "policy_routing", options)
    assert not done.get("failed"), done
    return done


def test_the_forecast_chooses_what_connections_need(hosts: Hosts) -> None:
    assert works(hosts) == [False, True]
    told = diagnosed(hosts, FLOWS)
    assert [one.verdict for one in told.verdicts] == ["broken", "symmetric"], [v.summary() for v in told.verdicts]
    (step,) = told.proposal.change
    assert (step.role, step.host) == ("source_routing", "server")
    assert step.variables["source_routing_specifics"] == ["10.50.0.0/16"]
    (rejected,) = [one for one in told.proposal.rejected if one.role == "source_routing"]
    assert "would be broken" in rejected.why_not, "with all of main's routes the reply leaves by the first card"
    try:
        assert apply(hosts, dict(step.variables))["changed"] and works(hosts) == [True, True]
        assert not apply(hosts, dict(step.variables))["changed"]
    finally:
        apply(hosts, None)
    assert works(hosts) == [False, True]


@pytest.mark.parametrize(("specifics", "expected"), [("main", [False, True]), ("uplink", [True, False])])
def test_the_other_ways_break_one_of_them(hosts: Hosts, specifics: str, expected: list[bool]) -> None:
    apply(hosts, {"source_routing_uplinks": UPLINKS, "source_routing_specifics": specifics})
    try:
        assert works(hosts) == expected
    finally:
        apply(hosts, None)
