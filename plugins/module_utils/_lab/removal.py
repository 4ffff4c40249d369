# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Take a lab away: end its hosts, delete its namespaces and files, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import state, tools
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths, Process

ENDS_WITHIN = 10.0  # seconds
GUESTS_LEAVE_WITHIN = 2.0  # seconds


def exists(paths: Paths) -> bool:
    """Whether anything of a lab is there, whole or in parts."""
    return os.path.isdir(paths.root) or bool(state.namespaces(paths.lab))


def remove(paths: Paths) -> None:
    """Remove everything of a lab, however far its building came; raises LabError.

    Processes are ended only if they are those that the lab's hosts wrote down. Others that
    were started from outside inside a namespace of the lab (a capture, say) are given a moment to end;
    they keep their namespace, without its name, until they do.
    """
    end(state.processes(paths).values())
    names = state.namespaces(paths.lab)
    wait_for_guests(names)
    if names:
        lines = "".join(f"netns delete {name}\n" for name in names)
        status, output = tools.run(["ip", "-force", "-batch", "-"], input=lines)
        if status or state.namespaces(paths.lab):
            left = ", ".join(state.namespaces(paths.lab))
            raise LabError(f"lab {paths.lab}: these network namespaces could not be deleted: {left}: {output}")
    if os.path.isdir(paths.root):
        shutil.rmtree(paths.root)


def end(processes: t.Iterable[Process]) -> None:
    """Kill the first process of each host, and with it all others in its PID namespace; wait until they are gone."""
    ours = [process for process in processes if process.alive()]
    for process in ours:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # ended by itself in this moment
    deadline = time.monotonic() + ENDS_WITHIN
    while any(process.alive() for process in ours):
        if time.monotonic() > deadline:
            left = ", ".join(str(process.pid) for process in ours if process.alive())
            raise LabError(f"these processes do not end: {left}; look what they wait for in /proc/PID/stack")
        time.sleep(0.01)


def wait_for_guests(names: t.Sequence[str]) -> None:
    """Wait a moment until nothing runs in the namespaces any more: SSH's proxies end with their connections."""
    deadline = time.monotonic() + GUESTS_LEAVE_WITHIN
    while guests(names) and time.monotonic() < deadline:
        time.sleep(0.02)


def guests(names: t.Sequence[str]) -> list[int]:
    """The processes in these network namespaces."""
    inodes = {os.stat(os.path.join(state.NETNS_DIR, name)).st_ino for name in names}
    result = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                inode = os.stat(f"/proc/{entry}/ns/net").st_ino
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if inode in inodes:
                result.append(int(entry))
    return result
