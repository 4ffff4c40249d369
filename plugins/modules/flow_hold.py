#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flow_hold
short_description: Keep connections open while the network changes, and count what is left of them
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Opens TCP connections from the host, holds them for some time, and tells which of them are still answered then.
  - Only the kernel's keepalive probes are sent, once a second, which any service answers. A firewall that has lost the
    connection drops them.
  - Run it in the background (C(async)), and let the network fail over meanwhile.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.attributes.info_module
attributes:
  platform:
    support: full
    platforms: linux
options:
  flow:
    description: The flow as text, for example C(tcp 192.0.2.20 > 203.0.113.10:443); each has a source port of its own.
    type: str
    required: true
  count:
    description: Number of connections, at most 1000.
    type: int
    default: 20
  seconds:
    description: How long they are held, at most 600.
    type: float
    default: 30
  patience:
    description: A connection that was not answered for so many seconds at the end is lost. 3 to 60.
    type: float
    default: 5
  ready_file:
    description: A file of the host that is written once all connections stand, with their number.
    type: path
  until_file:
    description: A file of the host at whose appearance the end begins, O(patience) seconds before the last look.
    type: path
seealso:
  - module: netpath.symmetry.flow_probe
"""

EXAMPLES = r"""
- name: Hold connections in the background
  netpath.symmetry.flow_hold:
    flow: tcp 192.0.2.20 > 203.0.113.10:443
    count: 50
    seconds: 60
  async: 90
  poll: 0
  register: held
"""

RETURN = r"""
connections:
  description: What became of each.
  type: list
  elements: dict
  returned: success
  sample:
    - {local_port: 40000, alive: true, silence: 2.4, error: ''}
  contains:
    local_port:
      description: Its source port.
      type: int
      sample: 40000
    alive:
      description: Whether it was answered at the end.
      type: bool
      sample: true
    silence:
      description: The longest time without an answer that was seen, in seconds.
      type: float
      sample: 2.4
    error:
      description: What ended it, else empty.
      type: str
      sample: no answer for 6.2 s
summary:
  description: Counts of all connections.
  type: dict
  returned: success
  sample: {opened: 50, alive: 50, errors: {}, longest_silence: 2.4}
  contains:
    opened:
      description: Number of connections.
      type: int
      sample: 50
    alive:
      description: Number of those that were answered at the end.
      type: int
      sample: 50
    errors:
      description: Number of others for each reason.
      type: dict
      sample: {}
    longest_silence:
      description: The longest time without an answer among those that were kept, in seconds.
      type: float
      sample: 2.4
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._probe.hold import Wish, hold, summarise
from ansible_collections.netpath.symmetry.plugins.module_utils._probe.request import ProbeError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "flow": {"type": "str", "required": True},
            "count": {"type": "int", "default": 20},
            "seconds": {"type": "float", "default": 30},
            "patience": {"type": "float", "default": 5},
            "ready_file": {"type": "path"},
            "until_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    options = module.params

    def ready(count: int) -> None:
        if options["ready_file"]:
            with open(options["ready_file"], "w", encoding="utf-8") as file:
                file.write(f"{count}\n")

    try:
        wish = Wish(options["flow"], options["count"], options["seconds"], options["patience"],
                    options["until_file"] or "")
        held = hold(wish, ready)
    except (ProbeError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, connections=[one.to_dict() for one in held], summary=summarise(held))


if __name__ == "__main__":
    main()
