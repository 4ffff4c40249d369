# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check of state that a device gives up: by the real action, with its register, until its end."""

from __future__ import annotations

import datetime
import json
import pathlib
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.devices.changes.juniper_junos import CASE
from ansible_collections.netpath.symmetry.tests.devices.fake import FakeNetwork
from ansible_collections.netpath.symmetry.tests.devices.fake_junos import JunosDevice
from ansible_collections.netpath.symmetry.tests.devices.playing import hosts_file, play, playbook

Wish = dict[str, t.Any]
SYN: Wish = {"name": "move", "setting": "no_syn_check", "consent": True, "by": "netops", "reason": "two sites"}
SET = "set security flow tcp-session no-syn-check"


@pytest.fixture
def border(tmp_path: pathlib.Path) -> t.Iterator[JunosDevice]:
    device = CASE.device()
    assert isinstance(device, JunosDevice)
    with FakeNetwork(device) as network:
        (tmp_path / "known_hosts").write_text(network.known_hosts())
        hosts_file(tmp_path, device.name, network.ports[device.name], "juniper_junos")
        yield device


def weaken(folder: pathlib.Path, **more: t.Any) -> Wish:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
    entry = {**SYN, "until": later.strftime("%Y-%m-%dT%H:%M:%SZ"), **more.pop("entry", {})}
    return {"weaken": [entry], "register_file": str(folder / "register.json"), **more}


def registered(folder: pathlib.Path) -> Wish:
    path = folder / "register.json"
    return t.cast(Wish, json.loads(path.read_text())) if path.exists() else {}


def test_four_runs_and_what_fails_on_the_way(border: JunosDevice, tmp_path: pathlib.Path) -> None:
    one = weaken(tmp_path)
    unproven = {**one, "proof": ["sh", "-c", "exit 7"]}
    refused, failed, ended, check, real, again = play(tmp_path, "border", [
        (False, {key: value for key, value in one.items() if key != "register_file"}), (False, unproven),
        (False, weaken(tmp_path, entry={"until": "2026-01-01"})), (True, one), (False, one), (False, one)])
    assert "weaken: set register_file" in refused["msg"]
    assert "ended with status 7" in failed["msg"] and "The device is as it was" in failed["msg"]
    assert "weaken: move has ended at 2026-01-02T00:00:00Z" in ended["msg"]
    assert [check["changed"], real["changed"], again["changed"]] == [True, True, False]
    assert check["diff"] == real["diff"] and "# register: move" in real["diff"]["after"]
    assert check["lines"] == real["lines"] == [SET] and SET not in check["sent"]
    assert list(registered(tmp_path)) == ["border"] and SET in border.shown()


def test_a_longer_end_changes_the_register_alone(border: JunosDevice, tmp_path: pathlib.Path) -> None:
    one = weaken(tmp_path)
    _first, longer, gone = play(tmp_path, "border", [
        (False, one), (False, weaken(tmp_path, entry={"until": "2098-12-31"})), (False, {**one, "state": "absent"})])
    assert longer["changed"] and not longer["lines"] and "2099-01-01T00:00:00Z" in longer["diff"]["after"]
    assert gone["changed"] and gone["lines"] and not registered(tmp_path) and SET not in border.shown()
    assert border.running == CASE.device().running


def test_a_schedule_takes_away_what_has_ended(border: JunosDevice, tmp_path: pathlib.Path) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=25)
    play(tmp_path, "border", [(False, weaken(tmp_path, entry={"until": soon.isoformat(timespec="seconds")}))])
    assert SET in border.shown() and registered(tmp_path)
    logins, register = border.logins, f"symmetry_register={tmp_path}/register.json"
    early = playbook(tmp_path, "netpath.symmetry.expire", "-e", register)
    if datetime.datetime.now(datetime.UTC) < soon:
        assert early.returncode == 0 and "changed=0" in early.stdout and border.logins == logins, early.stdout
    time.sleep(max(0.0, (soon - datetime.datetime.now(datetime.UTC)).total_seconds() + 1))
    done = playbook(tmp_path, "netpath.symmetry.expire", "-e", register)
    assert done.returncode == 0 and "changed=1" in done.stdout, done.stdout + done.stderr
    assert not registered(tmp_path) and border.running == CASE.device().running
