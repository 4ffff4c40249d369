# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Persist what is ours on this host: plan the files, write them under the guard, and let the managers read them.

The files' inverse is recorded before the first of them is written, so that the guard, or after a reboot the journal
unit, restores them. Whatever fails, they are restored before the error is raised.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import Pending, applying, record
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, sysctl_files
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import difference
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files, restore
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File, FileChange, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import HASH_FILE, SYSCTL_FILE, Owned
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import (
    PARTS,
    Provider,
    ours,
    part_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import ecmp_hash

SETTLE_SECONDS = 15.0  # a manager that was told to read its files answers before it has done so
QUIET_SECONDS = 1.0  # the state has come to rest when it was right for so long


_HOLDS = {
    "routing": ("h rule/4", "h rule/6", "h route/4", "h route/6"),
    "nft": ("h nft", "h mark"),
    "rp_filter": ("h sysctl/net/ipv4/conf",),
    "ecmp_hash": tuple(f"h sysctl/{path}" for path in ecmp_hash.paths()),
}


@dataclasses.dataclass(frozen=True)
class PersistPlan:
    """The files that change, who brings the state back, and the commands that tell the managers so."""

    provider: Provider
    changes: tuple[FileChange, ...]
    stopped: tuple[str, ...]  # units that are stopped before their files go
    commands: tuple[tuple[str, ...], ...]  # after the files were written
    undo_commands: tuple[str, ...]  # shell commands, after the files were restored
    parts: tuple[str, ...] = PARTS  # what of our state the files hold

    def diff(self) -> list[dict[str, str]]:
        return [change.diff() for change in self.changes]

    def lines(self) -> list[str]:
        """The shell commands beside the files, for a reviewer."""
        stop = [("systemctl", "stop", *self.stopped)] if self.stopped else []
        return [shlex.join(words) for words in (*stop, *self.commands)]

    def touches(self) -> list[str]:
        """For the journal: the files, and all of our state that they hold, whoever has made it."""
        held = [line for part in PARTS if part in self.parts for line in _HOLDS[part]]
        return [*(f"w file{change.path}" for change in self.changes), *held]

    def undo(self) -> list[str]:
        """Shell commands that put the files back as they were."""
        return [change.undo() for change in reversed(self.changes)]


def plan(
    owned: Owned,
    provider: Provider,
    providers: t.Mapping[str, Provider],
    beside: t.Sequence[File] = (),
    parts: t.Collection[str] = PARTS,
) -> PersistPlan:
    """What persists the state, or with an empty one what removes all of it; raises PersistError, changes nothing.

    ``beside`` are files by which a manager that is here leaves our state alone, or brings it back. The files of other
    ``parts`` stay as they are: what is not in force there now may be missed, but not for us to forget.
    """
    check_sysctls(owned.sysctls)
    check_sysctls(owned.hash, ours=HASH_FILE)
    wanted = [file for file in provider.files(owned, beside) if part_of(file.path) in parts]
    changes = files.plan(wanted, (path for path in ours(providers.values()) if part_of(path) in parts))
    changed = [change.path for change in changes]
    told = [tuple(one) for each in providers.values() for one in each.reload(changed)]
    units = restore.unit_names(changed)
    reread = [("systemctl", "daemon-reload")] if any(path.startswith(f"{restore.UNITS}/") for path in changed) else []
    stopped = restore.unit_names(change.path for change in changes if change.after is None)
    start = restore.unit_names(file.path for file in wanted) if changes else []
    commands: list[tuple[str, ...]] = [*reread, *told]
    if start:
        commands.append(("systemctl", "restart", *start))
    undo = [shlex.join(one) for one in reread]
    for name in units:  # what the restored files no longer hold is stopped, what they hold again is started
        path = shlex.quote(f"{restore.UNITS}/{name}")
        undo.append(f"if [ -e {path} ]; then systemctl restart {name}; else systemctl stop {name} || :; fi")
    undo += [shlex.join(one) for one in told]
    return PersistPlan(provider, tuple(changes), tuple(stopped), tuple(commands), tuple(undo), tuple(parts))


def check_sysctls(wanted: t.Iterable[tuple[str, int]], root: str = "/", ours: str = SYSCTL_FILE) -> None:
    """Raises PersistError where another file will have the last word about one of our settings.

    At a boot, when systemd reads sysctl.d, or with ``sysctl --system``, which reads /etc/sysctl.conf last. ``ours`` is
    the file of these settings.
    """
    paths = dict(wanted)
    for what, with_sysctl_conf in (("a reboot", False), ("'sysctl --system'", True)) if paths else ():
        _check_settings(paths, _settings(paths, root, ours, with_sysctl_conf), ours, what)


def _settings(paths: t.Mapping[str, int], root: str, ours: str, with_sysctl_conf: bool) -> list[sysctl_files.Setting]:
    """The settings of all files with ours among them as it shall be, in the order in which they are applied."""
    others = sysctl_files.files(root, with_sysctl_conf=False)
    last = sysctl_files.files(root, with_sysctl_conf)[len(others) :]
    by_name = sorted({*others, ours}, key=lambda path: path.rsplit("/", 1)[1])
    settings: list[sysctl_files.Setting] = []
    for path in [*by_name, *last]:
        if path == ours:
            settings += [sysctl_files.Setting(key, str(value), path) for key, value in paths.items()]
            continue
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
            settings += sysctl_files.parse(stream.read(), path)
    return sysctl_files.in_force(settings)


def _check_settings(
    paths: t.Mapping[str, int], settings: t.Sequence[sysctl_files.Setting], ours: str, what: str
) -> None:
    for key, value in paths.items():
        found = sysctl_files.decide(settings, key)
        if found is not None and found["value"] != value:
            raise PersistError(
                f"{key} = {value} would not outlive {what}: {found['file']} is read after {ours} and sets "
                f"{found['value']}; change it there, or rename that file"
            )
        if key.startswith("net/ipv4/conf/") and key.endswith("/rp_filter"):
            everywhere = sysctl_files.decide(settings, "net/ipv4/conf/all/rp_filter")
            if everywhere is not None and everywhere["value"] > value:
                raise PersistError(
                    f"{key} = {value} would not be in force after {what}: {everywhere['file']} sets that of all to "
                    f"{everywhere['value']}, and the kernel uses the greater of both; change it there"
                )


def carry_out(planned: PersistPlan, guard: t.Optional[Pending], reread: t.Callable[[], str]) -> None:
    """Write the files and tell the managers; the state must then be what it was before, else all is taken back.

    ``reread`` gives the live state as text. Raises PersistError, journal.GuardError and CommandError.
    """
    before = reread()
    recorded: t.ContextManager[None] = contextlib.nullcontext()
    _write(restore.programs())
    if guard is not None:
        title = f"persisted by {planned.provider.name}"
        # Inverses run from the last to the first: the files, and then those who read them.
        record(guard, f"{title}: the managers", planned.undo_commands or (":",), touches=planned.touches())
        recorded = applying(guard, f"{title}: the files", planned.undo(), on_disk=True, touches=planned.touches())
    try:
        with recorded:
            if planned.stopped:
                command.run(["systemctl", "stop", *planned.stopped])
            _write(change.after if change.after is not None else change.path for change in planned.changes)
        for words in planned.commands:
            command.run(words)
        after = _settled(reread, before)
    except (OSError, command.CommandError) as error:
        raise PersistError(f"{error}{_take_back(planned)}") from error
    if after != before:
        raise PersistError(
            f"the state is not what it was once the managers had read the files{_take_back(planned)}\n"
            f"{difference(before, after)}"
        )


def _write(wanted: t.Iterable[t.Union[File, str]]) -> None:
    for one in wanted:
        if isinstance(one, File):
            if files.read(one.path) != one:
                files.put(one.path, one)
        else:
            files.put(one, None)


def _settled(reread: t.Callable[[], str], wanted: str) -> str:
    """The state, once it is as wanted and has stayed so for a moment; what it is where that does not come."""
    deadline = time.monotonic() + SETTLE_SECONDS
    since = time.monotonic()
    while True:
        found = reread()
        now = time.monotonic()
        if found != wanted:
            since = now
        if now - since >= QUIET_SECONDS or now >= deadline:
            return found
        time.sleep(0.1)


def _take_back(planned: PersistPlan) -> str:
    """Restore the files and tell the managers again; says how that went."""
    failures = []
    for change in reversed(planned.changes):
        try:
            files.put(change.path, change.before)
        except OSError as error:
            failures.append(str(error))
    for line in planned.undo_commands:
        done = command.run(["sh", "-c", line], check=False)
        if done.rc != 0:
            failures.append((done.stdout + done.stderr).strip() or line)
    return f"; restoring the files failed in part: {'; '.join(failures)}" if failures else "; the files were restored"
