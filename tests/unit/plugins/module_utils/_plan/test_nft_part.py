# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of our nft table: from whatever stands to what is wanted, and then there is nothing left to do."""

from __future__ import annotations

import copy
import typing as t

import pytest

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_form import NotOurs, text_of  # noqa: E402
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import (  # noqa: E402
    Part,
    PartChain,
    PartMap,
    PartRule,
    after_part,
    live_part,
    part_text,
    plan_part,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts  # noqa: E402

BODY = "type filter hook prerouting priority mangle; policy accept;"
rules = st.lists(
    st.builds(
        lambda name, interface, counter: PartRule(
            f"symmetry:{name}",
            {
                "matches": [{"left": "meta iifname", "op": "==", "right": interface}],
                "statements": [],
                "verdict": {"do": "drop"},
                **({"counter": True} if counter else {}),
            },
        ),
        st.sampled_from("abcd"),
        st.sampled_from(["eth0", "eth1"]),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda rule: rule.comment,
)
parts = st.builds(
    lambda base, target, elements: Part(
        "x_",
        (
            *([PartChain("x_to", rules=tuple(target))] if target or elements else []),
            *([PartChain("x_in", BODY, tuple(base))] if base else []),
        ),
        (PartMap("x_map", "ifname", dict.fromkeys(elements, "x_to")),) if elements else (),
    ),
    rules,
    rules,
    st.lists(st.sampled_from(["eth0", "v0.100"]), unique=True),
)
FOREIGN = {"matches": [], "statements": [], "verdict": {"do": "accept"}, "comment": "mine", "text": "accept"}


def facts_of(part: Part) -> dict[str, t.Any]:
    return apply_to_facts({"netfilter": {"backends": [], "chains": [], "sets": []}}, plan_part(Part("x_"), part))


@hypothesis.given(parts, parts, st.booleans())
@hypothesis.settings(max_examples=500, deadline=None, derandomize=True)
def test_a_plan_leads_there_and_back_and_is_its_own_prediction(before: Part, wanted: Part, foreign: bool) -> None:
    facts = facts_of(before)
    if foreign:
        for chain in facts["netfilter"]["chains"]:
            chain["rules"].append(copy.deepcopy(FOREIGN))
    live = live_part(facts["netfilter"], "x_")
    changes = plan_part(live, wanted)
    after = apply_to_facts(facts, changes)["netfilter"]
    there = live_part(after, "x_")
    assert part_text(there) == part_text(after_part(live, wanted))
    assert not plan_part(there, wanted), "a second run changes nothing"
    kept = [rule for chain in after["chains"] for rule in chain["rules"] if rule.get("comment") == "mine"]
    assert len(kept) == sum(chain.foreign for chain in live.chains), "what others have put there stays"
    back = apply_to_facts(apply_to_facts(facts, changes), plan_part(there, live))["netfilter"]
    assert part_text(live_part(back, "x_")) == part_text(live)


def test_a_rule_that_somebody_has_rewritten_is_named() -> None:
    strange = {"matches": [{"left": "ip frag-off", "op": "==", "right": 1}], "statements": [{"do": "limit"}]}
    with pytest.raises(NotOurs):
        text_of(strange)
    live = Part("x_", (PartChain("x_in", BODY, (PartRule("symmetry:a", strange, 7),)),), table=True)
    with pytest.raises(PlanError, match="chain x_in .* somebody has changed it: .*handle 7"):
        plan_part(live, Part("x_"))


def test_a_chain_of_another_kind_is_named() -> None:
    live = Part("x_", (PartChain("x_in", BODY.replace("mangle", "raw")),), table=True)
    with pytest.raises(PlanError, match="chain x_in of table inet netpath_symmetry is 'type filter hook prerouting"):
        plan_part(live, Part("x_", (PartChain("x_in", BODY),)))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (
            {"matches": [{"left": "tcp flags", "op": "==", "right": "syn", "mask": ["syn", "rst"]}],
             "statements": [{"do": "set_mss", "value": "rt mtu"}]},
            "tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu",
        ),
        (
            {"matches": [{"left": "ct direction", "op": "==", "right": "reply"}], "statements": [],
             "verdict": {"do": "vmap", "key": "ct mark", "mask": 0xFF000000, "map": "@m"}},
            "ct direction reply ct mark & 0xff000000 vmap @m",
        ),
        (
            {"matches": [{"left": "fib saddr . iif oif", "op": "==", "right": False}], "statements": [],
             "verdict": {"do": "drop"}, "counter": True},
            "fib saddr . iif oif missing counter drop",
        ),
        (
            {"matches": [], "statements": [{"do": "set_mark", "value": 0x1000000, "mask": 0xFF000000}]},
            "meta mark set meta mark & 0x00ffffff | 0x01000000",
        ),
    ],
)
def test_text(form: dict[str, t.Any], text: str) -> None:
    assert text_of(form) == text
