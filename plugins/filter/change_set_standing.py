# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter change_set_standing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: change_set_standing
short_description: Say how a change stands on its hosts, and what is to be done
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Reads what each host has registered of M(netpath.symmetry.change_guard), and decides by one rule whether the change
    is kept on all hosts or taken back on all.
positional: hostvars, name, asked
options:
  _input:
    description: The hosts of the change.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  name:
    description: The variable that each host has registered.
    type: str
    required: true
  asked:
    description:
      - Whether any host was asked to confirm. If none was, one that gives no answer takes its part back by itself.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Say how it stands
  ansible.builtin.debug:
    msg: "{{ (['gw1', 'gw2'] | netpath.symmetry.change_set_standing(hostvars, 'answer')).told }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary with C(decision) (V(kept), V(taken_back), V(keep), V(take_back) or V(wait)), C(settled), C(states) by
      host, and C(told).
  type: dict
  sample:
    decision: keep
    settled: false
    states: {gw1: confirmed, gw2: pending}
    told: confirmed on gw1, pending on gw2
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._change_set.standing import standing, state_of

Data = t.Mapping[str, t.Any]


def change_set_standing(hosts: t.Sequence[str], hostvars: Data, name: str, asked: bool = True) -> dict[str, t.Any]:
    """How the change stands by what each host has registered under ``name``."""
    answers = {host: _edge.plain(hostvars[host].get(name)) if host in hostvars else None for host in hosts}
    return standing({host: state_of(answer) for host, answer in answers.items()}, asked)


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"change_set_standing": change_set_standing}
