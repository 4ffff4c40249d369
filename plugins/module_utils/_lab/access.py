# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Run commands inside the hosts of a lab without SSH and without Ansible: for tests and as an independent observer."""

from __future__ import annotations

import os
import signal
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import state, tools
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths, Process


class LabHost(t.NamedTuple):
    """A running host of a lab."""

    lab: str
    name: str
    alias: str  # the name for SSH
    namespace: str  # of the network
    management: str  # address
    process: Process  # the host's first
    interfaces: dict[str, t.Any]  # name: {mac, addresses}


class CommandFailed(LabError):
    """A command inside a host ended with another status than 0."""

    def __init__(self, message: str, completed: subprocess.CompletedProcess[str]) -> None:
        super().__init__(message)
        self.completed = completed


def hosts(lab_dir: str, lab: str) -> dict[str, LabHost]:
    """The hosts of a lab that stands; raises LabError where it does not."""
    paths = Paths(lab_dir, lab)
    found = state.read(paths)
    if not found.get("complete") or found.get("boot_id") != state.boot_id():
        raise LabError(f"lab {lab} is not built in {lab_dir}: build it with the module netpath.symmetry.lab")
    return {
        name: LabHost(
            lab=lab,
            name=name,
            alias=host["alias"],
            namespace=host["namespace"],
            management=host["management"],
            process=Process(host["pid"], host["start_time"]),
            interfaces=host["interfaces"],
        )
        for name, host in found["hosts"].items()
    }


def command(lab_dir: str, lab: str, host: str, argv: t.Sequence[str]) -> list[str]:
    """The command of this machine that runs ``argv`` inside a host, in all of its namespaces; raises LabError."""
    everyone = hosts(lab_dir, lab)
    if host not in everyone:
        raise LabError(f"lab {lab} has no host {host!r}; it has: {', '.join(everyone)}")
    process = everyone[host].process
    if not process.alive():
        raise _gone(lab, host)
    return [tools.path("nsenter"), "--target", str(process.pid), "--net", "--mount", "--uts", "--pid", "--", *argv]


def _gone(lab: str, host: str) -> LabError:
    return LabError(f"host {host} of lab {lab} does not run any more: build the lab again with state=recreated")


def run(
    lab_dir: str,
    lab: str,
    host: str,
    argv: t.Sequence[str],
    timeout: float = 30,
    input: str | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` inside a host and wait for its end, at most ``timeout`` seconds.

    Raises LabError where the host or the time is up, and with ``check`` CommandFailed on another exit status than 0.
    """
    process = subprocess.Popen(
        command(lab_dir, lab, host, argv),
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        cwd="/",
        env=tools.environment(),
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(input, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)  # nsenter and the command that it waits for
        process.communicate()
        raise LabError(f"on {host} of lab {lab}: {' '.join(argv)} did not end within {timeout:g} s") from error
    done = subprocess.CompletedProcess(list(argv), process.returncode, stdout, stderr)
    if done.returncode and stderr.startswith("nsenter: cannot open /proc/"):
        raise _gone(lab, host)  # it was about to end: a process loses its namespaces before it is a zombie
    if check and done.returncode:
        said = (stderr or stdout).strip()
        what = f"on {host} of lab {lab}: {' '.join(argv)}"
        raise CommandFailed(f"{what} ended with status {done.returncode}: {said}", done)
    return done
