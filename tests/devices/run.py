# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every platform: valid facts, checks that only ask, changes in their order, a fault at each step, and what is left.

Usage, as root, with PYTHONPATH=build/collections:
    python -m ansible_collections.netpath.symmetry.tests.devices.run [--only cisco_ios ...]
Every line that each device received is written to build/devices/PLATFORM.txt. The last line is the result; the exit
status is not 0 when a platform is not as promised, a configuration line was sent in check mode, a device was left
changed, too few outputs were read that others took, or a check that writes (the negative control) was not counted.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import logging
import pathlib
import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import BY_PLATFORM, dialect_of
from ansible_collections.netpath.symmetry.tests.devices import foreign
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case, Left, fail_the_proof, strike
from ansible_collections.netpath.symmetry.tests.devices.changes.control import writing
from ansible_collections.netpath.symmetry.tests.devices.changes.registry import CASES
from ansible_collections.netpath.symmetry.tests.devices.changing import not_questions
from ansible_collections.netpath.symmetry.tests.devices.reading import over_ssh, request
from ansible_collections.netpath.symmetry.tests.devices.real_frr import Fault, real_frr

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "build" / "devices"
FLOW = request("tcp 10.10.0.20:51000 > 172.16.9.9:443")
LEAST_FOREIGN = 150
PLATFORMS_TOGETHER = 3
TOGETHER = 3  # sessions at a time with each; some drivers wait for a login by the clock
OUTSIDE = (  # what is shown by tests of its own: packets through real routers, one verdict over a mixed path, parsers
    ("tests/lab/test_dual_isp_bgp.py", "the return path is moved by FRRouting, and packets follow"),
    ("tests/unit/plugins/plugin_utils/_engine/test_device.py", "one verdict over Linux, FRR, PAN-OS, IOS and Linux"),
    ("tests/devices/test_foreign_outputs.py", "outputs that others took from devices, as ntc-templates reads them"),
)


@dataclasses.dataclass
class Found:
    """What came of one platform."""

    platform: str
    facts: str = "-"
    in_check: list[str] = dataclasses.field(default_factory=list)  # lines that are no questions
    control: int = 0  # such lines in the check that writes
    left: list[Left] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    lines: list[str] = dataclasses.field(default_factory=list)  # for the file
    changes: str = "-"

    @property
    def left_changed(self) -> int:
        return sum(bool(one.wrong) for one in self.left)

    @property
    def ok(self) -> bool:
        return not self.wrong and not self.in_check and not self.left_changed

    def note(self, title: str, lines: t.Iterable[str]) -> None:
        self.lines += [f"# {title}", *lines, ""]

    def row(self) -> str:
        tested = BY_PLATFORM[self.platform].tier
        return (f"{self.platform:18} {tested:5} {self.facts:>7} {self.changes:36} {len(self.in_check):>6} "
                f"{self.control:>7} {len(self.left):>6} {self.left_changed:>4}  {'ok' if self.ok else 'WRONG'}")


HEAD = f"{'platform':18} {'on':5} {'facts':>7} {'what is changed':36} {'check':>6} {'control':>7} {'faults':>6} left"


def kinds(serves: t.Iterable[str]) -> str:
    """What can be set, in short words."""
    return " ".join(serves).replace("reverse_path", "urpf").replace("multipath", "paths")


def examine(platform: str) -> Found:
    """One platform over its fake, or in the lab."""
    if platform == "frr":
        return examine_frr()
    found = Found(platform)
    try:
        _read(found)
        if platform in CASES:
            _change(found, CASES[platform])
    except (AssertionError, DeviceError) as error:
        found.wrong.append(f"{type(error).__name__}: {error}")
    return found


def _read(found: Found) -> None:
    dialect = dialect_of(found.platform)
    facts, device = over_ssh(dialect, found.platform, FLOW)
    complete = sum(part["complete"] for part in facts["parts"].values())
    found.facts = f"{complete}/{len(facts['parts'])}"
    allowed = {*dialect.opening, *dialect.closing}
    found.in_check += [line for line in device.received if not dialect.reading.fullmatch(line) and line not in allowed]
    found.note("facts: every line that the device received", device.received)


def _change(found: Found, case: Case) -> None:
    found.changes = kinds(case.dialect.config.serves)  # type: ignore[attr-defined]
    with case.changing() as one:
        case.run(one, check=True, **case.small)
        found.in_check += not_questions(one)
        found.note("a check run: every line", one.device.received)
        case.run(one, **case.small)
        found.note("a real run: every line, in order", one.device.received)
        if tuple(one.device.received) != case.promised:
            found.wrong.append("the lines are not those that are promised, in their order")
    with case.changing() as one:
        one.four_runs(without_timer=not case.timer, **case.everything)
    with case.changing() as one:
        one.dialect = writing(case)
        with contextlib.suppress(DeviceError):  # what it reads is not what it expects
            case.run(one, check=True, **case.small)
        found.control = len(not_questions(one))
    if not found.control:
        found.wrong.append("a check that writes is not seen")
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        found.left += pool.map(lambda fault: strike(case, fault), case.faults())
    found.left += fail_the_proof(case)
    found.note("faults", (f"{one.fault}: {one.wrong or one.said}" for one in found.left))


def examine_frr() -> Found:
    """FRRouting in a lab of real namespaces."""
    found = Found("frr")
    with real_frr() as router:
        facts, sent = router.facts()
        complete = sum(part["complete"] for part in facts["parts"].values())
        found.facts = f"{complete}/{len(facts['parts'])}"
        found.changes = kinds(router.config.serves)
        found.note("facts: every line that was sent", sent)
        router.run(check=True)
        found.in_check += router.not_questions()
        found.note("a check run: every line", router.sent)
        if not router.is_as_before():
            found.wrong.append("a check run has changed the router")
        found.control = len(router.write_in_check_mode())
        if not found.control or router.is_as_before():
            found.wrong.append("a check that writes is not seen")
        router.unwrite()
        lines = router.run()
        found.note("a real run: every line, in order", router.sent)
        if router.is_as_before() or router.run():
            found.wrong.append("a run changes nothing, or a second run changes something")
        router.run(state="absent")
        if not router.is_as_before():
            found.wrong.append("what is taken away leaves something")
        faults = [Fault(kind, number) for number in range(len(lines)) for kind in ("refuses", "loses", "loses_after")]
        faults.append(Fault("loses_after", 1, gone=True))
        found.left += [router.strike(fault, lines[fault.number]) for fault in faults]
        found.left.append(router.strike(None, ""))
        found.note("faults", (f"{one.fault}: {one.wrong or one.said}" for one in found.left))
    return found


def outside(path: str) -> str:
    """Run tests of their own; the last line that they print."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "", path], cwd=ROOT, capture_output=True,
                          text=True, timeout=900, check=False, stdin=subprocess.DEVNULL)
    last = (done.stdout.strip().splitlines() or ["nothing was printed"])[-1]
    return last if done.returncode == 0 else f"FAILED: {last}\n{done.stdout[-4000:]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=sorted(BY_PLATFORM), help="these platforms; all without it")
    only = parser.parse_args().only
    logging.disable(logging.CRITICAL)  # paramiko and asyncio tell of every connection that a fault has cut
    FOLDER.mkdir(parents=True, exist_ok=True)
    print(HEAD, flush=True)
    results = []
    with concurrent.futures.ThreadPoolExecutor(PLATFORMS_TOGETHER) as pool:
        results += report(pool.map(examine, only or sorted(BY_PLATFORM)))
    failed = 0
    for path, what in () if only else OUTSIDE:
        said = outside(path)
        failed += said.startswith("FAILED")
        print(f"{what}: {said}", flush=True)
    return conclude(results, failed, only is None)


def report(results: t.Iterable[Found]) -> t.Iterator[Found]:
    """A row for each platform as soon as it is there, and its file."""
    for found in results:
        (FOLDER / f"{found.platform}.txt").write_text("\n".join(found.lines) + "\n", encoding="utf-8")
        print(found.row(), flush=True)
        for text in (*found.wrong, *(f"{one.fault}: {one.wrong}" for one in found.left if one.wrong), *found.in_check):
            print(f"    {text}", flush=True)
        yield found


def conclude(results: t.Sequence[Found], failed: int, whole: bool) -> int:
    """Print the result; the exit status."""
    theirs = sum(len(foreign.outputs(one.platform)) for one in results if one.platform not in foreign.MISSING)
    ok, in_check = sum(one.ok for one in results), sum(len(one.in_check) for one in results)
    faults, changed = sum(len(one.left) for one in results), sum(one.left_changed for one in results)
    print(f"every line that was sent: {FOLDER.relative_to(ROOT)}/PLATFORM.txt; lines of checks that write (negative "
          f"controls): {sum(one.control for one in results)}")
    print(f"devices: platforms={len(results)} ok={ok} foreign_outputs={theirs} config_lines_in_check={in_check} "
          f"faults={faults} left_changed={changed}")
    enough = not whole or theirs >= LEAST_FOREIGN
    return 0 if ok == len(results) and not failed and enough and results else 1


if __name__ == "__main__":
    sys.exit(main())
