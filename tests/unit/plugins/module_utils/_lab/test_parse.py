# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topology files: what they become, and where the errors point."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import parse, source
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError, TopologyError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.topology import Topology

GOOD = """\
hosts:
  one:
    forwarding: true
    routes:
      - {to: default, via: 192.0.2.2}
  two:
    services:
      - http: {port: 80, body: hello}
links:
  - mtu: 1400
    ends:
      - {host: one, interface: eth0, addresses: [192.0.2.1/24]}
      - {host: two, interface: v0.100, addresses: [192.0.2.2/24, "2001:db8::2/64"]}
"""
COLLECTION = pathlib.Path(__file__).resolve().parents[5]
TOPOLOGIES = COLLECTION / "inventories" / "lab" / "topologies"


def read(text: str) -> Topology:
    return parse.from_tree(source.parse(text, "net.yml"))


def test_a_topology_holds_what_the_file_says() -> None:
    topology = read(GOOD)
    one, two = topology.hosts
    assert (one.name, one.forwarding, two.forwarding) == ("one", True, False)
    assert str(one.routes[0].to) == "0.0.0.0/0" and str(one.routes[0].via) == "192.0.2.2"
    assert [(item.kind, item.port, item.body) for item in two.services] == [("http", 80, "hello")]
    (port,) = topology.ports("two")
    assert port.interface == "v0.100" and topology.mtu(port) == 1400
    assert [str(address) for address in port.addresses] == ["192.0.2.2/24", "2001:db8::2/64"]
    assert [str(topology.management_address(name)) for name in ("one", "two")] == ["10.255.0.11/24", "10.255.0.12/24"]
    assert topology.mac("two", "mgmt0") == "02:00:00:02:00:00" and topology.mac("two", "v0.100") == "02:00:00:02:00:01"


@pytest.mark.parametrize(("text", "microseconds"), [("0us", 0), ("500us", 500), ("1.5ms", 1500), ("10s", 10_000_000)])
def test_delays_are_microseconds_and_want_whole_checksums(text: str, microseconds: int) -> None:
    topology = read(GOOD.replace("mtu: 1400", f"delay: {text}"))
    (port,) = topology.ports("two")
    assert topology.delay(port) == microseconds and not port.checksum_offload
    assert read(GOOD).delay(read(GOOD).ports("two")[0]) is None


def test_comments_and_line_breaks_are_no_part_of_a_topology() -> None:
    assert read(GOOD) == read("# a comment\n\n" + GOOD) and repr(read(GOOD)) == repr(read("# a comment\n\n" + GOOD))
    assert read(GOOD) != read(GOOD.replace("192.0.2.1/24", "192.0.2.3/24"))


def test_scalars_are_read_as_they_are_written() -> None:
    """YAML 1.1 takes 10:20:30:40:50:01 for a number, and a host called ``no`` for false."""
    neighbours = "    neighbours: [{address: 192.0.2.9, mac: 10:20:30:40:50:01, dev: eth0}]\n"
    topology = read(GOOD.replace("    routes:", neighbours + "    routes:").replace("one", "no"))
    assert topology.hosts[0].name == "no" and topology.hosts[0].neighbours[0].mac == "10:20:30:40:50:01"


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("hosts:", "hots:", "1:1", "'hots' is not known in the topology, did you mean 'hosts'?; allowed: description,"),
        ("  two:", "  one: {}\n  two:", "6:3", "'one' stands twice in hosts"),
        ("forwarding: true", "forwarding: maybe", "3:17", "forwarding of host one is 'maybe', expected true or false"),
        ("forwarding: true", "forward: true", "3:5", "'forward' is not known in host one, did you mean 'forwarding'?"),
        ("via: 192.0.2.2", "via: 192.0.2", "5:28", "via of a route of host one is '192.0.2', expected an address"),
        ("via: 192.0.2.2", "via: 198.51.100.1", "5:9", "gateway 198.51.100.1 is not on link; on link: 192.0.2.0/24"),
        ("via: 192.0.2.2", "dev: wan", "5:9", "one has no interface 'wan'; it has: eth0"),
        ("via: 192.0.2.2", "metric: 5", "5:9", "a route of host one needs 'via' or 'dev'"),
        ("via: 192.0.2.2", "type: blackhole, dev: eth0", "5:9", "of type blackhole goes nowhere"),
        ("to: default", "to: 10.0.0.1/8", "5:14", "10.0.0.1/8 has host bits set"),
        ("to: default", 'to: "2001:db8:1::/48"', "5:9", "an IPv6 route has no IPv4 gateway 192.0.2.2"),
        (
            "port: 80",
            "port: 80000",
            "8:22",
            "port of a service of host two is '80000', expected a number from 1 to 65535",
        ),
        ("port: 80", "port: 22", "6:3", "tcp port 22 of two is used twice: by SSH and by http"),
        (
            "http: {port: 80",
            "htp: {port: 80",
            "8:9",
            "'htp' is not known in a service of host two, did you mean 'http'?",
        ),
        ("mtu: 1400", "mtu: 9", "10:10", "mtu of a link is '9', expected a number from 68 to 65535"),
        ("host: one", "host: three", "12:9", "host 'three' is not among the hosts: one, two"),
        (
            "mtu: 1400",
            "delay: 3",
            "10:12",
            "delay of a link is '3', expected a time up to 10s, such as 500us, 3ms or 0us",
        ),
        ("mtu: 1400", "delay: 11s", "10:12", "delay of a link is '11s', expected a time up to 10s"),
        (
            "  - mtu: 1400\n    ends:\n      - {host: one, interface: eth0",
            "  - delay: 3ms\n    ends:\n      - {checksum_offload: true, host: one, interface: eth0",
            "12:28",
            "checksum_offload of an end of a link cannot be true: a program passes",
        ),
        (
            "    services:",
            "    conntrackd: |\n      General {}\n    services:",
            "7:17",
            "conntrackd of host two names no control socket",
        ),
        ("host: one, interface: eth0", "host: two, interface: v0.100", "13:9", "already used in line 12"),
        ("interface: eth0", "interface: mgmt0", "12:9", "interface 'mgmt0' of one is the lab's own"),
        ("interface: eth0", "interface: eth0/1", "12:32", "interface 'eth0/1' of an end of a link: expected 1 to 15"),
        ("interface: eth0", "interface: a-name-that-is-too-long", "12:32", "expected 1 to 15 letters"),
        ("192.0.2.1/24", "192.0.2.1", "12:50", "an address of an end of a link is '192.0.2.1' (no prefix length)"),
        ("192.0.2.1/24", "192.0.2.0/24", "12:50", "192.0.2.0/24 of one is the network's own address"),
        ("192.0.2.1/24", "192.0.2.2/24", "12:50", "192.0.2.2/24 of one is another host's address on the same wire"),
        (
            "192.0.2.1/24",
            "10.9.0.1/24",
            "12:50",
            "10.9.0.1/24 of one is outside the networks of its wire: 192.0.2.0/24",
        ),
        ("192.0.2.1/24", "10.255.0.1/24", "12:50", "overlaps the management subnet 10.255.0.0/24"),
        ("  two:", "  Two:", "6:3", "host name 'Two': expected lower-case letters"),
        ("  two:", "  mgmt: {}\n  two:", "6:3", "host name 'mgmt' is taken by the lab itself"),
        ("links:", "management: {subnet: 10.0.0.0/30}\nlinks:", "9:13", "has room for 0 hosts, not 2"),
        ("links:", "management: {subnet: 2001:db8::/64}\nlinks:", "9:22", "2001:db8::/64 is not IPv4"),
        ("links:", "segments: {lan: {ports: []}}\nlinks:", "9:12", "segment lan has no ports"),
        ("links:", "segments: {p1: {ports: []}}\nlinks:", "9:12", "segment p1 has no ports"),
        (
            "    services:",
            "    sysctls: {kernel/hostname: x}\n    services:",
            "7:15",
            "expected a path below /proc/sys/net",
        ),
        (
            "    services:",
            "    sysctls: {net/../kernel/x: 1}\n    services:",
            "7:15",
            "expected a path below /proc/sys/net",
        ),
        ("    services:", "    rules: [{priority: 5}]\n    services:", "7:13", "needs either 'table' or 'action'"),
        ("    services:", "    rules: [{table: 5}]\n    services:", "7:13", "a rule of host two needs 'priority'"),
        (
            "    services:",
            '    rules: [{priority: 5, table: 1, family: 4, to: "::/0"}]\n    services:',
            "7:52",
            "is of IPv4",
        ),
        (
            "      - {host: two",
            "      - {host: one, interface: x}\n      - {host: two",
            "12:7",
            "a link has 3 ends, expected 2",
        ),
        ("  two:", "  - two:", "6:3", "not YAML: "),
        ("    services:", "    routes: 7\n    services:", "7:13", "routes of host two is a scalar, expected a list"),
    ],
)
def test_errors_point_at_the_place(old: str, new: str, place: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(TopologyError) as caught:
        read(GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"net.yml:{place}: ") and message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "net.yml:1:1: the file is empty"),
        ("links: []\n", "net.yml:1:1: the topology needs 'hosts'"),
        ("hosts:\n", "net.yml:1:7: hosts is empty, a lab needs at least one host"),
        ("hosts: &a {one: *a}\n", "this anchor contains itself"),
        ("hosts: [one]\n", "hosts is a sequence, expected key: value pairs"),
        ("hosts: {one: {nft: ''}}\n", "nft of host one is empty"),
    ],
)
def test_files_that_are_no_topology(text: str, message: str) -> None:
    with pytest.raises(TopologyError) as caught:
        read(text)
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(LabError, match=r"none\.yml: cannot be read \(No such file or directory\)"):
        parse.read(str(tmp_path / "none.yml"))


def test_the_topologies_of_the_collection_are_right() -> None:
    names = sorted(path.stem for path in TOPOLOGIES.glob("*.yml"))
    assert {"dual_wan_partner", "healthy", "multihomed_server"} <= set(names)
    for name in names:
        assert parse.read(str(TOPOLOGIES / f"{name}.yml")).hosts


def test_the_file_in_the_documentation_is_right() -> None:
    page = (COLLECTION / "docs" / "lab.md").read_text(encoding="utf-8")
    topology = read(page.split("```yaml\n", 1)[1].split("```", 1)[0])
    assert [host.name for host in topology.hosts] == ["gw", "isp", "server", "monitor"]
    assert len(topology.hosts[0].routes) == 4 and len(topology.hosts[0].services) == 3
    assert (
        topology.delay(topology.ports("isp")[0]) == 500
        and topology.hosts[0].conntrackd
        and topology.hosts[0].keepalived
    )
