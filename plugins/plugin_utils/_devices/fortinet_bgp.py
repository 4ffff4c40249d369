# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""BGP preferences of FortiOS, as route-maps of our own on a neighbor, and how many equal ways are used.

A map without conditions takes every route. Source: Fortinet, FortiOS CLI Reference, "config router route-map" and
"config router bgp".
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_tree import FortiDraft, quoted, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Multipath,
    Neighbour,
    WishError,
)

_BGP, _MAPS = "config router bgp", "config router route-map"
_RULE = ("config rule", "edit 1")


def prefer(draft: FortiDraft, wish: Neighbour, absent: bool) -> None:
    """One neighbour; raises WishError where something of somebody else is in the way."""
    if ":" in wish.address:
        raise WishError(f"neighbors of IPv6 ({wish.address}) are not changed on FortiGate by this version")
    _own(draft, wish.asn)
    there = [key[5:] for key in draft.at(_BGP, "config neighbor")]
    if wish.address not in there:
        raise WishError(f"BGP has no neighbor {wish.address}; it has {', '.join(there) or 'none'}")
    inbound = {"set-local-preference": str(wish.local_preference)} if wish.local_preference is not None else {}
    outbound = {"set-metric": str(wish.med)} if wish.med is not None else {}
    outbound |= {"set-aspath": quoted([" ".join([str(wish.asn)] * wish.prepend)])} if wish.prepend else {}
    for direction, sets in (("in", inbound), ("out", outbound)):
        if sets:
            _direction(draft, wish.address, direction, sets, absent)


def _direction(draft: FortiDraft, address: str, direction: str, sets: dict[str, str], absent: bool) -> None:
    name = f"{PREFIX}{direction.upper()}-{address}"
    neighbour = (_BGP, "config neighbor", f"edit {address}")
    rule = (_MAPS, f"edit {name}", *_RULE)
    draft.touch(*rule[:2])
    draft.touch(*neighbour)
    if absent:
        for key in sets:
            draft.put(rule, key, "")
        if not draft.at(*rule):
            if words(draft.value(*neighbour, f"route-map-{direction}")) == [name]:
                draft.put(neighbour, f"route-map-{direction}", "")
            draft.stage()
            draft.drop(*rule[:2])
        return
    for option in (f"route-map-{direction}", *(["route-map-out-preferable"] if direction == "out" else [])):
        foreign = [one for one in words(draft.value(*neighbour, option)) if one != name]
        if foreign:
            raise WishError(f"neighbor {address} has {option} {foreign[0]} already, which is not ours: put "
                            f"'set {' '.join(next(iter(sets.items())))}' into it by hand, or take it off the neighbor")
    for key, value in sets.items():
        draft.put(rule, key, value)
    draft.stage()
    draft.put(neighbour, f"route-map-{direction}", quoted([name]))


def spread(draft: FortiDraft, wish: Multipath, absent: bool) -> None:
    """Of BGP it is told only whether equal ways are used; how many at most is a number of the virtual domain."""
    _own(draft, wish.asn)
    for kind, most in (("ebgp", wish.ebgp), ("ibgp", wish.ibgp)):
        if most is not None:
            draft.touch(_BGP, f"set {kind}-multipath")
            draft.put((_BGP,), f"{kind}-multipath", "enable" if most > 1 and not absent else "")


def _own(draft: FortiDraft, asn: int) -> None:
    own = draft.value(_BGP, "as") or "none"
    if own != str(asn):
        raise WishError(f"the device is of autonomous system {own}, not {asn}")
