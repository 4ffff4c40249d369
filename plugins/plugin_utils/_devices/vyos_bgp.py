# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""BGP of VyOS: preferences by a route-map of ours on a neighbour, and how many equal ways are used.

Source: VyOS, "BGP" and "Route Map Policy", of release 1.4 and later.
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Multipath,
    Neighbour,
    WishError,
)

_BGP = ("protocols", "bgp")
Set = tuple[str, ...]


def _own(draft: Draft, asn: int) -> None:
    """Raise WishError where BGP is of another number, or written as older releases do."""
    there = [one for one in draft.at(*_BGP) if one.isdigit()]
    if there:
        raise WishError(f"'protocols bgp {there[0]}' is how VyOS 1.3 and older write BGP; 1.4 and later are changed")
    own = next(iter(draft.at(*_BGP, "system-as")), "")
    if own != str(asn):
        raise WishError(f"the device is of autonomous system {own or 'none'}, not {asn}")


def prefer(draft: Draft, wish: Neighbour, absent: bool) -> None:
    """What is thought of a neighbour, and what it is told."""
    _own(draft, wish.asn)
    if wish.address not in draft.at(*_BGP, "neighbor"):
        there = ", ".join(draft.at(*_BGP, "neighbor")) or "none"
        raise WishError(f"BGP has no neighbor {wish.address}; it has {there}")
    inbound: list[Set] = []
    if wish.local_preference is not None:
        inbound.append(("local-preference", str(wish.local_preference)))
    outbound: list[Set] = []
    if wish.med is not None:
        outbound.append(("metric", str(wish.med)))
    if wish.prepend:
        outbound.append(("as-path", "prepend", " ".join([str(wish.asn)] * wish.prepend)))
    for word, sets in (("import", inbound), ("export", outbound)):
        if sets:
            _direction(draft, wish.address, word, sets, absent)


def _direction(draft: Draft, address: str, word: str, sets: list[Set], absent: bool) -> None:
    name = f"{PREFIX}{'IN' if word == 'import' else 'OUT'}-{address.replace(':', '_')}"
    family = "ipv6-unicast" if ":" in address else "ipv4-unicast"
    maps = ("address-family", family, "route-map", word)
    neighbour = (*_BGP, "neighbor", address)
    groups = [(*_BGP, "peer-group", group) for group in draft.at(*neighbour, "peer-group")]
    inherited = any(family in draft.at(*group, "address-family") for group in groups)
    rule = ("policy", "route-map", name, "rule", "10")
    draft.touch(*rule[:3])
    draft.touch(*neighbour, *maps)
    if absent:
        for one in sets:
            for value in [*draft.at(*rule, "set", *one[:-1])]:
                draft.drop(*rule, "set", *one[:-1], value, least=len(rule) + 1)
        if not draft.at(*rule, "set"):
            draft.drop(*rule[:3], least=1)
            # the family of a neighbor must stay, empty as it may be: without it no routes are exchanged
            draft.drop(*neighbour, *maps, name, least=len(neighbour) + (1 if inherited else 3))
        return
    if not inherited and family not in draft.at(*neighbour, "address-family"):
        raise WishError(f"neighbor {address} has no address-family {family}, and would get it with the route-map: set "
                        "that by hand first, if routes shall be exchanged")
    for place in (neighbour, *groups):
        foreign = [one for one in draft.at(*place, *maps) if one != name]
        if foreign:
            raise WishError(f"{' '.join(place[2:])} has route-map {word} {foreign[0]} already, which is not ours: put "
                            f"'set {' '.join(sets[0])}' into it by hand, or take it off")
    draft.put(*rule, "action", "permit")
    for one in sets:
        for value in [*draft.at(*rule, "set", *one[:-1])]:
            if value != one[-1]:
                draft.drop(*rule, "set", *one[:-1], value, least=len(rule) + 1 + len(one))
        draft.put(*rule, "set", *one)
    draft.put(*neighbour, *maps, name)


def spread(draft: Draft, wish: Multipath, absent: bool) -> None:
    """The platform by itself uses all equal ways, so one is a number like any other."""
    _own(draft, wish.asn)
    place = (*_BGP, "address-family", "ipv4-unicast", "maximum-paths")
    draft.touch(*place)
    for word, most in (("ebgp", wish.ebgp), ("ibgp", wish.ibgp)):
        if most is None:
            continue
        for value in [*draft.at(*place, word)]:
            if absent or value != str(most):
                draft.drop(*place, word, value, least=len(_BGP) + 1)
        if not absent:
            draft.put(*place, word, str(most))
