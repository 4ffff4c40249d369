#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: state_bypass
short_description: Exempt named traffic from connection tracking, until a certain time
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - The last of the remedies. Packets of a narrow scope are not tracked, both ways, forwarded and local ones, so that a
    rule that drops invalid packets does not drop replies whose requests went elsewhere.
  - Each bypass needs consent, somebody who answers for it, a reason and an end. It stands in the register of exceptions
    of the host, C(/var/lib/netpath-symmetry/register).
  - At its end the host removes it by itself, without Ansible or Python, and says so in its log and in
    C(/var/lib/netpath-symmetry/expired.log). On the host, C(/var/lib/netpath-symmetry/symmetry-expiry list) tells what
    stands.
  - Rules that drop for other reasons, or accept only what is established, still do; where those are somebody else's,
    they need a rule of their own.
  - What is declared is all that there is; bypasses of earlier runs are removed.
  - The rules are in the table C(inet netpath_symmetry), in chains whose names begin with C(bypass_). They do not
    outlive a reboot.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
options:
  entries:
    description: The bypasses.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the bypass is called, in the register and in rules.
        type: str
        required: true
      sources:
        description: The prefixes of those who ask, at least C(/8) or C(/19) long.
        type: list
        elements: str
        required: true
      destinations:
        description: The prefixes of those who answer, of the same address families.
        type: list
        elements: str
        required: true
      protocol:
        description: The protocol.
        type: str
        choices: [tcp, udp, sctp, dccp, udplite, icmp, icmpv6, esp, ah, gre]
        required: true
      ports:
        description: Ports of those who answer, numbers or ranges. Needed where the protocol has ports.
        type: list
        elements: str
        default: []
      consent:
        description: Must be V(true). Who sets it accepts that packets pass of which nobody has seen a connection.
        type: bool
        required: true
      by:
        description: Who answers for it.
        type: str
        required: true
      reason:
        description: Why it is needed.
        type: str
        required: true
      until:
        description:
          - When it ends, such as V(2026-12-24T06:00:00Z), or V(2026-12-24) for the end of that day in UTC.
          - An entry whose time is over is removed, and named in RV(expired).
        type: str
        required: true
  state:
    description: With V(absent), all bypasses are removed.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let the replies of a partner pass until its provider has mended its routing
  netpath.symmetry.state_bypass:
    entries:
      - name: partner
        sources: [192.0.2.0/24]
        destinations: [203.0.113.10]
        protocol: tcp
        ports: ["443"]
        consent: true
        by: alice
        reason: CHG0031337, replies enter by the other provider
        until: "2026-12-24"
"""

RETURN = r"""
expired:
  description: Names of declared entries whose time is over; they do not stand.
  type: list
  elements: str
  returned: success
  sample: []
changes:
  description: The plan, in order.
  type: list
  elements: dict
  returned: success
  sample:
    - kind: register
      op: add
      after: {role: state_bypass, name: partner, by: alice, until: "2026-12-25T00:00:00Z"}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["nft 'add rule inet netpath_symmetry bypass_prerouting ip saddr 192.0.2.0/24 ... notrack ...'"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["for h in $(nft -a list chain inet netpath_symmetry bypass_output ...); do nft delete rule ...; done"]
kept:
  description: Foreign objects that were left in the way; always empty here.
  type: list
  elements: str
  returned: success
  sample: []
"""

import datetime

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import register
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import MissingToolError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import Params, Planned, run
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nat import read_connections
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nft import read_own_table
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Connection
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import live_part, part_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import entries_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.state_bypass import (
    PREFIX,
    ROLE,
    Bypass,
    plan,
    read_bypasses,
)

ENTRY = {
    **{name: {"type": "str", "required": True} for name in ("name", "by", "reason", "until")},
    **{name: {"type": "list", "elements": "str", "required": True} for name in ("sources", "destinations")},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "required": True},
    "ports": {"type": "list", "elements": "str", "default": []},
    "consent": {"type": "bool", "required": True},
}
ARGUMENTS = {
    "entries": {"type": "list", "elements": "dict", "default": [], "options": ENTRY},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **GUARDED,
}


def text_of_host() -> str:
    return part_text(live_part(read_own_table(), PREFIX)) + entries_text(register.read(ROLE).values())


def live_connections(bypasses: list[Bypass]) -> list[Connection]:
    """To see whether some are translated; a host without conntrack(8) is not asked."""
    try:
        return read_connections(prefix for one in bypasses for prefix in one.destinations) if bypasses else []
    except MissingToolError:
        return []


def make_plan(params: Params) -> Planned:
    declared = params["entries"] if params["state"] == "present" else []
    bypasses, expired = read_bypasses(declared, datetime.datetime.now(datetime.timezone.utc))
    live = live_part(read_own_table(), PREFIX)
    planned = plan(live, register.read(ROLE), bypasses, live_connections(bypasses))
    return Planned(planned, text_of_host, {"expired": expired})


def main() -> None:
    run(AnsibleModule(ARGUMENTS, supports_check_mode=True), make_plan)


if __name__ == "__main__":
    main()
