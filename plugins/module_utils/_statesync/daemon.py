# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which conntrackd runs in this network namespace, and with which configuration, as /proc tells."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration import DEFAULT_PATH

NAME = "conntrackd"


class Daemon(t.NamedTuple):
    """A running daemon. ``path`` is its configuration as this process can open it; "" where it cannot, and ``why``."""

    pid: int
    path: str
    started: float  # seconds since the epoch
    why: str = ""


def find(pids: t.Iterable[int]) -> list[Daemon]:
    """The daemons among these processes, which are called conntrackd and run in this network namespace, oldest first.

    Clients that only ask, and children that a daemon makes for an answer, are none.
    """
    words = {pid: _words(pid) for pid in pids}
    daemons = [pid for pid, argv in words.items() if argv and not _client_options(argv) and _parent(pid) not in words]
    return sorted((_daemon(pid, words[pid]) for pid in daemons), key=lambda daemon: (daemon.started, daemon.pid))


def _daemon(pid: int, argv: list[str]) -> Daemon:
    started = _started(pid)
    path = configuration_of(argv)
    if _uid(pid) != 0:
        return Daemon(pid, "", started, f"process {pid} is called conntrackd and is not run by root")
    try:
        whole = os.path.join(os.readlink(f"/proc/{pid}/cwd"), path)
        if not os.path.samefile(f"/proc/{pid}/root{whole}", whole):
            return Daemon(pid, "", started, f"conntrackd (process {pid}) sees other files than we do: ask it there")
    except PermissionError:
        return Daemon(pid, path if os.path.isabs(path) else "", started, "" if os.path.isabs(path) else (
            f"conntrackd (process {pid}) was started with {path}, relative to a directory that only root sees"))
    except OSError as error:
        return Daemon(pid, "", started, f"the configuration of conntrackd (process {pid}), {path}: {error.strerror}")
    return Daemon(pid, whole, started)


def configuration_of(argv: t.Sequence[str]) -> str:
    """The file that these words name. Pure."""
    path = DEFAULT_PATH
    for at, word in enumerate(argv):
        if word == "-C" and at + 1 < len(argv):
            path = argv[at + 1]
    return path


def _client_options(argv: t.Sequence[str]) -> list[str]:
    return [word for at, word in enumerate(argv)
            if word.startswith("-") and at and argv[at - 1] != "-C" and word not in ("-d", "-C")]


def _words(pid: int) -> list[str]:
    text = _read(f"/proc/{pid}/cmdline")
    return text.rstrip("\0").split("\0") if text else []  # nothing: it has ended


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """What /proc/PID/stat says after the name, which may hold anything: state, parent ... (proc(5), from the third)."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _started(pid: int) -> float:
    fields = _stat(pid)
    uptime = _read("/proc/uptime").split()
    if not fields or not uptime:
        return 0.0
    return round(time.time() - float(uptime[0]) + int(fields[19]) / os.sysconf("SC_CLK_TCK"), 2)


def _uid(pid: int) -> int:
    """The effective user; -1 where it is gone. Not the owner of /proc/PID: that is root for some of others, too."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])
    return -1
