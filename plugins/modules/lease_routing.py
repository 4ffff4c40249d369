#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lease_routing
short_description: Let source rules follow the leases of uplinks
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - For uplinks whose address and gateway come by DHCP or router advertisements, replies leave by the uplink of their
    source address, and go on to do so with the next lease.
  - Installs and runs a follower, a shell script under systemd that needs neither the control node nor Python. It
    listens to the kernel (C(ip monitor)), and takes the addresses, the prefixes on link and the best default route of
    the main table by the interface. From these it makes a table and the rules that lead there, within two seconds.
  - A table with other routes is built aside before the rules are switched to it.
  - It owns the rules of protocol 83 and the tables from 10450 to 10499. Nothing else is touched.
  - On the host, C(/var/lib/netpath-symmetry/symmetry-lease-routing status) tells which addresses leave by which
    gateway.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
options:
  uplinks:
    description: The uplinks. Each must have a lease when this is run.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the uplink is called.
        type: str
        required: true
      interface:
        description: Its interface.
        type: str
        required: true
      families:
        description: The address families whose leases are followed.
        type: list
        elements: str
        choices: [ipv4, ipv6]
        default: [ipv4]
      delegated_to:
        description: Interfaces whose IPv6 prefixes are delegated by this uplink, so that packets from them leave by it.
        type: list
        elements: str
        default: []
  specifics:
    description:
      - With V(main), routes of the main table other than its default keep working for all sources.
      - With V(uplink), the uplink's table alone decides.
      - With prefixes, routes of the main table keep working to these destinations.
    type: list
    elements: str
    default: [main]
  state:
    description: With V(absent), the follower ends, takes away what is there of it at that time, and is removed.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: netpath.symmetry.policy_routing
"""

EXAMPLES = r"""
- name: Replies from the address of a cable modem leave by it, whichever address it has
  netpath.symmetry.lease_routing:
    uplinks:
      - name: cable
        interface: wan_a
        families: [ipv4, ipv6]
        delegated_to: [lan]
"""

RETURN = r"""
files:
  description: The files that were changed.
  type: list
  elements: str
  returned: success
  sample: [/var/lib/netpath-symmetry/lease-routing.conf]
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["sh /var/lib/netpath-symmetry/symmetry-lease-routing start"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["[ ! -e /var/lib/netpath-symmetry/symmetry-lease-routing ] || sh ... home", "rm -f ..."]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import ApplyError, guarding_of
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.lease_routing import plan
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.resident import carry_out
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lease_routing import read_leases

UPLINK = {
    "name": {"type": "str", "required": True},
    "interface": {"type": "str", "required": True},
    "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": ["ipv4"]},
    "delegated_to": {"type": "list", "elements": "str", "default": []},
}
ARGUMENTS = {
    "uplinks": {"type": "list", "elements": "dict", "default": [], "options": UPLINK},
    "specifics": {"type": "list", "elements": "str", "default": ["main"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **GUARDED,
}


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Plan, and in the real mode carry out; returns the module's result."""
    planned = plan(read_leases(params) if params["state"] == "present" else None)
    if planned.changed and not check_mode:
        carry_out(planned, guarding_of(params))
    return planned.result()


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
