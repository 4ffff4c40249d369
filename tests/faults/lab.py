# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that are changed and disturbed: what an independent observer sees of them, and what runs on them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access, ensure
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths

HERE = pathlib.Path(__file__).resolve().parent
GUARD = "/var/lib/netpath-symmetry"
HOSTS = ("left", "right")
MANAGEMENT_PORTS = {"left": "p1", "right": "p2"}  # of the management network's bridge
VOLATILE = ("handle", "packets", "bytes", "expires")
REACHED_WITHIN = 20.0  # seconds


@dataclasses.dataclass(frozen=True)
class Host:
    """A host of a lab, seen from the machine."""

    lab: FaultLab
    name: str

    def run(self, script: str, check: bool = True) -> str:
        """Run a shell script inside, past SSH and Ansible."""
        return access.run(
            self.lab.paths.dir, self.lab.paths.lab, self.name, ["sh", "-c", script], timeout=60, check=check
        ).stdout

    @property
    def init(self) -> int:
        """The first process of the host, as the machine numbers it."""
        return self.lab.inits[self.name]

    def path(self, path: str) -> pathlib.Path:
        """A file of the host, seen from the machine."""
        return pathlib.Path(f"/proc/{self.init}/root{path}")

    def observe(self) -> dict[str, t.Any]:
        """Rules, routes, nft rules, reverse-path modes and the register, as ip, nft and files tell them."""
        script = (
            "ip -j -4 rule; echo; ip -j -6 rule; echo; ip -j -4 route show table all; echo; "
            "ip -j -6 route show table all; echo; nft -j list ruleset; echo; "
            "grep -H . /proc/sys/net/ipv4/conf/*/rp_filter; "
            f"grep -Hs . {GUARD}/register/*.entry || :"
        )
        lines = [line for line in self.run(script).splitlines() if line]
        names = ("rules4", "rules6", "routes4", "routes6", "nft")
        seen = {name: stable(json.loads(line)) for name, line in zip(names, lines[:5], strict=True)}
        return {**seen, "rp_filter and its register": lines[5:]}

    def modules(self) -> set[int]:
        """Processes of Python: modules, and what runs there all the time."""
        return {pid for pid, (_parent, name, _words) in self.processes().items() if name.startswith("python")}

    def processes(self) -> dict[int, tuple[int, str, str]]:
        """Every process of the host but its first: parent, short name and command line; ids are the machine's."""
        namespace = os.readlink(f"/proc/{self.init}/ns/pid")
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == self.init:
                continue
            with contextlib.suppress(OSError, IndexError):
                if os.readlink(f"/proc/{entry}/ns/pid") != namespace:
                    continue
                name, _bracket, rest = pathlib.Path(f"/proc/{entry}/stat").read_text().partition("(")[2].rpartition(")")
                words = pathlib.Path(f"/proc/{entry}/cmdline").read_text(errors="replace").replace("\0", " ")
                if rest.split()[0] not in ("Z", "X"):
                    found[int(entry)] = (int(rest.split()[1]), name, words)
        return found

    def own_id(self, pid: int) -> int:
        """The machine's id of a process that the host knows by ``pid``; 0 where there is none."""
        for candidate in self.processes():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{candidate}/status").read_text().splitlines():
                    if line.startswith("NSpid:") and int(line.split()[-1]) == pid:
                        return candidate
        return 0

    def standing(self, change_id: str) -> str:
        """How a change stands here, by the journal: pending, the state of an ended one, or absent."""
        with contextlib.suppress(FileNotFoundError):
            if f"id: {change_id}\n" in self.path(f"{GUARD}/pending/change").read_text():
                return "pending"
        with contextlib.suppress(FileNotFoundError):
            return self.path(f"{GUARD}/changes/{change_id}/result").read_text().splitlines()[0].partition(": ")[2]
        return "absent"

    def pending(self) -> bool:
        return self.path(f"{GUARD}/pending").exists()

    def cut(self, off: bool) -> None:
        """Take the cable of the management network out, or put it back in."""
        state = "down" if off else "up"
        command = ["ip", "-n", self.lab.management, "link", "set", MANAGEMENT_PORTS[self.name], state]
        subprocess.run(command, check=True)

    def reached(self) -> bool:
        """Whether the host takes SSH over the management network, within a time."""
        command = ["ssh", "-F", self.lab.paths.ssh_config, "-o", "ConnectTimeout=2", "-o", "ControlPath=none"]
        deadline = time.monotonic() + REACHED_WITHIN
        while time.monotonic() < deadline:
            done = subprocess.run(
                [*command, f"{self.name}.{self.lab.paths.lab}", "true"], stdin=subprocess.DEVNULL, capture_output=True,
                timeout=30, check=False,
            )
            if done.returncode == 0:
                return True
            time.sleep(0.2)
        return False


class FaultLab:
    """A lab of its own for one fault after another."""

    def __init__(self, directory: str, name: str) -> None:
        self.paths = Paths(directory, name)
        ensure.ensure(self.paths, "present", str(HERE / "network.yml"))
        found = access.hosts(directory, name)
        self.inits = {host: found[host].process.pid for host in found}
        self.management = f"nps-{name}-mgmt"
        self.hosts = {host: Host(self, host) for host in HOSTS}

    @property
    def inventory(self) -> pathlib.Path:
        return HERE / "hosts.yml"

    @property
    def variables(self) -> dict[str, str]:
        return {"lab_dir": self.paths.dir, "lab_name": self.paths.lab}

    def remove(self) -> None:
        ensure.ensure(self.paths, "absent", "")


def stable(seen: t.Any) -> t.Any:
    """JSON of ip or nft without what differs from one time to the next: handles and counters."""
    if isinstance(seen, list):
        return [stable(item) for item in seen if not (isinstance(item, dict) and "metainfo" in item)]
    if isinstance(seen, dict):
        return {key: stable(value) for key, value in seen.items() if key not in VOLATILE}
    return seen


def kill(pids: t.Iterable[int]) -> int:
    """kill -9; returns how many were there."""
    count = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            count += 1
    return count
