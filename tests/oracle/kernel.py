# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real kernel to ask: a network namespace of this process, set up by ip commands and read by netlink."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import local_table, nexthops
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.sources import KernelSource
from ansible_collections.netpath.symmetry.tests.oracle import rule_request
from ansible_collections.netpath.symmetry.tests.oracle.world import World

_CLONE_NEWNET = 0x40000000
_SYSCTLS = (
    "rp_filter",
    "src_valid_mark",
    "accept_local",
    "send_redirects",
    "route_localnet",
    "forwarding",
    "ignore_routes_with_linkdown",
)
_ALL_ROUTES = 100_000


def enter_new_namespace() -> None:
    """Move this process to a new, empty network namespace; the one before goes with its last process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())} (the oracle needs root)")


@functools.cache
def has_vrfs() -> bool:
    """Whether this kernel can make VRFs."""
    enter_new_namespace()
    done = subprocess.run(["ip", "link", "add", "red", "type", "vrf", "table", "100"], capture_output=True, check=False)
    return done.returncode == 0


@functools.cache
def has_dscp_rules() -> bool:
    """Whether this kernel has rules that match the whole DSCP (Linux 6.12)."""
    enter_new_namespace()
    rule_request.add([rule_request.DSCP_PROBE])
    return any("dscp" in rule for rule in _with_source(KernelSource.rules))


def build(world: World) -> None:
    """Apply a world to the namespace of this process."""
    early = [path_value for path_value in world.sysctls if "/default/" in path_value[0]]
    _write_sysctls(early)
    _batch([command for command in world.commands if command.startswith("link ") and " down" not in command])
    _write_sysctls([path_value for path_value in world.sysctls if path_value not in early])
    for phase in (_is_ground, _is_group, _is_rest):
        _batch([command for command in world.commands if phase(command)])
    rule_request.add(world.netlink_rules)


def _write_sysctls(pairs: t.Iterable[tuple[str, str]]) -> None:
    for path, value in pairs:
        try:
            with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
                file.write(value)
        except FileNotFoundError:
            continue  # an interface that was shrunk away, or a setting that this kernel lacks


def _is_ground(command: str) -> bool:
    """What groups and routes stand on."""
    return " addr add " in command or (" nexthop add " in command and " group " not in command)


def _is_group(command: str) -> bool:
    return command.startswith("nexthop add ")


def _is_rest(command: str) -> bool:
    early = command.startswith("link ") and " down" not in command
    return not (early or _is_ground(command) or _is_group(command))


def _batch(commands: t.Sequence[str]) -> None:
    for family in ("-4", "-6", ""):  # one process for each, for one process for each command would be too slow
        prefix = f"{family} " if family else ""
        mine = [
            command.removeprefix(prefix)
            for command in commands
            if command.startswith(prefix) and (prefix or not command.startswith("-"))
        ]
        if mine:
            words = ["ip", *([family] if family else []), "-force", "-batch", "-"]
            subprocess.run(words, input="\n".join(mine), text=True, capture_output=True, check=False)


def read_settled_facts() -> dict[str, t.Any]:
    """The facts of the namespace once they stand still: carrier comes a little later than ip returns."""
    facts = read_facts()
    for pause in (0.002, 0.004, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
        time.sleep(pause)
        before, facts = facts, read_facts()
        if before == facts:
            break
    return facts


def read_facts() -> dict[str, t.Any]:
    """The facts of the namespace, as far as routing asks for them."""
    return t.cast("dict[str, t.Any]", _with_source(_facts))


def _with_source(read: t.Callable[[KernelSource], t.Any]) -> t.Any:
    source = KernelSource()
    with source.kernel:
        return read(source)


def _facts(source: KernelSource) -> dict[str, t.Any]:
    interfaces = source.interfaces()
    reading = source.routes((), _ALL_ROUTES)
    facts = {
        "schema": "netpath.symmetry/1",
        "platform": "linux",
        "kernel": os.uname().release,
        "byte_order": sys.byteorder,
        "interfaces": interfaces,
        "rules": source.rules(),
        "routes": reading.listed,
        "nexthop_groups": nexthops.groups(source.nexthops()),
        "neighbours": source.neighbours(),
        "interface_sysctls": {name: _sysctls_of(name) for name in ("all", *interfaces)},
        "sysctls": {"net/ipv4/fib_multipath_use_neigh": _read("ipv4/fib_multipath_use_neigh")},
    }
    merged = local_table.read(reading.counts["4"])
    return facts if merged is None else {**facts, "local_table_merged": merged}


def _sysctls_of(name: str) -> dict[str, int]:
    values = {key: _read(f"ipv4/conf/{name}/{key}") for key in _SYSCTLS}
    values["forwarding6"] = _read(f"ipv6/conf/{name}/forwarding")
    values["ignore_routes_with_linkdown6"] = _read(f"ipv6/conf/{name}/ignore_routes_with_linkdown")
    return values


def _read(path: str) -> int:
    with open(f"/proc/sys/net/{path}", encoding="ascii") as file:
        return int(file.read())
