# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""BGP preferences as route-maps of our own on a neighbour, in the words that Cisco IOS and FRRouting share."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import Line, Path, Tree, find
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Multipath,
    Neighbour,
    WishError,
)

Sets = t.Sequence[tuple[str, str]]  # lines of a route-map, and what a line begins with that each takes the place of


def neighbour_lines(tree: Tree, wish: Neighbour, families: t.Sequence[str], absent: bool) -> list[Line]:
    """The lines of one neighbour; ``families``: sections of the router in which neighbours have their route-maps.

    Raises WishError where there is no such neighbour, or where somebody else's route-map is on it.
    """
    router = router_of(tree, wish.asn)
    sections = [tree[router], *(tree[router][family] for family in families if family in tree[router])]
    known = sorted({text.split()[1] for section in sections for text in section if text.startswith("neighbor ")})
    if wish.address not in known:
        raise WishError(f"'{router}' has no neighbor {wish.address}; it has {', '.join(known) or 'none'}")
    place = _place(tree, router, wish.address, families)
    found: list[Line] = []
    for direction, sets in preferences(wish):
        found += _direction(tree, place, wish.address, direction, sets, absent)
    return found


def router_of(tree: Tree, asn: int) -> str:
    """The section of the router; raises WishError with those that there are."""
    router = f"router bgp {asn}"
    if router not in tree:
        there = [text for text in tree if text.startswith("router bgp ")]
        raise WishError(f"there is no '{router}' on the device; it has {', '.join(there) or 'no BGP'}")
    return router


def multipath_lines(
    tree: Tree, wish: Multipath, families: t.Sequence[str], absent: bool, hidden: int | None = None,
    external: str = "maximum-paths",
) -> list[Line]:
    """How many equal ways of IPv4 are used; of ``families``, as for a neighbour, the first that is there counts.

    ``hidden``: the number that the platform has by itself, and does not show.
    """
    router = router_of(tree, wish.asn)
    own = (router,) if families[0].startswith("?") else (router, families[0])
    place: Path = next(((router, family) for family in families if family in tree[router]), own)
    found = []
    for begin, most in ((external, wish.ebgp), ("maximum-paths ibgp", wish.ibgp)):
        there = [text for text in find(tree, place) or {} if re.match(rf"{begin} \d+", text)]
        if most is not None and (absent or most == hidden):
            found += [Line(place, text, absent=True) for text in there or (f"{begin} {most}",)]
        elif most is not None and not any(re.match(rf"{begin} {most}( |$)", text) for text in there):
            found.append(Line(place, f"{begin} {most}", rf"{begin} \d+"))
        else:
            found += [Line(place, text) for text in there if most is not None]
    return found


def preferences(wish: Neighbour) -> list[tuple[str, Sets]]:
    """What is set of routes that come "in" and go "out"; a direction of which nothing is asked is left out."""
    return [(direction, sets) for direction, sets in (("in", _inbound(wish)), ("out", _outbound(wish))) if sets]


def directions(wish: Neighbour) -> list[str]:
    """What has to be exchanged anew."""
    return [direction for direction, _sets in preferences(wish)]


def own_name(address: str, direction: str) -> str:
    return f"{PREFIX}{direction.upper()}-{address.replace(':', '_')}"


def map_lines(tree: Tree, place: Path, attached: str, name: str, sets: Sets, absent: bool) -> list[Line]:
    """A route-map of ours, and the line that puts it on a neighbor."""
    entry = f"route-map {name} permit 10"
    if not absent:
        return [*(Line((entry,), text, re.escape(begin), removes="prepend" in begin) for text, begin in sets),
                Line(place, attached)]
    ours = [text for text in tree.get(entry, {}) if any(text.startswith(begin) for _text, begin in sets)]
    if len(ours) < len(tree.get(entry, {})):
        return [Line((entry,), text, absent=True) for text in ours]
    return [Line(place, attached, absent=True), Line((), entry, absent=True)]


def theirs(whose: str, attached: str, first: str) -> WishError:
    """Somebody else's route-map or policy is on the neighbor, or on what it inherits from."""
    return WishError(f"neighbor {whose} has {attached} already, which is not ours: put '{first}' into it by hand, or "
                     "take it off the neighbor")


def _place(tree: Tree, router: str, address: str, families: t.Sequence[str]) -> Path:
    """Where the neighbour's route-maps stand: in the section of its family that names it, or must be there."""
    for family in families:
        section = tree[router].get(family)
        if section is not None and any(text.startswith(f"neighbor {address} ") for text in section):
            return router, family
    return (router, families[0]) if families and not families[0].startswith("?") else (router,)


def _inbound(wish: Neighbour) -> list[tuple[str, str]]:
    if wish.local_preference is None:
        return []
    return [(f"set local-preference {wish.local_preference}", "set local-preference ")]


def _outbound(wish: Neighbour) -> list[tuple[str, str]]:
    found = []
    if wish.med is not None:
        found.append((f"set metric {wish.med}", "set metric "))
    if wish.prepend:
        found.append((f"set as-path prepend {' '.join([str(wish.asn)] * wish.prepend)}", "set as-path prepend "))
    return found


def _direction(tree: Tree, place: Path, address: str, direction: str, sets: Sets, absent: bool) -> list[Line]:
    name = own_name(address, direction)
    section = tree[place[0]] if len(place) == 1 else tree[place[0]].get(place[1], {})
    names = [address, *(text.split()[-1] for text in (*tree[place[0]], *section)
                        if re.match(rf"neighbor {re.escape(address)} (peer[- ]group|inherit peer-policy) \S+$", text))]
    whose = "|".join(map(re.escape, names))
    pattern = re.compile(rf"neighbor (?P<whose>{whose}) route-map (?P<name>\S+) {direction}$")
    there = filter(None, map(pattern.match, (*section, *tree[place[0]])))
    foreign = next((match for match in there if match["name"] != name), None)
    if foreign and not absent:
        raise theirs(foreign["whose"], f"route-map {foreign['name']} {direction}", sets[0][0])
    return map_lines(tree, place, f"neighbor {address} route-map {name} {direction}", name, sets, absent)
