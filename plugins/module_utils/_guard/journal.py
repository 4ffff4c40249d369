# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The journal of the pending change: every writer records its exact inverse here before it applies anything.

Layout of the state directory (``/var/lib/netpath-symmetry``)::

    symmetry-guard     the shell script that reverts, confirms and rolls back (script.py)
    lock               flock(2): whoever ends a change or adds to it holds it
    arming/            a change that is being armed; it becomes "pending" by one rename
    pending/           the one change that is armed; it ends by one rename to changes/<id>
      change           "key: value" lines: id, by, reason, armed, timeout, boot, netns, hosts, at_reboot
      deadline         seconds of /proc/uptime, which no clock jump moves
      NNNN.sh          one inverse each, with its title and what it touches; run in reverse order
      NNNN.sh.done     it has been run
      before           the network when it was armed, by which changes of others are known later
      timer            who waits for the deadline
      left_out         routes were not put back when an interface came up meanwhile; the end of the change does it
      prepared         this host has promised to take a confirm
      reverting        it is being taken back, since this boot; rollback: and it had been confirmed
      outcome.STATE    becomes "result" where a full disk takes no other
    changes/<id>/      changes that have ended; "result" says how, "foreign" what others did meanwhile
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import itertools
import os
import pathlib
import shlex
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.dependency import NOTHING, Touches, condensed
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR

_TOUCHES = "# touches: "
LOCK_SECONDS = 30.0  # longer than a revert of a usual change; nobody waits for ever


class GuardError(RuntimeError):
    """The change cannot be recorded, armed or ended; the message says which change, why and what to do."""


@dataclasses.dataclass(frozen=True)
class Pending:
    """The change that is armed on this host."""

    id: str
    directory: str  # <state directory>/pending
    deadline: float  # seconds of /proc/uptime
    armed_by: str

    @property
    def seconds_left(self) -> float:
        """Seconds until the host reverts the change by itself; 0 when that time has come."""
        # both have two decimals; as floats, 290.54 - 230.54 is a little more than 60
        return max(0.0, round(self.deadline - uptime(), 2))

    @property
    def state_dir(self) -> str:
        return os.path.dirname(self.directory)


def pending(state_dir: str = STATE_DIR) -> Pending | None:
    """The change that is armed here, or None. Raises GuardError where the journal cannot be read."""
    directory = os.path.join(state_dir, "pending")
    try:
        fields = read_fields(os.path.join(directory, "change"))
        deadline = float(pathlib.Path(directory, "deadline").read_text(encoding="utf-8"))
    except FileNotFoundError:
        if os.path.isdir(directory):
            raise GuardError(f"{directory} exists but is not a complete change: look at it, then remove it") from None
        return None
    except (OSError, ValueError) as error:
        raise GuardError(f"the journal in {directory} cannot be read: {error}") from error
    return Pending(fields.get("id", ""), directory, deadline, fields.get("by", ""))


def record(pending: Pending, title: str, undo: t.Sequence[str], on_disk: bool = False, touches: Touches = None) -> None:
    """Append an inverse to the pending change; it is on disk when this returns. Apply only afterwards.

    ``title`` is one line that tells a person what the inverse takes back. ``undo`` are shell commands in the order in
    which they have to run; each runs even where one before it failed. A command must be right when it runs twice, and
    when what it takes back was never applied: prefer ``ip route replace`` and ``nft destroy``; ``del`` of an absent and
    ``add`` of a present object count as done. ``on_disk``: it takes back files, and so is right after a reboot, when a
    revert leaves out all others, as nothing is left of what they take back. ``touches``: what is changed and what is
    needed for it, as dependency.py reads it; without it every later change counts as one that depends on this one.
    Raises GuardError when the change is not pending any more.
    """
    with locked(pending.state_dir):
        _write_undo(pending, title, undo_text(title, undo, on_disk, touches), undo)


@contextlib.contextmanager
def applying(
    pending: Pending, title: str, undo: t.Sequence[str], on_disk: bool = False, touches: Touches = None
) -> t.Iterator[None]:
    """Record an inverse and apply inside the ``with`` block: the change can neither expire nor be confirmed in between.

    Without it a revert may run after the inverse was recorded and before it was needed, and the change would stay.
    The block must be short: it ends, at the latest, when the guard needs the lock and kills this process.
    """
    with locked(pending.state_dir):
        _write_undo(pending, title, undo_text(title, undo, on_disk, touches), undo)
        marker = os.path.join(pending.directory, "applying")
        pathlib.Path(marker).write_text(f"{os.getpid()}\n", encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(marker)


@contextlib.contextmanager
def locked(state_dir: str, seconds: float = LOCK_SECONDS) -> t.Iterator[None]:
    """Hold the lock of the state directory, the one that the shell script takes with flock(1)."""
    path = os.path.join(state_dir, "lock")
    with open(path, "a", encoding="utf-8") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise GuardError(
                        f"{path} is held by another process for more than {seconds:g} s: a revert or another task is "
                        "running on this host, see 'symmetry-guard status'"
                    ) from None
                time.sleep(0.05)
        yield


def uptime() -> float:
    """Seconds since boot, suspended time included, as the shell script reads them (proc(5), /proc/uptime)."""
    return float(pathlib.Path("/proc/uptime").read_text(encoding="ascii").split()[0])


def read_fields(path: str) -> dict[str, str]:
    """Read ``key: value`` lines; raises OSError."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def write_durable(path: str, text: str) -> None:
    """Write a file so that a power cut leaves the old or the new content: write, fsync, rename, fsync the directory."""
    temporary = f"{path}.new"
    write_synced(temporary, text)
    os.rename(temporary, path)
    sync_directory(os.path.dirname(path))


def write_synced(path: str, text: str) -> None:
    """Write a file of a directory that nobody reads yet, and have it on disk."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: str) -> None:
    """Make renames and new names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_being_taken_back(directory: str) -> bool:
    """Whether the pending change is being reverted, or rolled back after it was confirmed."""
    return any(os.path.exists(os.path.join(directory, name)) for name in ("reverting", "rollback"))


def titles(directory: str) -> list[str]:
    """The titles of the inverses in a change's directory, oldest first."""
    found = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".sh"):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                found.append(next((line[9:].strip() for line in file if line.startswith("# title: ")), name))
    return found


def touches(directory: str) -> Touches:
    """What a change has touched, by all its inverses; None where one of them does not tell."""
    found: list[str] = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".sh"):
            lines = _header(os.path.join(directory, name))
            mine = [line[len(_TOUCHES) :] for line in lines if line.startswith(_TOUCHES)]
            if not mine:
                return None
            found += mine
    return found


def _header(path: str) -> list[str]:
    """The comments at the head of an inverse."""
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in itertools.takewhile(lambda line: line.startswith("#"), file)]


def undo_text(title: str, undo: t.Sequence[str], on_disk: bool = False, touches: Touches = None) -> str:
    """The undo file: comments for people and the shell script, and one ``run`` per command."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    head = [f"# title: {' '.join(title.split())}\n", f"# recorded: {stamp}\n", "# on disk\n" if on_disk else ""]
    if touches is not None:
        # One line each: whoever forges a key with a line break in it must not write a command.
        head += [f"{_TOUCHES}{''.join(line.splitlines())}\n" for line in condensed(touches) or [NOTHING]]
    return "".join([*head, *(f"run {shlex.quote(c)}\n" for c in undo)])


def _write_undo(expected: Pending, title: str, text: str, undo: t.Sequence[str]) -> None:
    current = pending(expected.state_dir)
    if current is None or current.id != expected.id:
        raise GuardError(
            f"change {expected.id} is not pending any more, it was confirmed or reverted: nothing was applied for "
            f"{title!r}; see 'symmetry-guard list'"
        )
    if is_being_taken_back(current.directory) or current.seconds_left <= 0:
        raise GuardError(f"change {expected.id} is being reverted: nothing was applied for {title!r}")
    if not title.strip() or not undo or isinstance(undo, str) or any("\0" in command for command in undo):
        raise GuardError(f"the inverse {title!r} needs a title and a list of shell commands without NUL characters")
    numbers = [int(name[:-3]) for name in os.listdir(current.directory) if name.endswith(".sh") and name[:-3].isdigit()]
    path = os.path.join(current.directory, f"{max(numbers, default=0) + 1:04d}.sh")
    write_durable(path, text)
