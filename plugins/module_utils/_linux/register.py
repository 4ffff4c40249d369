# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The files of the register of exceptions (_plan/register.py), and the script that ends entries at their time."""

from __future__ import annotations

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
        found[entry.name] = entry
    return found


def install() -> None:
    """Put the script in place where it is absent or another version; raises OSError."""
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    if not os.path.exists(SCRIPT) or pathlib.Path(SCRIPT).read_text(encoding="utf-8") != EXPIRY:
        write_durable(SCRIPT, EXPIRY)
        os.chmod(SCRIPT, 0o755)
