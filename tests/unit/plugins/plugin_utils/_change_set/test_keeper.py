# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who watches over a playbook acts when it dies, and only then."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time

from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set import keeper
from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set.command import prompts, settle_command


def order(tmp_path: pathlib.Path, pid: int) -> dict[str, object]:
    mark = tmp_path / "one.open"
    mark.touch()
    return {
        "pid": pid,
        "start_time": keeper.start_time(pid),
        "mark": str(mark),
        "command": ["sh", "-c", f"echo settled >> {tmp_path}/did"],
        "seconds": 5,
    }


def test_a_playbook_that_dies_is_noticed_though_nobody_has_reaped_it(tmp_path: pathlib.Path) -> None:
    playbook = subprocess.Popen(["sleep", "60"])
    told = json.dumps(order(tmp_path, playbook.pid))
    watching = subprocess.Popen([sys.executable, keeper.__file__, told], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    assert watching.poll() is None and not (tmp_path / "did").exists()
    playbook.kill()
    assert watching.wait(10) == 0
    playbook.wait()
    assert (tmp_path / "did").read_text() == "settled\n" and not (tmp_path / "one.open").exists()


def test_a_change_that_is_settled_ends_the_watch(tmp_path: pathlib.Path) -> None:
    told = order(tmp_path, os.getpid())
    (tmp_path / "one.open").unlink()
    assert keeper.watch(told) == 0 and not (tmp_path / "did").exists()


def test_another_process_with_the_same_id_is_not_the_playbook(tmp_path: pathlib.Path) -> None:
    assert keeper.watch({**order(tmp_path, os.getpid()), "start_time": 1}) == 0
    assert (tmp_path / "did").exists()


def test_the_command_reaches_the_hosts_as_this_run_does() -> None:
    arguments = {
        "inventory": ("a.yml", "b.yml"), "extra_vars": ("@vault.yml", "x=1"), "become": True, "remote_user": "alice",
        "private_key_file": None, "vault_password_files": ["/secret"], "verbosity": 3, "check": False,
    }
    words = settle_command(["ansible-playbook"], arguments, "CHG1", ["left", "right"])
    assert words == [
        "ansible-playbook", "--inventory", "a.yml", "--inventory", "b.yml", "--vault-password-file", "/secret",
        "--extra-vars", "@vault.yml", "--extra-vars", "x=1", "--user", "alice", "--become", "--extra-vars",
        '{"symmetry_change_id": "CHG1", "symmetry_hosts": "left,right"}', "netpath.symmetry.settle",
    ]


def test_secrets_that_a_person_typed_cannot_be_asked_for_later() -> None:
    assert prompts({"become_ask_pass": True, "vault_ids": ["dev@prompt"]}) == [
        "--ask-become-pass", "--vault-id ...@prompt",
    ]
    assert prompts({"ask_pass": False, "vault_ids": ("dev@file",)}) == []
