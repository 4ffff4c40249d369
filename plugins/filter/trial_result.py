# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter trial_result."""

from __future__ import annotations

DOCUMENTATION = r"""
name: trial_result
short_description: Say whether a trial did what was forecast
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Judges a change that stood for a while by the probes and captures that the playbook C(trial) has registered.
positional: hostvars, seconds
options:
  _input:
    description: What M(netpath.symmetry.forecast) returned.
    type: dict
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  seconds:
    description: How long it was measured.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Say whether it held
  ansible.builtin.debug:
    msg: "{{ (forecast | netpath.symmetry.trial_result(hostvars, 30)).lines }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(answer) (V(held), V(not held) or V(no answer)), C(why), C(flows), C(seconds) and C(lines).
  type: dict
  sample: {answer: held, why: every flow did what was forecast, flows: [], seconds: 30, lines: []}
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.filter.judge_proof import judge_proof
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import trial

Data = t.Mapping[str, t.Any]


def trial_result(forecast: Data, hostvars: Data, seconds: t.Any) -> dict[str, t.Any]:
    """What the packets of a trial showed."""
    proof = forecast["proof"]
    measured = {
        item["name"]: _counts(hostvars[host].get("symmetry_trial_probes") or {}, item["name"])
        for host, items in proof["probes"].items()
        for item in items
    }
    failed = judge_proof(proof, hostvars)["failed_flows"]
    return trial.judge_trial(_edge.plain(forecast["flows"]), _edge.plain(measured), _edge.plain(failed), int(seconds))


def _counts(registered: Data, name: str) -> dict[str, int]:
    """What was sent and answered; nothing where the host gave no result, which counts as not answered."""
    for result in registered.get("results") or ():
        if result["item"]["item"]["name"] == name and "summary" in result:
            return {"sent": result["summary"]["sent"], "received": result["summary"]["received"]}
    return {"sent": 0, "received": 0}


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"trial_result": trial_result}
