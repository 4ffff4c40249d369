# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on disk about a lab, and how processes are told apart."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import state
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths, Process

TAIL = "S 1 1 1 0 -1 4194560 79 0 1 0 0 0 0 0 20 0 1 0 209710 2654208 362"


def own_stat() -> str:
    return pathlib.Path("/proc/self/stat").read_text()


@pytest.mark.parametrize("command", ["sh", "a b", "x) S 1 (y", "))"])
def test_a_command_with_blanks_and_brackets_does_not_shift_the_fields(command: str) -> None:
    assert state.parse_stat(f"77 ({command}) {TAIL}") == Process(77, 209710)


def test_a_process_is_its_id_and_its_start() -> None:
    own = state.parse_stat(own_stat())
    assert own.pid == os.getpid() and own.alive()
    assert not Process(own.pid, own.start_time + 1).alive()
    assert not Process(2**22 + 1, 1).alive(), "beyond the kernel's largest id"


def test_hosts_of_another_boot_and_half_written_ones_are_no_processes(tmp_path: pathlib.Path) -> None:
    paths = Paths(str(tmp_path), "x")
    records = {
        "ours": f"{state.boot_id()}\n{own_stat()}",
        "older": f"00000000-0000-0000-0000-000000000000\n{own_stat()}",
        "half": state.boot_id(),
        "empty": "",
    }
    for host, text in records.items():
        os.makedirs(paths.host(host))
        pathlib.Path(paths.host(host, "process")).write_text(text)
    os.makedirs(paths.host("not_started"))
    assert state.processes(paths) == {"ours": state.parse_stat(own_stat())}
    assert state.processes(Paths(str(tmp_path), "none")) == {}


def test_a_state_is_written_whole_and_read_back(tmp_path: pathlib.Path) -> None:
    paths = Paths(str(tmp_path), "x")
    assert state.read(paths) == {}
    os.makedirs(paths.root)
    state.write(paths, {"complete": False})
    assert state.read(paths) == {"schema": state.SCHEMA, "complete": False}
    assert os.listdir(paths.root) == ["state.json"] and os.stat(paths.state).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "another"}'])
def test_a_damaged_state_is_an_error_that_says_what_to_do(tmp_path: pathlib.Path, text: str) -> None:
    paths = Paths(str(tmp_path), "x")
    os.makedirs(paths.root)
    pathlib.Path(paths.state).write_text(text)
    with pytest.raises(LabError, match="remove the lab with state=absent"):
        state.read(paths)


@pytest.mark.parametrize("name", ["a-b", "", "A", "../x", "1", "x" * 41])
def test_names_that_a_lab_cannot_have(name: str) -> None:
    with pytest.raises(LabError, match="lab name"):
        Paths("/labs", name)


def test_a_directory_is_absolute() -> None:
    with pytest.raises(LabError, match="'labs' is not an absolute path"):
        Paths("labs", "x")
