# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Apply a plan to this host: all of it, or nothing.

Rules and routes go through ``ip -batch``, our nft table through one ``nft -f`` transaction, sysctls through /proc/sys.
Whatever fails, the inverse of the whole plan is run before the error is raised.
"""

from __future__ import annotations

import contextlib
import itertools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import (
    GuardError,
    Pending,
    applying,
    pending,
    record,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, register
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import why_not_written
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import (
    Change,
    Connection,
    NftObject,
    Sysctl,
    conntrack_arguments,
    undo_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import DIRECTORY, RegisterEntry
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.touched import touched


class ApplyError(RuntimeError):
    """The plan could not be applied and was taken back; the message says which step failed and why."""


class Guarding(t.NamedTuple):
    """What a module was told about the guard."""

    required: bool = False
    change_id: t.Optional[str] = None
    may_cut: bool = False  # the change may cut off the session that it is made over


def guarding_of(params: t.Mapping[str, t.Any]) -> Guarding:
    """What a module's options say: require_guard, change_id, and allow_management_cut where it has that."""
    return Guarding(params["require_guard"], params["change_id"], bool(params.get("allow_management_cut")))


def carry_out(plan: Plan, reread: t.Callable[[], str], guarding: Guarding) -> None:
    """Record the inverse with the pending guard, apply the plan, and check that the host is now as planned.

    Raises ApplyError (the plan was taken back) and journal.GuardError (nothing was done).
    """
    guard = armed(guarding)
    with _recorded(guard, plan) if guard is not None else contextlib.nullcontext():
        apply(plan.changes)
        try:
            found = reread()
        except (command.CommandError, OSError) as error:
            told = f"{plan.subject}: the host cannot be read after the change: {error}"
            raise ApplyError(f"{told}{_taken_back(plan.changes)}") from error
        if found != plan.after:
            raise ApplyError(
                f"{plan.subject}: the host is not as planned after the change. Something else changed it at the same "
                f"time, or the kernel did not do what was asked{_taken_back(plan.changes)}\n"
                f"{difference(plan.after, found)}"
            )


def _recorded(guard: Pending, plan: Plan) -> t.ContextManager[None]:
    """Have the inverses with the guard. Those of the register are apart: its files are there after a reboot."""
    recorded: t.ContextManager[None] = contextlib.nullcontext()
    parts = [(on_disk, list(part)) for on_disk, part in itertools.groupby(plan.changes, key=_is_on_disk)]
    undone = [(on_disk, part, undo_of(part)) for on_disk, part in parts]
    told = [(on_disk, part, inverse) for on_disk, part, inverse in undone if inverse]
    for number, (on_disk, part, inverse) in enumerate(told, 1):
        title = f"{plan.subject}: the register" if on_disk else plan.subject
        if number < len(told):
            record(guard, title, inverse, on_disk, touched(part))
        else:
            recorded = applying(guard, title, inverse, on_disk, touched(part))
    return recorded


def _is_on_disk(change: Change) -> bool:
    return isinstance(change.subject, RegisterEntry)


def check_host(changes: t.Sequence[Change]) -> None:
    """See, changing nothing, that this host can take the changes, and back. Raises PlanError and CommandError.

    The tools must be there, and what is written must not be mounted read-only, as /proc/sys is in many containers;
    nft and the kernel check our transaction without committing it (``nft -c``).
    """
    subjects = [change.subject for change in changes]
    for kind, tool in (((Rule, Route), "ip"), (NftObject, "nft"), (Connection, "conntrack")):
        if any(isinstance(subject, kind) for subject in subjects):
            command.require(tool)
    paths = [f"/proc/sys/{subject.path}" for subject in subjects if isinstance(subject, Sysctl)]
    if any(isinstance(subject, RegisterEntry) for subject in subjects):
        paths.append(DIRECTORY)
    for why in filter(None, map(why_not_written, paths)):
        raise PlanError(f"{why}. Nothing was changed")
    lines = [line for change in changes if change.kind == "nft" for line in change.nft_lines()]
    if lines:
        command.run(["nft", "-c", "-f", "-"], input="\n".join(lines) + "\n")


def armed(guarding: Guarding) -> t.Optional[Pending]:
    """The change that is armed here, None without one; raises GuardError where it is not what the module was told."""
    guard = pending()
    if guard is None and guarding.may_cut:
        raise GuardError(
            "no change guard is armed on this host, nothing was changed: with allow_management_cut the change may cut "
            "off its own session, and is made under a guard only; arm one with netpath.symmetry.change_guard "
            "state=armed before"
        )
    if guard is None and guarding.required:
        raise GuardError(
            "no change guard is armed on this host, nothing was changed: arm one with netpath.symmetry.change_guard "
            "state=armed before, or set require_guard to false"
        )
    if guard is not None and guarding.change_id and guard.id != guarding.change_id:
        raise GuardError(
            f"the guard armed on this host is for change {guard.id}, not {guarding.change_id}; nothing was changed"
        )
    if guard is None and guarding.change_id:
        raise GuardError(f"change {guarding.change_id} is not armed on this host; nothing was changed")
    return guard


def apply(changes: t.Sequence[Change]) -> None:
    """Apply the changes in order; on the first error all of them are taken back and ApplyError is raised."""
    try:
        for _kind, group in itertools.groupby(changes, key=_batch_key):
            _apply_group(list(group))
    except (command.CommandError, OSError) as error:
        raise ApplyError(f"{error}{_taken_back(changes)}") from error


def _taken_back(changes: t.Sequence[Change]) -> str:
    """Take the changes back, and say how that went."""
    left = take_back(changes)
    return f"; taking it back failed in part: {left}" if left else "; everything was taken back"


def take_back(changes: t.Sequence[Change]) -> str:
    """Run the inverse of the changes; returns what could not be taken back, empty when all was."""
    failures = []
    for line in undo_of(changes):
        done = command.run(["sh", "-c", line], check=False)
        if done.rc != 0:
            failures.append((done.stdout + done.stderr).strip() or line)
    return "; ".join(failures)


def difference(planned: str, found: str) -> str:
    """The lines by which two texts differ."""
    import difflib

    return "".join(
        difflib.unified_diff(planned.splitlines(True), found.splitlines(True), "planned", "found on the host", n=0)
    )


def _batch_key(change: Change) -> tuple[str, int]:
    """Neighbours with the same key go into one batch."""
    subject = change.subject
    if isinstance(subject, (Rule, Route)):
        return "ip", subject.family
    return change.kind, 0


def _apply_group(changes: t.Sequence[Change]) -> None:
    subject = changes[0].subject
    if isinstance(subject, (Rule, Route)):
        _ip_batch(subject.family, [line for change in changes for line in change.ip_lines()])
    elif isinstance(subject, NftObject):
        lines = [line for change in changes for line in change.nft_lines()]
        command.run(["nft", "-f", "-"], input="\n".join(lines) + "\n")
    elif isinstance(subject, Sysctl):
        for change in changes:
            _write_sysctl(change)
    elif isinstance(subject, RegisterEntry):
        register.install()
        for line in (line for change in changes for line in change.commands()):
            command.run(["sh", "-c", line])
    else:
        for change in changes:
            delete_connection(change)


def _ip_batch(family: int, lines: t.Sequence[str]) -> None:
    argv = ["ip", f"-{family}", "-batch", "-"]
    done = command.run(argv, input="\n".join(lines) + "\n", check=False)
    if done.rc == 0:
        return
    said = [line for line in done.stderr.splitlines() if not line.startswith("Command failed")]
    number = done.stderr.rpartition("Command failed -:")[2].strip()
    failed = lines[int(number) - 1] if number.isdigit() and int(number) <= len(lines) else "a line of the batch"
    raise command.CommandError(f"ip -{family} {failed}: {' '.join(said) or 'no message'}")


def _write_sysctl(change: Change) -> None:
    subject = change.subject
    if not isinstance(subject, Sysctl):
        raise TypeError(f"not a sysctl: {subject!r}")
    with open(f"/proc/sys/{subject.path}", "w", encoding="ascii") as file:
        file.write(f"{subject.value}\n")


def delete_connection(change: Change) -> bool:
    """Delete one conntrack entry; False when it had gone by itself."""
    subject = change.subject
    if not isinstance(subject, Connection):
        raise TypeError(f"not a connection: {subject!r}")
    done = command.run(["conntrack", *conntrack_arguments(subject)], check=False)
    if done.rc != 0 and "0 flow entries" not in done.stderr:
        raise command.CommandError(f"conntrack {' '.join(conntrack_arguments(subject))}: {done.stderr.strip()}")
    return done.rc == 0
