# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""failover_test for every uplink in one run: counted loss, the way home each time, and what could not be tested."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import kernel, play, remedies
from ansible_collections.netpath.symmetry.tests.lab.test_remediate_safety import messages, options

pytestmark = pytest.mark.long
HOSTS = ("gw", "fwa", "fwb")


def other_by_b(step: dict[str, t.Any]) -> None:
    """The other partner is reached by B, so that a flow leaves by each uplink."""
    pins = step["variables"].get("policy_route_pins")
    if pins is not None:
        pins.append({"name": "other", "prefixes": ["203.0.113.128/25"], "uplink": "wan_b",
                     "source_nat": "198.51.100.130", "acknowledge_source": True})  # fmt: skip


def test_every_uplink_dies_in_three_ways_in_one_run(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner", fresh=True)
    dry = play(network, tmp_path, "failover_test", "--check", "-e", "failover_uplinks=all")
    assert "gw wan_b: not tested: no flow that can be probed leaves by it" in messages(dry.output), dry.output
    assert not (tmp_path / "failover.json").exists()
    play(network, tmp_path, "diagnose")
    pinned = remedies(tmp_path, other_by_b)
    play(network, tmp_path, "remediate", *options("pinned"), "-e", f"@{pinned}")
    before = {host: sorted(kernel(network, host).splitlines()) for host in HOSTS}
    done = play(network, tmp_path, "failover_test", "-e", "failover_uplinks=all")
    runs = done.data("failover.json")
    kinds = {(run["uplink"]["interface"], run["kind"]): run for run in t.cast("list[dict[str, t.Any]]", runs)}
    assert set(kinds) == {(one, kind) for one in ("wan_a", "wan_b") for kind in ("link", "carrier", "beyond")}
    assert all(run["home"] for run in kinds.values()), done.output
    assert {kinds[one, "link"]["state"] for one in ("wan_a", "wan_b")} == {"survived"}, done.output
    # Beyond a link that stays up nothing here sees the loss: each new flow is lost, and that is what is said.
    assert {kinds[one, "beyond"]["state"] for one in ("wan_a", "wan_b")} == {"not covered"}
    assert all(run["lost"] > run["sent"] // 2 for run in kinds.values() if run["state"] == "not covered")
    assert {run["flow"] for run in kinds.values()} == {"partner-api", "other-partner"}
    assert "gw wan_b: survived link of 3 kinds" in done.output, done.output
    assert {host: sorted(kernel(network, host).splitlines()) for host in HOSTS} == before
    wrong = ("-e", json.dumps({"failover_uplinks": [{"host": "gw"}]}))
    refused = play(network, tmp_path, "failover_test", *wrong, status=2)
    assert "failover_uplinks[1]: expected {host, interface, flow}" in messages(refused.output), refused.output
