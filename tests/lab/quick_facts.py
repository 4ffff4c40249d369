# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of namespaces and the diagnosis of them, without Ansible in between."""

from __future__ import annotations

import json
import sys
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns

Facts = dict[str, t.Any]
_GATHER = """
import json, sys
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.gather import Request, gather
json.dump(gather(Request(**json.load(sys.stdin))), sys.stdout)
"""


def read(netns: Netns, **request: t.Any) -> Facts:
    """The facts of a namespace, as host_facts gathers them."""
    process = netns.start(sys.executable, "-c", _GATHER, stdin=-1)
    out, err = process.communicate(json.dumps(request), timeout=60)
    assert process.returncode == 0, err
    facts: Facts = json.loads(out)
    return facts


def diagnosed(
    hosts: t.Mapping[str, Netns], flows: t.Sequence[str], variables: t.Mapping[str, Facts] | None = None,
    **request: t.Any,
) -> Diagnosis:
    """The diagnosis of flows through real namespaces."""
    facts = {name: read(netns, **request) for name, netns in hosts.items()}
    return diagnose(facts, variables or {}, flows, live=False)
