# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the start of diagnose to the confirmed fix, in the replay: lab building and set-up are not counted.

There is no reference to run beside it: an expert with a checklist needs about a quarter of an hour by hand.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result, at_most

LIMIT = 60  # seconds


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    playbook = str(pathlib.Path(sys.executable).with_name("ansible-playbook"))
    target = folder / "replay"
    done = subprocess.run(
        [playbook, "netpath.symmetry.incident_replay", "-e", f"replay_directory={target}"],
        capture_output=True, text=True, timeout=600, check=False, stdin=subprocess.DEVNULL,
    )
    summary = json.loads((target / "summary.json").read_text(encoding="utf-8"))
    seconds = summary["seconds_incident_to_fix"]
    if not summary["ok"] or seconds is None:
        raise BenchError(f"the replay does not hold, so its time counts for nothing: {done.stdout[-2000:]}")
    return [Result.of("incident to confirmed fix", seconds, "s", goal=at_most(LIMIT, "s"))]
