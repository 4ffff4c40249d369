# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import shutil
import subprocess
import time

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._guard import journal
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.control import install
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import (
    GuardError,
    Pending,
    applying,
    locked,
    pending,
    record,
    titles,
    uptime,
)


@pytest.fixture
def armed(tmp_path: pathlib.Path) -> Pending:
    """A pending change as it lies on disk; no timer runs."""
    directory = tmp_path / "pending"
    directory.mkdir()
    (directory / "change").write_text("id: one\nby: alice\nreason: why: because\n")
    (directory / "deadline").write_text(f"{uptime() + 60:.2f}\n")
    change = pending(str(tmp_path))
    assert change is not None
    return change


def test_nothing_is_pending_in_an_empty_or_absent_directory(tmp_path: pathlib.Path) -> None:
    assert pending(str(tmp_path)) is None and pending(str(tmp_path / "absent")) is None


def test_the_pending_change(armed: Pending) -> None:
    assert (armed.id, armed.armed_by) == ("one", "alice") and 55 < armed.seconds_left <= 60


def test_the_time_left_is_never_more_than_was_asked_for(armed: Pending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "uptime", lambda: 230.54)
    assert Pending("one", armed.directory, 290.54, "alice").seconds_left == 60


def test_a_half_change_is_an_error_and_not_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pending").mkdir()
    with pytest.raises(GuardError, match="not a complete change"):
        pending(str(tmp_path))


def test_inverses_are_numbered_beyond_nine(armed: Pending) -> None:
    for number in range(12):
        record(armed, f"step {number}", ["true"])
    names = sorted(path.name for path in pathlib.Path(armed.directory).glob("*.sh"))
    assert names == [f"{number:04d}.sh" for number in range(1, 13)]
    assert titles(armed.directory) == [f"step {number}" for number in range(12)]


def test_commands_come_back_as_they_were_given(armed: Pending, tmp_path: pathlib.Path) -> None:
    commands = ["printf '%s' \"it's\" $HOME", "cat <<'X'\ntwo\nlines\nX"]
    record(armed, "quoting", commands)
    shown = subprocess.run(
        ["sh", "-c", f"run() {{ printf '%s\\0' \"$1\"; }}; . {armed.directory}/0001.sh"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout.decode().split("\0")[:-1] == commands


@pytest.mark.parametrize(("title", "undo"), [("", ["true"]), ("x", []), ("x", "true"), ("x", ["a\0b"])])
def test_what_is_no_inverse_is_refused(armed: Pending, title: str, undo: list[str]) -> None:
    with pytest.raises(GuardError, match="needs a title and a list"):
        record(armed, title, undo)
    assert titles(armed.directory) == []


def test_nothing_is_recorded_after_the_deadline(armed: Pending) -> None:
    pathlib.Path(armed.directory, "deadline").write_text(f"{uptime():.2f}\n")
    with pytest.raises(GuardError, match="being reverted"):
        record(armed, "late", ["true"])


def test_nothing_is_recorded_for_another_change(armed: Pending) -> None:
    pathlib.Path(armed.directory, "change").write_text("id: two\n")
    with pytest.raises(GuardError, match="one is not pending any more"):
        record(armed, "late", ["true"])


def test_the_lock_is_that_of_flock(armed: Pending) -> None:
    probe = ["flock", "-n", f"{armed.state_dir}/lock", "true"]
    if shutil.which("flock") is None:
        pytest.skip("flock is not installed")
    with applying(armed, "step", ["true"]):
        assert subprocess.run(probe, check=False).returncode == 1
        assert pathlib.Path(armed.directory, "applying").exists()
    assert subprocess.run(probe, check=False).returncode == 0
    assert not pathlib.Path(armed.directory, "applying").exists()


def test_nobody_waits_for_the_lock_for_ever(armed: Pending) -> None:
    started = time.monotonic()
    with locked(armed.state_dir), pytest.raises(GuardError, match="held by another process"):
        with locked(armed.state_dir, seconds=0.2):
            pass
    assert time.monotonic() - started < 5


def test_an_old_script_is_replaced(tmp_path: pathlib.Path) -> None:
    path = pathlib.Path(install(str(tmp_path)))
    fresh = path.read_text()
    path.write_text("#!/bin/sh\n")
    install(str(tmp_path))
    assert path.read_text() == fresh and path.stat().st_mode & 0o777 == 0o755
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
