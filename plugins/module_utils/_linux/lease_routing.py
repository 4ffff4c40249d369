# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The follower of leases on this host. It runs as a unit of systemd, and not without."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import unit_files
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import resident, systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.resident import (
    Resident,
    ResidentPlan,
    require_tools,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL, scope_of
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing import (
    CONF_PATH,
    NAME,
    RUN_DIR,
    SCRIPT_PATH,
    UNIT,
    WHO,
    Leases,
    check_leases,
    planned_text,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing_script import SCRIPT

FOLLOWER = Resident("lease routing", WHO, SCRIPT_PATH, CONF_PATH, RUN_DIR, tuple(unit_files(NAME, UNIT)))
TOOLS = ("ip", "awk", "flock", "timeout", "mkfifo", "grep")


def plan(leases: t.Optional[Leases]) -> ResidentPlan:
    """What makes this host follow these leases, or none; changes nothing. Raises PlanError."""
    wanted: list[File] = []
    if leases is not None:
        if not systemd.is_process_1():
            raise PlanError(
                "systemd is not process 1 of this network, so nothing here would start the follower again; declare "
                "addresses and gateways instead of from_lease"
            )
        require_tools(WHO, TOOLS)
        host = read_host()
        check_leases(leases, host)
        refuse_foreign(host)
        wanted = [File(SCRIPT_PATH, SCRIPT, 0o755), File(CONF_PATH, leases.text()), *FOLLOWER.unit_files]
    return resident.plan(FOLLOWER, wanted, planned_text(leases))


def refuse_foreign(host: Host) -> None:
    """Raise PlanError where others have rules or routes in the slice that the follower takes for its own."""
    rules = [f"rule {r.priority}" for r in host.rules if _is_in_slice(r.priority) and r.protocol != PROTOCOL]
    routes = {r.table for r in host.routes if _is_in_slice(r.table) and r.protocol != PROTOCOL}
    found = [*rules, *(f"table {number}" for number in sorted(routes))]
    if found:
        raise PlanError(
            f"{', '.join(found)}: this is not ours, but in the range of priorities and tables that the follower uses; "
            "move it elsewhere, then run this again"
        )


def _is_in_slice(number: t.Optional[int]) -> bool:
    return number is not None and scope_of(number) == "lease_routing"
