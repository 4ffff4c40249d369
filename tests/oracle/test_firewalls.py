# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule sets of ufw and firewalld as they come: nothing of them is unknown to real packets. Needs root."""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.oracle import packets

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
RULES = pathlib.Path(__file__).parent / "firewalls"
CASES = 400
SEED = int(os.environ.get("ORACLE_SEED", "1"))
MUST_OCCUR = {
    "ufw": ("tcp forward new", "tcp forward established", "tcp drop new", "udp drop new", "icmp forward new",
            "icmp local established", "icmpv6 forward new"),
    "firewalld": ("tcp forward new", "tcp forward established", "tcp drop invalid", "udp drop new",
                  "icmp forward established", "icmpv6 drop invalid"),
}  # fmt: skip


def load_ufw(backend: str) -> t.Callable[[str], None]:
    def load(_ruleset: str) -> None:
        for tool, name in (("iptables", "ufw4.rules"), ("ip6tables", "ufw6.rules")):
            subprocess.run([f"{tool}-{backend}-restore", RULES / name], check=True)

    return load


def load_firewalld(_ruleset: str) -> None:
    subprocess.run(["nft", "-f", RULES / "firewalld.nft"], check=True)


def run(load: t.Callable[[str], None], cases: int) -> packets.Tally:
    def world(dice: random.Random, links: packets.Links, table: str) -> packets.World:
        return packets.World("", dice.random() < 0.3, links=links, table=table, load=load)

    tally = packets.Tally()
    seed = SEED
    while tally.total < cases and not tally.mismatches:
        packets.run_world(seed, tally, make_world=world)
        seed += 1
    return tally


@pytest.mark.parametrize("backend", ["legacy", "nft"])
def test_ufw(backend: str) -> None:
    check("ufw", run(load_ufw(backend), CASES))


def test_firewalld() -> None:
    check("firewalld", run(load_firewalld, CASES))


def check(name: str, tally: packets.Tally) -> None:
    print(f"{tally.total} packets from seed {SEED}: {dict(sorted(tally.counts.items()))}")
    assert not tally.mismatches, tally.mismatches[0]
    assert [kind for kind in MUST_OCCUR[name] if not tally.counts[kind]] == []
    assert tally.unknown == 0
