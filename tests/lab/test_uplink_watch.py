# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uplink_watch on a gateway with two providers, of which one dies beyond a live link. Observers: packets and ip."""

from __future__ import annotations

import pathlib
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.watched_uplinks import INTERVAL, UPLINKS, Lab, Talk, built

FALL = 3
PATIENCE = 30  # seconds: how fast it is depends on the machine, that it happens does not
BY_A, BY_B = ("198.51.100.2", "2001:db8:a::2"), ("198.51.100.6", "2001:db8:b::2")
PINNED = ("203.0.113.10", "2001:db8:f::10")  # by a route of ours; the target is reached by main's default only
PLAIN, BLOCKED = "203.0.113.11", "203.0.113.12"


@pytest.fixture(scope="module")
def lab() -> t.Iterator[Lab]:
    with built() as made:
        yield made


@pytest.fixture
def home(lab: Lab) -> t.Iterator[str]:
    """The state without a watcher, before and after."""
    before = lab.state()
    yield before
    removed = lab.watch(state="absent")
    assert not removed.get("failed"), removed
    assert lab.state() == before


@pytest.fixture
def talks(lab: Lab, tmp_path: pathlib.Path) -> t.Iterator[list[Talk]]:
    """By A for IPv4 and IPv6, each with one five-tuple, and one that is pinned to B."""
    made = [Talk(lab.client, address, 4000 + number, tmp_path / str(number))
            for number, address in enumerate((*PINNED, "203.0.113.200"))]
    try:
        yield made
    finally:
        for one in made:
            one.end()


def up(lab: Lab) -> bool:
    """Whether the last round found all of them well."""
    told = lab.status()
    return told.count(" up: ") == len(UPLINKS) and " needed" not in told and "no carrier" not in told


def seen_as(talks: t.Sequence[Talk]) -> tuple[str, ...]:
    return tuple(one.last().split(" ")[0] for one in talks)


def test_dead_beyond_a_live_link_and_home_again(lab: Lab, home: str, talks: list[Talk]) -> None:
    check = lab.watch(True, uplinks=UPLINKS)
    assert lab.state() == home and not lab.program.exists()
    run = lab.watch(uplinks=UPLINKS)
    steady = lab.state()
    assert "oif wan_b lookup 9602" in steady
    again, last = lab.watch(True, uplinks=UPLINKS), lab.watch(uplinks=UPLINKS)
    assert [one.get("changed") for one in (check, run, again, last)] == [True, True, False, False], run
    assert check["diff"] == run["diff"] and again["diff"]["before"] == run["diff"]["after"]
    lab.wait(lambda: up(lab) and seen_as(talks) == (*BY_A, BY_B[0]), PATIENCE, "it does not begin well")
    assert (lab.asks(PLAIN), lab.asks(BLOCKED)) == (BY_A[0], BY_A[0])
    # below `fall` nothing is switched: dead for less than two rounds
    lab.die(lab.pa)
    time.sleep(1.5 * INTERVAL)
    lab.mend(lab.pa)
    lab.wait(lambda: seen_as(talks)[:2] == BY_A and up(lab), PATIENCE, "it does not come back")
    assert lab.state() == steady
    # dead for good
    lab.die(lab.pa)
    died = time.monotonic()
    lab.wait(lambda: lab.asks(PLAIN) == BY_B[0], PATIENCE, "new flows do not leave by B")
    lab.wait(lambda: seen_as(talks)[:2] == BY_B, PATIENCE, "open flows stay dead")
    print(f"healed {time.monotonic() - died:.1f} s after the fault, at {FALL} rounds of {INTERVAL} s")
    assert lab.say("status").returncode == 1 and "2 of our routes are out" in lab.say("status").stdout
    assert lab.asks(BLOCKED) == "", "what must not leave by another uplink does"
    refused = run_module(lab.gw, "policy_routing", {"scope": "policy_route", "state": "absent"}, check_mode=True)
    assert refused.get("failed") and "has failed over on this host" in refused["msg"]
    told = run_module(lab.gw, "host_facts", {})["ansible_facts"]["symmetry"]["parts"]["applied"]
    assert not told["complete"] and told["why"].startswith("uplink_watch has failed over (a-4"), told
    # killed meanwhile, and started anew, it knows what it has switched
    switched = lab.state()
    lab.kill()
    lab.mend(lab.pa)
    time.sleep(0.3)
    assert lab.state() == switched and lab.say("status").returncode == 3
    assert lab.say("start").returncode == 0
    lab.wait(lambda: lab.state() == steady, PATIENCE, "it does not go home")
    lab.wait(lambda: seen_as(talks)[:2] == BY_A, PATIENCE, "flows of B do not come home")
    # what had nothing to do with A has lost nothing and kept its mapping
    assert {who for _when, who in talks[2].lines()} == {f"{BY_B[0]} 4002"}
    for _twice in range(2):
        for command in run["undo"]:
            subprocess.run(lab.gw.with_state("sh", "-c", command), check=True)
        assert lab.state() == home and not lab.program.exists() and lab.say("status").returncode != 0


@pytest.mark.long
def test_without_the_watcher_the_flow_stays_dead(lab: Lab, talks: list[Talk]) -> None:
    lab.wait(lambda: seen_as(talks) == (*BY_A, BY_B[0]), PATIENCE, "it does not begin well")
    lab.die(lab.pa)
    try:
        lab.wait(lambda: seen_as(talks)[:2] == ("-", "-"), PATIENCE, "the fault is none")
        time.sleep(FALL * INTERVAL + 1)
        assert seen_as(talks) == ("-", "-", BY_B[0]) and lab.asks(PLAIN) == ""
    finally:
        lab.mend(lab.pa)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"uplinks": UPLINKS[:1]}, "nothing to fail over to"),
        ({"uplinks": [UPLINKS[0], {**UPLINKS[1], "interface": "wan_x"}]}, "no interface wan_x"),
        ({"uplinks": UPLINKS, "require_guard": True}, "no change guard is armed"),
    ],
)
def test_bad_options_change_nothing(lab: Lab, options: dict[str, t.Any], message: str) -> None:
    before = lab.state()
    refused = lab.watch(**options)
    assert refused.get("failed") and message in refused["msg"], refused
    assert lab.state() == before and not lab.program.exists()


def test_a_strict_filter_that_drops_the_answers_is_refused(lab: Lab) -> None:
    lab.gw.run("sysctl -qw net.ipv4.conf.wan_b.rp_filter=1")
    try:
        refused = lab.watch(uplinks=UPLINKS)
        assert refused.get("failed") and "rp_filter of wan_b is strict" in refused["msg"], refused
    finally:
        lab.gw.run("sysctl -qw net.ipv4.conf.wan_b.rp_filter=0")


@pytest.mark.long
def test_routes_that_go_with_a_link_come_back_with_it(lab: Lab) -> None:
    """What others have put in (addresses, main's routes) is brought back by them, here by the test."""
    theirs = ("ip -6 address replace 2001:db8:a::2/64 dev wan_a nodad; ip route replace default via 198.51.100.1; "
              "ip -6 route replace default via 2001:db8:a::1")
    home = lab.state()
    lab.watch(uplinks=UPLINKS)
    lab.wait(lambda: up(lab), PATIENCE, "it does not begin well")
    steady = lab.state()
    lab.gw.run(f"ip link set wan_a down; sleep 0.2; ip link set wan_a up; {theirs}")
    assert lab.state() != steady, "our routes have gone with the link"
    lab.wait(lambda: settled(lab) == settled_text(steady), PATIENCE, "they do not come back after a flap")
    assert "is used instead" not in lab.status()
    lab.gw.run("ip link set wan_a down")
    lab.wait(lambda: lab.status().count("is used instead") == 2, FALL * INTERVAL + 2, "it does not fail over")
    assert lab.asks(PLAIN) == BY_B[0] and "a-4 wan_a down: no carrier" in lab.status()
    lab.gw.run(f"ip link set wan_a up; {theirs}")
    lab.wait(lambda: settled(lab) == settled_text(steady), PATIENCE, "it does not go home")
    assert lab.watch(state="absent").get("changed")
    assert settled(lab) == settled_text(home)


def settled_text(state: str) -> str:
    """Without what the kernel makes of a link for itself, whose order tells when it came up."""
    return "\n".join(sorted(line for line in state.splitlines() if "fe80" not in line and "ff00::" not in line))


def settled(lab: Lab) -> str:
    return settled_text(lab.state())


@pytest.mark.long
def test_with_both_dead_all_is_as_before_and_a_pending_change_is_not_disturbed(lab: Lab, home: str) -> None:
    lab.watch(uplinks=UPLINKS)
    lab.wait(lambda: up(lab), PATIENCE, "it does not begin well")
    steady = lab.state()
    pending = lab.gw.state / "pending"
    pending.mkdir()
    lab.die(lab.pa)
    try:
        lab.wait(lambda: "a-4 wan_a down" in lab.status(), PATIENCE, "it does not see the dead uplink")
        time.sleep(2 * INTERVAL)
        assert lab.state() == steady and "while a change is pending" in lab.status()
        pending.rmdir()
        lab.wait(lambda: lab.asks(PLAIN) == BY_B[0], PATIENCE, "it does not switch once the change has ended")
        lab.die(lab.pb)
        lab.wait(lambda: lab.state() == steady, PATIENCE, "with no uplink left something is switched")
    finally:
        lab.mend(lab.pa)
        lab.mend(lab.pb)
    lab.wait(lambda: up(lab), PATIENCE, "it does not see that all is well again")
    assert lab.state() == steady


@pytest.mark.long
def test_killed_between_two_steps_of_a_switch_it_still_goes_home(lab: Lab, home: str) -> None:
    """Some milliseconds after the first thing has changed, on the way out and on the way home."""
    lab.watch(uplinks=[{**one, "fall": 1, "rise": 1} for one in UPLINKS])
    lab.wait(lambda: up(lab), PATIENCE, "it does not begin well")
    steady = lab.state()
    halfway = set()
    for pause in (0.0, 0.015, 0.03, 0.06, 0.09):
        for fault in (lab.die, lab.mend):
            fault(lab.pa)
            before = lab.state()
            lab.wait(lambda then=before: lab.state() != then, PATIENCE, "nothing changes")
            time.sleep(pause)
            lab.kill()
            state = lab.state()
            halfway.add((state.count("11000:"), state.count("11001:"), state.count("203.0.113.10 ")))
            assert lab.say("start").returncode == 0
        lab.wait(lambda: lab.state() == steady, 6, f"killed after {pause} s it does not go home")
    assert len(halfway) > 2, f"it was never killed between two steps: {halfway}"
