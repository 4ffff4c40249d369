# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replay the built-in incident on the lab; the documentation is in plugins/modules/incident_replay.py."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay import chapters, evidence, finding, incident
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.observer import Observer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.playbooks import Playbooks
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import ReplayError, Story


class ActionModule(ActionBase):
    """The edge between Ansible and the story."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "lab_dir": {"type": "path", "required": True},
                "inventory": {"type": "path", "required": True},
                "management": {"type": "str", "required": True},
                "keep_lab": {"type": "bool", "default": False},
                "colour": {"type": "bool", "default": sys.stdout.isatty()},
            },
        )
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "the replay changes its own lab: there is no check mode for it"}
        options = _edge.plain(options)
        data = _replay(options)
        result.update(changed=True, summary=data)
        if not data["ok"]:
            wrong = [step["name"] for step in data["steps"] if not step["ok"]]
            result.update(
                failed=True, msg=f"not everything holds ({', '.join(wrong)}): see {options['directory']}/report.md"
            )
        return result


def _replay(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    directory = pathlib.Path(options["directory"])
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="nps-ssh-") as sockets:
        return _tell(options, directory, sockets)


def _tell(options: t.Mapping[str, t.Any], directory: pathlib.Path, sockets: str) -> dict[str, t.Any]:
    story = Story(Display().display, options["colour"])
    lab_dir = pathlib.Path(options["lab_dir"])
    inventory = pathlib.Path(options["inventory"]).resolve()
    builder = Playbooks(story, directory, sockets)
    at = incident.Incident(
        story,
        Observer(lab_dir, incident.LAB),
        Playbooks(story, directory, sockets, inventory),
        directory,
        options["management"],
        lab_dir / incident.LAB / "ssh_config",
    )
    started = time.monotonic()
    lab = {"topology": incident.LAB, "lab_dir": str(lab_dir)}
    try:
        with story.step("lab", "Lab up: a company with two providers, as network namespaces") as step:
            builder.run("lab", variables={**lab, "lab_state": "recreated"}, label="lab_up")
            finding.lab_up(at, step)
        for name, title, tell in chapters.STEPS:
            with story.step(name, title) as step:
                tell(at, step)
    except ReplayError as error:
        story.say(f"✘ {error}")
    except (OSError, KeyError, ValueError) as error:
        raise AnsibleActionFail(f"the replay broke off: {type(error).__name__}: {error}; see {directory}") from error
    finally:
        incident.end_udp(at)
        if not options["keep_lab"]:
            builder.run("lab", variables={**lab, "lab_state": "absent"}, label="lab_down", expect=None)
        data = evidence.summary(story.steps, at.facts, len(chapters.STEPS) + 1, time.monotonic() - started)
        story.say("", 0)
        result = "✔ Everything holds" if data["ok"] else "✘ Not everything holds"
        story.say(f"{result}: {data['total_seconds']} s; evidence in {os.path.relpath(directory)}", 0)
        evidence.write(directory, story, data)
    return data
