# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter state_sync_result."""

from __future__ import annotations

DOCUMENTATION = r"""
name: state_sync_result
short_description: Whether the state that firewalls share holds, by all that role verify_state_sync has registered
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Joins what each member told, what it said of the entries of the others, the times that were measured and the
    connections that were held into one answer. A member that could not be asked is unknown, which is no agreement.
positional: hostvars, switches
options:
  _input:
    description: The names of the members.
    type: list
    elements: str
    required: true
  hostvars:
    description: >-
      The variables of all hosts, C(hostvars), in which C(verify_state_sync_look), C(verify_state_sync_found) and
      C(verify_state_sync_measured) were registered.
    type: dict
    required: true
  switches:
    description: Connections that were held while another member became the active one.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ (groups.firewalls | netpath.symmetry.state_sync_result(hostvars)).lines }}"
"""

RETURN = r"""
_value:
  description: Has C(findings), C(samples), C(races), C(switches), C(failed), C(lines) for people and a C(report).
  type: dict
  sample: {members: [fw1, fw2], findings: [], failed: [], lines: ["entries   97 of 97 of fw1 stand on fw2"]}
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import state_sync

Data = t.Mapping[str, t.Any]


def state_sync_result(
    members: t.Sequence[str], hostvars: Data, switches: t.Sequence[Data] = ()
) -> dict[str, t.Any]:
    """The answer of all members."""
    looks = state_sync.looks(_edge.plain, members, hostvars)
    found = {name: told.get("entries", []) for name, told in
             state_sync.registered(_edge.plain, members, hostvars, "verify_state_sync_found").items()}
    measured = state_sync.registered(_edge.plain, members, hostvars, "verify_state_sync_measured")
    return state_sync.result(looks, found, measured, _edge.plain(list(switches)))


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"state_sync_result": state_sync_result}
