# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What changes in the register of exceptions, around the changes that make or end them."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import RegisterEntry


def register_changes(
    before: t.Mapping[str, RegisterEntry], after: t.Mapping[str, RegisterEntry]
) -> tuple[list[Change], list[Change]]:
    """What to enter before the exceptions stand, and what to strike out after they have gone."""
    first: list[Change] = []
    for name, entry in after.items():
        old = before.get(name)
        if old is None:
            first.append(Change("register", "add", after=entry))
        elif old != entry:
            first.append(Change("register", "set", before=old, after=entry))
    return first, [Change("register", "delete", before=old) for name, old in before.items() if name not in after]
