# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules, tables and source addresses, as the kernel looks them up."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Lookup, Packet
from ansible_collections.netpath.symmetry.tests.unit.work import steps

Dict = dict[str, t.Any]


def a_host(routes: list[Dict], rules: list[Dict] | None = None, **facts: t.Any) -> Host:
    """A host with interfaces a, b and c; the local table holds their addresses."""
    interfaces = {
        "lo": {"index": 1, "kind": "loopback"},
        "a": {"index": 2, "addresses": [{"family": 4, "address": "10.0.1.1", "prefixlen": 24}]},
        "b": {"index": 3, "group": 7, "addresses": [{"family": 4, "address": "10.0.2.1", "prefixlen": 24}]},
        "c": {"index": 4, "addresses": [{"family": 6, "address": "2001:db8:3::1", "prefixlen": 64}]},
    }
    base = [{"family": 4, "priority": 0, "table": 255}, {"family": 4, "priority": 32766, "table": 254}]
    given = sorted([*base, *(rules or [])], key=lambda rule: rule["priority"]) if rules else []
    return Host.from_facts(
        "r", {"kernel": "6.18.1", "interfaces": interfaces, "routes": routes, "rules": given, **facts}
    )


def route(dst: str, device: str | None = None, table: int = 254, **fields: t.Any) -> Dict:
    gateway = fields.pop("gateway", None)
    leg = {"device": device, **({"gateway": gateway} if gateway else {})}
    return {
        "family": 6 if ":" in dst else 4,
        "table": table,
        "dst": dst,
        **({"nexthops": [leg]} if device else {}),
        **fields,
    }


def rule(priority: int, table: int | None = 100, **fields: t.Any) -> Dict:
    return {"family": 4, "priority": priority, **({"table": table} if table else {}), **fields}


def look(host: Host, text: str, iif: str | None = "a", **packet: t.Any) -> Lookup:
    return host.lookup(Packet(Flow.parse(text), **packet), iif)


def device_of(lookup: Lookup) -> str | None:
    assert not lookup.unknown
    (branch,) = lookup.branches
    return branch.device if branch.kind == "forward" else branch.reason or branch.kind


TCP = "tcp 10.9.0.5:1000 > 20.1.1.5:80"


def test_longest_prefix_then_tos_then_metric() -> None:
    host = a_host(
        [
            route("0.0.0.0/0", "a"),
            route("20.1.1.0/24", "a", metric=20),
            route("20.1.1.0/24", "b", metric=10),
            route("20.1.1.0/24", "c", tos=0x10, metric=99),
        ]
    )
    assert device_of(look(host, TCP)) == "b"
    assert device_of(look(host, TCP, tos=0x10)) == "c"
    assert device_of(look(host, "tcp 10.9.0.5:1000 > 20.1.2.5:80")) == "a"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("unreachable", "unreachable"), ("blackhole", "blackhole"), ("prohibit", "prohibit"), ("throw", "b")],
)
def test_route_types_end_the_lookup_and_throw_goes_on(kind: str, expected: str) -> None:
    host = a_host([route("20.0.0.0/8", table=100, type=kind), route("0.0.0.0/0", "b")], [rule(50)])
    assert device_of(look(host, TCP)) == expected


def test_a_suppressed_result_goes_on_with_the_next_rule() -> None:
    routes = [route("0.0.0.0/0", "b", table=100), route("0.0.0.0/0", "a")]
    assert device_of(look(a_host(routes, [rule(50)]), TCP)) == "b"
    assert device_of(look(a_host(routes, [rule(50, suppress_prefixlength=0)]), TCP)) == "a"
    assert device_of(look(a_host(routes, [rule(50, suppress_ifgroup=7)]), TCP)) == "a"


def test_ipv6_suppresses_the_leg_that_is_chosen_and_ipv4_by_the_first() -> None:
    legs = [{"device": "a", "gateway": "fe80::1"}, {"device": "b", "gateway": "fe80::2"}]
    routes = [{"family": 6, "table": 100, "dst": "::/0", "nexthops": legs}, route("::/0", "c", metric=1)]
    base = [{"family": 6, "priority": 32766, "table": 254}]
    host = a_host(routes, [*base, {"family": 6, "priority": 50, "table": 100, "suppress_ifgroup": 7}])
    unknown = look(host, "udp [2001:db8::5]:9 > [2001:db8:9::1]:53").unknown
    assert "rule 50 may suppress ::/0: it suppresses some legs" in unknown
    four = [{"family": 4, "table": 100, "dst": "0.0.0.0/0", "nexthops": legs}, route("0.0.0.0/0", "c")]
    assert set(shares(look(a_host(four, [rule(50, suppress_ifgroup=7)]), TCP))) == {"a", "b"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({"src": "10.9.0.0/16"}, True),
        ({"src": "10.8.0.0/16"}, False),
        ({"dst": "20.1.1.5/32"}, True),
        ({"iif": "a"}, True),
        ({"iif": "b"}, False),
        ({"iif": "lo"}, False),
        ({"oif": "b"}, False),
        ({"fwmark": 0x10, "fwmask": 0xF0}, True),
        ({"fwmark": 0x10}, False),
        ({"ipproto": 6}, True),
        ({"ipproto": 17}, False),
        ({"sport": [900, 1100]}, True),
        ({"dport": [81, 90]}, False),
        ({"uidrange": [0, 0]}, True),
        ({"uidrange": [5, 9]}, False),
        ({"tos": 0x10}, False),
        ({"dscp": 0}, True),
        ({"tun_id": 5}, False),
        ({"l3mdev": True}, False),
    ],
)
@pytest.mark.parametrize("invert", [False, True])
def test_selectors(selector: Dict, matches: bool, invert: bool) -> None:
    table = None if selector.get("l3mdev") else 100
    host = a_host(
        [route("0.0.0.0/0", "b", table=100), route("0.0.0.0/0", "a")], [rule(50, table, invert=invert, **selector)]
    )
    assert device_of(look(host, TCP, mark=0x15)) == ("b" if (matches != invert and table) else "a")


def test_goto_nop_and_an_unresolved_target() -> None:
    routes = [route("0.0.0.0/0", "b", table=100), route("0.0.0.0/0", "a")]
    jump = rule(10, None, action="goto", goto=60)
    assert device_of(look(a_host(routes, [jump, rule(50)]), TCP)) == "b"  # nothing at 60: the rule is skipped
    assert device_of(look(a_host(routes, [jump, rule(50), rule(60, None, action="nop")]), TCP)) == "a"
    assert device_of(look(a_host(routes, [rule(50, None, action="prohibit")]), TCP)) == "prohibit"


def test_a_port_that_is_not_known_is_certain_only_where_it_makes_no_difference() -> None:
    routes = [route("0.0.0.0/0", "b", table=100), route("0.0.0.0/0", "a")]
    text = "tcp 10.9.0.5 > 20.1.1.5:80"
    assert "rule 50" in look(a_host(routes, [rule(50, sport=[1, 1023])]), text).unknown
    assert device_of(look(a_host(routes, [rule(50, sport=[1, 65535])]), text)) == "b"
    assert device_of(look(a_host(routes, [rule(50, sport=[1, 1023]), rule(51, 100)]), text)) == "b"


def test_a_selector_that_was_not_decoded_gives_unknown_with_its_name() -> None:
    routes = [route("0.0.0.0/0", "b", table=100), route("0.0.0.0/0", "a")]
    assert "flowlabel 7" in look(a_host(routes, [rule(50, unknown=["flowlabel 7"])]), TCP).unknown
    assert device_of(look(a_host(routes, [rule(50, src="1.0.0.0/8", unknown=["flowlabel 7"])]), TCP)) == "a"


def test_an_interface_that_is_asked_for_falls_back_to_a_shorter_prefix() -> None:
    host = a_host([route("20.1.1.0/24", "a"), route("20.0.0.0/8", "b", gateway="10.0.2.9")])
    (branch,) = host.lookup(Packet(Flow.parse("tcp 10.0.2.1:9 > 20.1.1.5:80")), oif="b").branches
    assert (branch.device, branch.next_hop) == ("b", "10.0.2.9")
    (branch,) = host.lookup(Packet(Flow.parse("tcp 10.0.2.1:9 > 30.1.1.5:80")), oif="b").branches
    assert (branch.device, branch.next_hop) == ("b", "30.1.1.5")  # no route: taken to be on link


def multipath(**fields: t.Any) -> Dict:
    legs = [{"device": "a", "gateway": "10.0.1.2"}, {"device": "b", "gateway": "10.0.2.2", "weight": 3}]
    return {"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": legs, **fields}


def shares(lookup: Lookup) -> dict[str | None, float]:
    return {branch.device: branch.share for branch in lookup.branches}


def test_every_leg_of_a_multipath_route_has_its_share() -> None:
    host = a_host([multipath()])
    assert shares(look(host, TCP)) == {"a": 0.25, "b": 0.75}
    # since 6.16 packets of the host itself keep to the leg that has their source address
    assert shares(look(host, "tcp 10.0.2.1:9 > 20.1.1.5:80", None)) == {"b": 1.0}
    older = a_host([multipath()], kernel="6.12.9")
    assert shares(look(older, "tcp 10.0.2.1:9 > 20.1.1.5:80", None)) == {"a": 0.25, "b": 0.75}


def test_legs_that_cannot_be_taken_leave_their_share_to_others() -> None:
    route_ = multipath()
    route_["nexthops"][0]["flags"] = ["linkdown"]
    assert shares(look(a_host([route_]), TCP)) == {"a": 0.25, "b": 0.75}
    ignoring = {"all": {"ignore_routes_with_linkdown": 1}}
    assert shares(look(a_host([route_], interface_sysctls=ignoring), TCP)) == {"b": 1.0}
    failed = [{"family": 4, "address": "10.0.2.2", "device": "b", "state": "failed"}]
    assert shares(look(a_host([multipath()], neighbours=failed), TCP)) == {"a": 0.25, "b": 0.75}
    assert shares(look(a_host([multipath(nhid=9)], neighbours=failed), TCP)) == {"a": 1.0}
    failed[0].update(address="10.0.1.2", device="a")
    assert shares(look(a_host([multipath(nhid=9)], neighbours=failed), TCP)) == {"b": 1.0}


@pytest.mark.parametrize(("kernel", "expected"), [("6.1.0", {"a": 1.0}), ("6.18.1", {"b": 1.0})])
def test_where_no_leg_is_good_older_kernels_fall_back_to_a_dead_one(kernel: str, expected: dict[str, float]) -> None:
    """Seen on Debian's 6.1: nobody has asked the gateway behind a dead leg, so that it passes for good."""
    route_ = multipath()
    route_["nexthops"][0]["flags"] = ["dead", "linkdown"]
    failed = [{"family": 4, "address": "10.0.2.2", "device": "b", "state": "failed"}]
    sysctls = {"net/ipv4/fib_multipath_use_neigh": 1}
    assert shares(look(a_host([route_], kernel=kernel, neighbours=failed, sysctls=sysctls), TCP)) == expected


def test_an_unlisted_route_could_be_a_better_answer() -> None:
    incomplete: Dict = {
        "parts": {"routes": {"complete": False, "covered": ["20.1.1.0/24"]}},
        "route_counts": {"4": {"254": 900}},
    }
    host = a_host([route("0.0.0.0/0", "a")], **incomplete)
    assert device_of(look(host, TCP)) == "a"
    assert "table 254" in look(host, "tcp 10.9.0.5:1 > 30.1.1.5:80").unknown


def test_ipv6_prefers_the_route_by_the_input_interface_among_equals() -> None:
    host = a_host([route("2001:db8:9::/48", "a", metric=1024), route("2001:db8:9::/48", "b", metric=1024)])
    text = "udp [2001:db8:1::5]:9 > [2001:db8:9::1]:53"
    assert [device_of(look(host, text, iif)) for iif in ("a", "b", "c")] == ["a", "b", "a"]


def test_source_address() -> None:
    routes = [
        route("0.0.0.0/0", "b", gateway="10.0.2.9"),
        route("30.0.0.0/8", "b", prefsrc="10.0.1.1"),
        route("2000::/3", "c"),
    ]
    host = a_host(routes)
    chosen = {
        text: host.lookup(Packet(Flow("udp", "::" if ":" in text else "0.0.0.0", text, None, 53))).branches[0].source
        for text in ("20.1.1.5", "30.1.1.5", "2001:db8:9::1", "10.0.1.1")
    }
    assert list(chosen.values()) == ["10.0.2.1", "10.0.1.1", "2001:db8:3::1", "10.0.1.1"]


def test_local_addresses_and_unknown_interfaces() -> None:
    host = a_host([route("0.0.0.0/0", "b")])
    assert (host.owns("10.0.1.1"), host.owns("2001:db8:3::1"), host.owns("10.0.1.7")) == ("a", "c", None)
    assert device_of(look(host, "tcp 10.9.0.5:1 > 10.0.2.1:80")) == "local"
    with pytest.raises(ValueError, match="no interface 'eth9'"):
        look(host, TCP, "eth9")


def test_a_lookup_is_as_much_work_among_many_routes_as_among_few() -> None:
    def ask(host: Host) -> None:
        for number in range(20):  # each another destination, so that nothing is remembered
            assert device_of(look(host, f"tcp 10.9.0.5:1000 > 20.0.{number}.5:80", "a")) == "b"

    def taken(count: int) -> int:
        host = a_host([route(f"20.{number // 256}.{number % 256}.0/24", "b") for number in range(count)])
        look(host, "tcp 10.9.0.5:1000 > 20.0.19.6:80", "a")  # what is made for the first lookup
        return steps(lambda: ask(host))

    assert taken(4_000) < 1.5 * taken(20)


LOCAL_AND_MAIN = [
    {"family": 4, "table": 255, "dst": "20.1.0.0/16", "type": "local", "nexthops": [{"device": "lo"}]},
    {"family": 4, "table": 254, "dst": "20.1.1.0/24", "nexthops": [{"device": "b"}]},
    {"family": 4, "table": 254, "dst": "20.1.2.0/24", "type": "prohibit"},
    {"family": 4, "table": 253, "dst": "0.0.0.0/0", "nexthops": [{"device": "c"}]},
]


@pytest.mark.parametrize(("merged", "expected"), [(True, "b"), (False, "local")])
def test_the_longest_prefix_of_local_and_main_wins_until_a_rule_is_added_or_deleted(
    merged: bool, expected: str
) -> None:
    host = a_host(LOCAL_AND_MAIN, local_table_merged=merged)
    assert device_of(look(host, TCP)) == expected
    assert device_of(look(host, "tcp 10.9.0.5:1000 > 20.1.3.5:80")) == "local"
    assert device_of(look(host, "tcp 10.9.0.5:1000 > 20.1.2.5:80")) == ("prohibit" if merged else "local")
    assert device_of(look(host, "tcp 10.9.0.5:1000 > 30.1.2.5:80")) == "c"


def test_where_it_was_not_read_whether_local_and_main_are_one_only_what_depends_on_it_is_unknown() -> None:
    host = a_host(LOCAL_AND_MAIN)
    assert "local and the main table as one was not read" in look(host, TCP).unknown
    assert device_of(look(host, "tcp 10.9.0.5:1000 > 20.1.3.5:80")) == "local"
    assert device_of(look(host, "tcp 10.9.0.5:1000 > 30.1.2.5:80")) == "c"


GROUP = [{"device": "a", "gateway": "10.0.1.2"}, {"device": "b", "gateway": "fe80::2"}]


@pytest.mark.parametrize(
    ("legs", "kernel", "expected"),
    [
        (GROUP, "6.18.1", {"a": 1.0}),
        (GROUP, "6.1.0-56-cloud-amd64", {"a": 1.0}),
        (GROUP, "5.15.0", {"a": 0.5, "b": 0.5}),  # the hash ends at the last member, though it has failed
        (GROUP[::-1], "5.15.0", {"a": 1.0}),
    ],
)
def test_a_member_of_a_group_that_does_not_answer_leaves_its_share(
    legs: list[Dict], kernel: str, expected: dict[str, float]
) -> None:
    failed = [{"family": 6, "address": "fe80::2", "device": "b", "state": "failed"}]  # of an IPv4 route
    routes = [{"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": legs, "nhid": 10}]
    assert shares(look(a_host(routes, kernel=kernel, neighbours=failed), TCP)) == expected
    assert shares(look(a_host(routes, kernel=kernel), TCP)) == {"a": 0.5, "b": 0.5}


def six(table: int, dst: str, device: str, **fields: t.Any) -> Dict:
    leg = {"device": device, "gateway": "fe80::1"}
    return {"family": 6, "table": table, "dst": dst, "metric": 1024, "nexthops": [leg], **fields}


def test_of_a_group_of_ipv6_next_hop_objects_the_first_member_is_scored_and_all_are_taken() -> None:
    legs = [{"device": "b", "gateway": "fe80::1"}, {"device": "a", "gateway": "fe80::1"}]
    group = six(254, "::/0", "", nexthops=legs, nhid=7)
    question = "udp [2001:db8::5]:9 > [2001:db8:9::1]:53"
    assert shares(look(a_host([group]), question)) == {"a": 0.5, "b": 0.5}
    assert shares(look(a_host([group, six(254, "::/0", "a")]), question)) == {"a": 1.0}  # it came in on a
    failed = [{"family": 6, "address": "fe80::1", "device": "b", "state": "failed"}]
    assert shares(look(a_host([group], neighbours=failed), question)) == {"a": 1.0}


def test_a_blackhole_next_hop_object_needs_no_interface() -> None:
    routes: list[Dict] = [{"family": 6, "table": 254, "dst": "::/0", "type": "blackhole", "metric": 1024, "nhid": 5}]
    packet = Packet(Flow.parse("udp [::]:9 > [2001:db8:9::1]:53"))
    (branch,) = a_host(routes).lookup(packet, oif="b").branches
    assert (branch.kind, branch.reason) == ("drop", "blackhole")


@pytest.mark.parametrize(
    ("states", "devices"),
    [
        ({}, {"a"}),  # never asked for: taken to be alive
        ({"a": "failed"}, {"b"}),
        ({"a": "failed", "b": "reachable"}, {"b"}),
        ({"a": "stale", "b": "reachable"}, {"a", "b"}),  # by turns
        ({"a": "failed", "b": "failed"}, {"a", "b"}),  # the first not taken before
        ({"a": "incomplete", "b": "incomplete"}, {"a"}),
    ],
)
def test_of_equal_default_routes_the_host_takes_one_whose_gateway_lives(
    states: dict[str, str], devices: set[str]
) -> None:
    gateways = {"a": "10.0.1.2", "b": "10.0.2.2"}
    routes = [route("0.0.0.0/0", name, gateway=gateway) for name, gateway in gateways.items()]
    routes += [route("0.0.0.0/0", "c", metric=5, gateway="10.0.3.2")]
    neighbours = [
        {"family": 4, "device": name, "address": gateways[name], "state": state} for name, state in states.items()
    ]
    lookup = look(a_host(routes, neighbours=neighbours), "tcp 10.0.1.1:1000 > 20.1.1.5:80", iif=None)
    assert {branch.device for branch in lookup.branches} == devices
    assert device_of(look(a_host(routes, neighbours=neighbours), TCP)) == "a"  # what is forwarded takes the first


def test_a_processor_takes_the_prefix_of_another_ipv6_route_with_the_same_next_hop_object() -> None:
    gateway = [{"device": "a", "gateway": "fe80::1"}]
    routes: list[Dict] = [
        {"family": 6, "table": 100, "dst": "2001:db8::/32", "nexthops": gateway, "nhid": 5},
        {"family": 6, "table": 254, "dst": "::/0", "nexthops": [{"device": "c"}]},
    ]
    rules = [
        {"family": 6, "priority": 50, "table": 100, "suppress_prefixlength": 16},
        {"family": 6, "priority": 32766, "table": 254},
    ]
    question = "udp [2001:db8::5]:9 > [2001:db8:9::1]:53"
    assert device_of(look(a_host(routes, rules), question)) == "a"
    sharing = {"family": 6, "table": 100, "dst": "3000::/8", "nexthops": gateway, "nhid": 9}
    groups = [{"id": 9, "members": [{"id": 5, "weight": 1}]}]
    lookup = look(a_host([*routes, sharing], rules, nexthop_groups=groups), question)
    assert "another route with its next-hop object" in lookup.unknown


def test_a_rule_suppresses_equal_default_routes_by_the_one_that_matched() -> None:
    routes = [
        route("0.0.0.0/0", "a", table=100, gateway="10.0.1.2"),
        route("0.0.0.0/0", "b", table=100, gateway="10.0.2.2"),
        route("0.0.0.0/0", "c"),
    ]
    failed = [{"family": 4, "device": "a", "address": "10.0.1.2", "state": "failed"}]
    host = a_host(routes, [rule(50, suppress_ifgroup=7)], neighbours=failed)  # the group of b
    assert device_of(look(host, "tcp 10.0.1.1:1000 > 20.1.1.5:80", iif=None)) == "b"


def test_a_source_that_the_scope_of_a_route_lets_be_loopback_may_not_leave() -> None:
    loopback = {"index": 1, "kind": "loopback", "addresses": [{"family": 4, "address": "127.0.0.1", "prefixlen": 8,
                                                               "scope": "host"}]}
    interfaces = {"lo": loopback, "a": {"index": 2}}
    host = Host.from_facts("r", {"interfaces": interfaces, "routes": [route("0.0.0.0/0", "a", scope="host")]})
    (decision,) = routing.route_output(host, Packet(Flow.parse("udp 0.0.0.0:9 > 20.1.1.5:53")))
    assert (decision.outcome, decision.reason) == ("drop", "martian")


def test_an_ipv6_host_passes_over_a_router_that_failed_but_not_over_one_that_is_still_asked_for() -> None:
    routes = [six(254, "::/0", "a", metric=10), six(254, "::/0", "b")]
    question = "udp [2001:db8::5]:9 > [2001:db8:9::1]:53"
    for state, device in (("failed", "b"), ("incomplete", "a")):
        neighbours = [{"family": 6, "address": "fe80::1", "device": "a", "state": state}]
        assert device_of(look(a_host(routes, neighbours=neighbours), question, iif="c")) == device


def test_a_gateway_that_is_an_address_of_the_interface_says_that_all_is_on_link() -> None:
    (branch,) = look(a_host([route("20.0.0.0/8", "a", gateway="10.0.1.1")]), TCP).branches
    assert (branch.device, branch.next_hop) == ("a", "20.1.1.5")
    (branch,) = look(a_host([route("20.0.0.0/8", "b", gateway="10.0.1.1")]), TCP).branches
    assert branch.next_hop == "10.0.1.1"
