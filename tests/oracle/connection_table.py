# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection table of this namespace, by the collection's own reader, beside the engine's."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ctnetlink
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Entry, Tracker

_MANY = 1000
_PATIENCE = 0.5  # seconds in which a busy machine has surely taken the last packet in hand


def differences(tracker: Tracker) -> list[str]:
    """A line for every connection that only one of both has, or that both have in another state."""
    end = time.monotonic() + _PATIENCE
    while True:
        found = _differences(tracker)
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.02)


def _differences(tracker: Tracker) -> list[str]:
    real = {_key(entry): _real(entry) for entry in ctnetlink.read_entries([], _MANY, 0)}
    ours = {(str(entry.original), _zones(entry)): _ours(entry) for entry in tracker.entries}
    return [
        f"connection {key[0]} zone {key[1]}: the kernel has {real.get(key)}, the engine {ours.get(key)}"
        for key in sorted({*real, *ours})
        if real.get(key) != ours.get(key)
    ]


def _key(entry: t.Mapping[str, t.Any]) -> tuple[str, tuple[int, int]]:
    zones = [int(entry[side].get("zone", entry["zone"])) for side in ("original", "reply")]
    return str(_flow(entry, "original")), (zones[0], zones[1])


def _zones(entry: Entry) -> tuple[int, int]:
    return entry.zone.of("original"), entry.zone.of("reply")


def _real(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    values = {"reply": str(_flow(entry, "reply")), "mark": entry["mark"], "seen_reply": not entry["unreplied"]}
    if entry["protocol"] == "tcp":  # UDP is assured by its timing
        values.update(state=entry.get("state", ""), assured="assured" in entry["status"])
    return values


def _flow(entry: t.Mapping[str, t.Any], side: str) -> Flow:
    got = entry[side]
    identifier = got.get("id")
    ports = (got.get("sport", identifier), got.get("dport", identifier))
    return Flow(entry["protocol"], got["source"], got["destination"], *ports)


def _ours(entry: Entry) -> dict[str, t.Any]:
    values = {"reply": str(entry.reply), "mark": entry.mark, "seen_reply": entry.seen_reply}
    if entry.tcp is not None:
        values.update(state=entry.tcp.state, assured=entry.tcp.assured)
    return values
