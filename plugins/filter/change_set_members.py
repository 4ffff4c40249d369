# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter change_set_members."""

from __future__ import annotations

DOCUMENTATION = r"""
name: change_set_members
short_description: The hosts of a change, by what hosts know of it
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - The hosts that have the change, and those that the journal of one of them names.
positional: hostvars, name
options:
  _input:
    description: The hosts that were asked.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  name:
    description: The variable that each host has registered of M(netpath.symmetry.change_guard).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Name them
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | netpath.symmetry.change_set_members(hostvars, 'answer') }}"
"""

RETURN = r"""
_value:
  description: Names of hosts.
  type: list
  elements: str
  sample: [gw1, gw2]
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set.standing import members

Data = t.Mapping[str, t.Any]


def change_set_members(hosts: t.Sequence[str], hostvars: Data, name: str) -> list[str]:
    """The hosts of a change by what each host has registered under ``name``."""
    return members({host: _edge.plain(hostvars[host].get(name)) for host in hosts})


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"change_set_members": change_set_members}
