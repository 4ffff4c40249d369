# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply pinned prefixes inside a network namespace, in turns with ``ip -batch``: ``policy_run.py PREFIXES ROUNDS``.

Prints a JSON list with three numbers of seconds for each round: to apply the plan (in batches, with its inverse made
ready), the same lines through ``ip -batch``, and all that a module does: read the host, plan, apply, read the host
again and compare it with the plan.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import Guarding, apply, carry_out
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import commands_of
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import Desired, read_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import pins_to_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.policy_routing import Options, plan, text_of

OPTIONS = Options("policy_route")
UPLINKS = [{"name": "A", "interface": "wan", "gateway": "198.51.100.1"}]


def pinned(number: int) -> Desired:
    """That many prefixes pinned to the uplink."""
    prefixes = [f"100.{64 + (place >> 16)}.{place >> 8 & 255}.{place & 255}/32" for place in range(number)]
    routing = pins_to_desired(UPLINKS, [{"name": "many", "prefixes": prefixes, "uplink": "A"}])
    return read_desired(routing["tables"], routing["rules"])


def whole(desired: Desired) -> float:
    """Seconds that a module's work takes."""
    began = time.perf_counter()
    planned = plan(read_host(), desired, OPTIONS)
    carry_out(planned, lambda: text_of(read_host(), OPTIONS, planned.changes), Guarding())
    return time.perf_counter() - began


def applying(planned: Plan) -> float:
    began = time.perf_counter()
    planned.undo()
    apply(planned.changes)
    return time.perf_counter() - began


def batch(planned: Plan) -> float:
    lines = "\n".join(line.removeprefix("ip ") for line in commands_of(planned.changes))
    began = time.perf_counter()
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
    return time.perf_counter() - began


def held(number: int) -> None:
    """Take away what stands, once it is seen that all of it stood."""
    count = subprocess.run(
        "ip route show table 10100 | wc -l", shell=True, capture_output=True, text=True, check=True).stdout
    if int(count) != number:
        raise SystemExit(f"{count.strip()} routes of {number} are in the table")
    whole(Desired())


def main() -> None:
    number, rounds = int(sys.argv[1]), int(sys.argv[2])
    desired = pinned(number)
    planned = plan(read_host(), desired, OPTIONS)
    took = []
    for _round in range(rounds):
        took.append([])
        for seconds in (lambda: applying(planned), lambda: batch(planned), lambda: whole(desired)):
            took[-1].append(seconds())
            held(number)
    json.dump(took, sys.stdout)


if __name__ == "__main__":
    main()
