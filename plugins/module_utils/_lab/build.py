# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Build a lab: namespaces and wires first, then every host at once."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import os
import select
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import (
    commands,
    init,
    rehearsal,
    removal,
    scripts,
    ssh,
    state,
    tools,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._lab import (
    topology as model,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError, TopologyError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths

READY_WITHIN = 60.0  # seconds, for all hosts together


def digest(topology: model.Topology) -> str:
    """What a lab was built from: the topology and everything of ours that goes into a host or leads to it."""
    anywhere = Paths(state.DEFAULT_DIR, "any")
    client = ssh.client_config(anywhere, topology) + ssh.netmiko_config(anywhere, topology)
    ours = [scripts.NETWORK, scripts.BOOT, scripts.FRR, scripts.SSHD_CONFIG, inspect.getsource(init)]
    parts = [repr(topology), *ours, client]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def build(paths: Paths, topology: model.Topology, topology_path: str, description: t.Sequence[str]) -> None:
    """Build a lab where there is none, from a topology that has been rehearsed.

    Raises LabError, and leaves nothing behind, where it cannot be built.
    """
    done = False
    try:
        _prepare(paths, topology)
        record = {**_record(paths, topology, topology_path), "description": list(description)}
        state.write(paths, {**record, "complete": False})
        _wire(paths.lab, topology)
        _boot(paths, topology)
        ssh.write_client_files(paths, topology)
        for host, process in state.processes(paths).items():
            record["hosts"][host].update(pid=process.pid, start_time=process.start_time)
        state.write(paths, {**record, "complete": True})
        done = True
    finally:
        if not done:
            removal.remove(paths)


def _prepare(paths: Paths, topology: model.Topology) -> None:
    os.makedirs(paths.hosts, mode=0o700)
    for host in topology.hosts:
        os.makedirs(paths.host(host.name, "mounts"), mode=0o700)
        rehearsal.write_files(paths.host(host.name), topology, host)
    ssh.make_keys(paths, topology)
    for host in topology.hosts:
        texts = {
            "authorized_keys": ssh.public_key(paths),
            "sshd_config": scripts.SSHD_CONFIG,
            "boot.sh": scripts.BOOT,
            "init.py": inspect.getsource(init),
            "host.json": json.dumps(_host_json(topology, host)),
        }
        for name, text in texts.items():
            state.write_text(paths.host(host.name, name), text)


def _host_json(topology: model.Topology, host: model.Host) -> dict[str, t.Any]:
    ports = topology.ports(host.name)
    return {
        "interfaces": [model.MANAGEMENT_INTERFACE, *(port.interface for port in ports)],
        "without_checksum_offload": [port.interface for port in ports if not port.checksum_offload],
        "ready_files": [scripts.FRR_READY] if host.frr else [],
        "services": [dataclasses.asdict(service) for service in _services(host)],
    }


def _services(host: model.Host) -> list[model.Service]:
    routing = [model.Service("exec", command=("sh", "/run/netpath-lab/frr.sh"))] if host.frr else []
    return [*host.services, *routing]


def _record(paths: Paths, topology: model.Topology, topology_path: str) -> dict[str, t.Any]:
    return {
        "lab": paths.lab,
        "topology": topology_path,
        "digest": digest(topology),
        "boot_id": state.boot_id(),
        "namespaces": commands.namespaces(paths.lab, topology),
        "hosts": {
            host.name: {
                "namespace": commands.namespace(paths.lab, host.name),
                "management": str(topology.management_address(host.name).ip),
                "alias": ssh.alias(paths.lab, host.name),
                "interfaces": {
                    port.interface: {
                        "mac": topology.mac(host.name, port.interface),
                        "addresses": [str(address) for address in port.addresses],
                    }
                    for port in topology.ports(host.name)
                },
            }
            for host in topology.hosts
        },
    }


def _wire(lab: str, topology: model.Topology) -> None:
    """Create the namespaces and everything between them."""
    names = commands.namespaces(lab, topology)
    _batch([], [commands.Command(f"netns add {name}") for name in names])
    where = commands.namespace(lab, "switch")
    management = commands.namespace(lab, "mgmt")
    _batch(["-n", where if where in names else management], commands.wires(lab, topology))
    _batch(["-n", management], commands.management(lab, topology))


def _batch(options: list[str], lines: t.Sequence[commands.Command]) -> None:
    status, output = tools.run(["ip", *options, "-batch", "-"], input=commands.batch(lines))
    if not status:
        return
    number = output.rsplit("Command failed -:", 1)[-1].split()[0] if "Command failed -:" in output else ""
    command = lines[int(number) - 1] if number.isdigit() else None
    message = f"the kernel refuses 'ip {command.text}': {output}" if command else f"ip failed: {output}"
    if command and command.mark:
        raise TopologyError(command.mark, message)
    raise LabError(message)


def _boot(paths: Paths, topology: model.Topology) -> None:
    """Start all hosts and wait until each says that it is ready."""
    waiting: dict[int, str] = {}
    try:
        for host in topology.hosts:
            waiting[_start(paths, host.name)] = host.name
        deadline = time.monotonic() + READY_WITHIN
        while waiting:
            ready, _writable, _failed = select.select(list(waiting), [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise LabError(f"not ready after {READY_WITHIN:.0f} s: {', '.join(sorted(waiting.values()))}")
            for descriptor in ready:
                if not os.read(descriptor, 16):
                    name = waiting[descriptor]
                    raise LabError(f"host {name} did not come up: {_last_words(paths, name)}")
                del waiting[descriptor]
                os.close(descriptor)
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def _start(paths: Paths, host: str) -> int:
    """Start a host; returns the file descriptor on which it will say that it is ready."""
    mine, its = os.pipe()
    machine_id = hashlib.sha256(f"{paths.lab}/{host}".encode()).hexdigest()[:32]
    namespace = os.path.join(state.NETNS_DIR, commands.namespace(paths.lab, host))
    argv = [tools.path("setsid"), "--fork", tools.path("nsenter"), f"--net={namespace}"]
    argv += [tools.path("unshare"), "--mount", "--uts", "--pid", "--fork"]
    argv += ["sh", "boot.sh", host, sys.executable, machine_id, str(its)]
    try:
        with open(paths.host(host, "log"), "ab") as log:
            status = subprocess.call(
                argv,
                cwd=paths.host(host),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[its],
                env=tools.environment(),
            )
    finally:
        os.close(its)
    if status:
        os.close(mine)
        raise LabError(f"host {host} could not be started: {_last_words(paths, host)}")
    return mine


def _last_words(paths: Paths, host: str) -> str:
    lines = state.read_text(paths.host(host, "log")).strip().splitlines()
    return " / ".join(lines[-5:]) or "it printed nothing"
