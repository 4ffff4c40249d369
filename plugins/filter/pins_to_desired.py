# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter pins_to_desired."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pins_to_desired
short_description: Tables, rules and source NAT entries for pinned prefixes
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Turns pins, prefixes that shall leave by one uplink, into what M(netpath.symmetry.policy_routing) and
    M(netpath.symmetry.source_nat) take.
  - All pins are routes of one table behind one rule per address family, so that of overlapping prefixes the longest
    wins. A pin of some protocols or ports has a table of its own.
positional: uplinks
options:
  _input:
    description:
      - The pins, each with C(name), C(prefixes) and C(uplink), and optionally C(source_nat) (an address, or one for
        each address family), C(acknowledge_source), C(protocols) and C(ports) (of those only) and C(on_uplink_loss)
        (V(failover) or V(block)).
    type: list
    elements: dict
    required: true
  uplinks:
    description:
      - The uplinks, each with C(name), C(interface) and C(gateway). An uplink with gateways of both address families
        is declared once for each.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Pin a partner to the first provider
  netpath.symmetry.policy_routing:
    scope: policy_route
    tables: "{{ (pins | netpath.symmetry.pins_to_desired(uplinks)).tables }}"
    rules: "{{ (pins | netpath.symmetry.pins_to_desired(uplinks)).rules }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(tables), C(rules) and C(entries).
  type: dict
  sample:
    tables: [{name: pins, routes: [{dst: 203.0.113.0/25, device: wan_a, gateway: 198.51.100.1}]}]
    rules: [{family: 4, table: pins}]
    entries: []
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import pins_to_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError


def _filter(pins: t.Sequence[t.Mapping[str, t.Any]], uplinks: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    try:
        return pins_to_desired(uplinks, pins)
    except PlanError as error:
        raise AnsibleFilterError(f"pins_to_desired: {error}") from error


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pins_to_desired": _filter}
