# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part state_sync of host_facts: what real daemons count and were started with, and what cannot be known."""

from __future__ import annotations

import json
import os
import pathlib
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conntrackd_pair import MULTICAST, UDP, Member, Pair
from ansible_collections.netpath.symmetry.tests.lab.modules import AS_NOBODY
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.lab.test_host_facts import Facts, facts_of, run, validate

OFF = "DisableExternalCache on"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    try:
        yield pair.create()
    finally:
        pair.delete()


def part_of(member: Member, **arguments: t.Any) -> tuple[list[Facts], Facts]:
    facts = facts_of(member.netns, gather_subset=["state_sync"], **arguments)
    return facts["state_sync"], facts["parts"]["state_sync"]


@pytest.mark.parametrize(("mode", "link", "name", "internal", "external"), [
    ("Mode FTFW { }", "udp", "ftfw", True, True),
    (f"Mode FTFW {{ {OFF}\nStartupResync on\n}}", "multicast", "ftfw", True, False),
    (f"Mode NOTRACK {{ DisableInternalCache on\n{OFF}\n}}", "udp", "notrack", False, False),
    ("Mode ALARM { }", "multicast", "alarm", True, True),
])
def test_what_the_daemons_were_started_with_and_what_they_count(
    pair: Pair, mode: str, link: str, name: str, internal: bool, external: bool
) -> None:
    for member in pair.members:
        member.stop()
        member.netns.run("conntrack -F 2>/dev/null")
    pair.start(mode, **({"link": MULTICAST} if link == "multicast" else {}))
    pair.a.add(1001, 1002)
    counted = "current active connections:\t           2" if external else "connections created:\t\t           2"
    pair.wait_for(lambda: counted in pair.b.statistics().partition("external")[2])
    (b,), part = part_of(pair.b)
    assert part == {"complete": True}
    assert (b["running"], b["synchronises"], b["mode"], b["version"]) == (True, True, name, "1.4.7")
    assert (b["internal_cache"], b["external_cache"]) == (internal, external)
    assert b["configuration"] == str(pair.b.path) and b["limits"] == {"hash_limit": 524288, "hash_size": 8192}
    assert b["startup_resync"] == ("StartupResync" in mode)
    assert b["addresses"] == {"ignore": ["127.0.0.1/32", "172.31.0.0/30"]} and "protocols" not in b
    other = {"peer": "172.31.0.1"} if link == "udp" else {"group": "225.0.0.50"}
    assert b["links"] == [{"transport": link, "interface": "sync", "local": "172.31.0.2", **other, "port": 3780,
                           "default": True, "active": True, "checksum": True, "up": True}]
    assert b["active"] == {**({"internal": 0} if internal else {}), **({"external": 2} if external else {})}
    assert b["counters"].get("injected", 0) == (0 if external else 2) and b["counters"].get("inject_failed", 0) == 0
    assert b["counters"]["received"] >= 1 and b["counters"]["lost"] == b["counters"]["malformed"] == 0
    assert (pair.b.ports() == {1001, 1002}) == (not external)
    (a,), _part = part_of(pair.a)
    assert a["active"] == ({**({"internal": 2} if internal else {}), **({"external": 0} if external else {})})
    assert a["counters"]["internal_created"] == 2 and a["counters"]["sent"] >= 1 and a["counters"]["events"] >= 2


def test_both_sources_give_equal_facts_and_the_link_is_seen_to_go(pair: Pair) -> None:
    pair.start(f"Mode FTFW {{ {OFF}\n}}")
    seen = []
    for source in ("netlink", "iproute"):
        (item,), part = part_of(pair.a, source=source)
        assert part == {"complete": True} and item["links"][0]["up"]
        seen.append({name: value for name, value in item.items() if name != "counters"})
        assert set(item["counters"]) > {"sent", "received", "injected", "resend_queue", "overruns", "internal_no_space"}
    assert seen[0] == seen[1]
    pair.b.netns.run("ip link set sync down")
    assert [part_of(pair.a, source=source)[0][0]["links"][0]["up"] for source in ("netlink", "iproute")] == [False] * 2
    pair.b.netns.run("ip link set sync up")


def test_a_link_by_tcp_and_a_second_link(pair: Pair) -> None:
    tcp = UDP.replace("UDP", "TCP")
    pair.start(f"Mode NOTRACK {{ {OFF}\n}}", link=tcp)
    pair.wait_for(lambda: "server=connected client=connected" in pair.a.statistics())
    (item,), part = part_of(pair.a)
    assert part == {"complete": True}
    assert item["links"][0]["connected"] and item["links"][0]["active"] and item["counters"]["sent"] >= 1
    pair.b.stop()
    pair.wait_for(lambda: "client=disconnected" in pair.a.statistics())
    assert part_of(pair.a)[0][0]["links"][0]["connected"] is False
    pair.a.netns.run("ip link add second type veth peer name far; ip address add 172.31.9.1/24 dev second; "
                     "ip link set second up; ip link set far up")
    spare = ("UDP Default {{\nIPv4_address 172.31.9.1\nIPv4_Destination_Address 172.31.9.2\nPort 3781\n"
             "Interface second\n}}")
    pair.a.stop()
    pair.a.configure("Mode FTFW { }", link=f"{UDP}\n{spare}")
    pair.a.start()
    (item,), _part = part_of(pair.a)
    assert [(link["interface"], link["default"], link["active"], link["up"]) for link in item["links"]] == [
        ("sync", False, False, True), ("second", True, True, True)]
    pair.a.netns.run("ip link delete second")


def test_counters_are_sampled_in_the_window_of_the_others(pair: Pair) -> None:
    pair.start(f"Mode FTFW {{ {OFF}\n}}")
    ended = threading.Event()

    def busy() -> None:
        port = 2000
        while not ended.wait(0.02):
            pair.a.add(port)
            port += 1

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        facts = facts_of(pair.b.netns, sample_seconds=1)
    finally:
        ended.set()
        worker.join()
    growth = facts["state_sync"][0]["growth"]
    assert growth["seconds"] == facts["samples"]["seconds"] >= 1
    assert growth["injected"] > 3 and growth["received"] > 3 and growth["lost"] == growth["inject_failed"] == 0
    assert "resend_queue" not in growth
    (quiet,), _part = part_of(pair.b, sample_seconds=0.2)
    assert quiet["growth"]["injected"] == 0


def test_a_host_without_the_daemon_has_none_and_is_complete(pair: Pair) -> None:
    pair.start("Mode FTFW { }")
    other = Netns("sync-none").create()
    try:
        facts = facts_of(other)
    finally:
        other.delete()
    assert facts["state_sync"] == [] and facts["parts"]["state_sync"] == {"complete": True}


def test_without_root_the_file_is_read_and_what_is_missing_is_named(pair: Pair) -> None:
    pair.start("Mode FTFW { }")
    facts = run(pair.a.netns, {"gather_subset": ["state_sync"]}, *AS_NOBODY)["ansible_facts"]["symmetry"]
    validate(facts)
    mine = [item for item in facts["state_sync"] if item.get("configuration") == str(pair.a.path)]
    assert [item["mode"] for item in mine] == ["ftfw"] and "counters" not in mine[0]
    assert "conntrackd did not answer" in facts["parts"]["state_sync"]["why"]
    assert "become: true" in facts["parts"]["state_sync"]["why"]


def test_a_file_that_was_changed_or_broken_meanwhile_is_named(pair: Pair) -> None:
    pair.start("Mode FTFW { }")
    text = pair.a.path.read_text()
    pair.a.path.write_text(text.replace("Mode FTFW { }", f"Mode FTFW {{ {OFF}\n}}"))
    later = time.time() + 5
    os.utime(pair.a.path, (later, later))
    (item,), part = part_of(pair.a)
    assert item["changed_since_start"] and item["external_cache"]  # as it runs, not as it is written
    assert f"{pair.a.path} was changed after conntrackd was started" in part["why"]
    pair.a.path.write_text(text.replace("Checksum on", "Checksum maybe"))
    (item,), part = part_of(pair.a)
    assert item == {"daemon": "conntrackd", "running": True, "configuration": str(pair.a.path)}
    assert part["why"] == f"{pair.a.path}, line 8: Checksum needs on or off here, not 'maybe'"


def test_a_daemon_whose_socket_is_gone_is_not_taken_for_silent(pair: Pair) -> None:
    pair.start("Mode FTFW { }")
    pair.a.socket.unlink()
    (item,), part = part_of(pair.a)
    assert item["mode"] == "ftfw" and "counters" not in item
    assert "conntrackd did not answer" in part["why"] and "is conntrackd running" in part["why"]


def test_a_daemon_that_only_keeps_statistics_synchronises_nothing(pair: Pair) -> None:
    pair.a.stop()
    pair.a.path.write_text(f"Stats {{\nLogFile {pair.a.path}.stats\n}}\nGeneral {{\nHashSize 1024\nHashLimit 5000\n"
                           f"LockFile {pair.a.path}.lock\nUNIX {{\nPath {pair.a.socket}\n}}\nSystemd off\n}}\n")
    pair.a.start()
    (item,), part = part_of(pair.a)
    assert item["running"] and not item["synchronises"] and "mode" not in item and part == {"complete": True}


def test_what_is_configured_and_does_not_run_is_there(pair: Pair) -> None:
    pair.a.stop()
    pair.a.configure("Mode FTFW { }")
    script = f"mount --bind {pair.a.path} /etc/conntrackd/conntrackd.conf; exec \"$@\""
    wrapper = ("unshare", "-m", "sh", "-ec", script, "sh")
    facts = run(pair.a.netns, {"gather_subset": ["state_sync"]}, *wrapper)["ansible_facts"]["symmetry"]
    validate(facts)
    (item,) = facts["state_sync"]
    assert not item["running"] and item["mode"] == "ftfw" and facts["parts"]["state_sync"] == {"complete": True}
    assert item["configuration"] == "/etc/conntrackd/conntrackd.conf" and "counters" not in item


def test_what_was_measured_is_read_and_a_damaged_file_is_named(pair: Pair, tmp_path: pathlib.Path) -> None:
    pair.start("Mode FTFW { }")
    measured = {"at": 1795000000.5, "boot_id": "x", "from": "172.31.0.2", "samples": 50, "lost": 0, "rate": 100.0,
                "latency_ms": {"p50": 0.2, "p99": 0.9}, "bound_ms": 0.05,
                "returns": [{"flow": "tcp a > b:1", "rtt_ms": {"p01": 1.0, "p50": 1.1}, "samples": 50}]}
    file = tmp_path / "state_sync_latency.json"
    found = []
    for text in (json.dumps(measured), '{"at": 5', "[]", json.dumps({**measured, "from": "172.31.0.9"})):
        file.write_text(text)
        script = f"mkdir -p /var/lib/netpath-symmetry; mount --bind {tmp_path} /var/lib/netpath-symmetry; exec \"$@\""
        facts = run(pair.a.netns, {"gather_subset": ["state_sync"]}, "unshare", "-m", "sh", "-ec", script,
                    "sh")["ansible_facts"]["symmetry"]
        validate(facts)
        found.append((facts["state_sync"][0].get("measured"), facts["parts"]["state_sync"].get("why", "")))
    assert found[0] == (measured, "") and found[3] == (None, "")  # of another peer
    assert found[1][0] is found[2][0] is None
    assert "cannot be read" in found[1][1] and "holds no measurement" in found[2][1]
