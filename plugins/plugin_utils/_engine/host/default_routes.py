# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which of several equal IPv4 default routes packets of the host itself take (net/ipv4/fib_semantics.c).

The kernel prefers one whose gateway is known to be reachable, and remembers which one it took last. What it remembers
does not show, so that there may be several answers.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route

_VALID = ("reachable", "stale", "delay", "probe", "permanent")  # NUD_VALID
States = t.Mapping[tuple[str, str], str]  # of neighbours, by device and address


def possible(routes: t.Sequence[Route], best: Route, tos: int, states: States) -> list[Route]:
    """The routes that the kernel may take where ``best`` matched (fib_select_default).

    ``routes`` are all of the prefix, in the kernel's order; ``tos`` is that of the packet.
    """
    alike = _alike(routes, best, tos)
    if len(alike) < 2 or alike[0] is not best:
        return [best]
    chosen = (_choose(alike, remembered, states) for remembered in range(-1, len(alike)))
    return list(dict.fromkeys(chosen))


def _alike(routes: t.Sequence[Route], best: Route, tos: int) -> list[Route]:
    """The routes that are weighed against each other: of one scope, via a gateway, and no worse than the one before."""
    alike: list[Route] = []
    last_tos, last_metric = 0, best.metric
    for route in routes:
        if route.table != best.table or (route.tos and route.tos != tos):
            continue
        if route.metric > last_metric and route.tos == last_tos:
            if last_tos:
                continue
            break
        last_tos, last_metric = route.tos, route.metric
        if route.scope == best.scope and route.type == "unicast" and route.nexthops and route.nexthops[0].gateway:
            alike.append(route)
    return alike


def _choose(alike: list[Route], remembered: int, states: States) -> Route:
    """One pass over them, with the position that was taken last; -1 where that was none (fib_detect_death)."""
    last_resort: Route | None = None
    for order, route in enumerate(alike):
        leg = route.nexthops[0]
        state = states.get((leg.device or "", leg.gateway or ""))
        if state is None or state == "reachable" or (state in _VALID and order != remembered):
            return route
        if state in _VALID or (last_resort is None and order > remembered and state != "incomplete"):
            last_resort = route
    return last_resort or alike[0]
