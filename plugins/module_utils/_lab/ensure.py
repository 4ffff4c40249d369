# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Bring a lab to a wanted state: what the module does, without Ansible."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import glob
import os
import shutil
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import (
    build,
    parse,
    rehearsal,
    removal,
    ssh,
    state,
    tools,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.topology import Topology


@dataclasses.dataclass(frozen=True)
class Result:
    """What was done, and the lab as it stands now (or would stand, in check mode)."""

    changed: bool
    before: str
    after: str
    lab: dict[str, t.Any]


def name_of(topology_path: str) -> str:
    """The name of a lab that was not given one: the stem of its file."""
    return os.path.splitext(os.path.basename(topology_path))[0]


def ensure(paths: Paths, wanted: str, topology_path: str, check_mode: bool = False) -> Result:
    """Make a lab present, absent or recreated; raises LabError. In check mode nothing on disk is touched."""
    tools.require()
    topology = parse.read(topology_path) if wanted != "absent" else None
    if topology:
        programs = {"vtysh": "frr", "conntrackd": "conntrackd", "keepalived": "keepalived"}
        tools.require([tool for tool, key in programs.items() if any(getattr(host, key) for host in topology.hosts)])
    if check_mode:
        return _ensure(paths, wanted, topology, topology_path, check_mode)
    with locked(paths):
        return _ensure(paths, wanted, topology, topology_path, check_mode)


def _ensure(paths: Paths, wanted: str, topology: Topology | None, topology_path: str, check_mode: bool) -> Result:
    try:
        found = state.read(paths)
    except LabError:
        found = {}  # damaged: what is there is taken away like any lab that stands half
    standing = state.is_running(paths, found)
    before = "".join(found["description"]) if standing else _ruins(paths)
    if topology is None:
        changed = removal.exists(paths)
        if changed and not check_mode:
            removal.remove(paths)
        return Result(changed, before, "", {})
    after = "".join(describe(topology))
    changed = wanted == "recreated" or not standing or found["digest"] != build.digest(topology)
    if changed:
        with tempfile.TemporaryDirectory(prefix=_trial_prefix(paths), dir=None if check_mode else paths.dir) as place:
            rehearsal.rehearse(place, topology)
    if changed and not check_mode:
        removal.remove(paths)
        build.build(paths, topology, topology_path, describe(topology))
    return Result(changed, before, after, summary(paths, topology))


def summary(paths: Paths, topology: Topology) -> dict[str, t.Any]:
    """Where a lab is and how its hosts are reached."""
    return {
        "name": paths.lab,
        "directory": paths.root,
        "ssh_config": paths.ssh_config,
        "state": paths.state,
        "hosts": {
            host.name: {
                "alias": ssh.alias(paths.lab, host.name),
                "management": str(topology.management_address(host.name).ip),
            }
            for host in topology.hosts
        },
    }


def describe(topology: Topology) -> list[str]:
    """A topology as lines that people compare."""
    lines = []
    for host in topology.hosts:
        lines.append(f"host {host.name}: management {topology.management_address(host.name)}\n")
        for port in topology.ports(host.name):
            addresses = " ".join(str(address) for address in port.addresses) or "no address"
            delay = topology.delay(port)
            lines.append(f"  {port.interface}: {addresses}{'' if delay is None else f', delay {delay} us'}\n")
        lines += [f"  route {route.to} via {route.via or route.device or route.type}\n" for route in host.routes]
        lines += [f"  {item.name} = {item.value}\n" for item in host.sysctls]
        lines += [f"  {item.kind} {item.port or ' '.join(item.command)}\n" for item in host.services]
    return lines


def _ruins(paths: Paths) -> str:
    return f"lab {paths.lab} stands in parts\n" if removal.exists(paths) else ""


def _trial_prefix(paths: Paths) -> str:
    return f".{paths.lab}.trial-"


@contextlib.contextmanager
def locked(paths: Paths) -> t.Iterator[None]:
    """Keep others from building or removing the same lab meanwhile; leave no file of ours where there is no lab."""
    os.makedirs(paths.dir, mode=0o755, exist_ok=True)
    with open(paths.lock, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.fstat(file.fileno()).st_ino == os.stat(paths.lock).st_ino
        except (BlockingIOError, FileNotFoundError):
            ours = False  # held, or given up and deleted by its holder in this moment
        if not ours:
            raise LabError(f"somebody else is building or removing lab {paths.lab} at this moment: wait for it")
        for leftover in glob.glob(os.path.join(glob.escape(paths.dir), _trial_prefix(paths) + "*")):
            shutil.rmtree(leftover)  # of a trial that was killed
        try:
            yield
        finally:
            if not os.path.isdir(paths.root):
                os.unlink(paths.lock)
