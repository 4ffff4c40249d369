# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a host has and a user declares: a plan leads to what is declared, and then there is nothing left to do."""

from __future__ import annotations

import dataclasses

import pytest

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import simulate, source_nat  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import read_desired  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import NatEntry  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import (  # noqa: E402
    LiveRule,
    NatTable,
    form_of,
    table_text,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.policy_routing import Options, plan  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import merged  # noqa: E402

INTERFACES = {
    "a": {"up": True, "addresses": [{"family": 4, "address": "10.1.0.2", "prefixlen": 24}]},
    "b": {"up": True, "addresses": [{"family": 4, "address": "10.2.0.2", "prefixlen": 24}]},
}
KERNEL = (
    Rule(4, 0, table=255, protocol=2),
    Rule(4, 32766, table=254, protocol=2),
    Rule(6, 32766, table=254, protocol=2),
)
LEGS = [NextHop("a", "10.1.0.1"), NextHop("b", "10.2.0.1"), NextHop("a")]
DESTINATIONS = [f"10.{n}.0.0/16" for n in range(40, 46)]

routes = st.builds(
    lambda table, dst, leg, protocol, metric: Route(
        4, table, dst, metric=metric, protocol=protocol, scope="global" if leg.gateway else "link", nexthops=(leg,)
    ),
    st.integers(10500, 10503),
    st.sampled_from(DESTINATIONS),
    st.sampled_from(LEGS),
    st.sampled_from([83, 83, 4]),
    st.sampled_from([0, 5]),
)
rules = st.builds(
    lambda priority, table, src, protocol: Rule(4, priority, table=table, src=src, protocol=protocol),
    st.integers(10500, 10506),
    st.integers(10500, 10503),
    st.sampled_from([None, "10.9.0.1/32", "10.9.0.2/32"]),
    st.sampled_from([83, 83, 83, 0]),
)
declared_routes = st.builds(
    lambda dst, leg: {"dst": dst, "device": leg.device, "gateway": leg.gateway},
    st.sampled_from(DESTINATIONS),
    st.sampled_from(LEGS),
)
tables = st.lists(
    st.lists(declared_routes, min_size=1, max_size=4, unique_by=lambda route: route["dst"]), min_size=1, max_size=3
)
selectors = st.lists(
    st.tuples(st.sampled_from([None, "10.9.0.1", "10.9.0.2", "10.9.0.3"]), st.integers(0, 2)), max_size=5, unique=True
)


def _after(host: Host, changes: tuple) -> Host:
    new_rules, new_routes = simulate.after(host.rules, host.routes, changes)
    return dataclasses.replace(host, rules=tuple(new_rules), routes=tuple(new_routes))


@hypothesis.given(
    st.lists(rules, max_size=5, unique_by=lambda r: (r.priority, r.src, r.table)),
    st.lists(routes, max_size=6, unique_by=simulate.route_key),
    tables,
    selectors,
    st.sampled_from(["fail", "keep", "replace"]),
)
@hypothesis.settings(max_examples=500, deadline=None)
def test_a_second_plan_is_empty(live_rules: list, live_routes: list, contents: list, wanted: list, choice: str) -> None:
    ordered = sorted((*KERNEL, *live_rules), key=lambda rule: (rule.family, rule.priority))
    host = Host(tuple(ordered), tuple(live_routes), INTERFACES)
    names = [f"t{n}" for n in range(len(contents))]
    desired = read_desired(
        [{"name": name, "routes": content} for name, content in zip(names, contents)],
        [{"src": src, "table": names[number % len(names)]} for src, number in wanted],
    )
    options = Options("manual", choice)
    try:
        first = plan(host, desired, options)
    except PlanError:
        hypothesis.reject()
    result = _after(host, first.changes)
    assert not plan(result, desired, options).changes
    assert first.after == plan(result, desired, options).before or choice == "replace"
    foreign = [rule for rule in host.rules if rule.protocol != 83]
    if choice != "replace":
        assert [rule for rule in result.rules if rule.protocol != 83] == foreign
        assert [r for r in result.routes if r.protocol != 83] == [r for r in host.routes if r.protocol != 83]
    for step in range(len(first.changes)):  # at no step does one of our rules look into a table that is not whole
        middle = _after(host, first.changes[:step])
        for rule in middle.rules:
            if rule.protocol == 83 and rule.table in range(10500, 10600):
                now = {simulate.canonical(r) for r in middle.routes if r.table == rule.table}
                before = {simulate.canonical(r) for r in host.routes if r.table == rule.table}
                then = {simulate.canonical(r) for r in result.routes if r.table == rule.table}
                assert now in (before, then)


prefixes = st.lists(
    st.builds(lambda a, b, n: f"{a}.{b << (24 - n) & 255}.0.0/{n}", st.sampled_from([10, 11]), st.integers(0, 255),
              st.integers(9, 16)),
    min_size=1, max_size=5,
)  # fmt: skip


@hypothesis.given(
    st.dictionaries(st.sampled_from("abcd"), prefixes), st.dictionaries(st.sampled_from("abcd"), prefixes)
)
@hypothesis.settings(max_examples=300, deadline=None)
def test_source_nat_leads_to_the_entries(live: dict, wanted: dict) -> None:
    def entries(data: dict) -> list[NatEntry]:
        nets = {name: merged(str(net) for net in map(_network, found)) for name, found in data.items()}
        return [NatEntry(name, nets[name], f"if_{name}", "192.0.2.1") for name in nets]

    old, new = entries(live), entries(wanted)
    table = NatTable(
        bool(old),
        bool(old),
        tuple(LiveRule(n, e.comment, e.rule_text(), form_of(e)) for n, e in enumerate(old, 1)),
        {e.set_name: e.prefixes for e in old},
        {e.set_name: e.set_body() for e in old},
    )
    found = source_nat.plan(table, new).plan
    assert found.before == table_text(table)
    assert bool(found.changes) == (found.before != found.after)
    sets = {name: set(elements) for name, elements in table.sets.items()}
    for change in found.changes:  # what nft would do with the sets
        item = change.subject
        if item.what == "set":
            sets = (
                {**sets, item.name: set()} if change.op == "add" else {n: s for n, s in sets.items() if n != item.name}
            )
        elif item.what == "element" and change.op == "add":
            assert not sets[item.name] & set(item.elements)
            sets[item.name] |= set(item.elements)
        elif item.what == "element":
            assert set(item.elements) <= sets[item.name]
            sets[item.name] -= set(item.elements)
    assert sets == {e.set_name: set(e.prefixes) for e in new}


def _network(text: str) -> object:
    import ipaddress

    return ipaddress.ip_network(text, strict=False)
