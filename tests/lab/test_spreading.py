# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks that are drawn for each packet (SYM503), as a real nft holds them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import read

CHAIN = "nft 'add table ip m; add chain ip m pre { type filter hook prerouting priority -150; }; add rule ip m pre "
RULE = "ip rule add fwmark 1 lookup 100; "
CASES = {
    "nft counts": (RULE + CHAIN + "meta mark set numgen inc mod 2'", True),
    "nft draws": (RULE + CHAIN + "meta mark set numgen random mod 2 map { 0 : 1, 1 : 2 }'", True),
    "once for each connection": (
        RULE + CHAIN + "ct state new meta mark set numgen inc mod 2; add rule ip m pre ct state new ct mark set meta "
        "mark; add rule ip m pre ct state != new meta mark set ct mark'", False),
    "new ones, but nothing is restored": (RULE + CHAIN + "ct state new meta mark set numgen inc mod 2'", True),
    "no rule selects it": (CHAIN + "meta mark set numgen inc mod 2'", False),
    "symmetric hash": (RULE + CHAIN + "meta mark set symhash mod 2'", False),
}


@pytest.fixture
def host() -> t.Iterator[Netns]:
    netns = Netns("spread").create()
    try:
        yield netns
    finally:
        netns.delete()


@pytest.mark.parametrize("name", CASES)
def test_a_mark_that_is_drawn_for_each_packet(host: Netns, name: str) -> None:
    script, found = CASES[name]
    host.run(script)
    told = diagnose({"host": read(host)}, {}, [])
    assert ("SYM503" in {one.id for one in told.findings}) == found, told.findings
