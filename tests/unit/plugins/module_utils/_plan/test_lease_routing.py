# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lease_routing refuses, and the files that follow from what is declared."""

from __future__ import annotations

import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import source_leases, source_rules_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing import (
    as_now,
    check_leases,
    read_leases,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing_script import SCRIPT

A = {"name": "a", "interface": "wan_a", "families": ["ipv4"], "delegated_to": []}
B = {"name": "b", "interface": "wan_b", "families": ["ipv6", "ipv4"], "delegated_to": ["lan"]}


def params(*uplinks: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {"uplinks": list(uplinks), "specifics": "main"}


def test_each_family_of_an_uplink_is_followed_by_itself() -> None:
    assert read_leases(params(A, B)).text().splitlines()[1:] == [
        "specifics main",
        "uplink a-4 4 wan_a",
        "uplink b-4 4 wan_b",
        "uplink b-6 6 wan_b lan",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (params(), "uplinks is empty"),
        (params(A, {**A, "interface": "wan_b"}), "declared twice for IPv4"),
        (params(A, {**A, "name": "b"}), "both on wan_a"),
        (params({**A, "interface": "wan a; reboot"}), "not the name of an interface"),
        (params({**A, "name": "a b"}), "is not made of"),
        (params({**A, "delegated_to": ["lan"]}), "delegated_to is about IPv6"),
        (params({**A, "families": ["ipv4", "ipv4"]}), "one of them twice"),
        (params(*({**A, "name": f"u{n}", "interface": f"w{n}"} for n in range(25))), "at most 24"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_leases(given)


def host(address: t.Sequence[dict[str, t.Any]], *defaults: str) -> Host:
    routes = tuple(
        Route.from_dict(
            {"family": 4, "dst": "0.0.0.0/0", "table": 254, "protocol": 16, "type": "unicast", "scope": "global",
             "metric": number, "nexthops": [{"device": device, "gateway": "192.0.2.1", "weight": 1}]}
        )
        for number, device in enumerate(defaults)
    )  # fmt: skip
    return Host((), routes, {"wan_a": {"addresses": list(address)}})


LEASE = {"family": 4, "address": "192.0.2.7", "prefixlen": 24, "scope": "global"}


def test_an_uplink_with_a_lease_passes() -> None:
    check_leases(read_leases(params(A)), host([LEASE], "wan_b", "wan_a"))


def default(table: int, *devices: str) -> Route:
    legs = tuple(NextHop(device, f"192.0.2.{number}") for number, device in enumerate(devices, 1))
    return Route(4, table, "0.0.0.0/0", nexthops=legs, metric=2048, protocol=16)


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ((default(254, "wan_b", "wan_a"),),
         r"main table has several next hops \(192.0.2.1 by wan_b, 192.0.2.2 by wan_a\), and only one by wan_a alone"),
        ((default(254, "wan_b"), default(100, "wan_a"), default(99, "wan_a")), "wan_a is in table 99, 100, and only"),
        ((default(100, "wan_b"),), "the main table has no IPv4 default route by wan_a"),
    ],
)
def test_a_gateway_that_is_not_followed_is_told_by_name(routes: tuple[Route, ...], message: str) -> None:
    with pytest.raises(PlanError, match=f"uplink a: .*{message}.*, or declare the gateway without from_lease"):
        check_leases(read_leases(params(A)), Host((), routes, {"wan_a": {"addresses": [LEASE]}}))


@pytest.mark.parametrize(
    ("given", "there", "message"),
    [
        ({**A, "interface": "wan_c"}, host([LEASE], "wan_a"), "'wan_c' does not exist on this host; it has wan_a"),
        (A, host([], "wan_a"), "wan_a has no IPv4 address, so there is no lease"),
        (A, host([{**LEASE, "scope": "link"}], "wan_a"), "wan_a has no IPv4 address"),
        (A, host([LEASE], "wan_b"), "no IPv4 default route by wan_a"),
        ({**A, "families": ["ipv6"]}, host([LEASE], "wan_a"), "wan_a has no IPv6 address"),
    ],
)
def test_an_uplink_without_a_lease_is_refused(given: dict[str, t.Any], there: Host, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        check_leases(read_leases(params(given)), there)


def test_uplinks_with_leases_are_not_among_those_with_fixed_gateways() -> None:
    leased, fixed = {**A, "from_lease": True}, {"name": "f", "interface": "wan_b", "gateway": "198.51.100.5"}
    interfaces = {"wan_b": {"addresses": [{**LEASE, "address": "198.51.100.6", "prefixlen": 30}]}}
    assert [table["name"] for table in source_rules_desired([leased, fixed], interfaces)["tables"]] == ["f"]
    assert source_leases([leased, fixed]) == [A]


def test_a_lease_with_a_fixed_gateway_is_refused() -> None:
    with pytest.raises(PlanError, match=r"uplinks\[1\] \(a\): gateway and addresses would stay"):
        source_leases([{**A, "from_lease": True, "gateway": "192.0.2.1", "addresses": ["192.0.2.7"]}])


def test_a_forecast_takes_the_lease_as_it_is_now() -> None:
    assert as_now(read_leases(params(A)), host([LEASE], "wan_b", "wan_a")) == [
        {"name": "a", "interface": "wan_a", "addresses": ["192.0.2.7"], "gateway": "192.0.2.1"}
    ]


def test_the_program_is_shell_that_a_plain_sh_reads() -> None:
    assert subprocess.run(["sh", "-n"], input=SCRIPT, text=True, check=False, capture_output=True).stderr == ""
