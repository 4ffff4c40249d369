# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the playbooks that prove flows and test failover: thin fronts of the engine."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine import failover, proof

Data = t.Mapping[str, t.Any]


def judge_proof(plan: Data, hostvars: Data) -> dict[str, t.Any]:
    """Join what the probing and the watching hosts registered into one judgement per flow."""
    probes = [
        {
            "name": item["item"]["name"],
            "host": host,
            "ok": item["summary"]["received"] > 0,
            "sent": item["summary"]["sent"],
            "seconds": item["summary"].get("first_success_seconds"),
            "error": _error(item),
        }
        for host in plan["probes"]
        for item in hostvars[host]["symmetry_probes"]["results"]
    ]
    captures = [
        {
            "name": item["item"]["item"]["name"],
            "host": host,
            "symmetric": item["item"]["item"]["symmetric"],
            "counts": item["summary"]["counts"],
        }
        for host in plan["captures"]
        for item in hostvars[host]["symmetry_captures"]["results"]
    ]
    return proof.judge_proof(_edge.plain(probes), _edge.plain(captures))


def _error(item: Data) -> str:
    return next((one.get("error") or "" for one in item["tries"] if not one["ok"]), "")


def failover_plan(diagnosis: Data, flow: str, host: str, interface: str) -> dict[str, t.Any]:
    """Where each kind of failure of an uplink is made, and who measures it by which flow."""
    try:
        return failover.plan_failover(_edge.plain(diagnosis), flow, host, interface)
    except failover.FailoverError as error:
        raise AnsibleFilterError(str(error)) from error


def failover_result(kind: str, plan: Data, host: str, hostvars: Data) -> dict[str, t.Any]:
    """What the probes and the capture of a failure showed, out of what the hosts registered."""
    source, uplink = hostvars[plan["source"]], hostvars[host]
    away, dead, home = (
        _edge.plain({key: source[name][key] for key in ("tries", "summary")})
        for name in ("failover_away", "failover_dead", "failover_home")
    )
    return failover.judge_failover(
        kind, away, dead, home, {"summary": _edge.plain(uplink["failover_capture"]["summary"])}
    )


def write_json(data: t.Any, directory: str | None, name: str) -> t.Any:
    """Keep a value as NAME in a directory of the control node (nothing without a directory), and hand it on."""
    if directory:
        _edge.write_json(os.path.join(directory, name), _edge.plain(data), name)
    return data


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "judge_proof": judge_proof,
            "failover_plan": failover_plan,
            "failover_result": failover_result,
            "write_json": write_json,
        }
