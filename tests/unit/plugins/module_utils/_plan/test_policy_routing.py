# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner of tables, routes and rules."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import simulate
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import read_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host, Session
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.policy_routing import Options, plan

INTERFACES = {
    "wan_a": {
        "up": True,
        "addresses": [
            {"family": 4, "address": "198.51.100.2", "prefixlen": 30},
            {"family": 6, "address": "2001:db8:a::2", "prefixlen": 64},
        ],
    },
    "wan_b": {"up": True, "addresses": [{"family": 4, "address": "198.51.100.6", "prefixlen": 30}]},
    "v0.100": {"up": True, "addresses": [{"family": 4, "address": "10.1.0.1", "prefixlen": 24}]},
    "down0": {"up": False, "addresses": [{"family": 4, "address": "10.2.0.1", "prefixlen": 24}]},
}
RULES = (
    Rule(4, 0, table=255),
    Rule(4, 32766, table=254),
    Rule(4, 32767, table=253),
    Rule(6, 0, table=255),
    Rule(6, 32766, table=254),
)
ROUTES = (
    Route(4, 254, "0.0.0.0/0", nexthops=(NextHop("wan_b", "198.51.100.5"),)),
    Route(4, 254, "198.51.100.0/30", scope="link", protocol=2, nexthops=(NextHop("wan_a"),)),
    Route(4, 254, "198.51.100.4/30", scope="link", protocol=2, nexthops=(NextHop("wan_b"),)),
)
HOST = Host(RULES, ROUTES, INTERFACES, {"named": 10600, "far": 100})
PINS = {"name": "pins", "routes": [{"dst": "203.0.113.0/25", "gateway": "198.51.100.1"}]}


def planned(tables: list, rules: list, host: Host = HOST, **options: object) -> Plan:
    return plan(host, read_desired(tables, rules), Options(**{"scope": "manual", **options}))


def after(host: Host, found: Plan) -> Host:
    rules, routes = simulate.after(host.rules, host.routes, found.changes)
    return dataclasses.replace(host, rules=tuple(rules), routes=tuple(routes))


def test_builds_the_table_before_the_rule() -> None:
    found = planned([PINS], [{"table": "pins"}])
    assert [(c.kind, c.op) for c in found.changes] == [("route", "add"), ("rule", "add")]
    assert found.after == (
        "# ip rule\n10500:\tfrom all lookup 10500 proto 83\n"
        "# ip route show table 10500\n203.0.113.0/25 via 198.51.100.1 dev wan_a proto 83\n"
    )


def test_changed_content_gets_a_fresh_table_and_the_rule_switches() -> None:
    host = after(HOST, planned([PINS], [{"table": "pins"}]))
    other = {"name": "pins", "routes": [{"dst": "203.0.113.0/25", "gateway": "198.51.100.5"}]}
    found = planned([other], [{"table": "pins"}], host)
    assert [command.split(" proto")[0] for command in found.result()["commands"]] == [
        "ip route add 203.0.113.0/25 table 10501",
        "ip rule add priority 10500 from all lookup 10501",
        "ip rule del priority 10500 from all lookup 10500",
        "ip route del 203.0.113.0/25 table 10500",
    ]
    assert not planned([other], [{"table": "pins"}], after(host, found)).changes


def test_only_the_scope_is_purged() -> None:
    mine = Rule(4, 10501, table=10501, src="10.9.0.0/16", protocol=83)
    foreign = Rule(4, 10502, table=10501, src="10.8.0.0/16")
    other_scope = Rule(4, 10100, table=10100, protocol=83)
    routes = (
        Route(4, 10501, "10.0.0.0/8", protocol=83, nexthops=(NextHop("wan_a", "198.51.100.1"),)),
        Route(4, 10501, "10.1.0.0/16", nexthops=(NextHop("wan_a", "198.51.100.1"),)),
        Route(4, 10100, "10.0.0.0/8", protocol=83, nexthops=(NextHop("wan_a", "198.51.100.1"),)),
    )
    host = dataclasses.replace(HOST, rules=(*RULES, mine, foreign, other_scope), routes=(*ROUTES, *routes))
    found = planned([], [], host)
    assert [(c.op, c.before) for c in found.changes] == [("delete", mine), ("delete", routes[0])]


def test_a_fresh_table_is_one_that_nobody_uses() -> None:
    routes = (Route(4, 10500, "10.0.0.0/8", nexthops=(NextHop("wan_a", "198.51.100.1"),)),)
    host = dataclasses.replace(HOST, rules=(*RULES, Rule(4, 5, table=10501)), routes=(*ROUTES, *routes))
    found = planned([PINS], [{"table": "pins", "src": "10.0.0.1"}], host)
    assert {c.subject.table for c in found.changes} == {10502}


def test_priorities_stay_when_the_list_changes() -> None:
    rules = [{"src": f"10.0.0.{n}", "table": "pins"} for n in (1, 2, 3)]
    host = after(HOST, planned([PINS], rules))
    found = planned([PINS], [rules[0], rules[2]], host)
    assert [(c.op, c.before.priority) for c in found.changes] == [("delete", 10501)]


def test_a_new_first_rule_stands_in_front_of_the_others() -> None:
    rules = [{"src": f"10.0.0.{n}", "table": "pins"} for n in (1, 2)]
    host = after(HOST, planned([PINS], rules))
    new = [{"table": "main", "suppress_prefixlength": 0, "family": 4}, *rules]
    result = after(host, planned([PINS], new, host))
    own = [rule for rule in result.rules if rule.protocol == 83]
    assert [rule.src for rule in own] == [None, "10.0.0.1/32", "10.0.0.2/32"]
    assert not planned([PINS], new, result).changes


def test_a_full_slice_is_numbered_anew() -> None:
    rules = [{"src": f"10.0.{n}.0/24", "table": "pins"} for n in range(200)]
    host = after(HOST, planned([PINS], rules, scope="policy_route"))
    moved = [rules[-1], *rules[:-1]]
    result = after(host, planned([PINS], moved, host, scope="policy_route"))
    assert [r.src for r in result.rules if r.protocol == 83] == [rule["src"] for rule in moved]
    with pytest.raises(PlanError, match="no free priority"):
        planned([PINS], [*rules, {"src": "10.1.0.0/24", "table": "pins"}], scope="policy_route")


def test_a_declared_table_is_changed_in_place() -> None:
    table = {"name": "t", "id": "named", "routes": [{"dst": "10.0.0.0/8", "gateway": "198.51.100.1"}]}
    host = after(HOST, planned([table], [{"table": "t", "src": "10.9.0.1"}]))
    other = {**table, "routes": [{"dst": "10.0.0.0/8", "gateway": "198.51.100.5"}]}
    found = planned([other], [{"table": "t", "src": "10.9.0.1"}], host)
    assert [(c.kind, c.op) for c in found.changes] == [("route", "set")]
    assert found.result()["commands"][0].startswith("ip route replace 10.0.0.0/8 table 10600")


def test_both_families() -> None:
    table = {"name": "t", "routes": [*PINS["routes"], {"dst": "2001:db8:5::/48", "gateway": "2001:db8:a::1"}]}
    found = planned([table], [{"table": "t"}])
    assert [(c.kind, c.subject.family) for c in found.changes] == [("route", 4), ("route", 6), ("rule", 4), ("rule", 6)]
    assert "ip -6 rule add priority 10500 from all lookup 10500 protocol 83" in found.result()["commands"]
    assert "2001:db8:5::/48 via 2001:db8:a::1 dev wan_a proto 83 metric 1024" in found.after


FOREIGN = Rule(4, 200, table=254, src="10.0.0.1/32")


@pytest.mark.parametrize(
    ("foreign", "declared"),
    [
        (FOREIGN, {"src": "10.0.0.1", "table": "pins"}),
        (Rule(4, 10507, table=100, iif="wan_b"), {"src": "10.0.0.1", "table": "pins", "priority": 10507}),
        (Rule(4, 200, action="blackhole", src="10.0.0.1/32"), {"src": "10.0.0.1", "table": "pins"}),
    ],
)
def test_conflicts(foreign: Rule, declared: dict) -> None:
    host = dataclasses.replace(HOST, rules=(*RULES[:1], foreign, *RULES[1:]))
    with pytest.raises(PlanError, match="foreign rule.*set on_conflict to replace or keep"):
        planned([PINS], [declared], host)
    kept = planned([PINS], [declared], host, on_conflict="keep")
    assert len(kept.kept) == 1 and all(c.kind == "route" for c in kept.changes)
    replaced = planned([PINS], [declared], host, on_conflict="replace")
    assert [c.op for c in replaced.changes] == ["add", "add", "delete"]
    assert replaced.changes[-1].before == foreign
    assert foreign not in after(host, replaced).rules


@pytest.mark.parametrize(
    "foreign",
    [
        Rule(4, 200, table=100, src="10.0.0.1/32"),  # its table has nothing for our destinations
        Rule(4, 20000, table=254, src="10.0.0.1/32"),  # behind ours
        Rule(4, 200, table=254, src="10.0.0.2/32"),
        Rule(4, 200, table=254, src="10.0.0.1/32", suppress_prefixlength=0),
    ],
)
def test_foreign_rules_that_are_not_in_the_way(foreign: Rule) -> None:
    rules = tuple(sorted((*RULES, foreign), key=lambda r: (r.family, r.priority)))
    assert planned([PINS], [{"src": "10.0.0.1", "table": "pins"}], dataclasses.replace(HOST, rules=rules)).changes


def test_a_foreign_rule_that_shares_its_priority_is_not_replaced() -> None:
    host = dataclasses.replace(HOST, rules=(RULES[0], FOREIGN, Rule(4, 200, table=100), *RULES[1:]))
    with pytest.raises(PlanError, match="their order could not be restored"):
        planned([PINS], [{"src": "10.0.0.1", "table": "pins"}], host, on_conflict="replace")


def test_a_foreign_route_at_our_place() -> None:
    foreign = Route(4, 10600, "10.0.0.0/8", protocol=4, nexthops=(NextHop("wan_b", "198.51.100.5"),))
    host = dataclasses.replace(HOST, routes=(*ROUTES, foreign))
    table = {"name": "t", "id": 10600, "routes": [{"dst": "10.0.0.0/8", "gateway": "198.51.100.1"}]}
    with pytest.raises(PlanError, match="foreign route '10.0.0.0/8 via 198.51.100.5"):
        planned([table], [], host)
    assert not planned([table], [], host, on_conflict="keep").changes
    replaced = planned([table], [], host, on_conflict="replace")
    assert replaced.changes[0].op == "set" and replaced.changes[0].before == foreign
    assert "route replace 10.0.0.0/8 table 10600 proto 4" in replaced.undo()[0]


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({"dst": "10.0.0.0/8", "device": "eth9"}, "interface 'eth9' does not exist on this host; it has"),
        ({"dst": "10.0.0.0/8", "gateway": "192.0.2.1", "device": "wan_a"}, "not on link at interface wan_a"),
        ({"dst": "10.0.0.0/8", "gateway": "192.0.2.1"}, "not on link anywhere"),
        ({"dst": "10.0.0.0/8", "gateway": "198.51.100.2"}, "an address of this host itself"),
        ({"dst": "10.0.0.0/8", "device": "down0"}, "interface down0 is down"),
        ({"dst": "10.0.0.1/8", "device": "wan_a"}, "host bits set; write 10.0.0.0/8.*or 10.0.0.1/32"),
        ({"dst": "ten", "device": "wan_a"}, "'ten' is not an IPv4 or IPv6 prefix"),
        ({"dst": "2001:db8::/32", "gateway": "198.51.100.1"}, "is IPv6 and its gateway 198.51.100.1 is IPv4"),
        ({"dst": "10.0.0.0/8", "device": "wan_a", "prefsrc": "2001:db8::1"}, "not of the address family"),
        ({"dst": "10.0.0.0/8", "device": "wan_a", "prefsrc": "10.77.0.1"}, "not an address of this host"),
        ({"dst": "2001:db8:9::/48", "gateway": "fe80::1"}, "link-local.*give the device"),
        ({"dst": "default", "device": "wan_a"}, "write 0.0.0.0/0 or ::/0"),
        ({"dst": "10.0.0.0/8"}, "neither a gateway nor a device"),
        ({"dst": "10.0.0.0/8", "type": "unreachable", "device": "wan_a"}, "goes nowhere"),
    ],
)
def test_bad_routes(route: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        planned([{"name": "t", "routes": [route]}], [{"table": "t", "src": "10.0.0.1"}])


def test_onlink_gateways_and_dotted_interfaces() -> None:
    routes = [
        {"dst": "10.0.0.0/8", "gateway": "192.0.2.1", "device": "v0.100", "onlink": True},
        {"dst": "10.64.0.0/16", "gateway": "10.1.0.254"},
    ]
    found = planned([{"name": "t", "routes": routes}], [{"table": "t", "iif": "v0.100"}])
    assert "10.0.0.0/8 via 192.0.2.1 dev v0.100 proto 83 onlink" in found.after
    assert "10.64.0.0/16 via 10.1.0.254 dev v0.100 proto 83" in found.after


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"table": "nowhere"}, "no table is named 'nowhere'.*it has .*named.*rt_tables.d"),
        ({"table": "pins", "priority": 99}, "priority 99 is outside this scope's 10500-10999"),
        ({"table": "pins", "src": "10.0.0.1/8"}, "host bits"),
        ({"table": "pins", "src": "10.0.0.1", "dst": "2001:db8::1"}, "different address families"),
        ({"table": "pins", "iif": "eth9"}, "interface 'eth9' does not exist"),
        ({"table": "pins", "action": "blackhole"}, "looks nothing up"),
        ({}, "table is missing"),
        ({"table": "pins", "dport": "70000"}, "not within 1 to 65535"),
        ({"table": "pins", "fwmark": "x"}, "not a number"),
        ({"table": "pins", "ipproto": "qqq"}, "is not one of"),
    ],
)
def test_bad_rules(rule: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        planned([PINS], [rule])


def test_ipv6_disabled() -> None:
    table = {"name": "t", "routes": [{"dst": "2001:db8:5::/48", "gateway": "2001:db8:a::1"}]}
    with pytest.raises(PlanError, match="IPv6 is disabled on interface wan_a"):
        planned([table], [{"table": "t"}], dataclasses.replace(HOST, no_ipv6=frozenset({"wan_a"})))
    with pytest.raises(PlanError, match="this host has no IPv6"):
        planned([], [{"table": "main", "src": "2001:db8::1"}], dataclasses.replace(HOST, no_ipv6=frozenset({"all"})))


@pytest.mark.parametrize("number", ["main", "255", "0"])
def test_the_kernels_own_tables_are_not_written(number: str) -> None:
    with pytest.raises(PlanError, match="is the kernel's"):
        planned([{"name": "t", "id": number, "routes": []}], [])


def test_other_scopes_tables_are_not_written() -> None:
    with pytest.raises(PlanError, match="not scope policy_route's to write"):
        planned([{"name": "t", "id": "far", "routes": []}], [], scope="policy_route")


@pytest.mark.parametrize(
    ("tables", "rules", "fate"),
    [
        ([PINS], [{"src": "198.51.100.6", "action": "blackhole"}], "be dropped"),
        (
            [{"name": "t", "routes": [{"dst": "192.0.2.0/24", "gateway": "198.51.100.1"}]}],
            [{"table": "t"}],
            "leave by wan_a instead of wan_b",
        ),
        ([], [{"dst": "192.0.2.0/24", "action": "unreachable"}], "be dropped"),
    ],
)
def test_a_change_that_cuts_its_own_session_is_refused(tables: list, rules: list, fate: str) -> None:
    host = dataclasses.replace(HOST, session=Session("192.0.2.10", "198.51.100.6", 22, 50000))
    with pytest.raises(ManagementCutError, match=f"replies from 198.51.100.6 to 192.0.2.10 would {fate}"):
        planned(tables, rules, host)
    assert planned(tables, rules, host, allow_management_cut=True).changes
    elsewhere = dataclasses.replace(HOST, session=Session("192.0.3.10", "198.51.100.2"))
    assert planned(tables, rules, elsewhere).changes


def test_an_interface_of_a_vrf_is_refused_where_its_table_would_be_asked_first() -> None:
    enslaved = {**INTERFACES, "wan_a": {**INTERFACES["wan_a"], "vrf": "blue"}}
    host = dataclasses.replace(HOST, interfaces=enslaved)
    with pytest.raises(PlanError, match="interface wan_a is in VRF blue"):
        planned([PINS], [{"table": "pins"}], host)
    assert planned([{**PINS, "id": "far"}], [], host).changes, "the VRF's own table may be written"


def test_a_thousand_prefixes() -> None:
    routes = [{"dst": f"10.{n // 256}.{n % 256}.0/24", "gateway": "198.51.100.1"} for n in range(1000)]
    found = planned([{"name": "t", "routes": routes}], [{"table": "t"}])
    assert len(found.changes) == 1001
    assert max(len(line) for line in found.undo()) < 100_000
    assert not planned([{"name": "t", "routes": routes}], [{"table": "t"}], after(HOST, found)).changes


def test_tables_with_the_same_routes_share_an_id() -> None:
    tables = [PINS, {**PINS, "name": "again"}]
    rules = [{"table": "pins", "src": "10.0.0.1"}, {"table": "again", "src": "10.0.0.2"}]
    found = planned(tables, rules)
    assert {change.subject.table for change in found.changes} == {10500}
    assert not planned(tables, rules, after(HOST, found)).changes


def test_rules_with_one_selector_and_two_tables_keep_their_places() -> None:
    other = {"name": "other", "routes": [{"dst": "10.0.0.0/8", "gateway": "198.51.100.1"}]}
    rules = [{"table": "pins", "src": "10.0.0.1"}, {"table": "other", "src": "10.0.0.1"}]
    host = after(HOST, planned([PINS, other], rules))
    assert not planned([PINS, other], rules, host).changes
    assert [c.op for c in planned([PINS, other], rules[1:], host).changes] == ["delete"]


def test_what_keep_leaves_out_stays_out() -> None:
    foreign = Rule(4, 10501, table=254)
    own = Rule(4, 10502, table=10500, protocol=83)
    host = dataclasses.replace(HOST, rules=(RULES[0], foreign, own, *RULES[1:]))
    first = planned([PINS], [{"table": "pins"}], host, on_conflict="keep")
    assert first.kept
    assert not planned([PINS], [{"table": "pins"}], after(host, first), on_conflict="keep").changes


def test_an_automatic_table_without_routes_is_refused() -> None:
    with pytest.raises(PlanError, match="routes is empty"):
        planned([{"name": "t", "routes": []}], [{"table": "t"}])
