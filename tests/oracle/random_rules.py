# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random rules with every selector and action; many have a table of their own, which then names the rule."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.tests.oracle.pools import DEVICES, PREFIXES, TABLES, WIDE, Dice, Theme

OWN_TABLES = 1000  # the first of the tables that belong to one rule
_EMPTY_TABLE = 103
_LAST_PRIORITY = 40 * 50


class Rules:
    """The rules of one world. After ``make``: what the world needs for them."""

    def __init__(self, dice: Dice, theme: Theme, vrf: bool, dscp: bool) -> None:
        self.dice = dice
        self.theme = theme
        self.vrf = vrf
        self.dscp = dscp
        self.priorities = [dice.between(1, _LAST_PRIORITY // 50) * 50 for _each in range(8)]
        self.own_tables: dict[int, list[int]] = {4: [], 6: []}
        self.by_netlink: list[Rule] = []

    def make(self, family: int) -> list[str]:
        dice = self.dice
        commands = [self._rule(family) for _each in range(dice.between(2, 10))]
        if self.dscp:
            self.by_netlink += [self._dscp_rule(family) for _each in range(dice.pick((0, 0, 0, 1)))]
        if dice.maybe(0.06):
            commands.append(f"-{family} rule del pref 0")
            commands.append(f"-{family} rule add pref {dice.pick((1, 900, 3000))} lookup local")
        if dice.maybe(0.03):
            commands.append(f"-{family} rule del pref 32766")
        return commands

    def _table(self, family: int) -> int:
        if self.dice.maybe(0.7):
            tables = self.own_tables[family]
            tables.append(OWN_TABLES * family + len(tables))
            return tables[-1]
        return self.dice.pick((*TABLES, _EMPTY_TABLE))

    def _priority(self) -> int:
        return self.dice.pick(self.priorities)

    def _rule(self, family: int) -> str:
        words = [f"-{family} rule add"]
        words += ["not"] if self.dice.maybe(0.12) else []
        priority = self._priority()
        words.append(f"pref {priority}")
        words += self._selectors(family)
        if self.vrf and self.dice.maybe(0.1):
            return " ".join([*words, "l3mdev"])
        return " ".join([*words, self._action(family, priority)])

    def _selectors(self, family: int) -> list[str]:
        dice, theme = self.dice, self.theme
        choices = (
            (0.35, f"from {self._prefix(family)}"),
            (0.25, f"to {self._prefix(family)}"),
            (theme.iif_rules, f"iif {dice.pick((*DEVICES[: min(4, theme.devices)], 'lo', 'lo', 'red', 'absent'))}"),
            (0.12, f"oif {dice.pick((*DEVICES, 'red'))}"),
            (theme.mark_rules, f"fwmark {dice.pick(('1', '0x11', '0x10'))}"),
            (theme.mark_rules, f"fwmark {dice.pick(('0x10/0xf0', '0/0xff', '0x1/0x0f'))}"),
            (0.12, f"tos {dice.pick(('0x10', '0x08'))}"),
            (0.15, f"ipproto {dice.pick(('tcp', 'udp', 'icmp' if family == 4 else 'ipv6-icmp'))}"),
            (theme.port_rules, f"sport {dice.pick(('1000', '1000-2000'))}"),
            (theme.port_rules, f"dport {dice.pick(('80', '1-1023', '443'))}"),
            (0.1, f"uidrange {dice.pick(('0-0', '1-1000', '1000-1000'))}"),
            (0.06, f"tun_id {dice.pick((5, 6))}"),
        )
        if dice.maybe(0.65):  # one alone, which then decides
            weights = [share for share, _words in choices]
            return dice.random.choices([words for _share, words in choices], weights)
        chosen: dict[str, str] = {}
        for share, words in choices:
            if dice.maybe(share):
                chosen.setdefault(words.split()[0], words)
        return list(chosen.values())

    def _action(self, family: int, priority: int) -> str:
        dice = self.dice
        action = dice.random.random()
        if action < 0.15:
            return f"goto {dice.pick([one for one in self.priorities if one > priority] or [priority])}"
        if action < 0.2:
            return "nop"
        if action < 0.27:
            return dice.pick(("unreachable", "prohibit", "blackhole"))
        words = [f"lookup {self._table(family)}"]
        words += [f"suppress_prefixlength {dice.pick((0, 0, 8, 16, 24))}"] if dice.maybe(0.15) else []
        words += [f"suppress_ifgroup {dice.pick((0, 1, 2))}"] if dice.maybe(0.2) else []
        return " ".join(words)

    def _prefix(self, family: int) -> str:
        prefix = self.dice.pick(PREFIXES[family] if self.dice.maybe(0.5) else WIDE[family])
        return "all" if prefix == "default" else prefix

    def _dscp_rule(self, family: int) -> Rule:
        dice = self.dice
        prefix = self._prefix(family)
        return Rule(
            family,
            self._priority() // 2,
            table=self._table(family),
            dscp=dice.pick((0, 2, 4, 10, 46)),
            src=None if prefix == "all" or dice.maybe(0.7) else prefix,
            invert=dice.maybe(0.15),
        )
