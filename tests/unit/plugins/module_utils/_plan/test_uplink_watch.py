# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What uplink_watch refuses, and the files that follow from what is declared."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch import UNIT, read_watch, shown
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script import SCRIPT
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script_stranded import STRANDED

A = {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1", "targets": ["203.0.113.1", "203.0.113.2"],
     "fall": 3, "rise": 5}  # fmt: skip
B = {**A, "name": "b", "interface": "wan_b", "gateway": "198.51.100.5", "targets": ["203.0.113.1"]}
A6 = {**A, "gateway": "2001:DB8:a::1", "targets": ["2001:db8:f::1"], "need": 1, "check_gateway": True}
B6 = {**B, "gateway": None, "targets": ["2001:db8:f::1"]}


def params(*uplinks: t.Mapping[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
    return {"uplinks": list(uplinks), "interval": 2, "timeout": 1, "stranded_connections": "delete", **options}


def test_each_family_of_an_uplink_is_watched_by_itself() -> None:
    lines = read_watch(params({**A, "need": 2}, B, A6, B6)).text().splitlines()
    assert lines[1:] == [
        "interval 2",
        "timeout 1",
        "stranded delete 2",
        "uplink a-4 4 wan_a 198.51.100.1 2 3 5 0 203.0.113.1 203.0.113.2",
        "uplink b-4 4 wan_b 198.51.100.5 1 3 5 0 203.0.113.1",
        "uplink a-6 6 wan_a 2001:db8:a::1 1 3 5 1 2001:db8:f::1",
        "uplink b-6 6 wan_b - 1 3 5 0 2001:db8:f::1",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (params(), "uplinks is empty"),
        (params(A), "nothing to fail over to"),
        (params(A, B, A6), "the only one of IPv6"),
        (params({**A, "need": 3}, B), r"uplinks\[1\] \(a\): need 3 is not between 1 and the number of targets, 2"),
        (params({**A, "need": 0}, B), "need 0 is not between"),
        (params(A, {**B, "interface": "wan_a"}), "cannot be told from the other"),
        (params(A, {**B, "name": "a"}), "declared twice for IPv4"),
        (params(A, {**B, "interface": "wan b; reboot"}), "not the name of an interface"),
        (params({**A, "name": "a b"}, B), "is not made of"),
        (params({**A, "targets": ["2001:db8::1"]}, B), "both address families"),
        (params({**A, "targets": ["203.0.113.1", "203.0.113.1"]}, B), "an address twice"),
        (params({**A, "targets": ["198.51.100.1"]}, B), "is the gateway"),
        (params({**A, "targets": []}, B), "targets is empty"),
        (params({**B6, "targets": [], "check_gateway": True}, A), "no address family"),
        (params({**B6, "check_gateway": True}, A6), "check_gateway needs a gateway"),
        (params({**A, "fall": 0}, B), "fall 0 is not a number of rounds"),
        (params({**A, "targets": ["example.org"]}, B), "not an IPv4 or IPv6 address"),
        (params(A, B, timeout=3), "no longer than until the next round"),
        (params(A, B, interval=0, timeout=0), "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_watch(given)


def test_the_program_is_shell_that_a_plain_sh_reads() -> None:
    assert subprocess.run(["sh", "-n"], input=SCRIPT, text=True, check=False, capture_output=True).stderr == ""


def test_a_side_of_the_diff_tells_another_program_and_a_watcher_that_died() -> None:
    programs = (SCRIPT, SCRIPT + "#")
    told = {shown("interval 2\n", program, UNIT, running) for program in programs for running in (True, False)}
    assert len(told) == 4 and shown("", "", "", False) == ""


def entry(interface: str, destination: str, port: int, address: str, way: str, rest: str = "- - - -") -> str:
    """A line as the program makes it of a connection tracking entry and the interface it would leave by."""
    return f"{interface} udp 10.0.0.2 {destination} {port} 7 {destination} 7 {address} {rest} {way}\n"


def test_only_stranded_entries_are_deleted_and_as_few_calls_as_that_takes(tmp_path: pathlib.Path) -> None:
    judged = tmp_path / "judged"
    judged.write_text(
        # all of A's address is stranded: one call
        entry("wan_a", "203.0.113.1", 1, "198.51.100.2", "wan_b")
        + entry("wan_a", "203.0.113.2", 2, "198.51.100.2", "wan_b")
        # of B's address only what goes to .1, and one of the two entries to .2; what has no answer stays
        + entry("wan_b", "203.0.113.1", 3, "198.51.100.6", "wan_a")
        + entry("wan_b", "203.0.113.1", 4, "198.51.100.6", "wan_a")
        + entry("wan_b", "203.0.113.2", 5, "198.51.100.6", "wan_a", "9 - - -")
        + entry("wan_b", "203.0.113.2", 6, "198.51.100.6", "wan_b")
        + entry("wan_b", "203.0.113.3", 7, "198.51.100.6", "-")
        + "wan_b icmp 10.0.0.2 203.0.113.2 - - 203.0.113.2 - 198.51.100.6 - 8 0 77 wan_a\n"
        + entry("wan_b", "203.0.113.4", 8, "198.51.100.6", "local")
    )
    script = f'{STRANDED}\nstranded_arguments icmp "{judged}"'
    assert subprocess.run(["sh", "-c", script], text=True, check=True, capture_output=True).stdout.splitlines() == [
        "-n 198.51.100.2",
        "-n 198.51.100.6 -d 203.0.113.1",
        "-p udp -s 10.0.0.2 -d 203.0.113.2 -q 198.51.100.6 --sport 5 --dport 7 -w 9",
        "-p icmp -s 10.0.0.2 -d 203.0.113.2 -q 198.51.100.6 --icmp-type 8 --icmp-code 0 --icmp-id 77",
    ]
