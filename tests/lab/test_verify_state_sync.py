# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify_state_sync on pairs of real firewalls: what it says holds by packets, and what it says does not, does not."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import Done, play

FLOW = "tcp 10.0.0.10 > 10.9.0.10:80"
MEASURE = ("-e", "verify_state_sync_active=true", "-e", json.dumps({"verify_state_sync_flows": [FLOW]}))
SWITCH = {"address": "10.0.0.1", "host": "client", "flow": FLOW, "away": "ip link set in down",
          "back": "ip link set in up", "within": 15}


def verify(lab: Lab, folder: pathlib.Path, *options: str, status: int = 0) -> tuple[Done, dict[str, t.Any]]:
    done = play(lab, folder, "verify_state_sync", *options, status=status)
    return done, json.loads((folder / "state_sync.json").read_text())


@pytest.mark.long
def test_an_idle_pair_shows_nothing_until_it_is_measured(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    """Then diagnose knows it, too. By which firewall a flow goes hangs on a random seed: all ways are judged."""
    network = lab("firewall_pair_ecmp", fresh=True)
    flows = [{"name": str(port), "flow": f"tcp 10.0.0.10:{port} > 10.9.0.10:80"} for port in range(40000, 40008)]
    asked = json.dumps({"symmetry_flows": flows, "symmetry_live": False})
    done, idle = verify(network, tmp_path, status=2)
    assert "there was no connection to look for" in idle["failed"][0] and "state sync: FAILED" in done.output
    before = play(network, tmp_path, "diagnose", "-e", asked).verdicts()
    assert {before[one["name"]] for one in flows} == {"unknown"}
    done, told = verify(network, tmp_path, *MEASURE)
    assert told["failed"] == [] and "state sync: holds" in done.output
    assert "It holds." in (tmp_path / "state_sync.md").read_text()
    assert {(one["first"], one["second"], one["verdict"]) for one in told["races"]} == {
        ("fw_a", "fw_b", "protects"), ("fw_b", "fw_a", "protects")}
    after = play(network, tmp_path, "diagnose", "-e", asked)
    assert {after.verdicts()[one["name"]] for one in flows} == {"asymmetric_harmless"}
    assert not [one for one in after.data()["findings"] if one["id"].startswith("SYM7")]


@pytest.mark.long
def test_connections_outlive_the_active_member_only_where_state_is_shared(
    lab: BuildLab, tmp_path: pathlib.Path
) -> None:
    network = lab("firewall_pair_vrrp", fresh=True)
    switch = ("-e", json.dumps({"verify_state_sync_switch": SWITCH}))
    _done, told = verify(network, tmp_path, *switch)
    ways = [(one["from"], one["to"], one["opened"], one["alive"]) for one in told["switches"]]
    assert ways == [("fw_a", "fw_b", 20, 20), ("fw_b", "fw_a", 20, 20)]
    assert network.output("fw_a", "ip -o address show to 10.0.0.1") and told["failed"] == []
    for member in ("fw_a", "fw_b"):
        network.run(member, "ip link set sync down")
    _done, lost = verify(network, tmp_path, *switch, status=2)
    assert [one["alive"] for one in lost["switches"]] == [0, 0], lost["switches"]
    assert any("sync" in one["sentence"] and "down" in one["sentence"] for one in lost["findings"]), lost["findings"]
    assert all(sum(one["errors"].values()) == 20 for one in lost["switches"])


@pytest.mark.long
def test_nothing_is_switched_where_it_cannot_be_judged(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("firewall_pair_vrrp")
    for wrong, words in (({"address": "10.0.0.99"}, "and is one of none of"),
                         ({"flow": "tcp 10.0.0.10 > 10.9.0.10:81"}, "nothing was switched"),
                         ({"host": "nobody"}, "nobody has to be a host of the play that answers")):
        done = play(network, tmp_path, "verify_state_sync", "-e", json.dumps(
            {"verify_state_sync_switch": {**SWITCH, **wrong}}), status=2)
        assert words in " ".join(done.output.split()), done.output[-3000:]
        assert network.output("fw_a", "ip -o address show to 10.0.0.1")
    # The lab starts keepalived again: it has stepped back for a moment only.
    done = play(network, tmp_path, "verify_state_sync", "-e", json.dumps(
        {"verify_state_sync_switch": {**SWITCH, "away": "pkill -F /run/keepalived.pid", "back": "true"}}), status=2)
    assert "10.0.0.1 is an address of fw_a; one other member was to have it" in " ".join(done.output.split())
