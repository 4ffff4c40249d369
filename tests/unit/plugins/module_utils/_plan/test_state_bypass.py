# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bypasses of connection tracking: what is asked of who wants one, their rules, and their register."""

from __future__ import annotations

import datetime
import os
import pathlib
import shutil
import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Connection
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import Part
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import (
    DIRECTORY,
    SCRIPT,
    RegisterEntry,
    canonical_time,
    read_entry,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.state_bypass import PREFIX, plan, read_bypasses

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
ENTRY: dict[str, t.Any] = {
    "name": "partner", "sources": ["192.0.2.0/24"], "destinations": ["203.0.113.10"], "protocol": "tcp",
    "ports": ["443", "8000-8010"], "consent": True, "by": "al", "reason": "CHG1\n: two  lines", "until": "2026-06-02",
}  # fmt: skip


def test_rules_of_both_ways_in_both_hooks() -> None:
    bypasses, expired = read_bypasses([ENTRY], NOW)
    planned = plan(Part(PREFIX), {}, bypasses)
    rules = [one.subject.text for one in planned.changes if one.kind == "nft" and one.subject.what == "rule"]
    ports = "{ 443, 8000-8010 }"
    there = f"ip saddr 192.0.2.0/24 ip daddr 203.0.113.10 tcp dport {ports} counter notrack"
    back = f"ip saddr 203.0.113.10 ip daddr 192.0.2.0/24 tcp sport {ports} counter notrack"
    name = 'comment "symmetry:bypass:partner:v4:'
    assert rules == [f'{there} {name}there"', f'{back} {name}back"'] * 2 and not expired
    assert [one.kind for one in planned.changes][0] == "register", "the timer runs before the bypass stands"
    assert "until: 2026-06-03T00:00:00Z" in planned.after and "reason: CHG1 : two lines" in planned.after


def test_the_timer_stops_after_the_bypass_has_gone() -> None:
    bypasses, _none = read_bypasses([ENTRY], NOW)
    entry = bypasses[0].entry()
    gone = plan(Part(PREFIX), {"partner": entry}, [])
    assert [(one.kind, one.op) for one in gone.changes] == [("register", "delete")]
    assert gone.changes[-1].undo() == entry.write_commands()


def test_what_is_over_does_not_stand() -> None:
    assert read_bypasses([{**ENTRY, "until": "2026-05-31T23:59:59Z"}], NOW) == ([], ["partner"])
    assert read_bypasses([{**ENTRY, "until": "2026-06-01T02:00:00+02:00"}], NOW) == ([], ["partner"])
    with pytest.raises(PlanError, match="'partner' is declared twice"):
        read_bypasses([{**ENTRY, "until": "2026-05-31"}, ENTRY], NOW)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"consent": False}, "say consent: true"),
        ({"reason": " "}, "by and reason are needed"),
        ({"until": "soon"}, "neither a date such as 2026-12-24 nor a time"),
        ({"until": "2026-12-24T06:00:00"}, "has no time zone"),
        ({"sources": ["0.0.0.0/0"]}, "0.0.0.0/0 is too wide for an exception"),
        ({"destinations": []}, "destinations is empty"),
        ({"sources": ["2001:db8::/32"]}, "not of the same address families"),
        ({"ports": []}, "ports is empty"),
        ({"protocol": "esp"}, "esp has no ports"),
        ({"protocol": "all"}, "protocol 'all' is not one of"),
        ({"name": "a/b"}, "is not made of at most 64 letters"),
    ],
)
def test_refusals(change: dict[str, t.Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_bypasses([{**ENTRY, **change}], NOW)


def test_translated_connections_of_the_scope_are_refused() -> None:
    bypasses, _none = read_bypasses([ENTRY], NOW)
    flow = Connection(4, "tcp", "192.0.2.5", "203.0.113.10", "203.0.113.10", "198.51.100.2", 5000, 443)
    with pytest.raises(PlanError, match="1 live connections of the scope are translated"):
        plan(Part(PREFIX), {}, bypasses, [flow])
    for other in ({"dport": 80}, {"source": "192.0.3.5"}, {"reply_destination": "192.0.2.5"}):
        assert plan(Part(PREFIX), {}, bypasses, [Connection(**{**vars(flow), **other})]).changes


def test_an_entry_is_read_as_it_was_written() -> None:
    end = canonical_time("2026-06-02", "")
    entry = RegisterEntry("rp_filter", "v0.100", "bob", "replies: here", end, ("true", ":"))
    assert read_entry(entry.text(), "true\n:\n") == entry
    with pytest.raises(PlanError, match="no role or no name"):
        read_entry("garbage", "")


def test_an_entry_is_on_disk_when_its_commands_end(tmp_path: pathlib.Path) -> None:
    """An empty file of the register, as a power cut left it, would be in the way of every later task."""
    entry = RegisterEntry("rp_filter", "wan_b", reason="replies enter here")
    log = tmp_path / "log"
    for tool in ("sync", "mv"):  # the real ones, which tell what they are called with
        real = shutil.which(tool)
        (tmp_path / tool).write_text(f'#!/bin/sh\necho "{tool} $*" >>{log}\nexec {real} "$@"\n')
        (tmp_path / tool).chmod(0o755)
    place = tmp_path / "register"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command in (*entry.write_commands(), *entry.delete_commands()):
        script = command.replace(DIRECTORY, str(place)).replace(SCRIPT, str(tmp_path / "absent"))
        subprocess.run(["sh", "-c", script.replace(f"sh {tmp_path}/absent", ":")], env=environment, check=True)
    path = f"{place}/rp_filter.wan_b"
    assert log.read_text().splitlines() == [
        f"sync {path}.new", f"mv -f {path}.new {path}.sh", f"sync {path}.new", f"mv -f {path}.new {path}.entry",
        f"sync {place}", f"sync {place}",
    ]  # fmt: skip
    assert list(place.iterdir()) == []
