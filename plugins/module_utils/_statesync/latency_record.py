# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a measurement leaves on the member that received, for the facts: when and of which configuration it was."""

from __future__ import annotations

import hashlib
import json
import os
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import daemon
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.gather import LATENCY_FILE


def keep(received: t.Mapping[str, t.Any], pids: t.Iterable[int], path: str = LATENCY_FILE) -> dict[str, t.Any]:
    """Write the measurement down, whole or not at all; returns what was written. ``pids``: those called conntrackd."""
    measured = {"at": round(time.time(), 3), "boot_id": _boot_id(), **_configuration(pids), **received}
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o644)
        json.dump(measured, stream, indent=1, sort_keys=True)
        stream.write("\n")
    os.replace(temporary, path)
    return measured


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def _configuration(pids: t.Iterable[int]) -> dict[str, str]:
    """The digest of the configuration that was measured, as the facts have it; nothing where it cannot be told."""
    running = daemon.find(pids)
    if len(running) != 1 or not running[0].path:
        return {}
    try:
        with open(running[0].path, "rb") as stream:
            return {"configuration_digest": hashlib.sha256(stream.read()).hexdigest()}
    except OSError:
        return {}
