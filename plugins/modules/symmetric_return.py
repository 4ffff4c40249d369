#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: symmetric_return
short_description: Marks by which replies leave by the uplink that the request came in by
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Writes the number of the uplink by which requests come in into the connection's mark, and reads it into the mark
    of the replies, forwarded and local ones, TCP, UDP and the rest, IPv4 and IPv6.
  - Rules on that mark, made by M(netpath.symmetry.policy_routing), lead replies to the uplink's table. The role
    C(symmetric_return) does both; use it unless you know why not.
  - Two rules in prerouting and one in output of the table C(inet netpath_symmetry), however many uplinks there are.
  - Only bits of O(mark_mask) are read and written. A rule of somebody else that uses them is named and refused.
  - Where the reverse-path filter would drop the requests, nothing is changed.
  - What is declared is all that there is; other uplinks of earlier runs are removed.
  - The change is applied at run time only and does not outlive a reboot.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
options:
  uplinks:
    description: The uplinks, as the filter P(netpath.symmetry.return_desired#filter) makes them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the uplink is called.
        type: str
        required: true
      interface:
        description: Its interface. Two uplinks need two interfaces.
        type: str
        required: true
      mark:
        description: Its number, within O(mark_mask), such as V(0x01000000).
        type: str
        required: true
  state:
    description: With V(absent), all of our marking goes, and replies leave as routing alone tells.
    type: str
    choices: [present, absent]
    default: present
  mark_mask:
    description: The bits of packet and connection marks that are ours, one unbroken run.
    type: str
    default: "0xff000000"
  existing_connections:
    description:
      - With V(move), connections that are older than the rules are taken up with their next request packet, and their
        replies leave by the same uplink from then on.
      - With V(keep), only connections that begin afterwards are steered.
    type: str
    choices: [move, keep]
    default: move
  on_conflict:
    description:
      - What to do where somebody else reads or writes bits of O(mark_mask). V(fail) names them and refuses. V(keep)
        goes on beside them and names them in RV(kept).
    type: str
    choices: [fail, keep]
    default: fail
  allow_strict:
    description: Go on although the reverse-path filter of an interface may drop requests or replies.
    type: bool
    default: false
  allow_management_cut:
    description: >-
      Allow a change after which replies to the session that Ansible runs over leave by another interface. With it
      nothing is changed unless a change guard is armed.
    type: bool
    default: false
seealso:
  - module: netpath.symmetry.policy_routing
  - plugin: netpath.symmetry.return_desired
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Mark what comes in by two uplinks
  netpath.symmetry.symmetric_return:
    uplinks:
      - {name: wan_a, interface: wan_a, mark: "0x01000000"}
      - {name: wan_b, interface: wan_b, mark: "0x02000000"}

- name: Mark nothing any more
  netpath.symmetry.symmetric_return:
    state: absent
"""

RETURN = r"""
changes:
  description: The plan, in order.
  type: list
  elements: dict
  returned: success
  sample:
    - kind: nft
      op: add
      after: {what: element, name: return_in, elements: ['"wan_a" : goto return_to_01000000']}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["nft 'add map inet netpath_symmetry return_in { type ifname : verdict; }'"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["for h in $(nft -a list chain inet netpath_symmetry return_output ...); do nft delete rule ...; done"]
kept:
  description: Rules of others that use bits of O(mark_mask), by O(on_conflict=keep).
  type: list
  elements: str
  returned: success
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netfilter, sysctls
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import Params, Planned, run
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nft import read_own_table
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import live_part, part_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import (
    PREFIX,
    Options,
    Surroundings,
    plan,
    read_mask,
    read_uplinks,
)

UPLINK = {name: {"type": "str", "required": True} for name in ("name", "interface", "mark")}
ARGUMENTS = {
    "uplinks": {"type": "list", "elements": "dict", "default": [], "options": UPLINK},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **GUARDED,
    "mark_mask": {"type": "str", "default": "0xff000000"},
    "existing_connections": {"type": "str", "choices": ["move", "keep"], "default": "move"},
    "on_conflict": {"type": "str", "choices": ["fail", "keep"], "default": "fail"},
    "allow_strict": {"type": "bool", "default": False},
    "allow_management_cut": {"type": "bool", "default": False},
}


def make_plan(params: Params) -> Planned:
    options = Options(
        read_mask(params["mark_mask"]),
        params["existing_connections"],
        params["on_conflict"],
        params["allow_management_cut"],
        params["allow_strict"],
    )
    host = read_host()
    uplinks = read_uplinks(params["uplinks"] if params["state"] == "present" else (), host, options.mask)
    around = Surroundings(netfilter.read()[0], sysctls.read_interfaces()) if uplinks else Surroundings()
    planned = plan(host, live_part(read_own_table(), PREFIX), uplinks, options, around)
    return Planned(planned, lambda: part_text(live_part(read_own_table(), PREFIX)))


def main() -> None:
    run(AnsibleModule(ARGUMENTS, supports_check_mode=True), make_plan)


if __name__ == "__main__":
    main()
