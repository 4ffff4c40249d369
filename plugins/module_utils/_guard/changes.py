# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the journal of a host holds: the pending change and those that have ended."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.dependency import Touches
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import (
    GuardError,
    is_being_taken_back,
    pending,
    read_fields,
    titles,
    touches,
)

PENDING = "pending"
REVERTING = "reverting"  # a revert has begun and is not finished
CONFIRMED = "confirmed"
REVERTED = "reverted"
FAILED = "failed"  # reverted in part
ROLLED_BACK = "rolled_back"
ROLLBACK_FAILED = "rollback_failed"


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of this host, pending or ended. Times are UTC text of the host's clock, for people only."""

    id: str
    state: str
    directory: str
    by: str = ""
    reason: str = ""
    armed: str = ""
    timeout: int = 0  # seconds given when it was armed
    seconds_left: float = 0.0
    ended: str = ""
    why: str = ""  # why it was reverted
    sequence: int = 0  # orders the confirmed changes of this host
    undo: tuple[str, ...] = ()  # titles, oldest first
    failed: tuple[str, ...] = ()  # what could not be taken back
    hosts: tuple[str, ...] = ()  # all hosts of the change, where it is one of several
    prepared: bool = False  # this host has promised to take a confirm
    foreign: tuple[str, ...] = ()  # what others changed in the window, as was seen at the revert
    touches: Touches = None  # what it has changed and what it needs (dependency.py); None: not recorded

    def to_dict(self) -> dict[str, t.Any]:
        result = dataclasses.asdict(self)
        del result["touches"]  # a line for each of what may be thousands of routes
        result["undo"] = list(self.undo)
        result["failed"] = list(self.failed)
        result["hosts"] = list(self.hosts)
        result["foreign"] = list(self.foreign)
        result["seconds_left"] = round(self.seconds_left, 1)
        return result


def read_pending(state_dir: str) -> Change | None:
    """The pending change with everything about it, or None. Raises GuardError."""
    current = pending(state_dir)
    if current is None:
        return None
    try:
        return _read(current.directory, current.seconds_left)
    except FileNotFoundError:
        return None  # it ended while we were reading


def read_ended(state_dir: str) -> list[Change]:
    """The changes that have ended here, in the order in which they were armed. Raises GuardError."""
    root = os.path.join(state_dir, "changes")
    if not os.path.isdir(root):
        return []
    found = [_read(os.path.join(root, name), 0.0) for name in os.listdir(root)]
    return sorted(found, key=lambda change: (change.armed, change.id))


def _read(directory: str, seconds_left: float) -> Change:
    try:
        fields = read_fields(os.path.join(directory, "change"))
        ended = _optional_fields(directory)
        state = ended.get("state", "")
        if os.path.basename(directory) == "pending":  # its "result", if there is one, is not in force yet
            ended = {}
            state = REVERTING if is_being_taken_back(directory) else PENDING
        return Change(
            id=fields["id"],
            state=state,
            directory=directory,
            by=fields.get("by", ""),
            reason=fields.get("reason", ""),
            armed=fields.get("armed", ""),
            timeout=int(fields.get("timeout", "0")),
            seconds_left=seconds_left,
            ended=ended.get("time", ""),
            why=ended.get("why", ""),
            sequence=int(ended.get("sequence", "0")),
            undo=tuple(titles(directory)),
            failed=_lines(directory, "failed"),
            hosts=tuple(fields.get("hosts", "").split()),
            prepared=os.path.exists(os.path.join(directory, "prepared")),
            foreign=_lines(directory, "foreign"),
            touches=touches(directory),
        )
    except FileNotFoundError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise GuardError(f"the journal in {directory} cannot be read: {error!r}; look at it, then remove it") from error


def _optional_fields(directory: str) -> dict[str, str]:
    try:
        return read_fields(os.path.join(directory, "result"))
    except FileNotFoundError:
        return {}


def _lines(directory: str, name: str) -> tuple[str, ...]:
    try:
        return tuple(pathlib.Path(directory, name).read_text(encoding="utf-8", errors="replace").splitlines())
    except FileNotFoundError:
        return ()
