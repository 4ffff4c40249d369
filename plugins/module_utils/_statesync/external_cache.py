# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which entries stand in the external cache, where a peer's state waits for a failover (``conntrackd -e``).

The listing is read line by line and never kept: a cache may hold a million of them.
"""

from __future__ import annotations

import re
import subprocess
import threading
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError, require

SECONDS = 60
_ORIGINAL = re.compile(r"^(\S+) +(\d+) .*?\bsrc=(\S+) dst=(\S+) "
                       r"(?:sport=(\d+) dport=(\d+)|type=(\d+) code=(\d+) id=(\d+))?")
Key = tuple[str, ...]


def look_up(path: str, asked: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[list[bool], int]:
    """Whether each entry is in the external cache of the daemon of ``path``, and how many lines that has.

    Raises CommandError.
    """
    wanted = {key_of(entry) for entry in asked}
    found: set[Key] = set()
    lines = 0
    command = [require("conntrackd"), "-C", path, "-e"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors="replace") as process:
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        try:
            for line in t.cast("t.IO[str]", process.stdout):
                lines += 1
                key = key_in(line)
                if key in wanted:
                    found.add(key)
        finally:
            timer.cancel()
    if process.returncode:
        raise CommandError(f"conntrackd -C {path} -e ended with {process.returncode} after {lines} lines; it has "
                           f"{SECONDS} seconds and answers root only (become: true)")
    return [key_of(entry) in found for entry in asked], lines


def key_of(entry: t.Mapping[str, t.Any]) -> Key:
    """The original direction of an entry of the facts, in the words of the listing; zones are not in it. Pure."""
    side = entry["original"]
    protocol = "icmpv6" if entry["protocol"] == "ipv6-icmp" else str(entry["protocol"])
    names = ("sport", "dport") if "sport" in side else ("type", "code", "id") if "type" in side else ()
    return (protocol, side["source"], side["destination"], *(str(side[name]) for name in names))


def key_in(line: str) -> Key:
    """The same of one line; empty where it is no entry. Pure."""
    match = _ORIGINAL.match(line)
    if not match:
        return ()
    name, number, source, destination, *fields = match.groups()
    protocol = name if name != "unknown" else number
    return (protocol, source, destination, *(field for field in fields if field is not None))
