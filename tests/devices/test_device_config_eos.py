# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Arista EOS, beside what test_changes.py shows of every platform: what is made, timers, other sessions."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError
from ansible_collections.netpath.symmetry.tests.devices.changes.arista_eos import BACKUP, CASE, LOOSE, PARTNER
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending
from ansible_collections.netpath.symmetry.tests.devices.fake_eos import EosDevice


@pytest.fixture
def leaf() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_what_is_made(leaf: Changing) -> None:
    leaf.run(**CASE.everything)
    tree = leaf.device.running
    assert tree["policy-map type pbr NPS-Vlan10"] == {
        "class NPS-partner": {"set nexthop 203.0.113.1": {}}, "class NPS-backup": {"set nexthop 203.0.113.7": {}}}
    assert list(tree["ip access-list NPS-partner"]) == [
        "permit tcp any 172.16.0.0/16 eq 443", "permit tcp any 172.16.0.0/16 eq 8443"]
    assert list(tree["ip access-list NPS-backup"]) == ["permit ip host 10.10.0.9 any"]
    assert "maximum-paths 4" in tree["router bgp 65001"]
    leaf.run(policies=[BACKUP], state="absent")
    assert list(leaf.device.running["policy-map type pbr NPS-Vlan10"]) == ["class NPS-partner"]
    leaf.run(policies=[PARTNER], multipath={"asn": 65001, "ebgp": 2})
    assert "maximum-paths 2" in leaf.device.running["router bgp 65001"]


def test_a_proof_that_takes_too_long(leaf: Changing) -> None:
    def late(_left: float) -> str:
        leaf.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match="ran out before the change was confirmed. The device is as it was$"):
        leaf.run(prove=late, **LOOSE)
    assert leaf.device.running == CASE.device().running


def test_nothing_is_sent_while_another_change_waits(leaf: Changing) -> None:
    fake = leaf.device
    assert isinstance(fake, EosDevice)
    fake.pending = Pending(600, fake.running, "theirs")
    with pytest.raises(WishError, match=r"another change waits for its confirmation \(configuration session theirs\)"):
        leaf.run(check=True, **LOOSE)
    assert asked_only(leaf)
    fake.pending, fake.sessions["NPS-change"] = None, {}
    with pytest.raises(WishError, match="'configure session NPS-change abort' removes it; nothing was sent"):
        leaf.run(**LOOSE)
    assert asked_only(leaf)
    fake.sessions = {"somebody": {}}  # who has not committed anything, and is not in the way
    leaf.run(**LOOSE)
    assert fake.running != CASE.device().running
