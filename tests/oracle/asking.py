# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the kernel of this namespace: by `ip route get`, and by netlink for the whole route that matched."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import routes
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError, attribute
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.sources import KernelSource
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

_TYPES = ("local", "broadcast", "multicast", "anycast", "unreachable", "blackhole", "prohibit", "throw", "unicast")
_TABLES = {"default": 253, "main": 254, "local": 255}
_RTM_GETROUTE = 26
_RTMSG = struct.Struct("=BBBBBBBBI")
_RTM_F_LOOKUP_TABLE, _RTM_F_FIB_MATCH = 0x1000, 0x2000


class Answer(t.NamedTuple):
    """What `ip route get` says: a type with its device, gateway, source and table, or an error."""

    kind: str  # unicast, local, broadcast, ..., error
    device: str = ""
    gateway: str = ""
    source: str = ""
    table: int = 0
    error: str = ""
    text: str = ""


def ask(questions: t.Sequence[Question]) -> list[Answer]:
    """The kernel's answers, in order."""
    answers: dict[int, Answer] = {}
    for family in (4, 6):
        mine = [index for index, question in enumerate(questions) if question.family == family]
        if not mine:
            continue
        done = subprocess.run(
            ["ip", f"-{family}", "-d", "-o", "-force", "-batch", "-"],
            text=True,
            capture_output=True,
            check=False,
            input="\n".join(questions[index].words() for index in mine),
        )
        errors = _errors(done.stderr)
        lines = iter(done.stdout.splitlines())
        for position, index in enumerate(mine, 1):
            answers[index] = Answer("error", error=errors[position]) if position in errors else _parse(next(lines))
        rest = list(lines)
        if rest:
            raise RuntimeError(f"more answers than questions: {rest[:3]}")
    return [answers[index] for index in range(len(questions))]


def _errors(text: str) -> dict[int, str]:
    errors = {}
    message = ""
    for line in text.splitlines():
        failed = re.match(r"Command failed -:(\d+)", line)
        if failed:
            errors[int(failed[1])] = message
        else:
            message = line.removeprefix("RTNETLINK answers: ").removeprefix("Error: ")
    return errors


def _parse(line: str) -> Answer:
    words = line.replace("\\", " ").split()
    kind = words.pop(0) if words[0] in _TYPES else "unicast"
    values: dict[str, str] = {}
    for index, word in enumerate(words[:-1]):
        if word in ("dev", "src", "error", "table"):
            values.setdefault(word, words[index + 1])
        elif word == "via":
            values.setdefault(word, words[index + 2] if words[index + 1] in ("inet", "inet6") else words[index + 1])
    table = values.get("table", "main")
    return Answer(
        kind,
        values.get("dev", ""),
        values.get("via", ""),
        values.get("src", ""),
        _TABLES.get(table) or int(table),
        values.get("error", ""),
        line,
    )


def matched_routes(questions: t.Sequence[Question]) -> list[Route | str]:
    """The route that answers each question, whole (`ip route get fibmatch`), or the name of the kernel's error."""
    source = KernelSource()
    with source.kernel:
        indexes = {name: number for number, name in source.names.items()}
        return [_matched_route(source, indexes, question) for question in questions]


def _matched_route(source: KernelSource, indexes: t.Mapping[str, int], question: Question) -> Route | str:
    try:
        (message,) = source.kernel.messages(_RTM_GETROUTE, _request(indexes, question), dump=False)
    except NetlinkError as error:
        return os.strerror(error.errno or 0)
    return Route.from_dict(routes.decode(message.body, source.names))


def _request(indexes: t.Mapping[str, int], question: Question) -> bytes:
    af = socket.AF_INET if question.family == 4 else socket.AF_INET6
    bits = 32 if question.family == 4 else 128
    flags = _RTM_F_FIB_MATCH | (_RTM_F_LOOKUP_TABLE if question.family == 4 else 0)
    header = _RTMSG.pack(af, bits, bits if question.src else 0, question.tos, 0, 0, 0, 0, flags)
    parts = [attribute(1, socket.inet_pton(af, question.dst))]
    if question.src:
        parts.append(attribute(2, socket.inet_pton(af, question.src)))
    numbers = (
        (3, indexes.get(question.iif or "")),
        (4, indexes.get(question.oif or "")),
        (16, question.mark or None),
        (25, question.asked_uid),
    )
    parts += [attribute(kind, struct.pack("=I", value)) for kind, value in numbers if value is not None]
    parts.append(attribute(27, bytes([PROTOCOLS[question.protocol]])))
    ports = ((28, question.sport), (29, question.dport))
    parts += [attribute(kind, struct.pack("!H", value)) for kind, value in ports if value is not None]
    return header + b"".join(parts)
