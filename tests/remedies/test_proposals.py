# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is proposed for real networks whose replies go astray, and that packets then do what was forecast."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed
from ansible_collections.netpath.symmetry.tests.lab.two_providers import QUESTIONS, Network, built

VARIABLES = {
    "host": {"symmetry_uplinks": [
        {"name": "a", "interface": "wan_a", "gateway": ["198.51.100.1", "2001:db8:a::1"]},
        {"name": "b", "interface": "wan_b", "gateway": ["198.51.100.5", "2001:db8:b::1"]},
    ]},
}  # fmt: skip


@pytest.fixture(scope="module")
def spaces() -> t.Iterator[dict[str, Netns]]:
    with built() as made:
        yield made


@pytest.mark.parametrize("family", [4, 6])
def test_symmetric_return_for_what_a_router_forwards(spaces: dict[str, Netns], family: int) -> None:
    far = "203.0.113.100" if family == 4 else "2001:db8:f::1"
    near = "192.0.2.20" if family == 4 else "2001:db8:c::20"
    target = near if family == 4 else f"[{near}]"
    flows = [f"{protocol} {far} > {target}:7000" for protocol in ("tcp", "udp")]
    told = diagnosed(spaces, flows, VARIABLES)
    assert [verdict.verdict for verdict in told.verdicts] == ["broken", "broken"]
    (remedy,) = [one for one in told.proposal.remedies if one.role == "symmetric_return"]
    assert remedy.host == "host" and len(remedy.fixes) == 2 and remedy.security_cost.startswith("none")
    # To pin the one client that is known comes first in rank; the marks mend it for every client.
    roles = [one.role for one in told.proposal.remedies]
    assert roles.index("policy_route") < roles.index("symmetric_return")
    network = Network(**spaces)
    questions = {name: ask for name, ask in QUESTIONS.items() if ask[1] == near}
    assert len(questions) == 2 and not any(network.answers(0.7, questions).values())
    facts = run_module(network.host, "host_facts", {})["ansible_facts"]["symmetry"]
    wanted = return_desired(remedy.variables["symmetric_return_uplinks"], facts["interfaces"])
    try:
        assert not network.routing(tables=wanted["tables"], rules=wanted["rules"]).get("failed")
        assert not network.marks(uplinks=wanted["uplinks"]).get("failed")
        assert all(network.answers(20, questions).values())
        again = diagnosed(spaces, flows, VARIABLES)
        assert [verdict.verdict for verdict in again.verdicts] == ["symmetric", "symmetric"]
    finally:
        network.marks(state="absent")
        network.routing(state="absent")
