# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter state_sync_meeting."""

from __future__ import annotations

DOCUMENTATION = r"""
name: state_sync_meeting
short_description: Addresses by which a firewall meets the one that it shares state with
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Of two members that were asked by M(netpath.symmetry.state_sync_info), the addresses on the link that they use, as
    M(netpath.symmetry.state_sync_latency) takes them.
positional: hostvars, member
options:
  _input:
    description: The names of the two members.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars), in which C(verify_state_sync_look) was registered.
    type: dict
    required: true
  member:
    description: The one that asks.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say where they meet
  ansible.builtin.debug:
    msg: "{{ groups.firewalls | netpath.symmetry.state_sync_meeting(hostvars, 'fw1') }}"
"""

RETURN = r"""
_value:
  description: The options C(local) and C(peer).
  type: dict
  sample: {local: 172.31.0.1, peer: 172.31.0.2}
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import state_sync

Data = t.Mapping[str, t.Any]


def state_sync_meeting(members: t.Sequence[str], hostvars: Data, member: str) -> dict[str, str]:
    """Where a member meets the other."""
    try:
        return state_sync.meeting(state_sync.looks(_edge.plain, members, hostvars), str(member))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"state_sync_meeting": state_sync_meeting}
