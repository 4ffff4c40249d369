# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Cisco ASA, beside what test_changes.py shows of every platform: what is made, and what is in its way."""

from __future__ import annotations

import copy
import re
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa import CiscoAsa
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError
from ansible_collections.netpath.symmetry.tests.devices import platforms
from ansible_collections.netpath.symmetry.tests.devices.changes.cisco_asa import (
    BACKUP,
    BGP,
    BYPASS,
    CASE,
    CONFIG,
    OFF,
    PARTNER,
    VERIFIED,
    ZONE,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeNetwork
from ansible_collections.netpath.symmetry.tests.devices.fake_asa import AsaDevice


@pytest.fixture
def firewall() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_what_is_made(firewall: Changing) -> None:
    firewall.run(without_timer=True, **CASE.everything)
    tree = firewall.device.running
    assert [text for text in tree if text.startswith("access-list NPS-")] == [
        "access-list NPS-partner extended permit tcp any4 172.16.0.0 255.255.0.0 eq 443",
        "access-list NPS-partner extended permit tcp any4 172.16.0.0 255.255.0.0 eq 8443",
        "access-list NPS-backup extended permit ip host 10.10.0.9 any4",
        "access-list NPS-partner-bypass extended permit tcp 172.16.0.0 255.255.0.0 any4 eq 22"]
    assert list(tree["route-map NPS-inside permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop verify-availability 203.0.113.1 10 track 402"]
    assert tree["sla monitor 402"] == {
        "type echo protocol ipIcmpEcho 203.0.113.1 interface outside2": {"frequency 5": {}}}
    assert {"sla monitor schedule 402 life forever start-time now", "track 402 rtr 402 reachability"} <= set(tree)
    assert list(tree["route-map NPS-inside permit 20"]) == [
        "match ip address NPS-backup", "set ip next-hop 203.0.113.7"]
    assert "policy-route route-map NPS-inside" in tree["interface GigabitEthernet0/2"]
    assert "zone-member WAN" in tree["interface GigabitEthernet0/1"]
    assert tree["policy-map NPS-outside"] == {
        "class NPS-partner": {"set connection advanced-options tcp-state-bypass": {}}}
    assert tree["class-map NPS-partner"] == {"match access-list NPS-partner-bypass": {}}
    assert "service-policy NPS-outside interface outside" in tree
    assert list(tree["route-map NPS-OUT-192.0.2.1 permit 10"]) == [
        "set metric 50", "set as-path prepend 65001 65001"]
    family = tree["router bgp 65001"]["address-family ipv4 unicast"]
    assert list(family)[-4:] == [
        "neighbor 192.0.2.1 route-map NPS-IN-192.0.2.1 in", "neighbor 192.0.2.1 route-map NPS-OUT-192.0.2.1 out",
        "maximum-paths 4", "maximum-paths ibgp 2"]
    assert firewall.device.cleared == ["clear bgp 192.0.2.1 soft in", "clear bgp 192.0.2.1 soft out"]


def test_another_zone_is_left_first(firewall: Changing) -> None:
    moved = {"zones": [{"interface": "outside", "zone": "OLD"}]}
    planned = firewall.run(without_timer=True, **moved)
    assert planned.lines == ("interface GigabitEthernet0/0", "no zone-member WAN", "zone-member OLD")
    assert planned.inverse == ("interface GigabitEthernet0/0", "no zone-member OLD", "zone-member WAN")


def test_one_way_is_what_the_device_has_by_itself(firewall: Changing) -> None:
    before = firewall.device.shown()
    firewall.run(without_timer=True, multipath={"asn": 65001, "ebgp": 4, "ibgp": 2})
    firewall.run(without_timer=True, multipath={"asn": 65001, "ebgp": 8})
    family = firewall.device.running["router bgp 65001"]["address-family ipv4 unicast"]
    assert sorted(text for text in family if text.startswith("maximum")) == [
        "maximum-paths 8", "maximum-paths ibgp 2"]
    firewall.run(without_timer=True, multipath={"asn": 65001, "ebgp": 1, "ibgp": 1})
    assert firewall.device.shown() == before
    assert not firewall.run(without_timer=True, multipath={"asn": 65001, "ebgp": 1}).changed


def test_what_changes_keeps_nothing_of_the_old(firewall: Changing) -> None:
    firewall.run(without_timer=True, policies=[PARTNER, BACKUP], weaken=[BYPASS])
    before = copy.deepcopy(firewall.device.running)
    moved = {**PARTNER, "next_hop": "203.0.113.5", "dports": [8443]}
    other = {**BYPASS, "destinations": ["10.10.0.0/24"], "dports": []}
    with pytest.raises(ChangeFailed, match="as it was, by the lines that undo it"):
        firewall.run(without_timer=True, policies=[moved], weaken=[other], prove=lambda _left: "no answer")
    assert _lines(firewall.device.running) == _lines(before)
    firewall.run(without_timer=True, policies=[moved], weaken=[other])
    tree = firewall.device.running
    assert list(tree["route-map NPS-inside permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop 203.0.113.5"]
    assert [text for text in tree if text.startswith("access-list NPS-partner")] == [
        "access-list NPS-partner extended permit tcp any4 172.16.0.0 255.255.0.0 eq 8443",
        "access-list NPS-partner-bypass extended permit tcp 172.16.0.0 255.255.0.0 10.10.0.0 255.255.255.0"]
    second = {**BYPASS, "name": "second", "sources": ["198.51.100.7/32"]}
    firewall.run(without_timer=True, weaken=[second])
    firewall.run(without_timer=True, weaken=[other], state="absent")  # the second stays
    assert list(firewall.device.running["policy-map NPS-outside"]) == ["class NPS-second"]
    assert "service-policy NPS-outside interface outside" in firewall.device.running


def test_a_next_hop_that_is_watched_and_then_not(firewall: Changing) -> None:
    """What is not ours stays as it is, on the way there and back."""
    first = firewall.device.shown()
    assert "ISP-B" in first and "track 1 rtr 401 reachability" in first
    firewall.run(without_timer=True, policies=[VERIFIED, {**BACKUP, "verify": True}])
    assert "verify-availability ISP-B 10 track 402" in firewall.device.shown()
    before = _lines(firewall.device.running)
    moved = {**VERIFIED, "next_hop": "10.20.0.5"}
    with pytest.raises(ChangeFailed, match="as it was, by the lines that undo it"):
        firewall.run(without_timer=True, policies=[moved], prove=lambda _left: "no answer")
    assert _lines(firewall.device.running) == before
    firewall.run(without_timer=True, policies=[moved])
    assert _probes(firewall) == {"401": "192.0.2.1 interface outside", "403": "203.0.113.7 interface outside2",
                                 "404": "10.20.0.5 interface dmz"}
    firewall.run(without_timer=True, policies=[moved, BACKUP], state="absent")
    assert firewall.device.shown() == first


def _probes(firewall: Changing) -> dict[str, str]:
    """What each probe that runs is sent to; there is a tracked object for each."""
    tree = firewall.device.running
    found = {text[12:]: next(iter(section))[30:] for text, section in tree.items()
             if re.fullmatch(r"sla monitor \d+", text)}
    assert {f"sla monitor schedule {one} life forever start-time now" for one in found} == {
        text for text in tree if text.startswith("sla monitor schedule ")}
    assert {"401" if text == "track 1 rtr 401 reachability" else text.split()[1]
            for text in tree if text.startswith("track ")} == set(found)
    return found


def test_without_leave_nothing_is_sent(firewall: Changing) -> None:
    with pytest.raises(WishError, match="back by itself; set allow_without_timer. Nothing was sent"):
        firewall.run(**OFF)
    assert asked_only(firewall)


def test_the_standby_unit_is_left_alone(firewall: Changing) -> None:
    fake = firewall.device
    assert isinstance(fake, AsaDevice)
    fake.unit = "\tThis host: Secondary - Standby Ready"
    with pytest.raises(WishError, match=r"standby unit of a pair \(This host: Secondary - Standby Ready\)"):
        firewall.run(check=True, without_timer=True, **ZONE)
    assert asked_only(firewall)
    fake.unit = "\tThis host: Primary - Active"
    firewall.run(without_timer=True, **ZONE)
    assert "zone-member WAN" in fake.running["interface GigabitEthernet0/1"]


def test_a_line_in_use_is_refused_and_seen() -> None:
    """Somebody has put our access list to another use: the rest of the change is taken back."""
    with changing(CASE.dialect(), AsaDevice("fw1", CONFIG)) as one:
        one.run(without_timer=True, policies=[PARTNER], **BGP)
        one.device.running["class-map OTHER"] = {"match access-list NPS-partner": {}}
        before = _lines(one.device.running)
        with pytest.raises(ChangeFailed, match=r"(?s)is in use.*The device is as it was, by the lines that undo it"):
            one.run(without_timer=True, policies=[PARTNER], state="absent")
        assert _lines(one.device.running) == before


def _lines(tree: t.Any) -> list[t.Any]:
    """Whatever the order of access lists beside each other."""
    return sorted((text, str(section)) for text, section in tree.items())


class _Slow(platforms.CiscoAsa):
    """Its account is checked by a server that takes its time."""

    def __init__(self, *given: t.Any) -> None:
        super().__init__(*given)
        self.typed_for_a_password: list[str] = []

    def handle(self, session: dict[str, t.Any], line: str) -> str | None:
        if str(session.get("asks")).startswith("Password"):
            self.typed_for_a_password.append(line)
            time.sleep(2)
        return super().handle(session, line)


def test_an_account_that_is_checked_slowly_is_waited_for() -> None:
    device = _Slow("fw1", {"show version": ["Cisco Adaptive Security Appliance Software Version 9.20(2)"]})
    with FakeNetwork(device) as network:
        login = Login("fw1", "127.0.0.1", network.ports["fw1"], USER, PASSWORD, host_key_checking=False)
        with Session.open(login, CiscoAsa()) as session:
            assert "9.20" in session.ask("show version")
    assert device.typed_for_a_password == [PASSWORD] and device.received == ["show version"]
