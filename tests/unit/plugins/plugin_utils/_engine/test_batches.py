# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of many hosts in batches, and the comparison of verdicts that stops it."""

from __future__ import annotations

import types

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.batches import (
    batches,
    cut,
    joined,
    read_sizes,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.comparison import compare, verdicts_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import ForecastError, Step

HOSTS = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(("canary", "size", "together", "expected"), [
    (None, None, [], ["abcde"]),
    (1, None, [], ["a", "bcde"]),
    ("1", "2", [], ["a", "bc", "de"]),
    (None, "40%", [], ["ab", "cd", "e"]),
    ("1%", 100, [], ["a", "bcde"]),
    (1, 1, [["a", "d"]], ["ad", "b", "c", "e"]),
    (1, 2, [["b", "c", "e"]], ["a", "bce", "d"]),
    (1, 1, [["x", "b"]], ["a", "b", "c", "d", "e"]),
])
def test_hosts_are_cut_into_batches(canary, size, together, expected):
    assert ["".join(batch) for batch in cut(HOSTS, read_sizes(canary, size, together, HOSTS))] == expected


@pytest.mark.parametrize(("canary", "size", "together", "told"), [
    (0, None, [], "symmetry_canary: 0 must be at least 1"),
    ("x", None, [], "symmetry_canary: 'x' is neither a number of hosts, such as 1, nor a share"),
    (True, None, [], "symmetry_canary: True is neither"),
    (None, "0%", [], "symmetry_batch_size: '0%' must be at least 1"),
    (None, "200%", [], "a share at most 100%"),
    (None, 1.5, [], "symmetry_batch_size: 1.5 is neither"),
    (None, None, "gw", "symmetry_together: expected a list of lists of hosts, not 'gw'"),
    (None, None, [["a", "b"], ["b", "c"]], "symmetry_together: b stands in it more than once"),
])
def test_sizes_that_are_none_are_refused_with_the_variable(canary, size, together, told):
    with pytest.raises(ForecastError) as error:
        read_sizes(canary, size, together, HOSTS)
    assert told in str(error.value)


def test_batches_between_which_a_flow_would_be_worse_are_one():
    """b without c breaks x; what the whole change makes worse (y) is somebody else's question."""
    def forecast(steps):
        hosts = {step.host for step in steps}
        return types.SimpleNamespace(hosts=hosts, worse=["y"] + ["x"] * ("b" in hosts and "c" not in hosts))

    plan = {host: {"changes": int(host != "e")} for host in HOSTS}
    steps = [Step("rp_filter", host, {}) for host in HOSTS]
    last = forecast(steps)
    told = batches(plan, steps, read_sizes(1, 1, [], HOSTS), forecast, last)
    assert ["".join(batch.hosts) for batch in told] == ["a", "bc", "de"]
    assert [batch.joined for batch in told] == [(), ("x",), ()]
    assert [batch.canary for batch in told] == [True, False, False]
    assert [sorted(batch.outlook.hosts) for batch in told] == [["a"], ["a", "b", "c"], HOSTS]
    assert told[-1].outlook is last
    nothing = batches({"a": {"changes": 0}}, steps[:1], read_sizes(1, 1, [], []), forecast, last)
    assert [batch.hosts for batch in nothing] == [("a",)]
    assert batches({}, [], read_sizes(1, 1, [], []), forecast, last) == []


@pytest.mark.parametrize(("together", "groups", "expected"), [
    ([], [("a", "c")], ["ac", "b", "d", "e"]),
    ([["a", "b"]], [("b", "c")], ["abc", "d", "e"]),
    ([["a", "b"], ["d", "e"]], [("b", "d")], ["abde", "c"]),
    ([["a", "b"]], [], ["ab", "c", "d", "e"]),
])
def test_what_is_of_use_together_only_joins_the_sets_that_are_given(together, groups, expected):
    sizes = joined(read_sizes(1, 1, together, HOSTS), groups)
    assert ["".join(batch) for batch in cut(HOSTS, sizes)] == expected


def verdict(name, word, share="", broken=0.0, live=False):
    return {"name": name, "verdict": word, "share": share, "share_broken": broken, "live": live}


@pytest.mark.parametrize(("before", "after", "change"), [
    (verdict("f", "broken"), verdict("f", "symmetric"), "better"),
    (verdict("f", "symmetric"), verdict("f", "asymmetric_harmless"), "equal"),
    (verdict("f", "symmetric"), verdict("f", "unknown"), "worse"),
    (verdict("f", "at_risk", "1 of 4", 0.25), verdict("f", "at_risk", "2 of 4", 0.5), "worse"),
    (verdict("f", "at_risk", "2 of 4", 0.5), verdict("f", "at_risk", "1 of 4", 0.25), "better"),
    (verdict("f", "broken"), verdict("f", "broken"), "equal"),
])
def test_verdicts_are_compared(before, after, change):
    row, = compare([before], [after])
    assert row["change"] == change
    assert row["before"] == before["verdict"] + (f" ({before['share']})" if before["share"] else "")


def test_a_flow_of_one_side_is_said_and_live_flows_are_left_out():
    rows = compare([verdict("a", "broken"), verdict("l", "broken", live=True)], [verdict("b", "symmetric")])
    assert [(row["name"], row["before"], row["after"], row["change"]) for row in rows] == [
        ("a", "broken", "-", "gone"), ("b", "-", "symmetric", "new")]


def test_both_reports_tell_the_verdicts_before():
    assert verdicts_of({"verdicts": [verdict("a", "broken")]}) == [verdict("a", "broken")]
    flow = {"name": "a", "before": "at_risk", "share_before": "1 of 2", "share_broken_before": 0.5}
    (one,) = verdicts_of({"flows": [flow]})
    assert (one["verdict"], one["share"], one["share_broken"]) == ("at_risk", "1 of 2", 0.5)
    with pytest.raises(ValueError, match="neither verdicts nor flows"):
        verdicts_of({"hosts": []})
