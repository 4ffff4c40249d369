# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Cisco NX-OS, beside what test_changes.py shows of every platform: what is made, checkpoints, features."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed, config_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.cisco_nxos import (
    BACKUP,
    BGP,
    CASE,
    CONFIG,
    LOOSE,
    PARTNER,
    VERIFIED,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_nxos import NxosDevice

ROLLBACK = "rollback running-config checkpoint NPS-change atomic"


@pytest.fixture
def leaf() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def test_what_is_made(leaf: Changing) -> None:
    planned = leaf.run(without_timer=True, **CASE.everything)
    tree = leaf.device.running
    assert list(tree["ip access-list NPS-partner"]) == [
        "permit tcp any 172.16.0.0/16 eq 80", "permit tcp any 172.16.0.0/16 eq 8443"]
    assert list(tree["ip access-list NPS-backup"]) == ["permit ip 10.10.0.9/32 any"]
    assert tree["ip sla 403"] == {"icmp-echo 203.0.113.1": {"frequency 5": {}}}  # 401 and 402 are named by others
    assert {"ip sla schedule 403 life forever start-time now", "track 403 ip sla 403 reachability"} <= set(tree)
    assert list(tree["route-map NPS-Vlan10 permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop verify-availability 203.0.113.1 track 403"]
    assert list(tree["route-map NPS-Vlan10 permit 20"]) == [
        "match ip address NPS-backup", "set ip next-hop 203.0.113.7"]
    assert list(tree["router bgp 65001"]["neighbor 192.0.2.1"]["address-family ipv4 unicast"]) == [
        "send-community", "route-map NPS-IN-192.0.2.1 in", "route-map NPS-OUT-192.0.2.1 out"]
    assert list(tree["router bgp 65001"]["address-family ipv4 unicast"]) == ["maximum-paths 4", "maximum-paths ibgp 2"]
    assert leaf.device.cleared == ["clear ip bgp 192.0.2.1 soft in", "clear ip bgp 192.0.2.1 soft out"]
    assert "configure terminal" in planned.lines  # where the same words mean something else, the top is gone to first


def test_one_way_is_what_the_device_has_by_itself(leaf: Changing) -> None:
    before = leaf.device.shown()
    leaf.run(without_timer=True, multipath={"asn": 65001, "ebgp": 4, "ibgp": 2})
    leaf.run(without_timer=True, multipath={"asn": 65001, "ebgp": 8})
    family = leaf.device.running["router bgp 65001"]["address-family ipv4 unicast"]
    assert sorted(text for text in family if text.startswith("maximum")) == [
        "maximum-paths 8", "maximum-paths ibgp 2"]
    leaf.run(without_timer=True, multipath={"asn": 65001, "ebgp": 1, "ibgp": 1})
    assert leaf.device.shown() == before
    assert not leaf.run(without_timer=True, multipath={"asn": 65001, "ebgp": 1}).changed


def test_what_changes_keeps_nothing_of_the_old(leaf: Changing) -> None:
    leaf.run(without_timer=True, policies=[PARTNER, BACKUP], **BGP)
    before = leaf.device.shown()
    moved = {**PARTNER, "next_hop": "203.0.113.5", "dports": [8443]}
    with pytest.raises(ChangeFailed, match="as it was, by its checkpoint$"):
        leaf.run(without_timer=True, policies=[moved], prove=lambda _left: "no answer")
    assert leaf.device.shown() == before and not leaf.device.left_behind()
    leaf.run(without_timer=True, policies=[moved])
    assert list(leaf.device.running["route-map NPS-Vlan10 permit 10"]) == [
        "match ip address NPS-partner", "set ip next-hop 203.0.113.5"]
    assert list(leaf.device.running["ip access-list NPS-partner"]) == ["permit tcp any 172.16.0.0/16 eq 8443"]


def test_a_next_hop_that_is_watched_and_then_not(leaf: Changing) -> None:
    """A next hop that moves has another probe; what is made by hand is left alone, on the way there and back."""
    first = leaf.device.shown()
    leaf.run(without_timer=True, policies=[VERIFIED, {**BACKUP, "verify": True}])
    before = leaf.device.shown()
    moved = {**VERIFIED, "next_hop": "203.0.113.5"}
    with pytest.raises(ChangeFailed, match="as it was, by the lines that undo it"):
        leaf.run(without_timer=True, policies=[moved],
                 fault=Fault("refuses", "copy running-config startup-config", once=True))
    assert leaf.device.shown() == before
    leaf.run(without_timer=True, policies=[moved])
    assert _probes(leaf) == ["ip sla 401", "ip sla 404", "ip sla 405"]
    assert leaf.device.running["ip sla 405"] == {"icmp-echo 203.0.113.5": {"frequency 5": {}}}
    leaf.run(without_timer=True, policies=[{**moved, "verify": False}])
    assert list(leaf.device.running["route-map NPS-Vlan10 permit 10"])[1] == "set ip next-hop 203.0.113.5"
    assert _probes(leaf) == ["ip sla 401", "ip sla 404"]
    leaf.run(without_timer=True, policies=[moved, BACKUP], state="absent")
    assert leaf.device.shown() == first


def test_what_others_have_done_to_a_watched_policy() -> None:
    """A probe that they changed is made anew; an object of theirs that our entry names is left alone."""
    device, config = NxosDevice("leaf1", CONFIG), config_of(CASE.dialect())
    device.running["ip sla 403"] = {"icmp-echo 203.0.113.1": {"frequency 60": {}}}
    device.running["track 403 ip sla 403 reachability"] = {}
    entry = device.running["route-map NPS-Vlan10 permit 10"] = {
        "match ip address NPS-partner": {}, "set ip next-hop verify-availability 203.0.113.1 track 403": {}}
    planned = config.plan(device.shown(), read_wishes({"policies": [VERIFIED]}))
    assert "ip sla 404" in planned.lines and "no ip sla 403" in planned.lines
    entry["set ip next-hop verify-availability 203.0.113.99 track 1"] = entry.pop(
        "set ip next-hop verify-availability 203.0.113.1 track 403")
    planned = config.plan(device.shown(), read_wishes({"policies": [PARTNER]}))
    assert "no set ip next-hop verify-availability 203.0.113.99 track 1" in planned.lines
    assert not [line for line in planned.lines if line.startswith(("no track", "no ip sla"))]


def test_an_object_that_something_else_names_is_seen_to_stay(leaf: Changing) -> None:
    leaf.run(without_timer=True, policies=[VERIFIED])
    leaf.device.running["route-map TO-PARTNER permit 10"] = {
        "set ip next-hop verify-availability 203.0.113.1 track 403": {}}
    before = leaf.device.shown()
    with pytest.raises(ChangeFailed, match=r"(?s)Object 403 is in use.*The device is as it was, by its checkpoint"):
        leaf.run(without_timer=True, policies=[PARTNER])
    assert leaf.device.shown() == before


def _probes(leaf: Changing) -> list[str]:
    """Probes that have a schedule and an object of the same number."""
    tree = leaf.device.running
    found = sorted(text for text in tree if text.startswith("ip sla ") and "schedule" not in text)
    ours = [text for text in found if text != "ip sla 401"]  # somebody else's, which object 1 tracks
    assert all({f"ip sla schedule {one[7:]} life forever start-time now",
                f"track {one[7:]} ip sla {one[7:]} reachability"} <= set(tree) for one in ours)
    assert len([text for text in tree if text.startswith("track ")]) == len(found)
    return found


def test_after_the_checkpoint_is_gone_the_inverse_takes_back(leaf: Changing) -> None:
    """The saving fails when the change has been kept already."""
    with pytest.raises(ChangeFailed, match="The device is as it was, by the lines that undo it, and saved so$"):
        leaf.run(without_timer=True, fault=Fault("refuses", "copy running-config startup-config", once=True), **BGP)
    assert ROLLBACK not in leaf.device.received
    assert leaf.device.running == leaf.device.startup == CASE.device().running


def test_a_checkpoint_that_is_there_is_somebodys(leaf: Changing) -> None:
    fake = leaf.device
    assert isinstance(fake, NxosDevice)
    fake.checkpoints["NPS-change"] = {}
    with pytest.raises(WishError, match=f"'{ROLLBACK}' brings back what was before it, 'no checkpoint NPS-change'"):
        leaf.run(check=True, without_timer=True, **LOOSE)
    assert asked_only(leaf)
    fake.checkpoints = {"NPS-change-of-old": {}}
    leaf.run(without_timer=True, **LOOSE)
    assert list(fake.checkpoints) == ["NPS-change-of-old"]


def test_a_feature_that_is_off_and_a_family_that_is_not_spoken() -> None:
    config = config_of(CASE.dialect())
    for without, wish, words in (
            ("feature pbr\n", {"policies": [PARTNER]}, "no 'feature pbr'"),
            ("feature sla sender\n", {"policies": [VERIFIED]}, "no 'feature sla sender'"),
            ("    address-family ipv4 unicast\n      send-community\n", BGP, "has no address-family ipv4 unicast")):
        assert without in CONFIG
        with pytest.raises(WishError, match=words):
            config.plan(CONFIG.replace(without, ""), read_wishes(wish))


def test_a_neighbor_in_the_words_of_older_releases() -> None:
    config = CONFIG.replace("  neighbor 192.0.2.1\n    remote-as 65010\n", "  neighbor 192.0.2.1 remote-as 65010\n")
    with changing(CASE.dialect(), NxosDevice("leaf1", config)) as one:
        one.run(without_timer=True, **BGP)
        section = one.device.running["router bgp 65001"]["neighbor 192.0.2.1 remote-as 65010"]
        assert "route-map NPS-IN-192.0.2.1 in" in section["address-family ipv4 unicast"]
