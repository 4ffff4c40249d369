# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaking an uplink on purpose: only under a guard, and mended to the last route."""

from __future__ import annotations

import json
import shlex
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab

ROUTES = "ip route show table all; ip -6 addr show dev wan_a scope global"
FAULT = {"interface": "wan_a", "kind": "link"}


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    """A lab of its own, whose gateway has more routes and addresses by the uplink than a default route."""
    own = lab("dual_wan_partner", fresh=True)
    own.output(
        "gw", "ip -6 addr add 2001:db8:a::2/64 dev wan_a nodad; ip route add 198.18.0.0/15 via 198.51.100.1 table 77"
    )
    own.output(
        "gw", "ip route add 198.51.100.0/30 dev wan_a table 77; ip route add 198.19.9.0/24 dev wan_a metric 9 mtu 1400"
    )
    return own


def module(network: Lab, host: str, name: str, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    """Run a module of the collection inside a lab host, as Ansible would."""
    told = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check_mode, "_ansible_diff": True}})
    paths = shlex.quote(":".join(path for path in sys.path if path))
    program = f"ansible_collections.netpath.symmetry.plugins.modules.{name}"
    done = network.run(host, f"PYTHONPATH={paths} {sys.executable} -m {program} {shlex.quote(told)}", check=False)
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def state(network: Lab) -> list[str]:
    return sorted(network.output("gw", ROUTES).splitlines())


def test_without_a_guard_it_is_refused_and_nothing_happens(network: Lab) -> None:
    before = state(network)
    refused = module(network, "gw", "uplink_fault", **FAULT)
    assert refused["failed"] and "no change guard is armed" in refused["msg"]
    assert state(network) == before


def test_an_interface_that_is_not_there_is_named_with_those_that_are(network: Lab) -> None:
    refused = module(network, "gw", "uplink_fault", interface="wan_x", kind="link")
    assert "wan_x does not exist" in refused["msg"] and "wan_b" in refused["msg"]


def test_four_runs_of_a_dead_link_and_the_way_back(network: Lab) -> None:
    before = state(network)
    assert module(network, "gw", "change_guard", state="armed", timeout=60)["changed"]
    checked = module(network, "gw", "uplink_fault", check_mode=True, **FAULT)
    assert checked["changed"] and state(network) == before, "check mode changes nothing"
    real = module(network, "gw", "uplink_fault", **FAULT)
    assert real["changed"] and real["diff"] == checked["diff"]
    left = [
        line for line in network.output("gw", "ip -4 route show table all").splitlines() if "table local" not in line
    ]
    assert not [line for line in left if "wan_a" in line], "no table has a route by it any more"
    assert not module(network, "gw", "uplink_fault", check_mode=True, **FAULT)["changed"]
    assert not module(network, "gw", "uplink_fault", **FAULT)["changed"]
    assert module(network, "gw", "change_guard", state="reverted")["state"] == "reverted"
    assert state(network) == before, "every route and address is back"


def test_a_provider_that_is_dead_beyond_drops_what_is_forwarded_and_nothing_else(network: Lab) -> None:
    ask = "curl -s -o /dev/null -m 2 -w '%{http_code}' http://203.0.113.130/"
    assert network.run("client", ask, check=False).stdout == "200"
    module(network, "fwa", "change_guard", state="armed", timeout=60)
    assert module(network, "fwa", "uplink_fault", interface="out", kind="beyond")["changed"]
    assert network.run("client", ask, check=False).stdout == "000", "what is forwarded dies silently"
    assert network.run("gw", "ping -c 1 -W 1 198.51.100.1", check=False).returncode == 0, "the gateway still answers"
    module(network, "fwa", "change_guard", state="reverted")
    assert network.run("client", ask, check=False).stdout == "200"
    assert "netpath_symmetry_fault" not in network.output("fwa", "nft list tables")
