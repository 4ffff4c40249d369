# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What all programs have in common that we leave running on a host: a script, its configuration and a unit. Pure."""

from __future__ import annotations

import hashlib

HEAD = "# Written by netpath.symmetry (Ansible): it will overwrite what is changed here."


def shown(conf: str, script: str, unit: str, running: bool, who: str = "watcher") -> str:
    """One side of the diff: the configuration in full, of the program only which one it is. Empty: there is nothing."""
    if not (conf or script or unit or running):
        return ""
    program = hashlib.sha256(script.encode()).hexdigest()[:16] if script else "none"
    parts = [conf, f"program: {program}\n", f"unit:\n{unit}" if unit else "unit: none\n"]
    return "".join([*parts, f"{who}: {'runs' if running else 'does not run'}\n"])
