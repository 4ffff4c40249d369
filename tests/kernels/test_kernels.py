# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against the distribution's stock kernel, in an emulated machine: a sample. Needs root."""

from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.kernels import job, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
SEED = int(os.environ.get("ORACLE_SEED", "1"))
SAMPLE = {
    **{"routing": 600, "packets": 60, "VLAN packets": 60, "VRF packets": 60},
    **{"VRF replies": 60, "delayed packets": 12, "offloaded packets": 60},
}
TIMEOUT = 400  # tens of seconds are usual; other tests may run at the same time
# The negative controls: without this semantic of the engine, these cases must disagree; from seeds that soon show it.
BROKEN = (("VRFs", "VRF packets", 300, 1), ("flowtables", "offloaded packets", 400, 13))


@pytest.fixture(scope="module")
def results() -> t.Any:
    """Of the sample and of the negative controls: one start of the machine for all."""
    controls = [{"cases": {kind: cases}, "seed": seed, "broken": name} for name, kind, cases, seed in BROKEN]
    return run.on_stock_kernel([{"cases": SAMPLE, "seed": SEED}, *controls], TIMEOUT)


def test_the_engine_agrees_with_the_stock_kernel(results: t.Any) -> None:
    sample = results[0]
    print(f"seed {SEED}\n{run.table([sample])}")
    assert not run.mismatches([sample]), run.mismatches([sample])[0]
    assert sample["lacks"] == []
    assert set(sample["kinds"]) == set(job.KINDS)
    for kind, outcome in sample["kinds"].items():
        assert outcome["cases"] >= SAMPLE[kind], kind
        assert outcome["skipped"] == 0, kind
    assert run.total([sample], "unknown") <= run.MAX_UNKNOWN * run.total([sample], "cases")


def test_it_is_another_kernel(results: t.Any) -> None:
    assert results[0]["release"] != os.uname().release


@pytest.mark.parametrize("number", range(len(BROKEN)), ids=[one[0] for one in BROKEN])
def test_a_broken_engine_is_caught(results: t.Any, number: int) -> None:
    assert results[1 + number]["kinds"][BROKEN[number][1]]["mismatches"]
