#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_replay
short_description: Replay a real asymmetric-routing incident on the lab
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Builds the lab C(dual_wan_partner) on the control node and runs the playbooks of this collection against it as an
    engineer would, from the symptom to the rollback and a lock-out drill.
  - After every step it looks at the hosts past Ansible, and holds what the playbooks claim against that.
  - Needs root on the control node. The lab is removed at the end.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
attributes:
  action:
    description: Runs on the control node.
    support: full
  check_mode:
    support: none
  diff_mode:
    support: none
  idempotent:
    support: none
  platform:
    support: full
    platforms: linux
options:
  directory:
    description:
      - Where C(summary.json), C(report.md), C(transcript.txt) and the logs of all steps are left.
      - It is emptied first.
    type: path
    required: true
  lab_dir:
    description: The directory of the labs.
    type: path
    required: true
  inventory:
    description: The inventory of the lab.
    type: path
    required: true
  management:
    description: The prefix of the lab's management network, which the lock-out drill cuts off.
    type: str
    required: true
  keep_lab:
    description: Leave the lab standing at the end.
    type: bool
    default: false
  colour:
    description: Tell the story in colour. By default when the output is a terminal.
    type: bool
"""

EXAMPLES = r"""
- name: Replay the incident
  netpath.symmetry.incident_replay:
    directory: build/replay
    lab_dir: /var/lib/netpath-symmetry-lab
    inventory: inventories/lab/dual_wan_partner
    management: 10.255.0.0/24
"""

RETURN = r"""
summary:
  description: The content of summary.json.
  returned: always
  type: dict
  sample: {ok: true, steps: [{name: lab, ok: true, seconds: 4.2}], seconds_incident_to_fix: 31.0}
"""
