# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of the kernel's fib_tests.sh and fib_nexthops.sh: links that fail, metrics, next hops of every kind."""

from __future__ import annotations

import os

import pytest

from ansible_collections.netpath.symmetry.tests.oracle.compare import decide
from ansible_collections.netpath.symmetry.tests.oracle.scenario import ask, build, told
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
FOUR = Question(4, "203.0.113.1")
SIX = Question(6, "2001:db8:101::1")
PREFIX = {4: "203.0.113.0/24", 6: "2001:db8:101::/64"}
FIRST = {4: "10.0.1.2", 6: "2001:db8:1::2"}  # behind d0
SECOND = {4: "10.0.2.2", 6: "2001:db8:2::2"}  # behind d1
NO_ROUTE = "Network is unreachable"
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def question(family: int) -> Question:
    return FOUR if family == 4 else SIX


def leg(family: int, number: int) -> str:
    return f"via {(FIRST, SECOND)[number][family]} dev d{number}"


def both(family: int) -> str:
    return f"-{family} route add {PREFIX[family]} nexthop {leg(family, 0)} nexthop {leg(family, 1)}"


def takes(family: int, number: int, table: int = 254) -> str:
    return f"{(FIRST, SECOND)[number][family]} d{number} {table}"


def ignoring(family: int, value: int) -> dict[str, int]:
    return {f"ipv{family}/conf/{name}/ignore_routes_with_linkdown": value for name in ("d0", "d1")}


def branches(commands: list[str], family: int, sysctls: dict[str, int] | None = None) -> set[str]:
    """Every answer that the engine foretells; the kernel's must be one of them."""
    host = build(commands, sysctls)
    told_now = told(ask(host, question(family)))
    foretold = {f"{one.next_hop} {one.device}" for one in decide(host, question(family))}
    assert told_now.rsplit(" ", 1)[0] in foretold
    return foretold


@FAMILIES
def test_a_route_goes_with_its_interface(family: int) -> None:
    single = f"-{family} route add {PREFIX[family]} {leg(family, 0)}"
    assert told(ask(build([single]), question(family))) == takes(family, 0)
    assert told(ask(build([single, "link set d0 down"]), question(family))) == NO_ROUTE
    assert told(ask(build([single, "link del d0"]), question(family))) == NO_ROUTE


@FAMILIES
def test_of_a_multipath_route_the_leg_goes_whose_interface_is_down(family: int) -> None:
    assert len(branches([both(family)], family)) == 2
    assert branches([both(family), "link set d0 down"], family) == {f"{SECOND[family]} d1"}
    assert branches([both(family), "link set d1 down"], family) == {f"{FIRST[family]} d0"}


@FAMILIES
@pytest.mark.parametrize("ignore", [0, 1])
def test_a_leg_without_carrier_is_used_unless_such_routes_are_ignored(family: int, ignore: int) -> None:
    commands = [both(family), "link set d0p down"]
    expected = {f"{SECOND[family]} d1"} | (set() if ignore else {f"{FIRST[family]} d0"})
    assert branches(commands, family, ignoring(family, ignore)) == expected
    single = [f"-{family} route add {PREFIX[family]} {leg(family, 0)}", "link set d0p down"]
    expected_single = NO_ROUTE if ignore else takes(family, 0)
    assert told(ask(build(single, ignoring(family, ignore)), question(family))) == expected_single


@FAMILIES
def test_the_addresses_of_a_link_without_carrier_stay_the_hosts_own(family: int) -> None:
    own = {4: "10.0.1.1", 6: "2001:db8:1::1"}[family]
    host = build(["link set d0p down"], ignoring(family, 1))
    assert told(ask(host, Question(family, own))) == "local"


@FAMILIES
def test_the_lowest_metric_wins_and_the_next_follows_it(family: int) -> None:
    routes = [
        f"-{family} route add {PREFIX[family]} {leg(family, 0)} metric 2000",
        f"-{family} route add {PREFIX[family]} {leg(family, 1)} metric 100",
    ]
    assert told(ask(build(routes), question(family))) == takes(family, 1)
    gone = f"-{family} route del {PREFIX[family]} metric 100"
    assert told(ask(build([*routes, gone]), question(family))) == takes(family, 0)


@FAMILIES
def test_a_longer_prefix_wins_whatever_its_metric(family: int) -> None:
    host = {4: "203.0.113.1/32", 6: "2001:db8:101::1/128"}[family]
    routes = [
        f"-{family} route add {PREFIX[family]} {leg(family, 0)} metric 1",
        f"-{family} route add {host} {leg(family, 1)} metric 5000",
    ]
    assert told(ask(build(routes), question(family))) == takes(family, 1)


@FAMILIES
@pytest.mark.parametrize(
    ("kind", "error"),
    [("unreachable", "No route to host"), ("blackhole", "Invalid argument"), ("prohibit", "Permission denied")],
)
def test_routes_that_refuse(family: int, kind: str, error: str) -> None:
    host = build([f"-{family} route add {kind} {PREFIX[family]}", f"-{family} route add default {leg(family, 0)}"])
    assert told(ask(host, question(family))) == error


@FAMILIES
def test_a_throw_route_ends_its_table_only(family: int) -> None:
    host = build(
        [
            f"-{family} route add throw {PREFIX[family]} table 100",
            f"-{family} route add default {leg(family, 1)} table 100",
            f"-{family} route add default {leg(family, 0)}",
            f"-{family} rule add pref 100 lookup 100",
        ]
    )
    assert told(ask(host, question(family))) == takes(family, 0)


def test_a_tos_of_a_route_is_preferred_to_its_metric() -> None:
    host = build(
        [
            f"-4 route add {PREFIX[4]} {leg(4, 0)} metric 1",
            f"-4 route add {PREFIX[4]} tos 0x10 {leg(4, 1)} metric 500",
        ]
    )
    assert told(ask(host, Question(4, FOUR.dst, tos=0x10))) == takes(4, 1)
    assert told(ask(host, Question(4, FOUR.dst, tos=0x08))) == takes(4, 0)


@pytest.mark.parametrize("gateway", ["2001:db8:1::2", "fe80::2"])
def test_an_ipv4_route_may_have_an_ipv6_gateway(gateway: str) -> None:
    host = build([f"-4 route add {PREFIX[4]} via inet6 {gateway} dev d0"])
    assert told(ask(host, FOUR)) == f"{gateway} d0 254"


def test_a_gateway_that_is_the_hosts_own_address_says_that_all_is_on_link() -> None:
    host = build([f"-4 route add {PREFIX[4]} via 10.0.1.1 dev d0"])
    assert told(ask(host, FOUR)) == "on link d0 254"


@FAMILIES
def test_the_source_of_a_route_is_that_of_its_packets(family: int) -> None:
    other = {4: "10.0.2.1", 6: "2001:db8:2::1"}[family]
    host = build([f"-{family} route add {PREFIX[family]} {leg(family, 0)} src {other}"])
    assert ask(host, question(family)).source == other


@FAMILIES
def test_a_route_goes_with_the_address_that_is_its_source(family: int) -> None:
    second = {4: "10.0.2.1/24", 6: "2001:db8:2::1/64"}[family]
    route = f"-{family} route add {PREFIX[family]} {leg(family, 0)}"
    source = second.split("/")[0]
    commands = [f"{route} src {source}", f"-{family} addr del {second} dev d1"]
    answer = ask(build(commands), question(family))
    # IPv4 takes the route away; IPv6 keeps it without the source
    assert (told(answer) == NO_ROUTE) if family == 4 else (told(answer) == takes(6, 0) and answer.source != source)


# next-hop objects
def objects(family: int) -> list[str]:
    return [f"-{family} nexthop add id {number + 1} {leg(family, number)}" for number in (0, 1)]


@FAMILIES
def test_a_route_by_a_next_hop_object(family: int) -> None:
    host = build([*objects(family), f"-{family} route add {PREFIX[family]} nhid 2"])
    assert told(ask(host, question(family))) == takes(family, 1)


@FAMILIES
def test_a_group_spreads_over_its_members(family: int) -> None:
    commands = [*objects(family), "nexthop add id 10 group 1,3/2", f"-{family} route add {PREFIX[family]} nhid 10"]
    assert branches(commands, family) == {f"{FIRST[family]} d0", f"{SECOND[family]} d1"}
    shares = {one.device: one.share for one in decide(build(commands), question(family))}
    assert shares == {"d0": 0.75, "d1": 0.25}


@FAMILIES
def test_a_group_leaves_out_a_member_that_does_not_answer_or_whose_link_is_down(family: int) -> None:
    commands = [*objects(family), "nexthop add id 10 group 1/2", f"-{family} route add {PREFIX[family]} nhid 10"]
    failed = f"-{family} neigh replace {FIRST[family]} dev d0 nud failed"
    assert branches([*commands, failed], family) == {f"{SECOND[family]} d1"}
    assert branches([*commands, "link set d0 down"], family) == {f"{SECOND[family]} d1"}
    assert told(ask(build([*commands, "link set d0 down", "link set d1 down"]), question(family))) == NO_ROUTE


@FAMILIES
def test_a_blackhole_object_refuses(family: int) -> None:
    host = build([f"-{family} nexthop add id 5 blackhole", f"-{family} route add {PREFIX[family]} nhid 5"])
    assert told(ask(host, question(family))) == "Invalid argument"


def test_an_ipv4_route_may_name_an_ipv6_object() -> None:
    host = build([*objects(6), f"-4 route add {PREFIX[4]} nhid 1"])
    assert told(ask(host, FOUR)) == f"{FIRST[6]} d0 254"


@FAMILIES
def test_an_object_without_a_gateway_sends_on_link(family: int) -> None:
    host = build([f"-{family} nexthop add id 4 dev d1", f"-{family} route add {PREFIX[family]} nhid 4"])
    assert told(ask(host, question(family))) == "on link d1 254"
