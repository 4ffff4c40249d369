# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a change writes: what is planned, and that the inverse restores them whatever they hold."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import (
    File,
    FileChange,
    PersistError,
    plan,
    put,
    read,
)

TEXT = "it's \"quoted\" $HOME `id`\n%s \\n\ttab\n\nlast line without an end"


def carry_out(changes):
    for change in changes:
        put(change.path, change.after)


def run(line: str) -> None:
    done = subprocess.run(["sh", "-euc", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "before",
    [None, ("text", 0o644), (TEXT, 0o600), ("#!/bin/sh\n", 0o755), ("", 0o644), "link"],
    ids=["absent", "text", "quotes", "program", "empty", "link"],
)
@pytest.mark.parametrize("after", [None, ("new\n", 0o755), "link to another"], ids=["removed", "written", "linked"])
def test_the_inverse_restores_a_file_and_may_run_twice(tmp_path, before, after):
    path = str(tmp_path / "new folder" / "file.conf")

    def file_of(what):
        return None if what is None else File(path, link=what) if isinstance(what, str) else File(path, *what)

    put(path, file_of(before))
    changes = plan([file_of(after)] if after else [], [path])
    assert [change.before for change in changes] == ([] if before == after else [file_of(before)])
    carry_out(changes)
    assert read(path) == file_of(after)
    assert not plan([file_of(after)] if after else [], [path]), "a second run changes nothing"
    for change in changes:
        run(change.undo())
        run(change.undo())
    assert read(path) == file_of(before)
    assert not os.path.exists(f"{path}.new")


def test_the_inverse_is_right_where_nothing_was_applied(tmp_path):
    path = str(tmp_path / "file")
    put(path, File(path, "old"))
    run(FileChange(path, File(path, "old"), File(path, "new")).undo())
    assert read(path) == File(path, "old")
    run(FileChange(str(tmp_path / "none" / "file"), None, File(path, "new")).undo())
    assert not (tmp_path / "none").exists()


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(PersistError, match="neither a file nor a link"):
        read(str(tmp_path / "folder"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(PersistError, match="cannot be read"):
        read(str(tmp_path / "binary"))


def test_a_diff_has_headers_and_text(tmp_path):
    path = str(tmp_path / "file")
    (change,) = plan([File(path, "new\n")], [])
    assert change.diff() == {
        "before_header": f"{path} (live)", "after_header": f"{path} (planned)", "before": "", "after": "new\n"
    }
