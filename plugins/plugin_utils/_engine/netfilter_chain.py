# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One packet's walk through the rules of a base chain and the chains that it jumps to (nft_do_chain)."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter_match import (
    ABSENT,
    Sets,
    holds,
    value_of,
    within,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Translation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.situation import Situation

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter import Chain

Rule = t.Mapping[str, t.Any]
_DEPTH = 16  # NFT_JUMP_STACK_SIZE
# statements that neither stop a packet nor change what routing sees of it
_HARMLESS = (
    *("counter", "log", "limit", "quota", "last", "flow_offload", "update_set", "set_mss", "ct_helper", "ct_timeout"),
    "dup",
)
_TRANSLATIONS = ("snat", "dnat", "masquerade", "redirect")
_BITS32 = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a base chain ends for a packet."""

    verdict: str  # accept, drop, reject, unknown
    rule: str = ""
    reason: str = ""
    translation: Translation | None = None
    counter: tuple[int, int] | None = None

    @property
    def is_drop(self) -> bool:
        return self.verdict in ("drop", "reject")

    @property
    def fate(self) -> tuple[object, ...]:
        what = self.translation
        return (self.verdict, self.is_drop, what and (what.kind, what.address, what.port))


class ChainWalk:
    """The walk of one packet; marks change on the way and stay for the chains after."""

    def __init__(self, chains: t.Mapping[tuple[str, str, str], Chain], situation: Situation) -> None:
        self.chains = chains
        self.now = situation
        self.sets: Sets = {}
        self.asked_state = False  # a rule that was reached asked for the connection's state or direction
        self.changed_mark = False
        self.untracked = False
        self.zone = 0
        self._possible: list[Outcome] = []  # how the chain may end by rules that only may match

    def base(self, chain: Chain) -> Outcome:
        """How a base chain ends for the packet."""
        self._possible = []
        before = self.now.mark
        end = self._chain(chain, False, 0) or self._policy(chain)
        if chain.type == "route" and self.now.mark != before:
            self.changed_mark = True
        if end.verdict == "unknown":
            return end
        other = next((one for one in self._possible if one.fate != end.fate), None)
        if other is None:
            return end
        reason = other.reason or "it may match or not"
        return Outcome("unknown", other.rule, f"{reason}; without it the packet meets {end.rule or 'the policy'}")

    def _policy(self, chain: Chain) -> Outcome:
        return Outcome(chain.policy, chain.describe(None) if chain.policy != "accept" else "")

    def _chain(self, chain: Chain, unsure: bool, depth: int) -> Outcome | None:
        """The outcome of a chain's rules, None where the packet falls off its end or returns.

        With ``unsure`` the packet only may be here: outcomes are noted as possible, and the walk goes on.
        """
        if depth > _DEPTH:
            return Outcome("unknown", chain.describe(None), "chains jump deeper than the kernel allows")
        for rule in chain.rules:
            matched = self._matches(rule)
            if matched is False:
                continue
            doubt = unsure or matched is None
            self._effects(rule, chain, doubt)
            verdict = self._verdict_of(rule)
            if verdict is None or verdict["do"] == "continue":
                continue
            if verdict["do"] == "return":
                if not doubt:
                    return None
                unsure = True  # from here on the packet may have left the chain
                continue
            outcome, left = self._act(verdict, rule, chain, doubt, depth)
            if outcome is not None and not doubt:
                return outcome
            if outcome is not None:
                self._possible.append(outcome)
            elif left:
                if not doubt:
                    return None
                unsure = True
        return None

    def _matches(self, rule: Rule) -> bool | None:
        answer: bool | None = True
        for match in rule.get("matches", ()):
            one = holds(match, self.now, self.sets)
            if str(match.get("left", "")) in ("ct state", "ct direction", "ct status"):
                self.asked_state = True
            if one is False:
                return False
            if one is None:
                answer = None
        if any(statement.get("do") in ("limit", "quota") for statement in rule.get("statements", ())):
            return None if rule.get("verdict") else answer
        return answer

    def _act(
        self, verdict: t.Mapping[str, t.Any], rule: Rule, chain: Chain, doubt: bool, depth: int
    ) -> tuple[Outcome | None, bool]:
        """The outcome of a verdict; the flag says that the packet has left this chain without one (goto)."""
        do = verdict["do"]
        text = chain.describe(rule)
        counter = _counter(rule)
        if do == "reject" and not self._can_reject(str(verdict.get("with", ""))):
            return None, False
        if do in ("accept", "drop", "reject"):
            return Outcome(do, text, counter=counter), False
        if do in ("jump", "goto"):
            target = self.chains.get((chain.family, chain.table, str(verdict.get("target"))))
            if target is None:
                return Outcome("unknown", text, f"chain {verdict.get('target')} was not read"), False
            outcome = self._chain(target, doubt, depth + 1)
            return outcome, do == "goto" and outcome is None
        if do in _TRANSLATIONS:
            address = verdict.get("address")
            family = verdict.get("family") or (6 if ":" in str(address or "") else 4 if address else self.now.family)
            if family != self.now.family:
                return None, False  # `snat ip to` of an inet chain leaves IPv6 alone, and the reverse
            if "map" in verdict:
                address = self._look_up(str(verdict.get("key", "")), verdict["map"])
                if address is ABSENT:
                    return None, False
                verdict = {**verdict, "address": address}
            return Outcome("accept", text, translation=_translation(verdict, text), counter=counter), False
        why = f"{do} is not understood" if do != "unknown" else "its verdict is not understood"
        return Outcome("unknown", text, why), False

    def _can_reject(self, how: str) -> bool:
        """nft does not list a match on the family or on TCP where the kind of reject already means it."""
        if how.startswith("tcp"):
            return self.now.packet.flow.protocol == "tcp"
        return how.partition(" ")[0] not in ({4: "icmpv6", 6: "icmp"}[self.now.family],)

    def _verdict_of(self, rule: Rule) -> t.Mapping[str, t.Any] | None:
        verdict: t.Mapping[str, t.Any] | None = rule.get("verdict")
        if verdict is None or verdict["do"] != "vmap":
            return verdict
        if str(verdict.get("key", "")) in ("ct state", "ct direction", "ct status"):
            self.asked_state = True
        found = self._look_up(str(verdict.get("key", "")), verdict.get("map"))
        if found is ABSENT:
            return None
        return found if isinstance(found, dict) else {"do": "unknown"}

    def _look_up(self, key: str, mapping: t.Any) -> t.Any:
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
        for element, result in mapping or ():
            inside = element != "*" and within(value, element, key, self.sets)
            if inside is None:
                return None
            if inside:
                return result
        return {str(element): result for element, result in mapping or ()}.get("*", ABSENT) if complete else None

    def _effects(self, rule: Rule, chain: Chain, doubt: bool) -> None:
        for statement in rule.get("statements", ()):
            do = statement.get("do", "unknown")
            if do == "set_mark":
                self._set_mark(statement, "mark", doubt)
            elif do == "set_ct_mark" and self.now.connection.entry is not None:
                self._set_mark(statement, "ct_mark", doubt)
            elif do in ("notrack", "set_zone") and not doubt:
                self.untracked = self.untracked or do == "notrack"
                self.zone = int(statement.get("value", 0)) if do == "set_zone" else self.zone
            elif do not in (*_HARMLESS, "set_ct_mark"):
                self._possible.append(Outcome("unknown", chain.describe(rule), f"its {do} statement is not understood"))

    def _set_mark(self, statement: t.Mapping[str, t.Any], which: str, doubt: bool) -> None:
        mask = int(str(statement.get("mask", _BITS32)), 0)
        value, unknown = self._mark_value(statement.get("value"))
        if value is ABSENT:
            return
        old, old_unknown = getattr(self.now, which), getattr(self.now, f"unknown_{which}")
        if doubt or value is None:
            changed = {which: old & ~mask & _BITS32, f"unknown_{which}": old_unknown | mask}
        else:
            changed = {
                which: (old & ~mask | value & mask) & _BITS32,
                f"unknown_{which}": (old_unknown & ~mask | unknown & mask),
            }
        self.now = dataclasses.replace(self.now, **changed)

    def _mark_value(self, value: t.Any) -> tuple[t.Any, int]:
        if value == "ct mark":
            # without an entry there is no mark to read, and the rule stops there
            return (self.now.ct_mark, self.now.unknown_ct_mark) if self.now.connection.entry else (ABSENT, 0)
        if value == "meta mark":
            return self.now.mark, self.now.unknown_mark
        if isinstance(value, dict) and "map" in value:
            return self._look_up(str(value.get("key", "")), value["map"]), 0
        if isinstance(value, dict) and "of" in value:  # (the other mark & and) | or
            mark, unknown = self._mark_value(value["of"])
            return (mark, 0) if mark is ABSENT else (mark & value["and"] | value["or"], unknown & value["and"])
        return (value, 0) if isinstance(value, int) else (None, 0)


def _counter(rule: Rule) -> tuple[int, int] | None:
    counter = rule.get("counter")
    return (int(counter["packets"]), int(counter["bytes"])) if counter else None


def _translation(verdict: t.Mapping[str, t.Any], text: str) -> Translation:
    port = verdict.get("port")
    return Translation(
        verdict["do"],
        verdict.get("address"),
        port if isinstance(port, int) else None,
        text,
        port_unknown=bool(verdict.get("random")) or (port is not None and not isinstance(port, int)),
    )
