# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter judge_proof."""

from __future__ import annotations

DOCUMENTATION = r"""
name: judge_proof
short_description: Say what probes and captures have proven
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Joins what the probing and the watching hosts have registered into one judgement per flow.
  - The tasks C(prove) of the playbooks register C(symmetry_probes) and C(symmetry_captures) on the hosts.
positional: hostvars
options:
  _input:
    description: The plan, as RV(netpath.symmetry.diagnose#module:proof) or RV(netpath.symmetry.forecast#module:proof).
    type: dict
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what the packets showed
  ansible.builtin.debug:
    msg: "{{ (diagnosis.proof | netpath.symmetry.judge_proof(hostvars)).lines }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(flows), C(failed_flows) and C(lines) for people.
  type: dict
  sample: {flows: [{name: api, host: client, ok: true}], failed_flows: [], lines: ["ok   api"]}
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change import proof

Data = t.Mapping[str, t.Any]


def judge_proof(plan: Data, hostvars: Data) -> dict[str, t.Any]:
    """Join what the probing and the watching hosts registered into one judgement per flow."""
    probes = [
        {**item, "host": host, **_probe(_shown(hostvars[host], "symmetry_probes", item["name"]))}
        for host, items in plan["probes"].items()
        for item in items
    ]
    captures = [
        {
            "name": item["name"],
            "host": host,
            "symmetric": item["symmetric"],
            **_capture(_shown(hostvars[host], "symmetry_captures", item["name"])),
        }
        for host, items in plan["captures"].items()
        for item in items
    ]
    judged = proof.judge_proof(_edge.plain(probes), _edge.plain(captures))
    return {**judged, "lines": judged["lines"] + proof.left_out(_edge.plain(plan.get("unprovable") or []))}


def _shown(known: Data, register: str, name: str) -> Data:
    """What a host registered for a flow; without a summary where the host failed or could not be reached."""
    registered = known.get(register) or {}
    for result in registered.get("results") or ():
        item = result["item"]
        if item.get("item", item)["name"] == name:  # a capture is an item of an item: of the job that ran it
            return t.cast("Data", result)
    return t.cast("Data", registered)


def _probe(shown: Data) -> dict[str, t.Any]:
    if "summary" not in shown:
        return {"ok": False, "error": _why(shown)}
    summary = shown["summary"]
    return {
        "ok": summary["received"] > 0,
        "sent": summary["sent"],
        "received": summary["received"],
        "seconds": summary.get("first_success_seconds"),
        "error": _error(shown),
    }


def _capture(shown: Data) -> dict[str, t.Any]:
    if "summary" not in shown:
        return {"counts": [], "error": _why(shown)}
    return {"counts": shown["summary"]["counts"]}


def _why(shown: Data) -> str:
    return str(shown.get("msg") or "the host gave no result")


def _error(item: Data) -> str:
    return next((one.get("error") or "" for one in item["tries"] if not one["ok"]), "")


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"judge_proof": judge_proof}
