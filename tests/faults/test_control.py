# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node that faults kill."""

from __future__ import annotations

import json
import pathlib
import sys
import types

from ansible_collections.netpath.symmetry.tests.faults.control import PLAYBOOK, Control, wait_for


def test_a_worker_that_outlives_the_playbook_is_waited_for(tmp_path: pathlib.Path) -> None:
    """It begins its module after the playbook was killed; who judges before that sees a host at rest."""
    tasks = [{"ansible.builtin.shell": f"touch {tmp_path}/begun; sleep 2; touch {tmp_path}/done"}]
    play = tmp_path / "play.json"
    play.write_text(json.dumps([{
        "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks,
        "vars": {"ansible_python_interpreter": sys.executable}}]))
    lab = types.SimpleNamespace(inventory=pathlib.Path("localhost,"), variables={})
    control = Control(lab, tmp_path, "outlived", ["localhost"])
    control._command = [PLAYBOOK, "-i", "localhost,", str(play)]
    control.start()
    wait_for("the task", (tmp_path / "begun").exists, 60)
    assert control.kill(False) == 1 and control.ended()
    assert control.working() and not (tmp_path / "done").exists()
    wait_for("the end of the worker", lambda: not control.working(), 30)
    assert (tmp_path / "done").exists()
