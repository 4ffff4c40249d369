# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ICMP taught a real kernel (redirects, path MTU): in the facts, in the paths, and in the findings."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed, read
from ansible_collections.netpath.symmetry.tests.lab.test_host_facts import facts_of

Hosts = dict[str, Netns]


@pytest.fixture(scope="module")
def taught() -> t.Iterator[Hosts]:
    """client - {first, second} on one wire, second - server over a link of MTU 1400; first leads back to second."""
    hosts = {name: Netns(name).create() for name in ("client", "first", "second", "server")}
    try:
        _build(**hosts)
        yield hosts
    finally:
        for one in hosts.values():
            one.delete()


def _build(client: Netns, first: Netns, second: Netns, server: Netns) -> None:
    client.run("ip link add br0 type bridge; ip link set br0 up")
    for number, router in ((1, first), (2, second)):
        veth(client, f"port{number}", router, "lan", [])
        client.run(f"ip link set port{number} master br0")
        router.run(f"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; "
                   f"ip address add 10.0.0.{number}/24 dev lan; ip -6 address flush dev lan; "
                   f"ip address add 2001:db8::{number}/64 dev lan nodad; "
                   f"ip address add fe80::{number}/64 dev lan nodad")  # the source of its redirects
    client.run("ip address add 10.0.0.10/24 dev br0; ip address add 2001:db8::10/64 dev br0 nodad; "
               "sysctl -qw net.ipv4.conf.br0.accept_redirects=1 net.ipv6.conf.br0.accept_redirects=1; "
               "ip route add default via 10.0.0.1; ip route add default via fe80::1 dev br0")
    veth(second, "far", server, "eth0", [("10.9.0.1/24", "10.9.0.10/24"), ("2001:db8:9::1/64", "2001:db8:9::10/64")])
    second.run("ip link set far mtu 1400")
    server.run("ip link set eth0 mtu 1400; ip route add default via 10.9.0.1; ip route add default via 2001:db8:9::1")
    first.run("ip route add 10.9.0.0/24 via 10.0.0.2; ip route add 2001:db8:9::/64 via fe80::2 dev lan")
    for target, size in (("10.9.0.10", 1450), ("2001:db8:9::10", 1430)):
        client.run(f"ping -c 3 -i 0.1 -W 2 {target}; ping -c 2 -i 0.1 -W 1 -M do -s {size} {target} || true")


def test_exceptions_stand_in_the_facts_of_both_sources(taught: Hosts) -> None:
    kernel, tool = (facts_of(taught["client"], source=source) for source in ("netlink", "iproute"))
    assert kernel["exceptions"] == tool["exceptions"] == [
        {"family": 4, "table": 254, "dst": "10.9.0.10", "device": "br0", "gateway": "10.0.0.2", "mtu": 1400},
        {"family": 6, "table": 254, "dst": "2001:db8:9::10", "device": "br0", "gateway": "fe80::2", "mtu": 1400},
    ]
    assert kernel["parts"]["exceptions"] == {"complete": True}
    assert facts_of(taught["server"])["exceptions"] == []


def test_paths_follow_the_redirect_as_the_kernel_does(taught: Hosts) -> None:
    told = diagnosed(taught, ["icmp 10.0.0.10 > 10.9.0.10", "icmpv6 2001:db8::10 > 2001:db8:9::10",
                              "icmp 10.0.0.10 > 10.9.0.1"])
    client = told.network.hosts["client"]
    for destination in ("10.9.0.10", "2001:db8:9::10", "10.9.0.1"):
        kernel = taught["client"].json(f"ip -j route get {destination}")[0]
        unset = "::" if ":" in destination else "0.0.0.0"
        (branch,) = client.lookup(Packet(Flow("udp", unset, destination, None, 9))).branches
        assert (branch.device, branch.next_hop) == (kernel["dev"], kernel["gateway"]), destination
    crossed = [[hop.host for hop in verdict.forward_paths()[0].hops] for verdict in told.verdicts]
    assert crossed == [["client", "second", "server"]] * 2 + [["client", "first", "second"]]
    found = {(one.id, one.host): one for one in told.findings}
    assert set(found) == {("SYM106", "client")}
    assert len(found["SYM106", "client"].flows) == 2, "the third destination has not been taught anything"
    assert "10.0.0.2 instead of 10.0.0.1" in str(found["SYM106", "client"])


def test_without_a_redirect_there_is_none(taught: Hosts) -> None:
    """The near miss: a path MTU alone diverts nothing."""
    facts = {name: read(host) for name, host in taught.items()}
    for entry in facts["client"]["exceptions"]:
        entry["gateway"] = "10.0.0.1" if entry["family"] == 4 else "fe80::1"
    told = diagnose(facts, {}, ["icmp 10.0.0.10 > 10.9.0.10"], live=False)
    assert not told.findings
    assert [hop.host for hop in told.verdicts[0].forward_paths()[0].hops] == ["client", "first", "second", "server"]
