# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch over a playbook that confirms on several hosts; documented in plugins/modules/change_keeper.py."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing as t

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set import keeper
from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set.command import prompts, settle_command

_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


class ActionModule(ActionBase):
    """The edge between a playbook and the process that watches over it."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "change_id": {"type": "str", "required": True},
                "hosts": {"type": "list", "elements": "str", "default": []},
                "directory": {"type": "path", "default": "~/.cache/netpath-symmetry"},
                "seconds": {"type": "int", "default": 3600},
            },
        )
        options = _edge.plain(options)
        path = os.path.join(options["directory"], _UNFIT.sub("_", options["change_id"]))
        mark, log = f"{path}.open", f"{path}.log"
        result.update(changed=False, watching=False, why="", log=log, seconds=0.0)
        if self._task.check_mode:
            return result
        try:
            if options["state"] == "absent":
                result["seconds"] = round(max(0.0, time.time() - os.stat(mark).st_mtime), 3)
                os.unlink(mark)
            else:
                _start(options, mark, log, result)
        except FileNotFoundError:
            result["why"] = "nothing was watched"
        except OSError as error:
            raise AnsibleActionFail(f"the watch over change {options['change_id']} cannot be kept: {error}") from error
        return result


def _start(options: t.Mapping[str, t.Any], mark: str, log: str, result: dict[str, t.Any]) -> None:
    os.makedirs(options["directory"], mode=0o700, exist_ok=True)
    pathlib.Path(mark).write_text(f"{' '.join(options['hosts'])}\n", encoding="utf-8")
    asked = prompts(context.CLIARGS)
    if asked:
        result["why"] = f"nobody can be asked for {', '.join(asked)} later"
        return
    playbook = os.getppid()  # an action runs in a process that the playbook's own has forked
    order = {
        "pid": playbook,
        "start_time": keeper.start_time(playbook),
        "mark": mark,
        "command": settle_command(_program(), context.CLIARGS, options["change_id"], options["hosts"]),
        "seconds": options["seconds"],
    }
    with open(log, "w", encoding="utf-8") as output:
        os.chmod(log, 0o600)
        subprocess.Popen(
            [sys.executable, os.path.realpath(keeper.__file__), json.dumps(order)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )
    result["watching"] = True


def _program() -> list[str]:
    """ansible-playbook, as the present run was started."""
    own = shutil.which(sys.argv[0]) or sys.argv[0]
    if os.path.basename(own).startswith("ansible-playbook"):
        return [sys.executable, os.path.abspath(own)]
    beside = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    found = beside if os.path.exists(beside) else shutil.which("ansible-playbook")
    if found is None:
        raise AnsibleActionFail("ansible-playbook is not on PATH: it settles the change should this run die")
    return [found]
