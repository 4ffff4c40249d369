# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall pair of the lab whose requests all cross fw_a and whose replies all cross fw_b."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access, ensure
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths
from ansible_collections.netpath.symmetry.tests.state_sync.cells import ADDRESSES, Cell
from ansible_collections.netpath.symmetry.tests.state_sync.verdict import Facts, Seen

TOPOLOGIES = pathlib.Path(__file__).resolve().parents[2] / "inventories" / "lab" / "topologies"
# Of each topology, the routes that are taken away: then requests cross fw_a and replies fw_b.
OTHER_WAYS = {
    "firewall_pair_ecmp": ("      ip route 10.9.0.0/24 10.1.2.2\n", "      ip route 10.0.0.0/24 10.2.1.2\n"),
    "nat_pair": ("      ip route 198.51.100.0/24 10.1.2.2\n", "      ip route 203.0.113.1/32 10.2.1.2\n"),
}
SERVERS = {"firewall_pair_ecmp": "10.9.0.10", "nat_pair": "198.51.100.10"}
CLIENTS = {"firewall_pair_ecmp": "10.0.0.10", "nat_pair": "203.0.113.1"}  # as the server sees them
MODULES = "ansible_collections.netpath.symmetry.plugins.modules"
SAMPLES, RATE = 1200, 1000
CLIENT_DELAY = "3ms"  # so that acknowledgements are always late enough: this is about replies
WITHIN = 1.6  # seconds: a request that was lost is sent again after one
SLOW_ENOUGH = 5  # slow connections after which there is nothing more to learn
# Connections of the client, one after the other; where the first ones fail, the others at once.
CLIENT = """\
import concurrent.futures, json, socket, sys, time
kind, source, server, port, first, count, within, enough = json.loads(sys.argv[1])
def one(number):
    begun = time.monotonic()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as end:
            end.settimeout(within if kind == "tcp" else 0.4)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            end.bind((source, first + number))
            end.connect((server, port))
            end.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
            end.settimeout(max(0.01, begun + within - time.monotonic()))
            if not end.recv(10):
                return None
            return time.monotonic() - begun
    except OSError:
        return None
taken = []
while len(taken) < count:
    taken.append(one(len(taken)))
    slow = sum(1 for item in taken if item is None or item >= 0.5)
    if slow == len(taken) == 1:
        with concurrent.futures.ThreadPoolExecutor(11) as pool:
            taken += pool.map(one, range(1, 12))
        break
    if slow >= enough:
        break
fast = sum(1 for item in taken if item is not None and item < 0.5)
failed = sum(1 for item in taken if item is None)
print(json.dumps([fast, len(taken) - fast - failed, failed]))
"""


class Pair:
    """The lab of a topology with one delay of replies, in microseconds; use it as a context manager."""

    def __init__(self, delay: int | None, network: str = "firewall_pair_ecmp") -> None:
        self.delay = delay
        self.network = network
        # No port is used twice, as the server remembers what the firewalls are made to forget. Those up to 20000 are
        # among the ports that fw_a of nat_pair translates to, so that it keeps them; test entries have others.
        self._port = 2000
        self._directory = tempfile.mkdtemp(prefix="nps-state-sync-")
        self._paths = Paths(self._directory, f"pair_{os.getpid()}_{'none' if delay is None else delay}")

    def __enter__(self) -> Pair:
        path = os.path.join(self._directory, "pair.yml")
        pathlib.Path(path).write_text(topology(self.network, self.delay), encoding="utf-8")
        try:
            ensure.ensure(self._paths, "present", path)
            server = SERVERS[self.network]
            for router, target in (("left", server), ("right", CLIENTS[self.network])):
                self._until(router, f"ip route get {target} | grep -q via")
            # Neighbours are found on the way there; that the answer is dropped does not matter.
            self.run("client", f"ping -c 2 -i 0.2 -W 1 {server} || true")
            self.run("client", "ip address add 10.0.0.200/24 dev eth0")
            self.run("client", "cat > /run/client.py", input=CLIENT)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_unused: object) -> None:
        ensure.ensure(self._paths, "absent", "")
        shutil.rmtree(self._directory)

    def run(self, host: str, script: str, timeout: float = 60, input: str | None = None) -> str:
        argv = ["sh", "-c", script]
        return access.run(self._paths.dir, self._paths.lab, host, argv, timeout=timeout, input=input).stdout

    def configure(self, cell: Cell) -> None:
        """Give both members the configuration of a cell, and wait until they share as it says."""
        self._both(lambda member: self._configure_one(member, cell.configuration(member)))

    def _configure_one(self, member: str, text: str) -> None:
        # Process 1 of the host starts conntrackd again after a second, with the file as it then is.
        write = "cat > /etc/conntrackd/conntrackd.conf" if text else "rm -f /etc/conntrackd/conntrackd.conf; cat"
        self.run(member, f"{write}; pkill -x conntrackd; while pgrep -x conntrackd; do sleep 0.05; done", input=text)
        self.run(member, "conntrack -F 2> /dev/null; rm -f /var/lib/netpath-symmetry/state_sync_latency.json")
        if text:
            self._until(member, "conntrackd -s runtime > /dev/null 2>&1")

    def _until(self, host: str, script: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(access.CommandFailed):
                self.run(host, script)
                return
            time.sleep(0.05)
        raise RuntimeError(f"{host}: {script} did not succeed within {seconds:g} s")

    def facts(self) -> dict[str, Facts]:
        """What host_facts tells of both members."""
        options = {"gather_subset": ["interfaces", "state_sync"], "sample_seconds": 1.5}
        told = self._both(lambda member: self._module(member, "host_facts", options))
        return {member: one["ansible_facts"]["symmetry"] for member, one in told.items()}

    def measure(self, flow: str) -> dict[str, Facts]:
        """Run state_sync_latency on both; it leaves its result for the facts."""

        def options(member: str) -> Facts:
            (peer,) = (address for name, address in ADDRESSES.items() if name != member)
            return {"local": ADDRESSES[member], "peer": peer, "flows": [flow], "samples": SAMPLES, "rate": RATE}

        return self._both(lambda member: self._module(member, "state_sync_latency", options(member)))

    def _module(self, member: str, name: str, options: Facts) -> Facts:
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": options})
        python = f"env PYTHONPATH={os.environ['PYTHONPATH']} {sys.executable}"
        told = json.loads(self.run(member, f"{python} -m {MODULES}.{name} '{arguments}'", timeout=120))
        if told.get("failed"):
            raise RuntimeError(f"{name} on {member}: {told['msg']}")
        return t.cast("Facts", told)

    def connect(self, flow: str, count: int) -> Seen:
        """Open connections of a flow, and count what became of them."""
        match = re.fullmatch(r"(\w+) (\S+) > (\S+):(\d+)", flow)
        assert match, flow
        first = self._port
        self._port += max(count, 12)
        words = [match[1], match[2], match[3], int(match[4]), first, count, WITHIN, SLOW_ENOUGH]
        return Seen(*json.loads(self.run("client", f"python3 /run/client.py '{json.dumps(words)}'", timeout=120)))

    def _both(self, work: t.Callable[[str], t.Any]) -> dict[str, t.Any]:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return dict(zip(ADDRESSES, pool.map(work, ADDRESSES), strict=True))


def topology(network: str, delay: int | None) -> str:
    """A topology of inventories/lab, but each router has one way: requests cross fw_a, late replies fw_b."""
    text = (TOPOLOGIES / f"{network}.yml").read_text(encoding="utf-8")
    for route in OTHER_WAYS[network]:
        assert text.count(route) == 1, route
        text = text.replace(route, "")
    assert text.count("delay: 3ms") == 2
    client, _three, server = text.rpartition("delay: 3ms\n    ")
    # A link delays both directions, and a reply has both behind it.
    late = "" if delay is None else f"delay: {delay / 2:g}us\n    "
    return client.replace("delay: 3ms", f"delay: {CLIENT_DELAY}") + late + server
