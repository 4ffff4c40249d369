# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the oracle has seen."""

from __future__ import annotations

import collections
import dataclasses


@dataclasses.dataclass
class Tally:
    """Cases, and what became of them."""

    cases: int = 0
    skipped: int = 0  # questions to worlds that never stood still
    moved: int = 0  # times that a world changed while it was asked, and was asked again
    spreads: int = 0  # multipath routes whose shares were looked at
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unknown: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)  # by reason
    rows: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)  # cases by what decides
    mismatches: list[str] = dataclasses.field(default_factory=list)

    @property
    def unknowns(self) -> int:
        return sum(self.unknown.values())

    def numbers(self) -> str:
        """What must be 0, or nearly so."""
        return f"mismatches={len(self.mismatches)} unknown={self.unknowns} skipped={self.skipped}"

    def add(self, other: Tally) -> None:
        """Add what another part of the run has seen."""
        for field in ("cases", "skipped", "moved", "spreads", "mismatches"):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        for field in ("outcomes", "unknown", "rows"):
            getattr(self, field).update(getattr(other, field))
