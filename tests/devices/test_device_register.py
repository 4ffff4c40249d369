# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register of what devices check less than they should: before, with and after a change, and what is no entry."""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import pathlib
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.device_register import DeviceRegister, Entries
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes

Wish = dict[str, t.Any]
SYN: Wish = {"name": "migration", "setting": "no_syn_check", "consent": True, "by": "netops", "reason": "two firewalls",
             "until": "2026-12-24T07:00:00+01:00"}
EVE = datetime.datetime(2026, 12, 24, 6, tzinfo=datetime.UTC)


@pytest.fixture
def register(tmp_path: pathlib.Path) -> DeviceRegister:
    return DeviceRegister(str(tmp_path / "folder" / "register.json"))


def entries(register: DeviceRegister | None, *weaken: Wish, device: str = "fw1", state: str = "present") -> Entries:
    return Entries(register, device, read_wishes({"weaken": list(weaken), "state": state}))


def test_an_entry_stands_before_the_device_is_changed_and_goes_after_it_was_changed_back(
    register: DeviceRegister, tmp_path: pathlib.Path
) -> None:
    new = entries(register, SYN)
    assert new.changed and not new.before and '"until": "2026-12-24T06:00:00Z"' in new.after
    assert not (tmp_path / "folder").exists(), "nothing is written before it is opened"
    new.open()
    told = json.loads((tmp_path / "folder" / "register.json").read_text())
    assert told == {"fw1": {"migration": {"setting": "no_syn_check", "by": "netops", "reason": "two firewalls",
                                          "until": "2026-12-24T06:00:00Z"}}}
    assert not entries(register, SYN).changed
    gone = entries(register, SYN, state="absent")
    gone.open()
    assert gone.changed and register.entries("fw1"), "it is weak until it was changed back"
    gone.close()
    assert not register.entries("fw1")


def test_what_failed_leaves_the_register_as_it_was(register: DeviceRegister) -> None:
    entries(register, SYN).open()
    before = register.entries("fw1")
    longer = entries(register, {**SYN, "until": "2027-01-31"})
    longer.open()
    assert register.entries("fw1") != before
    longer.undo()
    assert register.entries("fw1") == before
    other = entries(register, {**SYN, "until": "2027-01-31"}, device="fw2")
    other.open()
    other.undo()
    assert not register.entries("fw2") and register.entries("fw1") == before


def test_what_has_ended(register: DeviceRegister) -> None:
    entries(register, SYN).open()
    assert not register.expired("fw1", EVE - datetime.timedelta(seconds=1))
    assert [one.name for one in register.expired("fw1", EVE)] == ["migration"]
    assert not register.expired("fw2", EVE)


def test_two_names_for_one_exception_are_refused(register: DeviceRegister) -> None:
    entries(register, SYN).open()
    with pytest.raises(WishError, match="in the register already, as migration"):
        entries(register, {**SYN, "name": "again"})
    entries(register, {**SYN, "name": "again"}, device="fw2").open()


def test_hosts_side_by_side_lose_no_entry(register: DeviceRegister) -> None:
    names = [f"fw{number}" for number in range(40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: entries(register, SYN, device=name).open(), names))
    assert all(register.entries(name) for name in names)


@pytest.mark.parametrize("text", ["[]", "{", '{"fw1": 1}', '{"fw1": {"a": {"setting": "no_syn_check"}}}',
                                  '{"fw1": {"a": {"by": "x"}}}'])
def test_a_file_that_is_no_register_is_told_and_kept(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "register.json"
    path.write_text(text)
    with pytest.raises(WishError, match=re.escape(str(path))):
        entries(DeviceRegister(str(path)), SYN)
    assert path.read_text() == text


@pytest.mark.parametrize(("change", "words"), [
    ({"consent": False}, "weaken[0].consent: no_syn_check lets packets pass of which the device has seen no "),
    ({"by": " "}, "weaken[0].by is empty"), ({"reason": ""}, "weaken[0].reason is empty"),
    ({"until": "soon"}, "weaken[0].until: 'soon' is neither a date"),
    ({"until": "2026-12-24T06:00:00"}, "has no time zone"),
    ({"setting": "everything"}, "weaken[0].setting: 'everything' is not one of asymmetric_path, asymroute"),
    ({"name": "a b"}, "weaken[0].name: 'a b' is not made of"),
    ({"sources": ["10.0.0.1/8"]}, "weaken[0].sources: '10.0.0.1/8' is not a prefix"),
    ({"dports": [80]}, "ports need protocol tcp or udp"),
])  # fmt: skip
def test_an_exception_needs_consent_a_name_a_reason_and_an_end(change: Wish, words: str) -> None:
    with pytest.raises(WishError, match=re.escape(words)):
        read_wishes({"weaken": [{**SYN, **change}]})


def test_a_register_is_needed() -> None:
    with pytest.raises(WishError, match="set register_file"):
        entries(None, SYN)
