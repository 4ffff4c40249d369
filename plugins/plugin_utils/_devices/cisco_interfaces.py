# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Interfaces as Cisco IOS and its relatives print them."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dict


def addresses4(lines: t.Iterable[str]) -> list[Dict]:
    """The addresses of IPv4 that ``show ip interface`` tells of one interface."""
    found = []
    for line in lines:
        match = re.match(r"\s+(?P<kind>Internet|Secondary) address (?:is )?(?P<address>[0-9.]+/\d+)", line)
        one = words.interface_address(match["address"]) if match else None
        if match and one:
            found.append({**one, **({"secondary": True} if match["kind"] == "Secondary" else {})})
    return found


def addresses6(lines: t.Iterable[str]) -> list[Dict]:
    """The addresses below an interface of ``show ipv6 interface``."""
    found = []
    for line in lines:
        local = re.search(r"link-local address is (?P<address>[0-9A-Fa-f:]+)", line)
        global_ = re.match(r"\s+(?P<address>[0-9A-Fa-f:]+), subnet is [0-9A-Fa-f:]+/(?P<length>\d+)", line)
        for match, length, more in ((local, "64", {"scope": "link"}), (global_, "", {})):
            one = words.interface_address(match["address"], length or match["length"]) if match else None
            if one:
                found.append({**one, **more})
    return found
