# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole Debian hosts, with systemd, a network manager and files of their own: what reboots, and what reloads.

A change is persisted on them before it is confirmed, so it has steps more than one in the lab. There are three kinds:
containers in namespaces of their own (tests/real_hosts/host.py), which boot in seconds and keep every file that was
written; the same on a disk that loses what was not synced when their power is cut (disk.py); and an emulated machine,
whose kernel and memory go with its power, too (emulated.py), which is slow and so is killed at a few steps only.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import pathlib
import random
import shlex
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.faults import inject, late
from ansible_collections.netpath.symmetry.tests.faults.case import Case, Outcome, Stage, difference
from ansible_collections.netpath.symmetry.tests.faults.control import Stuck, wait_for
from ansible_collections.netpath.symmetry.tests.faults.disk import DiskHost
from ansible_collections.netpath.symmetry.tests.faults.emulated import EmulatedHost
from ansible_collections.netpath.symmetry.tests.faults.lab import GUARD, HOSTS, stable
from ansible_collections.netpath.symmetry.tests.real_hosts.host import LINKS, PARTNER, RealHost, gateways
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import Manager, managers

STEPS = ("armed", "routes", "translation", "reverse path", "probed", "persisted", "proven", "promised", "confirmed",
         "ended", "reverting")  # fmt: skip
MANAGERS = dict(zip(HOSTS, ("ifupdown", "networkd"), strict=True))  # in an emulated machine, networkd would need udev
# With files on the disk that are not confirmed, or just are.
EMULATED_STEPS = ("persisted", "proven", "confirmed", "ended")
UPLINK = "wan_a"  # the default route leaves by the other one
GUARD_SECONDS = 1800  # nothing here waits for it: a boot and a slow machine must not meet the deadline by chance
REST_SECONDS = 40.0  # after a boot routes come when their interfaces do
_SERIAL = itertools.count()
# A firewall as Debian's, whose file begins with a flush of everybody's rules.
_FILES = {
    "/etc/nftables.conf": "flush ruleset\ntable inet filter {\n\tchain input {\n"
    "\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n",
}
# The guard's own unit is no part of a change: it is installed by the first and stays. The others are systemd's, or are
# other ones on each host that is made.
_NOT_COMPARED = ("symmetry-journal.service", "machine-id", ".updated", "resolv.conf", "hostname", "hosts", "host_key")
_COMPARED = " ".join(f"! -name '{name}'" for name in _NOT_COMPARED)
_OBSERVE = f"""
for f in 4 6; do ip -j -$f rule; echo; ip -j -$f route show table all; echo; done
nft -j list ruleset; echo
grep -H . /proc/sys/net/ipv4/conf/*/rp_filter
grep -Hs . {GUARD}/register/*.entry
cd /etc && find . -type f {_COMPARED} -print0 | sort -z | xargs -0 sha256sum
find . -type l {_COMPARED} -printf '%p -> %l\\n' | sort
"""
UNIT = "/etc/systemd/system/symmetry-journal.service"
# What negative controls leave out, and how.
WITHOUT = {
    "the guard's unit": f"rm -f {UNIT} /etc/systemd/system/*.wants/symmetry-journal.service; ln -s /dev/null {UNIT}; "
    "systemctl daemon-reload",
    "syncing": "ln -sf /bin/true /usr/local/bin/sync; cd /usr/lib/python3/dist-packages; "
    "echo 'import os; os.fsync = os.fdatasync = lambda one: None' >unsynced.py; "
    "echo 'import unsynced' >unsynced.pth; /bin/sync",
}


@dataclasses.dataclass(frozen=True)
class Host:
    """One of them, as the faults see it."""

    name: str
    real: RealHost
    manager: Manager

    def run(self, script: str, check: bool = True) -> str:
        return self.real.ssh(script, check=check, timeout=180).stdout

    def modules(self) -> set[int]:
        """None: whoever judges here waits for what rests."""
        return set()

    def pending(self) -> bool:
        """Whether a change is pending; one that cannot be asked may have one."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.real.ssh(f"test -e {GUARD}/pending", check=False).returncode != 1
        return True

    def standing(self, change_id: str) -> str:
        """How a change stands here, by the journal: pending, the state of an ended one, or absent."""
        told = self.run(
            f"cd {GUARD} 2>/dev/null || exit 0; grep -q '^id: {change_id}$' pending/change 2>/dev/null && echo pending "
            f"&& exit; sed -n 's/^state: //p' changes/{change_id}/result 2>/dev/null || :"
        )
        return told.strip() or "absent"

    def observe(self) -> dict[str, t.Any]:
        """Rules, routes, nft rules, reverse-path modes and all files of /etc, as the host's own tools tell them."""
        lines = [line for line in self.run(_OBSERVE).splitlines() if line]
        names = ("rules4", "routes4", "rules6", "routes6", "nft")
        seen = {name: stable(json.loads(line)) for name, line in zip(names, lines[:5], strict=True)}
        for name in ("routes4", "routes6"):  # a link has another own address after each boot; they come in any order
            own = [route for route in seen[name] if not route["dst"].startswith(("fe80:", "ff00:", "fe80::"))]
            seen[name] = sorted(own, key=json.dumps)
        seen["nft"] = sorted(seen["nft"]["nftables"], key=_table_of)  # each table in its own order
        return {**seen, "files": lines[5:]}

    def reached(self) -> bool:
        """Whether the host takes SSH over the management network, within a time."""
        deadline = time.monotonic() + self.real.boot_seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.real.ssh("true", check=False).returncode == 0:
                    return True
            time.sleep(0.5)
        return False

    def variables(self) -> dict[str, t.Any]:
        """What the playbook needs to reach and to change it."""
        address = LINKS["mgmt0"][0][0].partition("/")[0]
        proxy = shlex.join(self.real.neighbour.command("nc", address, "22"))
        options = [*self.real.ssh_options(), "-o", f"HostKeyAlias={address}", "-o", f"ProxyCommand={proxy}"]
        return {
            "ansible_host": f"{self.name}.{self.real.netns.name}", "ansible_user": "root", "ansible_timeout": 10,
            "ansible_ssh_common_args": shlex.join(options), "ansible_ssh_pipelining": True,
            "ansible_python_interpreter": "/usr/bin/python3", "uplink": UPLINK, "gateway": gateways(UPLINK)[0],
            "address": LINKS[UPLINK][0][0].partition("/")[0], "beside": "192.0.2.0/24",
            "probe": ["ping", "-n", "-c", "1", "-W", "2", "-I", LINKS["wan_b"][0][0].partition("/")[0], PARTNER[4]],
        }


def _table_of(item: t.Mapping[str, t.Any]) -> tuple[str, str]:
    (kind, content), = item.items()
    return content["family"], content["name"] if kind == "table" else content["table"]


def _guard_partner(real: RealHost) -> None:
    """The partner answers only what comes by the uplink and from the address that the change is about."""
    wanted = f"iifname {UPLINK}_far ip saddr {LINKS[UPLINK][0][0].partition('/')[0]}"
    chain = f"chain in {{\n type filter hook prerouting priority -200;\n ip daddr {PARTNER[4]} jump ours\n}}\n"
    ours = f"chain ours {{\n {wanted} accept\n drop\n}}\n"
    real.neighbour.run(f"nft -f - <<'EOF'\ntable ip wanted {{\n{ours}{chain}}}\nEOF")


class WholeLab:
    """Two hosts that run."""

    def __init__(self, directory: str, name: str, kinds: t.Sequence[type[RealHost]]) -> None:
        self.stack = contextlib.ExitStack()
        self.hosts: dict[str, Host] = {}
        self.inventory = pathlib.Path(directory, f"{name}.json")
        patience = max(kind.boot_seconds for kind in kinds) + 60
        self.variables = {"guard_seconds": GUARD_SECONDS, "persisted": True, "patience": patience}
        try:
            for side, kind in zip(HOSTS, kinds, strict=True):
                manager = managers()[MANAGERS[side]]
                files, units = {**_FILES, **manager.files}, (*manager.units, "nftables.service")
                real = kind(f"{side}{next(_SERIAL)}", files, units)
                self.stack.enter_context(real)
                _guard_partner(real)
                self.hosts[side] = Host(side, real, manager)
            boot(host.real for host in self.hosts.values())
        except BaseException:
            self.stack.close()
            raise
        told = {host.name: host.variables() for host in self.hosts.values()}
        self.inventory.write_text(json.dumps({"changed": {"hosts": told}}))

    def remove(self) -> None:
        self.stack.close()


def boot(hosts: t.Iterable[RealHost]) -> None:
    """Start them side by side, and wait until all are up."""
    hosts = list(hosts)
    for host in hosts:
        host.start()
    for host in hosts:
        host.wait_up()


def stop_and(scene: inject.Scene, down: t.Callable[[RealHost], None]) -> str:
    """Take the victims down before the step begins or while it is made, and let them boot while the run goes on.

    In some cases the run is killed with them, and only the hosts themselves can settle the change. In a negative
    control they go down before the step, and the run goes on: it has to say that the change was kept, where it was
    lost.
    """
    moment = "before it"
    if scene.rng.random() < 0.5 and not scene.without:
        scene.go()
        time.sleep(scene.rng.uniform(0, 4))
        moment = "meanwhile"
    waits = scene.held and scene.rng.random() < 0.5 and not scene.without
    killed = scene.rng.random() < 0.3 and not scene.without and scene.control.kill(True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(down, [host.real for host in scene.victims]))
    if not waits:
        scene.go()
    boot(host.real for host in scene.victims)
    scene.go()
    fate = ", the run killed" if killed else ", the run held" if waits else ""
    return f"{' '.join(host.name for host in scene.victims)} {moment}{fate}"


def reboot(scene: inject.Scene) -> str | None:
    """Reboot in order, or in half of the cases at once, as a watchdog does: the kernel's state goes, files stay."""
    abrupt = scene.rng.random() < 0.5
    return f"{'reset' if abrupt else 'rebooted'} {stop_and(scene, RealHost.cut_power if abrupt else RealHost.stop)}"


def cut_power(scene: inject.Scene) -> str | None:
    """All processes end at once, and the host boots from a disk that has only what was synced."""
    return _lose(scene)


def kill_machine(scene: inject.Scene) -> str | None:
    """kill -9 of an emulated machine: as a power cut, on a kernel, with a memory and a disk of its own."""
    scene.victims = scene.hosts[:1]  # the other one is a container
    return _lose(scene)


def _lose(scene: inject.Scene) -> str | None:
    """Cut the power of the victims, with a witness: a file that nobody has synced, and that is to be lost.

    Where it is there again, somebody on this machine has called sync(2), which is for all file systems: too late.
    """
    for host in scene.victims:
        host.run("echo it >/root/unsynced")
    did = stop_and(scene, lambda real: real.cut_power())
    kept = [host.name for host in scene.victims if host.run("cat /root/unsynced; rm -f /root/unsynced", check=False)]
    # Meanwhile the change itself may sync, unless it is the control that does not.
    if kept and ("before it" in did or scene.without):
        return None
    return f"cut the power of {did}"


def _told(scene: inject.Scene, command: t.Callable[[Host], str]) -> str:
    """Run a command on the victims before the step begins, or in half of the cases while it is made."""
    moment = "before it"
    if scene.rng.random() < 0.5:
        scene.go()
        time.sleep(scene.rng.uniform(0, 2))
        moment = "meanwhile"
    for host in scene.victims:
        host.run(command(host), check=False)  # a manager that a revert restarts has no ears for a moment
    scene.go()
    return f"{'; '.join(f'{host.name}: {command(host)}' for host in scene.victims)}, {moment}"


def reload_manager(scene: inject.Scene) -> str | None:
    """The network manager reads its files again and sets its links up anew."""
    return _told(scene, lambda host: host.manager.reload)


def restart_manager(scene: inject.Scene) -> str | None:
    """The network manager is restarted."""
    return _told(scene, lambda host: host.manager.restart)


def reload_nftables(scene: inject.Scene) -> str | None:
    """The host's own firewall is loaded anew, which flushes everybody's rules."""
    return _told(scene, lambda _host: "systemctl reload nftables.service")


class WholeStage(Stage):
    """Two whole hosts with the states in which a change may end there."""

    kinds: tuple[type[RealHost], ...] = (RealHost, RealHost)
    stale = False
    faults: t.ClassVar[t.Mapping[str, inject.Fault]] = {
        "reboot": reboot,
        "manager's reload": reload_manager,
        "manager's restart": restart_manager,
        "reload of nftables": reload_nftables,
        **late.ANYWHERE,
    }
    cells = (*itertools.product(("reboot", "manager's reload", "manager's restart", "reload of nftables"), STEPS),
             *itertools.product(late.ANYWHERE, late.STEPS))

    def prepare(self, case: Case, hosts: t.Sequence[t.Any]) -> None:
        """Nothing: the disks are small."""

    def _make_lab(self) -> WholeLab:
        return WholeLab(self.directory, self.name, self.kinds)

    def hosts_of(self, case: Case) -> tuple[Host, ...]:
        hosts = tuple(self.lab.hosts.values())
        alike = self.kinds[0] is self.kinds[1]
        chosen = random.Random(f"{case.seed} {case.number} host").randrange(2) if alike else 0
        return hosts if case.hosts > 1 else (hosts[chosen],)

    def _record(self) -> None:
        hosts = list(self.lab.hosts.values())
        for state in ("old", "new"):
            if state == "new":
                self._undisturbed(hosts)
            for host in hosts:
                host.run("sync")
                self.references.setdefault(state, {})[host.name] = host.observe()
        self.clear("undisturbed")
        for host in hosts:
            if self.classify(host, False) != "old":
                raise Stuck(f"{host.name} is not in the old state after a rollback that nobody disturbed")

    def clear(self, change_id: str) -> None:
        for host in self.lab.hosts.values():
            if host.standing(change_id) == "confirmed":
                host.run(f"/bin/sh {GUARD}/symmetry-guard rollback {change_id}; sync")

    def renew(self) -> None:
        """The next case gets another lab."""
        self.stale = True

    def play(self, case: Case) -> Outcome:
        if self.stale:
            self.lab.remove()
            self.lab = self._make_lab()
            self.stale = False
        if case.without:
            for host in self.lab.hosts.values():
                host.run(WITHOUT[case.without])
        return super().play(case)

    def classify(self, host: Host, others: bool) -> str:
        """Old or new where the host rests in that state: twice the same; else half, with the difference in a file."""
        deadline = time.monotonic() + REST_SECONDS
        before, seen = "", {}
        while time.monotonic() < deadline:
            seen = host.observe()
            state = next((one for one in ("old", "new") if seen == self.references[one][host.name]), "half")
            if state != "half" and state == before:
                return state
            before = state
            time.sleep(1)
        for name, value in seen.items():
            told = {state: self.references[state][host.name][name] for state in ("old", "new")}
            if told["old"] != told["new"] or value != told["old"]:
                print(f"{host.name}: {name}: {difference(value, told)}", flush=True)
        return "half"

    def overdue(self, host: Host) -> None:
        """Let systemd's timer fire now."""
        script = (
            f"cd {GUARD}/pending 2>/dev/null || exit 0; read -r up rest </proc/uptime; echo $up >deadline; "
            "read -r kind name <timer && systemctl start --no-block $name.service; exit 0"
        )
        # An sshd that was killed is started again by systemd, and may not take anybody yet.
        wait_for(f"SSH of {host.name}", lambda: host.real.ssh(script, check=False).returncode == 0, 60, pause=0.5)

    def _restore(self, case: Case, change_id: str) -> None:
        self.clear(change_id)
        if any(self.classify(host, False) != "old" for host in self.lab.hosts.values()):
            self.renew()


class DiskStage(WholeStage):
    """The same on disks that lose what was not synced."""

    kinds = (DiskHost, DiskHost)
    faults: t.ClassVar[t.Mapping[str, inject.Fault]] = {"power cut": cut_power, **late.ON_A_DISK}
    cells = (*itertools.product(("power cut",), STEPS), *itertools.product(late.ON_A_DISK, late.STEPS))


class EmulatedStage(WholeStage):
    """The same with an emulated machine, alone or beside a container; the machine is killed."""

    kinds = (EmulatedHost, RealHost)
    faults: t.ClassVar[t.Mapping[str, inject.Fault]] = {"machine killed": kill_machine}
    cells = tuple(itertools.product(faults, EMULATED_STEPS))

