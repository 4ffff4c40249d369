# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Steps of a change, arranged for the play that runs them: per host the roles, their variables and how much changes."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import apply_to_facts, plan_remedy
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import (
    Forecast,
    ForecastError,
    Step,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

# What the play of a change hands to each role; any other variable would count in the forecast and never reach the role.
CARRIED = {
    "policy_route": ("policy_route_uplinks", "policy_route_pins"),
    "source_routing": ("source_routing_uplinks",),
    "symmetric_return": ("symmetric_return_uplinks",),
    "rp_filter": ("rp_filter_interfaces",),
    "mss_clamp": ("mss_clamp_edges",),
    "ecmp_hash": ("ecmp_hash_fields", "ecmp_hash_seed"),
}
OPTIONAL = {"source_routing": ("source_routing_specifics",)}
_NUMBERS = ("ecmp_hash_seed",)


def read_steps(remedies: t.Any) -> list[Step]:
    """The remedies as a person may have written them, as steps. Raises ForecastError with the entry that is wrong."""
    if not isinstance(remedies, list):
        raise ForecastError(f"remedies: expected a list of {{role, host, variables}}, not {remedies!r}")
    return [_read_step(f"remedies[{number}]", item) for number, item in enumerate(remedies, 1)]


def _read_step(where: str, item: t.Any) -> Step:
    wanted = {"role": str, "host": str, "variables": Mapping}
    if not isinstance(item, Mapping):
        raise ForecastError(f"{where}: expected {{role, host, variables}}, not {item!r}")
    for key in item:
        if key not in wanted:
            raise ForecastError(f"{where}: {key!r} is not known; an entry has role, host and variables")
    for key, kind in wanted.items():
        if not isinstance(item.get(key), kind):
            raise ForecastError(f"{where}: {key} is missing or of a wrong type; an entry has role, host and variables")
    role, variables = item["role"], item["variables"]
    needed = CARRIED.get(role, tuple(variables))  # the planner refuses a role that it does not know
    optional = OPTIONAL.get(role, ())
    for name in variables:
        if name not in (*needed, *optional):
            raise ForecastError(
                f"{where} ({role} on {item['host']}): variable {name!r} is not carried by a change; "
                f"use {' and '.join((*needed, *optional))} here, or run the role itself"
            )
    for name in (*needed, *(one for one in optional if one in variables)):
        number = name in _NUMBERS
        value, word = variables.get(name), "number" if number else "list"
        if not isinstance(value, int if number else list) or isinstance(value, bool):
            raise ForecastError(f"{where} ({role} on {item['host']}): {name} is missing or is no {word}")
    return Step(role, item["host"], variables)


def change_plan(facts: t.Mapping[str, Facts], steps: t.Sequence[Step]) -> dict[str, dict[str, t.Any]]:
    """``{host: {roles, variables, changes, changes_of}}``; ``changes`` counts what the roles would change on the host
    now, ``changes_of`` by role.

    Steps of one host are planned in their order, each on the state that the one before it leaves. Raises ForecastError.
    """
    plan: dict[str, dict[str, t.Any]] = {}
    state: dict[str, Facts] = {}
    for step in steps:
        entry = plan.setdefault(step.host, {"roles": [], "variables": {}, "changes": 0, "changes_of": {}})
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
        entry["changes_of"][step.role] = len(changes)
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


def unacknowledged(told: t.Iterable[tuple[str, str, str]], steps: t.Iterable[Step]) -> list[tuple[str, str, str]]:
    """Those of ``sources`` whose new address comes from a pin that nobody acknowledged."""
    addresses: set[str] = set()
    for step in steps:
        for pin in step.variables.get("policy_route_pins", ()):
            given = pin.get("source_nat") or []
            if not pin.get("acknowledge_source"):
                addresses.update([given] if isinstance(given, str) else given)
    return [one for one in told if addresses & set(one[2].split(", "))]
