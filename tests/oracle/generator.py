# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random worlds of one seed: a host as commands, and questions about it."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.tests.oracle.pools import DEVICES, THEMES, Dice
from ansible_collections.netpath.symmetry.tests.oracle.random_links import Links
from ansible_collections.netpath.symmetry.tests.oracle.random_questions import Questions
from ansible_collections.netpath.symmetry.tests.oracle.random_routes import Routes
from ansible_collections.netpath.symmetry.tests.oracle.random_rules import Rules
from ansible_collections.netpath.symmetry.tests.oracle.world import World

_UNRULED = 0.07  # of worlds: no rule was ever added


class Generator:
    """One seed. ``vrfs`` and ``dscp``: whether the kernel has them."""

    def __init__(self, seed: int, vrfs: bool, dscp: bool) -> None:
        self.dice = Dice(seed)
        self.vrf = vrfs and self.dice.maybe(0.3)
        self.dscp = dscp
        shares, themes = zip(*THEMES, strict=True)
        self.theme = self.dice.random.choices(themes, shares)[0]

    def world(self) -> World:
        dice = self.dice
        links = Links(dice, self.theme, self.vrf)
        routes = Routes(dice, self.theme, links)
        rules = Rules(dice, self.theme, self.vrf, self.dscp)
        added = [] if dice.maybe(_UNRULED) else [*rules.make(4), *rules.make(6)]
        dice.random.shuffle(added)
        addresses = links.addresses()  # before the routes, which may name them
        ways = [*routes.routes(4), *routes.routes(6)]
        for family, tables in rules.own_tables.items():
            for table in tables:
                ways += routes.own_table(family, table)
        objects = [*routes.shared_objects(), *routes.objects]
        commands = [*links.links(), *addresses, *objects, *ways]
        commands += [*added, *links.neighbours()]
        if dice.maybe(self.theme.link_down):
            commands.append(f"link set {dice.pick(DEVICES[: min(4, self.theme.devices)])} down")
        return World(tuple(links.sysctls()), tuple(commands), tuple(rules.by_netlink))

    def questions(self, own: t.Mapping[int, t.Sequence[str]]) -> Questions:
        """Questions about the world; ``own`` are the host's addresses by family."""
        return Questions(self.dice, self.theme, own, self.vrf)
