# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault at one step of one change, and what an independent observer finds on every host afterwards."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import random
import shutil
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.faults import inject, third_party
from ansible_collections.netpath.symmetry.tests.faults.control import Control, Stuck, wait_for
from ansible_collections.netpath.symmetry.tests.faults.lab import GUARD, HOSTS, FaultLab, Host

ATTEMPTS = 4  # a fault that comes too late is tried again; it counts once it was in time


@dataclasses.dataclass(frozen=True)
class Case:
    """What to do. ``number`` and ``seed`` make it again."""

    number: int
    fault: str
    step: str
    hosts: int
    seed: int
    guarded: bool = True
    without: str = ""  # what a negative control leaves out, of whole.WITHOUT
    alone: bool = False  # the playbook is killed first: nobody but the host itself can settle the change


@dataclasses.dataclass
class Outcome:
    """What came of it. ``states`` is old, new or half for every host."""

    case: Case
    did: str = ""
    states: dict[str, str] = dataclasses.field(default_factory=dict)
    unreachable: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    in_doubt: float = 0.0

    @property
    def injected(self) -> bool:
        return bool(self.did)

    @property
    def half(self) -> bool:
        states = set(self.states.values())
        return bool(self.wrong) or len(states) > 1 or "half" in states or self.confirmed_and_lost

    @property
    def confirmed_and_lost(self) -> bool:
        """Before the run ends every host has confirmed: what a fault takes away from then on was never kept."""
        return self.case.step == "ended" and "old" in self.states.values()

    def line(self) -> str:
        what = "HALF" if self.half else "/".join(sorted(set(self.states.values())))
        what = "LOST THOUGH CONFIRMED" if self.confirmed_and_lost else what
        lost = f" UNREACHABLE {' '.join(self.unreachable)}" if self.unreachable else ""
        case = self.case
        control = f"control, without {case.without}: " if case.without else ""
        return (f"{case.number:4} {control}{case.fault} at {case.step}, {case.hosts} hosts: {self.did or 'TOO LATE'}; "
                f"{what}{lost} after {self.seconds:.1f} s")


def difference(value: t.Sequence[t.Any], told: t.Mapping[str, t.Sequence[t.Any]]) -> str:
    """What a host has that it had in neither state, or has not; in words where it is as in one of them."""
    if value in told.values():
        return "as in " + " and ".join(f"the {state} state" for state, reference in told.items() if value == reference)
    lines = []
    for state, reference in told.items():
        lines += [f"  + {one}, not in {state}" for one in value if one not in reference]
        lines += [f"  - {one} of {state}" for one in reference if one not in value]
    return "seen but neither old nor new:\n" + "\n".join(lines)


class Stage:
    """A lab with the states in which a change may end there."""

    faults: t.ClassVar[t.Mapping[str, inject.Fault]] = inject.FAULTS
    cells: t.ClassVar[tuple[tuple[str, str], ...]] = tuple(itertools.product(inject.FAULTS, inject.STEPS))

    def __init__(self, directory: str, name: str) -> None:
        self.directory, self.name = directory, name
        self.lab = self._make_lab()
        self.count = 0
        self.references: dict[str, dict[str, t.Any]] = {}
        try:
            self._record()
        except BaseException:
            self.lab.remove()
            raise

    def _make_lab(self) -> t.Any:
        return FaultLab(self.directory, self.name)

    def hosts_of(self, case: Case) -> tuple[t.Any, ...]:
        """The hosts that a case changes."""
        return tuple(self.lab.hosts[name] for name in (HOSTS if case.hosts > 1 else HOSTS[:1]))

    def _record(self) -> None:
        """Both states of every host, each without and with what the third party does, from a change left in peace."""
        hosts = list(self.lab.hosts.values())
        for host in hosts:
            third_party.settle_in(host)
        self._both("old")
        self._undisturbed(hosts)
        self._both("new")
        self.clear("undisturbed")
        for host in hosts:
            if host.observe() != self.references["old"][host.name]:
                raise Stuck(f"{host.name} is not in the old state after a rollback that nobody disturbed")

    def _undisturbed(self, hosts: t.Sequence[t.Any]) -> None:
        """The change as it is when nothing happens; raises Stuck where it is not kept."""
        folder = pathlib.Path(self.directory, f"{self.name}.undisturbed")
        control = Control(self.lab, folder, "undisturbed", HOSTS)
        control.start()
        wait_for("the end of the undisturbed run", control.ended)
        if {host.standing("undisturbed") for host in hosts} != {"confirmed"}:
            raise Stuck(f"a change that nobody disturbs is not confirmed:\n{control.told()}")

    def _both(self, state: str) -> None:
        for suffix, move in (("", None), ("+", third_party.act)):
            for host in self.lab.hosts.values():
                if move:
                    move(host)
                self.references.setdefault(state + suffix, {})[host.name] = host.observe()
                if move:
                    third_party.undo(host)

    def clear(self, change_id: str) -> None:
        """Take a confirmed change back, and forget all changes."""
        for host in self.lab.hosts.values():
            if host.standing(change_id) == "confirmed":
                host.run(f"{GUARD}/symmetry-guard rollback {change_id}")
            host.run(f"rm -f {GUARD}/filling; while umount {GUARD} 2>/dev/null; do :; done; rm -rf {GUARD}")

    def renew(self) -> None:
        """Another lab in place of one that a fault has left in a state that nobody knows."""
        self.lab.remove()
        self.lab = self._make_lab()
        self.references.clear()  # the kernel lists routes in the order in which links came up
        self._record()

    def classify(self, host: Host, others: bool) -> str:
        """Whether the host is in the old or the new state, to the last object; else half."""
        seen = host.observe()
        for state in ("old", "new"):
            if seen == self.references[state + ("+" if others else "")][host.name]:
                return state
        for name, value in seen.items():
            kinds = {state: state + ("+" if others else "") for state in ("old", "new")}
            told = {state: self.references[kind][host.name][name] for state, kind in kinds.items()}
            print(f"{host.name}: {name}: {difference(value, told)}", flush=True)
        return "half"

    def play(self, case: Case) -> Outcome:
        """Make the change, inject the fault, wait until everything has ended, and judge."""
        for attempt in range(ATTEMPTS):
            outcome = self._attempt(case, attempt)
            if outcome.injected or outcome.half:
                break
        return outcome

    def _attempt(self, case: Case, attempt: int) -> Outcome:
        began = time.monotonic()
        outcome = Outcome(case)
        rng = random.Random(f"{case.seed} {case.number} {attempt}")
        hosts = self.hosts_of(case)
        victims = hosts if len(hosts) > 1 and rng.random() < 0.2 else (rng.choice(hosts),)
        self.count += 1
        change_id = f"fault{case.number}-{self.count}"
        folder = pathlib.Path(self.directory, f"{self.name}.{change_id}")
        variables = {"broken_probe": case.step == "reverting", "guarded": case.guarded}
        control = Control(self.lab, folder, change_id, [host.name for host in hosts], **variables)
        self.prepare(case, hosts)
        scene = inject.Scene(self.lab, control, case.step, hosts, victims, rng, folder, case.without)
        control.hold(case.step)
        before = {host.name: host.modules() for host in hosts}
        scene.heal.append(lambda: self._let_modules_end(hosts, before))
        control.start()
        try:
            control.await_step(case.step)
            if case.alone:
                control.kill(True)
            outcome.did = self.faults[case.fault](scene) or ""
            scene.go()
            self._await_end(case, control, hosts, scene)
        except Stuck as error:
            outcome.wrong.append(str(error))
            control.kill(True)
        self._judge(outcome, control, hosts)
        outcome.seconds = time.monotonic() - began
        if outcome.half or outcome.unreachable:
            outcome.wrong += [f"{folder}: {control.told()[-3000:]}"]
            self.renew()
        else:
            self._restore(case, change_id)
            shutil.rmtree(folder)
        return outcome

    def prepare(self, case: Case, hosts: t.Sequence[t.Any]) -> None:
        """What a fault needs before the change begins."""
        if case.fault == "disk full":
            for host in hosts:
                inject.small_disk(host)

    def _await_end(self, case: Case, control: Control, hosts: t.Sequence[Host], scene: inject.Scene) -> None:
        """Until the run, who watches over it, and every guard have done what they do by themselves."""
        wait_for("the end of the run", lambda: control.ended() and not control.working())
        for heal in scene.heal:
            heal()
        if not case.guarded or case.without:
            return
        wait_for("the settling of what the run left", lambda: not control.settling(), 120)
        # Whoever could still confirm has gone.
        for host in hosts:
            self.overdue(host)
        wait_for("the end of every pending change", lambda: not any(host.pending() for host in hosts), 60)

    def _let_modules_end(self, hosts: t.Sequence[t.Any], before: t.Mapping[str, set[int]]) -> None:
        """A module outlives the playbook that was killed, and may still arm what nobody has seen yet."""
        wait_for("the end of modules", lambda: all(host.modules() <= before[host.name] for host in hosts), 60)

    def overdue(self, host: t.Any) -> None:
        inject.overdue(host)

    def _judge(self, outcome: Outcome, control: Control, hosts: t.Sequence[Host]) -> None:
        others = outcome.case.fault == "third party" and outcome.injected
        outcome.unreachable = [host.name for host in hosts if not host.reached()]
        outcome.states = {host.name: self.classify(host, others) for host in hosts}
        status = control.process.returncode if control.process else None
        if outcome.case.guarded and status == 0 and set(outcome.states.values()) != {"new"}:
            outcome.wrong.append(f"the run ended with status 0 and the hosts are {outcome.states}")
        if outcome.case.guarded:
            outcome.wrong += [f"on {host.name} the change is still pending" for host in hosts if host.pending()]
        if others and set(outcome.states.values()) == {"old"}:
            outcome.wrong += self._untold(outcome, control, hosts)

    def _untold(self, outcome: Outcome, control: Control, hosts: t.Sequence[Host]) -> list[str]:
        """Where the guard took a change back, it has to tell what others did; not where they came after it."""
        wrong = []
        for host in hosts:
            told = host.path(f"{GUARD}/changes/{control.change_id}/foreign")
            if outcome.case.step == "reverting" or not told.exists():
                continue
            missing = set(third_party.TOLD) - set(told.read_text().splitlines())
            wrong += [f"{host.name} does not tell that others did {line}" for line in sorted(missing)]
        return wrong

    def _restore(self, case: Case, change_id: str) -> None:
        if case.fault == "third party":
            for host in self.lab.hosts.values():
                if host.name in (HOSTS if case.hosts > 1 else HOSTS[:1]):
                    third_party.undo(host)
        for host in self.lab.hosts.values():
            host.run(f"rm -f {GUARD}/filling")
        for identity in (f"{change_id}-2", change_id):
            for host in self.lab.hosts.values():
                if host.standing(identity) == "confirmed":
                    host.run(f"{GUARD}/symmetry-guard rollback {identity}")
        self.clear(change_id)
        for host in self.lab.hosts.values():
            if host.observe() != self.references["old"][host.name]:
                self.renew()
                return
