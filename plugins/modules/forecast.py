#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: forecast
short_description: Say what remedies would do to every flow
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Plans the remedies on the gathered facts with the planner that the modules use, and judges every flow again on the
    planned state, the flows that live now included.
  - Runs on the control node and touches no host.
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
    platforms: all
options:
  hosts:
    description: The hosts whose facts are joined, as for M(netpath.symmetry.diagnose).
    type: list
    elements: str
    required: true
  remedies:
    description:
      - The remedies, each with C(role), C(host) and C(variables).
      - RV(netpath.symmetry.diagnose#module:change) gives them.
    type: list
    elements: dict
    required: true
  flow:
    description: Judge this flow instead of the C(symmetry_flows) of the inventory.
    type: str
  change_id:
    description: The id that the change will have. Generated when absent.
    type: str
  wide:
    description:
      - Roles of which the proposed remedies are carried besides O(remedies), as a list or with commas between. They
        touch more flows than they are made for, so nobody gets them unasked.
      - V(mss_clamp) and V(ecmp_hash) are such roles. Those that stand in O(remedies) are named there already.
    type: raw
    default: []
  allow_worse:
    description: Do not fail when the remedies make a flow worse.
    type: bool
    default: false
  canary:
    description:
      - How many hosts are changed first, as a number such as V(1) or a share such as V(10%). Without it no batch is a
        canary.
    type: raw
  batch:
    description:
      - How many hosts are changed at once after that, as a number or a share. Without it all that are left.
      - With several batches each is a change of its own, with O(change_id), a dot and its number as its id.
    type: raw
  together:
    description:
      - Sets of hosts that are changed in one batch. A set may make a batch larger than O(batch).
      - Where the state between two batches would make a flow worse which the whole change does not, they are joined
        anyway.
    type: list
    elements: list
    default: []
  write_remedies:
    description: Save the remedies in this file on the control node, so that a later run applies exactly these.
    type: path
  report_dir:
    description: Save C(forecast.json) in this directory on the control node.
    type: path
seealso:
  - module: netpath.symmetry.diagnose
"""

EXAMPLES = r"""
- name: Forecast what diagnose proposed
  netpath.symmetry.forecast:
    hosts: "{{ diagnosis.hosts }}"
    remedies: "{{ diagnosis.change }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
flows:
  description: Each flow before and after.
  returned: always
  type: list
  elements: dict
  sample: [{name: partner-api, before: broken, after: symmetric, change: better, live: false}]
worse:
  description: The flows that the remedies make worse.
  returned: always
  type: list
  elements: str
  sample: []
unacknowledged:
  description:
    - Name, source address now and source address then of the flows whose far end would see another source address that
      no pin acknowledges.
  returned: always
  type: list
  elements: list
  sample: [[partner-api, 192.0.2.20, 198.51.100.2]]
plan:
  description: Per host the roles, their variables, and how many objects would change.
  returned: always
  type: dict
  sample: {gw: {roles: [policy_route], variables: {}, changes: 4}}
hosts_to_change:
  description: The hosts of the plan.
  returned: always
  type: list
  elements: str
  sample: [gw]
reach:
  description: What those remedies touch, which touch more flows than they are made for.
  returned: always
  type: list
  elements: dict
  sample:
    - role: mss_clamp
      hosts: [gw]
      text: every new TCP connection by wan_a of gw, both ways; open ones keep their size
      flows: [partner-api]
      live: 12
large_packets:
  description: The flows whose large packets stall now or then, and why. Looked for where the remedies have a clamp.
  returned: always
  type: dict
  sample: {partner-api: {before: packets of more than 1300 bytes do not fit, after: "", hosts: [gw], back: false}}
not_carried:
  description: Proposed remedies that are carried only if they are named.
  returned: always
  type: list
  elements: dict
  sample: [{role: ecmp_hash, host: gw, text: hash flows by the five-tuple}]
fault:
  description: Who could show by packets, before anything is changed, the faults that O(wide) remedies mend.
  returned: always
  type: dict
  sample: {probes: {client: [{name: partner-api, size: 65536, expect: stall}]}, captures: {}, unprovable: []}
change_id:
  description: The id of the change.
  returned: always
  type: str
  sample: 20261121T022700Z-4f1c
batches:
  description:
    - The hosts in the order in which they are changed. C(joined) are the flows for whose sake a batch is larger than it
      was to be, C(changed) the hosts on which something changes.
  returned: always
  type: list
  elements: dict
  sample: [{number: 1, canary: true, change_id: CHG1.1, hosts: [gw1], changed: [gw1], joined: [], proof: {}}]
proof:
  description: Who could prove the flows by packets, for the playbooks.
  returned: always
  type: dict
  sample: {probes: {client: [{name: partner-api}]}, captures: {}, unprovable: []}
text:
  description: The forecast as it is printed.
  returned: always
  type: str
  sample: FORECAST
"""
