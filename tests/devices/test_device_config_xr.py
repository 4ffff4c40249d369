# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Cisco IOS-XR, beside what test_changes.py shows of every platform: what is made, trials, others."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError
from ansible_collections.netpath.symmetry.tests.devices.changes.cisco_xr import (
    BACKUP,
    BGP,
    CASE,
    CONFIG,
    GI2,
    LOOSE,
    PARTNER,
    VERIFIED,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending
from ansible_collections.netpath.symmetry.tests.devices.fake_xr import XrDevice

LIST = "ipv4 access-list NPS-GigabitEthernet0_0_0_2.10"


@pytest.fixture
def router() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_what_is_made(router: Changing) -> None:
    planned = router.run(**CASE.everything)
    tree = router.device.running
    assert list(tree[LIST]) == [
        "1000 remark NPS-partner",
        "1001 permit tcp any 172.16.0.0 0.0.255.255 eq 80 nexthop1 track NPS-partner ipv4 203.0.113.1",
        "1002 permit tcp any 172.16.0.0 0.0.255.255 eq 8443 nexthop1 track NPS-partner ipv4 203.0.113.1",
        "2000 remark NPS-backup", "2001 permit ipv4 host 10.10.0.9 any nexthop1 ipv4 203.0.113.7",
        "1000000 permit ipv4 any any"]
    assert tree["track NPS-partner"] == {"type rtr 902 reachability": {}}
    assert tree["ipsla"]["operation 902"] == {
        "type icmp echo": {"destination address 203.0.113.1": {}, "frequency 5": {}}}
    assert tree["ipsla"]["schedule operation 902"] == {"start-time now": {}, "life forever": {}}
    assert f"{LIST[5:].replace('list', 'group')} ingress" in "\n".join(tree[f"interface {GI2}"])
    assert list(tree["route-policy NPS-OUT-10.0.0.2"]) == ["prepend as-path 65001 2", "set med 50", "pass"]
    assert list(tree["router bgp 65001"]["neighbor 10.0.0.2"]["address-family ipv4 unicast"]) == [
        "next-hop-self", "route-policy NPS-IN-10.0.0.2 in", "route-policy NPS-OUT-10.0.0.2 out"]
    assert list(tree["router bgp 65001"]["address-family ipv4 unicast"]) == [
        "maximum-paths ebgp 4", "maximum-paths ibgp 2"]
    assert "root" in planned.lines and "root" in planned.inverse  # there the same words mean something else
    assert "route-policy NPS-IN-10.0.0.2\n  set local-preference 300\n  pass\nend-policy\n" in planned.after


def test_one_way_is_what_the_device_has_by_itself(router: Changing) -> None:
    before = router.device.shown()
    router.run(multipath={"asn": 65001, "ebgp": 4, "ibgp": 2})
    router.run(multipath={"asn": 65001, "ebgp": 8})
    family = router.device.running["router bgp 65001"]["address-family ipv4 unicast"]
    assert sorted(text for text in family if text.startswith("maximum")) == [
        "maximum-paths ebgp 8", "maximum-paths ibgp 2"]
    router.run(multipath={"asn": 65001, "ebgp": 1, "ibgp": 1})
    assert router.device.shown() == before
    assert not router.run(multipath={"asn": 65001, "ebgp": 1}).changed


def test_a_next_hop_that_is_watched_and_then_not(router: Changing) -> None:
    """Another next hop has another operation; what somebody else watches is left alone, on the way there and back."""
    first = router.device.shown()
    router.run(policies=[VERIFIED, {**BACKUP, "verify": True}])
    before = router.device.shown()
    moved = {**VERIFIED, "next_hop": "203.0.113.5"}
    with pytest.raises(ChangeFailed, match="as it was, by leaving the trial"):
        router.run(policies=[moved], prove=lambda _left: "no answer")
    assert router.device.shown() == before
    router.run(policies=[moved])
    assert [text for text in router.device.running["ipsla"] if not text.startswith("schedule ")] == [
        "operation 901", "operation 903", "operation 904"]
    assert router.device.running["track NPS-partner"] == {"type rtr 904 reachability": {}}
    router.run(policies=[{**moved, "verify": False}])
    assert "track NPS-partner" not in router.device.running
    router.run(policies=[moved, BACKUP], state="absent")
    assert router.device.shown() == first


def test_the_section_of_operations_goes_with_the_last_one() -> None:
    config = CONFIG.replace("track UPLINK\n type rtr 901 reachability\n", "")
    with changing(CASE.dialect(), XrDevice("xr1", config[:config.index("ipsla\n")])) as one:
        first = one.device.shown()
        one.run(policies=[VERIFIED])
        one.run(policies=[{**VERIFIED, "verify": False}])
        assert "ipsla" not in one.device.running
        one.run(policies=[VERIFIED], state="absent")
        assert one.device.shown() == first


def test_what_changes_keeps_nothing_of_the_old(router: Changing) -> None:
    router.run(policies=[PARTNER, BACKUP], **BGP)
    before = router.device.shown()
    moved = {**PARTNER, "next_hop": "203.0.113.5", "dports": [8443]}
    other = {"bgp": [{"neighbor": "10.0.0.2", "asn": 65001, "prepend": 3}]}
    with pytest.raises(ChangeFailed, match="as it was, by leaving the trial$"):
        router.run(policies=[moved], **other, prove=lambda _left: "no answer")
    assert router.device.shown() == before
    planned = router.run(policies=[moved], **other)
    assert "set med 50" in planned.before and "prepend as-path 65001 2" in planned.before
    assert list(router.device.running[LIST])[:1] == ["1000 remark NPS-partner"]
    assert {text for text in router.device.running[LIST] if text.startswith("1")} == {
        "1000 remark NPS-partner", "1001 permit tcp any 172.16.0.0 0.0.255.255 eq 8443 nexthop1 ipv4 203.0.113.5",
        "1000000 permit ipv4 any any"}
    assert list(router.device.running["route-policy NPS-OUT-10.0.0.2"]) == [
        "prepend as-path 65001 3", "set med 50", "pass"]
    router.run(policies=[moved], state="absent")  # the other policy stays, and the list with it
    assert f"{LIST[5:].replace('list', 'group')} ingress" in "\n".join(router.device.running[f"interface {GI2}"])
    router.run(**other, state="absent")
    assert list(router.device.running["route-policy NPS-OUT-10.0.0.2"]) == ["set med 50", "pass"]


def test_a_proof_that_takes_too_long(router: Changing) -> None:
    def late(_left: float) -> str:
        router.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match="ran out before the change was confirmed. The device is as it was$"):
        router.run(prove=late, **LOOSE)
    assert router.device.running == CASE.device().running and not router.device.left_behind()


def test_a_session_that_is_cut_off_on_trial_is_waited_for(router: Changing) -> None:
    """Nobody else can confirm the trial, or commit before it is over."""
    with pytest.raises(ChangeFailed, match="The device is as it was, by its own timer$"):
        router.run(fault=Fault("loses_after", "commit confirmed 300", once=True), **LOOSE)
    assert router.device.clock >= 300 and router.device.pending is None
    assert router.device.received.count("show configuration sessions detail") > 3


def test_nothing_is_sent_while_anybody_configures(router: Changing) -> None:
    fake = router.device
    assert isinstance(fake, XrDevice)
    fake.rows[0] = "None"
    with pytest.raises(WishError, match="admin configures it, at vty0; nothing was sent"):
        router.run(check=True, **LOOSE)
    fake.pending, fake.trying = Pending(600, fake.running), 0
    with pytest.raises(WishError, match="another change waits for its confirmation; nothing was sent"):
        router.run(**LOOSE)
    assert asked_only(router)


def test_what_a_group_gives_is_in_the_way_too(router: Changing) -> None:
    fake = router.device
    assert isinstance(fake, XrDevice)
    fake.running["router bgp 65001"]["apply-group CORE"] = {}
    fake.groups["router bgp 65001", "neighbor 10.0.0.2", "address-family ipv4 unicast"] = "route-policy THEIRS in"
    with pytest.raises(WishError, match="10.0.0.2 has route-policy THEIRS in already"):
        router.run(check=True, **BGP)
    router.run(**LOOSE)


def test_a_commit_that_fails_is_told_with_the_routers_reason(router: Changing) -> None:
    """A policy that somebody has put on another neighbor cannot be taken away."""
    router.run(**BGP)
    fake = router.device
    fake.running["router bgp 65001"]["neighbor 10.0.0.3"]["address-family ipv4 unicast"] = {
        "route-policy NPS-IN-10.0.0.2 in": {}}
    before = fake.shown()
    with pytest.raises(ChangeFailed, match=r"Policy \[NPS-IN-10.0.0.2\] is not defined.*The device is as it was$"):
        router.run(**BGP, state="absent")
    assert fake.shown() == before and not fake.left_behind()


def test_neighbors_of_another_system_where_they_may_do_without_a_policy() -> None:
    wish = {"bgp": [{"neighbor": "198.51.100.1", "asn": 65001, "med": 5}]}
    config = CONFIG.replace(" bgp router-id 10.0.0.1\n", " bgp router-id 10.0.0.1\n bgp unsafe-ebgp-no-policy\n")
    with changing(CASE.dialect(), XrDevice("xr1", config)) as one:
        before = one.device.shown()
        one.run(**wish)
        assert list(one.device.running["route-policy NPS-OUT-198.51.100.1"]) == ["set med 5", "pass"]
        one.run(**wish, state="absent")
        assert one.device.shown() == before
