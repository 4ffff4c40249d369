# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Arm, confirm, revert and roll back a change on this host.

Arming is done here. Whatever ends a change is done by the installed shell script, the one that a person or the timer
runs: there is one way of reverting, and it is the one that is tested.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import pathlib
import secrets
import shutil
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard import boot_unit
from ansible_collections.netpath.symmetry.plugins.module_utils._guard import changes as states
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.changes import Change, read_ended, read_pending
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.decide import Decision, Request, decide
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import (
    GuardError,
    locked,
    sync_directory,
    uptime,
    write_durable,
    write_synced,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.script import SCRIPT
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import PACKAGES, find
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import why_not_written

COMMAND = "/usr/local/sbin/symmetry-guard"
SCRIPT_NEEDS = ("flock", "setsid", "timeout", "readlink", "ip")
OUTCOMES = (states.CONFIRMED, states.REVERTED, states.FAILED, states.ROLLED_BACK, states.ROLLBACK_FAILED)
SCRIPT_SECONDS = 1800  # a revert of many inverses; each of them is bounded by the script


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was done, or in check mode what would be. ``before`` and ``after`` are the texts of the diff."""

    changed: bool
    message: str
    before: str
    after: str
    change: Change | None
    pending: Change | None
    ended: list[Change]
    at_reboot: str = ""  # what becomes of the change that is armed, when the host reboots


def control(request: Request, state_dir: str = STATE_DIR, check_mode: bool = False) -> Outcome:
    """Do what is requested. Raises GuardError where it is refused or fails."""
    decision = decide(request, read_pending(state_dir), read_ended(state_dir))
    if decision.action == "arm":
        _check_host(state_dir, request.needs)
    before, after = _text(decision.change), _text_after(decision, request)
    change = decision.change
    at_reboot = boot_unit.at_reboot(state_dir) if request.state == "armed" else ""
    if decision.action and not check_mode:
        change_id = decision.change.id if decision.change else request.change_id or new_id()
        if request.state == "armed":
            at_reboot = boot_unit.install(state_dir)  # before the change is pending, which a reboot may follow
        if decision.action == "arm":
            _arm(state_dir, change_id, request, at_reboot)
        else:
            _end(state_dir, decision.action, change_id, request)
        change = _find(state_dir, change_id)
    return Outcome(
        decision.changed, decision.message, before, after, change, read_pending(state_dir), read_ended(state_dir),
        at_reboot,
    )


def install(state_dir: str) -> str:
    """Put the script in place where it is absent or another version; returns its path. Raises OSError."""
    path = os.path.join(state_dir, "symmetry-guard")
    os.makedirs(os.path.join(state_dir, "changes"), mode=0o700, exist_ok=True)
    if not os.path.exists(path) or pathlib.Path(path).read_text(encoding="utf-8") != SCRIPT:
        write_durable(path, SCRIPT)
    os.chmod(path, 0o755)
    if state_dir == STATE_DIR and not os.path.lexists(COMMAND) and os.path.isdir(os.path.dirname(COMMAND)):
        os.symlink(path, COMMAND)
    return path


def _check_host(state_dir: str, needs: t.Sequence[str]) -> None:
    """The journal can be written, and what the inverses will call is there. Raises GuardError."""
    why = why_not_written(state_dir)
    if why:
        raise GuardError(f"{why}. Nothing was armed")
    missing = [tool for tool in (*SCRIPT_NEEDS, *needs) if not find(tool)]
    if missing:
        told = ", ".join(f"{tool} (package {PACKAGES.get(tool, tool)})" for tool in dict.fromkeys(missing))
        raise GuardError(f"this host cannot take the change back, for it lacks {told}: install it; nothing was armed")


def new_id() -> str:
    """An id that sorts by time and is unique enough for a person to name it: 20261121T022700Z-4f1c2a."""
    return time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + secrets.token_hex(3)


def _arm(state_dir: str, change_id: str, request: Request, at_reboot: str) -> None:
    try:
        script = install(state_dir)
        with locked(state_dir):
            _prepare(state_dir, change_id, request, at_reboot)
            _run(script, "arm", change_id)
    except OSError as error:
        raise GuardError(f"change {change_id} cannot be armed in {state_dir}: {error}") from error


def _prepare(state_dir: str, change_id: str, request: Request, at_reboot: str) -> None:
    """Write the change beside its place; the script renames it into it: a pending change is always complete.

    The files that will tell how it ended are written now: on a disk that is full by then they need but a new name.
    """
    fresh = os.path.join(state_dir, "arming")
    shutil.rmtree(fresh, ignore_errors=True)  # left by a task that was killed; the lock is ours
    os.mkdir(fresh, mode=0o700)
    fields = {
        "id": change_id,
        "by": _line(request.by) or _whoami(),
        "reason": _line(request.reason),
        "armed": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "timeout": str(request.timeout),
        "boot": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "netns": os.readlink("/proc/self/ns/net"),
        "hosts": " ".join(_line(host) for host in request.hosts),
        "at_reboot": at_reboot,
    }
    sequence = max((change.sequence for change in read_ended(state_dir)), default=0) + 1
    files = {f"outcome.{state}": _outcome(state, sequence) for state in OUTCOMES}
    files["reverting.ready"] = f"{fields['boot']}\n"
    files["log"] = ""
    files["change"] = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
    files["deadline"] = f"{uptime() + request.timeout:.2f}\n"
    for name, text in files.items():
        write_synced(os.path.join(fresh, name), text)
    sync_directory(fresh)
    other = read_pending(state_dir)
    if other is not None:
        raise GuardError(f"change {other.id} by {other.by} was armed at the same moment: only one can be pending")


def _outcome(state: str, sequence: int) -> str:
    number = 0 if state in (states.REVERTED, states.FAILED) else sequence
    return f"state: {state}\ntime: unknown\nwhy: not told, the disk was full\nsequence: {number}\n"


def _end(state_dir: str, action: str, change_id: str, request: Request) -> None:
    try:
        script = install(state_dir)
    except OSError as error:
        raise GuardError(f"the guard in {state_dir} cannot be used: {error}") from error
    if action == "extend":
        _run(script, action, str(request.timeout))
    elif action == "prepare":
        _run(script, action, change_id, str(request.timeout))
    elif action == "rollback" and request.force:
        _run(script, action, change_id, "--force")
    else:
        _run(script, action, change_id)


def _run(script: str, *arguments: str) -> None:
    try:
        done = subprocess.run(
            ["/bin/sh", script, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SCRIPT_SECONDS,
            check=False,
            start_new_session=True,  # a revert that cuts off our own session still comes to its end
        )
    except subprocess.TimeoutExpired as error:
        raise GuardError(f"{script} {' '.join(arguments)} did not end within {SCRIPT_SECONDS} s") from error
    if done.returncode != 0:
        told = done.stderr.decode("utf-8", "replace").strip() or f"status {done.returncode}"
        raise GuardError(told.replace("symmetry-guard: ", "", 1))


def _find(state_dir: str, change_id: str) -> Change | None:
    pending = read_pending(state_dir)
    candidates = ([pending] if pending else []) + read_ended(state_dir)
    return next((change for change in candidates if change.id == change_id), None)


def _line(text: str) -> str:
    """One line of printable characters: it is shown on consoles."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _whoami() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a host without an entry for its user
        return str(os.getuid())


def _text(change: Change | None) -> str:
    if change is None:
        return "state: absent\n"
    lines = [f"change: {change.id}", f"state: {change.state}", f"by: {change.by}", f"reason: {change.reason}"]
    lines += [f"hosts: {' '.join(change.hosts)}"] if change.hosts else []
    return "\n".join([*lines, *(f"takes back: {title}" for title in change.undo)]) + "\n"


def _text_after(decision: Decision, request: Request) -> str:
    """The planned state: told without the generated id, so that check mode and the run show the same text."""
    if decision.change is not None:
        return _text(dataclasses.replace(decision.change, state=decision.after))
    if decision.action != "arm":
        return "state: absent\n"
    lines = [f"change: {request.change_id}"] if request.change_id else []
    by = _line(request.by) or _whoami()
    lines += [f"state: {states.PENDING}", f"by: {by}", f"reason: {_line(request.reason)}"]
    lines += [f"hosts: {' '.join(request.hosts)}"] if request.hosts else []
    return "\n".join(lines) + "\n"
