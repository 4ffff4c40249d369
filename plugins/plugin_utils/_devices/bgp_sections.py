# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""BGP neighbours that are sections with one below for each family, as IOS-XR and NX-OS have them."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import router_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import Path, Tree, find
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import Neighbour, WishError

_INHERITS = re.compile(r"(?:use (?:neighbor|af|session)-group|inherit peer(?:-policy|-session)?) (?P<name>\S+)")
_GROUP = re.compile(r"(?:(?:neighbor|af|session)-group|template peer(?:-policy|-session)?) (?P<name>\S+)")


def place_of(tree: Tree, wish: Neighbour, absent: bool) -> Path:
    """The section of the neighbour's family, its own or one to be; raises WishError.

    A family that it does not speak at all is not begun with it.
    """
    router = router_of(tree, wish.asn)
    heads = {text.split()[1]: text for text in tree[router] if text.startswith("neighbor ")}
    if wish.address not in heads:
        raise WishError(f"'{router}' has no neighbor {wish.address}; it has {', '.join(heads) or 'none'}")
    place = (router, heads[wish.address], f"address-family ipv{6 if ':' in wish.address else 4} unicast")
    if not absent and not any(place[-1] in section for _whose, section in _sections(tree, place)):
        raise WishError(f"neighbor {wish.address} has no {place[-1]}: set it by hand")
    return place


def said(tree: Tree, place: Path) -> list[tuple[str, str]]:
    """The lines that count for a neighbour and its family, each with whose it is: its own, then those of groups."""
    return [(whose, text) for whose, section in _sections(tree, place)
            for text in (*section, *(find(section, place[-1:]) or {}))]


def _sections(tree: Tree, place: Path) -> t.Iterator[tuple[str, Tree]]:
    router, head, family = place
    waiting: list[tuple[str, Tree]] = [(head.split()[1], tree[router][head])]
    seen: set[str] = set()
    while waiting:
        whose, section = waiting.pop(0)
        yield whose, section
        for match in map(_INHERITS.match, (*section, *(find(section, (family,)) or {}))):
            if match and match["name"] not in seen:
                seen.add(match["name"])
                waiting += [(match["name"], tree[router][text]) for text in tree[router]
                            if _named(text) == match["name"]]


def _named(text: str) -> str:
    match = _GROUP.match(text)
    return match["name"] if match else ""


def foreign(tree: Tree, place: Path, word: str, direction: str, name: str) -> tuple[str, str] | None:
    """Whose, and which line puts a policy on the neighbour that is not the one of this name."""
    for whose, text in said(tree, place):
        if re.match(rf"{word} \S+ {direction}$", text) and text.split()[1] != name:
            return whose, text
    return None
