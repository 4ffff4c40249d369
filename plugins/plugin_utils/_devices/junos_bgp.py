# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""BGP of Junos: preferences by a policy-statement of ours on a neighbour, and whether equal ways are all used."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Multipath,
    Neighbour,
    WishError,
)

_BGP = ("protocols", "bgp")


def _own(draft: Draft, asn: int) -> None:
    own = next(iter(draft.at("routing-options", "autonomous-system")), "")
    if own != str(asn):
        raise WishError(f"the device is of autonomous system {own or 'none'}, not {asn}")


def prefer(draft: Draft, wish: Neighbour, absent: bool) -> None:
    """What is thought of a neighbour, and what it is told."""
    _own(draft, wish.asn)
    groups = draft.at(*_BGP, "group")
    members = {name: [*draft.at(*_BGP, "group", name, "neighbor")] for name in groups}
    group = next((name for name in groups if wish.address in members[name]), "")
    if not group:
        there = [one for name in groups for one in members[name]]
        raise WishError(f"BGP has no neighbor {wish.address}; it has {', '.join(there) or 'none'}")
    inbound = [("local-preference", str(wish.local_preference))] if wish.local_preference is not None else []
    outbound = [("metric", str(wish.med))] if wish.med is not None else []
    outbound += [("as-path-prepend", " ".join([str(wish.asn)] * wish.prepend))] if wish.prepend else []
    for word, sets in (("import", inbound), ("export", outbound)):
        if sets:
            _direction(draft, group, wish.address, word, sets, absent)


def _direction(draft: Draft, group: str, address: str, word: str, sets: list[tuple[str, str]], absent: bool) -> None:
    name = f"{PREFIX}{'IN' if word == 'import' else 'OUT'}-{address.replace(':', '_')}"
    place = (*_BGP, "group", group, "neighbor", address)
    then = ("policy-options", "policy-statement", name, "term", "1", "then")
    draft.touch(*then[:3])
    draft.touch(*place)
    if absent:
        for text, _value in sets:
            draft.drop(*then, text, least=3)
        if name not in draft.at(*then[:2]):
            draft.drop(*place, word, name, least=len(place) + 1)
        return
    for where in (place, place[:-2], _BGP):
        foreign = [one for one in draft.at(*where, word) if one != name]
        if foreign:
            raise WishError(f"neighbor {address} has {word} {foreign[0]} already (by {' '.join(where)}), which is not "
                            f"ours: put '{sets[0][0]} {sets[0][1]}' into it by hand, or take it off")
    for text, value in sets:
        if value not in draft.at(*then, text):
            draft.drop(*then, text, least=len(then) + 1)
            draft.put(*then, text, value)
    draft.put(*place, word, name)


def spread(draft: Draft, wish: Multipath, absent: bool) -> None:
    """One way, or all equal ones: there is no number. Groups are of one kind; what else is said with it stays."""
    _own(draft, wish.asn)
    kinds = {name: _kind(draft, name, wish.asn) for name in draft.at(*_BGP, "group")}
    for kind, most in (("external", wish.ebgp), ("internal", wish.ibgp)):
        groups = [name for name in kinds if kinds[name] == kind]
        if most is not None and not groups:
            told = ", ".join(f"{name} ({kinds[name] or 'of no one kind'})" for name in kinds)
            raise WishError(f"multipath: BGP has no group that is {kind}; it has {told or 'none'}")
        for name in groups if most is not None else ():
            _spread(draft, name, most != 1 and not absent)


def _kind(draft: Draft, group: str, asn: int) -> str:
    """What the group says, or what its members' numbers say; empty where they are not all alike."""
    place = (*_BGP, "group", group)
    said = next(iter(draft.at(*place, "type")), "")
    numbers = {*draft.at(*place, "peer-as"),
               *(one for name in draft.at(*place, "neighbor") for one in draft.at(*place, "neighbor", name, "peer-as"))}
    if said or not numbers:
        return said
    internal = {one == str(asn) for one in numbers}
    return "" if len(internal) > 1 else "internal" if internal == {True} else "external"


def _spread(draft: Draft, group: str, several: bool) -> None:
    place = (*_BGP, "group", group, "multipath")
    draft.touch(*place)
    if several:
        draft.drop(*place, "disable", least=len(place) + 1)
        draft.state(*place)
        return
    inner = [(*place[:-1], "neighbor", name) for name in draft.at(*place[:-1], "neighbor")]
    for around in (_BGP, *inner):
        if "multipath" in draft.at(*around) and "disable" not in draft.at(*around, "multipath"):
            raise WishError(f"multipath: '{' '.join(around)} multipath' is there, which counts for {group} or a part "
                            "of it: take it away by hand first")
    draft.drop(*place, least=len(place))
