# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter failover_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: failover_plan
short_description: Plan where an uplink is killed in its three ways
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Chooses, on the path of a flow, where the local link, the far carrier and the provider beyond are made to fail, and
    the host that measures it.
positional: flow, host, interface
options:
  _input:
    description: What M(netpath.symmetry.diagnose) returned.
    type: dict
    required: true
  flow:
    description: The name or the text of a flow that leaves by the uplink.
    type: str
    required: true
  host:
    description: The host of the uplink.
    type: str
    required: true
  interface:
    description: The interface of the uplink.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say what a failover test would do
  ansible.builtin.debug:
    msg: "{{ (diagnosis | netpath.symmetry.failover_plan('partner-api', 'gw', 'wan_a')).lines }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(faults) by kind, C(source), C(flow), C(addresses) and C(lines) for people.
  type: dict
  sample: {faults: {link: {kind: link, host: gw, interface: wan_a, fault: link}}, source: client}
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failover

Data = t.Mapping[str, t.Any]


def failover_plan(diagnosis: Data, flow: str, host: str, interface: str) -> dict[str, t.Any]:
    """Where each kind of failure of an uplink is made, and who measures it by which flow."""
    try:
        return failover.plan_failover(_edge.plain(diagnosis), flow, host, interface)
    except failover.FailoverError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"failover_plan": failover_plan}
