# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Symmetric return: numbers of uplinks, tables and rules, and whom it refuses to meet."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host, Session
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import Part
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import (
    PREFIX,
    Options,
    Surroundings,
    plan,
    read_mask,
    read_uplinks,
    return_desired,
)

INTERFACES = {
    name: {"up": True, "addresses": [{"family": 4, "address": f"198.51.100.{last}", "prefixlen": 30}]}
    for name, last in (("wan_a", 2), ("wan_b", 6), ("lan", 10))
}
UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
]
DEFAULT = Route(4, 254, "0.0.0.0/0", nexthops=(NextHop("wan_a", "198.51.100.1"),))
HOST = Host((Rule(4, 0, table=255), Rule(4, 32766, table=254)), (DEFAULT,), INTERFACES)


def planned(host: Host = HOST, around: Surroundings | None = None, **options: t.Any) -> t.Any:
    uplinks = read_uplinks(return_desired(UPLINKS, INTERFACES)["uplinks"], host, 0xFF000000)
    return plan(host, Part(PREFIX), uplinks, Options(**options), around or Surroundings())


def test_numbers_follow_the_names() -> None:
    names = [f"uplink{number}" for number in range(128)]
    interfaces = {f"eth{number}": INTERFACES["wan_a"] for number in range(128)}
    uplinks = [{"name": name, "interface": f"eth{number}"} for number, name in enumerate(names)]
    marks = {one["name"]: one["mark"] for one in return_desired(uplinks, interfaces)["uplinks"]}
    assert len(set(marks.values())) == 128 and all(int(mark, 16) & 0xFF000000 for mark in marks.values())
    assert marks == {one["name"]: one["mark"] for one in return_desired(uplinks[::-1], interfaces)["uplinks"]}
    without = {one["name"]: one["mark"] for one in return_desired(uplinks[:2], interfaces)["uplinks"]}
    assert without == {one["name"]: one["mark"] for one in return_desired(uplinks[1::-1], interfaces)["uplinks"]}
    with pytest.raises(PlanError, match="128 do not fit into the 3 numbers of mark_mask 0x00000003"):
        return_desired(uplinks, interfaces, 3)


@pytest.mark.parametrize("mask", ["0", "x", "0x5", "-1", "0x100000000"])
def test_masks(mask: str) -> None:
    with pytest.raises(PlanError, match="one unbroken run of bits"):
        read_mask(mask)


@pytest.mark.parametrize(
    ("uplinks", "message"),
    [
        ([{"name": "a", "interface": "eth9"}], "interface 'eth9' does not exist on this host; it has lan, none"),
        ([*UPLINKS, {"name": "c", "interface": "wan_a"}], "uplink c: interface wan_a is also that of uplink a"),
        ([{"name": "a", "interface": "none"}], "uplink a: interface none has no address"),
    ],
)
def test_bad_uplinks(uplinks: list[dict[str, str]], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        return_desired(uplinks, {**INTERFACES, "none": {"up": True, "addresses": []}})


def test_tables_of_both_families() -> None:
    six = {"family": 6, "address": "2001:db8:a::2", "prefixlen": 64}
    interfaces = {"wan_a": {"addresses": [*INTERFACES["wan_a"]["addresses"], six]}}
    both = [UPLINKS[0], {"name": "a", "interface": "wan_a", "gateway": "2001:db8:a::1"}]
    wanted = return_desired(both, interfaces)
    (table,) = wanted["tables"]
    assert [route["dst"] for route in table["routes"]] == [
        "0.0.0.0/0", "198.51.100.0/30", "::/0", "2001:db8:a::/64", "fe80::/64",
    ]  # fmt: skip
    assert [(rule["family"], rule["fwmask"]) for rule in wanted["rules"]] == [(4, "0xff000000"), (6, "0xff000000")]


def marking(statement: dict[str, t.Any], table: str = "mangle", chain: str = "PREROUTING") -> Surroundings:
    rule = {"matches": [], "statements": [statement], "text": "meta mark set .."}
    return Surroundings({"chains": [{"family": "ip", "table": table, "name": chain, "rules": [rule]}]})


@pytest.mark.parametrize(
    ("statement", "chain", "whose"),
    [
        ({"do": "set_mark", "value": 0x1000000, "mask": 0xFFFF0000}, "cali-PREROUTING", "Calico"),
        ({"do": "set_ct_mark", "value": 1}, "CILIUM_PRE_mangle", "Cilium"),
        ({"do": "set_mark", "value": {"of": "ct mark", "and": 0xFF, "or": 0x80000000}}, "x", ""),
    ],
)
def test_who_writes_our_bits_is_named(statement: dict[str, t.Any], chain: str, whose: str) -> None:
    around = marking(statement, chain=chain)
    with pytest.raises(PlanError, match=f"in chain {chain} of table ip mangle.*{whose}.* writes them"):
        planned(around=around)
    assert len(planned(around=around, on_conflict="keep").kept) == 1


@pytest.mark.parametrize(
    "statement",
    [
        {"do": "set_mark", "value": 0x4000, "mask": 0x4000},  # kube-proxy
        {"do": "set_mark", "value": 0x80000, "mask": 0xFF0000},  # Tailscale
        {"do": "set_ct_mark", "value": "meta mark"},  # all bits, as they are
        {"do": "set_mark", "value": {"of": "ct mark", "and": 0x80, "or": 0}},  # VPC CNI
    ],
)
def test_who_writes_other_bits_is_no_conflict(statement: dict[str, t.Any]) -> None:
    assert not planned(around=marking(statement)).kept


def test_rules_on_marks_of_others() -> None:
    for mark, mask, hit in ((0xCA6C, 0xFFFFFFFF, False), (0x80000, 0xFF0000, False), (0x1000000, 0xFF000000, True)):
        host = Host((*HOST.rules, Rule(4, 300, table=52, fwmark=mark, fwmask=mask)), HOST.routes, INTERFACES)
        if hit:
            with pytest.raises(PlanError, match="routing rule '300: .* reads them"):
                planned(host)
        else:
            assert planned(host).changes


def test_a_strict_filter_that_drops_requests_is_refused() -> None:
    none = {"rp_filter": 0, "src_valid_mark": 0}
    strict = {"rp_filter": 1, "src_valid_mark": 0}
    for name, values, refused in (
        ("wan_b", strict, "rp_filter of wan_b is strict and the default route leaves by wan_a"),
        ("wan_a", strict, ""),
        ("lan", strict, ""),
        ("lan", {"rp_filter": 1, "src_valid_mark": 1}, "interface lan: rp_filter is strict and src_valid_mark is set"),
    ):
        around = Surroundings(interface_sysctls={"all": none, "default": none, "wan_b": none, name: values})
        if refused:
            with pytest.raises(PlanError, match=refused):
                planned(around=around)
            assert planned(around=around, allow_strict=True).changes
        else:
            assert planned(around=around).changes


def test_the_session_of_the_change() -> None:
    session = Session("203.0.113.9", "198.51.100.6")
    moved = Host(HOST.rules, HOST.routes, INTERFACES, session=session)
    with pytest.raises(ManagementCutError, match="would leave by wan_b instead of wan_a"):
        planned(moved)
    assert planned(moved, allow_management_cut=True).changes
    stays = Host(HOST.rules, HOST.routes, INTERFACES, session=Session("203.0.113.9", "198.51.100.2"))
    assert planned(stays).changes
