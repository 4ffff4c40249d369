#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rp_filter
short_description: Reverse-path filter of single interfaces
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Sets C(net.ipv4.conf.INTERFACE.rp_filter) of the named interfaces and no other.
  - The kernel uses the greater of the interface's number and that of C(all), which is never written. The module returns
    what is in force afterwards, and fails where the value of C(all) makes a wish impossible.
  - Interface names with dots are no problem.
  - IPv6 has no such parameter. There, a rule of our nft table asks for the route back to the source
    (O(interfaces[].ipv6)).
  - An interface that is less strict for a reason stands in the register of exceptions of the host,
    C(/var/lib/netpath-symmetry/register). With O(interfaces[].until), the host ends the exception by itself, without
    Ansible, and says so in its log.
  - The change is applied at run time; M(netpath.symmetry.persistence) lets it outlive a reboot and the interface.
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
  interfaces:
    description: The interfaces.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The interface; V(all) and V(default) are refused.
        type: str
        required: true
      mode:
        description:
          - V(strict) drops packets to whose source the host would not send by this interface (RFC 3704).
          - V(loose) drops packets to whose source there is no route at all. V(off) drops none.
          - Needed with O(state=present).
        type: str
        choices: ["off", strict, loose]
      reason:
        description: Why this interface is not as the others. It is returned, and kept in the register of exceptions.
        type: str
      by:
        description: Who wants the exception. It stands in the register.
        type: str
      until:
        description:
          - When the exception ends, such as V(2026-12-24T06:00:00Z), or V(2026-12-24) for the end of that day in UTC.
            The interface then gets back the mode that it had before.
          - An exception whose time is over is ended where it still stands, and named in RV(expired).
        type: str
      ipv6:
        description:
          - The mode of IPv6, as O(interfaces[].mode) has it. V(strict) is refused where a route back by the interface
            has next hops by others, too, because nft sees the one that the hash picks. Left as it is when absent.
        type: str
        choices: ["off", strict, loose]
  state:
    description: >-
      With V(absent), the interfaces get what a new interface would get, C(net.ipv4.conf.default.rp_filter), and our
      rules for IPv6 and their entries of the register go.
    type: str
    choices: [present, absent]
    default: present
  allow_management_cut:
    description: >-
      Allow strict mode where it would drop the SSH session that Ansible runs over. With it nothing is changed unless a
      change guard is armed.
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
"""

EXAMPLES = r"""
- name: Accept replies that come back by the second uplink
  netpath.symmetry.rp_filter:
    interfaces:
      - name: wan_b
        mode: loose
        reason: the partner's replies enter by the other provider
        by: alice
        until: "2026-12-24"

- name: Drop spoofed sources of IPv6 at the inside
  netpath.symmetry.rp_filter:
    interfaces:
      - {name: lan, mode: strict, ipv6: strict}
"""

RETURN = r"""
effective:
  description: What is in force at the interfaces afterwards, and whether their own value or that of all decides.
  type: list
  elements: dict
  returned: success
  sample: [{interface: wan_b, mode: loose, origin: interface, reason: the partner's replies enter there}]
after_reboot:
  description: >-
    The files of C(sysctl.d) that would set the interfaces' values at the next boot, where they differ from what is in
    force now. Empty where nothing applies such files in this network.
  type: list
  elements: dict
  returned: success
  sample: [{interface: wan_b, value: 1, file: /etc/sysctl.d/50-router.conf}]
expired:
  description: Interfaces whose exception is over.
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
    - kind: sysctl
      op: set
      before: {path: net/ipv4/conf/wan_b/rp_filter, value: 1}
      after: {path: net/ipv4/conf/wan_b/rp_filter, value: 2}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["echo 2 > /proc/sys/net/ipv4/conf/wan_b/rp_filter"]
undo:
  description: Shell commands that take the change back; a value that somebody else has set meanwhile stays.
  type: list
  elements: str
  returned: success
  sample: ["[ \"$(cat /proc/sys/net/ipv4/conf/wan_b/rp_filter 2>/dev/null)\" != 2 ] || echo 1 > /proc/..."]
kept:
  description: Foreign objects that were left in the way; always empty here.
  type: list
  elements: str
  returned: success
  sample: []
"""

import dataclasses
import datetime
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import register, sysctl_files
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import (
    ApplyError,
    carry_out,
    check_host,
    guarding_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError, find
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host, read_rp_filter
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nft import read_own_table
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import Part, live_part
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.rp_filter import (
    ROLE,
    Standing,
    Wish,
    effective,
    ended,
    in_force,
    plan,
    read_wishes,
    text_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.rp_filter_v6 import PREFIX

INTERFACE = {
    "name": {"type": "str", "required": True},
    "mode": {"type": "str", "choices": ["off", "strict", "loose"]},
    "reason": {"type": "str"},
    "by": {"type": "str"},
    "until": {"type": "str"},
    "ipv6": {"type": "str", "choices": ["off", "strict", "loose"]},
}
ARGUMENTS = {
    "interfaces": {"type": "list", "elements": "dict", "required": True, "options": INTERFACE},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "allow_management_cut": {"type": "bool", "default": False},
    "require_guard": {"type": "bool", "default": False},
    "change_id": {"type": "str"},
}


def standing(wishes: t.Sequence[Wish]) -> Standing:
    """What stands beside the values. nft is asked only where IPv6 is meant and, to remove, where it is installed."""
    asked = any(wish.ipv6 is not None and (wish.mode is not None or find("nft")) for wish in wishes)
    part = live_part(read_own_table(), PREFIX) if asked else Part(PREFIX)
    return Standing(part, register.read(ROLE))


def after_reboot(values: t.Mapping[str, int], wishes: t.Sequence[Wish]) -> list[dict[str, t.Any]]:
    """Where a file will set another value than the one that is in force."""
    found = sysctl_files.read({}, {wish.interface: {} for wish in wishes})[0].get("interface_sysctls", {})
    told = []
    for wish in wishes:
        answer = found.get(wish.interface, {}).get("rp_filter")
        if answer and answer["value"] != (values["default"] if wish.mode is None else wish.mode):
            told.append({"interface": wish.interface, **answer})
    return told


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        declared = read_wishes(params["interfaces"], params["state"] == "absent")
        wishes, expired = in_force(declared, datetime.datetime.now(datetime.timezone.utc))
        values = read_rp_filter()
        wishes += ended(values, expired, register.read(ROLE))
        planned = plan(read_host(), values, wishes, params["allow_management_cut"], standing(wishes))
        check_host(planned.changes)
        if planned.changes and not module.check_mode:
            carry_out(planned, lambda: text_of(read_rp_filter(), wishes, standing(wishes)), guarding_of(params))
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    effect = [dataclasses.asdict(one) for one in effective(values, wishes)]
    told = {"after_reboot": after_reboot(values, wishes), "expired": expired}
    module.exit_json(effective=effect, **told, **planned.result())


if __name__ == "__main__":
    main()
