# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of PAN-OS, beside what test_changes.py shows of every platform: what is made, other people, commits."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed, config_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_config import PanosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_tree import read_tree
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_lines import at
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.paloalto_panos import (
    BGP,
    CASE,
    CONFIG,
    PARTNER,
    PLAIN,
    REPLIES,
    WEAKEN,
    ZONES,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_panos import PanosDevice

RULES = ("rulebase", "pbf", "rules")


@pytest.fixture
def fw1() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def device(one: Changing) -> PanosDevice:
    assert isinstance(one.device, PanosDevice)
    return one.device


def words(one: Changing, *path: str) -> t.Any:
    """What stands below a path of the running configuration, as lists where nothing is below."""
    def flat(tree: t.Any) -> t.Any:
        return [*tree] if not any(tree.values()) else {word: flat(below) for word, below in tree.items()}

    return flat(at(read_tree(one.device.shown()), *path))


def test_what_is_made(fw1: Changing) -> None:
    CASE.run(fw1, **CASE.everything)
    assert words(fw1, *RULES, "NPS-partner") == {
        "from": {"interface": ["ethernet1/3.10"]}, "source": ["10.10.0.0/25"], "destination": ["172.16.0.0/16"],
        "disabled": ["no"], "source-user": ["any"], "application": ["any"], "service": ["NPS-partner"],
        "action": {"forward": {
            "egress-interface": ["ethernet1/2"], "nexthop": {"ip-address": ["203.0.113.1"]},
            "monitor": {"profile": ["NPS-monitor"], "disable-if-unreachable": ["yes"]}}},
        "enforce-symmetric-return": {"enabled": ["no"]}}
    assert words(fw1, "service", "NPS-partner") == {"protocol": {"tcp": {"port": ["443,8443"]}}}
    assert words(fw1, *RULES, "NPS-replies", "enforce-symmetric-return") == {
        "enabled": ["yes"], "nexthop-address-list": ["203.0.113.1"]}
    assert words(fw1, "network", "virtual-router", "default", "protocol", "bgp", "policy", "export", "rules") == {
        "NPS-OUT-198.51.100.1": {"enable": ["yes"], "used-by": ["ISP-A"], "action": {"allow": {"update": {
            "med": ["50"], "as-path": {"prepend": ["2"]}}}}}}
    assert words(fw1, "zone", "isp-b", "network") == {
        "layer3": ["ethernet1/2", "ethernet1/3.50"], "zone-protection-profile": ["NPS-failover"]}
    assert words(fw1, "network", "profiles", "zone-protection-profile", "NPS-failover") == {
        "asymmetric-path": ["bypass"], "tcp-reject-non-syn": ["no"]}


def test_only_what_is_other_is_sent(fw1: Changing) -> None:
    CASE.run(fw1, policies=[PARTNER, REPLIES], **BGP)
    CASE.run(fw1, policies=[{**PARTNER, "dports": [8443], "next_hop": "198.51.100.1", "verify": False}])
    assert [line for line in fw1.device.received if line.startswith(("set", "delete"))] == [
        "delete rulebase pbf rules NPS-partner action forward monitor",
        "delete network profiles monitor-profile NPS-monitor",
        "set service NPS-partner protocol tcp port 8443",
        "set rulebase pbf rules NPS-partner action forward egress-interface ethernet1/1",
        "set rulebase pbf rules NPS-partner action forward nexthop ip-address 198.51.100.1"]
    CASE.run(fw1, bgp=[{"neighbor": "198.51.100.1", "asn": 65001, "local_preference": 200}])
    assert [line for line in fw1.device.received if line.startswith(("set", "delete"))] == [
        "set network virtual-router default protocol bgp policy import rules NPS-IN-198.51.100.1 action allow update "
        "local-preference 200"]
    CASE.run(fw1, bgp=[{"neighbor": "198.51.100.1", "asn": 65001, "med": 50}], state="absent")
    assert "prepend" in fw1.device.shown() and "<med>" not in fw1.device.shown()


@pytest.mark.parametrize(("hold", "words_"), [
    (lambda one: one.journal.append(("eve", "set service web protocol tcp port 80")), "uncommitted changes"),
    (lambda one: one.config_locks.append("eve"), "somebody holds a lock (show config-locks: eve"),
    (lambda one: one.commit_locks.append("eve"), "somebody holds a lock (show commit-locks: eve"),
    (lambda one: setattr(one, "_at_work", 9), "a commit is at work"),
])
def test_nothing_is_sent_while_somebody_else_is_at_work(
    fw1: Changing, hold: t.Callable[[PanosDevice], object], words_: str
) -> None:
    hold(device(fw1))
    for check in (True, False):
        with pytest.raises(WishError) as raised:
            CASE.run(fw1, check=check, **PLAIN)
        assert words_ in str(raised.value) and str(raised.value).endswith("nothing was sent")
        assert asked_only(fw1)


def test_lines_of_others_are_neither_committed_nor_reverted(fw1: Changing) -> None:
    def meanwhile(_left: float) -> str:
        device(fw1).journal.append(("eve", "set service web protocol tcp port 80"))
        return "no answer"

    with pytest.raises(ChangeFailed, match="The device is as it was, by the lines that undo it"):
        CASE.run(fw1, prove=meanwhile, **PLAIN)
    assert fw1.device.running == CASE.device().running
    assert device(fw1).journal == [("eve", "set service web protocol tcp port 80")]


def test_a_commit_that_is_still_at_work_is_waited_for(fw1: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PanosConfig, "pause", 0.01)
    device(fw1).late = 3
    with pytest.raises(ChangeFailed, match="The device is as it was"):
        CASE.run(fw1, fault=Fault("loses_after", "commit partial admin admin", once=True), **PLAIN)
    assert fw1.device.received.count("show jobs all") == 1 + 4
    assert fw1.device.running == CASE.device().running


def test_a_commit_that_the_firewall_refuses_is_reverted(fw1: Changing) -> None:
    real = device(fw1).configure

    def zones(_session: t.Any, line: str) -> str:
        return str(real(_session, line)) if line != "commit partial admin admin" else (
            "Validation Error:\n zone -> isp-b 'ethernet1/3.50' is invalid\nConfiguration is invalid")

    device(fw1).configure = zones  # type: ignore[method-assign,assignment]
    with pytest.raises(ChangeFailed, match=r"'commit partial admin admin' failed: .*is invalid. The device is as it "
                                           r"was, by 'revert config partial admin admin'"):
        CASE.run(fw1, **ZONES)
    assert not device(fw1).journal and fw1.device.running == CASE.device().running


def test_a_weakening_moves_with_its_zone_and_ends_by_its_name(fw1: Changing) -> None:
    CASE.run(fw1, weaken=[WEAKEN])
    CASE.run(fw1, weaken=[{**WEAKEN, "zone": "trust"}])
    assert "zone-protection-profile" not in words(fw1, "zone", "isp-b", "network")
    CASE.run(fw1, weaken=[WEAKEN], state="absent")
    assert "NPS-" not in fw1.device.shown()


@pytest.mark.parametrize(("old", "new", "said"), [
    ("<hostname>", "<panorama><local-panorama><panorama-server>192.0.2.9</panorama-server></local-panorama></panorama>"
                   "<hostname>", "managed by Panorama"),
    ("</system></deviceconfig>", "</system><setting><advance-routing>yes</advance-routing></setting></deviceconfig>",
     "uses advanced routing"),
    ("</entry></vsys>", '</entry><entry name="vsys2"/></vsys>', "has 2 virtual systems"),
    ("</config>", "", "is not whole"),
])
def test_firewalls_that_are_not_changed(old: str, new: str, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        config_of(CASE.dialect()).plan(CONFIG.replace(old, new), read_wishes(BGP))


@pytest.mark.parametrize(("wish", "said"), [
    ({"policies": [{**PARTNER, "sources": [], "destinations": ["2001:db8::/32"], "next_hop": "2001:db8::1"}]}, "IPv6"),
    ({"bgp": [{"neighbor": "2001:db8::1", "asn": 65001, "med": 1}]}, "IPv6"),
    ({"weaken": [{**WEAKEN, "name": "a" * 28}]}, "more than 27 letters"),
    ({"weaken": [{**WEAKEN, "zone": "dmz"}]}, "no zone 'dmz'; there are isp-a"),
    ({"weaken": [{key: value for key, value in WEAKEN.items() if key != "zone"}]}, "give zone"),
])
def test_bad_wishes(wish: dict[str, t.Any], said: str) -> None:
    with pytest.raises(WishError, match=said):
        config_of(CASE.dialect()).plan(CONFIG, read_wishes(wish))
