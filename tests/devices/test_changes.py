# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of every platform on a fake that is configured: four runs, the lines in their order, a fault at each step."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import re

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import check_served, config_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import BY_PLATFORM, dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import KINDS, WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, fail_the_proof, strike
from ansible_collections.netpath.symmetry.tests.devices.changes.control import writing
from ansible_collections.netpath.symmetry.tests.devices.changes.registry import CASES
from ansible_collections.netpath.symmetry.tests.devices.changing import asked_only

TOGETHER = 4  # sessions at a time; they wait most of it
each = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_every_platform_that_is_changed_is_here() -> None:
    def changed(dialect: Dialect) -> bool:
        try:
            return bool(config_of(dialect))
        except DeviceError:
            return False

    real = {"frr"}  # tests/lab/test_dual_isp_bgp.py
    assert set(CASES) == {name for name in BY_PLATFORM if changed(dialect_of(name))} - real


@each
def test_everything_in_four_runs_and_away_again(case: Case) -> None:
    assert set(read_wishes(case.everything).kinds) == set(config_of(case.dialect()).serves)
    with case.changing() as one:
        before = one.device.shown()
        one.four_runs(without_timer=not case.timer, **case.everything)
        for wish in case.away:
            case.run(one, **wish)
        assert one.device.shown() == before


@each
def test_what_is_sent_in_which_order(case: Case) -> None:
    with case.changing() as one:
        case.run(one, **case.small)
        assert tuple(one.device.received) == case.promised


@each
def test_a_fault_at_each_step_ends_in_the_old_configuration(case: Case, request: pytest.FixtureRequest) -> None:
    """A sample of each kind of fault; ``--every-fault`` and ``make devices`` go through all."""
    every = case.faults()
    faults = every if len(every) < 20 or request.config.getoption("--every-fault") else every[::5]
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        left = list(pool.map(lambda fault: strike(case, fault), faults))
    left += fail_the_proof(case)
    assert not [f"{one.fault}: {one.wrong}" for one in left if one.wrong]
    assert len(every) > 10 and {one.kind for one in faults} == {one.kind for one in every}


@pytest.mark.parametrize("platform", ["cisco_asa", "cisco_ios", "cisco_nxos", "cisco_xr"])
def test_a_fault_while_a_next_hop_comes_to_be_watched(platform: str, request: pytest.FixtureRequest) -> None:
    """What watches it is made of several lines, none of which is left behind."""
    policies = {"policies": [one for one in CASES[platform].everything["policies"] if one.get("verify")]}
    with CASES[platform].changing() as one:
        CASES[platform].run(one, **policies)
        case = dataclasses.replace(CASES[platform], small=policies, promised=tuple(one.device.received))
    every = case.faults()
    faults = every if request.config.getoption("--every-fault") else every[7::20]
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        left = list(pool.map(lambda fault: strike(case, fault), faults))
    assert not [f"{one.fault}: {one.wrong}" for one in left if one.wrong] and len(left) > 1


@each
def test_a_check_asks_only_and_one_that_writes_is_seen(case: Case) -> None:
    with case.changing() as one:
        case.run(one, check=True, **case.small)
        assert asked_only(one)
        one.dialect = writing(case)
        with contextlib.suppress(DeviceError):  # where there is no mode to enter the device goes on as before
            case.run(one, check=True, **case.small)
        assert not asked_only(one)


@each
def test_what_is_in_the_way_is_named_while_it_is_planned(case: Case) -> None:
    config, shown = config_of(case.dialect()), case.device().shown()
    assert case.in_the_way
    for wish, words in case.in_the_way:
        with pytest.raises(WishError, match=re.escape(words)):
            config.plan(shown, read_wishes(wish))


@each
def test_what_is_not_served_is_refused_by_name(case: Case) -> None:
    config = config_of(case.dialect())
    wishes = {
        "zones": [{"interface": "a", "zone": "b"}], "multipath": {"asn": 65001, "ebgp": 2},
        "bgp": [{"neighbor": "192.0.2.1", "asn": 65001, "med": 5}],
        "reverse_path": [{"interface": "a", "mode": "loose"}],
        "policies": [{"name": "a", "interface": "a", "next_hop": "192.0.2.1", "sources": ["192.0.2.0/24"]}],
        "weaken": [{"name": "a", "setting": "asymroute", "consent": True, "by": "a", "reason": "b",
                    "until": "2099-01-01"}],
    }
    assert set(wishes) == set(KINDS)
    for kind in set(KINDS) - set(config.serves):
        with pytest.raises(WishError, match=f"{kind}: .*Nothing was sent"):
            check_served(config, read_wishes({kind: wishes[kind]}))
