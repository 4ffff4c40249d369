# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes as users write them and as nft prints them."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import (
    PrefixSet,
    as_element,
    covers,
    element_prefixes,
    merged,
    parse_prefix,
    without,
)


def test_parse_prefix() -> None:
    assert parse_prefix("10.0.0.1", "x") == "10.0.0.1/32"
    assert parse_prefix("2001:DB8::/32", "x") == "2001:db8::/32"
    with pytest.raises(PlanError, match="x: '10.0.0.1/8' has host bits set; write 10.0.0.0/8.* 10.0.0.1/32"):
        parse_prefix("10.0.0.1/8", "x")
    with pytest.raises(PlanError, match="x: '10.0.0/8' is not"):
        parse_prefix("10.0.0/8", "x")


def test_merged() -> None:
    assert merged(prefix for prefix in ["10.0.0.0/8", "2001:db8::/32"]) == ("10.0.0.0/8", "2001:db8::/32")
    assert merged(["10.0.0.128/25", "10.0.0.0/25", "10.0.0.7/32", "2001:db8::/32"]) == ("10.0.0.0/24", "2001:db8::/32")


@pytest.mark.parametrize(
    ("outer", "inner", "answer"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.0.0.0/8", "10.0.0.0/8", True),
        ("10.1.0.0/16", "10.0.0.0/8", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "2001:db8::1", True),
    ],
)
def test_covers(outer: str, inner: str, answer: bool) -> None:
    assert covers(outer, inner) is answer


@pytest.mark.parametrize(
    ("prefixes", "others", "left"),
    [
        (["10.0.0.0/24"], ["10.0.0.0/25"], ("10.0.0.128/25",)),
        (["10.0.0.0/25"], ["10.0.0.0/24"], ()),
        (["10.0.0.0/24", "2001:db8::/32"], ["10.0.1.0/24"], ("10.0.0.0/24", "2001:db8::/32")),
        (["2001:db8::/126"], ["2001:db8::1/128"], ("2001:db8::/128", "2001:db8::2/127")),
    ],
)
def test_without(prefixes: list[str], others: list[str], left: tuple[str, ...]) -> None:
    assert without(prefixes, others) == left


def test_elements_of_nft_sets() -> None:
    assert element_prefixes("10.0.0.0-10.0.0.2") == ["10.0.0.0/31", "10.0.0.2/32"]
    assert element_prefixes("10.0.0.1") == ["10.0.0.1/32"]
    assert as_element("10.0.0.1/32") == "10.0.0.1" and as_element("10.0.0.0/31") == "10.0.0.0/31"


def test_prefix_set() -> None:
    many = PrefixSet(["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"])
    assert "10.9.9.9" in many and "192.0.2.1" in many and "2001:db8::5" in many
    assert "11.0.0.1" not in many and "192.0.2.2" not in many and "2001:db9::1" not in many
    assert many.families() == [4, 6]
