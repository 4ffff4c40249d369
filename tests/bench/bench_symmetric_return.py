# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What symmetric_return costs a router per round trip, at 2, 32 and 128 uplinks, against the same router without it.

Both track connections. Echo requests come in by an uplink and are forwarded, their replies are steered back. One router
has the marks and one has not, and they are measured in turns.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import statistics
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

UPLINKS = (2, 32, 128)
ROUNDS = 7
PACKETS = 20_000
TRACKED = "table ip fw { chain f { type filter hook forward priority 0; ct state invalid drop; }; }"


class Path(t.NamedTuple):
    """client - router - server; the client is beyond the router's first uplink."""

    client: Netns
    router: Netns
    server: Netns

    def round_trip(self) -> float:
        """Microseconds of one round trip, over many that follow each other as fast as they come."""
        told = self.client.output(f"ping -q -f -c {PACKETS} 10.9.0.2")
        found = re.search(r"(\d+) received.* time (\d+)ms", told)
        if not found or int(found[1]) != PACKETS:
            raise BenchError(f"packets were lost: {told}")
        return int(found[2]) * 1000 / PACKETS


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    results = []
    for number in UPLINKS:
        with contextlib.ExitStack() as stack:
            plain, steered = (stack.enter_context(_path(name, number)) for name in ("plain", "steered"))
            _steer(steered, number)
            pairs = [(steered.round_trip(), plain.round_trip()) for _round in range(ROUNDS)]
        ours, reference = (statistics.median(values) for values in zip(*pairs, strict=True))
        results.append(Result.of(f"symmetric_return, {number} uplinks", ours, "us", reference))
    return results


@contextlib.contextmanager
def _path(name: str, number: int) -> t.Iterator[Path]:
    path = Path(*(Netns(f"{name}{part}").create() for part in ("cl", "gw", "srv")))
    try:
        veth(path.client, "eth0", path.router, "up0", [("10.0.0.2/24", "10.0.0.1/24")])
        veth(path.server, "eth0", path.router, "lan", [("10.9.0.2/24", "10.9.0.1/24")])
        lines = [f"link add up{n} type veth peer name far{n}" for n in range(1, number)]
        lines += [f"link set up{n} up\nlink set far{n} up\naddress add 10.1.{n}.1/24 dev up{n}"
                  for n in range(1, number)]
        path.router.run("ip -batch - <<'E'\n" + "\n".join(lines) + "\nE")
        path.router.run(f"sysctl -qw net.ipv4.ip_forward=1; nft '{TRACKED}'; "
                        "for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $i; done")
        for host, gateway in ((path.client, "10.0.0.1"), (path.server, "10.9.0.1")):
            host.run(f"ip route add default via {gateway}")
        yield path
    finally:
        for host in path:
            host.delete()


def _steer(path: Path, number: int) -> None:
    listed = run_module(path.router, "host_facts", {})["ansible_facts"]["symmetry"]["interfaces"]
    uplinks = [{"name": f"up{n}", "interface": f"up{n}", "gateway": f"10.1.{n}.2" if n else "10.0.0.2"}
               for n in range(number)]
    wanted = return_desired(uplinks, listed)
    routing = {"scope": "symmetric_return", "tables": wanted["tables"], "rules": wanted["rules"]}
    for module, options in (("policy_routing", routing), ("symmetric_return", {"uplinks": wanted["uplinks"]})):
        done = run_module(path.router, module, options)
        if done.get("failed"):
            raise BenchError(f"{module}: {done['msg']}")
