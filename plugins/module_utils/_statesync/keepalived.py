# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The text of keepalived.conf for one member of a pair, and of the script that it calls. Pure.

What the script has conntrackd do is what conntrackd's own primary-backup.sh does.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

HOOK_PATH = f"{STATE_DIR}/state-sync-hook"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")
_INTERFACE = re.compile(r"^[^\s/:\"{}#!]{1,15}$")
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Instance:
    """A virtual router: addresses of one family that the master has on the interface."""

    name: str
    interface: str
    router_id: int
    addresses: tuple[str, ...]  # with prefix length


@dataclasses.dataclass(frozen=True)
class Failover:
    """The virtual routers of a member, all of which are master together."""

    router: str  # what this member is called
    instances: tuple[Instance, ...]
    priority: int
    preempt: bool
    interval: float  # seconds

    @property
    def addresses(self) -> list[str]:
        """The virtual addresses, without prefix length."""
        return [text.partition("/")[0] for one in self.instances for text in one.addresses]


def read_failover(params: Data) -> Failover:
    """Read the options of the module state_sync_vrrp; raises PlanError."""
    found: list[Instance] = []
    for position, data in enumerate(params["instances"] or (), 1):
        one = _read(data, f"instances[{position}] ({data.get('name') or ''})")
        for other in found:
            if other.name == one.name:
                raise PlanError(f"instances: {one.name!r} is declared twice; give each its own name")
            if (other.interface, other.router_id) == (one.interface, one.router_id) and _family(other) == _family(one):
                raise PlanError(
                    f"instances {other.name} and {one.name} are both virtual router {one.router_id} of "
                    f"{one.interface}; give one of them another virtual_router_id"
                )
            twice = {_bare(text) for text in other.addresses} & {_bare(text) for text in one.addresses}
            if twice:
                raise PlanError(f"instances {other.name} and {one.name} both have {twice.pop()}")
        found.append(one)
    if not found:
        raise PlanError("instances is empty; declare the virtual routers of the pair, or set state to absent")
    priority, interval = int(params["priority"]), float(params["interval"])
    if not 1 <= priority <= 254:
        raise PlanError(f"priority {priority} is not within 1 to 254")
    if not 0.05 <= interval <= 40:
        raise PlanError(f"interval {interval:g} is not within 0.05 to 40 seconds")
    router = str(params["name"] or "")
    if not _NAME.match(router.partition(".")[0]):
        raise PlanError(f"name: {router!r} is not what a router can be called")
    return Failover(router.partition(".")[0], tuple(found), priority, bool(params["preempt"]), interval)


def _read(data: Data, where: str) -> Instance:
    name, interface, number = str(data.get("name") or ""), str(data.get("interface") or ""), data["virtual_router_id"]
    if not _NAME.match(name):
        raise PlanError(f"{where}: a name is up to 32 letters, digits and _.-")
    if not _INTERFACE.match(interface):
        raise PlanError(f"{where}: interface {interface!r} is not the name of an interface")
    if not 1 <= int(number) <= 255:
        raise PlanError(f"{where}: virtual_router_id {number} is not within 1 to 255")
    addresses = []
    for text in data.get("addresses") or ():
        try:
            addresses.append(str(ipaddress.ip_interface(text)))
        except ValueError:
            raise PlanError(f"{where}: {text!r} is not an address with a prefix length, such as 192.0.2.1/24") from None
        if "/" not in text:
            raise PlanError(f"{where}: {text} has no prefix length; give that of the network, such as {text}/24")
    if not addresses:
        raise PlanError(f"{where}: addresses is empty; give the virtual addresses that the master has")
    if len({ipaddress.ip_interface(text).version for text in addresses}) > 1:
        raise PlanError(f"{where}: addresses are of both families; a virtual router has one, declare two of them")
    if len(set(map(_bare, addresses))) < len(addresses):
        raise PlanError(f"{where}: an address is listed twice")
    return Instance(name, interface, int(number), tuple(addresses))


def _bare(text: str) -> str:
    return str(ipaddress.ip_interface(text).ip)


def _family(one: Instance) -> int:
    return ipaddress.ip_interface(one.addresses[0]).version


def render(wish: Failover, hook: str = HOOK_PATH) -> str:
    """The file; all instances change their state together where there are several."""
    notify = [f'notify_{state} "{hook} {state}"' for state in ("master", "backup", "fault")]
    several = len(wish.instances) > 1
    lines = [
        f"# {WRITTEN_BY}",
        "global_defs {",
        f"    router_id {wish.router}",
        "    script_user root",
        "    enable_script_security",
        "    vrrp_version 3",
        "}",
    ]
    if several:
        names = [f"        {one.name}" for one in wish.instances]
        calls = [f"    {one}" for one in notify]
        lines += ["vrrp_sync_group state_sync {", "    group {", *names, "    }", *calls, "}"]
    for one in wish.instances:
        lines += [
            f"vrrp_instance {one.name} {{",
            # Who is master is found out, and with nopreempt kept.
            "    state BACKUP",
            f"    interface {one.interface}",
            f"    virtual_router_id {one.router_id}",
            f"    priority {wish.priority}",
            f"    advert_int {wish.interval:g}",
            *([] if wish.preempt else ["    nopreempt"]),
            "    virtual_ipaddress {",
            *(f"        {text}" for text in one.addresses),
            "    }",
            *([] if several else [f"    {each}" for each in notify]),
            "}",
        ]
    return "".join(f"{line}\n" for line in lines)


def virtual_addresses(text: str) -> set[str]:
    """The virtual addresses in a file of ours, without prefix length."""
    blocks = re.findall(r"virtual_ipaddress {([^}]*)}", text)
    return {_bare(word) for block in blocks for word in block.split()}


_HOOK = """#!/bin/sh
# @WRITTEN_BY@
# SPDX-License-Identifier: GPL-3.0-or-later
# What conntrackd does when this firewall becomes master, backup or unfit. keepalived calls it; one call at a time.
exec 9<"$0"
flock 9
failed=0
run() {
    @COMMAND@ "$1" >/dev/null 2>&1 && return
    failed=1
    logger -t symmetry-state-sync "conntrackd $1 failed"
}
case ${1:-} in
    master) # what the peer has sent goes into the kernel; then the peer gets what stands there
        run -c
        run -f
        run -R
        run -B
        ;;
    backup) # timers of what is not renewed are shortened; then the master is asked for what it has
        run -t
        run -n
        ;;
    fault) run -t ;;
    *)
        echo "usage: $0 master|backup|fault" >&2
        exit 2
        ;;
esac
exit "$failed"
"""


def hook_text(command: str) -> str:
    """The script; ``command`` runs conntrackd as a client, such as "/usr/sbin/conntrackd -C FILE"."""
    return _HOOK.replace("@WRITTEN_BY@", WRITTEN_BY).replace("@COMMAND@", command)
