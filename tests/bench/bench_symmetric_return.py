# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What symmetric_return costs a router per packet, at 2, 32 and 128 uplinks, against the same router without it.

Both track connections. One router has the marks and one has not, and they are measured in turns, with iperf3: small
datagrams as fast as the sender can, all of which one core forwards, in by an uplink (requests) and steered back out
(replies, ``--reverse``).
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import statistics
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

UPLINKS = (2, 32, 128)
ROUNDS = 5
SECONDS, BYTES = 1, 64
PORT = 5201
TRACKED = "table ip fw { chain f { type filter hook forward priority 0; ct state invalid drop; }; }"


class Path(t.NamedTuple):
    """client - router - server; the client is beyond the router's first uplink."""

    client: Netns
    router: Netns
    server: Netns

    def per_packet(self, *options: str) -> float:
        """Microseconds of one packet, sent, forwarded and received."""
        listening = self.server.start("iperf3", "-s", "-1", "-p", str(PORT), stdout=subprocess.DEVNULL)
        try:
            self.server.run(f"for i in $(seq 99); do ss -Htln | grep -q ':{PORT} ' && exit 0; sleep 0.1; done; exit 1")
            told = json.loads(self.client.output(
                f"iperf3 -c 10.9.0.2 -p {PORT} -u -b 0 -l {BYTES} -t {SECONDS} -J {' '.join(options)} || true"))
        finally:
            listening.kill()
            listening.communicate()
        if "error" in told:
            raise BenchError(f"iperf3: {told['error']}")
        sent = told["end"]["sum"]
        # that the receiver keeps up with the sender is not asked for
        if not sent["packets"] or sent["lost_packets"] > sent["packets"] * 0.9:
            raise BenchError(f"{sent['lost_packets']} of {sent['packets']} packets were lost")
        return float(1e6 * sent["seconds"] / sent["packets"])


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    results = []
    for number in UPLINKS:
        with contextlib.ExitStack() as stack:
            plain, steered = (stack.enter_context(_path(name, number)) for name in ("plain", "steered"))
            _steer(steered, number)
            for way, options in (("requests", ()), ("replies", ("--reverse",))):
                pairs = [(steered.per_packet(*options), plain.per_packet(*options)) for _round in range(ROUNDS)]
                ours, reference = (statistics.median(values) for values in zip(*pairs, strict=True))
                results.append(Result.of(f"symmetric_return {number}, {way}", ours, "us", reference))
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
