# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two firewalls in namespaces, joined by a sync link, and plays over both; each has files of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.role_host import Run

ADDRESSES = {"fw1": ("172.31.0.1", "fd31::1"), "fw2": ("172.31.0.2", "fd31::2")}
THIRD = ("fw3", "172.31.0.4", "fd31::4")
MEMBERS = [{"name": name, "interface": "sync", "address": pair[0]} for name, pair in ADDRESSES.items()]
ROUTERS = [{"name": "lan", "interface": "lan", "virtual_router_id": 51, "addresses": ["192.0.2.1/24"]},
           {"name": "lan6", "interface": "lan", "virtual_router_id": 51, "addresses": ["fe80::1/64", "fd02::1/64"]}]
RECAP = "changed="


class Firewall:
    """One member: its namespace, its files, and how Ansible gets in without a login."""

    def __init__(self, name: str, directory: pathlib.Path, lab: str = "") -> None:
        self.name, self.netns = name, Netns(f"{lab}{name}").create()
        self.folder = directory / name
        self.folder.mkdir()
        self.configuration = self.folder / "conntrackd.conf"
        self.keepalived = self.folder / "conntrackd-keepalived.conf"
        self.python = directory / f"python-{name}"
        self.netns.state.mkdir(exist_ok=True)
        pathlib.Path(STATE_DIR).mkdir(parents=True, exist_ok=True)
        inner = f'mount --bind {self.netns.state} {STATE_DIR} && exec {shlex.quote(sys.executable)} "$@"'
        enter = shlex.join(self.netns.command("unshare", "-m", "sh", "-c", inner, "sh"))
        self.python.write_text(f'#!/bin/sh\nexec {enter} "$@"\n')
        self.python.chmod(0o755)

    def variables(self) -> dict[str, t.Any]:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(self.python),
            "state_sync_interface": "sync",
            "state_sync_address": ADDRESSES[self.name][0],
            "state_sync_configuration": str(self.configuration),
            "state_sync_lock": str(self.folder / "lock"),
            "state_sync_socket": str(self.folder / "socket"),
            "state_sync_log": str(self.folder / "log"),
            "state_sync_keepalived_configuration": str(self.keepalived),
            "state_sync_priority": 150 if self.name == "fw1" else 100,
        }

    def sync(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Run the module on this member alone."""
        told = {"name": self.name, "members": MEMBERS, "log": str(self.folder / "log")}
        told["configuration"] = str(self.configuration)
        told |= {name: str(self.folder / name) for name in ("lock", "socket")}
        return run_module(self.netns, "state_sync", {**told, **options}, check_mode)

    def vrrp(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Run the module for virtual routers on this member alone."""
        told = {"name": self.name, "configuration": str(self.keepalived), "instances": ROUTERS, "interval": 0.1,
                "conntrackd_configuration": str(self.configuration)}
        return run_module(self.netns, "state_sync_vrrp", {**told, **options}, check_mode)

    def state(self) -> str:
        """Everything that the role may touch, by other eyes than its own."""
        files = {path.name: path.read_text() for path in sorted(self.folder.glob("conntr*"))}
        kept = [path for path in sorted(self.netns.state.iterdir()) if path.is_file() and ".pid" not in path.name]
        files |= {path.name: path.read_text() for path in kept}
        kernel = self.netns.output("nft -s list ruleset; cd /proc/sys/net/netfilter; grep . nf_conntrack_[!cm]* | sort")
        return json.dumps([files, kernel, len(self.daemons()), len(self.daemons("keepalived"))], indent=1)

    def daemons(self, name: str = "conntrackd") -> list[int]:
        """The daemons of this name in the namespace."""
        pids = self.netns.output(f"ip netns pids {self.netns.name}").split()
        return [int(pid) for pid in pids if _name(pid) == name]

    def conntrackd(self, *words: str) -> str:
        return self.netns.output(shlex.join(("conntrackd", "-C", str(self.configuration), *words)))

    def flows(self, text: str) -> int:
        """How many entries of the kernel's table hold the text."""
        return self.netns.output("conntrack -L 2>/dev/null").count(text)

    def end_daemons(self) -> None:
        for pid in (*self.daemons(), *self.daemons("keepalived")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait(lambda: not self.daemons() and not self.daemons("keepalived"), "a daemon outlives SIGKILL")

    def clear(self) -> None:
        """As it was at first, whatever a test has left."""
        self.end_daemons()
        self.netns.run("nft flush ruleset; conntrack -F 2>/dev/null; ip route flush default; ip neighbour flush all; "
                       "sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=0 "
                       "net.netfilter.nf_conntrack_tcp_loose=1")
        for folder in (self.folder, self.netns.state):
            shutil.rmtree(folder)
            folder.mkdir()

    def delete(self) -> None:
        self.end_daemons()
        self.netns.delete()


def _name(pid: str) -> str:
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


class Pair:
    """Both members, and what is played on them."""

    def __init__(self, directory: pathlib.Path, lab: str = "") -> None:
        self.directory, self._lab = directory, lab
        self.one, self.two = Firewall("fw1", directory, lab), Firewall("fw2", directory, lab)
        (one, one6), (two, two6) = ADDRESSES["fw1"], ADDRESSES["fw2"]
        own = [(f"{one}/29", f"{two}/29"), (f"{one6}/64", f"{two6}/64")]
        veth(self.one.netns, "sync", self.two.netns, "sync", own)
        self.switch: Netns | None = None
        self.third: Firewall | None = None

    def join_third(self) -> Firewall:
        """A third firewall on the sync link, which goes through a switch from now on."""
        self.switch = Netns(f"{self._lab}switch").create()
        self.switch.run("ip link add br0 type bridge; ip link set br0 up")
        self.one.netns.run("ip link delete sync")
        self.third = Firewall(THIRD[0], self.directory, self._lab)
        told = [*((one.name, *ADDRESSES[one.name]) for one in self.both), THIRD]
        for (name, ipv4, ipv6), one in zip(told, (*self.both, self.third), strict=True):
            veth(one.netns, "sync", self.switch, name)
            one.netns.run(f"ip address add {ipv4}/29 dev sync; ip address add {ipv6}/64 dev sync nodad")
            self.switch.run(f"ip link set {name} master br0")
        return self.third

    def join_lan(self) -> None:
        """One LAN for both, with a switch between them: a link that one has lost is up for the other one."""
        self.switch = Netns(f"{self._lab}switch").create()
        self.switch.run("ip link add br0 type bridge; ip link set br0 up")
        for number, one in enumerate(self.both, 2):
            veth(one.netns, "lan", self.switch, one.name)
            one.netns.run(f"ip address add 192.0.2.{number}/24 dev lan")
            self.switch.run(f"ip link set {one.name} master br0")

    @property
    def both(self) -> tuple[Firewall, Firewall]:
        return self.one, self.two

    def play(
        self, variables: t.Mapping[str, t.Any], *options: str, hosts: t.Mapping[str, dict[str, t.Any]] | None = None
    ) -> Run:
        """Run the role on the group; ``hosts`` are more variables of single hosts."""
        told = {one.name: {**one.variables(), **(hosts or {}).get(one.name, {})} for one in self.both}
        rest = {name: dict(values) for name, values in (hosts or {}).items() if name not in told}
        inventory = {"all": {"hosts": rest, "children": {"firewalls": {
            "hosts": told, "vars": {"state_sync_group": "firewalls", "state_sync_require_guard": False}}}}}
        playbook = [{"hosts": "firewalls", "gather_facts": False, "vars": dict(variables),
                     "roles": ["netpath.symmetry.state_sync"]}]
        for name, data in (("hosts.json", inventory), ("play.yml", playbook)):
            (self.directory / name).write_text(json.dumps(data))
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INJECT_FACT_VARS": "false",
                       "ANSIBLE_PIPELINING": "1"}
        executable = shutil.which("ansible-playbook", path=os.path.dirname(sys.executable)) or "ansible-playbook"
        command = [executable, "-i", str(self.directory / "hosts.json"), "--diff", str(self.directory / "play.yml")]
        done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, timeout=120,
                              check=False)
        recap = [line for line in done.stdout.splitlines() if RECAP in line]
        changed = sum(int(line.partition(RECAP)[2].split()[0]) for line in recap)
        marks = ("+", "-", "@", " \t", " ")
        diff = [line for line in done.stdout.splitlines() if line.startswith(marks) and line.strip()]
        return Run(done.returncode, changed, diff, done.stdout + done.stderr)

    def state(self) -> str:
        return self.one.state() + self.two.state()

    def four_runs(self, variables: t.Mapping[str, t.Any], changed: int, **more: t.Any) -> None:
        """Check, run, check, run on both: the first check predicts, nothing is left for the second."""
        before = self.state()
        check = self.play(variables, "--check", **more)
        assert (check.rc, check.changed) == (0, changed), check.text
        assert self.state() == before, "check mode changed a host"
        run = self.play(variables, **more)
        assert (run.rc, run.changed) == (0, changed), run.text
        assert sorted(run.diff) == sorted(check.diff) and run.diff, "the prediction is not the outcome"
        after, pids = self.state(), [one.daemons() for one in self.both]
        for options in (["--check"], []):
            again = self.play(variables, *options, **more)
            assert (again.rc, again.changed, again.diff) == (0, 0, []), again.text
            assert self.state() == after and [one.daemons() for one in self.both] == pids

    def clear(self) -> None:
        for one in self.both:
            one.clear()

    def delete(self) -> None:
        for one in (*self.both, *([self.third] if self.third else [])):
            one.delete()
        if self.switch is not None:
            self.switch.delete()


def wait(holds: t.Callable[[], bool], complaint: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)
