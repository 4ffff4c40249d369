# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the engine with the kernel that this runs on: every kind of case that the kernel can show.

    python3 -m ansible_collections.netpath.symmetry.tests.kernels.job '{"cases": {"routing": 300}, "seed": 1}'

needs root. Runs on this machine as well as in an emulated one (guest.py); the last line is the result:
``{"release": "6.1.0-56-cloud-amd64", "kinds": {"routing": {"cases": 300, ...}}, "lacks": ["VRF packets"]}``.
A job may also say ``"broken"``, the name of one semantic that the engine then does without (negative control).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.kernels import broken, delays, flowtables, oracles, routers, vrf_replies
from ansible_collections.netpath.symmetry.tests.kernels.outcome import Outcome
from ansible_collections.netpath.symmetry.tests.oracle import kernel


class Kind(t.NamedTuple):
    """A kind of case: ``run`` compares so many of it from a seed on; ``needs`` are commands that must work."""

    run: t.Callable[[int, int], Outcome]
    needs: tuple[str, ...] = ()


_VETH = "ip link add pa type veth peer name pb"
_FLOWTABLE = "nft add flowtable inet f ft { hook ingress priority 0 ; devices = { pa } ; }"
_VRF = ("ip link add red type vrf table 7",)
KINDS = {
    "routing": Kind(oracles.routing),
    "packets": Kind(routers.veth_packets),
    "VLAN packets": Kind(routers.vlan_packets, (_VETH, "ip link add link pa name pa.7 type vlan id 7")),
    "VRF packets": Kind(routers.vrf_packets, _VRF),
    "VRF replies": Kind(vrf_replies.vrf_replies, _VRF),
    "delayed packets": Kind(delays.delayed_packets, (_VETH, "tc qdisc add dev pa root netem delay 1ms")),
    "offloaded packets": Kind(flowtables.offloaded_packets, (_VETH, "nft add table inet f", _FLOWTABLE)),
}


def can(kind: Kind) -> bool:
    """Whether this kernel has what a kind needs."""
    kernel.enter_new_namespace()
    return all(
        subprocess.run(command.split(), capture_output=True, check=False).returncode == 0 for command in kind.needs
    )


def run(job: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of a job."""
    result: dict[str, t.Any] = {"release": os.uname().release, "kinds": {}, "lacks": []}
    with broken.without(job.get("broken", "")):
        for name, cases in job["cases"].items():
            if not can(KINDS[name]):
                result["lacks"].append(name)
                continue
            started = time.monotonic()
            outcome = KINDS[name].run(cases, job["seed"])
            print(f"{name}: {outcome.cases} cases, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            result["kinds"][name] = outcome.to_dict()
    return result


def main() -> int:
    jobs = json.loads(sys.argv[1])
    results = [run(job) for job in jobs] if isinstance(jobs, list) else run(jobs)
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
