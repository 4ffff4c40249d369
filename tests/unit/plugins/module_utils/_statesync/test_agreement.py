# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison of members finds, of inputs that are hard to bring about for real; the others: tests/lab."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.agreement import judge, judge_groups

Told = dict[str, t.Any]


def member(number: int, **changes: t.Any) -> Told:
    """A sound member of a pair that was watched for three seconds; ``changes`` are of its daemon."""
    local, peer = f"172.31.0.{number}", f"172.31.0.{3 - number}"
    link = {"transport": "udp", "interface": "sync", "local": local, "peer": peer, "port": 3780, "default": True,
            "active": True, "checksum": True, "up": True}
    item = {"daemon": "conntrackd", "running": True, "configuration": "/c", "synchronises": True, "version": "1.4.7",
            "mode": "ftfw", "internal_cache": True, "external_cache": False, "startup_resync": True,
            "reliable_events": True, "window_tracking": False, "links": [link], "filter_from": "userspace",
            "limits": {"hash_limit": 2000, "hash_size": 100}, "active": {"internal": 5},
            "counters": {"sent": 30, "received": 30, "lost": 0, "malformed": 0, "injected": 5, "inject_failed": 0},
            "growth": {"seconds": 3.0, "sent": 3, "received": 3, "lost": 0, "inject_failed": 0}, **changes}
    return {"state_sync": [item], "complete": True, "chosen": "/c", "left_out": [],
            "host": {"name": f"fw{number}", "byte_order": "little", "time": 1000.0, "addresses": [local]},
            "conntrack": {"count": 5, "max": 1000, "stats": {"drop": 0}}, "sysctls": {"nf_conntrack_max": 1000},
            "asked_between": [999.9, 1000.1]}


def pair() -> dict[str, Told]:
    return {"fw1": member(1), "fw2": member(2)}


def put(told: t.Any, path: str, value: t.Any) -> None:
    *names, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    for name in names:
        told = told[name]
    if value is None:
        told.pop(last, None)
    else:
        told[last] = value


def test_a_sound_pair_has_no_findings() -> None:
    assert judge(pair()) == []


@pytest.mark.parametrize(("path", "value", "kind", "status", "sentence"), [
    ("state_sync.0.version", "1.4.6", "versions_differ", "wrong", "fw1 runs conntrackd 1.4.7 and fw2 1.4.6"),
    ("state_sync.0.version", None, "version_unknown", "unknown", "the running conntrackd of fw2 is not known"),
    ("state_sync.0.mode", "notrack", "mode_differ", "wrong", "fw1 has ftfw, fw2 notrack"),
    ("state_sync.0.states", {"accept": ["established"]}, "states_differ", "wrong",
     "fw1 has none, fw2 accept established"),
    ("state_sync.0.expectations", ["ftp"], "expectations_differ", "doubtful", "fw1 has none, fw2 ftp"),
    ("state_sync.0.links.0.checksum", False, "links_differ", "wrong", "the checksum of the dedicated link differs"),
    ("state_sync.0.links.0.local", "172.31.0.7", "link_address", "wrong", "fw2 has no address 172.31.0.7"),
    ("state_sync.0.links.0.peer", "172.31.0.2", "peer_elsewhere", "wrong", "which is its own address"),
    ("state_sync.0.changed_since_start", True, "changed_since_start", "unknown", "what it runs with is not known"),
    ("state_sync.0.counters.internal_no_space", 4, "cache_full", "wrong", "had no place for 4 entries"),
    ("state_sync.0.growth.inject_failed", 7, "inject_failed", "wrong", "7 entries of the others could not be put"),
    ("state_sync.0.growth.lost", 3, "errors_grow", "wrong", "messages were lost on fw2 while it was watched (lost: 3)"),
    ("state_sync.0.growth.before", 3, "sequences_mixed", "wrong", "fw2 dropped 3 messages"),
    ("state_sync.0.growth.overruns", 1, "events_lost", "wrong", "lost events of its own kernel"),
    ("state_sync.0.growth.received", 30, "foreign_sender", "doubtful", "fw2 receives 10.0 messages/s"),
    ("state_sync.0.limits.hash_limit", 1500, "hash_limit", "doubtful", "HashLimit of fw2 is 1500, less than twice"),
    ("state_sync.0.limits.hash_limit", 900, "hash_limit", "wrong", "is 900, less than nf_conntrack_max (1000)"),
    ("conntrack.count", 950, "table_full", "wrong", "the connection table of fw2 holds 950 of 1000 entries"),
    ("conntrack.stats.drop", 5, "table_refused", "doubtful", "(drop 5)"),
    ("sysctls.nf_conntrack_tcp_loose", 0, "sysctls_differ", "doubtful", "nf_conntrack_tcp_loose absent and 0"),
    ("host.time", 1090.0, "clock_skew", "doubtful", "the clocks of fw1 and fw2 differ by at least 89.8 s"),
    ("why", "no root", "not_complete", "unknown", "fw2 could not be asked for everything: no root"),
])
def test_one_thing_that_is_wrong_is_one_finding(path: str, value: t.Any, kind: str, status: str, sentence: str) -> None:
    told = pair()
    put(told["fw2"], path, value)
    told["fw2"]["complete"] = path != "why"
    (finding,) = judge(told)
    assert (finding.kind, finding.status) == (kind, status) and sentence in finding.sentence
    assert "fw2" in finding.members and finding.todo and finding.as_dict()["members"] == list(finding.members)


def test_a_clock_that_may_be_right_raises_nothing() -> None:
    told = pair()
    told["fw2"]["host"]["time"] = 1010.0
    told["fw2"]["asked_between"] = [999.9, 1020.0]  # the answer took as long
    assert judge(told) == []
    del told["fw2"]["asked_between"]
    told["fw2"]["host"]["time"] = 5000.0
    assert judge(told) == []  # nobody knows when it was asked


def test_nobody_who_could_not_be_asked_is_taken_to_agree() -> None:
    found = judge({"fw1": member(1), "fw2": None})
    assert [(finding.kind, finding.status, finding.members) for finding in found] == [
        ("not_asked", "unknown", ("fw2",)), ("peer_elsewhere", "unknown", ("fw1",))]
    assert {finding.status for finding in judge({"fw1": None, "fw2": None})} == {"unknown"}


def test_one_member_is_no_group() -> None:
    assert [finding.kind for finding in judge({"fw1": member(1)})] == ["one_member", "peer_elsewhere"]


def test_a_member_without_a_daemon_and_one_that_is_stopped() -> None:
    told = pair()
    told["fw2"].update(state_sync=[], chosen=None)
    del told["fw2"]["chosen"]
    assert [finding.kind for finding in judge(told)] == ["not_configured", "peer_down"]
    told = pair()
    told["fw2"]["state_sync"][0]["running"] = False
    assert {finding.kind for finding in judge(told)} == {"not_running", "peer_down"}


def test_a_silent_link_needs_a_window_that_is_long_enough() -> None:
    told = pair()
    told["fw2"]["state_sync"][0]["growth"] = {"seconds": 1.0, "sent": 1, "received": 0}
    assert judge(told) == []
    told["fw2"]["state_sync"][0]["growth"]["seconds"] = 2.6
    assert [finding.kind for finding in judge(told)] == ["link_silent"]
    for one in told.values():
        one["state_sync"][0]["mode"] = "alarm"  # which has no heartbeat
    assert judge(told) == []


def test_own_addresses_may_differ_in_the_filter_and_others_may_not() -> None:
    told = pair()
    for number, one in enumerate(told.values(), 1):
        one["state_sync"][0]["addresses"] = {"ignore": ["127.0.0.1/32", f"172.31.0.{number}/32"]}
    assert judge(told) == []
    told["fw2"]["state_sync"][0]["addresses"]["ignore"].append("10.0.0.0/8")
    assert [finding.kind for finding in judge(told)] == ["addresses_differ"]


def test_digests_give_the_least_number_of_entries_that_are_missing() -> None:
    told = pair()
    one = {"partitions": 2, "counts": [10, 20], "sums": ["a", "b"], "shared": 30, "left_out": 0, "consistent": True}
    for name in told:
        told[name]["digest"] = copy.deepcopy(one)
    assert judge(told) == []
    told["fw2"]["digest"].update(counts=[7, 21], sums=["c", "d"], shared=28)
    (finding,) = judge(told)
    assert "fw2 lacks at least 3 of 30 entries of fw1, fw1 at least 1 of 28 of fw2" in finding.sentence
    told["fw2"]["digest"]["partitions"] = 4
    assert [finding.status for finding in judge(told)] == ["unknown"]


def test_groups_are_told_apart_by_address_and_port() -> None:
    def listening(port: int) -> Told:
        told = member(1)
        link = told["state_sync"][0]["links"][0]
        del link["peer"]
        link.update(transport="multicast", group="225.0.0.50", port=port)
        return told

    apart = {"one": {"a": listening(3780), "b": None}, "two": {"c": listening(3781)}}
    assert judge_groups(apart) == []
    apart["two"]["c"] = listening(3780)
    (finding,) = judge_groups(apart)
    assert (finding.kind, finding.members) == ("groups_share_address", ("a", "c"))
