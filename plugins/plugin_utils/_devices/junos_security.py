# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The flow module of Junos (SRX): in which zone a unit is, and connections that begin in the middle."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft, Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import Membership, Weakening, WishError

_ZONES = ("security", "zones", "security-zone")
_NO_SYN_CHECK = ("security", "flow", "tcp-session", "no-syn-check")


def move(draft: Draft, wish: Membership, absent: bool) -> None:
    """What an interface permits into the device itself goes with it."""
    zones = draft.at(*_ZONES)
    if wish.zone not in zones:
        raise WishError(f"zones: the device has no zone {wish.zone!r}; it has {', '.join(zones) or 'none'}")
    device, _dot, unit = wish.interface.rpartition(".")
    if unit not in draft.at("interfaces", device, "unit"):
        there = [f"{one}.{number}" for one in draft.at("interfaces") for number in draft.at("interfaces", one, "unit")]
        raise WishError(f"the device has no unit {wish.interface!r}; it has {', '.join(there) or 'none'}")
    kept: list[Path] = []
    for name in [*zones]:
        place = (*_ZONES, name, "interfaces")
        draft.touch(*place)
        if wish.interface in draft.at(*place) and (name == wish.zone) == absent:
            kept += _leaves(draft.at(*place, wish.interface))
            draft.drop(*place, wish.interface, least=len(place) + 1)
    if not absent:
        for leaf in kept or [()]:
            draft.put(*_ZONES, wish.zone, "interfaces", wish.interface, *leaf)


def _leaves(tree: dict[str, dict[str, object]]) -> list[Path]:
    return [(word, *leaf) for word, below in tree.items()
            for leaf in _leaves(below)] if tree else [()]  # type: ignore[arg-type]


def weaken(draft: Draft, wish: Weakening, absent: bool) -> None:
    """One setting, of the whole device: nothing narrows it, so a narrower wish is refused."""
    if wish.setting != "no_syn_check":
        raise WishError(f"weaken: {wish.setting} is not of Junos, which has no_syn_check")
    if "security" not in draft.tree and not absent:
        raise WishError("weaken: the device has no 'security' in its configuration: it keeps no state of connections")
    if wish.scope and not absent:
        raise WishError(f"weaken: no_syn_check of Junos is for the whole device: {', '.join(wish.scope)} cannot narrow "
                        "it, leave that out if the whole device is meant")
    draft.touch(*_NO_SYN_CHECK)
    if absent:
        draft.drop(*_NO_SYN_CHECK, least=2)
    else:
        draft.put(*_NO_SYN_CHECK)
