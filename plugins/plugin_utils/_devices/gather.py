# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put the facts of one device together (schema ``netpath.symmetry/1``, docs/facts.schema.json).

One login answers everything. What a device does not know, hides or says in an unknown way makes a part incomplete,
with the reason; only interfaces must be there.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    FIRST_TABLE,
    MAIN_TABLE,
    PARTS,
    TOP,
    Dialect,
    Dict,
    Reading,
    Request,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    NotReadOnly,
    Rejected,
    SessionLost,
)

SCHEMA = "netpath.symmetry/1"
MAX_KEPT = 40  # lines that were not understood, of one command
MAX_WIDTH = 300  # of such a line
# What a parser runs into where an answer is not shaped as it knows it: that part is not read, and the others are.
_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError)


_NO_TEXT = "\ufffd"  # what a session puts in the place of bytes that are no text
_REMARK = re.compile(r"descr|remark|comment|banner|location|contact|;;;", re.I)


class Answering(t.Protocol):
    """What answers commands: a session, or transcripts."""

    @property
    def where(self) -> str:
        """Which device it is."""

    def ask(self, command: str, patience: float = 60) -> str: ...

    def clean(self, text: str) -> str: ...


class Gathering:
    """Facts under construction; what dialects ask (dialect.Asking)."""

    def __init__(self, answering: Answering, request: Request, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self.request = request
        self.facts: Dict = {"device": {}}
        self.tables: dict[str, int] = {"": MAIN_TABLE}
        self.raw: dict[str, list[str]] = {}
        self._answering = answering
        self._sleep = sleep
        self._answers: dict[str, str | Rejected] = {}
        self.damaged: dict[str, None] = {}  # commands whose answers are no text; parts that follow may depend on them

    def ask(self, *commands: str, patience: float = 60) -> str:
        refused: Rejected | None = None
        for command in commands:
            if command not in self._answers:
                try:
                    self._answers[command] = self._answering.ask(command, patience)
                except Rejected as error:
                    self._answers[command] = error
            answer = self._answers[command]
            if isinstance(answer, str):
                if _damaged(answer):
                    self.damaged[command] = None
                return answer
            refused = answer
        raise refused or ValueError("no command to ask")

    def ask_again(self, command: str, patience: float = 60) -> str:
        return self._answering.ask(command, patience)

    def wait(self, seconds: float) -> None:
        self._sleep(seconds)

    def keep(self, command: str, lines: t.Iterable[str]) -> None:
        kept = self.raw.setdefault(command, [])
        for line in lines:
            clean = self._answering.clean(line.rstrip())[:MAX_WIDTH]
            if clean.strip() and len(kept) < MAX_KEPT and clean not in kept:  # several parts read the same answer
                kept.append(clean)

    def clean(self, text: str) -> str:
        return self._answering.clean(text)

    def table(self, vrf: str) -> int:
        return self.tables.setdefault(vrf, FIRST_TABLE + len(self.tables) - 1)


def gather(
    dialect: Dialect, answering: Answering, request: Request, sleep: t.Callable[[float], None] = time.sleep
) -> Dict:
    """The facts of one device; raises DeviceError where not even its interfaces can be read, or the session is lost."""
    gathering = Gathering(answering, request, sleep)
    parts: dict[str, Dict] = {}
    for name in PARTS:
        parts[name] = _part(dialect, gathering, name)
        if name == "interfaces" and "interfaces" not in gathering.facts:
            where = f"{answering.where}: " if answering.where not in parts[name]["why"] else ""
            raise DeviceError(f"{where}the interfaces cannot be read: {parts[name]['why']}")
    return _finish(dialect, gathering, parts)


def _part(dialect: Dialect, gathering: Gathering, name: str) -> Dict:
    if name not in gathering.request.parts and name != "interfaces":
        return {"complete": False, "why": f"not asked for (gather_subset without {name})"}
    read = getattr(dialect, name, None)
    if read is None:
        return {"complete": False, "why": f"not read on {dialect.title}"}
    try:
        reading: Reading = read(gathering)
    except (SessionLost, NotReadOnly):
        raise
    except DeviceError as error:
        return {"complete": False, "why": "; ".join([str(error), *_no_text(gathering)])}
    except _ODD as error:
        why = f"an answer is not shaped as it is known to be ({type(error).__name__}: {error})"
        return {"complete": False, "why": "; ".join([gathering.clean(why), *_no_text(gathering)])}
    place = gathering.facts if name in TOP else gathering.facts["device"]
    place[name] = reading.value
    why = "; ".join(filter(None, [reading.why, *_no_text(gathering)]))
    if not why:
        return {"complete": True}
    return {"complete": False, "why": why, **({"covered": list(reading.covered)} if reading.covered else {})}


def _no_text(gathering: Gathering) -> list[str]:
    return [f"the answer to {command!r} has bytes that are no text" for command in gathering.damaged]


def _damaged(answer: str) -> bool:
    """Whether bytes came that are no text, but in what people write for people, in some character set of old."""
    return _NO_TEXT in answer and any(_NO_TEXT in line and not _REMARK.search(line) for line in answer.splitlines())


def _finish(dialect: Dialect, gathering: Gathering, parts: dict[str, Dict]) -> Dict:
    facts = gathering.facts
    device = facts.pop("device")
    try:
        software = dialect.software(gathering)
    except (DeviceError, *_ODD):
        software = ""
    try:
        session_key = dialect.session_key_of(gathering)
    except (DeviceError, *_ODD):
        session_key = dialect.session_key
    tables = {name: number for name, number in gathering.tables.items() if name}
    raw = [{"command": command, "lines": lines} for command, lines in gathering.raw.items() if lines]
    return {
        "schema": SCHEMA, "platform": dialect.platform, "source": "ssh", "collected_at": round(time.time(), 3),
        **({"software": software} if software else {}), **facts,
        "device": {"tested": dialect.tier, "session_key": session_key, **({"tables": tables} if tables else {}),
                   **device, **({"raw": raw} if raw else {})},
        "parts": parts,
    }
