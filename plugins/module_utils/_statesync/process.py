# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The daemons of one kind that run in this network namespace, and the configuration that each was started with."""

from __future__ import annotations

import os
import time
import typing as t

# conntrackd is its own client: with one of these it asks a daemon and ends.
_CLIENT = {"-c", "-f", "-F", "-i", "-e", "-k", "-s", "-R", "-n", "-B", "-x", "-t", "-v", "-h"}


class Process(t.NamedTuple):
    """A daemon that runs."""

    pid: int
    configuration: str  # absolute
    started: float  # seconds since the epoch, right to some hundredths


def running(name: str, option: str, default: str) -> list[Process]:
    """The daemons called ``name``, whose ``option`` names the configuration; children of one of them are left out."""
    mine = os.stat("/proc/self/ns/net").st_ino
    found: dict[int, tuple[int, Process]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/comm", encoding="utf-8", errors="replace") as file:
                if file.read().rstrip("\n") != name:
                    continue
            if os.stat(f"/proc/{entry}/ns/net").st_ino != mine:
                continue
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                words = file.read().split("\0")[:-1]
            parent, started = _stat(entry)
            path = os.path.join(os.readlink(f"/proc/{entry}/cwd"), _value(words, option) or default)
        except OSError:  # it has ended
            continue
        if words and not (name == "conntrackd" and _CLIENT & set(words[1:])):
            found[int(entry)] = (parent, Process(int(entry), os.path.normpath(path), started))
    return [one for parent, one in found.values() if parent not in found]


def _value(words: t.Sequence[str], option: str) -> str:
    for position, word in enumerate(words):
        if word == option and position + 1 < len(words):
            return words[position + 1]
        if word.startswith(option) and len(word) > len(option):
            return word[len(option) :].lstrip("=")
    return ""


def _stat(pid: str) -> tuple[int, float]:
    """The parent, and when the process was started (proc(5)); raises OSError for one that has ended."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(pid)
    with open("/proc/uptime", encoding="ascii") as file:
        up = float(file.read().split()[0])
    age = up - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return int(fields[1]), time.time() - age
