# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Symmetric return between two providers that keep state. The observers are nft, ip and packets."""

from __future__ import annotations

import json
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.lab.two_providers import ASK, QUESTIONS, UPLINKS, Network, built


@pytest.fixture(scope="module")
def spaces() -> t.Iterator[dict[str, Netns]]:
    with built() as made:
        yield made


@pytest.fixture
def net(spaces: dict[str, Netns]) -> t.Iterator[Network]:
    network = Network(**spaces)
    before = network.state()
    yield network
    network.marks(state="absent")
    network.routing(state="absent")
    assert network.state() == before, "the next test needs the host as it was"


@pytest.fixture(scope="module")
def desired(spaces: dict[str, Netns]) -> dict[str, t.Any]:
    facts = run_module(spaces["host"], "host_facts", {})["ansible_facts"]["symmetry"]
    return return_desired(UPLINKS, facts["interfaces"])


def tracked(net: Network) -> str:
    """What the router knows of connections, marks and neighbours."""
    return net.host.output("conntrack -L -f ipv4 2>&1; conntrack -L -f ipv6 2>&1; ip neigh; ip -6 neigh; "
                           "ip -6 rule; nft -s list table inet netpath_symmetry 2>&1 || true")


def test_four_runs_and_packets_of_both_families(net: Network, desired: dict[str, t.Any]) -> None:
    before = net.state()
    assert not any(net.answers().values()), "without the remedy provider A drops every reply"
    assert "counter packets 0 " not in net.prov_a.output("nft list chain inet fw f | grep 'no session'")
    waiting = net.ext.start(sys.executable, "-c", ASK, json.dumps(QUESTIONS), "60")  # begun before the change
    tables = {"tables": desired["tables"], "rules": desired["rules"]}
    routed, check = net.routing(**tables), net.marks(True, uplinks=desired["uplinks"])
    assert "netpath_symmetry" not in net.state(), "check mode changed the host"
    run = net.marks(uplinks=desired["uplinks"])
    assert not run.get("failed"), run
    after = net.state()
    again, last = net.marks(True, uplinks=desired["uplinks"]), net.marks(uplinks=desired["uplinks"])
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False]
    assert check["diff"] == run["diff"] and check["changes"] == run["changes"]
    assert again["diff"]["before"] == run["diff"]["after"]
    assert not net.routing(**tables)["changed"] and net.state() == after
    late = json.loads(waiting.communicate(timeout=90)[0].splitlines()[-1])
    assert all(late.values()), f"connections that are older than the rules are not taken up: {late}\n{tracked(net)}"
    dropped = net.prov_a.output("nft list chain inet fw f | grep 'no session'")
    answers = net.answers(20)
    assert all(answers.values()) and len(answers) == 10, answers
    by_a = {"a4": ["tcp", "198.51.100.2", 7000], "a6": ["udp", "2001:db8:a::2", 7000]}
    assert all(net.answers(20, by_a).values()), "what came by A goes back by A"
    assert net.prov_a.output("nft list chain inet fw f | grep 'no session'") == dropped
    for _twice in range(2):
        net.undo(run, routed)
        assert net.state() == before
