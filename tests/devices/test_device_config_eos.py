# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Arista EOS on a fake that is configured: configuration sessions, and commits that wait."""

from __future__ import annotations

import concurrent.futures
import copy
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_config import AristaConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_eos import AristaEos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import EosDevice, Pending

Wish = dict[str, t.Any]
CONFIG = """hostname leaf1
interface Ethernet1
   ip address 192.0.2.2/30
   ip verify unicast source reachable-via rx
interface Ethernet2
   service-policy type pbr input TO-PARTNER
interface Vlan10
   ip address 10.10.0.2/24
router bgp 65001
   neighbor PEERS peer group
   neighbor PEERS route-map PEERS-IN in
   neighbor 192.0.2.1 remote-as 65010
   neighbor 198.51.100.9 peer group PEERS
"""
PARTNER: Wish = {"name": "partner", "interface": "Vlan10", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [443, 8443]}
BACKUP: Wish = {"name": "backup", "interface": "Vlan10", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "Ethernet1", "mode": "loose", "allow_default": True}]}
BEGIN, COMMIT, CONFIRM = "configure session NPS-change", "commit timer 00:05:00", "configure session NPS-change commit"
LINES = ["interface Ethernet1", "ip verify unicast source reachable-via any allow-default"]


def device() -> EosDevice:
    return EosDevice("leaf1", CONFIG)


@pytest.fixture
def leaf() -> t.Iterator[Changing]:
    with changing(AristaEos(), device()) as one:
        yield one


def test_everything_in_four_runs_and_away_again(leaf: Changing) -> None:
    before = leaf.device.shown()
    everything: Wish = {"policies": [PARTNER, BACKUP], **LOOSE,
                        "bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "local_preference": 300}]}
    leaf.four_runs(**everything)
    tree = leaf.device.running
    assert tree["policy-map type pbr NPS-Vlan10"] == {
        "class NPS-partner": {"set nexthop 203.0.113.1": {}}, "class NPS-backup": {"set nexthop 203.0.113.7": {}}}
    assert list(tree["ip access-list NPS-partner"]) == [
        "permit tcp any 172.16.0.0/16 eq 443", "permit tcp any 172.16.0.0/16 eq 8443"]
    assert list(tree["ip access-list NPS-backup"]) == ["permit ip host 10.10.0.9 any"]
    leaf.run(policies=[BACKUP], state="absent")
    assert list(leaf.device.running["policy-map type pbr NPS-Vlan10"]) == ["class NPS-partner"]
    leaf.run(state="absent", policies=[PARTNER], bgp=everything["bgp"])
    leaf.run(reverse_path=[{"interface": "Ethernet1", "mode": "strict"}])
    assert leaf.device.shown() == before


def test_what_is_sent_in_which_order(leaf: Changing) -> None:
    leaf.run(**LOOSE)
    listed = "show configuration sessions detail"
    assert leaf.device.received == ["show running-config", listed, BEGIN, *LINES, COMMIT, "show running-config",
                                    listed, CONFIRM, "write memory"]


def _failing(fault: Fault) -> tuple[Fault, str, EosDevice]:
    with changing(AristaEos(), device()) as one:
        kept = copy.copy(fault)
        with pytest.raises(DeviceError) as error:
            one.run(fault=fault, **LOOSE)
        one.device.advance(300)
        assert isinstance(one.device, EosDevice)
        return kept, str(error.value), one.device


_FAULTS = [
    *(Fault("refuses", line) for line in (BEGIN, LINES[1], COMMIT, CONFIRM, "write memory")),
    *(Fault(kind, line, once=True) for kind in ("loses", "loses_after")
      for line in (BEGIN, LINES[1], COMMIT, CONFIRM, "write memory")),
    Fault("refuses", "show running-config", 1, once=True), Fault("loses", "show running-config", 1, once=True),
    Fault("loses_after", COMMIT, gone=True), Fault("loses", CONFIRM, gone=True),
]


def test_a_fault_at_any_step_ends_in_the_old_configuration() -> None:
    old = device().running
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for fault, said, after in pool.map(_failing, copy.deepcopy(_FAULTS)):
            assert after.running == old and after.startup == old and after.pending is None, (fault, said)
            if fault.gone:
                assert "A timer that was armed does that" in said, said
                continue
            assert "The device is as it was" in said and not after.sessions, (fault, said)
            confirmed = fault.command == "write memory" or (fault.kind, fault.command) == ("loses_after", CONFIRM)
            assert ("by the lines that undo it" in said) == confirmed, (fault, said)


def test_a_proof_that_fails_and_one_that_takes_too_long(leaf: Changing) -> None:
    with pytest.raises(ChangeFailed, match="no answer. The device is as it was, by .configure session NPS-change ab"):
        leaf.run(prove=lambda _left: "no answer", **LOOSE)
    assert leaf.device.running == device().running

    def late(_left: float) -> str:
        leaf.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match="ran out before the change was confirmed. The device is as it was$"):
        leaf.run(prove=late, **LOOSE)
    assert leaf.device.running == device().running


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
    assert fake.running != device().running


@pytest.mark.parametrize(("wish", "words"), [
    ({"policies": [{**PARTNER, "interface": "Ethernet2"}]}, "has 'service-policy type pbr input TO-PARTNER' already"),
    ({"policies": [{**PARTNER, "verify": True}]}, "verify is for Cisco IOS"),
    ({"policies": [{**PARTNER, "interface": "Ethernet9"}]}, "no interface 'Ethernet9'; it has Ethernet1"),
    ({"bgp": [{"neighbor": "198.51.100.9", "asn": 65001, "local_preference": 300}]}, "PEERS has route-map PEERS-IN in"),
])
def test_what_is_in_the_way_is_named_while_it_is_planned(wish: Wish, words: str) -> None:
    with pytest.raises(WishError, match=re.escape(words)):
        AristaConfig().plan(device().shown(), read_wishes(wish))
