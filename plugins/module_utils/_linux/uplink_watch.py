# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put the watcher of uplinks on this host, start it, and take it away; and know whether it has something switched.

A unit of systemd runs it where systemd is process 1 of this network, else a process of its own, until the next boot.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import unit_files
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, resident, systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.resident import (
    Resident,
    ResidentPlan,
    require_tools,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch import (
    CONF_PATH,
    NAME,
    RUN_DIR,
    SCRIPT_PATH,
    UNIT,
    Watch,
    planned_text,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script import SCRIPT

WATCHER = Resident("uplink watch", "watcher", SCRIPT_PATH, CONF_PATH, RUN_DIR, tuple(unit_files(NAME, UNIT)))
TOOLS = ("ip", "ping", "flock", "setsid", "awk")


def plan(watch: t.Optional[Watch]) -> ResidentPlan:
    """What makes this host watch so, or not at all without ``watch``; changes nothing. Raises PlanError."""
    with_unit = systemd.is_process_1()
    wanted: list[File] = []
    if watch is not None:
        check_host(watch)
        wanted = [File(SCRIPT_PATH, SCRIPT, 0o755), File(CONF_PATH, watch.text(), 0o644)]
        wanted += WATCHER.unit_files if with_unit else ()
    return resident.plan(WATCHER, wanted, planned_text(watch, with_unit))


def check_host(watch: Watch) -> None:
    """Raise PlanError where the watcher could not do its work on this host."""
    require_tools("watcher", TOOLS)
    if watch.stranded == "delete":
        require_tools("watcher", ["conntrack"], ", or set stranded_connections to keep")
    for one in watch.uplinks:
        if not os.path.isdir(f"/sys/class/net/{one.interface}"):
            there = ", ".join(sorted(os.listdir("/sys/class/net")))
            raise PlanError(f"uplink {one.name}: this host has no interface {one.interface}; it has {there}")
        if one.family == 4:
            _refuse_strict(one.name, one.interface, (*one.targets, one.gateway))


def _refuse_strict(name: str, interface: str, asked: t.Sequence[str]) -> None:
    """A strict reverse-path filter drops the answers to probes where other traffic does not leave by the uplink.

    Asked is the kernel, for a packet from the target: it runs the filter. Where that is loose or off, there is no need.
    """
    modes = []
    for each in ("all", interface):
        with open(f"/proc/sys/net/ipv4/conf/{each}/rp_filter", encoding="ascii") as file:
            modes.append(int(file.read()))
    own = command.run(["ip", "-o", "-4", "address", "show", "dev", interface, "scope", "global"]).stdout.split()
    if max(modes) != 1 or not own:
        return
    address = own[3].split("/")[0]
    for target in filter(None, asked):
        answer = command.run(["ip", "-4", "route", "get", address, "from", target, "iif", interface], check=False)
        if answer.rc != 0:
            raise PlanError(
                f"uplink {name}: rp_filter of {interface} is strict and would drop the answers of {target}, as the way "
                "back to it is another one; loosen it with role rp_filter (mode loose), or let replies of "
                f"{address} leave by {interface} with role source_routing"
            )


def failed_over() -> list[str]:
    """What the watcher has switched now, in its own words for it: ids of uplinks whose routes are out, families."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        with open(f"{RUN_DIR}/boot", encoding="ascii") as ours:
            if ours.read() != boot.read():
                return []
        names = sorted(os.listdir(RUN_DIR))
        return [name.rpartition(".")[0] for name in names if name.endswith((".routes", ".by"))]
    return []


def refuse_while_failed_over() -> None:
    """Raise PlanError: what is in force is not what was configured, so nothing can be compared with it."""
    switched = failed_over()
    if switched:
        raise PlanError(
            f"uplink_watch has failed over on this host ({', '.join(switched)}): our routes are not all there. Wait "
            f"until it is home again, or end the watch with 'sh {SCRIPT_PATH} home'; 'sh {SCRIPT_PATH} status' tells "
            "more"
        )
