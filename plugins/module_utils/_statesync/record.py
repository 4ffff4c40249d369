# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a host was before it became a member, so that it can be that again. Pure."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.wish import SYSCTLS

SYSCTL_SUBJECT = "connection tracking parameters"


@dataclasses.dataclass(frozen=True)
class Record:
    """What removal needs to know of one daemon of ours."""

    configuration: str
    service: str  # systemd or command
    was_running: bool
    was_enabled: bool
    sysctls: t.Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)  # name: before, ours
    files: tuple[str, ...] = ()  # others of ours, such as a script

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"


def path_of(daemon: str) -> str:
    return f"{STATE_DIR}/state-sync.{daemon}.json"


def read(file: t.Optional[File], path: str) -> t.Optional[Record]:
    """The record that a file holds, None without one; raises PlanError where it is none of ours."""
    if file is None:
        return None
    try:
        data = json.loads(file.text)
        pairs = {str(name): (int(pair[0]), int(pair[1])) for name, pair in data.pop("sysctls").items()}
        return Record(sysctls=pairs, files=tuple(map(str, data.pop("files"))), **data)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise PlanError(f"{path} does not hold what this collection writes there ({error!r}); look at it") from error


def plan_sysctls(
    record: t.Optional[Record], wanted: t.Mapping[str, int], live: t.Mapping[str, int]
) -> tuple[Plan, dict[str, tuple[int, int]]]:
    """The changes that set what is wanted and put back what is not any more, and what to record of it.

    A value that somebody else has set since is left alone. Raises PlanError where the host has no such parameter.
    """
    had = dict(record.sysctls) if record else {}
    missing = sorted(set(wanted) - set(live))
    if missing:
        raise PlanError(
            f"this host has no {', '.join(missing)} below /proc/sys/{SYSCTLS}: its kernel does not know the name, or "
            "connection tracking is not loaded (modprobe nf_conntrack)"
        )
    after = {name: live[name] for name in {*wanted, *had} if name in live}
    kept: dict[str, tuple[int, int]] = {}
    for name, (before, ours) in had.items():
        if name not in wanted and after.get(name) == ours:
            after[name] = before
    for name, value in wanted.items():
        kept[name] = (had[name][0] if name in had else live[name], value)
        after[name] = value
    changes = tuple(
        Change("sysctl", "set", Sysctl(f"{SYSCTLS}/{name}", live[name]), Sysctl(f"{SYSCTLS}/{name}", after[name]))
        for name in sorted(after)
        if after[name] != live[name]
    )
    return Plan(SYSCTL_SUBJECT, changes, sysctl_text(live, after), sysctl_text(after, after)), kept


def sysctl_text(values: t.Mapping[str, int], names: t.Iterable[str]) -> str:
    return "".join(f"{SYSCTLS}/{name} = {values[name]}\n" for name in sorted(names) if name in values)
