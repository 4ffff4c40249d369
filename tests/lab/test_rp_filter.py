# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rp_filter on a real host. The observer is /proc/sys."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth


@pytest.fixture
def host() -> t.Iterator[Netns]:
    one, far = Netns("rp").create(), Netns("rpfar").create()
    try:
        veth(one, "wan_a", far, "pa", [("198.51.100.2/30", "198.51.100.1/30")])
        veth(one, "v0.100", far, "pb", [("10.1.0.1/24", "10.1.0.2/24")])
        one.run("cd /proc/sys/net/ipv4/conf; for i in all default wan_a v0.100; do echo 0 > $i/rp_filter; done")
        one.run("echo 1 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")
        yield one
    finally:
        one.delete()
        far.delete()


def values(host: Netns) -> dict[str, str]:
    found = host.output("cd /proc/sys/net/ipv4/conf; for i in *; do echo $i=$(cat $i/rp_filter); done")
    return dict(line.split("=") for line in found.splitlines())


def module(host: Netns, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    return run_module(host, "rp_filter", options, check_mode)


WISHES = [{"name": "wan_a", "mode": "loose", "reason": "replies enter here"}, {"name": "v0.100", "mode": "strict"}]


def test_four_runs_and_their_inverse(host: Netns) -> None:
    before = values(host)
    check = module(host, True, interfaces=WISHES)
    assert values(host) == before
    run = module(host, interfaces=WISHES)
    assert values(host) == {**before, "wan_a": "2", "v0.100": "1"}
    again, last = module(host, True, interfaces=WISHES), module(host, interfaces=WISHES)
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False]
    assert check["diff"] == run["diff"] and again["diff"]["before"] == run["diff"]["after"]
    assert run["effective"][0] == {
        "interface": "wan_a",
        "mode": "loose",
        "origin": "interface",
        "reason": "replies enter here",
    }
    for _twice in range(2):
        for command in run["undo"]:
            host.run(command)
        assert values(host) == before


def test_an_inverse_leaves_a_value_that_somebody_else_set(host: Netns) -> None:
    run = module(host, interfaces=WISHES)
    host.run("echo 0 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")
    host.run("ip link del v0.100")
    for command in run["undo"]:
        host.run(command)
    assert values(host)["wan_a"] == "0"


def test_absent(host: Netns) -> None:
    host.run("echo 2 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")
    assert module(host, interfaces=[{"name": "wan_a"}], state="absent")["changed"]
    assert values(host)["wan_a"] == values(host)["default"] == "0"
    assert not module(host, interfaces=[{"name": "wan_a"}], state="absent")["changed"]


def test_what_the_value_of_all_forbids_is_refused(host: Netns) -> None:
    host.run("echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter")
    before = values(host)
    for check_mode in (True, False):
        answer = module(host, check_mode, interfaces=WISHES)
        assert answer["failed"] and "mode strict is impossible while net/ipv4/conf/all/rp_filter is 2" in answer["msg"]
    assert values(host) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [("all", "never written"), ("eth9", "interface 'eth9' does not exist on this host; it has")],
)
def test_refusals(host: Netns, name: str, message: str) -> None:
    before = values(host)
    answer = module(host, interfaces=[{"name": name, "mode": "loose"}])
    assert answer["failed"] and message in answer["msg"]
    assert values(host) == before
