# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put the watcher of uplinks on this host, start it, and take it away; and know whether it has something switched.

A unit of systemd runs it where systemd is process 1 of this network, else a process of its own, until the next boot.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import unit_files
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
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch import (
    CONF_PATH,
    NAME,
    RUN_DIR,
    SCRIPT_PATH,
    UNIT,
    Watch,
    planned_text,
    shown,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script import SCRIPT

SUBJECT = "uplink watch"
UNIT_FILES = unit_files(NAME, UNIT)
TOOLS = ("ip", "ping", "flock", "setsid", "awk")
_RUN = f"sh {SCRIPT_PATH}"


@dataclasses.dataclass(frozen=True)
class WatchPlan:
    """The files that change, around a stop and a start of the watcher."""

    files: tuple[FileChange, ...]
    before: str
    after: str
    runs: bool  # whether the watcher runs now
    shall_run: bool

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def first(self) -> list[str]:
        """Before the files change: a watcher that goes for good puts back what it has switched."""
        return [_stop("stop" if self.shall_run else "home")] if self.changed else []

    def last(self) -> list[str]:
        """After the files have changed."""
        return ([f"{_RUN} start"] if self.shall_run else _reload(self.files)) if self.changed else []

    def commands(self) -> list[str]:
        """The shell commands that do the same, for a reviewer."""
        return [*self.first(), *(_write_command(change) for change in self.files), *self.last()]

    def undo_files(self) -> list[str]:
        """Shell commands that put the files back; they may run after a reboot."""
        if not self.changed:
            return []
        stop = _stop("stop" if self.runs else "home")
        return [stop, *(change.undo() for change in reversed(self.files))]

    def undo_watcher(self) -> list[str]:
        """Shell commands for behind the files: the watcher runs as it did."""
        if not self.changed:
            return []
        return [f"{_RUN} start"] if self.runs else [*_reload(self.files), ":"]

    def undo(self) -> list[str]:
        return [*self.undo_files(), *self.undo_watcher()]

    def diff(self) -> dict[str, str]:
        return {
            "before_header": f"{SUBJECT} (live)",
            "after_header": f"{SUBJECT} (planned)",
            "before": self.before,
            "after": self.after,
        }


def plan(watch: t.Optional[Watch]) -> WatchPlan:
    """What makes this host watch so, or not at all without ``watch``; changes nothing. Raises PlanError."""
    with_unit = systemd.is_process_1()
    if watch is not None:
        check_host(watch)
    wanted: list[File] = []
    if watch is not None:
        wanted = [File(SCRIPT_PATH, SCRIPT, 0o755), File(CONF_PATH, watch.text(), 0o644)]
        wanted += UNIT_FILES if with_unit else []
    present = [SCRIPT_PATH, CONF_PATH, *(file.path for file in UNIT_FILES)] if with_unit else [SCRIPT_PATH, CONF_PATH]
    try:
        changes = files.plan(wanted, present)
    except PersistError as error:
        raise PlanError(str(error)) from error
    return WatchPlan(
        tuple(changes), live_text(), planned_text(watch, with_unit), runs=is_running(), shall_run=watch is not None
    )


def check_host(watch: Watch) -> None:
    """Raise PlanError where the watcher could not do its work on this host."""
    tools = [*TOOLS, *(["conntrack"] if watch.stranded == "delete" else [])]
    missing = [tool for tool in tools if command.find(tool) is None]
    if missing:
        raise PlanError(
            f"the watcher needs {', '.join(missing)}, which this host has not; install "
            f"{', '.join(sorted({_package(tool) for tool in missing}))}"
            + (", or set stranded_connections to keep" if missing == ["conntrack"] else "")
        )
    for one in watch.uplinks:
        if not os.path.isdir(f"/sys/class/net/{one.interface}"):
            there = ", ".join(sorted(os.listdir("/sys/class/net")))
            raise PlanError(f"uplink {one.name}: this host has no interface {one.interface}; it has {there}")
        if one.family == 4:
            _refuse_strict(one.name, one.interface, (*one.targets, one.gateway))


def _refuse_strict(name: str, interface: str, asked: t.Sequence[str]) -> None:
    """A strict reverse-path filter drops the answers to probes where other traffic does not leave by the uplink.

    Asked is the kernel, for a packet from the target: it runs the filter. Where that is loose or off, there is no need.
    """
    modes = []
    for each in ("all", interface):
        with open(f"/proc/sys/net/ipv4/conf/{each}/rp_filter", encoding="ascii") as file:
            modes.append(int(file.read()))
    own = command.run(["ip", "-o", "-4", "address", "show", "dev", interface, "scope", "global"]).stdout.split()
    if max(modes) != 1 or not own:
        return
    address = own[3].split("/")[0]
    for target in filter(None, asked):
        answer = command.run(["ip", "-4", "route", "get", address, "from", target, "iif", interface], check=False)
        if answer.rc != 0:
            raise PlanError(
                f"uplink {name}: rp_filter of {interface} is strict and would drop the answers of {target}, as the way "
                "back to it is another one; loosen it with role rp_filter (mode loose), or let replies of "
                f"{address} leave by {interface} with role source_routing"
            )


def _package(tool: str) -> str:
    other = {"flock": "util-linux", "setsid": "util-linux", "ping": "iputils-ping"}
    return {**command.PACKAGES, **other}.get(tool, tool)


def is_running() -> bool:
    """Whether a watcher holds its lock."""
    with contextlib.suppress(OSError), open(f"{RUN_DIR}/lock", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def live_text() -> str:
    """The watcher as it is now, as one side of a diff."""
    def text(path: str) -> str:
        try:
            file = files.read(path)
        except PersistError as error:
            raise PlanError(str(error)) from error
        return file.shown() if file else ""

    unit = ""
    if systemd.is_process_1():
        unit = text(UNIT_FILES[0].path)
        if unit and any(files.read(file.path) != file for file in UNIT_FILES[1:]):
            unit += "(not enabled)\n"
    return shown(text(CONF_PATH), text(SCRIPT_PATH), unit, is_running())


def failed_over() -> list[str]:
    """What the watcher has switched now, in its own words for it: ids of uplinks whose routes are out, families."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        with open(f"{RUN_DIR}/boot", encoding="ascii") as ours:
            if ours.read() != boot.read():
                return []
        names = sorted(os.listdir(RUN_DIR))
        return [name.rpartition(".")[0] for name in names if name.endswith((".routes", ".by"))]
    return []


def refuse_while_failed_over() -> None:
    """Raise PlanError: what is in force is not what was configured, so nothing can be compared with it."""
    switched = failed_over()
    if switched:
        raise PlanError(
            f"uplink_watch has failed over on this host ({', '.join(switched)}): our routes are not all there. Wait "
            f"until it is home again, or end the watch with 'sh {SCRIPT_PATH} home'; 'sh {SCRIPT_PATH} status' tells "
            "more"
        )


def carry_out(planned: WatchPlan, guarding: Guarding) -> None:
    """Record the inverse with the pending guard, then do it; whatever fails, it is taken back. Raises ApplyError."""
    guard = armed(guarding)
    recorded: t.ContextManager[None] = contextlib.nullcontext()
    if guard is not None:
        touches = [f"w file{change.path}" for change in planned.files]
        # Inverses run from the last to the first: the files, and then who reads them, which a reboot does by itself.
        record(guard, f"{SUBJECT}: the watcher", planned.undo_watcher(), touches=touches)
        recorded = applying(guard, f"{SUBJECT}: the files", planned.undo_files(), on_disk=True, touches=touches)
    try:
        with recorded:
            for line in planned.first():
                command.run(["sh", "-c", line])
            for change in planned.files:
                files.put(change.path, change.after)
            for line in planned.last():
                command.run(["sh", "-c", line])
    except (OSError, command.CommandError, PersistError) as error:
        raise ApplyError(f"{SUBJECT}: {error}{_take_back(planned)}") from error
    found = live_text()
    if found != planned.after:
        raise ApplyError(
            f"{SUBJECT}: the host is not as planned after the change{_take_back(planned)}\n"
            f"{difference(planned.after, found)}"
        )


def _take_back(planned: WatchPlan) -> str:
    failures = []
    for line in planned.undo():
        done = command.run(["sh", "-c", line], check=False)
        if done.rc != 0:
            failures.append((done.stdout + done.stderr).strip() or line)
    return f"; taking it back failed in part: {'; '.join(failures)}" if failures else "; everything was taken back"


def _stop(how: str) -> str:
    return f"[ ! -e {SCRIPT_PATH} ] || {_RUN} {how}"


def _reload(changes: t.Iterable[FileChange]) -> list[str]:
    units = any(change.path.startswith(UNIT_FILES[0].path.rpartition("/")[0]) for change in changes)
    return ["systemctl daemon-reload"] if units else []


def _write_command(change: FileChange) -> str:
    return FileChange(change.path, change.after, change.before).undo()
