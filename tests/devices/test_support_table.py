# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/devices.md say what the code does (which parts have no end: test_faults_over_ssh.py)."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import config_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import PARTS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import BY_PLATFORM, dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import KINDS
from ansible_collections.netpath.symmetry.tests.devices.documented import NO_END, NOT_READ, READ, table


def test_every_platform_and_part_is_named() -> None:
    assert set(table("Platforms")) == set(BY_PLATFORM)
    read = table("What is read")
    assert list(read) == list(PARTS) and all(set(row) == set(BY_PLATFORM) for row in read.values())


def test_every_platform_that_captures_is_named() -> None:
    captures = {name for name in BY_PLATFORM if hasattr(dialect_of(name), "capture")}
    assert set(table("Capturing on a device")) == captures


@pytest.mark.parametrize("platform", sorted(BY_PLATFORM))
def test_parts(platform: str) -> None:
    told = {part: row[platform] for part, row in table("What is read").items()}
    reads = {part for part in PARTS if callable(getattr(dialect_of(platform), part, None))}
    assert {part for part, word in told.items() if word in (READ, NO_END)} == reads
    assert {part for part, word in told.items() if word == NOT_READ} == set(PARTS) - reads


@pytest.mark.parametrize("platform", sorted(BY_PLATFORM))
def test_platform(platform: str) -> None:
    dialect = dialect_of(platform)
    can = dialect.capabilities
    row = table("Platforms")[platform]
    assert row["device"] == dialect.title and row["tested on"] == dialect.tier
    assert row["ansible_network_os"].split(", ") == list(dialect.names)
    assert [row[name] == "yes" for name in ("candidate", "own difference", "timed revert", "reverting reloads",
                                            "as a whole")] == [
        can.candidate, can.native_diff, can.timed_revert, can.disruptive_revert, can.atomic]
    try:
        config_of(dialect)
    except DeviceError:
        assert row["device_config"] == NOT_READ
    else:
        assert row["device_config"] == "yes"


@pytest.mark.parametrize("platform", sorted(BY_PLATFORM))
def test_what_can_be_set(platform: str) -> None:
    row = table("What can be set")[platform]
    config = getattr(dialect_of(platform), "config", None)
    serves = config.serves if config else ()
    assert {kind for kind in KINDS if row[kind] == "yes"} == set(serves)
    assert {kind for kind in KINDS if row[kind] == NOT_READ} == set(KINDS) - set(serves)
    assert (row["way back"] == NOT_READ) == (config is None)
