# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter failover_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: failover_plan
short_description: Plan where uplinks are killed in their three ways
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Chooses, on the path of a flow, where the local link, the far carrier and the provider beyond are made to fail, and
    the host that measures it.
positional: uplinks
options:
  _input:
    description: What M(netpath.symmetry.diagnose) returned.
    type: dict
    required: true
  uplinks:
    description:
      - The uplinks, each with C(host), C(interface) and, where the first that leaves by it shall not do, C(flow), the
        name or the text of a flow that measures it.
      - Or V(all), those of all hosts that have more than one.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Say what a failover test would do
  ansible.builtin.debug:
    msg: "{{ (diagnosis | netpath.symmetry.failover_plan([{'host': 'gw', 'interface': 'wan_a'}])).lines }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(tests), one for each kind of failure of each uplink, C(untested) uplinks with the reason, and
      C(lines) for people.
  type: dict
  sample: {tests: [{kind: link, uplink: {host: gw, interface: wan_a}, source: client}], untested: [], lines: []}
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failover

Data = t.Mapping[str, t.Any]


def failover_plan(diagnosis: Data, uplinks: t.Any) -> dict[str, t.Any]:
    """Where each kind of failure of the uplinks is made, and who measures it by which flow."""
    try:
        return failover.plan_failovers(_edge.plain(diagnosis), _edge.plain(uplinks))
    except failover.FailoverError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"failover_plan": failover_plan}
