# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that keeps one line of JSON per task result, for evidence and for programs that watch a run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: journal
type: notification
short_description: Keep a machine-readable journal of a run
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Appends one JSON object per event to a file while the playbook runs. The events are C(task), C(result) and C(stats).
  - A result holds the host, the task, whether it changed, its duration, the diff, and the message of a failure.
    Arguments and return values of modules are left out, so that nothing secret gets there.
requirements:
  - enable it with C(ANSIBLE_CALLBACKS_ENABLED=netpath.symmetry.journal)
options:
  path:
    description: The file to append to. Without it the callback does nothing.
    type: path
    env:
      - name: NETPATH_SYMMETRY_JOURNAL
    ini:
      - section: callback_netpath_symmetry_journal
        key: path
"""

import json
import time
import typing as t

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Write the events of a run to the journal file, each as soon as it happens."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "netpath.symmetry.journal"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._started: dict[tuple[str, str], float] = {}

    def _write(self, **event: t.Any) -> None:
        path = self.get_option("path")
        if path:
            with open(path, "a", encoding="utf-8") as journal:
                journal.write(json.dumps({"time": round(time.time(), 3), **event}, default=str) + "\n")

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._write(event="task", task=task.get_name())

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self._started[(host.get_name(), task._uuid)] = time.monotonic()

    def _result(self, status: str, result: t.Any) -> None:
        data = result.result
        host = result.host.get_name()
        started = self._started.pop((host, result.task._uuid), None)
        diffs = data.get("diff") or []
        self._write(
            event="result",
            status=status,
            host=host,
            task=result.task.get_name(),
            action=result.task.action,
            changed=bool(data.get("changed")),
            seconds=None if started is None else round(time.monotonic() - started, 3),
            diff=[]
            if result.task.no_log
            else [_strings(part) for part in (diffs if isinstance(diffs, list) else [diffs])],
            message=str(data.get("msg", "")) if status in ("failed", "unreachable") and not result.task.no_log else "",
        )

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._result("ok", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._result("skipped", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._result("unreachable", result)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._write(event="stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})


def _strings(diff: t.Mapping[str, t.Any]) -> dict[str, str]:
    return {key: str(value) for key, value in diff.items()}
