#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: uplink_fault
short_description: Break an uplink on purpose for a failover test
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Makes one uplink fail in a chosen way, so that a failover test can measure what happens to traffic.
  - It runs under a pending change guard only, and leaves its inverse there. The uplink is mended by
    M(netpath.symmetry.change_guard) with O(netpath.symmetry.change_guard#module:state=reverted), or by the guard
    itself when its time is up.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    platforms: linux
options:
  interface:
    description: The interface of the uplink.
    type: str
    required: true
  kind:
    description:
      - V(link) sets the interface down. On the far end of a link that is the loss of the far carrier for this end.
      - V(beyond) drops what is forwarded through the interface while the link and the neighbour stay alive,
        as when the provider is dead beyond its first hop.
    type: str
    choices: [link, beyond]
    required: true
seealso:
  - module: netpath.symmetry.change_guard
  - module: netpath.symmetry.flow_probe
"""

EXAMPLES = r"""
- name: Arm the guard first
  netpath.symmetry.change_guard:
    state: armed
    timeout: 60
    reason: failover test

- name: Pull the first uplink
  netpath.symmetry.uplink_fault:
    interface: wan_a
    kind: link
"""

RETURN = r"""
commands:
  description: The commands that break the uplink.
  returned: always
  type: list
  elements: str
  sample: ["ip link set dev wan_a down"]
undo:
  description: The commands that mend it, as recorded with the guard.
  returned: always
  type: list
  elements: str
  sample: ["ip link set dev wan_a up"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError, applying, pending
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import uplink_fault
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "required": True},
            "kind": {"type": "str", "choices": list(uplink_fault.KINDS), "required": True},
        },
        supports_check_mode=True,
    )
    try:
        fault = uplink_fault.plan(module.params["interface"], module.params["kind"])
        guard = pending()
        if fault.changes and not module.check_mode:
            if guard is None:
                raise GuardError(
                    "no change guard is armed on this host: arm one with change_guard before breaking an uplink"
                )
            with applying(guard, f"fault: {fault.after}", fault.undo, touches=[f"w link/{module.params['interface']}"]):
                uplink_fault.apply(fault)
    except (uplink_fault.FaultError, CommandError, GuardError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=fault.changes, commands=list(fault.commands), undo=list(fault.undo), diff=uplink_fault.as_diff(fault)
    )


if __name__ == "__main__":
    main()
