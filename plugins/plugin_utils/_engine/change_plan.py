# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Steps of a change, arranged for the play that runs them: per host the roles, their variables and how much changes."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.forecast import Forecast, ForecastError, Step
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.site import Facts


def change_plan(facts: t.Mapping[str, Facts], steps: t.Sequence[Step]) -> dict[str, dict[str, t.Any]]:
    """``{host: {roles, variables, changes}}``; ``changes`` counts what the roles would change on the host now.

    Steps of one host are planned in their order, each on the state that the one before it leaves. Raises ForecastError.
    """
    plan: dict[str, dict[str, t.Any]] = {}
    state: dict[str, Facts] = {}
    for step in steps:
        entry = plan.setdefault(step.host, {"roles": [], "variables": {}, "changes": 0})
        if step.role in entry["roles"]:
            raise ForecastError(
                f"{step.role} on {step.host} stands twice in the remedies: give a role all its variables in one"
            )
        current = state.get(step.host, facts[step.host])
        try:
            changes = plan_remedy(current, step.role, step.variables)
        except PlanError as error:
            raise ForecastError(f"{step.role} on {step.host}: {error}") from error
        state[step.host] = apply_to_facts(current, changes)
        entry["roles"].append(step.role)
        entry["variables"].update(step.variables)
        entry["changes"] += len(changes)
    return plan


def sources(outlook: Forecast) -> list[tuple[str, str, str]]:
    """The named flows of which the outside will see another source address: (name, before, after)."""
    found = []
    for flow in outlook.flows:
        before, after = (
            {path.packet.flow.source for path in told.forward_paths() if path.outcome == "left"}
            for told in (flow.before, flow.after)
        )
        if before and after and before != after and not flow.before.named.live:
            found.append((flow.before.name, ", ".join(sorted(before)), ", ".join(sorted(after))))
    return found
