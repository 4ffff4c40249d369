# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measurement is asked for, and how two members meet: on the loopback, with real sockets."""

from __future__ import annotations

import concurrent.futures
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import latency, latency_meeting
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.latency_meeting import MeetingError, meet

GOOD: dict[str, t.Any] = {
    "local": "127.0.0.1",
    "peer": "127.0.0.2",
    "port": 3781,
    "samples": 500,
    "rate": 0,
    "wait": 2,
    "meet_within": 5,
    "flows": ("tcp 10.0.0.10 > 10.9.0.10:80",),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"local": "fw_a"}, "local and peer are the addresses of the members on their link"),
        ({"peer": "::1"}, "are not two addresses of one family"),
        ({"peer": "127.0.0.1"}, "are not two addresses of one family"),
        ({"samples": 0}, "samples is 0, expected 1 to 12000"),
        ({"samples": 12001}, "samples is 12001, expected 1 to 12000"),
        ({"rate": 5001}, "rate is 5001, expected 0 to 5000"),
        ({"wait": 31}, "wait is 31, expected 0.01 to 30"),
        ({"meet_within": 0}, "meet_within is 0, expected 1 to 300"),
        ({"flows": ("tcp 10.0.0.10",)}, "flow 'tcp 10.0.0.10'"),
        ({"flows": ("icmp 10.0.0.10 > 10.9.0.10",)}, "connections of tcp and udp can be measured, not of icmp"),
        ({"flows": GOOD["flows"] * 9}, "9 flows are more than the 8 of one measurement"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(changes: dict[str, t.Any], message: str) -> None:
    with pytest.raises(latency.LatencyError) as caught:
        latency.Wish(**{**GOOD, **changes})
    assert message in str(caught.value)


def test_entries_have_addresses_that_nobody_has_unless_flows_are_named() -> None:
    assert latency.Wish(**{**GOOD, "flows": ()}).tuples() == [("tcp", "198.18.0.1", "198.18.0.2", 9)]
    assert latency.Wish(**GOOD).tuples() == [("tcp", "10.0.0.10", "10.9.0.10", 80)]


def both(port: int) -> tuple[latency_meeting.Meeting, latency_meeting.Meeting]:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ends = [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")]
        one, other = pool.map(lambda end: meet(*end, port, 5), ends)
    return one, other


def test_members_meet_whoever_comes_first_and_say_why_they_give_up() -> None:
    one, other = both(37811)
    with one, other:
        assert (one.first, other.first) == (True, False)
        one.say(number=1)
        one.say(number=2)
        assert [other.hear()["number"], other.hear()["number"]] == [1, 2] and other.heard() is None
        with pytest.raises(MeetingError, match="has said nothing for 0.05 s"):
            other.hear(0.05)
        other.say(error="the table is full")
        with pytest.raises(MeetingError, match="the other member gave up: the table is full"):
            one.hear()
    one, other = both(37812)
    with one:
        other.__exit__()
        with pytest.raises(MeetingError, match="the other member was lost"):
            one.hear(1)


def test_a_member_that_waits_in_vain_says_what_to_do() -> None:
    for local, peer in (("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")):
        with pytest.raises(MeetingError, match="did not come within 0.3 s: run the task on both members"):
            meet(local, peer, 37813, 0.3)


def test_an_address_of_somebody_else_is_refused() -> None:
    for local, peer in (("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")):
        with pytest.raises(MeetingError, match="192.0.2"):
            meet(local, peer, 37814, 0.5)


def test_only_the_peer_is_let_in() -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(meet, "127.0.0.1", "127.0.0.2", 37815, 3)
        with meet("127.0.0.3", "127.0.0.1", 37815, 3) as stranger:
            with pytest.raises(MeetingError, match="was lost"):
                stranger.hear(2)
            with meet("127.0.0.2", "127.0.0.1", 37815, 3), waiting.result() as met:
                assert met.first


def test_a_table_that_would_be_full_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "count").write_text("750\n")
    (tmp_path / "max").write_text("1000\n")
    latency._check_table(50, f"{tmp_path}/")
    with pytest.raises(latency.LatencyError, match="750 of 1000 entries are in use, and 51 more would fill the table"):
        latency._check_table(51, f"{tmp_path}/")
    with pytest.raises(latency.LatencyError, match="does not track connections"):
        latency._check_table(1, f"{tmp_path}/none/")


def test_half_of_the_entries_come_one_at_a_time_and_the_slower_half_counts() -> None:
    wish = latency.Wish(**{**GOOD, "samples": 400, "rate": 1000})
    times = wish.schedule()
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert wish.alone == 200 and min(gaps[:199]) > 0.002 and max(gaps[199:]) < 0.0011
    assert latency.Wish(**GOOD).alone == 500
    alone, burst = [float(number) for number in range(1, 101)], [50.5] * 100
    assert latency._latency([alone, burst]) == {"p50": 50.5, "p99": 99.0, "p999": 100.0}
    assert latency._latency([alone, [*burst[:99], None]]) == {"p50": 50.5, "p99": 99.0}
    assert latency._latency([alone, [None] * 100]) == {}
