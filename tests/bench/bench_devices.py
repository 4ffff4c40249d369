# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long network devices take: many at once, one with 1,000,000 routes, and beside hosts in one play.

The many are fakes of ours on this machine (0.3 s until the first prompt), so what they take of its processors is in the
numbers; each counts from the connection to its end. The one with many routes is real: FRRouting in a namespace.
"""

from __future__ import annotations

import json
import logging
import os
import pathlib
import subprocess
import sys
import time
import tracemalloc
import typing as t

import ansible_collections
from ansible_collections.netpath.symmetry.tests.bench import harness
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeDevice, FakeNetwork
from ansible_collections.netpath.symmetry.tests.devices.platforms import FAKES
from ansible_collections.netpath.symmetry.tests.devices.real_frr import RealFrr, real_frr
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

COLLECTIONS = str(pathlib.Path(next(iter(ansible_collections.__path__))).parent)
DEVICES, FORKS, LOGIN, PLATFORM = 100, 20, 0.3, "cisco_ios"
ROUTES, CHUNK = 1_000_000, 10_000
MIXED_DEVICES, MIXED_HOSTS = 50, 200
FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
ROUTED = "203.0.113.10"


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it tells of each fake that ends a session first
    return [gathered(folder), *large_table(), beside_hosts(folder)]


# ---- many devices


def fakes(platforms: t.Sequence[str]) -> list[FakeDevice]:
    found = []
    for number, platform in enumerate(platforms):
        device = FAKES[platform](f"d{number}", transcripts.read(platform))
        device.delay = LOGIN
        found.append(device)
    return found


def variables(network: FakeNetwork, number: int, platform: str, known_hosts: pathlib.Path) -> dict[str, t.Any]:
    return {"ansible_host": "127.0.0.1", "ansible_port": network.ports[f"d{number}"], "ansible_user": USER,
            "ansible_password": PASSWORD, "ansible_network_os": platform,
            "symmetry_known_hosts": str(known_hosts)}


def gathered(folder: pathlib.Path) -> Result:
    """device_facts on all of them against logins times the slowest by forks: all are of one platform, so that the
    slowest is no other kind of device."""
    devices = fakes([PLATFORM] * DEVICES)
    with FakeNetwork(*devices) as network:
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(network.known_hosts())
        hosts = {f"d{number}": variables(network, number, PLATFORM, known_hosts) for number in range(DEVICES)}
        task = {"netpath.symmetry.device_facts": {"flows": [FLOW], "known_hosts": str(known_hosts)}}
        took = play(folder, hosts, [{"hosts": "all", "gather_facts": False, "tasks": [task]}])
    if [device.logins for device in devices] != [1] * DEVICES:
        raise BenchError("a device was logged in to more than once, or not at all")
    slowest = max(device.seconds[0] for device in devices)
    print(f"{DEVICES} devices in {took:.1f} s, the slowest in {slowest:.1f} s ... ", end="", flush=True)
    return Result.of(f"{DEVICES} devices with {FORKS} forks", took, "s", DEVICES * slowest / FORKS,
                     harness.at_most_times(1.25))


def play(folder: pathlib.Path, hosts: dict[str, t.Any], plays: list[dict[str, t.Any]]) -> float:
    """The seconds that the tasks of a playbook take, from the first to start to the last result."""
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (folder / "play.json").write_text(json.dumps(plays))
    journal = folder / "journal"
    journal.unlink(missing_ok=True)
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_CALLBACKS_ENABLED": "netpath.symmetry.journal", "NETPATH_SYMMETRY_JOURNAL": str(journal)}
    began = time.time()
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-f", str(FORKS), "-i",
         str(folder / "hosts.json"), str(folder / "play.json")],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900)
    if done.returncode:
        raise BenchError((done.stdout + done.stderr)[-2000:])
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return max(event["time"] for event in events) - min((event["time"] for event in events), default=began)


# ---- 1,000,000 routes


def large_table() -> list[Result]:
    """Facts of a real router with a full table against those of the same router before it had one."""
    with real_frr() as router:
        few, _answer, _peak = measured(router)
        load_routes(router)
        many, answer, peak = measured(router)
        counted = answer["parts"]["routes"]
        if "asked by address" not in counted.get("why", "") or not any(
                route["dst"] == "203.0.113.0/24" for route in answer["routes"]):
            raise BenchError(f"the router did not have the routes, or that of the flow was not read: {counted}")
        return [
            Result.of("a router with 1,000,000 routes", many, "s", few, harness.at_most_times(2)),
            Result.of("its peak memory", peak, "MB", goal=harness.at_most(32, "MB")),
            Result.of("its answer", len(json.dumps(answer)) / 1e6, "MB", goal=harness.at_most(1, "MB")),
        ]


def measured(router: RealFrr) -> tuple[float, dict[str, t.Any], float]:
    """Seconds (the median of three), the facts, and the most memory that Python held, in MB."""
    times = []
    for _round in range(3):
        began = time.perf_counter()
        router.facts()
        times.append(time.perf_counter() - began)
    tracemalloc.start()
    facts, _sent = router.facts()
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return sorted(times)[1], facts, peak


def load_routes(router: RealFrr) -> None:
    """One route for each /24 from 16.0.0.0 on, from the kernel, where the router finds them."""
    began = time.monotonic()
    first, before = 16 << 16, router.count_routes()
    for done in range(0, ROUTES, CHUNK):  # all at once are more than the router's socket holds
        lines = "".join(f"route replace {number >> 16}.{number >> 8 & 255}.{number & 255}.0/24 via 192.0.2.5\n"
                        for number in range(first + done, first + done + CHUNK))
        for _again in range(10):  # and what did not fit is told once more
            router.input("ip -batch -", lines)
            if heard(router, before + done + CHUNK):
                break
        else:
            raise BenchError(f"the router does not take the routes up: {router.count_routes()}")
    print(f"{ROUTES:,} routes in {time.monotonic() - began:.0f} s ... ", end="", flush=True)


def heard(router: RealFrr, count: int) -> bool:
    """Whether the router knows so many routes, within two seconds."""
    deadline = time.monotonic() + 2
    while router.count_routes() < count:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# ---- beside hosts


def beside_hosts(folder: pathlib.Path) -> Result:
    """The playbook diagnose over devices and hosts at once against both one after the other."""
    spaces = [Netns(f"m{number}") for number in range(MIXED_HOSTS)]
    platforms = [sorted(FAKES)[number % len(FAKES)] for number in range(MIXED_DEVICES)]
    devices = fakes(platforms)
    try:
        hosts = {
            space.create().name: {"ansible_connection": "local", "ansible_python_interpreter": inside(folder, space)}
            for space in spaces}
        with FakeNetwork(*devices) as network:
            known_hosts = folder / "known_hosts"
            known_hosts.write_text(network.known_hosts())
            routers = {f"d{number}": variables(network, number, platform, known_hosts)
                       for number, platform in enumerate(platforms)}
            together = diagnosed(folder, {**hosts, **routers})
            apart = diagnosed(folder, hosts) + diagnosed(folder, routers)
    finally:
        for space in spaces:
            space.delete()
    return Result.of(f"{MIXED_DEVICES} devices and {MIXED_HOSTS} hosts at once", together, "s", apart,
                     harness.at_most_times(1.1))


def inside(folder: pathlib.Path, space: Netns) -> str:
    """A Python that runs in a namespace."""
    script = folder / space.name
    script.write_text(f'#!/bin/sh\nexec ip netns exec {space.name} /usr/bin/python3 "$@"\n')
    script.chmod(0o755)
    return str(script)


def diagnosed(folder: pathlib.Path, hosts: dict[str, t.Any]) -> float:
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "ANSIBLE_LOCAL_TEMP": str(folder / "tmp")}
    began = time.perf_counter()
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-f", str(FORKS), "-i",
         str(folder / "hosts.json"), "netpath.symmetry.diagnose", "-e", json.dumps({
             "flow": FLOW, "sample_seconds": 0, "fail_on": [], "report_dir": str(folder / "report")})],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900)
    told = json.loads((folder / "report" / "diagnosis.json").read_text())
    if done.returncode or told["unread"]:
        raise BenchError((done.stdout + done.stderr)[-2000:])
    return time.perf_counter() - began
