# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""remediate and verify with prefix flows: mended as a whole, proven by a flow between hosts that are there."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import http, kernel, play

QUICK = (
    *("-e", "sample_seconds=0", "-e", "ansible_timeout=2", "-e", "symmetry_acknowledge_source=true"),
    *("-e", "symmetry_guard_seconds=300"),  # on a busy machine a minute is short
)


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    """The incident."""
    return lab("dual_wan_partner", fresh=True)


@pytest.fixture
def with_unread(tmp_path: pathlib.Path) -> list[str]:
    """Options that add a host which cannot be reached."""
    inventory = tmp_path / "more.yml"
    inventory.write_text("company: {hosts: {aside: {ansible_host: 10.255.0.250}}}\n", encoding="utf-8")
    return ["-i", str(inventory)]


def test_what_was_not_read_or_cannot_be_proven_is_not_mended(
    network: Lab, tmp_path: pathlib.Path, with_unread: list[str]
) -> None:
    before = kernel(network, "gw")
    flow = ("-e", "flow=tcp 192.0.2.20 > 203.0.113.0/25:80")
    unread = play(network, tmp_path, "remediate", *QUICK, *flow, *with_unread, status=2).output
    assert "not read, so neither judged nor mended: aside" in " ".join(unread.split()), unread
    unproven = play(network, tmp_path, "remediate", *QUICK, *flow, status=2).output
    assert "Nothing was changed: no packet could prove the change" in " ".join(unproven.split()), unproven
    assert "none is known to answer: name a single flow of it" in " ".join(unproven.split()), unproven
    assert "Arm the dead-man switch" not in unread + unproven
    assert kernel(network, "gw") == before


@pytest.mark.long
def test_a_prefix_flow_is_mended_and_proven(network: Lab, tmp_path: pathlib.Path, with_unread: list[str]) -> None:
    assert http(network, "client", "http://203.0.113.10/") == "000"
    flow = ("-e", "flow=tcp 192.0.2.16/28 > 203.0.113.10:80")
    accepted = ("-e", "symmetry_accept_unread=true", *with_unread)
    done = play(network, tmp_path / "mend", "remediate", *QUICK, *flow, *accepted)
    proven = done.data("proof.json")
    assert proven["failed_flows"] == [] and [one["host"] for one in proven["flows"]] == ["client"], proven
    assert "ok tcp 192.0.2.16/28 > 203.0.113.10:80" in " ".join(done.output.split()), done.output
    assert http(network, "client", "http://203.0.113.10/") == "200", done.output
    done = play(network, tmp_path / "after", "verify", *QUICK, *flow)
    assert done.data("proof.json")["failed_flows"] == []
    assert done.data("proof.json")["flows"], "a packet was sent"
