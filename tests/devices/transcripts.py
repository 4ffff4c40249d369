# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transcripts: what a device answers, command by command, in files that a person writes and reads.

A line ``>>> show version`` begins the answer to that command; a second answer to the same command is given the second
time, and the last one from then on. Lines before the first command are comments. The files are written by us after the
documented formats (docs/devices.md says which platform was tested on what).
"""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.redaction import redacted

FOLDER = pathlib.Path(__file__).parent / "transcripts"
_MARK = ">>> "


def read(name: str) -> dict[str, list[str]]:
    """The answers of a file, by command; raises OSError."""
    answers: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(_MARK):
            if current is not None:
                current[-1] = current[-1].rstrip("\n")
            current = answers.setdefault(line[len(_MARK) :].strip(), [])
            current.append("")
        elif current is not None:
            current[-1] += line + "\n"
    return answers


class Transcript:
    """Answers a dialect's questions (gather.Answering) out of a transcript, as its device would."""

    def __init__(self, dialect: Dialect, answers: t.Mapping[str, t.Sequence[str]]) -> None:
        self.dialect = dialect
        self.sent: list[str] = []
        self._answers = {command: list(listed) for command, listed in answers.items()}

    @property
    def where(self) -> str:
        return "the transcript"

    def ask(self, command: str, patience: float = 60) -> str:
        if not self.dialect.reading.fullmatch(command):
            raise NotReadOnly(f"{command!r} is not among the commands that only read")
        self.sent.append(command)
        listed = self._answers.get(command)
        if listed is None:
            raise Rejected(f"{command!r} was refused", "")
        answer = listed.pop(0) if len(listed) > 1 else listed[0]
        if self.dialect.errors.search("\n".join(answer.splitlines()[:6])):
            raise Rejected(f"{command!r} was refused", answer)
        return answer

    def clean(self, text: str) -> str:
        return redacted(text)
