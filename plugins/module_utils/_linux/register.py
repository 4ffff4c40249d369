# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The files of the register of exceptions (_plan/register.py), and the script that ends entries at their time."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.expiry_script import EXPIRY
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import write_durable
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import (
    DIRECTORY,
    SCRIPT,
    RegisterEntry,
    read_entry,
)


def read(role: str) -> dict[str, RegisterEntry]:
    """The entries of a role by name; raises PlanError and OSError."""
    directory = pathlib.Path(DIRECTORY)
    found = {}
    for path in sorted(directory.glob(f"{role}.*.entry")) if directory.is_dir() else ():
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:  # it has ended just now
            continue
        removal = path.with_suffix(".sh")
        entry = read_entry(text, removal.read_text(encoding="utf-8") if removal.exists() else "")
        found[entry.name] = entry if _has_timer(path) or not entry.until else dataclasses.replace(entry, removal=())
    return found


def _has_timer(entry: pathlib.Path) -> bool:
    """Whether its end is waited for: a timer does not outlive a reboot. Without one it has to be entered again."""
    try:
        words = entry.with_suffix(".timer").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return False
    return words[2:] == [pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()]


def install() -> None:
    """Put the script in place where it is absent or another version; raises OSError."""
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    if not os.path.exists(SCRIPT) or pathlib.Path(SCRIPT).read_text(encoding="utf-8") != EXPIRY:
        write_durable(SCRIPT, EXPIRY)
        os.chmod(SCRIPT, 0o755)
