# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the engine in a process of its own, so that its memory can be told: ``engine_run.py`` with options.

Prints a JSON object: how many seconds it took to build the network out of the facts (``build``), to find out which
flows are alike (``classes``) and to judge all flows (``judge``), what the verdicts are, and the memory in MB.
"""

from __future__ import annotations

import argparse
import collections
import json
import resource
import sys
import time

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.alike import Alike
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.bulk import judge_all
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import read_flows
from ansible_collections.netpath.symmetry.tests.bench import scale_networks


def peak() -> float:
    """The memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("hosts", 100), ("routes", 1000), ("cores", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--flows", type=int, nargs="+", default=[1000], help="several: judged one set after the other")
    options = parser.parse_args()
    made = scale_networks.make(scale_networks.shape_of(options.hosts, options.routes))
    began = time.perf_counter()
    network = Network.build(made.facts, made.variables)
    built = time.perf_counter()
    classes = Alike(network, {})
    known = time.perf_counter()
    judged = []
    for place, count in enumerate(options.flows):
        flows = read_flows(made.flows(count, seed=place + 1))
        start = time.perf_counter()
        briefs = judge_all(network, flows, {}, options.cores, classes)
        took = time.perf_counter() - start
        verdicts = collections.Counter(brief.verdict for brief in briefs)
        judged.append({"flows": count, "seconds": took, "verdicts": verdicts})
    # no memory that processes share is counted twice by the kernel; here it is, so that the sum is a bound from above
    forked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 * options.cores
    json.dump({
        "hosts": len(network.hosts), "build": built - began, "classes": known - built, "judged": judged,
        "memory": peak() + forked,
    }, sys.stdout)


if __name__ == "__main__":
    main()
