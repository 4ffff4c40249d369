# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is persisted: the rules, routes, nft table and sysctls that are ours, and their text in files. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import (
    NFT_FAMILY,
    NFT_TABLE,
    PROTOCOL,
    TRANSIENT,
    scope_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import simulate
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import route_arguments, rule_arguments

FOLDER = "/etc/netpath-symmetry"
NFT_FILE = f"{FOLDER}/table.nft"
SYSCTL_FILE = "/etc/sysctl.d/99-netpath-symmetry.conf"  # of interfaces
HASH_FILE = "/etc/sysctl.d/99-netpath-symmetry-hash.conf"
_HEAD = f"table {NFT_FAMILY} {NFT_TABLE} {{\n"


@dataclasses.dataclass(frozen=True)
class Owned:
    """What is ours on a host; the nft table as text that ``nft -f`` reads, empty where there is none."""

    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    table: str = ""
    sysctls: tuple[tuple[str, int], ...] = ()  # path below /proc/sys, value; of interfaces
    hash: tuple[tuple[str, int], ...] = ()  # the same of how flows are hashed over next hops

    @property
    def devices(self) -> list[str]:
        """The interfaces that our routes name."""
        return sorted({leg.device for route in self.routes for leg in route.nexthops if leg.device})

    def text(self) -> str:
        """What is ours at run time, as text: what a host must hold before and after its managers were told."""
        return simulate.text(self.rules, self.routes) + self.table


def owned_by(
    host: Host, table: str, sysctls: t.Mapping[str, int], hashing: t.Optional[t.Mapping[str, int]] = None
) -> Owned:
    """What of the host is ours, by its marks; not what the watcher of uplinks has put in for the moment."""
    return Owned(
        tuple(r for r in host.rules if r.protocol == PROTOCOL and scope_of(r.priority) not in TRANSIENT),
        tuple(
            simulate.canonical(route)
            for route in host.routes
            if route.protocol == PROTOCOL and scope_of(route.table) not in TRANSIENT
        ),
        table,
        tuple(sorted(sysctls.items())),
        tuple(sorted((hashing or {}).items())),
    )


def with_planned(host: Host, planned: t.Iterable[t.Mapping[str, t.Any]]) -> Host:
    """The host with the changes of results of earlier tasks, which check mode did not carry out.

    Raises KeyError, TypeError or ValueError for what is no such result.
    """
    changes = [change for result in planned for change in map(_change_of, result["changes"]) if change is not None]
    rules, routes = simulate.after(host.rules, host.routes, changes)
    return dataclasses.replace(host, rules=tuple(rules), routes=tuple(routes))


def planned_parts(parts: t.Mapping[str, str], planned: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, str]:
    """The parts of our nft table by the subjects of their plans, with the planned text of results of earlier tasks."""
    after = dict(parts)
    for result in planned:
        if any(change.get("kind") == "nft" for change in result["changes"]):
            subject = str(result["diff"]["before_header"]).rpartition(" (")[0]
            if subject not in after:
                raise ValueError(f"no part of our nft table is called {subject!r}")
            after[subject] = _table_in(str(result["diff"]["after"]))
    return after


def _table_in(text: str) -> str:
    """Our nft table out of the text of a plan, which may tell of sysctls and of the register, too."""
    lines = text.splitlines(keepends=True)
    if _HEAD not in lines:
        return ""
    first = lines.index(_HEAD)
    return without_empty("".join(lines[first : lines.index("}\n", first) + 1]))


def without_empty(table: str) -> str:
    """The text, empty where nothing is in the table: whether it stands is no matter to any part of it."""
    return "" if table == f"{_HEAD}}}\n" else table


def _change_of(data: t.Mapping[str, t.Any]) -> t.Optional[Change]:
    kinds: dict[str, t.Any] = {"rule": Rule, "route": Route}
    kind = kinds.get(data["kind"])
    if kind is None:
        return None
    before, after = (kind.from_dict(data[side]) if data.get(side) else None for side in ("before", "after"))
    return Change(str(data["kind"]), str(data["op"]), before, after)


def is_bound(route: Route) -> bool:
    """Whether the route comes and goes with an interface."""
    return any(leg.device for leg in route.nexthops)


def batch_files(rules: t.Iterable[Rule], routes: t.Iterable[Route], links: t.Iterable[Route]) -> list[File]:
    """Files for ``ip -batch``: rules, with routes that need no interface, by which all begins, and routes that do."""
    files = []
    for family in (4, 6):
        first = [f"rule add {rule_arguments(rule)}" for rule in rules if rule.family == family]
        first += [f"route replace {route_arguments(route)}" for route in routes if route.family == family]
        later = [f"route replace {route_arguments(route)}" for route in links if route.family == family]
        for name, lines in ((f"rules.ipv{family}", first), (f"routes.ipv{family}", later)):
            if lines:
                path = f"{FOLDER}/{name}"
                head = f"# {WRITTEN_BY}\n# For ip -{family} -batch; see symmetry-restore.service.\n"
                files.append(File(path, head + "".join(f"{line}\n" for line in lines)))
    return files


def nft_file(table: str) -> list[File]:
    """The file for ``nft -f``."""
    return [File(NFT_FILE, f"# {WRITTEN_BY}\n# Loaded by symmetry-nft.service.\n{table}")] if table else []


def sysctl_file(path: str, sysctls: t.Sequence[tuple[str, int]]) -> list[File]:
    """A drop-in of sysctl.d, with slashes, so that an interface may have dots in its name."""
    if not sysctls:
        return []
    return [File(path, f"# {WRITTEN_BY}\n" + "".join(f"{name} = {value}\n" for name, value in sysctls))]
