# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which elements of a host decide an answer."""
from __future__ import annotations

import typing as t

ROWS: tuple[str, ...] = ()
class Counters:
    def __init__(self, host: t.Any) -> None: ...
    def deciding(self, question: t.Any, decisions: t.Any) -> list[str]:
        return []
def table(tally: t.Any, absent: t.Any) -> str:
    return ""
def under_floor(tally: t.Any, absent: t.Any) -> list[str]:
    return []
