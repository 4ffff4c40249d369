# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The growth of counters in a window: invalid connections, reverse-path drops, packets that rules match."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ctnetlink, kernel_counters, netfilter
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError

Dict = dict[str, t.Any]
_REVERSE_PATH = "TcpExtIPReversePathFilter"
_REFUSED = ("insert_failed", "drop", "early_drop")  # connections that found no place in the table


class Reading(t.NamedTuple):
    """What is compared; None is what could not be read."""

    conntrack: t.Optional[dict[str, int]]
    counters: dict[str, int]
    rules: t.Optional[dict[tuple[str, str, str, str, int], int]]
    state_sync: t.Mapping[str, dict[str, int]] = {}


def sample(facts: t.Mapping[str, t.Any], seconds: float) -> Dict:
    """Read what the facts hold once more, before and after ``seconds``, and return the growth.

    That of the daemons in ``state_sync`` is added to them.
    """
    began = time.monotonic()
    first = _read(facts)
    time.sleep(seconds)
    second = _read(facts)
    passed = round(time.monotonic() - began, 3)
    if first.state_sync:
        from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import gather as statesync

        statesync.add_growth(facts["state_sync"], first.state_sync, second.state_sync, passed)
    return {"seconds": passed, **growth(first, second)}


def _read(facts: t.Mapping[str, t.Any]) -> Reading:
    conntrack = rules = None
    try:
        if "stats" in facts.get("conntrack", {}):
            conntrack = ctnetlink.read_statistics()
        if facts.get("netfilter", {}).get("backends"):
            rules = netfilter.counters_of(netfilter.read()[0])
    except (CommandError, NetlinkError):  # what could be read a moment ago is gone: no growth is known
        pass
    return Reading(conntrack, kernel_counters.read(), rules, _read_state_sync(facts))


def _read_state_sync(facts: t.Mapping[str, t.Any]) -> dict[str, dict[str, int]]:
    if not any("counters" in item for item in facts.get("state_sync", ())):
        return {}
    from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import gather as statesync

    return statesync.counters_of(facts["state_sync"])


def growth(first: Reading, second: Reading) -> Dict:
    """The growth between two readings. Counters that fell were reset in between and are left out. Pure."""
    result: Dict = {}
    if first.conntrack is not None and second.conntrack is not None:
        grown = {name: max(0, second.conntrack.get(name, 0) - count) for name, count in first.conntrack.items()}
        result["conntrack_invalid"] = grown.get("invalid", 0)
        refused = {name: grown[name] for name in _REFUSED if grown.get(name)}
        result.update({"conntrack": refused} if refused else {})
    if _REVERSE_PATH in first.counters and _REVERSE_PATH in second.counters:
        result["reverse_path_filter"] = max(0, second.counters[_REVERSE_PATH] - first.counters[_REVERSE_PATH])
    if first.rules is not None and second.rules is not None:
        result["rules"] = [
            {"family": family, "table": table, **({"backend": backend} if backend else {}), "chain": chain,
             "handle": handle, "packets": packets - before}
            for (family, table, backend, chain, handle), packets in second.rules.items()
            for before in [first.rules.get((family, table, backend, chain, handle), packets)]
            if packets > before
        ]
    return result
