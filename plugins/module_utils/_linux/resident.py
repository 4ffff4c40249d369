# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put a program of ours on this host, start it, and take it away: a shell script, its configuration and its unit.

The script itself knows ``start``, ``stop`` (what it has done stays) and ``home`` (it takes back what it has done).
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import UNITS
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import applying, record
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import (
    ApplyError,
    Guarding,
    armed,
    difference,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File, FileChange, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.resident import shown


@dataclasses.dataclass(frozen=True)
class Resident:
    """A program of ours: what it is called, and where it lives."""

    subject: str  # in diffs and errors
    who: str  # in one word
    script_path: str
    conf_path: str
    run_dir: str  # holds its lock
    unit_files: tuple[File, ...]

    def run(self, how: str) -> str:
        """The shell command that starts it."""
        return f"sh {self.script_path} {how}"

    def stop(self, how: str) -> str:
        """The shell command that ends it (``stop`` or ``home``), also where it is not there."""
        return f"[ ! -e {self.script_path} ] || {self.run(how)}"

    def present(self, with_unit: bool) -> list[str]:
        """The paths that are its own on a host."""
        return [self.script_path, self.conf_path, *(file.path for file in self.unit_files if with_unit)]

    def is_running(self) -> bool:
        """Whether it holds its lock."""
        with contextlib.suppress(OSError), open(f"{self.run_dir}/lock", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def live_text(self) -> str:
        """It as it is now, as one side of a diff. Raises PlanError."""
        unit = ""
        if systemd.is_process_1():
            unit = _text(self.unit_files[0].path)
            if unit and any(files.read(file.path) != file for file in self.unit_files[1:]):
                unit += "(not enabled)\n"
        return shown(_text(self.conf_path), _text(self.script_path), unit, self.is_running(), self.who)


@dataclasses.dataclass(frozen=True)
class ResidentPlan:
    """The files that change, around a stop and a start of the program."""

    resident: Resident
    files: tuple[FileChange, ...]
    before: str
    after: str
    runs: bool  # whether it runs now
    shall_run: bool

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def first(self) -> list[str]:
        """Before the files change: a program that goes for good takes back what it has done."""
        return [self.resident.stop("stop" if self.shall_run else "home")] if self.changed else []

    def last(self) -> list[str]:
        """After the files have changed."""
        return ([self.resident.run("start")] if self.shall_run else _reload(self.files)) if self.changed else []

    def commands(self) -> list[str]:
        """The shell commands that do the same, for a reviewer."""
        return [*self.first(), *(_write_command(change) for change in self.files), *self.last()]

    def undo_files(self) -> list[str]:
        """Shell commands that put the files back; they may run after a reboot."""
        if not self.changed:
            return []
        stop = self.resident.stop("stop" if self.runs else "home")
        return [stop, *(change.undo() for change in reversed(self.files))]

    def undo_program(self) -> list[str]:
        """Shell commands for behind the files: the program runs as it did."""
        if not self.changed:
            return []
        return [self.resident.run("start")] if self.runs else [*_reload(self.files), ":"]

    def undo(self) -> list[str]:
        return [*self.undo_files(), *self.undo_program()]

    def diff(self) -> dict[str, str]:
        return {
            "before_header": f"{self.resident.subject} (live)",
            "after_header": f"{self.resident.subject} (planned)",
            "before": self.before,
            "after": self.after,
        }

    def result(self) -> dict[str, t.Any]:
        """What a module returns of it."""
        return {
            "changed": self.changed,
            "files": [change.path for change in self.files],
            "commands": self.commands(),
            "undo": self.undo(),
            "diff": self.diff(),
        }


def plan(resident: Resident, wanted: t.Sequence[File], after: str) -> ResidentPlan:
    """What puts these files in place, or takes all away where there are none; changes nothing. Raises PlanError.

    ``after`` is the text of the program as it will be, as ``live_text`` will tell it.
    """
    try:
        changes = files.plan(wanted, resident.present(systemd.is_process_1()))
    except PersistError as error:
        raise PlanError(str(error)) from error
    return ResidentPlan(
        resident, tuple(changes), resident.live_text(), after, resident.is_running(), shall_run=bool(wanted)
    )


def carry_out(planned: ResidentPlan, guarding: Guarding) -> None:
    """Record the inverse with the pending guard, then do it; whatever fails, it is taken back. Raises ApplyError."""
    subject = planned.resident.subject
    guard = armed(guarding)
    recorded: t.ContextManager[None] = contextlib.nullcontext()
    if guard is not None:
        touches = [f"w file{change.path}" for change in planned.files]
        # Inverses run from the last to the first: the files, and then who reads them, which a reboot does by itself.
        record(guard, f"{subject}: the {planned.resident.who}", planned.undo_program(), touches=touches)
        recorded = applying(guard, f"{subject}: the files", planned.undo_files(), on_disk=True, touches=touches)
    try:
        with recorded:
            for line in planned.first():
                command.run(["sh", "-c", line])
            for change in planned.files:
                files.put(change.path, change.after)
            for line in planned.last():
                command.run(["sh", "-c", line])
    except (OSError, command.CommandError, PersistError) as error:
        raise ApplyError(f"{subject}: {error}{_take_back(planned)}") from error
    found = planned.resident.live_text()
    if found != planned.after:
        raise ApplyError(
            f"{subject}: the host is not as planned after the change{_take_back(planned)}\n"
            f"{difference(planned.after, found)}"
        )


def require_tools(who: str, tools: t.Iterable[str], hint: str = "") -> None:
    """Raise PlanError where a tool is missing, with the packages that have them."""
    missing = [tool for tool in tools if command.find(tool) is None]
    if missing:
        raise PlanError(
            f"the {who} needs {', '.join(missing)}, which this host has not; install "
            f"{', '.join(sorted({_package(tool) for tool in missing}))}{hint}"
        )


def _package(tool: str) -> str:
    other = {
        **dict.fromkeys(("flock", "setsid"), "util-linux"), **dict.fromkeys(("timeout", "mkfifo"), "coreutils"),
        "ping": "iputils-ping",
    }
    return {**command.PACKAGES, **other}.get(tool, tool)


def _text(path: str) -> str:
    try:
        file = files.read(path)
    except PersistError as error:
        raise PlanError(str(error)) from error
    return file.shown() if file else ""


def _take_back(planned: ResidentPlan) -> str:
    failures = []
    for line in planned.undo():
        done = command.run(["sh", "-c", line], check=False)
        if done.rc != 0:
            failures.append((done.stdout + done.stderr).strip() or line)
    return f"; taking it back failed in part: {'; '.join(failures)}" if failures else "; everything was taken back"


def _reload(changes: t.Iterable[FileChange]) -> list[str]:
    units = any(change.path.startswith(f"{UNITS}/") for change in changes)
    return ["systemctl daemon-reload"] if units else []


def _write_command(change: FileChange) -> str:
    return FileChange(change.path, change.after, change.before).undo()
