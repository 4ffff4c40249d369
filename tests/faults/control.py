# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of change.yml beside the test: started, held in front of a step, let go, killed, awaited."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.faults.lab import HERE, kill

PLAYBOOK = str(pathlib.Path(sys.executable).with_name("ansible-playbook"))
COLLECTIONS = HERE.parents[1] / "build" / "collections"
GUARD_SECONDS = 60
KEEPER = b"/_change_set/keeper.py"  # in the command line of who watches over a run
RUN_WITHIN = 900.0  # seconds; a busy machine, an emulated one, and a host that is waited for


class Stuck(AssertionError):
    """Something did not happen in time."""


def wait_for(what: str, holds: t.Callable[[], t.Any], seconds: float = RUN_WITHIN, pause: float = 0.01) -> None:
    """Wait until ``holds``; raises Stuck."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Stuck(f"not within {seconds:g} s: {what}")
        time.sleep(pause)


class Lab(t.Protocol):
    """Hosts that the playbook reaches: by which inventory, and with which variables."""

    @property
    def inventory(self) -> pathlib.Path: ...

    @property
    def variables(self) -> t.Mapping[str, t.Any]: ...


class Control:
    """A run of the playbook. What it prints is in ``output`` of its folder."""

    def __init__(
        self, lab: Lab, folder: pathlib.Path, change_id: str, hosts: t.Sequence[str], **variables: t.Any
    ) -> None:
        self.folder = folder
        self.keeper = folder / "keeper"
        self.change_id = change_id
        for name in ("hold", "keeper"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        told = {
            "change_id": change_id, "guard_seconds": GUARD_SECONDS, "change_hosts": ",".join(hosts),
            "keeper_directory": str(self.keeper), **lab.variables, **variables,
        }
        self._command = [PLAYBOOK, "-i", str(lab.inventory), str(HERE / "change.yml")]
        for name, value in told.items():
            self._command += ["-e", f"{name}={value}"]
        self._environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "gate"),
            "ANSIBLE_CALLBACKS_ENABLED": "faults_gate",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
            "FAULTS_GATE": str(folder / "hold"),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._workers: dict[int, str] = {}  # that were left when the playbook was killed, and when each began

    def hold(self, step: str) -> None:
        (self.folder / "hold" / f"hold.{step}").touch()

    def release(self, step: str) -> None:
        (self.folder / "hold" / f"hold.{step}").unlink()

    def start(self) -> None:
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )

    def at(self, step: str) -> bool:
        return (self.folder / "hold" / f"at.{step}").exists()

    def await_step(self, step: str) -> None:
        """Wait until the playbook stands in front of the step; raises Stuck where it ends before."""
        wait_for(f"step {step}", lambda: self.at(step) or self.ended())
        if not self.at(step):
            raise Stuck(f"the playbook ended before step {step}:\n{self.told()}")

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kill(self, everything: bool) -> int:
        """kill -9 the playbook's own process, or also those that it has forked; returns how many.

        Whoever watches over it is spared: he is none of them as soon as the task that started him has ended.
        """
        if self.process is None or self.ended():
            return 0
        pids = [self.process.pid]
        forked = [pid for pid in descendants(self.process.pid) if not _is_keeper(pid)]
        if everything:
            pids += forked
        else:
            self._workers = {pid: _began(pid) for pid in forked if _words(pid, PLAYBOOK)}
        count = kill(pids)
        self.process.wait()
        return count

    def working(self) -> bool:
        """Whether a worker outlives the playbook that was killed: it still does its task, and may start a module."""
        return any(began and _began(pid) == began for pid, began in self._workers.items())

    def settling(self) -> bool:
        """Whether a process still watches over this run, or settles what it left."""
        return any(self.keeper.glob("*.open"))

    def told(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "output").read_text(errors="replace")
        return ""


def _is_keeper(pid: int) -> bool:
    return _words(pid, KEEPER)


def _words(pid: int, word: str | bytes) -> bool:
    """Whether a process was started by a command in which this stands."""
    with contextlib.suppress(OSError):
        return os.fsencode(word) in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _began(pid: int) -> str:
    """When a process began, as the kernel counts; empty where it has ended (proc(5), stat, field 22)."""
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and those in turn."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{entry}/stat").read_text()
                parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found
