# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead-man switch: how long after its deadline the revert begins, idle and with every core busy."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import pending, record
from ansible_collections.netpath.symmetry.tests.bench import harness
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

CHANGES = 10
SECONDS = 10  # from arming to the deadline; the module takes no less
PATIENCE = 60.0


def run(folder: pathlib.Path) -> list[Result]:
    """The worst of all changes, beside a ``sleep`` that ends at the same moment."""
    host = Netns("punctual").create()
    try:
        idle = worst(host, folder / "idle")
        with busy():
            loaded = worst(host, folder / "busy")
    finally:
        host.delete()
    goal = harness.at_most(1, "s")
    return [
        Result.of("revert begins after its deadline", idle[0], "s", idle[1], goal),
        Result.of("the same with every core busy", loaded[0], "s", loaded[1], goal),
    ]


def worst(host: Netns, folder: pathlib.Path) -> tuple[float, float]:
    """The longest delays of several guards and of as many ``sleep``, in seconds."""
    armed = [_armed(host, folder / str(number)) for number in range(CHANGES)]
    delays = [_delays(*one) for one in armed]
    return max(ours for ours, _other in delays), max(other for _ours, other in delays)


def _armed(host: Netns, state_dir: pathlib.Path) -> tuple[pathlib.Path, float, subprocess.Popen[str]]:
    """A change whose only inverse tells the time: its journal, its deadline, and a ``sleep`` until then."""
    state_dir.parent.mkdir(exist_ok=True)
    answer = run_module(host, "change_guard", {"state": "armed", "change_id": "punctual", "timeout": SECONDS,
                                               "state_dir": str(state_dir)})
    change = pending(str(state_dir))
    if change is None:
        raise BenchError(f"no guard is armed: {answer}")
    record(change, "tell the time", [f"cat /proc/uptime > {state_dir}/begun"])
    sleeper = subprocess.Popen(["sh", "-c", f"sleep {change.deadline - _uptime():.2f}; exec cat /proc/uptime"],
                               stdout=subprocess.PIPE, text=True)
    return state_dir, change.deadline, sleeper


def _delays(state_dir: pathlib.Path, deadline: float, sleeper: subprocess.Popen[str]) -> tuple[float, float]:
    """Of the guard and of ``sleep``, in seconds after the deadline."""
    woke = float(sleeper.communicate(timeout=PATIENCE)[0].split()[0])
    patience = time.monotonic() + PATIENCE
    while (state_dir / "pending").exists():
        if time.monotonic() > patience:
            raise BenchError(f"still pending {PATIENCE:.0f} s after the deadline: {state_dir}")
        time.sleep(0.05)
    return float((state_dir / "begun").read_text().split()[0]) - deadline, woke - deadline


def _uptime() -> float:
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


@contextlib.contextmanager
def busy() -> t.Iterator[None]:
    """Twice as many processes as cores that do nothing but compute."""
    spin = [sys.executable, "-c", "while True: pass"]
    spinners = [subprocess.Popen(spin) for _number in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for one in spinners:
            one.kill()
            one.wait()
