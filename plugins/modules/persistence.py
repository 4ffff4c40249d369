#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: persistence
short_description: Keep what the remedies made over a reboot
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Writes the files by which everything that this collection owns on the host comes back at the next boot, and when an
    interface or its manager does. The policy rules and routes with the protocol number 83, the nft table
    C(inet netpath_symmetry), the reverse-path filters of O(interfaces) and the hash of O(ecmp_hash) are persisted, and
    nothing else. Exceptions of M(netpath.symmetry.state_bypass) are not, as they end at a time of their own.
  - Rules are put in by a unit of the collection's own before the network is set up. The nft table is loaded by another
    one behind the firewalls, and again when C(nftables.service) is reloaded, whose file begins with C(flush ruleset).
    Who brings the routes of an interface is the choice of O(provider).
  - The old files are recorded with the change guard before the first one is written. A revert restores them, and so
    does, before the network is set up, a unit of the collection's own where the host went down before the change was
    confirmed.
  - Once the managers have read the files the state must be what it was, else the files are restored and the task fails.
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
  state:
    description:
      - With V(present), the files hold what is in force now, and no more what this collection does not own any more.
      - With V(absent), nothing is persisted; what is in force stays so until the next boot.
    type: str
    choices: [present, absent]
    default: present
  parts:
    description:
      - What is persisted. The files of other parts stay as they are, so that nothing is forgotten that happens not to
        be in force now.
      - V(routing) is rules and routes, V(nft) the nft table with source NAT, marks, MSS clamps and the reverse-path
        filters of IPv6, V(rp_filter) the reverse-path filters of O(interfaces), V(ecmp_hash) how flows are hashed over
        next hops.
    type: list
    elements: str
    choices: [routing, nft, rp_filter, ecmp_hash]
    default: [routing, nft, rp_filter, ecmp_hash]
  planned:
    description:
      - Results of tasks before this one with modules whose rules, routes or nft table are persisted here, such as
        M(netpath.symmetry.policy_routing) and M(netpath.symmetry.mss_clamp). In check mode they have not been carried
        out, so their changes are persisted as if they had.
      - Results of tasks that were skipped are passed over.
    type: list
    elements: dict
    default: []
  interfaces:
    description: Reverse-path filters to persist, as in M(netpath.symmetry.rp_filter). Those of other interfaces stay.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The interface.
        type: str
        required: true
      mode:
        description: The mode. Needed with O(interfaces_state=present).
        type: str
        choices: ["off", strict, loose]
      reason:
        description: Why this interface is not as the others. It is not written.
        type: str
      by:
        description: Who wants the exception. It is not written.
        type: str
      ipv6:
        description: The mode of IPv6. It is a rule of the nft table, which V(nft) among O(parts) persists.
        type: str
        choices: ["off", strict, loose]
  interfaces_state:
    description: With V(absent), O(interfaces) have no line in the file any more, whatever their mode.
    type: str
    choices: [present, absent]
    default: present
  ecmp_hash:
    description: >-
      The hash to persist, as in M(netpath.symmetry.ecmp_hash). Without it, what is persisted stays. Values of a later
      file of C(sysctl.d) that says otherwise are named, and nothing is written.
    type: dict
    suboptions:
      state:
        description: With V(absent), nothing about the hash is persisted any more.
        type: str
        choices: [present, absent]
        default: present
      fields:
        description: What is hashed, the five-tuple by default.
        type: list
        elements: str
        default: [source, destination, protocol, source_port, destination_port]
      seed:
        description: The seed. Without one, a seed that is persisted stays.
        type: int
  provider:
    description:
      - Who brings the routes of an interface back when the interface comes back.
      - V(auto) takes the network manager that runs. V(boot_unit), a unit of the collection's own, works everywhere.
      - V(networkd) writes drop-ins for the C(.network) files of systemd-networkd, also for those that netplan makes.
        V(networkmanager) and V(ifupdown) write a script for the manager's hooks.
      - Wherever systemd-networkd runs, C(ManageForeignRoutingPolicyRules=no) and C(ManageForeignRoutes=no) are set, or
        it would remove the rules.
    type: str
    choices: [auto, networkd, networkmanager, ifupdown, boot_unit]
    default: auto
  required:
    description: Fail where nothing can be persisted, such as in a container. Otherwise the task says so and goes on.
    type: bool
    default: true
  require_guard:
    description: Refuse to change anything unless a change guard is armed on the host.
    type: bool
    default: false
  change_id:
    description: The change that must be the one that is armed on the host.
    type: str
seealso:
  - module: netpath.symmetry.change_guard
  - module: netpath.symmetry.policy_routing
"""

EXAMPLES = r"""
- name: Keep what is in force over a reboot
  netpath.symmetry.persistence:
"""

RETURN = r"""
persisted:
  description: Whether what is owned here outlives a reboot, or would, in check mode.
  type: bool
  returned: success
  sample: true
provider:
  description: Who brings the routes of an interface back; empty where nothing can be persisted.
  type: str
  returned: success
  sample: boot_unit
why:
  description: Why nothing can be persisted; empty otherwise.
  type: str
  returned: success
  sample: ""
files:
  description: The files that were changed.
  type: list
  elements: str
  returned: success
  sample: [/etc/netpath-symmetry/rules.ipv4]
commands:
  description: Commands that tell the managers of it.
  type: list
  elements: str
  returned: success
  sample: ["systemctl daemon-reload"]
undo:
  description: Shell commands that put the files back as they were.
  type: list
  elements: str
  returned: success
  sample: ["rm -f /etc/netpath-symmetry/rules.ipv4 && ..."]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import armed, guarding_of
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.uplink_watch import refuse_while_failed_over
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import live
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import Owned
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.persist import carry_out, plan
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import PARTS, choose
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.ecmp_hash import FIVE_TUPLE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.rp_filter import read_wishes

INTERFACE = {
    "name": {"type": "str", "required": True},
    "mode": {"type": "str", "choices": ["off", "strict", "loose"]},
    "reason": {"type": "str"},
    "by": {"type": "str"},
    "ipv6": {"type": "str", "choices": ["off", "strict", "loose"]},
}
ECMP_HASH = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "fields": {"type": "list", "elements": "str", "default": list(FIVE_TUPLE)},
    "seed": {"type": "int", "no_log": False},
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
    "planned": {"type": "list", "elements": "dict", "default": []},
    "interfaces": {"type": "list", "elements": "dict", "default": [], "options": INTERFACE},
    "interfaces_state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "ecmp_hash": {"type": "dict", "options": ECMP_HASH},
    "provider": {
        "type": "str",
        "choices": ["auto", "networkd", "networkmanager", "ifupdown", "boot_unit"],
        "default": "auto",
    },
    "required": {"type": "bool", "default": True},
    "require_guard": {"type": "bool", "default": False},
    "change_id": {"type": "str"},
}


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Plan, and in the real mode carry out; returns the module's result."""
    try:
        providers, running = live.providers(), live.running()
        provider = choose(params["provider"], providers, running)
    except PersistError as error:
        if params["required"]:
            raise
        return {"changed": False, "persisted": False, "provider": "", "why": str(error), "files": [], "commands": [],
                "undo": [], "diff": []}
    wishes = read_wishes(params["interfaces"], params["interfaces_state"] == "absent")
    owned = Owned()
    if params["state"] == "present":
        refuse_while_failed_over()
        owned = live.read_owned(params["planned"] if check_mode else (), wishes, params["ecmp_hash"])
    planned = plan(owned, provider, providers, live.beside(running), params["parts"])
    if planned.changes and not check_mode:
        carry_out(planned, armed(guarding_of(params)), live.read_text)
    return {
        "changed": bool(planned.changes),
        "persisted": params["state"] == "present",
        "provider": provider.name,
        "why": "",
        "files": [change.path for change in planned.changes],
        "commands": planned.lines(),
        "undo": planned.undo(),
        "diff": planned.diff(),
    }


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except (PersistError, PlanError, GuardError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    if result["why"]:
        module.warn(f"nothing was persisted: {result['why']}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
