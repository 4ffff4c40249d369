# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter change_summary."""

from __future__ import annotations

DOCUMENTATION = r"""
name: change_summary
short_description: Say what became of a change in batches
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Which batches were kept, which was taken back and why, which were not reached, and which hosts were not read.
positional: outcomes, unread
options:
  _input:
    description: What M(netpath.symmetry.forecast) returned.
    type: dict
    required: true
  outcomes:
    description: By the number of a batch its C(state), and C(failures) by host.
    type: dict
    required: true
  unread:
    description: The hosts that could not be read.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Say what was changed
  ansible.builtin.debug:
    msg: "{{ (forecast | netpath.symmetry.change_summary({1: {'state': 'kept', 'failures': {}}})).lines }}"
"""

RETURN = r"""
_value:
  description: A dictionary with C(batches), C(unread), C(failed) and C(lines) of at most 100 columns for people.
  type: dict
  sample: {change_id: CHG1, batches: [{number: 1, state: kept, hosts: [gw1]}], unread: [], failed: "", lines: []}
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import change

Data = t.Mapping[str, t.Any]


def change_summary(forecast: Data, outcomes: Data, unread: t.Collection[str] = ()) -> dict[str, t.Any]:
    """What became of each batch."""
    return change.change_summary(_edge.plain(forecast), _edge.plain(outcomes), _edge.plain(list(unread)))


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"change_summary": change_summary}
