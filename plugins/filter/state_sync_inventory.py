# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter state_sync_inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: state_sync_inventory
short_description: The firewalls that share state, out of the inventory
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - The members of a group with the interface and the address of the sync link of each (C(state_sync_interface),
    C(state_sync_address)), and the other groups that use multicast, as M(netpath.symmetry.state_sync) takes them.
positional: hostvars, group, seen, others
options:
  _input:
    description: The groups of the inventory, C(groups).
    type: dict
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  group:
    description: The group of the inventory whose hosts share state.
    type: str
    required: true
  seen:
    description: The variable that members have registered of a first look by M(netpath.symmetry.state_sync).
    type: str
    required: true
  others:
    description: Whether to look for other groups, in the variables of all hosts.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Name them
  ansible.builtin.debug:
    msg: "{{ groups | netpath.symmetry.state_sync_inventory(hostvars, 'firewalls', 'look') }}"
"""

RETURN = r"""
_value:
  description: The options C(members) and C(other_groups).
  type: dict
  sample:
    members:
      - {name: fw1, interface: sync0, address: 172.31.0.1, sysctls: {}, version: "", agreed: {}}
      - {name: fw2, interface: sync0, address: 172.31.0.2, sysctls: {}, version: "", agreed: {}}
    other_groups: []
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.members import from_inventory
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge

MEMBER = ("state_sync_interface", "state_sync_address")
OTHER = ("state_sync_transport", "state_sync_multicast_address", "state_sync_port")


def state_sync_inventory(
    groups: t.Mapping[str, t.Any], hostvars: t.Mapping[str, t.Any], group: str, seen: str, others: bool = False
) -> dict[str, t.Any]:
    """The options of the module, by the variables of the hosts."""
    plain = {str(name): [str(host) for host in hosts] for name, hosts in groups.items()}
    variables = {}
    for host in plain.get(str(group), ()):
        look = _value(hostvars, host, seen) or {}
        variables[host] = {**{name: _value(hostvars, host, name) for name in MEMBER}, seen: look.get("seen")}
    for host in plain.get("all", ()) if others else ():
        if host not in variables and _value(hostvars, host, "state_sync_group"):
            variables[host] = {name: _value(hostvars, host, name) for name in ("state_sync_group", *OTHER)}
    try:
        return from_inventory(plain, variables, str(group), seen)
    except PlanError as error:
        raise AnsibleFilterError(str(error)) from error


def _value(hostvars: t.Mapping[str, t.Any], host: str, name: str) -> t.Any:
    try:
        return _edge.plain(hostvars[host].get(name))
    except TypeError as error:  # what a template makes of something undefined is no data
        raise AnsibleFilterError(f"{name} of {host} names something that is not defined for it; correct it") from error


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"state_sync_inventory": state_sync_inventory}
