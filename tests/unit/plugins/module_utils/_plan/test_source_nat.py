# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner of source NAT."""

from __future__ import annotations

import json

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Connection
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import (
    NatEntry,
    parse_rule_text,
    read_entries,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import (
    LiveRule,
    NatTable,
    form_of,
    parse_table,
    table_text,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.source_nat import plan, source_report, standing

HOST = Host(
    (),
    (),
    {
        "wan_a": {
            "addresses": [
                {"family": 4, "address": "198.51.100.2", "prefixlen": 30},
                {"family": 6, "address": "2001:db8::2", "prefixlen": 64},
            ]
        },
        'odd"x': {"addresses": []},
    },
)
PARTNER = {
    "name": "partner",
    "prefixes": ["203.0.113.0/25"],
    "interface": "wan_a",
    "address": "198.51.100.2",
}


def entry(**changes: object) -> NatEntry:
    return read_entries([{**PARTNER, **changes}], HOST, True)[0]


def standing_table(*entries: NatEntry, foreign: tuple[LiveRule, ...] = ()) -> NatTable:
    """The table as it is once the entries are planned on an empty host."""
    return NatTable(
        True,
        True,
        (*foreign, *(LiveRule(7, e.comment, e.rule_text(), form_of(e)) for e in entries)),
        {e.set_name: e.prefixes for e in entries},
        {e.set_name: e.set_body() for e in entries},
    )


def flow(source: str, destination: str, seen: str, unreplied: bool = True, dport: int = 80) -> Connection:
    return Connection(4, "tcp", source, destination, destination, seen, 4000, dport, unreplied=unreplied)


def test_first_entry() -> None:
    found = plan(NatTable(), [entry()])
    assert [line for change in found.plan.changes for line in change.nft_lines()] == [
        "add table inet netpath_symmetry",
        "add chain inet netpath_symmetry postrouting { type nat hook postrouting priority srcnat - 5; policy accept; }",
        "add set inet netpath_symmetry snat_partner { type ipv4_addr; flags interval; }",
        "add element inet netpath_symmetry snat_partner { 203.0.113.0/25 }",
        'add rule inet netpath_symmetry postrouting oifname "wan_a" ip daddr @snat_partner counter '
        'snat ip to 198.51.100.2 comment "symmetry:partner"',
    ]
    assert found.plan.before == ""
    assert found.plan.after == table_text(standing_table(entry()))


def test_standing_entries_are_read_back() -> None:
    entries = [
        entry(),
        entry(name="web", prefixes=["10.0.0.0/8"], protocols=["tcp"], ports=["80"]),
        entry(name="dns", prefixes=["10.1.0.1"], protocols=["udp", "tcp"], ports=["53", "8000-8010"]),
        entry(name="icmp", prefixes=["10.2.0.1"], protocols=["icmp"]),
        entry(name="six", prefixes=["2001:db8:5::/48"], address="2001:db8::2"),
    ]
    table = standing_table(*entries)
    assert standing(table) == entries
    assert not plan(table, entries).plan.changes


def test_adjacent_and_overlapping_prefixes_are_one() -> None:
    split = entry(prefixes=["203.0.113.0/25", "203.0.113.128/25", "203.0.113.7"])
    assert split.prefixes == ("203.0.113.0/24",)
    table = NatTable(
        True,
        True,
        standing_table(split).rules,
        {split.set_name: ("203.0.113.0/25", "203.0.113.128-203.0.113.255")},
        {split.set_name: split.set_body()},
    )
    assert not plan(table, [split]).plan.changes


def test_ipv6_entries_stand_with_their_prefixes() -> None:
    six = entry(name="six", prefixes=["2001:db8:5::/48"], address="2001:db8::2")
    found = plan(standing_table(six), [entry(name="six", prefixes=["2001:db8:4::/47"], address="2001:db8::2")])
    gone, new = (change.subject for change in found.plan.changes)
    assert gone.moved == () and new.moved == ("2001:db8:4::/48",)


def test_only_the_difference_of_a_set_is_changed() -> None:
    found = plan(standing_table(entry()), [entry(prefixes=["203.0.113.0/25", "192.0.2.0/24"])])
    assert [c.op for c in found.plan.changes] == ["add"]
    assert found.plan.changes[0].after.elements == ("192.0.2.0/24",)


def test_a_changed_address_replaces_the_rule_where_it_stands() -> None:
    found = plan(standing_table(entry()), [entry(address="198.51.100.9")])
    assert [(c.op, c.subject.what) for c in found.plan.changes] == [("set", "rule")]
    place = "rule inet netpath_symmetry postrouting handle 7"
    first, then = found.plan.changes[0].nft_lines()
    assert first.startswith(f"add {place} ") and then == f"delete {place}"


def test_removal_goes_as_far_as_nothing_foreign_is_left() -> None:
    whole = plan(standing_table(entry()), [])
    assert [c.subject.what for c in whole.plan.changes] == ["rule", "element", "set", "chain", "table"]
    foreign = LiveRule(3, "", "ip daddr @snat_partner accept", None)
    left = plan(standing_table(entry(), foreign=(foreign,)), [])
    assert [c.subject.what for c in left.plan.changes] == ["rule"]


def test_connections_that_the_change_makes_wrong() -> None:
    flows = [
        flow("10.0.0.5", "203.0.113.10", "198.51.100.6"),
        flow("10.0.0.6", "203.0.113.10", "198.51.100.6", unreplied=False),
        flow("10.0.0.7", "203.0.113.10", "198.51.100.2"),  # right already
        flow("198.51.100.2", "203.0.113.10", "198.51.100.2"),  # needs no translation
        flow("10.0.0.5", "192.0.2.1", "198.51.100.6"),  # another destination
    ]
    found = plan(NatTable(), [entry()], flows)
    assert found.wrong == tuple(flows[:2])
    assert [c.before for c in found.plan.changes if c.kind == "conntrack"] == flows[:1]
    assert plan(NatTable(), [entry()], flows, "all").deletions == 2
    assert plan(NatTable(), [entry()], flows, "keep").deletions == 0
    gone = plan(standing_table(entry()), [], flows)
    assert gone.wrong == (flows[2],)
    assert not plan(standing_table(entry()), [entry()], flows).wrong


def test_ports_and_protocols_select_connections() -> None:
    web = entry(protocols=["tcp"], ports=["443"])
    flows = [flow("10.0.0.5", "203.0.113.10", "10.0.0.5", dport=443), flow("10.0.0.5", "203.0.113.10", "10.0.0.5")]
    assert plan(NatTable(), [web], flows).wrong == (flows[0],)


def test_the_source_that_the_far_end_sees_is_named() -> None:
    found = plan(NatTable(), [entry()], [flow("10.0.0.5", "203.0.113.10", "198.51.100.6")])
    with pytest.raises(PlanError, match="203.0.113.0/25 will see 198.51.100.2 instead of 198.51.100.6.*acknowledge"):
        source_report(found, set(), True)
    report = source_report(found, {"partner"}, True)
    assert report == [{"name": "partner", "before": ["198.51.100.6"], "after": "198.51.100.2", "acknowledged": True}]
    assert source_report(found, set(), False)[0]["acknowledged"] is False
    unseen = plan(NatTable(), [entry()])
    with pytest.raises(PlanError, match="an address that no live connection shows"):
        source_report(unseen, set(), True)
    moved = plan(standing_table(entry()), [entry(address="198.51.100.9")])
    assert moved.sources[0].before == ("198.51.100.2",)
    fewer = plan(standing_table(entry(prefixes=["203.0.113.0/24"])), [entry()])
    assert not fewer.sources


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": "192.0.2.99"}, "not an address of this host.*allow_foreign_address"),
        ({"address": "2001:db8::2"}, "different address families"),
        ({"prefixes": ["203.0.113.1/25"]}, "host bits"),
        ({"prefixes": []}, "prefixes is empty"),
        ({"interface": "eth9"}, "interface 'eth9' does not exist"),
        ({"interface": 'odd"x'}, "nft cannot name the interface"),
        ({"name": "a b"}, "name 'a b'"),
        ({"ports": ["80"]}, "ports need protocols"),
        ({"ports": ["80"], "protocols": ["icmp"]}, "ports need protocols"),
        ({"protocols": ["tpc"]}, "'tpc' is not one of"),
        ({"protocols": ["tcp"], "ports": ["x"]}, "neither a number nor a range"),
        ({"protocols": ["tcp"], "ports": ["9-8"]}, "rising order"),
    ],
)
def test_bad_entries(changes: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_entries([{**PARTNER, **changes}], HOST, False)


def test_entries_for_the_same_packets_are_refused() -> None:
    other = {**PARTNER, "name": "other", "prefixes": ["203.0.113.64/26"]}
    with pytest.raises(PlanError, match="both translate 203.0.113.64/26"):
        read_entries([PARTNER, other], HOST, False)
    with pytest.raises(PlanError, match="declared twice"):
        read_entries([PARTNER, PARTNER], HOST, False)
    ports = [{**e, "protocols": ["tcp"], "ports": [str(n)]} for n, e in enumerate((PARTNER, other), 80)]
    assert len(read_entries(ports, HOST, False)) == 2


def test_a_foreign_chain_with_our_name_is_refused() -> None:
    chain = {"name": "postrouting", "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}
    with pytest.raises(PlanError, match="is not ours"):
        parse_table({"nftables": [{"chain": chain}]}, "")


def test_rule_texts_are_parsed_as_they_are_written() -> None:
    for one in (
        entry(),
        entry(protocols=["tcp"], ports=["80", "443-445"]),
        entry(protocols=["udp", "tcp"]),
        entry(protocols=["udp", "tcp"], ports=["53"]),
        entry(prefixes=["2001:db8:5::/48"], address="2001:db8::2", protocols=["icmpv6"]),
    ):
        parsed = parse_rule_text(one.rule_text())
        assert parsed is not None and parsed.rule_text() == one.rule_text()
    assert parse_rule_text("ip daddr 10.0.0.1 accept") is None


def test_a_rule_that_somebody_edited_is_put_right() -> None:
    expression = [
        {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "wan_b"}},
        {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "@snat_partner"}},
        {"counter": {"packets": 0, "bytes": 0}},
        {"snat": {"family": "ip", "addr": "198.51.100.2"}},
    ]
    items = [
        {"chain": {"name": "postrouting", "type": "nat", "hook": "postrouting", "prio": 95, "policy": "accept"}},
        {"set": {"name": "snat_partner", "type": "ipv4_addr", "flags": ["interval"], "elem": ["203.0.113.1"]}},
        {"rule": {"chain": "postrouting", "handle": 4, "comment": "symmetry:partner", "expr": expression}},
    ]
    table = parse_table(json.loads(json.dumps({"nftables": items})), '\t\toifname "wan_b" whatever # handle 4\n')
    found = plan(table, [entry(prefixes=["203.0.113.1"])])
    assert [(c.op, c.subject.what) for c in found.plan.changes] == [("set", "rule")]
    assert 'oifname "wan_b" whatever' in found.plan.before
