# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Equal ways of BGP in fake devices: one number of each kind; 1, which is there by itself, is not shown."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.tests.devices.fake_config import Tree


def equal_ways(section: Tree, line: str) -> bool:
    """Take a line where it is one about equal ways."""
    match = re.fullmatch(r"(?P<no>no )?(?P<kind>maximum-paths(?: ibgp)?) (?P<number>\d+)", line)
    if not match:
        return False
    for text in [text for text in section if re.fullmatch(rf"{match['kind']} \d+", text)]:
        del section[text]
    if not match["no"] and match["number"] != "1":
        section[line] = {}
    return True
