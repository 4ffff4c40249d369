# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that share state: comparing 1,000,000 entries of each, and how fast new connections reach the other one.

Two tables of a million entries are compared by digests of all their entries, so that one entry that is missing among a
million is found, which this checks before it measures. Each member does its own half; the slower of both counts.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import pathlib
import sys
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.agreement import judge
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.latency import MAX_SAMPLES
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.statistics import REQUESTS, read
from ansible_collections.netpath.symmetry.tests.bench import harness
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.lab.conntrackd_pair import OWN, Member, Pair
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module, words
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

ENTRIES, MISSING = 1_000_000, 123_456
ROUNDS = 3
RATES = (100, 1_000, 5_000)  # new connections a second
SECONDS = 4
LOAD = str(pathlib.Path(__file__).with_name("conntrack_load.py"))
MOST = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
USUAL_FILE = "/etc/conntrackd/conntrackd.conf"
CONFIGURATION = """\
Sync {
    Mode FTFW {
        DisableExternalCache on
    }
    UDP {
        IPv4_address 172.31.0.1
        IPv4_Destination_Address 172.31.0.2
        Port 3780
        Interface sync
    }
}
General {
    HashLimit 4000000
    Filter From Userspace {
        Address Ignore {
            IPv4_address 127.0.0.1
            IPv4_address 172.31.0.1
            IPv4_address 172.31.0.2
            IPv4_address 203.0.113.1
            IPv6_address ::1
        }
    }
}
"""


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    return [*large_tables(folder), *arrivals(folder)]


# ---- comparing members


def large_tables(folder: pathlib.Path) -> list[Result]:
    """The digests of a member with a million entries, against conntrack -L of the same table."""
    if not pathlib.Path(USUAL_FILE).exists():
        raise BenchError(f"{USUAL_FILE} is missing: install conntrackd (make setup)")
    (folder / "conntrackd.conf").write_text(CONFIGURATION)
    members = [Netns("fw1").create(), Netns("fw2").create()]
    try:
        with room_for(3 * ENTRIES):
            for netns, without in zip(members, (-1, MISSING), strict=True):
                netns.run(f"{sys.executable} {LOAD} {ENTRIES} {without}", timeout=300)
            check(members, folder)
            listing = members[0].command("sh", "-c", "conntrack -L -o extended >/dev/null")
            halves = [digests(netns, folder) for netns in members]
            goal = harness.at_most_times(1.5)
            first = harness.measure("1,000,000 entries of a member", halves[0], listing, goal, ROUNDS)
            second = harness.measure("999,999 entries of the other", halves[1], listing, goal, ROUNDS)
            memory = harness.peak_memory(halves[0])
    finally:
        for netns in members:
            netns.delete()
    return [first, second, Result.of("memory of such a half", memory, "MB", None, harness.at_most(128, "MB"))]


@contextlib.contextmanager
def room_for(entries: int) -> t.Iterator[None]:
    """Let tables hold so many entries, if they do not: namespaces have the limit of the machine. It is put back."""
    before = MOST.read_text()
    if int(before) >= entries:
        yield
        return
    MOST.write_text(str(entries))
    try:
        yield
    finally:
        MOST.write_text(before)


def digests(netns: Netns, folder: pathlib.Path) -> list[str]:
    """The command by which a member does its half, over the configuration of this benchmark."""
    script = f'mount --bind {folder}/conntrackd.conf {USUAL_FILE}; exec "$@"'
    return netns.command("unshare", "-m", "sh", "-ec", script, "sh", *words("state_sync_info", {"digest": True}))


def check(members: list[Netns], folder: pathlib.Path) -> None:
    """One entry that is missing among a million is found, and nothing else is."""
    told: dict[str, t.Any] = {}
    for name, netns in zip(("fw1", "fw2"), members, strict=True):
        command = digests(netns, folder)
        told[name] = json.loads(netns.run(" ".join(f"'{word}'" for word in command[4:]), timeout=120).stdout)
    found = [finding.sentence for finding in judge(told) if finding.kind == "tables_differ"]
    wanted = f"the tables differ in 1 of 256 parts: fw2 lacks at least 1 of {ENTRIES} entries of fw1, fw1 at least 0 of"
    if len(found) != 1 or not found[0].startswith(wanted):
        raise BenchError(f"the comparison of two tables that differ in one entry found {found}")


# ---- how fast state arrives


def arrivals(folder: pathlib.Path) -> list[Result]:
    """New connections of one member at several rates: how many reach the kernel of the other, and after how long."""
    results: list[Result] = []
    pair = Pair(folder)
    try:
        pair.create()
        for rate in RATES:
            results += at_rate(pair, rate)
    finally:
        pair.delete()
    return results


def at_rate(pair: Pair, rate: int) -> list[Result]:
    """What state_sync_latency measures from a to b, on two daemons with empty tables."""
    for member in pair.members:
        member.stop()
        member.netns.run("conntrack -F 2>/dev/null")
    pair.start("Mode FTFW {\nDisableExternalCache on\n}", general="NetlinkEventsReliable on\nNetlinkOverrunResync off")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda member: measured(member, rate), pair.members))
    received = told[1]["received"]
    failed = [counters_of(member)["inject_failed"] + counters_of(member)["lost"] for member in pair.members]
    name = f"{rate:,}/s"
    return [
        Result.of(f"{name}: arrived", received["samples"], ""),
        Result.of(f"{name}: lost, failed", received["lost"] + sum(failed), "", None, harness.at_most(0, "")),
        Result.of(f"{name}: rate reached", received["rate"], "/s"),
        Result.of(f"{name}: latency p50", received["latency_ms"]["p50"], "ms"),
        Result.of(f"{name}: latency p99", received["latency_ms"]["p99"], "ms"),
        Result.of(f"{name}: it may be wrong by", received["bound_ms"], "ms"),
    ]


def measured(member: Member, rate: int) -> dict[str, t.Any]:
    own, other = OWN[member.name], OWN["b" if member.name == "a" else "a"]
    told = run_module(member.netns, "state_sync_latency", {
        "local": own, "peer": other, "rate": rate, "samples": min(MAX_SAMPLES, rate * SECONDS), "record": False})
    if told.get("failed"):
        raise BenchError(f"state_sync_latency at {rate}/s: {told['msg']}")
    return told


def counters_of(member: Member) -> dict[str, int]:
    texts = [member.netns.output(f"conntrackd -C {member.path} -s {about}") for about in REQUESTS]
    return read(texts).counters
