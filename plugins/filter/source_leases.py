# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter source_leases."""

from __future__ import annotations

DOCUMENTATION = r"""
name: source_leases
short_description: The uplinks whose address and gateway come from a lease
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Of the uplinks of role source_routing those with C(from_lease), as M(netpath.symmetry.lease_routing) takes them.
options:
  _input:
    description: The uplinks, each with C(name), C(interface), and where it has a lease C(from_lease).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show whose leases would be followed
  ansible.builtin.debug:
    msg: "{{ source_routing_uplinks | netpath.symmetry.source_leases }}"
"""

RETURN = r"""
_value:
  description: The option O(netpath.symmetry.lease_routing#module:uplinks).
  type: list
  elements: dict
  sample: [{name: cable, interface: wan_a, families: [ipv4], delegated_to: []}]
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import source_leases
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError


def _filter(uplinks: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    try:
        return source_leases(uplinks)
    except PlanError as error:
        raise AnsibleFilterError(f"source_leases: {error}") from error


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"source_leases": _filter}
