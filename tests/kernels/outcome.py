# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison of the engine with a kernel comes to."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass
class Outcome:
    """How many cases of one kind were compared; a mismatch is the text that shows it."""

    cases: int = 0
    unknown: int = 0  # of the cases: the engine does not know
    skipped: int = 0  # the kernel did not hold still: compared with nothing
    mismatches: list[str] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, t.Any]:
        return dataclasses.asdict(self)
