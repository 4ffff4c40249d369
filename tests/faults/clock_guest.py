# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jumps of the clock at every step of a change, on a machine of its own, whose clock may be set.

    python3 -m ansible_collections.netpath.symmetry.tests.faults.clock_guest '{"cases": [...]}'

runs inside an emulated machine (clock.py) as root: the wall clock is everybody's, so it is never set anywhere else. Two
network namespaces are the hosts, each with a journal of its own; the guard is the one of the collection. The last line
is the result: a list of ``{"number", "did", "states", "unreachable", "wrong", "seconds"}``.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.control import Request, control
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import applying, pending, uptime

HOSTS = ("left", "right")
JUMPS = (86400, -86400, 3600, -3600, 400 * 86400, -600)  # seconds
SECONDS = 600  # of the guard, in a slow machine
OVERDUE = 4.0  # seconds that a change has left which is not to be confirmed
LATE = 240.0  # seconds after the deadline by which a revert must have begun there: it is slow, and every jump is longer
_CLONE_NEWNET = 0x40000000
ITEMS = {
    "routes": (
        "ip route add 203.0.113.0/24 dev wan table 10500 protocol 83 && "
        "ip rule add priority 10500 to 203.0.113.0/24 lookup 10500 protocol 83",
        ["ip rule del priority 10500", "ip route del 203.0.113.0/24 dev wan table 10500"],
    ),
    "translation": (
        "nft 'table inet netpath_symmetry { chain out { type filter hook output priority 0; } }'",
        ["nft delete table inet netpath_symmetry"],
    ),
    "reverse path": (
        "echo 2 > /proc/sys/net/ipv4/conf/wan/rp_filter",
        ["echo 0 > /proc/sys/net/ipv4/conf/wan/rp_filter"],
    ),
}
STEPS = ("armed", *ITEMS, "probed", "promised", "confirmed", "reverting")


class Failed(Exception):
    """The machine cannot do what the test needs."""


@dataclasses.dataclass(frozen=True)
class Host:
    """A network namespace with a journal."""

    name: str

    @property
    def journal(self) -> str:
        return f"/var/{self.name}"

    def inside(self, function: t.Callable[[], t.Any]) -> t.Any:
        """What a function gives inside, in a process of its own; ``{"error": text}`` where it raises."""
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                enter(self.name)
                answer = function()
            except Exception as error:  # noqa: BLE001 - told to the parent
                answer = {"error": f"{type(error).__name__}: {error}"}
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as file:
            text = file.read()
        os.waitpid(pid, 0)
        return json.loads(text) if text else {"error": "it died"}

    def guard(self, **options: t.Any) -> t.Any:
        def ask() -> t.Any:
            outcome = control(Request(**options), self.journal)
            return {"state": outcome.change.state if outcome.change else "absent"}

        return self.inside(ask)

    def shell(self, script: str) -> str:
        words = ["sh", "-c", script]
        return str(self.inside(lambda: subprocess.run(words, check=True, capture_output=True, text=True).stdout))

    def state(self) -> str:
        return self.shell(
            "ip -j rule; ip -j route show table all; nft -s list ruleset; cat /proc/sys/net/ipv4/conf/wan/rp_filter"
        )

    def reached(self) -> bool:
        """Whether the host answers over the management network."""
        index = HOSTS.index(self.name)

        def connect() -> bool:
            with socket.create_connection((f"10.255.{index}.2", 22), timeout=5) as connection:
                return connection.recv(5) == b"hello"

        return Host("mgmt").inside(connect) is True

    def ended(self, change_id: str) -> str:
        path = pathlib.Path(self.journal, "changes", change_id, "result")
        return path.read_text().splitlines()[0].partition(": ")[2] if path.exists() else ""

    def begun(self, change_id: str) -> bool:
        """Whether a revert has begun, or ended."""
        return bool(self.ended(change_id)) or pathlib.Path(self.journal, "pending", "reverting").exists()


def enter(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}", "rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise Failed(f"setns: {os.strerror(ctypes.get_errno())}")


def build() -> None:
    """The hosts, their far end, and the management network on which each answers."""
    for name in (*HOSTS, "far", "mgmt"):
        subprocess.run(["ip", "netns", "add", name], check=True)
    for index, name in enumerate(HOSTS):
        lines = [
            f"link add wan netns {name} type veth peer name {name} netns far",
            f"link add mgmt netns {name} type veth peer name {name} netns mgmt",
        ]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        for ns, device, address in (
            (name, "wan", f"10.{index}.0.2/24"), ("far", name, f"10.{index}.0.1/24"),
            (name, "mgmt", f"10.255.{index}.2/24"), ("mgmt", name, f"10.255.{index}.1/24"),
        ):
            subprocess.run(["ip", "-n", ns, "address", "add", address, "dev", device], check=True)
            subprocess.run(["ip", "-n", ns, "link", "set", device, "up"], check=True)
        if not os.fork():
            for number in (0, 1, 2):  # or whoever reads what we print would wait for this process, too
                os.dup2(os.open(os.devnull, os.O_RDWR), number)
            enter(name)
            serve()
    for host in HOSTS:
        Host(host).shell("echo 0 > /proc/sys/net/ipv4/conf/wan/rp_filter")


def serve() -> t.NoReturn:
    listener = socket.create_server(("", 22))
    while True:
        connection, _address = listener.accept()
        connection.sendall(b"hello")
        connection.close()


def jump(seconds: float) -> None:
    """Set the wall clock, of an emulated machine only: there the first process has started us with this file."""
    if os.getppid() != 1 or not os.path.exists("/job.json"):
        raise Failed("the clock of this machine is not ours to set")
    before = time.time()
    time.clock_settime(time.CLOCK_REALTIME, before + seconds)
    if abs(time.time() - before - seconds) > 60:
        raise Failed("the clock cannot be set")


class Change:
    """One change of some hosts; the clock jumps when ``step`` is about to be made."""

    def __init__(self, case: t.Mapping[str, t.Any], hosts: t.Sequence[Host]) -> None:
        self.rng = random.Random(f"{case['seed']} {case['number']}")
        self.id, self.step, self.hosts = f"clock{case['number']}", case["step"], hosts
        self.kept = self.rng.random() < 0.5
        if self.step in ("promised", "confirmed", "reverting"):
            self.kept = self.step != "reverting"
        self.did = ""
        self.wrong: list[str] = []

    def at(self, step: str) -> None:
        if step == self.step:
            seconds = self.rng.choice(JUMPS)
            jump(seconds)
            self.did = f"the clock jumped by {seconds} s"

    def every(self, **options: t.Any) -> None:
        for host in self.hosts:
            answer = host.guard(change_id=self.id, **options)
            if "error" in answer:
                self.wrong.append(f"{host.name}: {options['state']}: {answer['error']}")

    def make(self) -> None:
        self.at("armed")
        self.every(state="armed", timeout=SECONDS)
        for step, (do, undo) in ITEMS.items():
            self.at(step)
            for host in self.hosts:
                current = pending(host.journal)
                if current is None:
                    self.wrong.append(f"{host.name}: not pending any more before its time")
                    return
                with applying(current, step, undo):
                    host.shell(do)
        self.at("probed")
        if self.kept:
            self.at("promised")
            self.every(state="prepared", timeout=SECONDS)
            self.at("confirmed")
            self.every(state="confirmed")
            return
        dues = {}
        for host in self.hosts:  # no jump has brought it about before its time; now that is near
            if pending(host.journal) is None:
                self.wrong.append(f"{host.name}: taken back before its time")
            dues[host.name] = uptime() + OVERDUE
            with open(f"{host.journal}/pending/deadline", "r+", encoding="ascii") as file:  # never empty for its reader
                file.write(f"{dues[host.name]:.2f}\n")
                file.truncate()
        if self.step == "reverting":
            self.at("reverting")  # while somebody waits for the deadline, and then takes it back
        began: dict[str, float] = {}
        while len(began) < len(self.hosts) and uptime() < max(dues.values()) + LATE + 30:
            began.update({host.name: uptime() for host in self.hosts if host.begun(self.id) and host.name not in began})
            time.sleep(0.02)
        while not all(host.ended(self.id) for host in self.hosts) and uptime() < max(dues.values()) + 120:
            time.sleep(0.05)
        for name, due in dues.items():
            late = began.get(name, uptime()) - due
            if not 0 <= late <= LATE:
                self.wrong.append(f"{name}: a revert began {late:.1f} s after the deadline")

    def clean(self) -> None:
        for host in self.hosts:
            if host.ended(self.id) == "confirmed":
                host.guard(state="rolled_back", change_id=self.id)


def run(cases: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    build()
    everyone = [Host(name) for name in HOSTS]
    old = {host.name: host.state() for host in everyone}
    for host in everyone:
        for do, _undo in ITEMS.values():
            host.shell(do)
    new = {host.name: host.state() for host in everyone}
    for host in everyone:
        for _do, undo in reversed(list(ITEMS.values())):
            host.shell("; ".join(undo))
    if any(host.state() != old[host.name] or old[host.name] == new[host.name] for host in everyone):
        raise Failed("the change and its inverse are not what this test takes them for")
    results = []
    for case in cases:
        began = uptime()
        hosts = everyone[: case["hosts"]]
        change = Change(case, hosts)
        change.make()
        states = {}
        for host in hosts:
            seen = host.state()
            states[host.name] = "old" if seen == old[host.name] else "new" if seen == new[host.name] else "half"
        if set(states.values()) != {"new" if change.kept else "old"}:
            change.wrong.append(f"kept: {change.kept}, and the hosts are {states}")
        lost = [host.name for host in hosts if not host.reached()]
        change.clean()
        results.append({"number": case["number"], "did": change.did, "states": states, "unreachable": lost,
                        "wrong": change.wrong, "seconds": uptime() - began})
        print(results[-1], file=sys.stderr, flush=True)
    return results


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    print(json.dumps(run(json.loads(sys.argv[1])["cases"])))
