#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: diagnose
short_description: Say which flows break, at which box, and why
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Joins the facts that M(netpath.symmetry.host_facts) has gathered on all hosts, follows every flow in both directions
    through routing, reverse-path checks, netfilter, connection tracking and translation, and gives each a verdict.
  - Runs on the control node and touches no host. What could not be read makes a verdict V(unknown), never clean.
  - Takes the variables C(symmetry_flows), C(symmetry_uplinks), C(symmetry_externals), C(symmetry_segments),
    C(symmetry_inspectors), C(symmetry_balancers) and C(symmetry_ignore_interfaces) of the hosts where they are set.
    What is not declared is inferred, and said to be.
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
    description: The hosts whose facts are joined. A host without facts is reported as not read.
    type: list
    elements: str
    required: true
  flow:
    description:
      - Judge this flow instead of the C(symmetry_flows) of the inventory.
      - For example V(tcp 10.0.0.5 > 203.0.113.10:443).
      - With prefixes or ranges of ports, as V(tcp 10.1.4.0/22 > 203.0.113.0/25:443-445), all flows between them are
        judged, and divided into classes that fare alike.
    type: str
  what_if:
    description:
      - Judge every flow again after failures, one at a time. V(single) takes all that the inventory shows.
      - Else failures by name. V(node fwa) is a host that is gone, V(link gw:wan_a) an interface that goes down,
        V(carrier gw:wan_a) a cable that is cut, V(uplink A) the provider beyond an uplink, and V(sessions fwb) a lost
        connection table. The name of an uplink may stand for its interface, and a colon for the space.
    type: list
    elements: str
    default: []
  what_if_limit:
    description:
      - How many judgements O(what_if) may take, of flows that fare alike after one failure. More are refused before the
        first is made. One takes a few milliseconds in a small network, and some ten of them in a large fabric.
      - Connections under way are judged too while they are no more than a tenth of this.
    type: int
    default: 20000
  write_draft:
    description: Save the YAML of what was assumed in this file on the control node.
    type: path
  report_dir:
    description: Save C(diagnosis.json) and C(report.md) in this directory on the control node.
    type: path
  fail_on:
    description: Fail the task when a flow has one of these verdicts.
    type: list
    elements: str
    choices: [symmetric, asymmetric_harmless, unknown, at_risk, broken]
    default: []
  quiet:
    description: Do not print the diagnosis.
    type: bool
    default: false
seealso:
  - module: netpath.symmetry.host_facts
  - module: netpath.symmetry.forecast
"""

EXAMPLES = r"""
- name: Gather facts on every host first
  netpath.symmetry.host_facts:
    flows: ["tcp 10.0.0.5 > 203.0.113.10:443"]

- name: Diagnose one flow
  netpath.symmetry.diagnose:
    hosts: "{{ ansible_play_hosts_all }}"
    flow: tcp 10.0.0.5 > 203.0.113.10:443
  delegate_to: localhost
  run_once: true
  register: diagnosis

- name: Ask which single failure breaks which flow
  netpath.symmetry.diagnose:
    hosts: "{{ ansible_play_hosts_all }}"
    what_if: single
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
verdicts:
  description:
    - One entry per flow, with its paths, the place where it dies, the state boundaries and the evidence.
    - That of a prefix flow is its worst class, with every class in C(partition).
  returned: success
  type: list
  elements: dict
  sample:
    - name: partner-api
      flow: tcp 192.0.2.20 > 203.0.113.10:80
      verdict: broken
      share: 1 of 1
      dies_at: {host: fwb, interface: out, direction: return, reason: filter, state: invalid}
      findings: [SYM104, SYM301]
findings:
  description: Findings with stable ids; none in a healthy network.
  returned: success
  type: list
  elements: dict
  sample: [{id: SYM301, severity: critical, host: fwb, flows: [partner-api], page: docs/findings/SYM301.md}]
checks:
  description: >-
    Every id of the register with its status (C(raised), C(clean), C(not checked), C(awaiting collector)), on how many
    hosts it was looked for, where it was not and why, and which flows do not tell. What was not looked for is never
    clean.
  returned: success
  type: list
  elements: dict
  sample: [{id: SYM301, status: raised, raised: 1, hosts: 4, not_checked: [], unknown_flows: []}]
remedies:
  description: Remedies that the forecast has confirmed, cheapest in security first.
  returned: success
  type: list
  elements: dict
  sample: [{role: policy_route, host: gw, fixes: [partner-api], recommended: true}]
change:
  description: The recommended remedies as one change, one entry per host and role.
  returned: success
  type: list
  elements: dict
  sample: [{role: policy_route, host: gw, variables: {}}]
what_if:
  description:
    - The flows that a failure treats otherwise than now, the worst first, and the failures that break flows which work.
  returned: when O(what_if) is given
  type: dict
  sample:
    failures: [node fwa, link gw:wan_a]
    rows: [{failure: node fwa, flow: web, before: symmetric, after: broken, own: false}]
    single_points: [{failure: node fwa, flows: [web]}]
draft:
  description: The variables that the diagnosis assumed.
  returned: success
  type: dict
  sample: {all: {symmetry_flows: []}}
proof:
  description: Who could prove the flows by packets, for the playbooks.
  returned: success
  type: dict
  sample: {probes: {client: [{name: partner-api}]}, captures: {}, unprovable: []}
unread:
  description: Hosts that could not be read, and why.
  returned: success
  type: dict
  sample: {fw3: "no facts: the host was not reached, or host_facts failed there"}
flow:
  description: The flow that was asked for. Empty when those of the inventory were.
  returned: success
  type: str
  sample: ""
hosts:
  description: The hosts that were asked for.
  returned: success
  type: list
  elements: str
  sample: [client, gw, fwa, fwb]
text:
  description: The diagnosis as it is printed.
  returned: success
  type: str
  sample: VERDICTS
"""
