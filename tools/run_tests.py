#!/usr/bin/env python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the test stages of the project: all of them, or the groups that are named.

A stage prints one line when it ends; its output goes to build/test/NAME.log and is shown only when it fails. All
stages run, also after a failure, in two lanes: networks mostly wait for a kernel, code mostly for a processor.
The last line is "N passed, N failed": test cases where a stage counts them, else the stage.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import typing as t
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
sys.path.insert(0, str(ROOT / "tools"))

from stages import GROUPS, STAGES, Stage  # noqa: E402

SHOWN_LINES = 60


@dataclasses.dataclass
class Outcome:
    """How a stage ended; ``note`` is why, where the exit status alone does not tell."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""


def environment() -> dict[str, str]:
    """What every stage runs in: our programs first, and the collection found in this checkout."""
    collections = str(ROOT / "build" / "collections")
    return {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": collections,
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_FORCE_COLOR": "false",
        "ANSIBLE_NOCOLOR": "true",
    }


def command_of(stage: Stage, env: dict[str, str]) -> list[str]:
    """The stage's command, by sudo where it needs root and we are not."""
    if not stage.root or os.geteuid() == 0:
        return list(stage.argv)
    kept = [f"{name}={env[name]}" for name in ("PATH", "PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG")]
    return ["sudo", "-E", "env", *kept, *stage.argv]


class Running:
    """A stage that runs, in a session of its own, with its output in a log."""

    def __init__(self, stage: Stage) -> None:
        for report in stage.reports(ROOT):
            report.unlink()
        env = environment()
        self.stage = stage
        self.began = time.monotonic()
        with (LOGS / f"{stage.slug}.log").open("wb") as output:
            self.process = subprocess.Popen(
                command_of(stage, env), cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )

    def outcome(self) -> Outcome | None:
        """How it ended, None while it runs; one that takes too long is ended."""
        note = ""
        if self.process.poll() is None:
            if time.monotonic() - self.began < self.stage.timeout:
                return None
            self.end()
            note = f"not done after {self.stage.timeout:.0f} s"
        outcome = count(self.stage, self.process.returncode)
        outcome.seconds = time.monotonic() - self.began
        outcome.note = note or outcome.note
        return outcome

    def end(self) -> None:
        """End it and its children."""
        for sign, patience in ((signal.SIGINT, 20), (signal.SIGKILL, None)):  # first a chance to clean up
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(patience)
                return
            except subprocess.TimeoutExpired:
                continue


def run_all(stages: t.Sequence[Stage]) -> t.Iterator[tuple[Stage, Outcome]]:
    """Run the stages of each lane one after another, the lanes side by side; gives each as it ends."""
    lanes: dict[str, collections.deque[Stage]] = {}
    for stage in stages:
        lanes.setdefault(stage.lane, collections.deque()).append(stage)
    running: dict[str, Running] = {}
    try:
        while running or any(lanes.values()):
            for lane, waiting in lanes.items():
                if waiting and lane not in running:
                    running[lane] = Running(waiting.popleft())
            time.sleep(0.05)
            for lane, one in list(running.items()):
                outcome = one.outcome()
                if outcome is not None:
                    del running[lane]
                    yield one.stage, outcome
    finally:
        for one in running.values():
            one.end()


def count(stage: Stage, status: int) -> Outcome:
    """The test cases of a stage from its JUnit reports; a failure that no case shows counts as one."""
    outcome = Outcome()
    reports = stage.reports(ROOT)
    for report in reports:
        for suite in ET.parse(report).getroot().iter("testsuite"):
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            outcome.failed += bad
            outcome.skipped += int(suite.get("skipped", 0))
            outcome.passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    if status:
        outcome.failed = max(outcome.failed, 1)
        outcome.note = f"exit status {status}"
    elif stage.junit and not outcome.passed:
        outcome.failed, outcome.note = 1, "no test ran"
    elif not stage.junit:
        outcome.passed = 1
    return outcome


def line(outcome: Outcome) -> str:
    parts = [f"{outcome.passed} passed"]
    parts += [f"{outcome.failed} FAILED"] if outcome.failed else []
    parts += [f"{outcome.skipped} skipped"] if outcome.skipped else []
    return f"{outcome.seconds:6.1f} s  {', '.join(parts)}" + (f" ({outcome.note})" if outcome.note else "")


def show_failure(stage: Stage) -> None:
    log = LOGS / f"{stage.slug}.log"
    lines = log.read_text(errors="replace").splitlines()
    shown = [text for text in lines if re.search(stage.telling, text)][-SHOWN_LINES:] or lines[-SHOWN_LINES:]
    print(f"\n--- {stage.name}: {len(shown)} of {len(lines)} lines of {log.relative_to(ROOT)}")
    print("\n".join(shown))
    print(f"--- again: make {stage.group}\n", flush=True)


def main() -> int:
    wanted = sys.argv[1:] or list(GROUPS)
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown:
        print(f"no such group of tests: {', '.join(unknown)}; there are: {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    stages = [stage for group in wanted for stage in STAGES if stage.group == group and stage.exists(ROOT)]
    if not os.access(LOGS.parent, os.W_OK):
        print(f"{LOGS.parent} is not writable: it was made by root; run 'sudo make clean' once", file=sys.stderr)
        return 2
    LOGS.mkdir(exist_ok=True)
    total, began = Outcome(), time.monotonic()
    width = max(len(stage.name) for stage in stages)
    for number, (stage, outcome) in enumerate(run_all(stages), 1):
        print(f"[{number:2}/{len(stages)}] {stage.name:{width}} {line(outcome)}", flush=True)
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.skipped += outcome.skipped
        if outcome.failed:
            show_failure(stage)
    seconds = time.monotonic() - began
    print(f"{len(stages)} stages in {seconds:.0f} s, {total.skipped} tests skipped; logs in build/test")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    if shutil.which("ip") is None:
        sys.exit("the machine is not set up: run 'make setup' first")
    # All alike end the stage that runs, which is in a session of its own. Of SIGINT too, for a shell ignores it for
    # what it runs in the background, and a stage would ignore it in turn.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the next run removes what this one left behind")
