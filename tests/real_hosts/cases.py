# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the persistence matrix is made of: a host that is mended by the roles, and what happens to it."""

from __future__ import annotations

import dataclasses
import difflib
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.real_hosts.host import HostError, RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import Manager

Roles = t.Mapping[str, t.Mapping[str, t.Any]]


FILES = r"""
find /etc -type f -path '*netpath-symmetry*' -o -type f -name 'symmetry-*' -not -name symmetry-journal.service |
    sort | xargs -r sha256sum
"""
# What some events are about, and why they are not for other hosts.
ABSENT = {
    "netfilter-persistent": "it is not on this host, as Debian's ufw breaks it",
    "docker": "Docker is not on this host",
    "leases": "the addresses of this host are static",
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is mended on a host and must be the same after every event."""

    roles: Roles  # variables of each role
    other: Roles  # those of another change
    state: t.Union[str, t.Callable[[t.Any], str]]  # the script that tells it, or what asks the host
    packets: t.Callable[[t.Any], str]  # how packets fare
    right: str
    events: tuple[str, ...] = ()  # their names; none: all
    why_not: str = "the remedy is not about it"  # the others
    prepare: t.Callable[[t.Any], None] = lambda host: None  # what others do on the host before it is mended
    meanwhile: t.Callable[[t.Any], None] = lambda host: None  # what they do before the change is confirmed
    settle: float = 20.0  # seconds from an event until all is as it was
    unkept: str = ""  # the script that leaves out what keeps it, where the files are not all


@dataclasses.dataclass(frozen=True)
class Row:
    """A host of one network manager whose state a provider persists; None where nothing does."""

    name: str
    manager: str
    provider: t.Optional[str]
    subject: Subject
    about: str = ""  # of ABSENT: what this host has
    files: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    units: tuple[str, ...] = ()
    host: type[RealHost] = RealHost

    def not_for(self, event: Event) -> str:
        """Why the event is not for this host; empty where it is."""
        if event.about and event.about != self.about:
            return ABSENT[event.about]
        return self.subject.why_not if self.subject.events and event.name not in self.subject.events else ""

    def has(self, event: Event) -> bool:
        return not self.not_for(event)


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happens to a host; ``control_loses`` where it takes away what nobody persists on every host."""

    name: str
    happen: t.Callable[[t.Any, Manager, Row], None]
    control_loses: bool = False
    takes: tuple[str, ...] = ()  # the remedies without routes that their control loses by it
    firewall: str = ""  # a unit that runs meanwhile, and is stopped afterwards
    about: str = ""  # of ABSENT: only where this is


def tasks_of(row: Row, guard: t.Mapping[str, t.Any], roles: Roles) -> list[dict[str, t.Any]]:
    """The tasks that mend a host under the guard."""
    tasks: list[dict[str, t.Any]] = [{"netpath.symmetry.change_guard": {**guard, "state": "armed"}}]
    for role, variables in roles.items():
        own: dict[str, t.Any] = {f"{role}_persist": row.provider is not None}
        if role in ("rp_filter", "policy_route", "source_routing"):
            own[f"{role}_persist_provider"] = row.provider or "auto"
        tasks.append({"include_role": {"name": f"netpath.symmetry.{role}"}, "vars": {**variables, **own}})
    return tasks


def mend(
    host: RealHost, row: Row, change_id: str, roles: t.Optional[Roles] = None, unconfirmed: int = 0
) -> None:
    """Mend the host by the roles, under the guard, and confirm, or leave it so many seconds; raises HostError."""
    guard = {"change_id": change_id, "timeout": unconfirmed or 300}
    tasks = tasks_of(row, guard, roles or row.subject.roles)
    if not unconfirmed:
        tasks.append({"netpath.symmetry.change_guard": {**guard, "state": "confirmed"}})
    _played(host.play(tasks), row)
    _leave_out(host, row)


def mend_in_four_runs(host: RealHost, row: Row) -> None:
    """Mend the host as ``mend`` does, and see that check mode tells the same and a second run does nothing.

    Raises HostError.
    """
    guard = {"change_id": "first", "timeout": 600}
    tasks = tasks_of(row, guard, row.subject.roles)
    before = state_of(host, row)
    foretold = _played(host.play(tasks, "--check"), row)
    if state_of(host, row) != before:
        raise HostError(f"{row.name}: check mode has changed the host")
    told = _played(host.play(tasks), row)
    if foretold != told:
        lines = "\n".join(difflib.unified_diff(foretold.splitlines(), told.splitlines(), "check mode", "real run", n=0))
        raise HostError(f"{row.name}: check mode tells something else than the real run:\n{lines}")
    after = state_of(host, row)
    for options in (("--check",), ()):
        if "\nchanged: " in _played(host.play(tasks, *options), row) or state_of(host, row) != after:
            raise HostError(f"{row.name}: a second run changes something {' '.join(options)}")
    row.subject.meanwhile(host)
    after = state_of(host, row)
    _played(host.play([{"netpath.symmetry.change_guard": {**guard, "state": "confirmed"}}]), row)
    if state_of(host, row) != after:
        raise HostError(f"{row.name}: confirming has changed the host")
    _leave_out(host, row)


def _played(done: subprocess.CompletedProcess[str], row: Row) -> str:
    """What a play told without its recap; raises HostError where it failed."""
    if done.returncode:
        raise HostError(f"{row.name}: the roles failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return done.stdout.partition("\nPLAY RECAP")[0]


def try_other(host: RealHost, row: Row, seconds: int) -> None:
    """Persist another change, which nobody confirms; raises HostError."""
    before = state_of(host, row)
    mend(host, row, f"other-{time.monotonic_ns()}", row.subject.other, seconds)
    if state_of(host, row) == before:
        raise HostError(f"{row.name}: the other change changes nothing")


def state_of(host: RealHost, row: Row) -> str:
    state = row.subject.state
    return host.ssh(state, check=False).stdout if isinstance(state, str) else state(host)


def _leave_out(host: RealHost, row: Row) -> None:
    if row.provider is None and row.subject.unkept:
        host.ssh(row.subject.unkept)
