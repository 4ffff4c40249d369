# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan keepalived on this host, with the script by which it has conntrackd take over, and carry the plan out."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import apply, command
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import adoption, record, service, unit
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.keepalived import (
    HOOK_PATH,
    Failover,
    hook_text,
    read_failover,
    render,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.record import Record
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.service import Daemon, ServicePlan

DAEMON, UNIT = "keepalived", "keepalived.service"
DEFAULT = "/etc/keepalived/keepalived.conf"
RECORD = record.path_of(DAEMON)
PID_FILE = f"{STATE_DIR}/state-sync-keepalived.pid"  # without systemd
_PATH = re.compile(r"^/[^\s\"{}#!]*[^\s\"{}#!/]$")
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class VrrpPlan:
    """What changes on this host."""

    service: ServicePlan
    warnings: tuple[str, ...] = ()

    def result(self) -> dict[str, t.Any]:
        """What the module returns of it."""
        plan = self.service
        return {
            "changed": plan.changed,
            "files": [change.path for change in plan.files],
            "commands": plan.commands(),
            "undo": [*plan.undo_files(), *plan.undo_program()],
            "runs_by": ("systemd" if plan.daemon.by_systemd else "process") if plan.shall_run else "",
            "diff": plan.diff(),
        }


def plan(params: Data) -> VrrpPlan:
    """The plan; changes nothing. Raises PlanError, CommandError and NetlinkError."""
    had = record.read(adoption.read(RECORD), RECORD)
    return _plan_absent(had) if params["state"] == "absent" else _plan_present(params, had)


def carry_out(planned: VrrpPlan, guarding: apply.Guarding) -> None:
    """Raises ApplyError and GuardError."""
    service.carry_out(planned.service, apply.armed(guarding))


def _plan_present(params: Data, had: t.Optional[Record]) -> VrrpPlan:
    for tool in (DAEMON, "conntrackd", "flock"):
        command.require(tool)
    wish = read_failover(params)
    path = params["configuration"]
    for name in ("configuration", "conntrackd_configuration"):
        if not _PATH.match(params[name]):
            raise PlanError(f"{name}: {params[name]!r} is not an absolute path")
    if had is not None and had.configuration != path:
        raise PlanError(f"keepalived of this host has {had.configuration}; remove that before {path} is used")
    _check_interfaces(wish)
    by_systemd = unit.is_by_systemd(params["service"], UNIT)
    daemon = daemon_of(path, by_systemd)
    for one in daemon.others():
        raise PlanError(
            f"keepalived runs here already with {one.configuration} (process {one.pid}): end it, or name that file as "
            "state_sync_keepalived_configuration and take it over with state_sync_adopt: true"
        )
    found = adoption.look(path)
    original = adoption.original_to_keep(path, found, DAEMON, params["adopt"], "state_sync_adopt")
    parse(wish)
    first = had or Record(path, "", daemon.process() is not None, by_systemd and unit.is_enabled(UNIT))
    now = dataclasses.replace(first, service="systemd" if by_systemd else "command", files=(HOOK_PATH,))
    client = shlex.join([command.require("conntrackd"), "-C", params["conntrackd_configuration"]])
    wanted = [
        File(path, render(wish)), *([original] if original else []), File(HOOK_PATH, hook_text(client), 0o755),
        File(RECORD, now.text()),
    ]  # fmt: skip
    if by_systemd:
        run = f"{command.require(DAEMON)} --dont-fork -f {path} $DAEMON_ARGS" if path != DEFAULT else ""
        after = "symmetry-nft.service conntrackd.service"
        wanted += unit.unit_files(UNIT, [], run, enable=not first.was_enabled, after=after)
    changes = files.plan(wanted, _present(first) if by_systemd else [])
    return VrrpPlan(service.plan(daemon, changes, _read_at_start(path), shall_run=True, marker=RECORD))


def _plan_absent(had: t.Optional[Record]) -> VrrpPlan:
    if had is None:
        nothing = Daemon(DAEMON, UNIT, False, DEFAULT, "-f", DEFAULT, "", "")
        return VrrpPlan(ServicePlan(nothing, (), (), None, stale=False, shall_run=False))
    path, by_systemd = had.configuration, had.service == "systemd"
    daemon, found = daemon_of(path, by_systemd), adoption.look(path)
    wanted = adoption.restored(path, found)
    there = [path, path + adoption.BESIDE, RECORD, *had.files, *(_present(had) if by_systemd else ())]
    changes = files.plan(wanted, there)
    shall_run, warnings = had.was_running and any(one.path == path for one in wanted), []
    if found.present is not None and not found.ours:
        warnings.append(f"{path} is not ours any more: it was left as it is")
        shall_run = daemon.process() is not None
    return VrrpPlan(service.plan(daemon, changes, _read_at_start(path), shall_run), tuple(warnings))


def _check_interfaces(wish: Failover) -> None:
    interfaces = read_host().interfaces
    for one in wish.instances:
        if one.interface not in interfaces:
            known = ", ".join(sorted(interfaces)) or "none"
            raise PlanError(f"instance {one.name}: interface {one.interface} does not exist here; it has {known}")


def _read_at_start(path: str) -> tuple[str, ...]:
    return (path, unit.dropin_path(UNIT))


def _present(first: Record) -> list[str]:
    return [unit.dropin_path(UNIT), *([] if first.was_enabled else [unit.wants_path(UNIT)])]


def daemon_of(path: str, by_systemd: bool) -> Daemon:
    """How keepalived is run and ended, VRRP only; it takes its addresses back as it ends."""
    program, file = shlex.quote(command.require(DAEMON)), shlex.quote(path)
    wait = f"for i in {' '.join(map(str, range(100)))}; do [ -e {PID_FILE} ] || break; sleep 0.1; done"
    return Daemon(
        DAEMON, UNIT, by_systemd, path, "-f", DEFAULT,
        start_line=f"{program} -P -f {file} -p {PID_FILE} -r {PID_FILE}.vrrp </dev/null >/dev/null 2>&1",
        stop_line=f"! kill \"$(cat {PID_FILE} 2>/dev/null)\" 2>/dev/null || {{ {wait}; }}",
        reload_line=f"kill -HUP \"$(cat {PID_FILE})\"",
    )  # fmt: skip


def parse(wish: Failover) -> None:
    """Have keepalived read the file before it is put in place; it starts nothing. Raises PlanError with what it says.

    The script is not there yet, so it reads the file with another one in its place.
    """
    with tempfile.TemporaryDirectory(prefix="symmetry-") as folder:
        path = os.path.join(folder, "keepalived.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(render(wish, "/bin/true"))
        done = command.run([DAEMON, "-t", "-f", path], check=False)
    said = [line.replace(path, "keepalived.conf").strip() for line in done.stderr.splitlines() if line.strip()]
    if done.rc != 0 or said:
        told = "; ".join(said) or f"exit status {done.rc}"
        raise PlanError(f"keepalived does not take its new configuration: {told}. It was:\n{render(wish)}")
