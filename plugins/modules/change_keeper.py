#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: change_keeper
short_description: Settle a change of several hosts should the playbook die while it confirms
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Starts a process on the control node that outlives the playbook. Should the playbook end, by whatever signal, before
    O(state=absent) was reached, it runs the playbook C(netpath.symmetry.settle) with the options of the present run
    until every host has answered and the change is kept on all of them or on none.
  - Hosts that have not confirmed take the change back by themselves; this is about those that have.
  - The role P(netpath.symmetry.change_set#role) uses it. It touches no host.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
attributes:
  action:
    description: Runs on the control node.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  state:
    description: V(present) begins to watch, V(absent) tells that all is settled.
    type: str
    choices: [present, absent]
    default: present
  change_id:
    description: The id of the change.
    type: str
    required: true
  hosts:
    description: The hosts of the change.
    type: list
    elements: str
    default: []
  directory:
    description: Where the log and the mark of a change that is not settled are kept, on the control node.
    type: path
    default: ~/.cache/netpath-symmetry
  seconds:
    description: For how long to try to reach hosts that give no answer.
    type: int
    default: 3600
seealso:
  - module: netpath.symmetry.change_guard
"""

EXAMPLES = r"""
- name: Watch over this run while it confirms
  netpath.symmetry.change_keeper:
    change_id: CHG0031337
    hosts: [gw1, gw2]
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
watching:
  description: Whether a process watches.
  type: bool
  returned: success
  sample: true
why:
  description: Why none does.
  type: str
  returned: success
  sample: nobody can be asked for --ask-become-pass later
log:
  description: What the process did, on the control node.
  type: str
  returned: success
  sample: /home/alice/.cache/netpath-symmetry/CHG0031337.log
seconds:
  description: With O(state=absent), for how long it was open whether all hosts would keep the change.
  type: float
  returned: success
  sample: 1.3
"""
