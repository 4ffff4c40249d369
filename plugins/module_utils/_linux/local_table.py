# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether the kernel keeps the IPv4 tables local and main as one, which it does until a rule is added or deleted.

While they are one, the longest prefix of both wins, and reverse-path validation takes a short cut; a rule that
was added and deleted again leaves them apart for good, and no list of rules shows that (net/ipv4/fib_frontend.c,
fib_unmerge and fib_lookup).
"""

from __future__ import annotations

import re
import typing as t

STATISTICS = "/proc/net/fib_triestat"
_SIZES = re.compile(r"^(?:(Main|Local|Id \d+):|\tPrefixes: +(\d+))$", re.MULTILINE)


def read(counts: t.Mapping[str, int]) -> t.Optional[bool]:
    """Ask the kernel; ``counts`` are the routes by table. None where it cannot be told."""
    try:
        with open(STATISTICS, encoding="ascii") as file:
            return is_merged(file.read(), counts)
    except OSError:
        return None


def is_merged(text: str, counts: t.Mapping[str, int]) -> t.Optional[bool]:
    """Whether both tables have one trie, which then holds the routes of both. Pure."""
    sizes: dict[str, int] = {}
    table = ""
    for name, prefixes in _SIZES.findall(text):
        table = name or table
        sizes[table] = int(prefixes or 0)
    local, main = counts.get("255", 0), counts.get("254", 0)
    found = (sizes.get("Main", 0), sizes.get("Local", 0))
    if not local or found not in ((main, local), (local + main, local + main)):
        return None
    return found != (main, local)
