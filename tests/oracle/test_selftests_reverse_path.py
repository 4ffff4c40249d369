# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of the kernel's rpath.sh, nft_fib.sh and of rp_filter in fib_tests.sh: is this the way back?"""

from __future__ import annotations

import dataclasses
import os
import subprocess

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netfilter
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit
from ansible_collections.netpath.symmetry.tests.oracle import kernel
from ansible_collections.netpath.symmetry.tests.oracle.scenario import ask, build, told
from ansible_collections.netpath.symmetry.tests.oracle.wires import Wires
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
# 203.0.113.0/24 is behind d0, 198.51.100.0/24 behind d1
ROUTES = (
    "-4 route add 203.0.113.0/24 via 10.0.1.2 dev d0",
    "-4 route add 198.51.100.0/24 via 10.0.2.2 dev d1",
    "-6 route add 2001:db8:113::/48 via 2001:db8:1::2 dev d0",
    "-6 route add 2001:db8:100::/48 via 2001:db8:2::2 dev d1",
)
DROPPED = "Invalid argument"
PASSED = "10.0.2.2 d1 254"


def arriving(source: str, iif: str, destination: str = "198.51.100.9", mark: int = 0) -> Question:
    return Question(4, destination, source, iif, mark=mark)


def rp_filter(everywhere: int, own: int, **others: int) -> dict[str, int]:
    settings = {"ipv4/conf/all/rp_filter": everywhere}
    for name in ("d0", "d1", "d2"):
        settings[f"ipv4/conf/{name}/rp_filter"] = own
        settings.update({f"ipv4/conf/{name}/{key}": value for key, value in others.items()})
    return settings


@pytest.mark.parametrize(
    ("everywhere", "own", "right", "wrong", "nowhere"),
    [
        (0, 0, PASSED, PASSED, PASSED),
        (0, 1, PASSED, DROPPED, DROPPED),
        (1, 0, PASSED, DROPPED, DROPPED),
        (0, 2, PASSED, PASSED, DROPPED),
        (2, 1, PASSED, PASSED, DROPPED),  # the greater number counts, which is the looser one
        (1, 2, PASSED, PASSED, DROPPED),
    ],
)
def test_modes(everywhere: int, own: int, right: str, wrong: str, nowhere: str) -> None:
    host = build(ROUTES, rp_filter(everywhere, own))
    assert told(ask(host, arriving("203.0.113.9", "d0"))) == right
    assert told(ask(host, arriving("203.0.113.9", "d1"))) == wrong
    assert told(ask(host, arriving("192.0.2.9", "d0"))) == nowhere


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_a_source_that_is_the_hosts_own_is_martian_unless_that_is_allowed(mode: int) -> None:
    host = build(ROUTES, rp_filter(0, mode))
    assert told(ask(host, arriving("10.0.2.1", "d0"))) == DROPPED
    allowed = build(ROUTES, rp_filter(0, mode, accept_local=1))
    assert told(ask(allowed, arriving("10.0.2.1", "d0"))) == (DROPPED if mode == 1 else PASSED)


@pytest.mark.parametrize(("mode", "expected"), [(0, PASSED), (1, DROPPED), (2, DROPPED)])
def test_an_interface_without_an_address_accepts_only_its_own_way_back(mode: int, expected: str) -> None:
    host = build([*ROUTES, "-4 route add 192.0.2.0/24 dev d2"], rp_filter(0, mode))
    assert told(ask(host, arriving("203.0.113.9", "d2"))) == expected
    assert told(ask(host, arriving("192.0.2.9", "d2"))) == PASSED


def test_any_leg_of_a_multipath_route_is_a_way_back() -> None:
    legs = "nexthop via 10.0.1.2 dev d0 nexthop via 10.0.2.2 dev d1"
    host = build([*ROUTES, f"-4 route add 192.0.2.0/24 {legs}"], rp_filter(0, 1))
    assert {told(ask(host, arriving("192.0.2.9", name))) for name in ("d0", "d1")} == {PASSED}


@pytest.mark.parametrize(("valid", "expected"), [(0, DROPPED), (1, "local")])
def test_a_mark_counts_for_the_way_back_only_if_that_is_set(valid: int, expected: str) -> None:
    marked = "-4 rule add pref 100 fwmark 7 lookup 100"
    commands = [*ROUTES, marked, "-4 route add default via 10.0.1.2 dev d0 table 100"]
    host = build(commands, rp_filter(0, 1, src_valid_mark=valid))
    assert told(ask(host, arriving("192.0.2.9", "d0", "10.0.2.1", mark=7))) == expected


@pytest.mark.parametrize(("rule", "expected"), [("iif d1", PASSED), ("iif d0", DROPPED), ("iif lo", DROPPED)])
def test_a_rule_sees_the_way_out_as_the_interface_of_the_way_back(rule: str, expected: str) -> None:
    commands = [*ROUTES, f"-4 rule add pref 100 {rule} to 192.0.2.0/24 lookup 100"]
    host = build([*commands, "-4 route add default via 10.0.1.2 dev d0 table 100"], rp_filter(0, 1))
    assert told(ask(host, arriving("192.0.2.9", "d0"))) == expected


def test_the_ports_of_the_way_back_are_swapped() -> None:
    commands = [*ROUTES, "-4 rule add pref 100 ipproto udp sport 80 to 192.0.2.0/24 lookup 100"]
    host = build([*commands, "-4 route add default via 10.0.1.2 dev d0 table 100"], rp_filter(0, 1))
    packet = arriving("192.0.2.9", "d0")
    assert told(ask(host, dataclasses.replace(packet, sport=5000, dport=80))) == PASSED
    assert told(ask(host, dataclasses.replace(packet, sport=80, dport=5000))) == DROPPED


@pytest.mark.parametrize(("kind", "expected"), [("unreachable", DROPPED), ("blackhole", DROPPED), ("throw", DROPPED)])
def test_a_way_back_that_refuses_is_none(kind: str, expected: str) -> None:
    for mode in (1, 2):
        host = build([*ROUTES, f"-4 route add {kind} 192.0.2.0/24"], rp_filter(0, mode))
        assert told(ask(host, arriving("192.0.2.9", "d0"))) == expected
    off = build([*ROUTES, f"-4 route add {kind} 192.0.2.0/24"], rp_filter(0, 0))
    assert told(ask(off, arriving("192.0.2.9", "d0"))) == PASSED


# with packets: what nftables finds of the way back, which no `ip route get` tells
STRICT = "fib saddr . iif oif missing drop"
LOOSE = "fib saddr oif missing drop"
MARKED = "fib saddr . mark . iif oif missing drop"


def passes(rule: str, source: str, iif: str, extra: tuple[str, ...] = ()) -> bool:
    """Whether a real packet gets through a router with that rule; the engine must say the same."""
    six = ":" in source
    destination, gateway = ("2001:db8:100::9", "2001:db8:2::2") if six else ("198.51.100.9", "10.0.2.2")
    neighbour = f"-{6 if six else 4} neigh replace {gateway} dev d1 lladdr 02:00:00:00:00:99 nud permanent"
    build([*ROUTES, *extra, neighbour])
    ruleset = f"table inet t {{ chain c {{ type filter hook prerouting priority raw; {rule}; }}; }}"
    subprocess.run(["nft", "-f", "-"], input=ruleset, text=True, check=True)
    host = Host.from_facts("host", {**kernel.read_settled_facts(), "netfilter": netfilter.read()[0]})
    packet = Packet(Flow("udp", source, destination, 5000, 53))
    foretold = {fate.outcome == "forward" for fate in transit.forward(host, Tracker(), packet, iif)}
    macs = {name: bytes.fromhex((host.interfaces[name].mac or "").replace(":", "")) for name in ("d0", "d1")}
    wires = Wires({name: f"{name}p" for name in macs}, macs)
    try:
        wires.drain()
        wires.send(iif, packet)
        caught = wires.catch(0.2, False)
    finally:
        wires.close()
    real = caught is not None and caught.flow.destination == destination
    assert foretold == {real}
    return real


RIGHT_WRONG_NOWHERE = [
    (("203.0.113.9", "d0"), ("203.0.113.9", "d1"), ("192.0.2.9", "d0")),
    (("2001:db8:113::9", "d0"), ("2001:db8:113::9", "d1"), ("2001:db8:77::9", "d0")),
]


@pytest.mark.parametrize(("right", "wrong", "nowhere"), RIGHT_WRONG_NOWHERE)
def test_nftables_knows_the_way_back(
    right: tuple[str, str], wrong: tuple[str, str], nowhere: tuple[str, str]
) -> None:
    assert [passes(STRICT, *case) for case in (right, wrong, nowhere)] == [True, False, False]
    assert [passes(LOOSE, *case) for case in (right, wrong, nowhere)] == [True, True, False]


@pytest.mark.parametrize(("mark", "expected"), [(7, True), (8, False)])
def test_nftables_asks_for_the_way_back_of_the_mark_where_the_rule_says_so(mark: int, expected: bool) -> None:
    extra = (
        "-4 rule add pref 100 fwmark 7 lookup 100",
        "-4 route add default via 10.0.1.2 dev d0 table 100",
        "-4 route add 198.51.100.0/24 via 10.0.2.2 dev d1 table 100",
    )
    assert passes(f"meta mark set {mark}; {MARKED}", "192.0.2.9", "d0", extra) is expected
