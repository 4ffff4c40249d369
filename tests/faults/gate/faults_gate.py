# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that lets a test see where a playbook is, and hold it there.

In the directory of the environment variable FAULTS_GATE, the file ``at.STEP`` says that a task has been reached; while
``hold.STEP`` exists, the playbook waits in front of it. STEP is what stands in square brackets in a task's name, or is
taken from STEPS.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: faults_gate
type: aggregate
short_description: Let a test hold a playbook
description: For the tests of this collection.
"""

import os
import pathlib
import re
import time
import typing as t

from ansible.plugins.callback import CallbackBase

# tasks of the role change_set
STEPS = {"Get the promise of every host": "promised", "Confirm": "confirmed", "End the watch": "ended"}
_STEP = re.compile(r"\[([a-z ]+)\]")


class CallbackModule(CallbackBase):
    """Holds a playbook in front of a task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "faults_gate"

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        name = task.name or ""
        found = _STEP.search(name)
        step = found.group(1) if found else STEPS.get(name.rsplit(" : ", 1)[-1], "")
        folder = os.environ.get("FAULTS_GATE")
        if not folder or not step:
            return
        pathlib.Path(folder, f"at.{step}").touch()
        while os.path.exists(os.path.join(folder, f"hold.{step}")):
            time.sleep(0.005)
