# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The frame of a module that plans, and carries its plan out under the guard unless it is in check mode.

AnsibleModule is handed in: what is below the modules knows nothing of Ansible.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import (
    ApplyError,
    carry_out,
    check_host,
    guarding_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan

# The options of doc_fragments/guarded.py.
ARGUMENTS: dict[str, t.Any] = {
    "require_guard": {"type": "bool", "default": False},
    "change_id": {"type": "str"},
}
Params = t.Mapping[str, t.Any]


class Planned(t.NamedTuple):
    """A plan, how the host is read again to compare it with the plan, and what else the module returns."""

    plan: Plan
    reread: t.Callable[[], str]
    more: t.Mapping[str, t.Any] = {}


def run(module: t.Any, make_plan: t.Callable[[Params], Planned]) -> None:
    """Run such a module. ``make_plan`` raises what is told as the module's failure, and changes nothing."""
    params = module.params
    try:
        planned = make_plan(params)
        check_host(planned.plan.changes)
        if planned.plan.changes and not module.check_mode:
            carry_out(planned.plan, planned.reread, guarding_of(params))
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**planned.plan.result(), **planned.more)
