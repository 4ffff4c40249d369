# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of family arp: where one may drop, whether neighbours find each other is not known, and never clean."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed

Hosts = dict[str, Netns]
FLOW = "icmp 10.0.1.1 > 10.0.1.2"
BASE = "add table arp guard; add chain arp guard {0} {{ type filter hook {0} priority 0; policy {1}; }}; "
CASES = {  # whose rules, which, does a ping arrive, is the verdict known
    "a policy at input": ("there", BASE.format("input", "drop"), False, False),
    "a rule at output": (
        "here", BASE.format("output", "accept") + "add rule arp guard output arp daddr ip 10.0.1.2 drop", False, False),
    "a rule in a chain that is jumped to": (
        "there", BASE.format("input", "accept") + "add chain arp guard more; add rule arp guard more arp operation "
        "request drop; add rule arp guard input jump more", False, False),
    "a policy with a rule for everybody": (
        "there", BASE.format("input", "drop") + "add rule arp guard input accept", True, False),
    "nothing that drops": (
        "there", BASE.format("input", "accept") + "add rule arp guard input arp operation request counter accept", True,
        True),
}


@pytest.fixture(scope="module")
def pair() -> t.Iterator[Hosts]:
    """Two hosts on one wire."""
    hosts = {name: Netns(name).create() for name in ("here", "there")}
    try:
        veth(hosts["here"], "wire", hosts["there"], "wire", [("10.0.1.1/24", "10.0.1.2/24")])
        yield hosts
    finally:
        for one in hosts.values():
            one.delete()


@pytest.mark.parametrize("name", CASES)
def test_a_table_that_may_drop_arp_is_named(pair: Hosts, name: str) -> None:
    host, rules, works, known = CASES[name]
    for one in pair.values():
        one.run("ip neigh flush all")
    pair[host].run(f"nft '{rules}'")
    try:
        verdict = diagnosed(pair, [FLOW]).verdicts[0]
        ping = pair["here"].run("ping -c 1 -W 1 10.0.1.2", check=False)
        assert ("bytes from" in ping.stdout) == works, ping.stdout
        assert verdict.verdict == ("symmetric" if known else "unknown"), verdict.summary()
        assert known or f"{host}: chain arp guard" in verdict.read_next
    finally:
        pair[host].run("nft delete table arp guard")
