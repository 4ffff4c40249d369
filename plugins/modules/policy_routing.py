#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: policy_routing
short_description: Routing tables and policy rules of a Linux host
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Makes a host hold exactly the declared routing tables and policy rules of one scope, for IPv4 and IPv6.
  - Objects of the collection carry the protocol number 83 and lie in the scope's slice of rule priorities and
    table ids. What is not declared any more is removed from that slice. Everything else is foreign and stays.
  - A table whose content changes is built under a fresh id and switched by its rule, so that no packet meets half
    of it. Nothing is removed before its replacement stands.
  - The change is applied at run time; M(netpath.symmetry.persistence) lets it outlive a reboot.
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
  scope:
    description:
      - The slice of priorities and table ids that the declaration is about.
      - V(policy_route), V(source_routing) and V(symmetric_return) belong to the roles of that name (10100 to 10299,
        10300 to 10449, 9700 to 9999).
        V(manual) is for rules of your own (10500 to 10999); one task declares all of them.
    type: str
    choices: [manual, policy_route, source_routing, symmetric_return]
    default: manual
  state:
    description: With V(absent), everything that the scope owns is removed; O(tables) and O(rules) are ignored.
    type: str
    choices: [present, absent]
    default: present
  tables:
    description: The tables, each with all of its routes.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What O(rules[].table) calls the table. It is not written to C(rt_tables).
        type: str
        required: true
      id:
        description:
          - A table id or a name from C(rt_tables). Without it the module takes ids of the scope's slice.
          - A table with a fixed id is changed in place, route by route.
        type: str
      routes:
        description: The routes.
        type: list
        elements: dict
        default: []
        suboptions:
          dst:
            description: The prefix; V(default), V(0.0.0.0/0) or V(::/0) for all.
            type: str
            required: true
          family:
            description: Needed for V(default) without a gateway only.
            type: int
            choices: [4, 6]
          type:
            description: The route type.
            type: str
            choices: [unicast, unreachable, blackhole, prohibit, throw]
            default: unicast
          gateway:
            description: The next hop. An IPv4 route may have an IPv6 gateway.
            type: str
          device:
            description: The interface. Without it, the one on whose link the gateway is.
            type: str
          onlink:
            description: Take the gateway as on link although no prefix of the interface covers it.
            type: bool
            default: false
          nexthops:
            description: Several next hops, instead of O(tables[].routes[].gateway) and O(tables[].routes[].device).
            type: list
            elements: dict
            suboptions:
              gateway:
                description: The next hop.
                type: str
              device:
                description: The interface.
                type: str
              weight:
                description: The share of this next hop, 1 to 256.
                type: int
                default: 1
              onlink:
                description: Take the gateway as on link.
                type: bool
                default: false
          metric:
            description: The metric. The kernel's default is 0 for IPv4 and 1024 for IPv6.
            type: int
          prefsrc:
            description: The preferred source address of locally generated packets.
            type: str
          mtu:
            description: The path MTU in bytes.
            type: int
  rules:
    description: The rules, in the order in which they shall match.
    type: list
    elements: dict
    default: []
    suboptions:
      table:
        description:
          - A name of O(tables), a name of C(rt_tables) such as V(main), or a number.
          - Needed with O(rules[].action=lookup).
        type: str
      priority:
        description: A priority of the scope's slice. Without it the module chooses, and keeps, one.
        type: int
      family:
        description: The address family. Without it, that of the prefixes, else those of the table's routes.
        type: int
        choices: [4, 6]
      action:
        description: What the rule does.
        type: str
        choices: [lookup, unreachable, blackhole, prohibit]
        default: lookup
      src:
        description: Source prefix.
        type: str
        aliases: [from]
      dst:
        description: Destination prefix.
        type: str
        aliases: [to]
      iif:
        description: Incoming interface; V(lo) is what the host itself sends.
        type: str
      oif:
        description: Outgoing interface to which a socket is bound.
        type: str
      fwmark:
        description: Packet mark, decimal or as V(0x10).
        type: str
      fwmask:
        description: Mask of the mark.
        type: str
      tos:
        description: TOS value.
        type: str
      ipproto:
        description: IP protocol, as a name or a number.
        type: str
      sport:
        description: Source port, or a range such as V(1000-2000).
        type: str
      dport:
        description: Destination port, or a range.
        type: str
      uidrange:
        description: User ids of local sockets, such as V(0-0).
        type: str
      suppress_prefixlength:
        description: Go on with the next rule where the table's answer has a prefix of this length or a shorter one.
        type: int
      invert:
        description: Match what the selectors do not.
        type: bool
        default: false
  on_conflict:
    description:
      - What to do about a foreign object in the way, that is a rule with the declared priority, a rule in front of
        ours that matches the same packets and answers for one of our destinations, or a route at the place of ours.
      - V(fail) refuses and names it. V(replace) removes it, recorded in the inverse. V(keep) leaves it and does
        without ours.
    type: str
    choices: [fail, replace, keep]
    default: fail
  allow_management_cut:
    description:
      - Allow a plan after which replies to the SSH session that Ansible runs over leave by another interface, or are
        dropped.
      - Without it such a plan is refused in check mode, too.
      - With it nothing is changed unless a change guard is armed.
    type: bool
    default: false
  require_guard:
    description: Refuse to change anything unless a change guard is armed on the host.
    type: bool
    default: false
  change_id:
    description: The change that must be the one that is armed on the host.
    type: str
seealso:
  - module: netpath.symmetry.change_guard
  - module: netpath.symmetry.source_nat
"""

EXAMPLES = r"""
- name: Send what comes from one server out by the second uplink
  netpath.symmetry.policy_routing:
    tables:
      - name: wan_b
        routes:
          - {dst: default, gateway: 198.51.100.5, device: wan_b}
    rules:
      - {src: 192.0.2.20, table: wan_b}

- name: Remove all of it
  netpath.symmetry.policy_routing:
    state: absent
"""

RETURN = r"""
changes:
  description: The plan, in order.
  type: list
  elements: dict
  returned: success
  sample:
    - kind: rule
      op: add
      after: {family: 4, priority: 10500, table: 10500, src: 192.0.2.20/32, protocol: 83}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["ip rule add priority 10500 from 192.0.2.20 lookup 10500 protocol 83"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample:
    - "! printf '%s\\n' 'rule del priority 10500 from 192.0.2.20 lookup 10500 protocol 83' | ip -4 -force -batch - ..."
kept:
  description: Foreign objects that were left in the way, by O(on_conflict=keep).
  type: list
  elements: str
  returned: success
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import (
    ApplyError,
    carry_out,
    check_host,
    guarding_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.uplink_watch import refuse_while_failed_over
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import Desired, read_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.policy_routing import Options, plan, text_of

LEG = {
    "gateway": {"type": "str"},
    "device": {"type": "str"},
    "onlink": {"type": "bool", "default": False},
}
ROUTE = {
    **LEG,
    "dst": {"type": "str", "required": True},
    "family": {"type": "int", "choices": [4, 6]},
    "type": {
        "type": "str",
        "choices": ["unicast", "unreachable", "blackhole", "prohibit", "throw"],
        "default": "unicast",
    },
    "nexthops": {"type": "list", "elements": "dict", "options": {**LEG, "weight": {"type": "int", "default": 1}}},
    "metric": {"type": "int"},
    "prefsrc": {"type": "str"},
    "mtu": {"type": "int"},
}
RULE = {
    "table": {"type": "str"},
    "priority": {"type": "int"},
    "family": {"type": "int", "choices": [4, 6]},
    "action": {"type": "str", "choices": ["lookup", "unreachable", "blackhole", "prohibit"], "default": "lookup"},
    "src": {"type": "str", "aliases": ["from"]},
    "dst": {"type": "str", "aliases": ["to"]},
    **{name: {"type": "str"} for name in ("iif", "oif", "fwmark", "fwmask", "tos", "ipproto")},
    **{name: {"type": "str"} for name in ("sport", "dport", "uidrange")},
    "suppress_prefixlength": {"type": "int"},
    "invert": {"type": "bool", "default": False},
}
TABLE = {
    "name": {"type": "str", "required": True},
    "id": {"type": "str"},
    "routes": {"type": "list", "elements": "dict", "default": [], "options": ROUTE},
}
ARGUMENTS = {
    "scope": {
        "type": "str",
        "choices": ["manual", "policy_route", "source_routing", "symmetric_return"],
        "default": "manual",
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "tables": {"type": "list", "elements": "dict", "default": [], "options": TABLE},
    "rules": {"type": "list", "elements": "dict", "default": [], "options": RULE},
    "on_conflict": {"type": "str", "choices": ["fail", "replace", "keep"], "default": "fail"},
    "allow_management_cut": {"type": "bool", "default": False},
    "require_guard": {"type": "bool", "default": False},
    "change_id": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    params = module.params
    options = Options(params["scope"], params["on_conflict"], params["allow_management_cut"])
    try:
        desired = Desired()
        if params["state"] == "present":
            desired = read_desired(params["tables"], params["rules"])
        fixed = [table.id for table in desired.tables if table.id is not None]
        refuse_while_failed_over()
        planned = plan(read_host(fixed), desired, options)
        check_host(planned.changes)
        if planned.changes and not module.check_mode:
            carry_out(planned, lambda: text_of(read_host(fixed), options, planned.changes), guarding_of(params))
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**planned.result())


if __name__ == "__main__":
    main()
