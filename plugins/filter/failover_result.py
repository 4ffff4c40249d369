# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter failover_result."""

from __future__ import annotations

DOCUMENTATION = r"""
name: failover_result
short_description: Say what a failure of an uplink did to new flows
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Judges one kind of failure by the probes and the capture that the playbook C(failover_test) has registered.
  - A kind that new flows did not survive is C(not covered).
positional: hostvars
options:
  _input:
    description: A test of P(netpath.symmetry.failover_plan#filter).
    type: dict
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what was survived
  ansible.builtin.debug:
    msg: "{{ plan.tests[0] | netpath.symmetry.failover_result(hostvars) }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(uplink), C(flow), C(state), C(to_b_seconds), C(lost), C(sent), C(home) and C(home_seconds).
  type: dict
  sample: {kind: link, state: survived, to_b_seconds: 0.2, lost: 0, sent: 28, home: true, home_seconds: 0.01}
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failover

Data = t.Mapping[str, t.Any]


def failover_result(test: Data, hostvars: Data) -> dict[str, t.Any]:
    """What the probes and the capture of a failure showed, out of what the hosts registered."""
    test = _edge.plain(test)
    source, uplink = hostvars[test["source"]], hostvars[test["uplink"]["host"]]
    away, dead, home = (
        _edge.plain({key: source[name][key] for key in ("tries", "summary")})
        for name in ("failover_away", "failover_dead", "failover_home")
    )
    judged = failover.judge_failover(
        test["kind"], away, dead, home, {"summary": _edge.plain(uplink["failover_capture"]["summary"])}
    )
    return {**judged, "uplink": test["uplink"], "flow": test["name"]}


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"failover_result": failover_result}
