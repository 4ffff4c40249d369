# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The register of exceptions on a host: what is less strict there than it should be, who wants it, why, until when.

An entry with an end carries the commands that take its exception back; the host runs them at that time by itself
(_guard/expiry_script.py). Pure: the files are read and written elsewhere.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Value
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

DIRECTORY = f"{STATE_DIR}/register"
SCRIPT = f"{STATE_DIR}/symmetry-expiry"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


@dataclasses.dataclass(frozen=True)
class RegisterEntry(Value):
    """One exception of a role."""

    role: str
    name: str
    by: str = ""
    reason: str = ""
    until: str = ""  # 2026-12-24T06:00:00Z; empty: it has no end
    removal: tuple[str, ...] = ()  # shell commands that take the exception back

    @property
    def id(self) -> str:
        return f"{self.role}.{self.name}"

    def text(self) -> str:
        """The entry as it stands in its file: what a person reads, and what the expiry needs."""
        fields = {"role": self.role, "name": self.name, "by": self.by, "reason": self.reason, "until": self.until}
        if self.until:
            fields["deadline"] = str(int(read_time(self.until, "until").timestamp()))
        return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)

    def write_commands(self) -> list[str]:
        """Shell commands that enter it, durably, and start its timer."""
        removal = "".join(f"{command}\n" for command in self.removal)
        path = f"{DIRECTORY}/{self.id}"
        new = shlex.quote(f"{path}.new")
        writes = [
            f"printf %s {shlex.quote(text)} >{new} && {_sync(new)} && mv -f {new} {shlex.quote(f'{path}.{kind}')}"
            for kind, text in (("sh", removal), ("entry", self.text()))
        ]
        start = [f"sh {SCRIPT} start {shlex.quote(self.id)}"] if self.until else []
        stop = [] if self.until else [f"sh {SCRIPT} stop {shlex.quote(self.id)}"]
        return [" && ".join([f"mkdir -p {DIRECTORY}", *writes, _sync(DIRECTORY), *stop, *start])]

    def delete_commands(self) -> list[str]:
        """Shell commands that strike it out, and stop its timer; what it allows stays as it is."""
        files = " ".join(shlex.quote(f"{DIRECTORY}/{self.id}.{kind}") for kind in ("entry", "sh"))
        return [f"[ ! -e {SCRIPT} ] || sh {SCRIPT} stop {shlex.quote(self.id)}; rm -f {files}; "
                f"[ ! -d {DIRECTORY} ] || {_sync(DIRECTORY)}"]


def _sync(path: str) -> str:
    """The command that has a file, or the names in a directory, on disk; older tools can only sync everything."""
    return f"{{ sync {path} || sync; }}"


def read_entry(text: str, removal: str) -> RegisterEntry:
    """The entry whose two files hold this; raises PlanError."""
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if "role" not in fields or "name" not in fields:
        raise PlanError(f"{DIRECTORY}: an entry has no role or no name: {text!r}; remove its file")
    known = {key: fields.get(key, "") for key in ("role", "name", "by", "reason", "until")}
    return RegisterEntry(**known, removal=tuple(removal.splitlines()))


def check_name(name: str, where: str) -> None:
    """Raise PlanError where a name could not be that of a file and of a unit."""
    if not _NAME.match(name):
        raise PlanError(f"{where}: name {name!r} is not made of at most 64 letters, digits, '_', '.' and '-'")


def one_line(text: t.Any) -> str:
    """What a person wrote, on one line."""
    return " ".join(str(text or "").split())


def read_time(text: str, where: str) -> datetime.datetime:
    """A time with its zone; a date alone means its end in UTC. Raises PlanError."""
    plain = text.strip()
    try:
        if len(plain) == 10:
            day = datetime.date.fromisoformat(plain) + datetime.timedelta(days=1)
            return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.timezone.utc)
        found = datetime.datetime.fromisoformat(plain[:-1] + "+00:00" if plain[-1:] in "zZ" else plain)
    except (ValueError, OverflowError):
        raise PlanError(f"{where}: {text!r} is neither a date such as 2026-12-24 nor a time such as "
                        "2026-12-24T06:00:00Z") from None  # fmt: skip
    if found.tzinfo is None:
        raise PlanError(f"{where}: {text!r} has no time zone; write 2026-12-24T06:00:00Z for UTC")
    return found.astimezone(datetime.timezone.utc)


def canonical_time(text: str, where: str) -> str:
    """The time as the register writes it; raises PlanError."""
    return read_time(text, where).strftime("%Y-%m-%dT%H:%M:%SZ")


def entries_text(entries: t.Iterable[RegisterEntry]) -> str:
    """Entries as in a plan's diff."""
    return "".join(
        f"# {DIRECTORY}/{entry.id}.entry\n{entry.text()}" for entry in sorted(entries, key=lambda entry: entry.id)
    )
