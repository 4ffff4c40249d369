# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults. Each is injected at a step of a change, and says what it did; None where it came too late."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import pathlib
import random
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.faults import third_party
from ansible_collections.netpath.symmetry.tests.faults.control import Control, wait_for
from ansible_collections.netpath.symmetry.tests.faults.lab import GUARD, FaultLab, Host, kill

# The steps of a change, by the task in front of which the playbook is held.
STEPS = ("armed", "routes", "translation", "reverse path", "probed", "promised", "confirmed", "reverting")
SHORT = 0.5  # seconds within which a fault comes once the step has begun, where nothing tells the moment better
DISK = "256k"


@dataclasses.dataclass
class Scene:
    """A change at a step, and whom the fault strikes."""

    lab: FaultLab
    control: Control
    step: str
    hosts: tuple[Host, ...]
    victims: tuple[Host, ...]
    rng: random.Random
    folder: pathlib.Path
    without: str = ""  # what a negative control leaves out
    held: bool = True  # the playbook stands in front of the step
    heal: list[t.Callable[[], None]] = dataclasses.field(default_factory=list)  # before it is judged

    def go(self) -> None:
        """Let the playbook begin the step."""
        if self.held:
            self.control.release(self.step)
            self.held = False

    def begun(self) -> None:
        """Let it begin, and wait for some moment of the step, or shortly after it."""
        self.go()
        time.sleep(self.rng.uniform(0, SHORT))


def _watch(scene: Scene, look: t.Callable[[], t.Any], seconds: float = 30) -> t.Any:
    """The first thing that ``look`` finds; None where the run ended, or the time is up, before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        if scene.control.ended():
            return None
        time.sleep(0.001)
    return None


def kill_control(scene: Scene) -> str | None:
    """kill -9 the playbook, alone or with all that it has forked."""
    everything = scene.rng.random() < 0.5
    if scene.step == "confirmed" and len(scene.hosts) > 1:
        scene.go()  # the moment that counts: one host has confirmed and another has not
        _watch(scene, lambda: any(not host.pending() for host in scene.hosts))
    elif scene.rng.random() < 0.7:
        scene.begun()
    count = scene.control.kill(everything)
    return f"killed {count} processes of the control node" if count else None


def kill_module(scene: Scene) -> str | None:
    """kill -9 the module on the host, in half of the cases while it holds the journal and applies."""
    host = scene.victims[0]
    applying = scene.step in ("routes", "translation", "reverse path") and scene.rng.random() < 0.5
    marker = host.path(f"{GUARD}/pending/applying")

    def holder() -> int:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return host.own_id(int(marker.read_text()))
        return 0

    before = host.modules()
    scene.go()
    if applying:
        pid = _watch(scene, holder)
        return f"killed the module that applies on {host.name}" if pid and kill([pid]) else None
    found = _watch(scene, lambda: host.modules() - before)
    if not found:
        return None
    time.sleep(scene.rng.uniform(0, 0.25))
    return f"killed the module on {host.name}" if kill(found) else None


def kill_sshd(scene: Scene) -> str | None:
    """kill -9 every sshd of the host: the one that listens and those of sessions."""
    scene.begun()
    count = 0
    for host in scene.victims:
        count += kill(pid for pid, (_parent, name, _words) in host.processes().items() if name.startswith("sshd"))
    return f"killed {count} sshd on {' '.join(host.name for host in scene.victims)}" if count else None


@contextlib.contextmanager
def _locked(host: Host) -> t.Iterator[None]:
    """Hold the lock of the host's journal, as a task that applies does."""
    with host.path(f"{GUARD}/lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kill_guard(scene: Scene) -> str | None:
    """kill -9 the guard's parent; while the guard arms, confirms or reverts, the process that does so."""
    host = scene.victims[0]
    doing = {"armed": " arm ", "confirmed": " confirm ", "reverting": " revert ", "promised": " prepare "}
    verb = doing.get(scene.step) if scene.step != "promised" or scene.rng.random() < 0.5 else None

    def script() -> list[int]:
        found = host.processes().items()
        wanted = verb or " watch "
        return [pid for pid, (_parent, _name, words) in found if "symmetry-guard" in words and wanted in words]

    if verb:
        # Whoever arms holds the lock already; the others begin with it, and are not to have ended before they are seen.
        with contextlib.nullcontext() if scene.step == "armed" else _locked(host):
            scene.go()
            found = _watch(scene, script)
        if not found:
            return None
        time.sleep(scene.rng.choice((0, 0, 0.01, 0.03, 0.06)))
    else:
        if scene.rng.random() < 0.5:
            scene.begun()
        found = script()
    return f"killed the guard's{verb or ' parent '}on {host.name}" if kill(found) else None


def cut_network(scene: Scene) -> str | None:
    """Take out the cable of the management network for some seconds, in half of the cases beyond the deadline."""
    if scene.rng.random() < 0.7:
        scene.begun()
    for host in scene.victims:
        host.cut(True)
    began = time.monotonic()
    scene.go()
    beyond = scene.rng.random() < 0.5
    if beyond:
        time.sleep(1)
        for host in scene.victims:
            overdue(host)
        wait_for("what the cut hosts do by themselves", lambda: not any(host.pending() for host in scene.victims), 60)
    else:
        time.sleep(scene.rng.uniform(1, 7))
    seconds = time.monotonic() - began
    for host in scene.victims:
        host.cut(False)
    past = ", beyond the deadline" if beyond else ""
    return f"cut {' '.join(host.name for host in scene.victims)} off for {seconds:.1f} s{past}"


def fill_disk(scene: Scene) -> str | None:
    """Fill the file system of the journal, and leave it full."""
    if scene.rng.random() < 0.5:
        scene.begun()
    for host in scene.victims:
        filling = host.path(f"{GUARD}/filling")
        with contextlib.suppress(OSError), filling.open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * 256)
    scene.go()
    return f"filled the disk of {' '.join(host.name for host in scene.victims)}"


def small_disk(host: Host) -> None:
    """Put the journal of a host into a file system of a few pages."""
    host.run(f"mkdir -p {GUARD} && mount -t tmpfs -o mode=700,size={DISK} tmpfs {GUARD}")


def second_run(scene: Scene) -> str | None:
    """The same change once more, with another id, beside the first."""
    other = Control(
        scene.lab, scene.folder / "second", f"{scene.control.change_id}-2", [host.name for host in scene.hosts]
    )
    if scene.rng.random() < 0.5:
        scene.begun()
    other.start()
    scene.go()
    wait_for("the end of the second run", other.ended)
    scene.heal.append(lambda: wait_for("the second run's settling", lambda: not other.settling(), 120))
    return f"a second run, which ended with status {other.process.returncode if other.process else '-'}"


def others_change(scene: Scene) -> str | None:
    """Rules, routes, set elements and a container's rule come and go."""
    if scene.rng.random() < 0.5:
        scene.begun()
    for host in scene.hosts:
        third_party.act(host)
    scene.go()
    return "others changed rules, routes, a set and a chain"


def overdue(host: Host) -> None:
    """Bring a pending change's deadline near, as a test cannot wait for it; the timer looks every 5 s at least."""
    with contextlib.suppress(FileNotFoundError):
        up = float(pathlib.Path("/proc/uptime").read_text().split()[0])
        path = host.path(f"{GUARD}/pending/deadline")
        if path.exists():
            with path.open("r+") as file:  # in place: the disk may be full
                file.write(f"{up + 0.5:.2f}\n")
                file.truncate()


Fault = t.Callable[[Scene], t.Optional[str]]
FAULTS: dict[str, Fault] = {
    "kill -9 control": kill_control,
    "kill -9 module": kill_module,
    "kill -9 sshd": kill_sshd,
    "kill -9 guard's parent": kill_guard,
    "network cut": cut_network,
    "disk full": fill_disk,
    "second run": second_run,
    "third party": others_change,
}
CLOCK = "clock jump"  # in an emulated machine, see clock.py
