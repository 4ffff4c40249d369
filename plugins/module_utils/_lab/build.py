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
    delay,
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
SWITCH = "switch"  # the namespace of segments and delays; no host has this name
# What may run on a host beside its services: its key, the file that says that it is ready, its script.
DAEMONS = (
    ("frr", scripts.FRR_READY, "/run/netpath-lab/frr.sh"),
    ("conntrackd", scripts.CONNTRACKD_READY, "/run/netpath-lab/conntrackd.sh"),
    ("keepalived", scripts.KEEPALIVED_READY, "/run/netpath-lab/keepalived.sh"),
)


def digest(topology: model.Topology) -> str:
    """What a lab was built from: the topology and everything of ours that goes into a host or leads to it."""
    anywhere = Paths(state.DEFAULT_DIR, "any")
    client = ssh.client_config(anywhere, topology) + ssh.netmiko_config(anywhere, topology)
    ours = [scripts.NETWORK, scripts.BOOT, scripts.FRR, scripts.CONNTRACKD, scripts.KEEPALIVED, scripts.SSHD_CONFIG]
    ours += [inspect.getsource(init), inspect.getsource(delay)]
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
        for name, process in state.processes(paths).items():
            if name in record["hosts"]:
                record["hosts"][name].update(pid=process.pid, start_time=process.start_time)
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
    if commands.delays(topology):
        os.makedirs(paths.host(SWITCH), mode=0o700)
        state.write_text(paths.host(SWITCH, "delay.py"), inspect.getsource(delay))
        state.write_text(paths.host(SWITCH, "delays.json"), json.dumps(commands.delays(topology)))


def _host_json(topology: model.Topology, host: model.Host) -> dict[str, t.Any]:
    ports = topology.ports(host.name)
    return {
        "interfaces": [model.MANAGEMENT_INTERFACE, *(port.interface for port in ports)],
        "without_checksum_offload": [port.interface for port in ports if not port.checksum_offload],
        "ready_files": [file for program, file, _command in DAEMONS if getattr(host, program)],
        "services": [dataclasses.asdict(service) for service in _services(host)],
    }


def _services(host: model.Host) -> list[model.Service]:
    daemons = [command for program, _file, command in DAEMONS if getattr(host, program)]
    return [*host.services, *(model.Service("exec", command=("sh", command)) for command in daemons)]


def _record(paths: Paths, topology: model.Topology, topology_path: str) -> dict[str, t.Any]:
    return {
        "lab": paths.lab,
        "topology": topology_path,
        "digest": digest(topology),
        "boot_id": state.boot_id(),
        "namespaces": commands.namespaces(paths.lab, topology),
        "programs": [SWITCH] if commands.delays(topology) else [],
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
        if commands.delays(topology):
            waiting[_start_delays(paths)] = SWITCH
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
                    what = "the program for delays" if name == SWITCH else f"host {name}"
                    raise LabError(f"{what} did not come up: {_last_words(paths, name)}")
                del waiting[descriptor]
                os.close(descriptor)
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def _start(paths: Paths, host: str) -> int:
    """Start a host; returns the file descriptor on which it will say that it is ready."""
    machine_id = hashlib.sha256(f"{paths.lab}/{host}".encode()).hexdigest()[:32]
    argv = [tools.path("unshare"), "--mount", "--uts", "--pid", "--fork"]
    return _detached(paths, host, [*argv, "sh", "boot.sh", host, sys.executable, machine_id])


def _start_delays(paths: Paths) -> int:
    """Start the program that passes packets of links with a delay on; returns the same."""
    return _detached(paths, SWITCH, [sys.executable, "-I", "delay.py", "delays.json"])


def _detached(paths: Paths, host: str, command: t.Sequence[str]) -> int:
    """Run a command in the network namespace of a host, with a file descriptor as last word; returns its other end."""
    mine, its = os.pipe()
    namespace = os.path.join(state.NETNS_DIR, commands.namespace(paths.lab, host))
    argv = [tools.path("setsid"), "--fork", tools.path("nsenter"), f"--net={namespace}", *command, str(its)]
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
