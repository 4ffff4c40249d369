# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every new remedy under an armed guard: taken back by its timer, or confirmed and rolled back. The observers are ip,
nft, /proc/sys and the files of the register."""

from __future__ import annotations

import datetime
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

END = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
]
LISTED = {name: {"addresses": [{"family": 4, "address": address, "prefixlen": 30}]}
          for name, address in (("wan_a", "198.51.100.2"), ("wan_b", "198.51.100.6"))}  # fmt: skip
WANTED = return_desired(UPLINKS, LISTED)
CHANGES: list[tuple[str, dict[str, t.Any]]] = [
    ("rp_filter", {"interfaces": [{"name": "wan_b", "mode": "loose", "reason": "x", "until": END, "ipv6": "loose"}]}),
    ("policy_routing", {"scope": "symmetric_return", "tables": WANTED["tables"], "rules": WANTED["rules"]}),
    ("symmetric_return", {"uplinks": WANTED["uplinks"]}),
    ("mss_clamp", {"edges": [{"interface": "wan_a", "mtu": 1400}]}),
    ("uplink_watch", {"uplinks": [{**one, "targets": ["203.0.113.1"]} for one in UPLINKS]}),
    ("ecmp_hash", {"seed": 7}),
    ("state_bypass", {"entries": [{"name": "p", "sources": ["192.0.2.0/24"], "destinations": ["10.9.0.1"],
                                   "protocol": "tcp", "ports": ["80"], "consent": True, "by": "al", "reason": "x",
                                   "until": END}]}),
]  # fmt: skip


def state(host: Netns) -> str:
    text = host.output("ip rule; ip route show table all; nft -s list ruleset; "
                       "tail -n 1 /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv[46]/fib_multipath_hash_*")
    return text + "".join(path.read_text() for path in sorted(host.state.glob("register/*.entry")))


def guard(host: Netns, *words: str) -> str:
    done = subprocess.run(host.with_state("sh", f"{STATE_DIR}/symmetry-guard", *words), capture_output=True, text=True,
                          timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def host() -> t.Iterator[Netns]:
    one, far = Netns("gd").create(), Netns("gdfar").create()
    try:
        veth(one, "wan_a", far, "pa", [("198.51.100.2/30", "198.51.100.1/30")])
        veth(one, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        one.run("ip route add default via 198.51.100.5; cd /proc/sys/net/ipv4/conf; "
                "for i in *; do echo 0 > $i/rp_filter; done")
        yield one
    finally:
        subprocess.run(one.with_state("sh", f"{STATE_DIR}/symmetry-uplink-watch", "home"), check=False)
        for timer in one.state.glob("register/*.timer"):
            subprocess.run(["kill", "--", f"-{timer.read_text().split()[1]}"], check=False)
        for netns in (one, far):
            netns.delete()


def change_all(host: Netns, seconds: int) -> None:
    armed = run_module(host, "change_guard", {"state": "armed", "change_id": "CHG1", "timeout": seconds})
    assert not armed.get("failed"), armed
    for name, options in CHANGES:
        done = run_module(host, name, {**options, "require_guard": True, "change_id": "CHG1"})
        assert done.get("changed"), (name, done)


def test_the_guards_timer_takes_all_of_it_back(host: Netns) -> None:
    before = state(host)
    change_all(host, 60)
    assert len(list(host.state.glob("register/*.timer"))) == 2
    host.run("nft add table ip meanwhile; ip rule add from 10.66.0.0/16 lookup main priority 200")
    (host.state / "pending" / "deadline").write_text("1.00\n")  # its time is over now
    deadline = time.monotonic() + 40
    while (host.state / "pending").exists():
        assert time.monotonic() < deadline, guard(host, "status")
        time.sleep(0.2)
    assert "reverted" in guard(host, "list")
    assert "table ip meanwhile" in state(host) and "10.66.0.0/16" in state(host), "what others did meanwhile stays"
    host.run("nft delete table ip meanwhile; ip rule del priority 200")
    assert state(host) == before and not list(host.state.glob("register/*.timer"))


def test_confirmed_and_rolled_back(host: Netns) -> None:
    before = state(host)
    change_all(host, 300)
    standing = state(host)
    guard(host, "confirm")
    assert state(host) == standing != before
    told = guard(host, "rollback", "CHG1")
    assert state(host) == before, told
