#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mss_clamp
short_description: Clamp TCP's segment size at named interfaces
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Lowers the maximum segment size in SYN packets that pass the named interfaces, both ways, for IPv4 and IPv6, so that
    full segments fit the path where the ICMP errors of path MTU discovery do not arrive. No SYN is ever given more.
  - Helps TCP only, and only connections that begin afterwards. Other protocols need their ICMP errors.
  - What is declared is all that there is; edges of earlier runs are removed.
  - The rules are in the table C(inet netpath_symmetry), in chains whose names begin with C(mss_).
  - The change is applied at run time; M(netpath.symmetry.persistence) lets it outlive a reboot.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
options:
  edges:
    description: The interfaces at which to clamp.
    type: list
    elements: dict
    default: []
    suboptions:
      interface:
        description: The interface.
        type: str
        required: true
      mtu:
        description:
          - What the path beyond the interface takes, 576 to 65535 and at most the interface's own. Segments are
            clamped to 40 bytes less for IPv4 and 60 less for IPv6, also those of the host itself.
          - Without it, forwarded SYNs are clamped to the MTU of the routes both ways.
        type: int
  state:
    description: With V(absent), nothing is clamped any more.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Fit TCP to the tunnel of a provider
  netpath.symmetry.mss_clamp:
    edges:
      - {interface: wan_b, mtu: 1400}

- name: Clamp nothing any more
  netpath.symmetry.mss_clamp:
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
      after: {what: chain, name: mss_forward, text: type filter hook forward priority mangle; policy accept;}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["nft 'add rule inet netpath_symmetry mss_forward oifname \"wan_b\" ... tcp option maxseg size set 1360'"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["for h in $(nft -a list chain inet netpath_symmetry mss_forward ...); do nft delete rule ...; done"]
kept:
  description: Foreign objects that were left in the way; always empty here.
  type: list
  elements: str
  returned: success
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import Params, Planned, run
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nft import read_own_table
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.mss_clamp import PREFIX, plan, read_edges
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import live_part, part_text

EDGE = {"interface": {"type": "str", "required": True}, "mtu": {"type": "int"}}
ARGUMENTS = {
    "edges": {"type": "list", "elements": "dict", "default": [], "options": EDGE},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **GUARDED,
}


def make_plan(params: Params) -> Planned:
    edges = read_edges(params["edges"], read_host()) if params["state"] == "present" else []
    planned = plan(live_part(read_own_table(), PREFIX), edges)
    return Planned(planned, lambda: part_text(live_part(read_own_table(), PREFIX)))


def main() -> None:
    run(AnsibleModule(ARGUMENTS, supports_check_mode=True), make_plan)


if __name__ == "__main__":
    main()
