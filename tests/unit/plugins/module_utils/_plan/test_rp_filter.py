# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner of reverse-path filters."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host, Session
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import RegisterEntry
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.rp_filter import (
    Standing,
    effective,
    ended,
    in_force,
    plan,
    read_wishes,
)

HOST = Host((), (), {"wan_a": {}, "v0.100": {}})
VALUES = {"all": 0, "default": 1, "wan_a": 1, "v0.100": 0}


def test_plan_and_undo() -> None:
    wishes = read_wishes([{"name": "wan_a", "mode": "loose"}, {"name": "v0.100", "mode": "off"}], False)
    found = plan(HOST, VALUES, wishes)
    assert found.before == "net/ipv4/conf/wan_a/rp_filter = 1\nnet/ipv4/conf/v0.100/rp_filter = 0\n"
    assert found.after == "net/ipv4/conf/wan_a/rp_filter = 2\nnet/ipv4/conf/v0.100/rp_filter = 0\n"
    assert found.result()["commands"] == ["echo 2 > /proc/sys/net/ipv4/conf/wan_a/rp_filter"]
    assert found.undo()[0].endswith("|| echo 1 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")


def test_absent_is_what_a_new_interface_gets() -> None:
    wishes = read_wishes([{"name": "v0.100"}], True)
    assert plan(HOST, VALUES, wishes).after == "net/ipv4/conf/v0.100/rp_filter = 1\n"


@pytest.mark.parametrize(("everywhere", "mode"), [(1, "off"), (2, "strict"), (2, "off")])
def test_all_can_make_a_wish_impossible(everywhere: int, mode: str) -> None:
    wishes = read_wishes([{"name": "wan_a", "mode": mode}], False)
    with pytest.raises(PlanError, match=f"mode {mode} is impossible while net/ipv4/conf/all/rp_filter is {everywhere}"):
        plan(HOST, {**VALUES, "all": everywhere}, wishes)


@pytest.mark.parametrize(
    ("everywhere", "mode", "told"),
    [(0, "loose", ("loose", "interface")), (1, "strict", ("strict", "both")), (1, "loose", ("loose", "interface"))],
)
def test_what_is_in_force_is_said(everywhere: int, mode: str, told: tuple[str, str]) -> None:
    wishes = read_wishes([{"name": "wan_a", "mode": mode, "reason": "why"}], False)
    (one,) = effective({**VALUES, "all": everywhere}, wishes)
    assert (one.mode, one.origin) == told and one.reason == "why"


@pytest.mark.parametrize("name", ["all", "default", ""])
def test_all_is_never_written(name: str) -> None:
    with pytest.raises(PlanError, match="never written"):
        read_wishes([{"name": name, "mode": "loose"}], False)


def test_bad_wishes() -> None:
    with pytest.raises(PlanError, match="mode None"):
        read_wishes([{"name": "wan_a"}], False)
    with pytest.raises(PlanError, match="declared twice"):
        read_wishes([{"name": "wan_a", "mode": "off"}] * 2, False)
    with pytest.raises(PlanError, match="interface 'eth9' does not exist"):
        plan(HOST, VALUES, read_wishes([{"name": "eth9", "mode": "off"}], False))


def test_strict_that_would_drop_its_own_session_is_refused() -> None:
    addresses = [{"family": 4, "address": "10.0.0.1", "prefixlen": 24}]
    route = Route(4, 254, "0.0.0.0/0", nexthops=(NextHop("v0.100", "10.9.0.1"),))
    host = Host(
        (Rule(4, 32766, table=254),),
        (route,),
        {"wan_a": {"addresses": addresses}, "v0.100": {}},
        session=Session("192.0.2.1", "10.0.0.1"),
    )
    wishes = read_wishes([{"name": "wan_a", "mode": "strict"}], False)
    with pytest.raises(ManagementCutError, match="leaves by v0.100, and strict mode drops that"):
        plan(host, {**VALUES, "wan_a": 0}, wishes)
    assert plan(host, {**VALUES, "wan_a": 0}, wishes, allow_management_cut=True).changes


def test_exceptions_and_their_end() -> None:
    loose = {"name": "wan_a", "mode": "loose", "reason": "CHG1", "by": "bob", "until": "2026-06-02"}
    wishes = read_wishes([loose], False)
    planned = plan(HOST, VALUES, wishes)
    entry = planned.changes[0].after
    assert isinstance(entry, RegisterEntry) and entry.until == "2026-06-03T00:00:00Z"
    assert entry.removal == tuple(planned.changes[1].undo()), "it gets back what it had"
    standing = Standing(register={"wan_a": entry})
    assert not plan(HOST, {**VALUES, "wan_a": 2}, wishes, standing=standing).changes
    tighter = read_wishes([{"name": "wan_a", "mode": "strict"}], False)
    strict = plan(HOST, {**VALUES, "wan_a": 2}, tighter, standing=standing)
    assert [(one.kind, one.op) for one in strict.changes] == [("sysctl", "set"), ("register", "delete")]
    now = datetime.datetime(2026, 6, 3, tzinfo=datetime.timezone.utc)
    assert in_force(wishes, now) == ([], ["wan_a"])
    # Declared with an end that has come, it is ended where it still stands, as its own end would do.
    (over,) = ended({**VALUES, "wan_a": 2}, ["wan_a", "v0.100"], standing.register)
    done = plan(HOST, {**VALUES, "wan_a": 2}, [over], standing=standing)
    assert [(one.kind, one.op) for one in done.changes] == [("sysctl", "set"), ("register", "delete")]
    assert done.after == "net/ipv4/conf/wan_a/rp_filter = 1\n"
    (other,) = ended({**VALUES, "wan_a": 0}, ["wan_a"], standing.register)
    assert other.mode == 0, "what somebody else has set stays"
    with pytest.raises(PlanError, match="until is for an exception"):
        read_wishes([{**loose, "mode": "strict"}], False)
    with pytest.raises(PlanError, match="until is for an exception"):
        read_wishes([{**loose, "reason": ""}], False)


def test_a_session_of_ipv6_is_kept() -> None:
    interfaces = {"wan_a": {"addresses": [{"family": 6, "address": "2001:db8::2", "prefixlen": 64}]}, "v0.100": {}}
    back = Route(6, 254, "::/0", nexthops=(NextHop("v0.100", "fe80::1"),))
    session = Session("2001:db8:f::1", "2001:db8::2")
    host = Host((Rule(6, 32766, table=254),), (back,), interfaces, session=session)
    wishes = read_wishes([{"name": "wan_a", "mode": "strict", "ipv6": "strict"}], False)
    with pytest.raises(ManagementCutError, match="the way back leaves by v0.100"):
        plan(host, VALUES, wishes)
    assert plan(host, VALUES, wishes, allow_management_cut=True).changes
