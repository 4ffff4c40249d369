# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify_state_sync concludes: it holds only where something shows it; tests/lab has it from real members."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import state_sync

Data = dict[str, t.Any]
ENTRY: Data = {"protocol": "tcp", "zone": 0, "original": {
    "source": "10.0.0.10", "destination": "10.9.0.10", "sport": 40000, "dport": 80}}
RACE: Data = {"flow": "tcp 10.0.0.10 > 10.9.0.10:80", "verdict": "protects", "sentence": "in time", "not_below_ms": 0.4,
              "acknowledgement": {"verdict": "protects", "sentence": "in time", "not_below_ms": 0.4}}
SWITCH: Data = {"from": "fw_a", "to": "fw_b", "flow": RACE["flow"], "opened": 20, "alive": 20, "errors": {},
                "longest_silence": 1.5}


def look(local: str, peer: str) -> Data:
    return {
        "complete": True, "why": "", "chosen": "/etc/conntrackd/conntrackd.conf", "left_out": [], "sysctls": {},
        "host": {"name": local, "addresses": [local], "time": 1.0, "boot_id": local, "kernel": "6",
                 "byte_order": "little"},
        "conntrack": {"count": 3, "max": 1000, "stats": {}},
        "sample": {"entries": [ENTRY], "examined": 1, "all": True},
        "state_sync": [{
            "daemon": "conntrackd", "running": True, "configuration": "/etc/conntrackd/conntrackd.conf",
            "version": "1.4.7", "synchronises": True, "mode": "ftfw", "internal_cache": True, "external_cache": False,
            "links": [{"transport": "udp", "interface": "sync", "local": local, "peer": peer, "port": 3780,
                       "default": True, "checksum": True, "up": True, "active": True}],
            "limits": {"hash_limit": 0, "hash_size": 100}, "active": {}, "counters": {"received": 9, "sent": 9},
            "growth": {"seconds": 3.0, "received": 3, "sent": 3}}]}


@pytest.fixture
def looks() -> dict[str, Data | None]:
    return {"fw_a": look("172.31.0.1", "172.31.0.2"), "fw_b": look("172.31.0.2", "172.31.0.1")}


HERE = {name: [{**ENTRY, "here": True}] for name in ("fw_a", "fw_b")}


def test_entries_that_stand_on_both_hold(looks: t.Any) -> None:
    told = state_sync.result(looks, HERE, {}, [SWITCH])
    assert told["failed"] == [], told["failed"]
    assert [(one["of"], one["on"], one["asked"], one["here"]) for one in told["samples"]] == [
        ("fw_a", "fw_b", 1, 1), ("fw_b", "fw_a", 1, 1)]
    assert told["lines"][-2:] == [
        f"switched  from fw_a to fw_b: 20 of 20 connections {RACE['flow']} were kept, silent for 1.5 s at most",
        "state sync: holds"]


def test_what_shows_nothing_or_something_wrong_fails(looks: t.Any) -> None:
    nothing = copy.deepcopy(looks)
    for one in nothing.values():
        one["sample"]["entries"] = []
    assert state_sync.result(nothing, {}, {})["failed"] == [state_sync.UNSHOWN]
    assert not state_sync.result(nothing, {}, {"fw_b": {"verdicts": [RACE]}})["failed"], "it was measured"
    missing = {**HERE, "fw_b": [{**ENTRY, "here": False}]}
    (why,) = state_sync.result(looks, missing, {})["failed"]
    assert "1 of 1 sampled entries of fw_a do not stand on fw_b" in why
    lost = {**SWITCH, "alive": 3, "errors": {"no answer for 6.0 s": 17}}
    (why,) = state_sync.result(looks, HERE, {}, [lost])["failed"]
    assert "3 of 20 connections" in why and "17 no answer for 6.0 s" in why


def test_a_member_that_could_not_be_asked_is_unknown_and_fails(looks: t.Any) -> None:
    told = state_sync.result({**looks, "fw_b": None}, {}, {})
    assert any("fw_b could not be asked" in why for why in told["failed"]), told["failed"]
    with pytest.raises(state_sync.MeetingError, match="of fw_b no address on the link is known"):
        state_sync.meeting({**looks, "fw_b": None}, "fw_a")
    with pytest.raises(state_sync.MeetingError, match="there are 3"):
        state_sync.meeting({**looks, "fw_c": look("172.31.0.3", "172.31.0.1")}, "fw_a")
    assert state_sync.meeting(looks, "fw_b") == {"local": "172.31.0.2", "peer": "172.31.0.1"}


def test_races_are_told_of_both_directions_and_fail(looks: t.Any) -> None:
    late = {**RACE, "acknowledgement": {"verdict": "races", "sentence": "too late", "not_below_ms": 0.9}}
    told = state_sync.result(looks, HERE, {"fw_b": {"verdicts": [late]}})
    assert told["failed"] == [
        "replies to tcp 10.0.0.10 > 10.9.0.10:80 by fw_b, acknowledgements by fw_a: too late"]
    udp = {**late, "flow": "udp 10.0.0.10 > 10.9.0.10:53"}
    assert state_sync.result(looks, HERE, {"fw_b": {"verdicts": [udp]}})["failed"] == [], "UDP acknowledges nothing"
    for one in looks.values():
        one["state_sync"][0]["external_cache"] = True  # one is active at a time: no answer comes by the other
    assert state_sync.result(looks, HERE, {"fw_b": {"verdicts": [late]}})["races"] == []


def test_the_report_says_it_all_and_escapes_what_hosts_said(looks: t.Any) -> None:
    late = {**RACE, "verdict": "races", "sentence": "too | late"}
    text = state_sync.result(looks, HERE, {"fw_b": {"verdicts": [late]}}, [SWITCH])["report"]
    assert text.startswith("# Connection state shared by fw\\_a, fw\\_b\n\n- FAILED: requests of tcp 10.0.0.10 &gt; ")
    assert "too \\| late" in text and "| fw\\_a | fw\\_b | 1 | 0 | 1 |" in text
    assert "| fw\\_a | fw\\_b | 20 | 20 | 1.5 |" in text and "## Findings\n\nNone." in text
    assert "\n\nIt holds.\n\n" in state_sync.result(looks, HERE, {})["report"]


def test_what_was_not_run_or_failed_is_nothing() -> None:
    told = {"a": {"x": {"failed": True, "entries": []}}, "b": {"x": {"entries": [1]}}, "c": {},
            "d": {"x": {"skipped": True}}}
    assert state_sync.registered(lambda value: value, ["a", "b", "c", "d", "e"], told, "x") == {"b": {"entries": [1]}}
