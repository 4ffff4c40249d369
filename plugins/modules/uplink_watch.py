#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: uplink_watch
short_description: Let a host watch its own uplinks, and fail over where one is dead
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Installs and runs a watcher, a shell script that needs neither the control node nor Python. It asks addresses beyond
    each uplink through that uplink, and so finds one that is dead behind a link that is up.
  - An uplink is down when its link has no carrier, when its gateway does not answer (with O(uplinks[].check_gateway)),
    or when fewer than O(uplinks[].need) of its targets answer, for O(uplinks[].fall) rounds in a row.
  - Then routes of this collection (protocol 83) that leave by it alone are taken out, and where the best default route
    of the main table leaves by it, two rules lead what main has only a default for to the first uplink that is up.
    Routes of others are not touched. When the uplink has been up again for O(uplinks[].rise) rounds in a row, the rules
    are removed and the routes put back as they were.
  - Where no uplink of an address family is up, nothing is switched, and what was is put back.
  - Connection tracking entries whose source is translated to the address of an uplink by which routing does not send
    them any more are deleted, so that such flows get the address of the other uplink. No others are.
  - While a change is pending on the host (M(netpath.symmetry.change_guard)) nothing is switched.
  - On the host, C(/var/lib/netpath-symmetry/symmetry-uplink-watch status) tells what is up, what is switched and why;
    C(home) ends the watch and puts everything back.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
options:
  uplinks:
    description:
      - The uplinks, in the order in which they are used where another one is down. One with both address families is
        listed once for each. At least two of a family.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the uplink is called.
        type: str
        required: true
      interface:
        description: The interface by which it is reached, its own.
        type: str
        required: true
      gateway:
        description: The gateway. It may be left out on a link with one other end.
        type: str
      targets:
        description: Addresses beyond the uplink that answer to ping, of the address family of the gateway.
        type: list
        elements: str
        default: []
      need:
        description: So many of the targets must answer. V(1) where it is left out.
        type: int
      fall:
        description: So many rounds in a row must fail until the uplink is down.
        type: int
        default: 3
      rise:
        description: So many rounds in a row must succeed until it is up again.
        type: int
        default: 5
      check_gateway:
        description: Whether the gateway must answer to ping, too. Many do not.
        type: bool
        default: false
  interval:
    description: Seconds from one round to the next.
    type: int
    default: 2
  timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 1
  stranded_connections:
    description: With V(keep), no connection tracking entry is deleted, and flows that go on keep the dead address.
    type: str
    choices: [delete, keep]
    default: delete
  state:
    description: With V(absent), the watcher puts back what it has switched, ends, and is removed.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Leave a provider that is dead beyond its link within seconds
  netpath.symmetry.uplink_watch:
    uplinks:
      - name: a
        interface: wan_a
        gateway: 198.51.100.1
        targets: [192.0.2.53, 203.0.113.53, 203.0.113.7]
        need: 2
      - name: b
        interface: wan_b
        gateway: 198.51.100.5
        targets: [192.0.2.53, 203.0.113.53]
"""

RETURN = r"""
runs_by:
  description: What runs the watcher, V(systemd), V(process) (until the next boot), or nothing with O(state=absent).
  type: str
  returned: success
  sample: systemd
files:
  description: The files that were changed.
  type: list
  elements: str
  returned: success
  sample: [/var/lib/netpath-symmetry/uplink-watch.conf]
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["sh /var/lib/netpath-symmetry/symmetry-uplink-watch start"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["[ ! -e /var/lib/netpath-symmetry/symmetry-uplink-watch ] || sh ... home", "rm -f ..."]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import ApplyError, guarding_of
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.resident import carry_out
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.uplink_watch import plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch import read_watch

UPLINK = {
    "name": {"type": "str", "required": True},
    "interface": {"type": "str", "required": True},
    "gateway": {"type": "str"},
    "targets": {"type": "list", "elements": "str", "default": []},
    "need": {"type": "int"},
    "fall": {"type": "int", "default": 3},
    "rise": {"type": "int", "default": 5},
    "check_gateway": {"type": "bool", "default": False},
}
ARGUMENTS = {
    "uplinks": {"type": "list", "elements": "dict", "default": [], "options": UPLINK},
    "interval": {"type": "int", "default": 2},
    "timeout": {"type": "int", "default": 1},
    "stranded_connections": {"type": "str", "choices": ["delete", "keep"], "default": "delete"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **GUARDED,
}


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Plan, and in the real mode carry out; returns the module's result."""
    watch = read_watch(params) if params["state"] == "present" else None
    planned = plan(watch)
    if planned.changed and not check_mode:
        carry_out(planned, guarding_of(params))
    runs_by = "" if watch is None else "systemd" if systemd.is_process_1() else "process"
    return {"runs_by": runs_by, **planned.result()}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except (PlanError, ApplyError, GuardError, CommandError) as error:
        module.fail_json(msg=str(error))
    if result["runs_by"] == "process":
        module.warn("systemd is not process 1 of this network: the watcher runs as a process, until the next boot")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
