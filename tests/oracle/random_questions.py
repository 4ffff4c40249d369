# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random questions about a host."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.tests.oracle.pools import DEVICES, FAR, MARKS, NETS, TOS, UIDS, Dice, Theme
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

_SPECIAL_V4 = (
    *("127.0.0.1", "10.9.9.9", "10.2.1.99"),
    *("10.1.1.255", "10.1.0.255", "10.1.0.127", "10.2.1.255", "10.2.1.127"),  # of all hosts of a link
)


class Questions:
    """Questions about one host, of which ``own`` are the addresses by family."""

    def __init__(self, dice: Dice, theme: Theme, own: t.Mapping[int, t.Sequence[str]], vrf: bool) -> None:
        self.dice = dice
        self.theme = theme
        self.own = own
        used = tuple(f"{mark}{number}" for mark in ".:" for number in range(1, theme.devices + 1))
        self.senders = {family: [one for one in own[family] if one.endswith(used)] for family in own}
        self.devices = (*DEVICES, "red") if vrf else DEVICES

    def question(self) -> Question:
        dice = self.dice
        family = 4 if dice.maybe(self.theme.ipv4) else 6
        protocol = dice.pick(("tcp", "udp", "icmp" if family == 4 else "icmpv6"))
        ports = protocol in ("tcp", "udp")
        arrives = dice.maybe(self.theme.arrives)
        own = self.own[family]
        if arrives:
            src: str | None = dice.pick(own) if own and dice.maybe(self.theme.from_host) else self._address(family)
        else:
            senders = self.senders[family]
            src = None if not senders or dice.maybe(self.theme.without_source) else dice.pick(senders)
        return Question(
            family,
            dice.pick(own) if own and dice.maybe(self.theme.to_host) else self._address(family),
            src,
            dice.pick(DEVICES[: self.theme.devices]) if arrives else None,
            dice.pick(self.devices) if not arrives and dice.maybe(0.2) else None,
            dice.pick(MARKS),
            dice.pick(TOS),
            protocol,
            dice.pick((1000, 1500, 40000)) if ports else None,
            dice.pick((80, 443, 5000)) if ports else None,
            0 if arrives else dice.pick(UIDS),
        )

    def _address(self, family: int) -> str:
        dice = self.dice
        last = dice.pick((1, 2, 3, 4, 7, 9, 130, 200))
        if family == 4:
            if dice.maybe(0.06):
                return dice.pick(_SPECIAL_V4)
            return f"{dice.pick(FAR[4] if dice.maybe(self.theme.far) else NETS[4])}.{last}"
        if dice.maybe(0.08):
            return f"{dice.pick(NETS[6])}::"  # the anycast address of the routers of a link
        return f"{dice.pick(FAR[6] if dice.maybe(self.theme.far) else (*NETS[6], '2001:db8'))}::{last}"

    def variants(self, question: Question, number: int) -> list[Question]:
        """Questions that differ where only a multipath hash may notice: in ports and in the last bits of addresses."""
        return [self._variant(question) for _each in range(number)]

    def _variant(self, question: Question) -> Question:
        dice = self.dice
        changes: dict[str, t.Any] = {}
        if question.sport:
            changes = {"sport": dice.between(2001, 65535), "dport": dice.between(5001, 65535)}
        head, mark, last = question.dst.rpartition("." if question.family == 4 else "::")
        if last and question.dst not in self.own[question.family]:
            changes["dst"] = f"{head}{mark}{dice.between(10, 120)}"
        if question.src and question.iif:
            head, mark, last = question.src.rpartition("." if question.family == 4 else "::")
            if last:
                changes["src"] = f"{head}{mark}{dice.between(10, 120)}"
        return dataclasses.replace(question, **changes)
