# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two routers whose flows move to another firewall: changed one after the other they would break everything in between.

Nobody says that they go together (symmetry_together): the forecast of the state between them does.
"""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import http, kernel, play
from ansible_collections.netpath.symmetry.tests.lab.test_remediate_safety import (
    mending,
    messages,
    options,
    standing,
    told,
    wait_for,
)

pytestmark = pytest.mark.long
HOSTS = ("fw_one", "left", "right")
URL = "http://10.9.0.10/"
ONE_BY_ONE = {"symmetry_canary": 1, "symmetry_batch_size": 1}


def pinned(host: str, side: int, prefix: str) -> dict[str, t.Any]:
    """A pin of what is behind the firewalls to the second of them."""
    uplinks = [{"name": name, "interface": name, "gateway": f"10.{side}.{number}.2"}
               for number, name in ((1, "one"), (2, "two"))]
    pin = {"name": "there", "prefixes": [prefix], "uplink": "two", "on_uplink_loss": "failover"}
    return {"role": "policy_route", "host": host,
            "variables": {"policy_route_uplinks": uplinks, "policy_route_pins": [pin]}}


# fw_one is of no matter to the others, and first by its name.
LOOSE = {"role": "rp_filter", "host": "fw_one", "variables": {"rp_filter_interfaces": [
    {"name": "out", "mode": "loose", "reason": "is emptied"}]}}
LEFT, RIGHT = pinned("left", 1, "10.9.0.0/24"), pinned("right", 2, "10.0.0.0/24")


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    """All goes by the first firewall; every test leaves it so."""
    return lab("two_firewalls", fresh=True)


def seen(lab: Lab) -> tuple[str, set[str]]:
    """The status of a new request, and the firewalls that have an entry of it."""
    for name in ("fw_one", "fw_two"):
        lab.run(name, "conntrack -F 2>/dev/null")
    status = http(lab, "client", URL)
    return status, {name for name in ("fw_one", "fw_two") if "dport=80" in lab.output(
        name, "conntrack -L -p tcp 2>/dev/null")}


def test_one_of_them_alone_breaks_what_worked_and_is_refused(network: Lab, tmp_path: pathlib.Path) -> None:
    """The control: were they cut in two, this is the state between."""
    assert seen(network) == ("200", {"fw_one"})
    for host, there, back in (("left", "10.9.0.0/24 via 10.1.2.2", "10.9.0.0/24 via 10.1.1.2"),
                              ("right", "10.0.0.0/24 via 10.2.2.2", "10.0.0.0/24 via 10.2.1.2")):
        network.run(host, f"ip route replace {there}")
        try:
            assert seen(network)[0] == "000", f"{host} alone"
        finally:
            network.run(host, f"ip route replace {back}")
    done = play(network, tmp_path, "remediate", *options("alone"), "-e", json.dumps({"symmetry_remedies": [LEFT]}),
                status=2)
    assert "the plan makes these flows worse: web" in messages(done.output), done.output
    assert standing(network, "left", "alone") == "unknown"


def test_they_go_in_one_batch_though_one_by_one_was_asked_for(network: Lab, tmp_path: pathlib.Path) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    given = json.dumps({"symmetry_remedies": [LOOSE, LEFT, RIGHT], **ONE_BY_ONE})
    done = play(network, tmp_path, "remediate", *options("moved"), "-e", given)
    first, second = done.data("change.json")["batches"]
    assert (first["change_id"], first["hosts"], first["joined"], first["state"]) == ("moved.1", ["fw_one"], [], "kept")
    assert (second["change_id"], second["hosts"], second["joined"], second["state"]) == (
        "moved.2", ["left", "right"], ["web"], "kept"), done.output
    assert "batch 2 is larger than asked for: cut in two it would make web worse in between" in messages(
        " ".join(done.data("change.json")["lines"])), done.output
    assert seen(network) == ("200", {"fw_two"})
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=moved.1,moved.2")
    assert {host: kernel(network, host) for host in HOSTS} == before
    assert seen(network) == ("200", {"fw_one"})


def test_what_is_not_proven_returns_on_both_of_them(network: Lab, tmp_path: pathlib.Path) -> None:
    before = {host: kernel(network, host) for host in HOSTS}
    cut = "nft 'table inet cut { chain f { type filter hook forward priority -10; tcp dport 80 drop; }; }'"
    given = ("-e", json.dumps({"symmetry_remedies": [LOOSE, LEFT, RIGHT], **ONE_BY_ONE, "report_dir": str(tmp_path)}))
    with mending(network, tmp_path, "torn", *given) as running:
        wait_for("armed", lambda: standing(network, "right", "torn.2") == "pending")
        network.run("fw_two", cut)
        try:
            assert running.wait(180) == 2, told(tmp_path)
        finally:
            network.run("fw_two", "nft delete table inet cut")
    states = [one["state"] for one in json.loads((tmp_path / "change.json").read_text(encoding="utf-8"))["batches"]]
    assert states == ["kept", "taken back"], told(tmp_path)
    assert {standing(network, host, "torn.2") for host in ("left", "right")} == {"reverted"}
    assert {host: kernel(network, host) for host in ("left", "right")} == {host: before[host] for host in HOSTS[1:]}
    assert seen(network) == ("200", {"fw_one"})
    play(network, tmp_path, "rollback", "-e", "symmetry_change_id=torn.1")
    assert {host: kernel(network, host) for host in HOSTS} == before
