# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Juniper Junos, beside what test_changes.py shows of every platform: what is made, timers, others."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_config import JunosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Wish
from ansible_collections.netpath.symmetry.tests.devices.changes.juniper_junos import (
    BACKUP,
    BEGIN,
    CASE,
    LOOSE,
    MULTIPATH,
    PARTNER,
    UNCHECKED,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending
from ansible_collections.netpath.symmetry.tests.devices.fake_junos import JunosDevice


@pytest.fixture
def border() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_what_is_made(border: Changing) -> None:
    done = border.run(**CASE.everything)
    statement = "set policy-options policy-statement NPS-OUT-192.0.2.1 term 1 then"
    assert f'{statement} as-path-prepend "65001 65001"' in done.lines
    terms: Wish = border.device.running["firewall"]["family"]["inet"]["filter"]["NPS-ge-0_0_2.0"]["term"]
    assert list(terms) == ["NPS-partner", "NPS-backup", "NPS-rest"]
    assert terms["NPS-partner"] == {
        "from": {"destination-address": {"172.16.0.0/16": {}}, "protocol": {"tcp": {}},
                 "destination-port": {"443": {}, "8443": {}}}, "then": {"routing-instance": {"NPS-partner": {}}}}
    assert list(border.device.running["routing-options"]["rib-groups"]["NPS-interfaces"]["import-rib"]) == [
        "inet.0", "NPS-partner.inet.0", "NPS-backup.inet.0"]
    zones: Wish = border.device.running["security"]["zones"]["security-zone"]
    assert list(zones["trust"]["interfaces"]) == ["ge-0/0/2.0"]
    assert zones["untrust"]["interfaces"]["ge-0/0/3.0"] == {"host-inbound-traffic": {"system-services": {"ssh": {}}}}
    assert "no-syn-check" in border.device.running["security"]["flow"]["tcp-session"]
    groups: Wish = border.device.running["protocols"]["bgp"]["group"]
    assert [name for name in groups if "multipath" in groups[name]] == ["B", "CORE"]


def test_several_ways_or_one(border: Changing) -> None:
    """There is no number; what is said beside it stays, and what is said around it is in the way."""
    old = border.device.shown()
    border.four_runs(multipath={"asn": 65001, "ebgp": 8})
    groups: Wish = border.device.running["protocols"]["bgp"]["group"]
    assert groups["A"]["multipath"] == {} and groups["B"]["multipath"] == {"multiple-as": {}}
    done = border.four_runs(multipath={"asn": 65001, "ebgp": 1})
    assert done.lines == ("delete protocols bgp group A multipath", "delete protocols bgp group B multipath")
    around = old + "set protocols bgp multipath\n"
    with pytest.raises(WishError, match="'protocols bgp multipath' is there, which counts for A or a part of it"):
        JunosConfig().plan(around, read_wishes({"multipath": {"asn": 65001, "ebgp": 1}}))
    without = "".join(f"{line}\n" for line in old.splitlines() if "CORE" not in line)
    with pytest.raises(WishError, match=r"no group that is internal; it has A \(external\), B \(external\)"):
        JunosConfig().plan(without, read_wishes(MULTIPATH))


def test_a_router_has_no_connections_to_loosen(border: Changing) -> None:
    router = "".join(f"{line}\n" for line in border.device.shown().splitlines() if "security" not in line)
    with pytest.raises(WishError, match="no 'security' in its configuration: it keeps no state of connections"):
        JunosConfig().plan(router, read_wishes({"weaken": [UNCHECKED]}))
    assert not JunosConfig().plan(router, read_wishes({"weaken": [UNCHECKED], "state": "absent"})).changed


def test_a_policy_that_comes_later_stands_before_the_rest_and_changes_cleanly(border: Changing) -> None:
    border.run(policies=[BACKUP])
    old = border.device.shown()
    border.run(policies=[PARTNER])
    terms: Wish = border.device.running["firewall"]["family"]["inet"]["filter"]["NPS-ge-0_0_2.0"]["term"]
    assert list(terms) == ["NPS-backup", "NPS-partner", "NPS-rest"]
    border.run(policies=[{**PARTNER, "dports": [25], "next_hop": "203.0.113.3"}])
    terms = border.device.running["firewall"]["family"]["inet"]["filter"]["NPS-ge-0_0_2.0"]["term"]
    assert terms["NPS-partner"]["from"]["destination-port"] == {"25": {}}
    route: Wish = border.device.running["routing-instances"]["NPS-partner"]["routing-options"]["static"]["route"]
    assert route["0.0.0.0/0"]["next-hop"] == {"203.0.113.3": {}}
    border.run(policies=[PARTNER], state="absent")
    assert border.device.shown() == old


def test_a_proof_that_takes_too_long(border: Changing) -> None:
    def late(_left: float) -> str:
        border.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match=r"ran out before the change was confirmed\. The device is as it was$"):
        border.run(prove=late, **LOOSE)
    assert border.device.running == CASE.device().running


def test_nothing_is_changed_while_somebody_else_is_at_work(border: Changing) -> None:
    fake = border.device
    assert isinstance(fake, JunosDevice)
    fake.pending = Pending(600, fake.running)
    with pytest.raises(WishError, match=r"another change waits for its confirmation \(commit confirmed, rollback in"):
        border.run(check=True, **LOOSE)
    assert asked_only(border)
    fake.pending = None
    fake.candidate["system"]["services"] = {"ssh": {}}
    theirs = copy.deepcopy(fake.candidate)
    with pytest.raises(ChangeFailed, match=r"configuration database modified\. The device is as it was$"):
        border.run(**LOOSE)
    assert border.device.typed == [BEGIN] and fake.candidate == theirs and fake.running == CASE.device().running


@pytest.mark.parametrize("asleep", ["", "deactivate firewall family inet filter FROM-B\n"])
def test_nothing_around_ours_is_taken_away(asleep: str) -> None:
    """What is deactivated may not be shown, and stand in a section that holds nothing else that is."""
    text = CASE.device().shown().replace("filter input FROM-B", "sampling input") + asleep
    if not asleep:
        text = "".join(f"{line}\n" for line in text.splitlines() if "firewall" not in line)
    plan = JunosConfig().plan(text, read_wishes({"policies": [PARTNER]}))
    assert [line for line in plan.inverse if "firewall" in line] == [
        "delete firewall family inet filter NPS-ge-0_0_2.0"]
    assert "delete routing-instances NPS-partner" in plan.inverse
