# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of Juniper Junos on a fake that is configured: the exclusive candidate, and commits that wait."""

from __future__ import annotations

import concurrent.futures
import copy
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.juniper_junos import JuniperJunos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_config import JunosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only, changing
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Pending
from ansible_collections.netpath.symmetry.tests.devices.fake_junos import JunosDevice

Wish = dict[str, t.Any]
CONFIG = """set system host-name border
set interfaces ge-0/0/0 unit 0 family inet rpf-check fail-filter SPECIAL
set interfaces ge-0/0/0 unit 0 family inet address 192.0.2.2/30
set interfaces ge-0/0/1 unit 0 family inet filter input FROM-B
set interfaces ge-0/0/2 unit 0 family inet
set interfaces ge-0/0/3 unit 0 family inet address 10.30.0.1/24
set firewall family inet filter FROM-B term ALL then accept
set routing-options autonomous-system 65001
set protocols bgp group A neighbor 192.0.2.1 peer-as 65010
set protocols bgp group A neighbor 192.0.2.1 authentication-key "$9$abcdef"
set protocols bgp group B export STATICS
set protocols bgp group B neighbor 203.0.113.9 peer-as 65020
"""
PARTNER: Wish = {"name": "partner", "interface": "ge-0/0/2.0", "next_hop": "203.0.113.1", "protocol": "tcp",
                 "destinations": ["172.16.0.0/16"], "dports": [443, 8443]}
BACKUP: Wish = {"name": "backup", "interface": "ge-0/0/2.0", "next_hop": "203.0.113.7", "sources": ["10.10.0.9/32"]}
LOOSE: Wish = {"reverse_path": [{"interface": "ge-0/0/0.0", "mode": "loose"}]}
BEGIN, END, COMMIT = "configure exclusive", "exit configuration-mode", "commit confirmed 5"
LINE = "set interfaces ge-0/0/0 unit 0 family inet rpf-check mode loose"


def device() -> JunosDevice:
    return JunosDevice("border", CONFIG)


@pytest.fixture
def border() -> t.Iterator[Changing]:
    with changing(JuniperJunos(), device()) as one:
        yield one


def test_everything_in_four_runs_and_away_again(border: Changing) -> None:
    before = border.device.shown()
    everything: Wish = {"policies": [PARTNER, BACKUP], **LOOSE, "bgp": [
        {"neighbor": "192.0.2.1", "asn": 65001, "prepend": 2, "med": 50, "local_preference": 300}]}
    done = border.four_runs(**everything)
    statement = "set policy-options policy-statement NPS-OUT-192.0.2.1 term 1 then"
    assert f'{statement} as-path-prepend "65001 65001"' in done.lines
    terms: Wish = border.device.running["firewall"]["family"]["inet"]["filter"]["NPS-ge-0_0_2.0"]["term"]
    assert list(terms) == ["NPS-partner", "NPS-backup", "NPS-rest"]
    assert terms["NPS-partner"] == {
        "from": {"destination-address": {"172.16.0.0/16": {}}, "protocol": {"tcp": {}},
                 "destination-port": {"443": {}, "8443": {}}}, "then": {"routing-instance": {"NPS-partner": {}}}}
    assert list(border.device.running["routing-options"]["rib-groups"]["NPS-interfaces"]["import-rib"]) == [
        "inet.0", "NPS-partner.inet.0", "NPS-backup.inet.0"]
    border.run(state="absent", policies=[PARTNER, BACKUP], bgp=everything["bgp"])
    border.run(reverse_path=[{"interface": "ge-0/0/0.0", "mode": "strict"}])
    assert border.device.shown() == before


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


def test_what_is_sent_in_which_order(border: Changing) -> None:
    border.run(**LOOSE)
    read, listed = "show configuration | display inheritance no-comments | display set", "show system commit"
    assert border.device.received == [
        read, listed, BEGIN, "show | compare | no-more", LINE, "commit check", COMMIT, END, read,
        listed, BEGIN, "commit", END]


_FAULTS = [
    *(Fault("refuses", line) for line in (LINE, "commit check", COMMIT)), Fault("refuses", "commit", once=True),
    *(Fault(kind, line, once=True) for kind in ("loses", "loses_after")
      for line in (BEGIN, LINE, "commit check", COMMIT, END, "commit")),
    Fault("refuses", "show system commit", 1, once=True), Fault("loses", "show system commit", 1, once=True),
    Fault("loses_after", COMMIT, gone=True), Fault("loses", "commit", gone=True),
]


def _failing(fault: Fault) -> tuple[Fault, str, JunosDevice]:
    with changing(JuniperJunos(), device()) as one:
        kept = copy.copy(fault)
        with pytest.raises(DeviceError) as error:
            one.run(fault=fault, **LOOSE)
        one.device.advance(300)
        assert isinstance(one.device, JunosDevice)
        return kept, str(error.value), one.device


def test_a_fault_at_any_step_ends_in_the_old_configuration() -> None:
    old = device().running
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for fault, said, after in pool.map(_failing, copy.deepcopy(_FAULTS)):
            assert after.running == old and after.startup == old and after.pending is None, (fault, said)
            if fault.gone:
                assert "A timer that was armed does that" in said, said
                continue
            assert "The device is as it was" in said, (fault, said)
            confirmed = (fault.kind, fault.command) == ("loses_after", "commit")
            assert ("by the lines that undo it" in said) == confirmed, (fault, said)


def test_a_proof_that_fails_and_one_that_takes_too_long(border: Changing) -> None:
    with pytest.raises(ChangeFailed, match=r"no answer\. The device is as it was, by 'rollback 1'"):
        border.run(prove=lambda _left: "no answer", **LOOSE)
    assert border.device.running == device().running

    def late(_left: float) -> str:
        border.device.advance(301)
        return ""

    with pytest.raises(ChangeFailed, match=r"ran out before the change was confirmed\. The device is as it was$"):
        border.run(prove=late, **LOOSE)
    assert border.device.running == device().running


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
    assert border.device.typed == [BEGIN] and fake.candidate == theirs and fake.running == device().running


@pytest.mark.parametrize(("wish", "words"), [
    ({"policies": [{**PARTNER, "interface": "ge-0/0/1.0"}]}, "has the filter FROM-B already, which is not ours"),
    ({"policies": [{**PARTNER, "interface": "ge-0/0/2"}]}, "no unit 'ge-0/0/2' with IPv4; it has ge-0/0/0.0"),
    ({"policies": [{**PARTNER, "verify": True}]}, "verify is for Cisco IOS"),
    ({"bgp": [{"neighbor": "203.0.113.9", "asn": 65001, "prepend": 1}]}, "has export STATICS already (by"),
    ({"bgp": [{"neighbor": "192.0.2.1", "asn": 65002, "prepend": 1}]}, "of autonomous system 65001, not 65002"),
    ({"bgp": [{"neighbor": "192.0.2.9", "asn": 65001, "prepend": 1}]}, "no neighbor 192.0.2.9; it has 192.0.2.1"),
])
def test_what_is_in_the_way_is_named_while_it_is_planned(wish: Wish, words: str) -> None:
    with pytest.raises(WishError, match=re.escape(words)):
        JunosConfig().plan(device().shown(), read_wishes(wish))


@pytest.mark.parametrize("asleep", ["", "deactivate firewall family inet filter FROM-B\n"])
def test_nothing_around_ours_is_taken_away(asleep: str) -> None:
    """What is deactivated may not be shown, and stand in a section that holds nothing else that is."""
    text = device().shown().replace("filter input FROM-B", "sampling input") + asleep
    if not asleep:
        text = "".join(f"{line}\n" for line in text.splitlines() if "firewall" not in line)
    plan = JunosConfig().plan(text, read_wishes({"policies": [PARTNER]}))
    assert [line for line in plan.inverse if "firewall" in line] == [
        "delete firewall family inet filter NPS-ge-0_0_2.0"]
    assert "delete routing-instances NPS-partner" in plan.inverse
