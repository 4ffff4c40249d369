# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the statements of netfilter rules change: marks, the type of service, and how the connection is tracked."""

from __future__ import annotations

import dataclasses
import functools
import operator
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import flowtable
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import (
    NO_ZONE,
    Connection,
    Entry,
    Offload,
    Zone,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.fields import (
    ABSENT,
    unsure_bits,
    value_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.match import Sets, within
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation

Statement = t.Mapping[str, t.Any]
# statements that neither stop a packet nor change what routing sees of it
_HARMLESS = (
    *("counter", "log", "limit", "quota", "last", "update_set", "set_mss", "ct_helper", "ct_timeout"),
    "dup",
)
_BITS32 = 0xFFFFFFFF
_CHOSEN = ("numgen", "jhash", "symhash", "hmark")  # values that are not known before the packet comes


class Effects:
    """The packet as the rules so far have left it; what they change stays for the chains after."""

    def __init__(self, situation: Situation) -> None:
        self.now = situation
        self.sets: Sets = {}
        self.untracked = False
        self.zone = NO_ZONE
        self.offload: tuple[str, ...] | None = None  # the devices of a flowtable that takes up the connection
        self._template = False  # a zone, helper or timeout policy is set for the connection to come

    def apply(self, statement: Statement, doubt: bool) -> tuple[bool, str]:
        """Whether the rule goes on after a statement, and what is not known about its effect (empty: all is known).

        With ``doubt`` the packet only may be here.
        """
        do = statement.get("do", "unknown")
        if do in _HARMLESS:
            return True, ""
        if do == "set_mark":
            return self._set_mark(statement, "mark", doubt), ""
        if do == "set_ct_mark":
            if self.now.connection.entry is None:
                return True, ""
            return self._set_mark(statement, "ct_mark", doubt), ""
        if do == "flow_offload":
            return self._offload(statement, doubt)
        if do == "set_tos":
            return True, self._set_tos(statement, doubt)
        if do in ("notrack", "set_zone", "ct_template"):
            return self._set_tracking(statement, doubt)
        return True, f"its {do} statement is not understood"

    def _set_mark(self, statement: Statement, which: str, doubt: bool) -> bool:
        """new = (old & ~mask) | (value & mask), or with ``xor`` (old & ~mask) ^ value."""
        mask = int(str(statement.get("mask", _BITS32)), 0)
        value, unknown = self._mark_value(statement.get("value"))
        if value is ABSENT:
            return False
        old, old_unknown = getattr(self.now, which), getattr(self.now, f"unknown_{which}")
        xor = bool(statement.get("xor", False))
        if doubt or value is None:
            touched = mask if not xor else (_BITS32 if value is None else mask | value | unknown)
            changed = {which: old & ~touched & _BITS32, f"unknown_{which}": old_unknown | touched}
        else:
            new = old & ~mask ^ value if xor else old & ~mask | value & mask
            unsure = old_unknown & ~mask | (unknown if xor else unknown & mask)
            changed = {which: new & ~unsure & _BITS32, f"unknown_{which}": unsure}
        self.now = dataclasses.replace(self.now, **changed)
        return True

    def _mark_value(self, value: t.Any) -> tuple[t.Any, int]:
        """The known bits of a value and a mask of the unknown ones: ABSENT where it cannot be read, None: not known."""
        if value == "ct mark":
            # without an entry there is no mark to read, and the rule stops there
            return (self.now.ct_mark, self.now.unknown_ct_mark) if self.now.connection.entry else (ABSENT, 0)
        if value == "meta mark":
            return self.now.mark, self.now.unknown_mark
        if isinstance(value, dict) and "map" in value:
            return self._mapped_mark(value)
        if isinstance(value, dict) and "of" in value:  # ((the mark & and) | or) ^ xor
            mark, unknown = self._mark_value(value["of"])
            if mark is ABSENT:
                return mark, 0
            unknown &= value["and"] & ~value.get("or", 0)
            return ((mark & value["and"] | value.get("or", 0)) ^ value.get("xor", 0)) & ~unknown & _BITS32, unknown
        if isinstance(value, dict):
            return _chosen(value)
        return (value, 0) if isinstance(value, int) and not isinstance(value, bool) else (None, 0)

    def _mapped_mark(self, value: t.Mapping[str, t.Any]) -> tuple[t.Any, int]:
        if isinstance(value["key"], dict):  # one of the map's values, by chance
            pairs = value["map"] if isinstance(value["map"], list) else []
            results = [result for _element, result in pairs]
            if not results or not all(isinstance(result, int) for result in results):
                return None, 0
            same = functools.reduce(operator.and_, results)
            unknown = functools.reduce(operator.or_, results) ^ same
            return same, unknown
        found = self.look_up(str(value["key"]), value["map"])
        return (found, 0) if found is ABSENT or isinstance(found, int) else (None, 0)

    def look_up(self, key: str, mapping: t.Any, mask: int = 0xFFFFFFFF) -> t.Any:
        """The value that a map gives for the packet: ABSENT without one, None where that is not known."""
        complete = True
        if isinstance(mapping, str):
            named = self.sets.get(mapping.lstrip("@"))
            if named is None:
                return None
            mapping, complete = named.elements, named.complete
        value = value_of(key, self.now)
        if value is ABSENT:
            return ABSENT
        if unsure_bits(key, self.now) & mask:
            return None
        if isinstance(value, int) and key in ("meta mark", "ct mark"):
            value &= mask
        for element, result in mapping or ():
            inside = element != "*" and within(value, element, key, self.sets)
            if inside is None:
                return None
            if inside:
                return result
        return {str(element): result for element, result in mapping or ()}.get("*", ABSENT) if complete else None

    def _set_tos(self, statement: Statement, doubt: bool) -> str:
        mask, value = statement.get("mask", 0xFF), statement["value"]
        old = self.now.packet.tos
        new = (old & ~mask ^ value if statement.get("xor") else old & ~mask | value & mask) & 0xFF
        if doubt and new != old:
            return "it may change the type of service"
        self.now = dataclasses.replace(self.now, packet=dataclasses.replace(self.now.packet, tos=new))
        return ""

    def _offload(self, statement: Statement, doubt: bool) -> tuple[bool, str]:
        connection = self.now.connection
        if self.now.hook != "forward" or not flowtable.takes_up(connection, self.now.packet):
            return False, ""
        if doubt:
            return True, "it may hand the connection to a flowtable"
        self.offload = tuple(statement.get("devices", ()))
        entry = dataclasses.replace(t.cast(Entry, connection.entry), offload=Offload())  # a second rule finds it so
        self.now = dataclasses.replace(self.now, connection=dataclasses.replace(connection, entry=entry))
        return True, ""

    def _set_tracking(self, statement: Statement, doubt: bool) -> tuple[bool, str]:
        """nft_notrack_eval, nft_ct_set_zone_eval, xt_ct_target: nothing is done once the packet has its connection."""
        do = statement["do"]
        if self._template or (self.now.connection.state and not self.untracked):
            return True, ""
        if self.untracked and (do == "notrack" or statement.get("unless_set") or do == "ct_template"):
            return True, ""
        if doubt:
            return True, "it may change how the connection is tracked"
        if do == "notrack":
            self.untracked = True
            self.now = dataclasses.replace(self.now, connection=Connection("untracked"))
            return True, ""
        if do == "set_zone":
            value = statement.get("value")
            zone, unknown = self._mark_value(value)
            if zone is ABSENT:
                return False, ""
            if zone is None or unknown & 0xFFFF:
                return True, "the zone that it sets is not known"
            self.zone = Zone(zone & 0xFFFF, str(statement.get("direction", "")))
            if self.untracked:
                self.now = dataclasses.replace(self.now, connection=Connection())
        self._template, self.untracked = True, False
        return True, ""


def _chosen(value: t.Mapping[str, t.Any]) -> tuple[t.Any, int]:
    """What is known of a value that the kernel counts, draws or hashes: which bits it may have."""
    kind = next((kind for kind in _CHOSEN if kind in value), None)
    choice = value.get(kind or "")
    if not isinstance(choice, dict) or not isinstance(choice.get("mod"), int):
        return None, 0
    first = choice.get("offset", 0)
    last = first + choice["mod"] - 1
    unknown = (1 << (first ^ last).bit_length()) - 1
    return first & ~unknown, unknown & _BITS32
