# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Access lists of Cisco ASA, whose masks are netmasks."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import read_ace
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dict

_MASKED = re.compile(r"(?<![\d.])(?P<address>\d+\.\d+\.\d+\.\d+) (?P<mask>\d+\.\d+\.\d+\.\d+)(?![\d.])")
_ENTRY = re.compile(
    r"^\s*access-list \S+ line (?P<line>\d+) (?:extended |standard )?(?P<action>permit|deny) (?P<rest>.+)$")


def with_lengths(text: str) -> str:
    """Netmasks written as lengths: 10.0.0.0 255.0.0.0 becomes 10.0.0.0/8. What is no netmask stays."""

    def length(match: re.Match[str]) -> str:
        bits = "".join(f"{int(one):08b}" for one in match["mask"].split(".") if int(one) < 256)
        whole = len(bits) == 32 and "01" not in bits
        return f"{match['address']}/{bits.count('1')}" if whole else match[0]

    return _MASKED.sub(length, text)


def read_asa_access_list(text: str) -> tuple[list[Dict], list[str]]:
    """As cisco_policy.read_access_list. Below a line with groups of objects come the lines that it stands for, with the
    same number; those count then."""
    numbered: dict[str, list[re.Match[str]]] = {}
    for match in filter(None, map(_ENTRY.match, text.splitlines())):
        numbered.setdefault(match["line"], []).append(match)
    found: list[Dict] = []
    strange: list[str] = []
    for listed in numbered.values():
        for match in listed[1:] or listed:
            if "(inactive)" in match["rest"] or " inactive" in match["rest"]:
                continue
            entry = read_ace(_words(match["rest"]))
            if entry is None:
                strange.append(match[0].strip())
                entry = {"unknown": match[0].strip()}
            found.append({**({"deny": True} if match["action"] == "deny" else {}), **entry})
    return found, strange


def _words(rest: str) -> list[str]:
    rest = re.sub(r" \(hitcnt=\d+\).*$| log\b.*$", "", rest)
    return re.sub(r"\bany[46]\b", "any", with_lengths(rest)).split()
