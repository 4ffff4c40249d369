#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecmp_hash
short_description: Hash flows over several next hops alike in both directions
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Makes the kernel choose among the next hops of a multipath route by named fields of the packet (policy 3), for IPv4
    and IPv6, so that both directions of a flow take the same branch of the same router, and with O(seed) of all routers
    that are told alike.
  - RV(not_promised) says what that cannot give.
  - The change is applied at run time; M(netpath.symmetry.persistence) lets it outlive a reboot.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
options:
  fields:
    description:
      - What is hashed. The default is the five-tuple, C(fib_multipath_hash_fields=0x37).
      - Of a pair, source and destination, both or none. A flow label is no choice, as each end has its own.
    type: list
    elements: str
    default: [source, destination, protocol, source_port, destination_port]
    choices:
      - source
      - destination
      - protocol
      - source_port
      - destination_port
      - inner_source
      - inner_destination
      - inner_protocol
      - inner_source_port
      - inner_destination_port
  seed:
    description:
      - The seed of the hash, the same on all routers that must choose alike, 1 to 4294967295; as it is without one.
      - Where the kernel has no seed (before Linux 6.11), RV(not_promised) says so.
    type: int
  state:
    description: With V(absent), the parameters get the values of a fresh kernel.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let both routers choose the same firewall for both directions of a flow
  netpath.symmetry.ecmp_hash:
    seed: 20260117
"""

RETURN = r"""
not_promised:
  description: What the change cannot give on this host.
  type: list
  elements: str
  returned: success
  sample: ["a next hop that goes or comes moves flows, also established ones: share state, or pin what must not move"]
changes:
  description: The plan, in order.
  type: list
  elements: dict
  returned: success
  sample:
    - kind: sysctl
      op: set
      before: {path: net/ipv4/fib_multipath_hash_policy, value: 0}
      after: {path: net/ipv4/fib_multipath_hash_policy, value: 3}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["echo 3 > /proc/sys/net/ipv4/fib_multipath_hash_policy"]
undo:
  description: Shell commands that take the change back; a value that somebody else has set meanwhile stays.
  type: list
  elements: str
  returned: success
  sample: ["[ \"$(cat /proc/sys/net/ipv4/fib_multipath_hash_policy 2>/dev/null)\" != 3 ] || echo 0 > /proc/..."]
kept:
  description: Foreign objects that were left in the way; always empty here.
  type: list
  elements: str
  returned: success
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sysctls
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import Params, Planned, run
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.ecmp_hash import (
    FIELDS,
    FIVE_TUPLE,
    not_promised,
    paths,
    plan,
    read_wish,
    text_of,
)

ARGUMENTS = {
    "fields": {"type": "list", "elements": "str", "choices": list(FIELDS), "default": list(FIVE_TUPLE)},
    "seed": {"type": "int", "no_log": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **GUARDED,
}


def make_plan(params: Params) -> Planned:
    wish = read_wish(params["fields"], params["seed"]) if params["state"] == "present" else None
    values = sysctls.read_values(paths())
    more = {"not_promised": not_promised(values, wish)}
    return Planned(plan(values, wish), lambda: text_of(sysctls.read_values(paths())), more)


def main() -> None:
    run(AnsibleModule(ARGUMENTS, supports_check_mode=True), make_plan)


if __name__ == "__main__":
    main()
