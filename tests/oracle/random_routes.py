# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random routes: types, next hops of every kind, metrics, tos and next-hop objects."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.oracle.pools import (
    DEVICES,
    PREFIXES,
    TABLES,
    VRF_TABLE,
    WIDE,
    Dice,
    Theme,
)
from ansible_collections.netpath.symmetry.tests.oracle.random_links import Links

_REJECTS = ("unreachable", "blackhole", "prohibit", "throw", "throw", "throw")
_V6_GATEWAY = 20  # the next-hop object with an IPv6 gateway that IPv4 routes have
_FIRST_OF_V6 = 100


class Routes:
    """The routes of one world."""

    def __init__(self, dice: Dice, theme: Theme, links: Links) -> None:
        self.dice = dice
        self.theme = theme
        self.links = links
        self.with_objects = dice.maybe(0.6) or theme.objects > 0.2
        self.always_onlink = dice.maybe(0.7)
        self.objects: list[str] = []  # commands that the routes need

    def shared_objects(self) -> list[str]:
        """The next-hop objects that IPv4 routes share."""
        if not self.with_objects:
            return []
        commands = [
            f"-4 nexthop add id {number} {self._way(4)}"
            for number in (1, 2, 3)
        ]
        commands += [f"-4 nexthop add id 4 dev {self._device()}", "-4 nexthop add id 5 blackhole"]
        commands += [f"nexthop add id 10 group {self.dice.pick(('1/2', '1,2/2,1', '2/1,3/3'))}"]
        commands += ["nexthop add id 11 group 1/3"]
        commands += [f"-6 nexthop add id {_V6_GATEWAY} {self._way(6)}"]
        return commands

    def _object(self, family: int) -> int:
        """The id of a next-hop object. Of IPv6 a new one each time: the kernel gives routes that share an object
        each other's prefix and table, whichever of them a processor used first (rt6_get_pcpu_route).
        """
        if family == 4:
            return self.dice.pick((1, 2, 3, 4, 5, 10, 10, 10, 11, 11, _V6_GATEWAY))
        first = _FIRST_OF_V6 + len(self.objects)
        kind = self.dice.random.random()
        if kind < 0.1:
            self.objects.append(f"-6 nexthop add id {first} dev {self._device()}")
            return first
        if kind < 0.15:
            self.objects.append(f"-6 nexthop add id {first} blackhole")
            return first
        count = self.dice.pick((1, 2, 2, 3))
        members = [first + each for each in range(count)]
        self.objects += [
            f"-6 nexthop add id {number} {self._way(6)}" for number in members
        ]
        if count == 1:
            return first
        weighed = "/".join(f"{number},{self.dice.between(1, 3)}" for number in members)
        self.objects.append(f"nexthop add id {first + count} group {weighed}")
        return first + count

    def routes(self, family: int) -> list[str]:
        """Routes of the shared tables."""
        return [self.route(family, self.dice.pick(TABLES)) for _each in range(self.dice.between(3, 22))]

    def own_table(self, family: int, table: int) -> list[str]:
        """Routes of a table that one rule has for itself."""
        if family == 4 and self.dice.maybe(self.theme.equal_defaults):
            return self._equal_defaults(table)
        commands = [self.route(family, table, wide=True)]
        commands += [self.route(family, table) for _each in range(self.dice.pick((0, 1, 1, 2, 3)))]
        return commands

    def _equal_defaults(self, table: int) -> list[str]:
        """Several default routes that differ in their gateway alone, of which the kernel may take a living one."""
        tos = self.dice.pick(("", "", "", " tos 0x10"))
        count = self.dice.between(2, 4)
        return [f"-4 route append default{tos} {self._way(4)} table {table}" for _each in range(count)]

    def route(self, family: int, table: int, wide: bool = False) -> str:
        """One command that adds a route."""
        dice = self.dice
        words = f"-{family} route {dice.pick(('add', 'add', 'append'))}"
        prefix = dice.pick(WIDE[family] if wide and dice.maybe(0.75) else PREFIXES[family])
        tail = f" table {table}"
        if dice.maybe(0.35):
            tail += f" metric {dice.pick((5, 10, 10, 1024, 2000))}"
        if family == 4 and dice.maybe(0.15):
            prefix += f" tos {dice.pick(('0x10', '0x08', '0x04'))}"
        if dice.maybe(self.theme.ends):
            return f"{words} {dice.pick(_REJECTS)} {prefix}{tail}"
        if dice.maybe(0.09):
            return self._special(family, words, table)
        if self.with_objects and dice.maybe(self.theme.objects):
            return f"{words} {prefix}{tail} nhid {self._object(family)}"
        if dice.maybe(self.theme.multipath):
            return f"{words} {prefix}{tail} {self._legs(family)}"
        return self._single(family, words, prefix, tail)

    def _special(self, family: int, words: str, table: int) -> str:
        """A route to the host itself, or to all hosts of a link."""
        if family == 4 and self.dice.maybe(0.45):
            return f"{words} broadcast {self.dice.pick(PREFIXES[4][1:])} dev {self._device()} table {table}"
        target = self.dice.pick((255, VRF_TABLE, table))
        return f"{words} local {self.dice.pick(PREFIXES[family][1:])} dev lo table {target}"

    def _single(self, family: int, words: str, prefix: str, tail: str) -> str:
        dice = self.dice
        if family == 4:
            if self.links.own[4] and dice.maybe(0.2):
                tail += f" src {dice.pick(self.links.own[4])}"
            if dice.maybe(0.06):
                # a gateway that the kernel finds by a route of scope host is not used (rt_set_nexthop)
                tail += f" scope {dice.pick(('link', 'host') if self.always_onlink else ('link',))}"
        elif dice.maybe(0.1):
            # of siblings the kernel shows the source of one only: a metric of its own, so that it has none
            tail = f" table {tail.split()[1]} metric 77 src {dice.pick(self.links.own[6])}"
        leg = self._leg(family)
        if family == 6 and "via" not in leg:
            words = words.replace("append", "add")  # between siblings it would be missing in the kernel's own dump
        return f"{words} {prefix} {leg}{tail}"

    def _legs(self, family: int) -> str:
        return " ".join(
            f"nexthop {self._leg(family)} weight {self.dice.between(1, 3)}"
            for _each in range(self.dice.between(2, 3))
        )

    def _leg(self, family: int) -> str:
        if self.dice.maybe(self.theme.on_link):
            return f"dev {self._device()}"
        if family == 4 and self.dice.maybe(0.15):
            return self._way(4, self.dice.pick((6, 6, 0)))
        return self._way(family)

    def _way(self, family: int, of_family: int | None = None) -> str:
        """Via a gateway, of the other family if that is asked for, 0 standing for one that is link-local."""
        device = self._device()
        of_family = family if of_family is None else of_family
        gateway = self.links.gateway(of_family, device) if of_family else "fe80::9"
        of_family = of_family or 6
        self.links.ways.append((of_family, gateway, device))
        via = f"via inet6 {gateway}" if of_family != family else f"via {gateway}"
        # now and then the kernel must know by itself that it is on link
        return f"{via} dev {device}{' onlink' if self.always_onlink or self.dice.maybe(0.7) else ''}"

    def _device(self) -> str:
        return self.dice.pick((*DEVICES, "v0")[: self.theme.devices])
