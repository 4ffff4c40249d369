# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The follower of leases in a namespace: what it makes of addresses and routes, and what it finds after it was killed.

A whole host with a DHCP server and systemd is in tests/remedies/test_lease_routing.py.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing import read_leases
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing_script import SCRIPT
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

PATIENCE = 20.0  # seconds: how fast it is depends on the machine and is measured elsewhere, that it happens does not
UPLINKS = [{"name": "cable", "interface": "wan", "families": ["ipv4", "ipv6"], "delegated_to": ["lan"]}]
LEASE = """
ip link add wan type veth peer name far; ip link set wan up; ip link set far up
ip link add lan type veth peer name desk; ip link set lan up; ip link set desk up
ip address add 198.51.100.2/30 dev wan
ip route add default via 198.51.100.1 dev wan proto dhcp metric 2048
ip address add 2001:db8:a::2/64 dev wan nodad; ip address add 2001:db8:aa::5/128 dev wan nodad
ip address add 2001:db8:f1::1/64 dev lan nodad
ip -6 route add default via fe80::1 dev wan proto ra metric 1024
ip rule add pref 10460 from 192.0.2.99 lookup 200
"""
NEXT_LEASE = """
ip address del 198.51.100.2/30 dev wan; ip address add 192.0.2.77/24 dev wan
ip route replace default via 192.0.2.1 dev wan proto dhcp metric 2048
ip address del 2001:db8:a::2/64 dev wan; ip address add 2001:db8:b::2/64 dev wan nodad
ip address del 2001:db8:f1::1/64 dev lan; ip address add 2001:db8:f2::1/64 dev lan nodad
"""
FIRST = {"198.51.100.2 198.51.100.1", "2001:db8:a::/64 fe80::1", "2001:db8:aa::5 fe80::1", "2001:db8:f1::/64 fe80::1"}
NEXT = {"192.0.2.77 192.0.2.1", "2001:db8:b::/64 fe80::1", "2001:db8:aa::5 fe80::1", "2001:db8:f2::/64 fe80::1"}
FOREIGN = "10460:\tfrom 192.0.2.99 lookup 200"


class Follower:
    """The script in a directory of its own, as a process in a namespace."""

    def __init__(self, host: Netns, place: pathlib.Path) -> None:
        self.host = host
        self.path = place / "symmetry-lease-routing"
        self.path.write_text(SCRIPT)
        self.process: subprocess.Popen[str] | None = None
        self.declare("main")

    def declare(self, *specifics: str) -> None:
        text = read_leases({"uplinks": UPLINKS, "specifics": specifics}).text()
        self.path.with_name("lease-routing.conf").write_text(text)

    def start(self) -> None:
        self.process = self.host.start("sh", str(self.path), "run", stdout=None, stderr=None, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it and what it has started at once, as systemd does with the rest of a unit."""
        if self.process is not None:
            while inside := subprocess.run(
                ["ip", "netns", "pids", self.host.name], capture_output=True, text=True, check=True
            ).stdout.split():  # until nobody is left: one may have started another meanwhile
                for pid in inside:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                self.process.poll()
            self.process.wait(5)

    def ways(self) -> set[str]:
        """Our source rules, each with the gateway of the table that it leads to."""
        found = set()
        for family in (4, 6):
            rules = [rule for rule in self.host.json(f"ip -{family} -j -N rule show") if rule.get("protocol") == "83"]
            for rule in rules:
                if "suppress_prefixlen" in rule:
                    continue
                default = f"ip -{family} route show default table {rule['table']} 2>/dev/null || true"
                words = self.host.output(default).split()  # default via GATEWAY ...
                source = f"{rule['src']}/{rule['srclen']}" if "srclen" in rule else rule["src"]
                found.add(f"{source} {words[2] if words else 'nowhere'}")
        return found

    def await_ways(self, wanted: set[str]) -> None:
        self._await(self.ways, wanted)

    def await_looks(self, wanted: set[str]) -> None:
        """``wanted`` are the rules that look into main, as ip prints them without their number."""
        self._await(self._looks, wanted)

    def _looks(self) -> set[str]:
        printed = self.host.output("ip rule show pref 10450; ip -6 rule show pref 10450")
        return {line.partition(":")[2].strip() for line in printed.splitlines()}

    def _await(self, look: t.Callable[[], set[str]], wanted: set[str]) -> None:
        deadline = time.monotonic() + PATIENCE
        while (found := look()) != wanted:
            assert time.monotonic() < deadline, f"after {PATIENCE} s there is {found}, not {wanted}"
            time.sleep(0.05)

    def ours(self) -> str:
        """All that is there of our protocol."""
        return self.host.output(
            "for f in 4 6; do ip -$f rule show | grep 'proto 83' || true; ip -$f route show table all proto 83; done"
        )


@pytest.fixture(name="follower")
def _follower(tmp_path: pathlib.Path) -> t.Iterator[Follower]:
    host = Netns("leases").create()
    follower = Follower(host, tmp_path)
    try:
        host.run(LEASE)
        follower.start()
        follower.await_ways(FIRST)
        yield follower
    finally:
        follower.kill()
        host.delete()


def test_both_families_follow_and_all_goes_in_the_end(follower: Follower) -> None:
    host = follower.host
    follower.host.run(NEXT_LEASE)
    follower.await_ways(NEXT)
    host.run("ip rule del from 192.0.2.77; ip -6 route flush table 10454; ip -6 route flush table 10453")
    follower.await_ways(NEXT)  # what others remove comes back
    host.run("ip route del default dev wan")
    follower.await_ways({way for way in NEXT if "fe80" in way})
    follower.kill()
    went = host.run(f"sh {follower.path} home", check=False)
    assert went.returncode == 0, went.stdout + went.stderr
    assert follower.ours() == ""
    assert FOREIGN in host.output("ip rule show"), "a rule of others in the range stays"


def test_main_is_asked_for_what_is_declared(follower: Follower) -> None:
    rest = "lookup main suppress_prefixlength 0 proto 83"
    follower.await_looks({f"from all {rest}"})
    follower.kill()
    follower.declare("10.50.0.0/16", "192.0.2.9/32", "2001:db8:50::/48")
    follower.start()
    follower.await_looks({f"from all to {one} {rest}" for one in ("10.50.0.0/16", "192.0.2.9", "2001:db8:50::/48")})
    follower.kill()
    follower.declare("uplink")
    follower.start()
    follower.await_looks(set())
    follower.await_ways(FIRST)


def test_where_no_systemd_would_start_it_again_it_is_refused() -> None:
    host = Netns("noleases").create()
    try:
        host.run(LEASE)
        before = host.output("ip rule show; ip route show table all; ip -6 route show table all")
        for check_mode in (True, False):
            done = run_module(host, "lease_routing", {"uplinks": UPLINKS, "require_guard": False}, check_mode)
            assert done["failed"] and "systemd is not process 1 of this network" in done["msg"], done
            assert "declare addresses and gateways instead of from_lease" in done["msg"]
        assert host.output("ip rule show; ip route show table all; ip -6 route show table all") == before
        assert [path.name for path in host.state.glob("*lease*")] == []
    finally:
        host.delete()


def test_one_that_was_killed_mends_what_it_finds(follower: Follower) -> None:
    """The lease changes while nobody follows, and a switch was left half done: both tables are looked into."""
    host = follower.host
    follower.kill()
    host.run(NEXT_LEASE)
    host.run("ip rule add pref 10451 from 192.0.2.77 lookup 10452 protocol 83")
    assert follower.ways() != NEXT
    follower.start()
    follower.await_ways(NEXT)
    assert len(host.json("ip -j -N rule show pref 10451")) == 1


def test_what_the_watcher_of_uplinks_has_taken_out_is_left_alone(follower: Follower) -> None:
    host, state = follower.host, follower.path.parent / "uplink-watch" / "cable-4.state"
    state.parent.mkdir()
    state.write_text("down 2026-01-01T00:00:00Z wan\n")
    host.run("ip route flush table 10451; ip rule del from 198.51.100.2")
    time.sleep(1)
    assert "198.51.100.2" not in str(follower.ways())
    state.unlink()
    host.run("ip link set wan mtu 1400")  # whatever is told of the interface
    follower.await_ways(FIRST)
