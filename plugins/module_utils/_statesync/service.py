# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put a daemon's files in place and have it run with them; and take all back where it does not.

The daemon is restarted only where what it was started with has changed. A unit of systemd runs it, with a drop-in of
ours, or, where systemd is not process 1 of this network, the program itself, until the next boot.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import UNITS
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import Pending, applying, record
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import ApplyError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import FileChange, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import process
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.process import Process

START_SECONDS, STOP_SECONDS = 10.0, 10.0
FRESH = 0.1  # seconds: the kernel tells the start of a process in hundredths


@dataclasses.dataclass(frozen=True)
class Daemon:
    """A daemon as this host runs it."""

    name: str  # of the program, and in diffs
    unit: str
    by_systemd: bool
    configuration: str
    option: str  # that names the configuration
    default: str  # the configuration without it
    start_line: str  # shell commands without systemd
    stop_line: str  # right also where it does not run
    answers: tuple[str, ...] = ()  # a command that succeeds once it does its work
    log: str = ""  # where it tells why not; empty: the journal or syslog
    reload_line: str = ""  # makes it read its configuration again without systemd; empty: it cannot

    def process(self) -> t.Optional[Process]:
        """The daemon that runs with this configuration."""
        found = process.running(self.name, self.option, self.default)
        return next((one for one in found if one.configuration == os.path.normpath(self.configuration)), None)

    def others(self) -> list[Process]:
        """Daemons of the same kind in this network namespace, with another configuration."""
        found = process.running(self.name, self.option, self.default)
        return [one for one in found if one.configuration != os.path.normpath(self.configuration)]

    def reload(self) -> str:
        """The command that makes it read its configuration again; empty where it cannot."""
        return f"systemctl reload {self.unit}" if self.by_systemd and self.reload_line else self.reload_line

    def start(self, again: bool = False) -> str:
        return f"systemctl {'restart' if again else 'start'} {self.unit}" if self.by_systemd else self.start_line

    def stop(self) -> str:
        if not self.by_systemd:
            return self.stop_line
        return f"! systemctl is-active -q {self.unit} || systemctl stop {self.unit}"


@dataclasses.dataclass(frozen=True)
class ServicePlan:
    """The files of a daemon that change, and how it runs before and after."""

    daemon: Daemon
    files: tuple[FileChange, ...]
    read_at_start: tuple[str, ...]  # paths; where one of them changes, the daemon is restarted
    runs: t.Optional[Process]
    stale: bool  # it runs with something else than the files say now
    shall_run: bool
    marker: str = ""  # a file that is as old as the last time that the daemon read its configuration again

    @property
    def restarts(self) -> bool:
        touched = any(change.path in self.read_at_start for change in self.files)
        return self.runs is not None and self.shall_run and (touched or self.stale)

    @property
    def reloads(self) -> bool:
        """Whether it only reads its configuration again, as nothing of its unit changes."""
        return self.restarts and bool(self.daemon.reload()) and not self._units()

    @property
    def changed(self) -> bool:
        return bool(self.files) or self.restarts or (self.runs is not None) != self.shall_run

    def before(self) -> str:
        how = "does not run" if self.runs is None else "runs with an older configuration" if self.stale else "runs"
        return f"{self.daemon.name}: {how}\n"

    def after(self) -> str:
        return f"{self.daemon.name}: {'runs' if self.shall_run else 'does not run'}\n"

    def first(self) -> list[str]:
        """Before the files change. With systemd a restart comes afterwards, in one step."""
        if self.runs is None or self.reloads or (self.shall_run and (self.daemon.by_systemd or not self.restarts)):
            return []
        return [self.daemon.stop()]

    def last(self) -> list[str]:
        """After the files have changed."""
        lines = ["systemctl daemon-reload"] if self._units() else []
        if self.shall_run and (self.runs is None or self.restarts):
            lines.append(self.daemon.reload() if self.reloads else self.daemon.start(again=True))
        return lines

    def _units(self) -> bool:
        return any(change.path.startswith(f"{UNITS}/") for change in self.files)

    def commands(self) -> list[str]:
        """Shell commands that do the same, for a reviewer."""
        wrote = [FileChange(one.path, one.after, one.before).undo() for one in self.files]
        return [*self.first(), *wrote, *self.last()] if self.changed else []

    def undo_files(self) -> list[str]:
        """Shell commands that stop it and put the files back; they may run after a reboot."""
        if not self.changed:
            return []
        stop = [] if self.reloads else [self.daemon.stop()]
        if self.daemon.by_systemd and self.runs is None:
            # At a boot that takes it back it does not run yet, and is planned to: this ends the plan, too.
            stop = [f"systemctl stop {self.daemon.unit}"]
        return [*stop, *(change.undo() for change in reversed(self.files))] or [":"]

    def undo_program(self) -> list[str]:
        """Shell commands for behind the files: the daemon runs as it did."""
        if not self.changed:
            return []
        if self.reloads:
            return [self.daemon.reload()]
        reload = ["systemctl daemon-reload"] if self._units() else []
        return [*reload, self.daemon.start()] if self.runs is not None else [*reload, ":"]

    def diff(self) -> list[dict[str, str]]:
        found = [change.diff() for change in self.files]
        if self.before() != self.after() or self.restarts:
            how = "reads it again" if self.reloads else "is started anew"
            again = f"runs, {how}\n" if self.restarts and not self.stale else ""
            headers = {"before_header": f"{self.daemon.name} (live)", "after_header": f"{self.daemon.name} (planned)"}
            after = f"{self.daemon.name}: {again}" if again else self.after()
            found.append({**headers, "before": self.before(), "after": after})
        return found


def plan(
    daemon: Daemon,
    changes: t.Sequence[FileChange],
    read_at_start: tuple[str, ...],
    shall_run: bool,
    marker: str = "",
) -> ServicePlan:
    """The plan of these files around the daemon as it runs now; changes nothing."""
    runs = daemon.process()
    newest = max(map(_modified, read_at_start), default=0.0)
    stale = runs is not None and newest > max(runs.started + FRESH, _modified(marker))
    return ServicePlan(daemon, tuple(changes), read_at_start, runs, stale, shall_run, marker)


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def carry_out(planned: ServicePlan, guard: t.Optional[Pending]) -> None:
    """Record the inverse with the pending guard, then do it; whatever fails is taken back. Raises ApplyError."""
    subject = planned.daemon.name
    recorded: t.ContextManager[None] = contextlib.nullcontext()
    if guard is not None:
        touches = [f"w file{change.path}" for change in planned.files]
        # Inverses run from the last to the first: the files, and then who reads them, which a reboot does by itself.
        record(guard, f"{subject}: the daemon", planned.undo_program(), touches=touches)
        recorded = applying(guard, f"{subject}: the files", planned.undo_files(), on_disk=True, touches=touches)
    try:
        with recorded:
            _do(planned)
        _see_it_run(planned)
    except (OSError, command.CommandError, PersistError) as error:
        raise ApplyError(f"{subject}: {error}{_told(planned.daemon)}{_take_back(planned)}") from error


def _do(planned: ServicePlan) -> None:
    for line in planned.first():
        command.run(["sh", "-c", line])
    if planned.first() and planned.runs is not None:
        _end(planned.runs.pid)
    for change in planned.files:
        if change.path != planned.marker:
            _put(change)
    for line in planned.last():
        command.run(["sh", "-c", line])
    for change in planned.files:
        if change.path == planned.marker:
            _put(change)
    if planned.marker and planned.shall_run:
        os.utime(planned.marker)


def _put(change: FileChange) -> None:
    files.put(change.path, change.after)
    if change.after is None and change.path.startswith(f"{UNITS}/"):
        with contextlib.suppress(OSError):  # something else is in the folder
            os.rmdir(os.path.dirname(change.path))


def _end(pid: int) -> None:
    """See the process end that was told to; it removes its lock at last, which must not be that of the next one."""
    deadline = time.monotonic() + STOP_SECONDS
    while _alive(pid):
        if time.monotonic() > deadline:
            raise PersistError(f"process {pid} does not end within {STOP_SECONDS:g} s; look at it, then run again")
        if time.monotonic() > deadline - STOP_SECONDS / 2:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _see_it_run(planned: ServicePlan) -> None:
    """Wait until the daemon does its work; raises CommandError or PersistError."""
    daemon, deadline = planned.daemon, time.monotonic() + START_SECONDS
    if not planned.shall_run:
        return
    while True:
        if daemon.process() is not None and (
            not daemon.answers or command.run(list(daemon.answers), check=False).rc == 0
        ):
            return
        if time.monotonic() > deadline:
            raise PersistError(f"it does not run {START_SECONDS:g} s after its start")
        time.sleep(0.1)


def _told(daemon: Daemon) -> str:
    """The end of its log, as the reason that it gives itself."""
    if daemon.log:
        with contextlib.suppress(OSError), open(daemon.log, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()[-5:]
            return f"; its log says: {' | '.join(lines)}" if lines else ""
    if daemon.by_systemd:
        done = command.run(["journalctl", "-n", "5", "-o", "cat", "-u", daemon.unit], check=False)
        return f"; its journal says: {' | '.join(done.stdout.splitlines())}"
    return "; it tells more in syslog"


def _take_back(planned: ServicePlan) -> str:
    failures = []
    for line in [*planned.undo_files(), *planned.undo_program()]:
        done = command.run(["sh", "-c", line], check=False)
        if done.rc != 0:
            failures.append((done.stdout + done.stderr).strip() or line)
    return f"; taking it back failed in part: {'; '.join(failures)}" if failures else "; everything was taken back"
