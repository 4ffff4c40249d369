# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Matches ``{sources, destinations, protocol, sports, dports, interfaces_out}``, and lists where the first one decides.

What a match does not name may be anything. An entry of an access list is a match, with ``deny`` where its packets go on
to the next list, and with ``unknown`` where a word of it is not known.
"""

from __future__ import annotations

import ipaddress
import typing as t

Dict = dict[str, t.Any]
NETWORKS, PORTS = ("sources", "destinations"), ("sports", "dports")
MATCHES = (*NETWORKS, "protocol", *PORTS, "interfaces_out")


class List(t.NamedTuple):
    """An access list, and what is done with the packets that it permits."""

    entries: t.Sequence[Dict]
    done: Dict


def match_of(entry: Dict) -> Dict:
    """The match in an entry, without what else stands there."""
    return {key: entry[key] for key in MATCHES if key in entry}


def common(one: Dict, other: Dict) -> Dict | None:
    """The match of what both match; None where there is no such packet."""
    found: Dict = {}
    for key in MATCHES:
        here, there = one.get(key), other.get(key)
        if here is None or there is None:
            value = there if here is None else here
        elif key == "protocol":
            value = here if here == there else []
        elif key == "interfaces_out":
            value = [name for name in here if name in there]
        else:
            value = (_networks if key in NETWORKS else _ranges)(here, there)
        if value == []:
            return None
        if value is not None:
            found[key] = value
    return found


def covers(one: Dict, other: Dict) -> bool:
    """Whether all that the other matches lies in one entry of each side of this."""
    for key in MATCHES:
        here, there = one.get(key), other.get(key)
        if here is None:
            continue
        if there is None or (key == "protocol" and here != there):
            return False
        if key == "interfaces_out" and not set(there) <= set(here):
            return False
        if key in NETWORKS and not all(any(_lies_in(inner, outer) for outer in here) for inner in there):
            return False
        if key in PORTS and not all(any(low <= first and last <= high for low, high in here) for first, last in there):
            return False
    return True


def decisions(lists: t.Sequence[List], nothing: Dict) -> t.Iterator[tuple[Dict, Dict]]:
    """Matches and what is done, of which the first that matches decides over all lists together.

    ``nothing`` is what is done with packets that a list denies and no later one permits.
    """
    if not lists:
        return
    first, *later = lists
    for entry in first.entries:
        match = match_of(entry)
        if "unknown" in entry:
            yield match, {**first.done, "unknown": [*first.done.get("unknown", ()), entry["unknown"]]}
        elif entry.get("deny"):
            for other, done in decisions(later, nothing):
                both = common(match, other)
                if both is not None:
                    yield both, done
            yield match, nothing
        else:
            yield match, first.done
    yield from decisions(later, nothing)


def overlap(one: List, other: List) -> bool:
    """Whether both may permit the same packet, so that their order matters."""
    return any(common(mine, theirs) is not None
               for denied, mine in _permitted(one) for refused, theirs in _permitted(other)
               if not any(covers(entry, theirs) for entry in denied)
               and not any(covers(entry, mine) for entry in refused))


def _permitted(one: List) -> t.Iterator[tuple[list[Dict], Dict]]:
    """Each match that is permitted, with those that are denied before it."""
    denied: list[Dict] = []
    for entry in one.entries:
        if entry.get("deny") and "unknown" not in entry:
            denied.append(match_of(entry))
        else:
            yield list(denied), match_of(entry)


def _networks(one: t.Sequence[str], other: t.Sequence[str]) -> list[str]:
    found = [inner for here in one for there in other
             for inner, outer in ((here, there), (there, here)) if _lies_in(inner, outer)]
    return list(dict.fromkeys(found))


def _lies_in(inner: str, outer: str) -> bool:
    one, other = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def _ranges(one: t.Sequence[t.Sequence[int]], other: t.Sequence[t.Sequence[int]]) -> list[list[int]]:
    both = [[max(low, first), min(high, last)] for low, high in one for first, last in other]
    return [[low, high] for low, high in both if low <= high]
