# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of MikroTik RouterOS, beside what test_changes.py shows of every platform: what is made, and who waits."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.mikrotik_config import MikrotikConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.mikrotik_routeros import BACKUP, CASE, CONFIG, PARTNER
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_mikrotik import MikrotikDevice


@pytest.fixture
def edge() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_marks_where_ports_count_and_rules_where_only_prefixes_do(edge: Changing) -> None:
    done = CASE.run(edge, **CASE.everything)
    mark = "/ip firewall mangle add chain=prerouting in-interface=ether3 protocol=tcp src-address={} "\
        "dst-address=172.16.0.0/16 dst-port=443,8443 action=mark-routing new-routing-mark=NPS-partner passthrough=no "\
        "comment=NPS-partner"
    assert done.lines[:4] == (
        "/routing table add name=NPS-partner fib",
        "/ip route add dst-address=0.0.0.0/0 gateway=203.0.113.1@main routing-table=NPS-partner comment=NPS-partner",
        mark.format("10.10.0.9/32"), mark.format("10.20.0.0/16"))
    assert done.inverse[0] == "/routing rule remove [find comment=NPS-backup]"
    assert done.inverse[-1] == "/routing table remove [find name=NPS-partner]"


def _sorted(edge: Changing) -> dict[str, list[str]]:
    """Entries of each menu; what was put back stands behind the others."""
    return {menu: sorted(map(str, rows)) for menu, rows in edge.device.running.items()}


def test_a_policy_that_changes_or_goes_leaves_the_other_and_what_is_not_ours(edge: Changing) -> None:
    CASE.run(edge, **CASE.everything)
    old = _sorted(edge)
    moved = {**PARTNER, "next_hop": "203.0.113.5"}
    with pytest.raises(ChangeFailed, match="The device is as it was, by the lines that undo it"):
        CASE.run(edge, policies=[moved], prove=lambda _left: "no answer")
    assert _sorted(edge) == old
    done = CASE.run(edge, policies=[moved])
    assert done.lines == (
        "/ip route remove [find comment=NPS-partner]",
        "/ip route add dst-address=0.0.0.0/0 gateway=203.0.113.5@main routing-table=NPS-partner comment=NPS-partner")
    CASE.run(edge, policies=[moved], state="absent")
    assert "NPS-partner" not in edge.device.shown() and "NPS-backup" in edge.device.shown()


def test_without_consent_or_while_somebody_is_in_safe_mode_nothing_is_sent(edge: Changing) -> None:
    with pytest.raises(WishError, match="back by itself; set allow_without_timer. Nothing was sent"):
        edge.run(policies=[BACKUP])
    assert asked_only(edge)
    assert isinstance(edge.device, MikrotikDevice)
    edge.device.floating = True
    with pytest.raises(WishError, match="somebody is at work in Safe Mode.*; nothing was sent"):
        CASE.run(edge, policies=[BACKUP])
    assert asked_only(edge)


def test_an_entry_that_takes_no_effect_is_taken_back(edge: Changing) -> None:
    assert isinstance(edge.device, MikrotikDevice)
    edge.device.invalid = ("ether3",)
    with pytest.raises(ChangeFailed, match=r"does not have .* after the change\. The device is as it was, by the"):
        CASE.run(edge, policies=[PARTNER])
    assert edge.device.running == CASE.device().running


def test_packets_that_pass_by_marks_and_the_release_before(edge: Changing) -> None:
    rule = "/ip firewall filter | chain=forward action=fasttrack-connection\n"
    tracked = MikrotikDevice("edge1", CONFIG + rule).shown()
    with pytest.raises(WishError, match="has a rule fasttrack-connection, whose packets pass by the marks"):
        MikrotikConfig().plan(tracked, read_wishes({"policies": [PARTNER]}))
    assert MikrotikConfig().plan(tracked, read_wishes({"policies": [BACKUP]})).changed
    table = "/routing table print terse without-paging"
    with pytest.raises(DeviceError, match=f"'{table}' was refused.*RouterOS 6 is read, not changed"):
        CASE.run(edge, policies=[BACKUP], fault=Fault("refuses", table))
    assert asked_only(edge)
