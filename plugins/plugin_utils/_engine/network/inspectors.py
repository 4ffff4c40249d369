# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Boxes that only listen (IDS, taps, mirror ports), ``symmetry_inspectors``: they must see both directions."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts, Site
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import (
    SiteError,
    list_of,
    name_of,
    record_of,
)

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path

VARIABLE = "symmetry_inspectors"


@dataclasses.dataclass(frozen=True)
class Inspector:
    """One inspector and the interfaces (host, interface) whose packets it sees, in and out."""

    name: str
    places: frozenset[tuple[str, str]]

    def sees(self, path: Path | None) -> bool:
        """Whether any packet of the path passes an interface that it listens to."""
        return path is not None and any(
            (host, interface) in self.places for host, iif, oif in path.links() for interface in (iif, oif))


def read_inspectors(variables: t.Mapping[str, Facts], site: Site) -> tuple[Inspector, ...]:
    """The inspectors of all hosts: ``{name, interface}`` on that host, or ``{name, segment}``; raises SiteError.

    Entries of one name are one inspector with several ports.
    """
    places: dict[str, set[tuple[str, str]]] = {}
    for host, values in variables.items():
        for index, item in enumerate(list_of(host, VARIABLE, values.get(VARIABLE))):
            where = f"{VARIABLE}[{index}]"
            entry = record_of(host, where, item, ("name", "interface", "segment"), ("name",))
            if ("interface" in entry) == ("segment" in entry):
                raise SiteError(host, where, "give either interface (of this host) or segment (of symmetry_segments)")
            name = name_of(host, f"{where}.name", entry["name"])
            places.setdefault(name, set()).update(_places(host, where, entry, site))
    return tuple(Inspector(name, frozenset(found)) for name, found in places.items())


def _places(host: str, where: str, entry: Facts, site: Site) -> t.Iterable[tuple[str, str]]:
    if "interface" in entry:
        return [(host, name_of(host, f"{where}.interface", entry["interface"]))]
    wanted = name_of(host, f"{where}.segment", entry["segment"])
    found = [place for place, segment in site.segments.items() if segment == wanted]
    if not found:
        known = ", ".join(sorted(set(site.segments.values()))) or "none"
        raise SiteError(host, f"{where}.segment", f"no interface is declared in segment {wanted!r}; there are {known}")
    return found
