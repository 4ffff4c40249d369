# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How flows are hashed: what is refused, and what cannot be promised."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.ecmp_hash import (
    FIVE_TUPLE,
    SEED,
    not_promised,
    plan,
    read_wish,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy

FRESH = {
    **{f"net/{family}/fib_multipath_hash_{name}": value
       for family in ("ipv4", "ipv6") for name, value in (("policy", 0), ("fields", 7))},
    SEED: 0,
}  # fmt: skip
WITHOUT_SEED = {path: value for path, value in FRESH.items() if path != SEED}


def test_fields_are_set_before_the_policy_that_reads_them() -> None:
    changes = plan(FRESH, read_wish(FIVE_TUPLE, 5)).changes
    assert [(one.subject.path, one.subject.value) for one in changes] == [
        ("net/ipv4/fib_multipath_hash_fields", 0x37), ("net/ipv4/fib_multipath_hash_policy", 3),
        ("net/ipv6/fib_multipath_hash_fields", 0x37), ("net/ipv6/fib_multipath_hash_policy", 3), (SEED, 5),
    ]  # fmt: skip


def test_what_is_not_promised() -> None:
    assert not any("seed" in told for told in not_promised(FRESH, read_wish(FIVE_TUPLE, 5)))
    assert "no net/ipv4/fib_multipath_hash_seed" in not_promised(WITHOUT_SEED, read_wish(FIVE_TUPLE, 5))[-1]
    assert "without a seed" in not_promised(FRESH, read_wish(FIVE_TUPLE, None))[-1]
    assert not any(one.subject.path == SEED for one in plan(WITHOUT_SEED, read_wish(FIVE_TUPLE, 5)).changes)


@pytest.mark.parametrize(
    ("fields", "seed", "message"),
    [
        (["source"], None, "source and destination go together"),
        (["source", "destination", "source_port"], None, "source_port and destination_port go together"),
        ([], None, "an empty list"),
        (FIVE_TUPLE, 0, "0 would be another random one"),
    ],
)
def test_refusals(fields: list[str], seed: int | None, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_wish(fields, seed)


def test_a_kernel_without_fields() -> None:
    old = {path: value for path, value in WITHOUT_SEED.items() if "fields" not in path}
    with pytest.raises(PlanError, match="no net/ipv4/fib_multipath_hash_fields .Linux 5.13"):
        plan(old, read_wish(FIVE_TUPLE, None))
    with pytest.raises(PlanError, match="built without multipath"):
        plan({}, None)


def test_planned_on_facts() -> None:
    facts = {"sysctls": dict(FRESH)}
    after = apply_to_facts(facts, plan_remedy(facts, "ecmp_hash", {"ecmp_hash_seed": 5}))
    assert after["sysctls"][SEED] == 5 and after["sysctls"]["net/ipv6/fib_multipath_hash_policy"] == 3
    assert not plan_remedy(after, "ecmp_hash", {"ecmp_hash_seed": 5})
    back = apply_to_facts(after, plan_remedy(after, "ecmp_hash", {"ecmp_hash_state": "absent"}))
    assert back["sysctls"] == FRESH
