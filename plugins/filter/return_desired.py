# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter return_desired."""

from __future__ import annotations

DOCUMENTATION = r"""
name: return_desired
short_description: Tables, rules and marks so that replies leave by the uplink that the request came in by
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Turns uplinks into what M(netpath.symmetry.policy_routing) and M(netpath.symmetry.symmetric_return) take. Each
    uplink gets a number that depends on its name, a table with its default route and its connected prefixes, and a
    rule per address family that leads packets with that number to it.
positional: interfaces, mark_mask
options:
  _input:
    description:
      - The uplinks, each with C(name), C(interface) and C(gateway). An uplink with gateways of both address families is
        declared once for each. Two uplinks need two interfaces.
    type: list
    elements: dict
    required: true
  interfaces:
    description: The interfaces as M(netpath.symmetry.host_facts) returns them.
    type: dict
    required: true
  mark_mask:
    description: The bits of marks that are ours, one unbroken run.
    type: str
    default: "0xff000000"
"""

EXAMPLES = r"""
- name: Show the marks and tables of a dual-homed host
  ansible.builtin.debug:
    msg: "{{ uplinks | netpath.symmetry.return_desired(ansible_facts['symmetry'].interfaces) }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(tables), C(rules) and C(uplinks).
  type: dict
  sample:
    tables: [{name: wan_a, routes: [{dst: 0.0.0.0/0, device: wan_a, gateway: 198.51.100.1}]}]
    rules: [{family: 4, fwmark: "0x01000000", fwmask: "0xff000000", table: wan_a}]
    uplinks: [{name: wan_a, interface: wan_a, mark: "0x01000000"}]
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired


def _filter(
    uplinks: t.Sequence[t.Mapping[str, t.Any]], interfaces: t.Mapping[str, t.Any], mark_mask: t.Any = "0xff000000"
) -> dict[str, t.Any]:
    try:
        return return_desired(uplinks, interfaces, mark_mask)
    except PlanError as error:
        raise AnsibleFilterError(f"return_desired: {error}") from error


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"return_desired": _filter}
