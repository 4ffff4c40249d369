#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: state_sync_vrrp
short_description: Let one of several firewalls that share state forward at a time, by keepalived
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Configures and runs keepalived on one of several firewalls that share state by M(netpath.symmetry.state_sync) with
    C(paths=failover). The master has the virtual addresses.
  - keepalived calls a script of this collection, which has conntrackd do what a failover needs. The new master commits
    what the peer has sent, reads the kernel's table anew and sends it in bulk; who steps back shortens timers, and asks
    for what the master has.
  - keepalived itself reads the new configuration before it is put in place. One that runs reads it again, without a
    failover.
  - A configuration that this module has not written is refused by name, or taken over with O(adopt).
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
requirements:
  - keepalived
  - conntrackd
  - flock
options:
  state:
    description:
      - With V(absent), keepalived ends unless it ran before this module came, files of ours go, and what was taken over
        is put back.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: What this firewall is called.
    type: str
  instances:
    description:
      - The virtual routers, the same on all firewalls. All of them change their state together, so that both sides of a
        firewall are on one.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the virtual router is called.
        type: str
        required: true
      interface:
        description: The interface that has the virtual addresses.
        type: str
        required: true
      virtual_router_id:
        description: Its number, 1 to 255, unique on the network of the interface.
        type: int
        required: true
      addresses:
        description: The virtual addresses with prefix length, of one address family.
        type: list
        elements: str
        required: true
  priority:
    description: 1 to 254; of two that start together the one with more becomes master.
    type: int
    default: 100
  preempt:
    description: Whether a firewall with a higher priority takes over from a master that works.
    type: bool
    default: false
  interval:
    description: Seconds between advertisements. The backup takes over after three of them are missing.
    type: float
    default: 1.0
  adopt:
    description: Take over a configuration that this module has not written; it is kept beside it.
    type: bool
    default: false
  configuration:
    description: The configuration of keepalived.
    type: path
    default: /etc/keepalived/keepalived.conf
  conntrackd_configuration:
    description: The configuration of conntrackd.
    type: path
    default: /etc/conntrackd/conntrackd.conf
  service:
    description:
      - Who runs keepalived. V(systemd) is the packaged unit with a drop-in, V(command) the program itself, until the
        next boot. With V(auto), systemd where it is process 1 of this network.
    type: str
    choices: [auto, systemd, command]
    default: auto
"""

EXAMPLES = r"""
- name: Let one of the pair forward
  netpath.symmetry.state_sync_vrrp:
    name: fw1
    priority: 150
    instances:
      - {name: lan, interface: lan0, virtual_router_id: 51, addresses: [192.0.2.1/24]}
      - {name: wan, interface: wan0, virtual_router_id: 52, addresses: [198.51.100.2/29]}
"""

RETURN = r"""
runs_by:
  description: What runs the daemon, V(systemd) or V(process) (until the next boot); empty where none is to run.
  type: str
  returned: success
  sample: systemd
files:
  description: The files that were changed.
  type: list
  elements: str
  returned: success
  sample: [/etc/keepalived/keepalived.conf]
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["systemctl reload keepalived.service"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["systemctl reload keepalived.service"]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import ApplyError, guarding_of
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import deployment, vrrp_deployment

INSTANCE = {
    "name": {"type": "str", "required": True},
    "interface": {"type": "str", "required": True},
    "virtual_router_id": {"type": "int", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "instances": {"type": "list", "elements": "dict", "default": [], "options": INSTANCE},
    "priority": {"type": "int", "default": 100},
    "preempt": {"type": "bool", "default": False},
    "interval": {"type": "float", "default": 1.0},
    "adopt": {"type": "bool", "default": False},
    "configuration": {"type": "path", "default": vrrp_deployment.DEFAULT},
    "conntrackd_configuration": {"type": "path", "default": deployment.DEFAULT},
    "service": {"type": "str", "choices": ["auto", "systemd", "command"], "default": "auto"},
    **GUARDED,
}


def run(params: dict[str, t.Any], check_mode: bool) -> tuple[dict[str, t.Any], list[str]]:
    """Plan, and in the real mode carry out; returns the module's result, and what is to be warned of."""
    planned = vrrp_deployment.plan(params)
    if planned.service.changed and not check_mode:
        vrrp_deployment.carry_out(planned, guarding_of(params))
    return planned.result(), list(planned.warnings)


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result, warnings = run(module.params, module.check_mode)
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError, PersistError) as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    if result["runs_by"] == "process":
        module.warn("systemd is not process 1 of this network: keepalived runs as a process, until the next boot")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
