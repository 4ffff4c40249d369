# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Gateways shared by routers (HSRP, VRRP), as Cisco's relatives list them: a line each."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dict

_NAME_ALONE = re.compile(r"^ *(?P<device>[A-Z][\w./-]*\d[\w./-]*) *$")


def rows(text: str) -> t.Iterator[str]:
    """Lines, without the blanks before them; a long name stands alone, and its line goes on below."""
    held = ""
    for line in text.splitlines():
        alone = _NAME_ALONE.match(line)
        if alone:
            held = alone["device"]
            continue
        yield f"{held} {line.strip()}".strip()
        held = ""


def hsrp_row(line: str) -> Dict | None:
    """``Gi0/0  1  110 P Active  local  10.0.0.3  10.0.0.1``"""
    match = re.match(r"^(?P<device>\S+\d\S*) +(?P<group>\d+) +(?P<priority>\d+) +(?P<preempt>P )? *(?P<role>[A-Z]\w+) +"
                     r"(?P<active>\S+) +(?P<standby>\S+) +(?P<address>[0-9A-Fa-f.:]+)\s*$", line)
    if not match or not words.address(match["address"]):
        return None
    peer = match["standby"] if match["active"] == "local" else match["active"]
    return {"interface": match["device"], "group": int(match["group"]), "priority": int(match["priority"]),
            "role": match["role"].lower(), "address": words.address(match["address"]),
            **({"peer": words.address(peer)} if words.address(peer) else {})}


def vrrp_row(line: str) -> Dict | None:
    """``Gi0/0  10  100 3609       Y  Master  10.0.0.2  10.0.0.1``"""
    match = re.match(r"^(?P<device>\S+\d\S*) +(?P<group>\d+) +(?:IPv[46] +)?(?P<priority>\d+) +\d+ +(?:[YN] +)*"
                     r"(?P<role>Master|Backup|Init)\w* +(?P<master>[0-9A-Fa-f.:]+)(?:\(local\))? +"
                     r"(?P<address>[0-9A-Fa-f.:]+)\s*$", line, re.I)
    if not match or not words.address(match["address"]):
        return None
    peer = words.address(match["master"]) if match["role"].lower() != "master" else None
    return {"interface": match["device"], "group": int(match["group"]), "priority": int(match["priority"]),
            "role": match["role"].lower(), "address": words.address(match["address"]),
            **({"peer": peer} if peer else {})}
