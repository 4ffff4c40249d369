# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits beside a playbook that confirms a change on several hosts, and settles the change should the playbook die.

Run as a program of its own, by its path, so that it outlives who started it; standard library only. It reads one
argument, JSON: ``pid`` and ``start_time`` of the playbook (proc_pid_stat(5), field 22), ``mark`` (a file that the
playbook removes when all is settled), ``command`` (what settles the change) and ``seconds`` (for how long to try).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t

POLL = 0.1  # seconds
PAUSE = 5.0  # seconds between two attempts to settle


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None where it has ended, though nobody may have noticed yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def watch(order: t.Mapping[str, t.Any]) -> int:
    """Wait for the end of the playbook or of its worry; returns 0 when the change is settled."""
    while start_time(order["pid"]) == order["start_time"]:
        if not os.path.exists(order["mark"]):
            return 0
        time.sleep(POLL)
    deadline = time.monotonic() + order["seconds"]
    while os.path.exists(order["mark"]) and time.monotonic() < deadline:
        sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} the playbook died, settling\n")
        sys.stdout.flush()
        if subprocess.run(order["command"], stdin=subprocess.DEVNULL, check=False).returncode == 0:
            os.unlink(order["mark"])
            return 0
        time.sleep(PAUSE)
    return 1 if os.path.exists(order["mark"]) else 0


if __name__ == "__main__":
    sys.exit(watch(json.loads(sys.argv[1])))
