# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How a lab's hosts are reached by SSH: keys, known hosts and client configuration.

The management network is in a namespace of its own, so SSH goes through a
ProxyCommand there. Every host has two names: ``client`` for people, and
``client.LAB`` which no other lab has, so that connections that Ansible keeps
open (it names their sockets after the host) never lead into another lab.
"""

from __future__ import annotations

import os
import subprocess

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import commands, tools
from ansible_collections.netpath.symmetry.plugins.module_utils._lab import topology as model
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths, read_text, write_text


def make_keys(paths: Paths, topology: model.Topology) -> None:
    """Make the lab's key pair and one host key for each host; raises LabError."""
    files = [(paths.key, f"lab {paths.lab}")]
    files += [(paths.host(host.name, "ssh_host_ed25519_key"), host.name) for host in topology.hosts]
    argv = [tools.path("ssh-keygen"), "-q", "-t", "ed25519", "-N", ""]
    running = [
        subprocess.Popen(
            [*argv, "-C", comment, "-f", file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for file, comment in files
    ]
    for process, (file, _comment) in zip(running, files):
        output, _none = process.communicate()
        if process.returncode:
            raise LabError(f"ssh-keygen could not make {file}: {output.decode(errors='replace').strip()}")


def write_client_files(paths: Paths, topology: model.Topology) -> None:
    """Write known_hosts and ssh_config; the host keys must be there."""
    known = []
    for host in topology.hosts:
        algorithm, key = read_text(paths.host(host.name, "ssh_host_ed25519_key.pub")).split()[:2]
        names = f"{alias(paths.lab, host.name)},{topology.management_address(host.name).ip}"
        known.append(f"{names} {algorithm} {key}\n")
    write_text(paths.known_hosts, "".join(known))
    write_text(paths.ssh_config, client_config(paths, topology))
    write_text(paths.netmiko_config, netmiko_config(paths, topology))


def alias(lab: str, host: str) -> str:
    """The name by which SSH and Ansible know a host: no other lab has it."""
    return f"{host}.{lab}"


def client_config(paths: Paths, topology: model.Topology) -> str:
    """The ssh_config of a lab."""
    inside = f"{tools.path('ip')} netns exec {commands.namespace(paths.lab, 'mgmt')}"
    proxy = f"{inside} {tools.path('nc.openbsd')} -w 5 -F %h %p"
    blocks = [
        f"Host {host.name} {alias(paths.lab, host.name)}\n"
        f"    HostName {topology.management_address(host.name).ip}\n"
        f"    HostKeyAlias {alias(paths.lab, host.name)}\n"
        for host in topology.hosts
    ]
    everyone = [
        ("User", "root"),
        ("ProxyCommand", proxy),
        # nc hands the connection over and ends: a relay would outlive a host that is gone, and hold its namespace.
        ("ProxyUseFdpass", "yes"),
        ("IdentityFile", quoted(paths.key)),
        ("IdentitiesOnly", "yes"),
        ("IdentityAgent", "none"),
        ("UserKnownHostsFile", quoted(paths.known_hosts)),
        ("GlobalKnownHostsFile", "none"),
        ("StrictHostKeyChecking", "yes"),
        ("UpdateHostKeys", "no"),
        ("CheckHostIP", "no"),
        ("PreferredAuthentications", "publickey"),
        ("ConnectTimeout", "10"),
        # A connection that Ansible keeps open must notice when its lab was built anew, or the next task waits for ever.
        ("ServerAliveInterval", "3"),
        ("ServerAliveCountMax", "3"),
        ("LogLevel", "ERROR"),
    ]
    return "\n".join([*blocks, "Host *", *(f"    {key} {value}" for key, value in everyone)]) + "\n"


def netmiko_config(paths: Paths, topology: model.Topology) -> str:
    """The same way in for paramiko, which knows neither HostKeyAlias nor a connection that is handed over."""
    inside = f"{tools.path('ip')} netns exec {commands.namespace(paths.lab, 'mgmt')}"
    blocks = [
        f"Host {host.name} {alias(paths.lab, host.name)}\n    HostName {topology.management_address(host.name).ip}\n"
        for host in topology.hosts
    ]
    # -w is for the connection that begins, and for one that is idle; a change waits for its proof that long.
    return "\n".join([*blocks, "Host *", f"    ProxyCommand {inside} {tools.path('nc.openbsd')} -w 300 %h %p"]) + "\n"


def quoted(path: str) -> str:
    """A path as ssh_config(5) wants it: in quotes, percent signs doubled."""
    return '"' + path.replace("%", "%%") + '"'


def public_key(paths: Paths) -> str:
    """The line of authorized_keys that lets the lab's key in."""
    return read_text(f"{paths.key}.pub")


def interpreter(own: str) -> str:
    """The Python by which Ansible finds its way in: the system's, else the one that runs the control node."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else own
