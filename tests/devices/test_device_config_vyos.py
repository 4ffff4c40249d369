# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of VyOS, beside what test_changes.py shows of every platform: what is made, timers, commits of others."""

from __future__ import annotations

import concurrent.futures
import copy
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.vyos_config import VyosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Wish, strike
from ansible_collections.netpath.symmetry.tests.devices.changes.vyos import (
    BACKUP,
    BGP,
    CASE,
    CONFIG,
    LINES,
    LOOSE,
    PARTNER,
    RELOADS,
    WITHOUT_TIMER,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending, at
from ansible_collections.netpath.symmetry.tests.devices.fake_vyos import VyosDevice

FAMILY = "set protocols bgp neighbor 192.0.2.1 address-family ipv4-unicast"


@pytest.fixture
def edge() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def fake(edge: Changing) -> VyosDevice:
    assert isinstance(edge.device, VyosDevice)
    return edge.device


def without(*words: str) -> str:
    """The configuration without lines that begin so."""
    return "".join(f"{line}\n" for line in (CONFIG + RELOADS).splitlines() if not line.startswith(words))


def test_what_is_made(edge: Changing) -> None:
    """A rule for each pair of prefixes; tables that nobody uses; the numbers of rules stay where a policy changes."""
    edge.run(**CASE.everything)
    shown = edge.device.shown()
    for line in ("set policy route NPS-eth2 interface 'eth2'",
                 "set policy route NPS-eth2 rule 10 description 'NPS-partner'",
                 "set policy route NPS-eth2 rule 10 destination address '172.16.0.0/16'",
                 "set policy route NPS-eth2 rule 10 destination port '443,8443'",
                 "set policy route NPS-eth2 rule 10 protocol 'tcp'",
                 "set policy route NPS-eth2 rule 10 set table '172'",
                 "set policy route NPS-eth2 rule 20 destination address '172.20.0.0/16'",
                 "set policy route NPS-eth2 rule 30 source address '10.10.0.9/32'",
                 "set policy route NPS-eth2 rule 30 set table '173'",
                 "set protocols static table 172 route 0.0.0.0/0 next-hop 203.0.113.1",
                 "set policy route-map NPS-OUT-192.0.2.1 rule 10 set as-path prepend '65001 65001'",
                 f"{FAMILY} route-map export 'NPS-OUT-192.0.2.1'",
                 "set protocols bgp address-family ipv4-unicast maximum-paths ibgp '2'",
                 "set interfaces ethernet eth2 vif 50 ip source-validation 'strict'",
                 "set firewall zone WAN member interface 'eth3'"):
        assert f"{line}\n" in shown
    moved: Wish = {**PARTNER, "destinations": ["172.20.0.0/16"], "dports": [], "next_hop": "203.0.113.5"}
    done = edge.run(policies=[moved])
    assert done.lines == (
        "delete policy route NPS-eth2 rule 10 destination address 172.16.0.0/16",
        "delete policy route NPS-eth2 rule 10 destination port",
        "delete policy route NPS-eth2 rule 20",
        "delete protocols static table 172 route 0.0.0.0/0 next-hop",
        "set policy route NPS-eth2 rule 10 destination address 172.20.0.0/16",
        "set protocols static table 172 route 0.0.0.0/0 next-hop 203.0.113.5")
    edge.run(policies=[moved], state="absent")
    left = edge.device.running["policy"]["route"]["NPS-eth2"]["rule"]
    assert list(left) == ["30"] and "172" not in edge.device.running["protocols"]["static"]["table"]


def test_a_device_that_would_reboot_has_no_timer(edge: Changing) -> None:
    fake(edge).running["system"]["config-management"].pop("commit-confirm")
    with pytest.raises(WishError, match="commit-confirm action reload' .* set allow_without_timer. Nothing was sent"):
        edge.run(**LOOSE)
    assert asked_only(edge)
    edge.run(without_timer=True, **LOOSE)
    assert "commit" in edge.device.received and not any("confirm 5" in line for line in edge.device.received)


def test_without_a_timer_a_fault_at_each_step_ends_in_the_old_configuration() -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        left = list(pool.map(lambda fault: strike(WITHOUT_TIMER, fault), WITHOUT_TIMER.faults()))
    assert not [f"{one.fault}: {one.wrong}" for one in left if one.wrong] and len(left) > 20


def test_a_proof_that_takes_too_long_or_nearly_so(edge: Changing) -> None:
    """What the device says to everybody a minute before its timer runs out stands in the answers."""
    edge.run(prove=lambda _left: edge.device.advance(250) or "", **LOOSE)
    assert fake(edge).told and edge.device.running == edge.device.startup != CASE.device().running
    assert fake(edge).revision != edge.device.running  # and so nothing goes before the next commit of anybody
    edge.device.running = edge.device.startup = fake(edge).revision = CASE.device().running
    edge.run(seconds=30, **LOOSE)
    assert "commit-confirm 2" in edge.device.received and fake(edge).revision == edge.device.running
    edge.device.running = edge.device.startup = fake(edge).revision = CASE.device().running
    with pytest.raises(ChangeFailed, match="ran out before the change was confirmed. The device is as it was$"):
        edge.run(prove=lambda _left: edge.device.advance(301) or "", **LOOSE)
    assert edge.device.running == CASE.device().running and not fake(edge).reboots


def test_nothing_is_sent_while_another_change_waits_or_where_the_timer_would_go_too_far_back(edge: Changing) -> None:
    edge.device.pending = Pending(600, copy.deepcopy(edge.device.running))
    with pytest.raises(WishError, match=r"another change waits for its confirmation \(commit-confirm\); nothing was"):
        edge.run(check=True, **LOOSE)
    assert asked_only(edge)
    edge.device.pending = None
    at(fake(edge).revision, ("system", "host-name")).clear()
    with pytest.raises(ChangeFailed, match="last revision that the device keeps is not what runs.*The device is as it"):
        edge.run(**LOOSE)
    assert not set(LINES) & set(edge.device.received)


def test_somebody_was_faster_with_a_timer_of_his_own(edge: Changing) -> None:
    """It is his: it is neither confirmed nor rolled back."""
    theirs = Pending(600, copy.deepcopy(edge.device.running))
    typed = type(edge.device).configure

    class Busy(VyosDevice):
        def configure(self, session: t.Any, line: str) -> str:
            self.pending = theirs if line == LINES[-1] else self.pending
            return typed(self, session, line)

    edge.device.__class__ = Busy
    with pytest.raises(ChangeFailed, match=r"Another confirm is pending.*\. The device is as it was$"):
        edge.run(**LOOSE)
    assert edge.device.pending is theirs
    assert edge.device.received[-4:] == ["commit-confirm 5", "exit discard", *["show configuration commands"] * 2]


def test_a_commit_that_fails_in_part_is_taken_back_as_a_whole(edge: Changing) -> None:
    fake(edge).failing = "protocols"
    for reloads in (True, False):
        if not reloads:
            del edge.device.running["system"]["config-management"]["commit-confirm"]
        before = copy.deepcopy(edge.device.running)
        with pytest.raises(ChangeFailed, match=r"Commit failed.*\. The device is as it was, by "):
            edge.run(without_timer=True, **LOOSE, **BGP)
        assert edge.device.running == before and edge.device.pending is None


def test_what_somebody_commits_meanwhile_stays(edge: Changing) -> None:
    """It makes a new revision with our lines in it, so that neither that nor a whole section is taken back."""
    edge.device.__dict__.update(VyosDevice("edge1", without("set policy", "set protocols")).__dict__)
    theirs = ("policy", "prefix-list", "THEIRS", "rule", "5", "action", "permit")

    def meanwhile(_left: float) -> str:
        at(edge.device.running, theirs)
        fake(edge).revision = copy.deepcopy(edge.device.running)
        return "no answer"

    expected = copy.deepcopy(edge.device.running)
    at(expected, theirs)
    with pytest.raises(ChangeFailed, match="The device is as it was, by the lines that undo it"):
        edge.run(prove=meanwhile, policies=[BACKUP])
    assert edge.device.running == expected and edge.device.pending is None


def test_zones_as_older_releases_write_them_and_checks_of_the_firewall() -> None:
    config, old = VyosConfig(), CONFIG.replace(" member interface", " interface")
    moved = config.plan(old, read_wishes({"zones": [{"interface": "eth3", "zone": "WAN"}]}))
    assert moved.lines == ("delete firewall zone LAN interface eth3", "set firewall zone WAN interface eth3")
    everywhere = CONFIG + "set firewall global-options source-validation 'strict'\n"
    with pytest.raises(WishError, match="'firewall global-options source-validation strict' checks every interface:"):
        config.plan(everywhere, read_wishes(LOOSE))
    off: Wish = {"reverse_path": [{"interface": "eth0", "mode": "off"}]}
    assert config.plan(CONFIG, read_wishes(off)).lines == ("delete interfaces ethernet eth0 ip",)
    assert not config.plan(CONFIG.replace("'strict'", "'disable'"), read_wishes(off)).changed
    with pytest.raises(WishError, match="interface eth2 has 'policy route TO-PARTNER' already"):
        config.plan(CONFIG.replace("TO-PARTNER interface 'eth1'", "TO-PARTNER interface 'eth*'"),
                    read_wishes({"policies": [BACKUP]}))
    with pytest.raises(WishError, match="'protocols bgp 65001' is how VyOS 1.3 and older write BGP"):
        config.plan(CONFIG.replace("bgp neighbor", "bgp 65001 neighbor"), read_wishes(BGP))
