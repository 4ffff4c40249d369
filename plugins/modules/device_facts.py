#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_facts
short_description: Read what decides the path of packets through a router or firewall
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Logs in to a network device over SSH, once, and reads interfaces, routes of every VRF or virtual router,
    reverse-path checks and their drops, policy routes, translation, sessions of named flows, settings that decide on
    packets without a session, gateway redundancy, high availability and load sharing.
  - Returns them in the schema of M(netpath.symmetry.host_facts), so that M(netpath.symmetry.diagnose) joins devices and
    hosts to one path.
  - Only commands that read are ever sent, and their list is returned as RV(sent). A session cannot enter configuration
    mode. The driver's own changes at login are turned off.
  - What a device does not know or says in an unknown way never fails the module. C(parts) says of each part whether it
    is complete and why not; lines that were not understood are kept, without secrets, in C(device.raw).
  - Runs on the control node, whatever the connection of the host is, and needs no C(delegate_to).
  - Address and login come from the variables of the host that Ansible itself uses - C(ansible_host), C(ansible_port),
    C(ansible_user), C(ansible_password), C(ansible_ssh_private_key_file), and C(ansible_become_password) for the
    privileged mode.
requirements:
  - netmiko >= 4.5 on the control node
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.device_login
  - netpath.symmetry.attributes.facts
  - netpath.symmetry.attributes.info_module
attributes:
  action:
    description: Runs on the control node.
    support: full
  platform:
    platforms: all
options:
  platform:
    description:
      - What the device runs, as C(docs/devices.md) lists it, for example V(cisco_ios) or V(paloalto_panos).
      - Without it the variable C(ansible_network_os) says so, with the names that Ansible's own collections use.
    type: str
  flows:
    description:
      - Flows to look at closely, as C(PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT]).
      - The device is asked for its own answer to where their packets go, for their sessions and for log lines of them.
      - Of a prefix flow the prefixes are treated as O(prefixes).
    type: list
    elements: str
    default: []
  prefixes:
    description: Prefixes or addresses. Of tables that are too large, the routes that cover them are read.
    type: list
    elements: str
    default: []
  gather_subset:
    description: The parts to read. Interfaces are always read.
    type: list
    elements: str
    choices: [interfaces, routes, neighbours, lookups, reverse_path, policy_routes, nat, sessions, drops, settings,
              load_sharing, fhrp, ha, logs]
    default: [interfaces, routes, neighbours, lookups, reverse_path, policy_routes, nat, sessions, drops, settings,
              load_sharing, fhrp, ha, logs]
  max_routes:
    description: The largest table that is read whole. Of a larger one, routes to addresses of interest are asked for.
    type: int
    default: 2000
  max_sessions:
    description: The most sessions that are returned.
    type: int
    default: 500
  sample_seconds:
    description: How long to watch drop counters grow. V(0) reads them once.
    type: float
    default: 0
seealso:
  - module: netpath.symmetry.host_facts
  - module: netpath.symmetry.diagnose
"""

EXAMPLES = r"""
- name: Read a router with one flow in mind
  netpath.symmetry.device_facts:
    platform: cisco_ios
    flows:
      - tcp 10.10.0.20:51000 > 172.16.9.9:443
    sample_seconds: 5

- name: Read whatever the inventory names by ansible_network_os, routing only
  netpath.symmetry.device_facts:
    gather_subset: [routes, policy_routes, reverse_path]
"""

RETURN = r"""
ansible_facts:
  description: Facts about this device, for C(ansible_facts['symmetry']).
  returned: always
  type: dict
  sample:
    symmetry:
      schema: netpath.symmetry/1
      platform: cisco_ios
      source: ssh
  contains:
    symmetry:
      description: The facts. Their schema is C(docs/device_facts.schema.json) of this collection.
      returned: always
      type: dict
      sample:
        schema: netpath.symmetry/1
        platform: cisco_ios
        device:
          reverse_path: {GigabitEthernet1: {mode: strict, allow_default: false, drops: 18}}
        parts:
          routes: {complete: true}
          sessions: {complete: false, why: not read on Cisco IOS and IOS-XE}
sent:
  description: Every command that was sent after the login, in order and without secrets.
  returned: success
  type: list
  elements: str
  sample: [show ip interface, show ip route summary, show ip route]
"""
