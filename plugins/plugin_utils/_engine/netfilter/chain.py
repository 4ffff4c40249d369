# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One packet's walk through the rules of a base chain and the chains that it jumps to (nft_do_chain)."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter import (
    translation_rule as netfilter_translation,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.effects import Effects
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.fields import ABSENT
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.match import holds
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.quick import Ready, Values
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Translation

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Chain

Rule = t.Mapping[str, t.Any]
_DEPTH = {"": 16, "iptables-nft": 16}  # NFT_JUMP_STACK_SIZE; iptables-legacy has a stack for all of its chains
_LEGACY_DEPTH = 200


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


class ChainWalk(Effects):
    """The walk of one packet; marks change on the way and stay for the chains after."""

    def __init__(self, chains: t.Mapping[tuple[str, ...], Chain], situation: Situation) -> None:
        super().__init__(situation)
        self.chains = chains
        self._values = Values(situation)
        self.asked_state = False  # a rule that was reached asked for the connection's state or direction
        self.changed_route = False  # a chain of type route changed what routing asks for
        self._possible: list[Outcome] = []  # how the chain may end by rules that only may match
        self._accepted = False  # such a rule accepts: what later rules of the base chain change is in doubt

    @property
    def left_behind(self) -> tuple[object, ...]:
        """What the chains after, routing and connection tracking will see."""
        now = self.now
        marks = (now.mark, now.unknown_mark, now.ct_mark, now.unknown_ct_mark)
        return (*marks, now.packet.tos, self.untracked, self.zone)

    def base(self, chain: Chain) -> Outcome:
        """How a base chain ends for the packet."""
        self._possible = []
        self._accepted = False
        before = self.now.mark, self.now.packet.tos
        end = self._chain(chain, False, 0) or self._policy(chain)
        if chain.type == "route" and (self.now.mark, self.now.packet.tos) != before:
            self.changed_route = True
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
        if depth > _DEPTH.get(chain.backend, _LEGACY_DEPTH):
            return Outcome("unknown", chain.describe(None), "chains jump deeper than the kernel allows")
        for ready in chain.ready:
            matched = self._matches(ready)
            if matched is False:
                continue
            rule = ready.rule
            doubt = unsure or matched is None
            if not self._effects(rule, chain, doubt or self._accepted):
                continue
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
                self._accepted = self._accepted or outcome.verdict == "accept"
            elif left:
                if not doubt:
                    return None
                unsure = True
        return None

    def _matches(self, ready: Ready) -> bool | None:
        answer = ready.may_match(self._values)
        if answer is False or (not ready.others and not ready.limited):
            return answer
        if ready.limited:
            answer = None
        for match, asks_for_state in ready.others:
            one = holds(match, self.now, self.sets)
            if asks_for_state:
                self.asked_state = True
            if one is False:
                return False
            if one is None:
                answer = None
        return answer

    def _effects(self, rule: Rule, chain: Chain, doubt: bool) -> bool:
        """Whether the rule goes on to its verdict after its statements."""
        for statement in rule.get("statements", ()):
            goes_on, why = self.apply(statement, doubt)
            if why:
                self._possible.append(Outcome("unknown", chain.describe(rule), why))
            if not goes_on:
                return False
        return True

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
            return Outcome(do, text, str(verdict.get("with", "")), counter=counter), False
        if do in ("jump", "goto"):
            target = self.chains.get((*chain.space, str(verdict.get("target"))))
            if target is None:
                return Outcome("unknown", text, f"chain {verdict.get('target')} was not read"), False
            outcome = self._chain(target, doubt, depth + 1)
            return outcome, do == "goto" and outcome is None
        if do in netfilter_translation.KINDS:
            found = netfilter_translation.translation_of(verdict, text, self)
            return (Outcome("accept", text, translation=found, counter=counter) if found else None), False
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
        key = str(verdict.get("key", ""))
        if any(part in ("ct state", "ct direction", "ct status") for part in key.split(" . ")):
            self.asked_state = True
        found = self.look_up(key, verdict.get("map"), verdict.get("mask", 0xFFFFFFFF))
        if found is ABSENT:
            return None
        return found if isinstance(found, dict) else {"do": "unknown"}


def _counter(rule: Rule) -> tuple[int, int] | None:
    counter = rule.get("counter")
    return (int(counter["packets"]), int(counter["bytes"])) if counter else None
