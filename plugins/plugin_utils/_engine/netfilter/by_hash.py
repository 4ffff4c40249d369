# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Where a rule's answer hangs on the leg that the hash picks, a packet has a fate for each leg, with its share.

The fib expression over IPv6 is such (fib_expression.py), and so is the choice of a server by a declared balancer. The
packet is followed again for each leg that may be picked, and fates that turn out the same are one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

Picked = tuple[tuple[t.Hashable, str], ...]  # what is chosen of (a route, a list of servers), and what the hash picks


class ByHash(Exception):
    """The answer is not the same for all legs. ``chosen_of``: what has them; ``legs``: each with its share."""

    def __init__(self, chosen_of: t.Hashable, legs: t.Mapping[str, float]) -> None:
        super().__init__(f"{chosen_of}: {', '.join(legs)}")
        self.chosen_of = chosen_of
        self.legs = legs


def every_pick(follow: t.Callable[[Picked], tuple[Transit, ...]], picked: Picked = ()) -> tuple[Transit, ...]:
    """The fates of a packet that ``follow`` gives, for every leg that the hash may pick where a rule asks for it."""
    try:
        return follow(picked)
    except ByHash as choice:
        fates = [
            changed(fate, share=fate.share * share, chance=True)
            for device, share in choice.legs.items()
            for fate in every_pick(follow, (*picked, (choice.chosen_of, device)))
        ]
    return _together(fates)


def _together(fates: list[Transit]) -> tuple[Transit, ...]:
    """Fates that differ in nothing but their share as one; where no pick matters, chance has decided nothing."""
    found: list[Transit] = []
    for fate in fates:
        same = next((at for at, one in enumerate(found) if changed(one, share=fate.share) == fate), None)
        if same is None:
            found.append(fate)
        else:
            found[same] = changed(fate, share=found[same].share + fate.share)
    return tuple(found) if len(found) > 1 else (changed(found[0], chance=False),)
