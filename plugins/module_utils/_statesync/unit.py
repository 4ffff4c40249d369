# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Who runs a daemon on this host, and the drop-in by which its packaged unit runs ours. Reads, changes nothing."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import UNITS
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

PACKAGED = ("/lib/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd/system")


def is_by_systemd(service: str, unit: str) -> bool:
    """What the option ``service`` comes to on this host; raises PlanError where it cannot be had."""
    if service == "command":
        return False
    if not systemd.is_process_1():
        if service == "systemd":
            raise PlanError(
                "service: systemd is not process 1 of this network; set service to command, and the daemon runs until "
                "the next boot"
            )
        return False
    if os.path.realpath(f"{UNITS}/{unit}") == "/dev/null":
        raise PlanError(f"{UNITS}/{unit} is masked: somebody does not want it to run; systemctl unmask {unit}")
    packaged_unit(unit)
    return True


def packaged_unit(unit: str) -> str:
    """The file of the unit; raises PlanError without one."""
    for folder in (UNITS, *PACKAGED):
        if os.path.exists(f"{folder}/{unit}"):
            return f"{folder}/{unit}"
    raise PlanError(f"this host has no {unit}; install the package that has it, or set service to command")


def dropin_path(unit: str) -> str:
    return f"{UNITS}/{unit}.d/50-netpath-symmetry.conf"


def wants_path(unit: str) -> str:
    """The link that enables the unit."""
    return f"{UNITS}/multi-user.target.wants/{unit}"


def is_enabled(unit: str) -> bool:
    return os.path.islink(wants_path(unit))


def unit_files(
    unit: str, before: t.Sequence[str], command: str, enable: bool, after: str = "symmetry-nft.service"
) -> list[File]:
    """The drop-in, and the link that enables the unit where it is not enabled already.

    ``before`` are commands that run before the daemon, whether they succeed or not; without a ``command`` the unit's
    own stands.
    """
    lines = [
        f"# {WRITTEN_BY}",
        "[Unit]",
        f"After=network.target {after}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        *(f"ExecStartPre=-/bin/sh -c '{one}'" for one in before),
        *(["ExecStart=", f"ExecStart={command}"] if command else []),
        # Its interface may come later than it does.
        "Restart=on-failure",
        "RestartSec=1",
    ]
    dropin = File(dropin_path(unit), "".join(f"{line}\n" for line in lines))
    return [dropin, *([File(wants_path(unit), link=packaged_unit(unit))] if enable else [])]
