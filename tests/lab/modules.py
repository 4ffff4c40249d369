# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of the collection as Ansible does: a process of its own, inside a network namespace."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

# Run what follows as a user without rights. It may still read every file, since a checkout may lie where only root can.
AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


def words(module: str, arguments: t.Mapping[str, t.Any], check_mode: bool = False) -> list[str]:
    """The command that runs the module with these arguments."""
    told = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}}
    return [sys.executable, "-m", f"ansible_collections.netpath.symmetry.plugins.modules.{module}", json.dumps(told)]


def run_module(
    netns: Netns, module: str, arguments: t.Mapping[str, t.Any], check_mode: bool = False, prepare: str = ":"
) -> dict[str, t.Any]:
    """The result of the module, whether it failed or not (``failed``). Arguments may be large: they go by a file.

    ``prepare`` is a shell command that is run before, in the mount namespace that only the module has.
    """
    *command, told = words(module, arguments, check_mode)
    command = ["sh", "-ec", f'{prepare}\nexec "$@"', "sh", *command]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(told)
        file.flush()
        done = subprocess.run(
            netns.with_state(*command, file.name), capture_output=True, text=True, timeout=400, check=False
        )
    try:
        return t.cast("dict[str, t.Any]", json.loads(done.stdout))
    except ValueError:
        raise AssertionError(f"{module} did not answer with JSON: {done.stdout}\n{done.stderr}") from None
