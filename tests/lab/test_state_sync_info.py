# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state_sync_info on real daemons, and what a comparison of members finds when one thing is wrong."""

from __future__ import annotations

import concurrent.futures
import pathlib
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.agreement import judge, judge_groups
from ansible_collections.netpath.symmetry.tests.lab.conntrackd_pair import IGNORED, LINK, MULTICAST, UDP, Member, Pair
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module

OFF = "DisableExternalCache on"
DIRECT = f"Mode FTFW {{ {OFF}\n}}"
EXPECTED = {"left_out"}  # a note that every member has: what conntrackd never shares
ALL = 2_000_000_000  # HashLimit that is above twice any nf_conntrack_max


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    try:
        yield pair.create()
    finally:
        pair.delete()


def ask(member: Member, **arguments: t.Any) -> dict[str, t.Any]:
    began = time.time()
    told = run_module(member.netns, "state_sync_info", arguments)
    assert not told.get("failed"), told
    told["asked_between"] = [began, time.time()]
    return told


def both(pair: Pair, **arguments: t.Any) -> dict[str, dict[str, t.Any]]:
    """What both tell, asked at one time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda member: ask(member, **arguments), pair.members)
        return {member.name: told for member, told in zip(pair.members, answers, strict=True)}


def kinds(told: t.Mapping[str, t.Any]) -> set[str]:
    return {finding.kind for finding in judge(told)} - EXPECTED


def fresh(pair: Pair, mode: str = DIRECT, **options: t.Any) -> None:
    """Both daemons anew, over empty tables."""
    for member in pair.members:
        member.stop()
        member.netns.run("conntrack -F 2>/dev/null")
    pair.start(mode, **{"limit": ALL, **options})


def cross(pair: Pair, told: dict[str, dict[str, t.Any]]) -> None:
    """Ask each member for the sample of the other."""
    for member, other in (pair.members, pair.members[::-1]):
        told[member.name]["entries"] = ask(member, entries=told[other.name]["sample"]["entries"]).get("entries", [])


def test_a_sound_pair_agrees_in_everything(pair: Pair) -> None:
    fresh(pair)
    pair.a.add(*range(2000, 2300))
    pair.a.add(53, how="-p udp --dport 53 -t 300", source="fd00::1", destination="fd00::2")
    pair.b.add(*range(3000, 3100), source="10.0.1.1")
    pair.a.add(7, source="172.31.0.1")  # an own address: not shared
    pair.wait_for(lambda: len(pair.a.ports()) > 400 and len(pair.b.ports()) >= 400)
    told = both(pair, sample=50, digest=True, sample_seconds=0.5)
    cross(pair, told)
    assert [told[name]["complete"] for name in "ab"] == [True, True]
    assert [len(told[name]["sample"]["entries"]) for name in "ab"] == [50, 50]
    assert [told[name]["digest"]["shared"] for name in "ab"] == [401, 401]
    assert told["a"]["digest"]["left_out"] >= 1
    assert told["a"]["digest"]["sums"] == told["b"]["digest"]["sums"]
    assert all(entry["here"] for name in "ab" for entry in told[name]["entries"])
    assert kinds(told) == set()
    assert {part["what"] for part in told["a"]["left_out"]} == {
        "172.31.0.0/30", "all helpers", "keys of gre", "zones of one direction"}


def test_one_entry_that_is_missing_is_found_by_digests_and_by_the_sample(pair: Pair) -> None:
    fresh(pair)
    pair.a.add(*range(2000, 2100))
    pair.wait_for(lambda: len(pair.b.ports()) == 100)
    pair.b.stop()  # so that the removal is not shared
    pair.b.netns.run("conntrack -D -p tcp --sport 2042")
    pair.b.start()
    told = both(pair, sample=200, digest=True)
    cross(pair, told)
    found = {finding.kind: finding for finding in judge(told)}
    assert set(found) - EXPECTED == {"tables_differ", "entries_missing"}
    assert "b lacks at least 1 of 100 entries of a" in found["tables_differ"].sentence
    assert found["entries_missing"].sentence == (
        "1 of 100 sampled entries of a do not stand on b, for example tcp 10.0.0.1:2042 > 10.0.0.2:80")
    (answer,) = [entry for entry in told["b"]["entries"] if not entry["here"]]
    assert answer["original"]["sport"] == 2042


def test_entries_that_wait_in_the_external_cache_are_told_from_those_that_are_missing(pair: Pair) -> None:
    fresh(pair, "Mode FTFW { }")
    pair.a.add(*range(2000, 2040))
    pair.a.add(5353, how="-p udp --dport 53 -t 300", source="fd00::1", destination="fd00::2")
    pair.wait_for(lambda: "active connections:\t          41" in pair.b.statistics())
    told = both(pair, sample=60)
    cross(pair, told)
    assert [(entry["here"], entry["waits"]) for entry in told["b"]["entries"]] == [(False, True)] * 41
    assert kinds(told) == {"external_cache", "entries_waiting"}
    never = {"protocol": "tcp", "original": {"source": "10.9.9.9", "destination": "10.0.0.2", "sport": 1, "dport": 2}}
    assert ask(pair.b, entries=[never])["entries"] == [{**never, "here": False, "waits": False}]


def test_zones_and_protocols_are_asked_for_as_they_are(pair: Pair) -> None:
    fresh(pair)
    pair.a.netns.run(
        "I='conntrack -I -s 10.0.0.1 -d 10.0.0.2 -t 300'\n"
        "$I -p tcp --sport 5 --dport 80 --state ESTABLISHED -u SEEN_REPLY -w 5\n"
        "$I -p tcp --sport 6 --dport 80 --state ESTABLISHED -u SEEN_REPLY --orig-zone 7\n"
        "$I -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77\n"
        "$I -p gre --srckey 3 --dstkey 4\n$I -p 50\n"
        "$I -p tcp --sport 9 --dport 80 --state ESTABLISHED -u SEEN_REPLY --src-nat 192.0.2.9:777\n"
        "conntrack -I -s fd00::1 -d fd00::2 -p icmpv6 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 9 -t 300\n"
    )
    pair.wait_for(lambda: "connections created:\t\t           7" in pair.b.statistics().partition("inject")[2])
    told = both(pair, sample=20)
    assert len(told["a"]["sample"]["entries"]) == 7
    here = ask(pair.a, entries=told["a"]["sample"]["entries"])["entries"]
    assert all(entry["here"] for entry in here), here
    there = ask(pair.b, entries=told["a"]["sample"]["entries"])["entries"]
    lost = [entry["original"] for entry in there if not entry["here"]]
    # what left_out_always says: the zone of one direction is lost, and a key of GRE (its entry stands with key 0)
    assert [side.get("sport") for side in lost if "zone" in side] == [6]
    assert len(lost) == len([side for side in lost if "zone" in side]) + (1 if gre_is_lost(there) else 0)


def gre_is_lost(answers: list[dict[str, t.Any]]) -> bool:
    return any(not entry["here"] for entry in answers if entry["protocol"] in ("gre", "47"))


def test_what_the_filter_leaves_out_is_named_and_not_compared(pair: Pair) -> None:
    filter_ = IGNORED.replace("Address Ignore {", "Protocol Accept {\nTCP\n}\nState Ignore {\nSYN_SENT for TCP\n}\n"
                              "Address Ignore {\nIPv4_address 10.7.0.0/16")
    fresh(pair, general=filter_)
    pair.a.add(*range(2000, 2020))
    pair.a.add(*range(2000, 2020), source="10.7.1.1")
    pair.a.add(*range(53, 60), how="-p udp --dport 53 -t 300")
    pair.wait_for(lambda: len(pair.b.ports()) == 20)
    told = both(pair, sample=100, digest=True)
    cross(pair, told)
    assert kinds(told) == set()
    assert told["a"]["digest"]["shared"] == 20 and told["a"]["digest"]["left_out"] == 27
    named = [(part["kind"], part["what"]) for part in told["a"]["left_out"]]
    assert [what for kind, what in named if kind == "protocol"] == [
        "udp", "icmp", "icmpv6", "sctp", "gre", "other protocols"]
    assert ("state", "tcp syn_sent") in named and ("address", "10.7.0.0/16") in named


def test_translations_to_the_same_port_cannot_both_stand(pair: Pair) -> None:
    """Each member has given another connection the same outer port: what the other sends is refused by the kernel."""
    fresh(pair)
    nat = "-p tcp --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 300 --src-nat 192.0.2.9:777"
    pair.b.stop()
    pair.b.add(1, how=nat, source="10.0.0.5")
    pair.b.start()
    pair.a.add(2, how=nat, source="10.0.0.6")
    pair.wait_for(lambda: "created:\t\t           0\tfailed:\t           1" in pair.b.statistics())
    told = both(pair, sample=10)
    cross(pair, told)
    found = {finding.kind: finding for finding in judge(told)}
    assert found["inject_failed"].members == ("b",) and found["inject_failed"].status == "doubtful"
    assert found["entries_missing"].members in (("a", "b"), ("b", "a"))
    assert told["b"]["state_sync"][0]["counters"]["inject_failed"] == 1


def other_way(member: Member, mode: str = DIRECT, **options: t.Any) -> None:
    """This member alone is started with another configuration."""
    member.stop()
    member.configure(mode, **{"limit": ALL, **options})
    member.start()


@pytest.mark.parametrize(("options", "expected"), [
    ({"mode": f"Mode NOTRACK {{ {OFF}\n}}"}, {"mode_differ"}),
    ({"mode": "Mode FTFW { }"}, {"external_cache_differ", "external_cache"}),
    ({"general": IGNORED.replace("Address", "Protocol Accept {\nTCP\n}\nAddress")}, {"protocols_differ"}),
    ({"general": IGNORED.replace("172.31.0.0/30", "172.31.0.0/16")}, {"addresses_differ"}),
    ({"limit": 1000}, {"hash_limit"}),
    ({"link": MULTICAST}, {"links_differ"}),
    ({"link": UDP.replace("{peer}", "172.31.0.9")}, {"peer_elsewhere"}),
])
def test_members_that_are_configured_differently(pair: Pair, options: dict[str, t.Any], expected: set[str]) -> None:
    """What is sent to an address that nobody has fails once nobody has answered for it, sooner or later."""
    fresh(pair)
    other_way(pair.b, **options)
    later = {"errors_before"} if "peer_elsewhere" in expected else set()
    assert kinds(both(pair)) - later == expected


def test_a_peer_that_is_down_makes_a_link_that_is_up_silent(pair: Pair) -> None:
    fresh(pair)
    told = both(pair, sample_seconds=2.6)
    assert kinds(told) == set()  # the heartbeats are enough
    pair.b.process.kill()  # type: ignore[union-attr]
    pair.b.stop()
    told = {"a": ask(pair.a, sample_seconds=2.6), "b": ask(pair.b)}
    found = {finding.kind: finding for finding in judge(told)}
    assert told["a"]["state_sync"][0]["links"][0]["up"]
    assert set(found) - EXPECTED == {"link_silent", "not_configured", "peer_down"}
    assert found["peer_down"].members == ("a", "b")


def test_a_dedicated_link_that_is_missing(pair: Pair) -> None:
    fresh(pair)
    pair.a.netns.run(f"ip link set {LINK} down")
    try:
        found = judge(both(pair))
    finally:
        pair.a.netns.run(f"ip link set {LINK} up")
    assert [(finding.kind, finding.members, finding.status) for finding in found if finding.kind == "link_down"] == [
        ("link_down", ("a",), "wrong"), ("link_down", ("b",), "wrong")]  # a veth has no carrier without its end


def test_settings_of_the_kernel_that_differ(pair: Pair) -> None:
    fresh(pair)
    pair.b.netns.run("sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.netfilter.nf_conntrack_udp_timeout=33")
    try:
        told = both(pair)
    finally:
        pair.b.netns.run("sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1 net.netfilter.nf_conntrack_udp_timeout=30")
    (finding,) = [finding for finding in judge(told) if finding.kind not in EXPECTED]
    assert finding.kind == "sysctls_differ"
    assert finding.sentence == ("settings of a and b differ: nf_conntrack_tcp_loose 1 and 0; "
                                "nf_conntrack_udp_timeout 30 and 33")


@pytest.mark.long
def test_a_second_group_on_the_same_multicast_address_is_heard(pair: Pair, tmp_path: pathlib.Path) -> None:
    """A third daemon of another group, on the same segment, with the address and port of the pair."""
    stranger = Member("stranger", tmp_path)
    stranger.netns.create()
    try:
        pair.a.netns.run(f"ip link add link {LINK} name alien type macvlan mode bridge\n"
                         f"ip link set alien netns {stranger.netns.name}")
        stranger.netns.run(f"ip link set alien name {LINK}; ip address add 172.31.0.3/29 dev {LINK}; "
                           f"ip link set {LINK} up")
        fresh(pair, link=MULTICAST)
        assert kinds(both(pair, sample_seconds=1)) == set()
        stranger.configure(DIRECT, link=MULTICAST, limit=ALL)
        stranger.start()
        pair.wait_for(lambda: "3 Pckts sent" in stranger.statistics())
        together = threading.Thread(target=lambda: [step() for step in (
            lambda: time.sleep(1), lambda: stranger.add(*range(7000, 7010)), lambda: pair.a.add(*range(6000, 6010)))])
        together.start()
        told = both(pair, sample_seconds=3)
        together.join()
        other = ask(stranger)
    finally:
        stranger.stop()
        stranger.netns.delete()
    assert pair.b.ports() & set(range(7000, 7010))  # connections of the other group, in the table of this one
    found = {finding.kind: finding for finding in judge(told)}
    assert found["sequences_mixed"].members == ("b",) or found["foreign_sender"].members == ("b",)
    (shared,) = judge_groups({"one": told, "two": {"c": other}})
    assert (shared.kind, shared.members) == ("groups_share_address", ("a", "b", "c"))
    assert {finding.kind for finding in judge({**told, "c": other})} >= {"ftfw_of_three"}
    assert judge_groups({"one": told}) == []


def test_bad_input_is_refused(pair: Pair) -> None:
    refused = [
        ({"sample": -1}, "sample is -1: give 0 or more"),
        ({"partitions": 0}, "partitions is 0: give 1 or more"),
        ({"entries": [{"protocol": "tcp"}]}, "an entry has no 'original'"),
        ({"entries": [{"protocol": "x", "original": {"source": "::1", "destination": "::2"}}]}, "x is no protocol"),
        ({"entries": [{"protocol": "6", "original": {"source": "10.0.0.1", "destination": "::1"}}]}, "no addresses"),
    ]
    for arguments, message in refused:
        told = run_module(pair.a.netns, "state_sync_info", arguments)
        assert told["failed"] and message in told["msg"], told
