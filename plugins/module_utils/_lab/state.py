# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is on disk about a lab: where its files are, what was built, and which processes are its hosts.

A process is known by its id *and* the moment it began (in clock ticks since
boot, proc_pid_stat(5) field 22): an id alone may have passed to somebody else.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError

SCHEMA = "netpath.symmetry.lab/1"
DEFAULT_DIR = "/var/lib/netpath-symmetry-lab"
NETNS_DIR = "/run/netns"
_LAB_NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")


@dataclasses.dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int
    start_time: int

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return parse_stat(text) == self and _stat_fields(text)[0] not in ("Z", "X")


def parse_stat(text: str) -> Process:
    """The process of a line of /proc/PID/stat; the command in it may hold blanks and brackets."""
    return Process(int(text.split(" ", 1)[0]), int(_stat_fields(text)[19]))


def _stat_fields(text: str) -> list[str]:
    return text.rsplit(")", 1)[1].split()


@dataclasses.dataclass(frozen=True)
class Paths:
    """The files of one lab."""

    dir: str
    lab: str

    def __post_init__(self) -> None:
        if not _LAB_NAME.match(self.lab):
            form = "a lower-case letter, then lower-case letters, digits and '_' (no '-'), 40 at most"
            raise LabError(f"lab name {self.lab!r}: expected {form}")
        if not os.path.isabs(self.dir):
            raise LabError(f"lab directory {self.dir!r} is not an absolute path")

    @property
    def root(self) -> str:
        return os.path.join(self.dir, self.lab)

    @property
    def state(self) -> str:
        return os.path.join(self.root, "state.json")

    @property
    def ssh_config(self) -> str:
        return os.path.join(self.root, "ssh_config")

    @property
    def netmiko_config(self) -> str:
        return os.path.join(self.root, "netmiko_config")

    @property
    def known_hosts(self) -> str:
        return os.path.join(self.root, "known_hosts")

    @property
    def key(self) -> str:
        return os.path.join(self.root, "id_ed25519")

    @property
    def lock(self) -> str:
        return os.path.join(self.dir, f".{self.lab}.lock")

    @property
    def hosts(self) -> str:
        return os.path.join(self.root, "hosts")

    def host(self, host: str, file: str = "") -> str:
        """A host's own directory, or a file in it."""
        return os.path.join(self.hosts, host, file).rstrip("/")


def boot_id() -> str:
    """The boot of this machine: what was recorded in another one is gone, whatever has its numbers now."""
    return read_text("/proc/sys/kernel/random/boot_id").strip()


def read(paths: Paths) -> dict[str, t.Any]:
    """What was written about a lab; empty where there is none. Raises LabError where the file is damaged."""
    try:
        text = read_text(paths.state)
    except FileNotFoundError:
        return {}
    try:
        state = json.loads(text)
    except ValueError as error:
        raise LabError(f"{paths.state} is damaged ({error}): remove the lab with state=absent") from error
    if not isinstance(state, dict) or state.get("schema") != SCHEMA:
        raise LabError(f"{paths.state} is not of this version ({SCHEMA}): remove the lab with state=absent")
    return state


def write(paths: Paths, state: t.Mapping[str, t.Any]) -> None:
    """Write the state of a lab, whole or not at all."""
    write_text(paths.state, json.dumps({"schema": SCHEMA, **state}, indent=2) + "\n")


def read_text(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def write_text(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file under another name first, so that nobody reads half of it."""
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    os.replace(temporary, path)


def processes(paths: Paths) -> dict[str, Process]:
    """The first process of every host, and the program that delays packets, as far as they have started in this boot.

    Each writes its own down; the program does it in a directory with the name of the switch.
    """
    result = {}
    hosts = sorted(os.listdir(paths.hosts)) if os.path.isdir(paths.hosts) else []
    for host in hosts:
        try:
            boot, stat = read_text(paths.host(host, "process")).splitlines()
            process = parse_stat(stat)
        except (FileNotFoundError, IndexError, ValueError):
            continue  # built as far as its directory
        if boot == boot_id():
            result[host] = process
    return result


def namespaces(lab: str) -> list[str]:
    """The network namespaces of a lab that exist: its name has no hyphen, so the prefix is the lab's alone."""
    try:
        return sorted(name for name in os.listdir(NETNS_DIR) if name.startswith(f"nps-{lab}-"))
    except FileNotFoundError:
        return []


def is_running(paths: Paths, state: t.Mapping[str, t.Any]) -> bool:
    """Whether a lab stands as it was built: complete, in this boot, with all namespaces, and all processes alive."""
    if not state.get("complete") or state.get("boot_id") != boot_id():
        return False
    alive = {name for name, process in processes(paths).items() if process.alive()}
    expected = {*state["hosts"], *state.get("programs", ())}
    return alive == expected and set(state["namespaces"]) <= set(namespaces(paths.lab))
