# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecast the verdicts on the planned state, on the control node; documented in plugins/modules/forecast.py."""

from __future__ import annotations

import datetime
import os
import secrets
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import FlowError
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change import wide_remedies as wide
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.batches import (
    Batch,
    batches,
    joined,
    read_sizes,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.change_plan import (
    change_plan,
    read_steps,
    sources,
    unacknowledged,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import (
    Forecast,
    ForecastError,
    Step,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.proof import plan_proof
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import SiteError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import seldom_collected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import forecast_text
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.variables import document

REMEDIES_TITLE = (
    "The remedies of a forecast. Apply exactly these: ansible-playbook netpath.symmetry.remediate -e @THIS_FILE"
)


class ActionModule(ActionBase):
    """The edge between Ansible and the forecast."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        with seldom_collected():
            return self._run(tmp, task_vars)

    def _run(self, tmp: str | None, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "hosts": {"type": "list", "elements": "str", "required": True},
                "remedies": {"type": "raw", "required": True},
                "flow": {"type": "str"},
                "change_id": {"type": "str"},
                "wide": {"type": "raw", "default": []},
                "allow_worse": {"type": "bool", "default": False},
                "canary": {"type": "raw"},
                "batch": {"type": "raw"},
                "together": {"type": "raw", "default": []},
                "write_remedies": {"type": "path"},
                "report_dir": {"type": "path"},
            },
        )
        options = _edge.plain(options)
        facts, variables = _edge.gathered((task_vars or {})["hostvars"], options["hosts"], self._templar)
        try:
            roles = wide.read_wide(options["wide"])
            steps = read_steps(options["remedies"])
            before = diagnose(facts, variables, [options["flow"]] if options["flow"] else None)
            steps = wide.with_wide(steps, before.proposal.remedies, roles)
            outlook = before.forecast(steps)
            plan = change_plan(facts, steps)
            changing = [host for host, entry in plan.items() if entry["changes"]]
            sizes = read_sizes(options["canary"], options["batch"], options["together"], changing)
            sizes = joined(sizes, wide.groups(steps))
            large = wide.large_packets(before.network, outlook, steps)
            cut = batches(plan, steps, sizes, before.forecast, outlook)
        except (SiteError, FlowError, ForecastError) as error:
            raise AnsibleActionFail(str(error)) from error
        remedies = [{"role": one.role, "host": one.host, "variables": dict(one.variables)} for one in steps]
        found = {**wide.with_large_packets(outlook.to_dict(), large), "sources": sources(outlook), "plan": plan,
                 "remedies": remedies}
        found["reach"], found["large_packets"] = wide.reach(outlook, steps, plan), large
        found["not_carried"] = _not_carried(before, steps)
        found["unacknowledged"] = unacknowledged(found["sources"], steps)
        change_id = options["change_id"] or _change_id()
        found["batches"] = _batches(cut, plan, facts, change_id, (steps, large))
        text = forecast_text(found)
        Display().display("\n" + text + "\n")
        if options["write_remedies"]:
            named = document(REMEDIES_TITLE, {"symmetry_remedies": remedies})
            _edge.write(options["write_remedies"], named, "the list of remedies")
        if options["report_dir"]:
            _edge.write_json(os.path.join(options["report_dir"], "forecast.json"), found, "the forecast")
        wanted = wide.demands(outlook, steps, large, sorted(plan)) if found["reach"] else {}
        proof = _proof(outlook, facts, sorted(plan))
        result.update(
            changed=False,
            text=text,
            change_id=change_id,
            hosts_to_change=sorted(plan),
            proof=wide.with_demands(proof, wanted, large),
            fault=wide.fault(proof, wanted),
            **found,
        )
        if found["worse"] and not options["allow_worse"]:
            result.update(
                failed=True,
                msg=f"not applied, the plan makes these flows worse: {', '.join(found['worse'])}. "
                "Choose other remedies, or accept it with symmetry_allow_worse=true",
            )
        return result


def _proof(outlook: Forecast, facts: t.Mapping[str, t.Any], watchers: t.Sequence[str]) -> dict[str, t.Any]:
    """Who proves the flows of a forecast; those that it moves are watched."""
    moved = {flow.before.name for flow in outlook.flows if flow.before.verdict != flow.after.verdict}
    return plan_proof([flow.after_with_region() for flow in outlook.flows], facts, watchers, moved)


def _batches(
    cut: t.Sequence[Batch], plan: t.Mapping[str, t.Any], facts: t.Mapping[str, t.Any], change_id: str,
    widely: tuple[t.Sequence[Step], t.Mapping[str, t.Any]],
) -> list[dict[str, t.Any]]:
    """The batches for the play that runs them; each of several is a change with an id of its own."""
    told: list[dict[str, t.Any]] = []
    before: list[str] = []
    steps, large = widely
    for number, batch in enumerate(cut, 1):
        before += batch.hosts
        wanted = wide.demands(batch.outlook, steps, large, before)
        told.append(
            {
                "number": number,
                "change_id": f"{change_id}.{number}" if len(cut) > 1 else change_id,
                "hosts": list(batch.hosts),
                "changed": [host for host in batch.hosts if plan[host]["changes"]],
                "canary": batch.canary,
                "joined": list(batch.joined),
                "proof": wide.with_demands(_proof(batch.outlook, facts, sorted(before)), wanted, large),
            }
        )
    return told


def _not_carried(before: Diagnosis, steps: t.Iterable[Step]) -> list[dict[str, str]]:
    """The proposed remedies that somebody has to name before they are carried."""
    carried = {(step.role, step.host) for step in steps}
    return [{"role": one.role, "host": one.host, "text": one.text} for one in before.proposal.remedies
            if one.role in wide.WIDE and (one.role, one.host) not in carried]


def _change_id() -> str:
    """An id that sorts by time and that two people cannot share."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
