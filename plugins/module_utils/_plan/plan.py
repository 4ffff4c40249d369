# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A plan: ordered changes with both sides of their diff."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import (
    Change,
    changes_to_dict,
    commands_of,
    undo_of,
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be done. ``before`` and ``after`` are the objects that we own or touch, as text."""

    subject: str  # what the diff is of
    changes: tuple[Change, ...]
    before: str
    after: str
    kept: tuple[str, ...] = ()  # foreign objects that were left in the way, by on_conflict keep

    def diff(self) -> dict[str, str]:
        """The diff that check mode and the real run show, byte for byte alike."""
        return {
            "before_header": f"{self.subject} (live)",
            "after_header": f"{self.subject} (planned)",
            "before": self.before,
            "after": self.after,
        }

    def undo(self) -> list[str]:
        """Shell commands that take the whole plan back."""
        return undo_of(self.changes)

    def result(self) -> dict[str, t.Any]:
        """What a module returns about the plan."""
        return {
            "changed": bool(self.changes),
            "changes": changes_to_dict(self.changes),
            "commands": commands_of(self.changes),
            "undo": self.undo(),
            "kept": list(self.kept),
            "diff": self.diff(),
        }
