# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken as the proof of a change, and what is not; tests/lab/test_dual_isp_bgp.py sends the flows for real."""

from __future__ import annotations

import json
import os
import pathlib
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.proofs import (
    NewFlow,
    Proof,
    prove,
    reaching,
    read_proof,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError
from ansible_collections.netpath.symmetry.tests.devices.changes.cisco_ios import CASE
from ansible_collections.netpath.symmetry.tests.devices.fake import FakeNetwork
from ansible_collections.netpath.symmetry.tests.devices.playing import hosts_file, play

WEB = "tcp 127.0.0.1 > 127.0.0.1:9"
NOTHING: dict[str, t.Any] = {"flows": None, "proof": None, "accept_unproven": False}


@pytest.mark.parametrize(("flows", "words"), [
    ([{"host": "nobody", "flow": WEB}], r"flows\[0\]: nobody is no host of the inventory"),
    ([{"host": "web", "flow": WEB}, {"host": "web", "flow": "tcp here > there"}], r"flows\[1\]: flow 'tcp here"),
    ([{"host": "web", "flow": WEB, "count": 0}], "count is 0 .* give a count of 1 to 100"),
    ([{"host": "web", "flow": WEB, "within": 200}], r"may take 220 seconds in all, and confirm_within is 200"),
])
def test_a_proof_that_cannot_be_made_is_refused(flows: list[dict[str, t.Any]], words: str) -> None:
    with pytest.raises(WishError, match=words):
        read_proof({**NOTHING, "flows": flows}, {"web": {}}, 200)


def test_nothing_is_no_proof() -> None:
    assert read_proof(NOTHING, {}, 200).missing
    for given in ({"proof": ["true"]}, {"accept_unproven": True}, {"flows": [{"host": "web", "flow": WEB}]}):
        assert not read_proof({**NOTHING, **given}, {"web": {}}, 200).missing


def test_a_command_that_hangs_ends_in_time() -> None:
    began = time.monotonic()
    assert "timed out" in prove(Proof(command=("sleep", "60")), {}, 1.5)
    assert time.monotonic() - began < 30
    assert "No such file" in prove(Proof(command=("/no/such/program",)), {}, 5)


def test_a_flow_is_sent_by_a_host_and_an_answer_proves_it(tmp_path: pathlib.Path) -> None:
    """By a real connection of this machine to itself; nobody listens on the port."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3",
             "ansible_facts": {"distribution": "Debian"}, "ansible_distribution": "Debian"}
    told = prove(Proof((NewFlow("web", WEB, within=1),)), {"web": local}, 60)
    assert told.startswith(f"{WEB} from web: tcp probe of 127.0.0.1: success was expected") and "refused" in told
    assert prove(Proof((NewFlow("web", "icmp 127.0.0.1 > 127.0.0.1", within=5),)), {"web": local}, 60) == ""
    gone = prove(Proof((NewFlow("web", WEB, within=1),)), {"web": {**local, "ansible_connection": "no_such"}}, 60)
    assert "no_such" in gone


def test_a_host_is_reached_by_its_variables_and_not_by_its_facts() -> None:
    told = reaching({"ansible_host": "192.0.2.1", "ansible_password": "x", "ansible_facts": {"eth0": {}},
                     "ansible_eth0": {}, "ansible_play_hosts": ["a"], "other": 1, "ansible_ssh_args": object()})
    assert json.loads(json.dumps(told)) == {"ansible_host": "192.0.2.1", "ansible_password": "x"}


def test_a_change_that_nothing_proves_is_not_sent(tmp_path: pathlib.Path) -> None:
    """By the real action: refused; said in check mode; accepted; and kept where the working directory is."""
    device = CASE.device()
    with FakeNetwork(device) as network:
        (tmp_path / "known_hosts").write_text(network.known_hosts())
        hosts_file(tmp_path, device.name, network.ports[device.name], CASE.platform)
        refused, check, accepted, again = play(tmp_path, device.name, [
            (False, CASE.small), (True, CASE.small), (False, {**CASE.small, "accept_unproven": True}),
            (False, CASE.small)], proven=False)
    assert "nothing would prove the change" in refused["msg"] and "Nothing was sent" in refused["msg"]
    assert check["changed"] and check["backup_file"] == ""
    assert any("without it nothing will be sent" in one for one in check["warnings"])
    assert accepted["changed"] and not again["changed"]
    kept = pathlib.Path(accepted["backup_file"])
    assert kept.parent == tmp_path / "backup" and list(kept.parent.iterdir()) == [kept]
    assert os.stat(kept).st_mode & 0o077 == 0 and "router bgp" in kept.read_text()
