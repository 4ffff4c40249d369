# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One change of a plan, the commands that make it, and the commands that take it back.

A plan is an ordered list of changes. It is taken back in reverse order. Commands of an inverse are right when they
run twice, when what they take back was never applied, and when others have changed things meanwhile.
"""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule, Value
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import nft_shell
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import RegisterEntry
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import route_arguments, rule_arguments

BATCH = 200  # lines of one `ip -batch` in an inverse: keeps each shell command well below the kernel's 128 KiB


@dataclasses.dataclass(frozen=True)
class Sysctl(Value):
    """A kernel parameter; ``path`` is below /proc/sys, so that an interface named v0.100 is one segment."""

    path: str
    value: int


@dataclasses.dataclass(frozen=True)
class NftObject(Value):
    """A part of our nft table: the table, a chain, a set, elements of a set, or a rule."""

    what: str  # table, chain, set, map, element, rule
    name: str = ""  # of the chain, set or map; of an element its set or map; of a rule its comment
    chain: str = ""  # of a rule
    text: str = ""  # body of a chain or set, expression of a rule
    elements: tuple[str, ...] = ()
    handle: t.Optional[int] = None  # of a live rule
    after: t.Optional[str] = None  # comment of the rule in front of a deleted one; None: it was the first
    moved: tuple[str, ...] = ()  # of elements: the destinations that are translated after and not before, or reverse
    address: t.Optional[str] = None  # of a rule or elements: what they translate to, where connections are cleaned
    form: t.Optional[t.Mapping[str, t.Any]] = None  # of a rule: what it does, in the small form of the facts


@dataclasses.dataclass(frozen=True)
class Connection(Value):
    """A conntrack entry that a change makes wrong, by its full original tuple."""

    family: int
    protocol: str
    source: str
    destination: str
    reply_source: str
    reply_destination: str
    sport: t.Optional[int] = None
    dport: t.Optional[int] = None
    icmp: t.Optional[tuple[int, int, int]] = None  # type, code, id
    zone: int = 0
    unreplied: bool = True


Object = t.Union[Rule, Route, Sysctl, NftObject, Connection, RegisterEntry]


@dataclasses.dataclass(frozen=True)
class Change:
    """One step. ``before`` is None for an addition, ``after`` is None for a deletion, a "set" has both."""

    kind: str  # rule, route, sysctl, nft, conntrack, register
    op: str  # add, delete, set
    before: t.Optional[Object] = None
    after: t.Optional[Object] = None

    @property
    def subject(self) -> Object:
        """What the change is about: the object as it will be, or as it was where it goes."""
        found = self.after if self.after is not None else self.before
        if found is None:
            raise ValueError("a change has a before or an after")
        return found

    def commands(self) -> list[str]:
        """The shell commands that do the same, for the reviewer."""
        subject = self.subject
        if isinstance(subject, (Rule, Route)):
            return [_ip(subject.family, line) for line in self.ip_lines()]
        if isinstance(subject, Sysctl):
            return [f"echo {subject.value} > {shlex.quote('/proc/sys/' + subject.path)}"]
        if isinstance(subject, NftObject):
            return [f"nft {shlex.quote(line)}" for line in self.nft_lines()]
        if isinstance(subject, RegisterEntry):
            return subject.delete_commands() if self.op == "delete" else subject.write_commands()
        return [f"conntrack {shlex.join(conntrack_arguments(subject))}"]

    def ip_lines(self) -> list[str]:
        """Lines for ``ip -batch``."""
        if self.op == "set":
            return [_ip_line("replace", self.after)]
        return [_ip_line("add" if self.op == "add" else "del", self.subject)]

    def nft_lines(self) -> list[str]:
        """Lines for ``nft -f``."""
        return nft_shell.transaction_lines(self.op, self.before, self.after)

    def undo(self) -> list[str]:
        """Shell commands that take the change back; none for a deleted conntrack entry, which packets bring back."""
        subject = self.subject
        if isinstance(subject, (Rule, Route)):
            verb, line = self.undo_ip_line()
            return [_batch(subject.family, verb, [line])]
        if isinstance(subject, Sysctl):
            return [_undo_sysctl(self.before, self.after)]
        if isinstance(subject, NftObject):
            return nft_shell.undo_commands(self.op, self.before, self.after)
        if isinstance(self.before, RegisterEntry):
            return self.before.write_commands()
        return subject.delete_commands() if isinstance(subject, RegisterEntry) else []

    def undo_ip_line(self) -> tuple[str, str]:
        """The verb and the ``ip -batch`` line that take back a change of a rule or a route."""
        verb = {"add": "del", "delete": "add", "set": "replace"}[self.op]
        return verb, _ip_line(verb, self.before if self.op == "set" else self.subject)

    def to_dict(self) -> dict[str, t.Any]:
        """Plain data for results and facts."""
        plain: dict[str, t.Any] = {"kind": self.kind, "op": self.op}
        for name in ("before", "after"):
            value = getattr(self, name)
            if value is not None:
                plain[name] = value.to_dict()
        return plain


def changes_to_dict(changes: t.Iterable[Change]) -> list[dict[str, t.Any]]:
    """Plain data of a plan."""
    return [change.to_dict() for change in changes]


def commands_of(changes: t.Iterable[Change]) -> list[str]:
    """The shell commands of a whole plan, in order."""
    return [command for change in changes for command in change.commands()]


def undo_of(changes: t.Iterable[Change]) -> list[str]:
    """The inverse of a whole plan: shell commands, last change first; rules and routes in batches."""
    result: list[str] = []
    batch: list[str] = []
    key: tuple[int, str] = (0, "")
    for change in reversed(list(changes)):
        subject = change.subject
        if not isinstance(subject, (Rule, Route)):
            result += _flush(key, batch) + change.undo()
            continue
        verb, line = change.undo_ip_line()
        if key != (subject.family, verb) or len(batch) >= BATCH:
            result += _flush(key, batch)
        key = (subject.family, verb)
        batch.append(line)
    return result + _flush(key, batch)


def conntrack_arguments(entry: Connection) -> list[str]:
    """Arguments of conntrack(8) that delete exactly this entry."""
    words = ["-D", "-f", f"ipv{entry.family}", "-p", entry.protocol, "-s", entry.source, "-d", entry.destination]
    words += ["-r", entry.reply_source, "-q", entry.reply_destination]
    if entry.sport is not None:
        words += ["--sport", str(entry.sport)]
    if entry.dport is not None:
        words += ["--dport", str(entry.dport)]
    if entry.icmp is not None:
        for key, number in zip(("type", "code", "id"), entry.icmp):
            words += [f"--{'icmp' if entry.family == 4 else 'icmpv6'}-{key}", str(number)]
    if entry.zone:
        words += ["-w", str(entry.zone)]
    return words


def _flush(key: tuple[int, str], batch: list[str]) -> list[str]:
    if not batch:
        return []
    command = _batch(key[0], key[1], list(batch))
    batch.clear()
    return [command]


def _ip_line(verb: str, subject: t.Optional[Object]) -> str:
    if isinstance(subject, Rule):
        return f"rule {verb} {rule_arguments(subject)}"
    if not isinstance(subject, Route):
        raise TypeError(f"only rules and routes are changed with ip, not {subject!r}")
    return f"route {verb} {route_arguments(subject)}"


def _ip(family: int, line: str) -> str:
    return f"ip {'-6 ' if family == 6 else ''}{shlex.join(line.split())}"


def _batch(family: int, verb: str, lines: list[str]) -> str:
    """One shell command that runs all lines and fails only where something unexpected went wrong.

    To delete what is not there, or to add what is there, counts as done: the change may have been applied in part.
    """
    done = (
        ["File exists"]
        if verb == "add"
        else ["No such process", "No such file", "table does not exist", "Cannot find device"]
    )
    if verb == "replace":
        done = []
    tolerated = " ".join(f"-e {shlex.quote(text)}" for text in [*done, "Command failed"])
    quoted = " ".join(shlex.quote(line) for line in lines)
    return f"! printf '%s\\n' {quoted} | LC_ALL=C ip -{family} -force -batch - 2>&1 | grep -v {tolerated}"


def _undo_sysctl(before: t.Optional[Object], after: t.Optional[Object]) -> str:
    if not (isinstance(before, Sysctl) and isinstance(after, Sysctl)):
        raise TypeError("a sysctl is set, never added or deleted")
    path = shlex.quote("/proc/sys/" + before.path)
    # An interface that has gone, or a value that somebody else has set meanwhile, is left alone.
    return f'[ "$(cat {path} 2>/dev/null)" != {after.value} ] || echo {before.value} > {path}'
