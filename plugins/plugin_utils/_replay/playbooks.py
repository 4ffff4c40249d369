# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Run the very commands that a person would type, watch their journal, and keep their output."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import WIDTH, ReplayError, Story


@dataclasses.dataclass
class Run:
    """A finished run of ansible-playbook."""

    command: list[str]
    status: int
    seconds: float
    journal: list[dict[str, t.Any]]
    output: pathlib.Path

    def results(self) -> list[dict[str, t.Any]]:
        return [event for event in self.journal if event["event"] == "result"]

    def changed(self, actions: t.Container[str], hosts: t.Container[str] | None = None) -> int:
        """How many tasks of these actions reported a change."""
        return sum(
            1
            for event in self.results()
            if event["changed"] and event["action"] in actions and (hosts is None or event["host"] in hosts)
        )

    def diffs(self, actions: t.Container[str]) -> list[dict[str, str]]:
        """The diffs of the tasks of these actions that reported a change, in order."""
        results = [event for event in self.results() if event["changed"] and event["action"] in actions]
        return [diff for event in results for diff in event["diff"]]


class Playbooks:
    """Runs playbooks of the collection against one inventory."""

    def __init__(
        self, story: Story, directory: pathlib.Path, sockets: str, inventory: pathlib.Path | None = None
    ) -> None:
        self._story = story
        self._directory = directory
        self._sockets = sockets  # of SSH connections kept open: none of them may outlive the lab that it leads to
        self._inventory = inventory

    def run(
        self,
        playbook: str,
        *arguments: str,
        variables: t.Mapping[str, t.Any] | None = None,
        label: str = "",
        timeout: float = 300,
        expect: int | None = 0,
    ) -> Run:
        """Run ``netpath.symmetry.PLAYBOOK``; raises ReplayError when it ends with another status than expected."""
        label = label or playbook
        command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), f"netpath.symmetry.{playbook}"]
        if self._inventory:
            command += ["-i", str(self._inventory)]
        command += arguments
        for key, value in (variables or {}).items():
            command += ["-e", f"{key}={value}" if _bare(value) else json.dumps({key: value})]
        self._story.say(_shown(command))
        journal = self._directory / f"{label}.journal.jsonl"
        output = self._directory / f"{label}.log"
        journal.unlink(missing_ok=True)
        journal.touch()
        started = time.monotonic()
        with output.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment(journal)
            )
            try:
                self._watch(process, journal, started + timeout)
            except BaseException:
                process.terminate()
                process.wait(20)
                raise
        seconds = time.monotonic() - started
        run = Run(command, process.returncode, seconds, _read(journal), output)
        self._story.say(f"  {label}: {len(run.results())} task results in {seconds:.1f} s")
        if expect is not None and run.status != expect:
            tail = "\n".join(output.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])
            raise ReplayError(
                f"{label} ended with status {run.status}, expected {expect}; all of it is in {output}\n{tail}"
            )
        return run

    def _environment(self, journal: pathlib.Path) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_CALLBACK")}
        environment.update(
            ANSIBLE_CALLBACKS_ENABLED="netpath.symmetry.journal",
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_STDOUT_CALLBACK="default",
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
            ANSIBLE_SSH_CONTROL_PATH_DIR=self._sockets,
            ANSIBLE_RETRY_FILES_ENABLED="false",
            NETPATH_SYMMETRY_JOURNAL=str(journal),
        )
        environment.pop("ANSIBLE_FORCE_COLOR", None)
        return environment

    def _watch(self, process: subprocess.Popen[bytes], journal: pathlib.Path, deadline: float) -> None:
        """Wait for the end; tell of every task that changes something or fails, as it happens."""
        with journal.open(encoding="utf-8") as events:
            tail = Tail(events)
            while True:
                ended = process.poll() is not None
                for line in tail.lines():
                    self._tell(json.loads(line))
                if ended:
                    return
                if time.monotonic() > deadline:
                    raise ReplayError(f"{journal.name.split('.')[0]} did not end in time")
                time.sleep(0.05)

    def _tell(self, event: dict[str, t.Any]) -> None:
        if event["event"] != "result":
            return
        if event["status"] in ("failed", "unreachable", "ignored"):
            message = event["message"].strip().splitlines()
            self._story.say(
                f"  {event['host']:<10} {event['task']}: {event['status']}: {message[0] if message else ''}"[:160]
            )
        elif event["changed"]:
            self._story.say(f"  {event['host']:<10} {event['task']}  ({event['seconds'] or 0:.1f} s)")


class Tail:
    """The lines of a file that somebody else is writing: each when it is whole, for a write may be seen half done."""

    def __init__(self, events: t.TextIO) -> None:
        self._events = events
        self._rest = ""

    def lines(self) -> t.Iterator[str]:
        """What was completed since the last time."""
        for part in self._events:
            self._rest += part
            if self._rest.endswith("\n"):
                whole, self._rest = self._rest, ""
                yield whole


def _read(journal: pathlib.Path) -> list[dict[str, t.Any]]:
    with journal.open(encoding="utf-8") as events:
        return [json.loads(line) for line in events]


def _bare(value: t.Any) -> bool:
    """True for text that ``-e KEY=VALUE`` carries as it is."""
    return isinstance(value, str) and bool(value) and not set(value) & set(" '\"{[@=")


def _shown(command: t.Sequence[str]) -> str:
    """The command as a person would type it: program name only, paths below the current directory, wrapped."""
    here = os.getcwd() + os.sep
    words = [pathlib.Path(command[0]).name] + [word.replace(here, "") for word in command[1:]]
    text = " ".join(f"'{word}'" if any(c in word for c in " {>") else word for word in words)
    lines = textwrap.wrap(  # an option stays with its value
        re.sub(r" (--?\w+) (?!-)", r" \1~", text),
        WIDTH - 6,
        break_long_words=False,
        break_on_hyphens=False,
        subsequent_indent="    ",
    )
    return "$ " + " \\\n".join(lines).replace("~", " ")
