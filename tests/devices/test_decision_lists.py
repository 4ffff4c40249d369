# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists one behind the other, as one list: compared with asking one after the other for every packet."""

from __future__ import annotations

import ipaddress
import itertools
import random
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.decision_lists import (
    List,
    common,
    covers,
    decisions,
    match_of,
    overlap,
)

Dict = dict[str, t.Any]
_VALUES: dict[str, list[t.Any]] = {
    "sources": [["10.0.0.0/30"], ["10.0.0.0/31"], ["10.0.0.1/32", "10.0.0.3/32"], ["10.0.0.2/31"]],
    "destinations": [["10.9.0.0/31"], ["10.9.0.1/32"]],
    "protocol": ["tcp", "udp"],
    "dports": [[[80, 90]], [[85, 95]], [[80, 80], [95, 95]]],
    "interfaces_out": [["a"], ["b"], ["a", "b"]],
}
_PACKETS = [
    {"sources": source, "destinations": destination, "protocol": protocol, "dports": port, "interfaces_out": out}
    for source, destination, protocol, port, out in itertools.product(
        ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"], ["10.9.0.0", "10.9.0.1"], ["tcp", "udp"], [80, 87, 95],
        ["a", "b"])]


def holds(match: Dict, packet: Dict) -> bool:
    for key, value in match.items():
        if key in ("sources", "destinations"):
            inside = any(ipaddress.ip_address(packet[key]) in ipaddress.ip_network(one) for one in value)
        elif key == "dports":
            inside = any(low <= packet[key] <= high for low, high in value)
        else:
            inside = packet[key] == value if key == "protocol" else packet[key] in value
        if not inside:
            return False
    return True


def some_match(chance: random.Random) -> Dict:
    return {key: chance.choice(values) for key, values in _VALUES.items() if chance.random() < 0.4}


def some_lists(chance: random.Random) -> list[List]:
    return [List([{**some_match(chance), **({"deny": True} if chance.random() < 0.4 else {})}
                  for _number in range(chance.randint(1, 4))], {"list": number}) for number in range(3)]


def one_after_the_other(lists: list[List], packet: Dict) -> t.Any:
    for one in lists:
        entry = next((entry for entry in one.entries if holds(match_of(entry), packet)), None)
        if entry is not None and "deny" not in entry:
            return one.done["list"]
    return None


@pytest.mark.parametrize("seed", range(12))
def test_the_first_match_decides_as_the_lists_do(seed: int) -> None:
    chance = random.Random(seed)
    lists = some_lists(chance)
    flat = list(decisions(lists, {"list": None}))
    for packet in _PACKETS:
        first = next((done["list"] for match, done in flat if holds(match, packet)), None)
        assert first == one_after_the_other(lists, packet), (lists, packet)


@pytest.mark.parametrize("seed", range(12))
def test_common_and_covers_say_what_packets_say(seed: int) -> None:
    chance = random.Random(seed)
    for _number in range(30):
        one, other = some_match(chance), some_match(chance)
        both = common(one, other)
        mine, theirs = ([holds(match, packet) for packet in _PACKETS] for match in (one, other))
        found = [both is not None and holds(both, packet) for packet in _PACKETS]
        assert found == [here and there for here, there in zip(mine, theirs, strict=True)]
        if covers(one, other):
            assert all(here for here, there in zip(mine, theirs, strict=True) if there)


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_lists_that_do_not_overlap_does_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    apart = 0
    for _number in range(40):
        one, other, _third = some_lists(chance)
        if not overlap(one, other):
            apart += 1
            assert all(one_after_the_other([one, other], packet) == one_after_the_other([other, one], packet)
                       for packet in _PACKETS)
    assert apart
