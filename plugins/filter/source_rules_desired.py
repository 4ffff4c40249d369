# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter source_rules_desired."""

from __future__ import annotations

DOCUMENTATION = r"""
name: source_rules_desired
short_description: Tables and rules so that replies leave by the uplink of their source address
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Turns uplinks into what M(netpath.symmetry.policy_routing) takes. Each uplink gets a table with its default route
    and its connected prefixes, and each of its addresses a rule that leads to it.
positional: interfaces
options:
  _input:
    description:
      - The uplinks, each with C(name), C(interface) and C(gateway), and optionally C(addresses). An uplink with
        gateways of both address families is declared once for each.
    type: list
    elements: dict
    required: true
  interfaces:
    description: The interfaces as M(netpath.symmetry.host_facts) returns them.
    type: dict
    required: true
  specifics:
    description:
      - With V(main), routes of the main table other than its default keep working for all sources.
      - With V(uplink), the uplink's table alone decides.
      - With a list of prefixes, routes of the main table keep working to these destinations.
    type: raw
    default: main
"""

EXAMPLES = r"""
- name: Show the rules of a multi-homed host
  ansible.builtin.debug:
    msg: "{{ uplinks | netpath.symmetry.source_rules_desired(ansible_facts['symmetry'].interfaces) }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(tables) and C(rules).
  type: dict
  sample:
    tables: [{name: wan_a, routes: [{dst: 0.0.0.0/0, device: wan_a, gateway: 198.51.100.1}]}]
    rules: [{family: 4, table: main, suppress_prefixlength: 0}, {src: 198.51.100.2, table: wan_a}]
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import source_rules_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError


def _filter(
    uplinks: t.Sequence[t.Mapping[str, t.Any]],
    interfaces: t.Mapping[str, t.Any],
    specifics: t.Union[str, t.Sequence[str]] = "main",
) -> dict[str, t.Any]:
    try:
        return source_rules_desired(uplinks, interfaces, specifics)
    except PlanError as error:
        raise AnsibleFilterError(f"source_rules_desired: {error}") from error


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"source_rules_desired": _filter}
