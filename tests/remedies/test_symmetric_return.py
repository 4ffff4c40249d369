# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Symmetric return beside what others have on the host, and as a role. The observers are nft, ip and packets."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_TABLE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.lab.role_host import Host, four_runs
from ansible_collections.netpath.symmetry.tests.lab.two_providers import UPLINKS, Network, built


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


def test_one_rule_pair_however_many_uplinks(net: Network, desired: dict[str, t.Any]) -> None:
    assert not net.marks(uplinks=desired["uplinks"]).get("failed")
    two = net.host.output("nft list chain inet netpath_symmetry return_prerouting; "
                          "nft list chain inet netpath_symmetry return_output")
    three = [*desired["uplinks"], {"name": "c", "interface": "lan", "mark": "0x7f000000"}]
    run = net.marks(uplinks=three)
    assert run["changed"] and two == net.host.output(
        "nft list chain inet netpath_symmetry return_prerouting; nft list chain inet netpath_symmetry return_output")
    assert two.count("vmap") == 3
    standing = net.state()
    fewer = net.marks(uplinks=desired["uplinks"][1:])
    assert fewer["changed"] and "wan_a" not in net.host.output("nft list map inet netpath_symmetry return_in")
    net.undo(fewer)
    assert sorted(net.state().split()) == sorted(standing.split()), "the kernel lists what was made again at the end"


def test_what_others_put_into_our_table_stays(net: Network, desired: dict[str, t.Any]) -> None:
    run = net.marks(uplinks=desired["uplinks"])
    net.host.run("nft add rule inet netpath_symmetry return_output counter comment mine; "
                 "nft add counter inet netpath_symmetry theirs")
    for take_back in (lambda: net.undo(run), lambda: net.marks(state="absent")):
        net.marks(uplinks=desired["uplinks"])
        take_back()
        left = net.state()
        assert 'comment "mine"' in left and "counter theirs" in left and "return_in" not in left
    net.host.run("nft delete table inet netpath_symmetry")


def test_refusals(net: Network, desired: dict[str, t.Any]) -> None:
    uplinks = desired["uplinks"]
    before = net.state()
    cases = [
        ("ip rule add fwmark 0x1000000/0xff000000 lookup main priority 300", "ip rule del priority 300", "reads them"),
        ("nft -f - <<'E'\ntable ip mangle { chain cali-PREROUTING { type filter hook prerouting priority 0; "
         "meta mark set 0x1; }; }\nE", "nft delete table ip mangle", "(Calico) writes them"),
        ("echo 1 > /proc/sys/net/ipv4/conf/wan_b/rp_filter", "echo 0 > /proc/sys/net/ipv4/conf/wan_b/rp_filter",
         "rp_filter of wan_b is strict and the default route leaves by wan_a"),
        ("cd /proc/sys/net/ipv4/conf/lan; echo 1 > rp_filter; echo 1 > src_valid_mark",
         "cd /proc/sys/net/ipv4/conf/lan; echo 0 > rp_filter; echo 0 > src_valid_mark", "src_valid_mark is set"),
    ]
    for make, clear, message in cases:
        net.host.run(make)
        for check_mode in (True, False):
            answer = net.marks(check_mode, uplinks=uplinks)
            assert answer.get("failed") and message in answer["msg"], answer
        net.host.run(clear)
        assert net.state() == before
    for bad, message in (({"mark": "0x10"}, "not within mark_mask"), ({"interface": "eth9"}, "does not exist")):
        answer = net.marks(uplinks=[{**uplinks[0], **bad}])
        assert answer.get("failed") and message in answer["msg"], answer
    for foreign in ("0x80000/0xff0000", "0x200/0xf00"):  # Tailscale's and Cilium's bits are not ours
        net.host.run(f"ip rule add fwmark {foreign} lookup main priority 300")
        assert not net.marks(True, uplinks=uplinks).get("failed")
        net.host.run("ip rule del priority 300")


def test_role(spaces: dict[str, Netns], net: Network, tmp_path: pathlib.Path) -> None:
    host = Host(spaces["host"], spaces["ext"], spaces["srv"], tmp_path)
    before = host.state()
    four_runs(host, "symmetric_return", {"symmetric_return_uplinks": UPLINKS}, changed=2)
    answers = net.answers(20)
    assert all(answers.values()) and len(answers) == 10, answers
    assert host.netns.output("ip rule | grep -c 'proto 83'; ip -6 rule | grep -c 'proto 83'").split() == ["2", "2"]
    assert "ff02" not in host.netns.output("ip -6 route show table all proto 83")
    four_runs(host, "symmetric_return", {"symmetric_return_state": "absent"}, changed=2)
    assert host.state() == before


def test_replies_to_neighbours_on_the_link_stay_on_it(spaces: dict[str, Netns], net: Network,
                                                      desired: dict[str, t.Any]) -> None:
    net.routing(tables=desired["tables"], rules=desired["rules"])
    net.marks(uplinks=desired["uplinks"])
    listed = net.host.json("ip -j -6 address show dev wan_b scope link")
    own = next(one["local"] for link in listed for one in link.get("addr_info", ()) if "local" in one)
    assert net.prov_b.run(f"ping -c 1 -W 2 {own}%customer", check=False).returncode == 0
    assert net.prov_b.run("ping -c 1 -W 2 198.51.100.6; ping -c 1 -W 2 2001:db8:b::2", check=False).returncode == 0


def test_the_facts_as_planned_are_the_facts_afterwards(net: Network) -> None:
    def facts() -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", run_module(net.host, "host_facts", {})["ansible_facts"]["symmetry"])

    variables = {"symmetric_return_uplinks": UPLINKS}
    before = facts()
    planned = plan_remedy(before, "symmetric_return", variables)
    wanted = return_desired(UPLINKS, before["interfaces"])
    done = net.routing(tables=wanted["tables"], rules=wanted["rules"])["changes"]
    done += net.marks(uplinks=wanted["uplinks"])["changes"]
    assert json.loads(json.dumps([change.to_dict() for change in planned])) == done
    forecast, after = apply_to_facts(before, planned), facts()
    assert forecast["rules"] == after["rules"]
    assert sorted(map(str, forecast["routes"])) == sorted(map(str, after["routes"]))
    ours = [[one for one in told["netfilter"]["chains"] + told["netfilter"]["sets"] if one["table"] == NFT_TABLE]
            for told in (forecast, after)]
    for told in ours:
        for chain in told:
            chain.get("elements", []).sort(key=str)
            for rule in chain.get("rules", ()):
                rule.pop("text"), rule.pop("handle", None)
    assert sorted(map(str, ours[0])) == sorted(map(str, ours[1])) and len(ours[1]) == 8
    assert not plan_remedy(after, "symmetric_return", variables), "what stands is recognised in facts"
