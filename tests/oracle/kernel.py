# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real kernel to ask: a network namespace of this process, set up by ip commands and asked by `ip route get`."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import iproute
from ansible_collections.netpath.symmetry.tests.oracle.world import Question, World

_CLONE_NEWNET = 0x40000000
_TYPES = ("local", "broadcast", "multicast", "anycast", "unreachable", "blackhole", "prohibit", "throw", "unicast")
_SYSCTLS = (
    "rp_filter",
    "src_valid_mark",
    "accept_local",
    "send_redirects",
    "route_localnet",
    "forwarding",
    "ignore_routes_with_linkdown",
)


class Answer(t.NamedTuple):
    """What the kernel answers: a type with its device, gateway and source, or an error."""

    kind: str  # unicast, local, broadcast, ..., error
    device: str = ""
    gateway: str = ""
    source: str = ""
    error: str = ""
    text: str = ""


def enter_new_namespace() -> None:
    """Move this process to a new, empty network namespace; the one before goes with its last process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())} (the oracle needs root)")


@functools.cache
def has_vrfs() -> bool:
    """Whether this kernel can make VRFs."""
    enter_new_namespace()
    return (
        subprocess.run(
            ["ip", "link", "add", "red", "type", "vrf", "table", "100"], capture_output=True, check=False
        ).returncode
        == 0
    )


def build(world: World) -> None:
    """Apply a world to the namespace of this process."""
    _batch([command for command in world.commands if command.startswith("link ") and " down" not in command])
    for path, value in world.sysctls:
        try:
            with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
                file.write(value)
        except FileNotFoundError:
            continue  # an interface that was shrunk away
    _batch([command for command in world.commands if not command.startswith("link ") or " down" in command])


def _batch(commands: t.Sequence[str]) -> None:
    for options in ("-4", "-6"):  # one process for each run of commands would be too slow
        mine = [
            command.removeprefix(f"{options} ")
            for command in commands
            if command.startswith(f"{options} ") or (options == "-4" and not command.startswith("-"))
        ]
        subprocess.run(
            ["ip", options, "-force", "-batch", "-"], input="\n".join(mine), text=True, capture_output=True, check=False
        )


def read_facts() -> dict[str, t.Any]:
    """The facts of the namespace, as far as routing asks for them."""
    interfaces = iproute.read_interfaces()
    for link in interfaces.values():
        if link.get("kind") == "vrf":
            link.setdefault("vrf_table", 100)
    names = ("all", *interfaces)
    return {
        "schema": "netpath.symmetry/1",
        "platform": "linux",
        "kernel": os.uname().release,
        "interfaces": interfaces,
        "rules": iproute.read_rules(),
        "routes": iproute.read_routes(),
        "neighbours": iproute.read_neighbours(),
        "interface_sysctls": {name: _sysctls_of(name) for name in names},
        "sysctls": {"net/ipv4/fib_multipath_use_neigh": _read("ipv4/fib_multipath_use_neigh")},
    }


def _sysctls_of(name: str) -> dict[str, int]:
    values = {key: _read(f"ipv4/conf/{name}/{key}") for key in _SYSCTLS}
    values["forwarding6"] = _read(f"ipv6/conf/{name}/forwarding")
    values["ignore_routes_with_linkdown6"] = _read(f"ipv6/conf/{name}/ignore_routes_with_linkdown")
    return values


def _read(path: str) -> int:
    with open(f"/proc/sys/net/{path}", encoding="ascii") as file:
        return int(file.read())


def ask(questions: t.Sequence[Question]) -> list[Answer]:
    """The kernel's answers, in order."""
    answers: dict[int, Answer] = {}
    for family in (4, 6):
        mine = [index for index, question in enumerate(questions) if question.family == family]
        done = subprocess.run(
            ["ip", f"-{family}", "-o", "-force", "-batch", "-"],
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
        if word in ("dev", "src", "error"):
            values.setdefault(word, words[index + 1])
        elif word == "via":
            values.setdefault(word, words[index + 2] if words[index + 1] in ("inet", "inet6") else words[index + 1])
    return Answer(
        kind, values.get("dev", ""), values.get("via", ""), values.get("src", ""), values.get("error", ""), line
    )
