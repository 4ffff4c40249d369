# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tools are told: batches for ip, settings, and the SSH client's configuration."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import (
    commands,
    ensure,
    parse,
    rehearsal,
    source,
    ssh,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.topology import Topology

TEXT = """\
hosts:
  one:
    forwarding: true
    routes:
      - {to: 203.0.113.0/24, via: 192.0.2.2, metric: 5, table: 100}
      - {to: 203.0.113.0/24, via: "2001:db8::2", dev: eth0, src: 192.0.2.1}
      - {to: "2001:db8:9::/48", type: unreachable}
    rules:
      - {priority: 10, from: 192.0.2.1/32, table: 100}
      - {priority: 11, not: true, family: 6, fwmark: 1, action: prohibit}
    sysctls:
      net/ipv4/conf/eth0/rp_filter: 1
    nft: |
      table inet t {
        chain c { drop; }
      }
  two:
  three:
links:
  - ends:
      - {host: one, interface: eth0, addresses: [192.0.2.1/24, "2001:db8::1/64"]}
      - {host: two, interface: eth0, addresses: [192.0.2.2/24, "2001:db8::2/64"]}
segments:
  lan:
    mtu: 1450
    ports:
      - {host: two, interface: lan, addresses: [10.0.0.2/24]}
      - {host: three, interface: lan, addresses: [10.0.0.3/24]}
"""


@pytest.fixture
def topology() -> Topology:
    return parse.from_tree(source.parse(TEXT, "net.yml"))


def texts(lines: list[commands.Command]) -> list[str]:
    return [line.text for line in lines]


def test_wires_are_created_inside_the_namespaces_of_their_ends(topology: Topology) -> None:
    assert texts(commands.wires("x", topology)) == [
        "link add name eth0 mtu 1500 address 02:00:00:01:00:01 netns nps-x-one type veth"
        " peer name eth0 mtu 1500 address 02:00:00:02:00:01 netns nps-x-two",
        "link add name lan mtu 1450 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        "link set dev lan up",
        "link add name p1 mtu 1450 type veth peer name lan mtu 1450 address 02:00:00:02:00:02 netns nps-x-two",
        "link set dev p1 master lan up",
        "link add name p2 mtu 1450 type veth peer name lan mtu 1450 address 02:00:00:03:00:01 netns nps-x-three",
        "link set dev p2 master lan up",
    ]
    assert commands.namespaces("x", topology) == [f"nps-x-{name}" for name in ("one", "two", "three", "mgmt", "switch")]


def test_addresses_come_before_routes(topology: Topology) -> None:
    assert texts(commands.host_network(topology, topology.hosts[0])) == [
        "link set dev lo up",
        "address add 10.255.0.11/24 dev mgmt0",
        "link set dev mgmt0 up",
        "address add 192.0.2.1/24 dev eth0",
        "address add 2001:db8::1/64 dev eth0 nodad",
        "link set dev eth0 up",
        "route add 203.0.113.0/24 via 192.0.2.2 metric 5 table 100 proto static",
        "route add 203.0.113.0/24 via inet6 2001:db8::2 dev eth0 src 192.0.2.1 table main proto static",
        "route add unreachable 2001:db8:9::/48 table main proto static",
    ]
    assert texts(commands.host_rules(topology.hosts[0], 4)) == ["rule add priority 10 from 192.0.2.1/32 lookup 100"]
    assert texts(commands.host_rules(topology.hosts[0], 6)) == ["rule add not priority 11 fwmark 1 prohibit"]


def test_a_fresh_host_does_not_depend_on_the_machine(topology: Topology) -> None:
    lines = commands.baseline(topology, topology.hosts[0])
    assert lines[:2] == ["net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1"]
    for interface in ("all", "default", "eth0", "mgmt0"):
        assert f"net/ipv4/conf/{interface}/rp_filter=0" in lines
    assert commands.baseline(topology, topology.hosts[1])[0] == "net/ipv4/ip_forward=0"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "RTNETLINK answers: File exists\nCommand failed network.ip:7",
            "net.yml:5:9: one: the kernel refuses 'ip route add 203.0.113.0/24 via 192.0.2.2 metric 5 table 100"
            " proto static': RTNETLINK answers: File exists",
        ),
        ("x\nCommand failed rules6.ip:1", "net.yml:10:9: one: the kernel refuses 'ip rule add not priority 11"),
        (
            "rules.nft:2:3-7: Error: syntax error, unexpected drop",
            "net.yml:15:1: nft of host one: syntax error, unexpected",
        ),
        (
            "sh: 6: cannot create /proc/sys/x\nsysctl net/ipv4/conf/eth0/rp_filter",
            "net.yml:12:7: host one: the kernel does not take sysctl net/ipv4/conf/eth0/rp_filter: sh: 6: cannot",
        ),
        ("something else", "net.yml:2:3: host one cannot be configured: something else"),
    ],
)
def test_what_the_kernel_refuses_is_an_error_of_the_file(topology: Topology, output: str, expected: str) -> None:
    assert str(rehearsal.explain(topology, topology.hosts[0], output)).startswith(expected)


def test_the_ssh_configuration_names_no_host_of_another_lab(topology: Topology) -> None:
    text = ssh.client_config(Paths("/labs 100%", "x"), topology)
    assert "Host two two.x\n    HostName 10.255.0.12\n    HostKeyAlias two.x\n" in text
    assert "    StrictHostKeyChecking yes\n" in text and '    IdentityFile "/labs 100%%/x/id_ed25519"\n' in text
    assert " netns exec nps-x-mgmt " in text


def test_the_name_of_a_lab_is_that_of_its_file() -> None:
    assert ensure.name_of("/a/b/dual_wan_partner.yml") == "dual_wan_partner"


def test_a_description_has_every_host_and_address(topology: Topology) -> None:
    text = "".join(ensure.describe(topology))
    assert "host three: management 10.255.0.13/24\n  lan: 10.0.0.3/24\n" in text
    assert "  route 2001:db8:9::/48 via unreachable\n" in text and "  net/ipv4/conf/eth0/rp_filter = 1\n" in text


def test_the_packets_of_a_delayed_link_pass_through_the_switch() -> None:
    text = TEXT.replace("  - ends:\n", "  - delay: 3ms\n    ends:\n", 1)
    topology = parse.from_tree(source.parse(text, "net.yml"))
    lines = texts(commands.wires("net", topology))
    near = "name p1 mtu 1500 type veth peer name eth0 mtu 1500 address 02:00:00:01:00:01 netns nps-net-one"
    assert lines[:2] == [f"link add {near}", "link set dev p1 addrgenmode none arp off up"]
    assert lines[2].startswith("link add name p2 ") and lines[2].endswith(" netns nps-net-two")
    assert any(line.startswith("link add name p3 ") for line in lines), "ports of the segment are numbered on"
    assert commands.delays(topology) == [("p1", "p2", 3000)]


def test_delays_alone_need_the_switch() -> None:
    text = TEXT.replace("  - ends:\n", "  - delay: 3ms\n    ends:\n", 1).split("segments:", maxsplit=1)[0]
    topology = parse.from_tree(source.parse(text, "net.yml"))
    assert "nps-net-switch" in commands.namespaces("net", topology)
    without = parse.from_tree(source.parse(TEXT.split("segments:", maxsplit=1)[0], "net.yml"))
    assert "nps-net-switch" not in commands.namespaces("net", without) and commands.delays(without) == []
