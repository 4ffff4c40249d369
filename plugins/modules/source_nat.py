#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: source_nat
short_description: Source NAT by destination, so that replies come back by a chosen uplink
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Makes the collection's own nftables table C(inet netpath_symmetry) hold exactly the declared entries. Each one is
    a set of prefixes and a rule that gives packets to these prefixes another source address where they leave by one
    interface.
  - The table is changed in one transaction, which the kernel checks in check mode, too. Rules, sets and chains that
    others have put into it stay.
  - Its chain runs before those of the host's own source NAT (priority C(srcnat - 5)). The first translation is final.
  - A connection keeps the translation of its first packet. The module counts live connections that the change makes
    wrong and deletes the conntrack entries of those that O(existing_connections) says, one by one. It never flushes
    the table.
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
requirements:
  - C(nft) of nftables 0.9.3 or later
  - C(conntrack) of conntrack-tools, unless O(existing_connections=keep)
options:
  state:
    description: With V(absent), all entries are removed; O(entries) is ignored.
    type: str
    choices: [present, absent]
    default: present
  entries:
    description: All entries of the host.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the entry is called; it is part of the names of its set and its rule's comment.
        type: str
        required: true
      prefixes:
        description: The destinations, all of one address family. Overlapping and adjacent ones are joined.
        type: list
        elements: str
        required: true
      interface:
        description: The interface by which packets must leave.
        type: str
        required: true
      address:
        description: The source address that the destinations see.
        type: str
        required: true
      protocols:
        description: Only these protocols, such as V(tcp); all without it.
        type: list
        elements: str
        default: []
      ports:
        description: Only these destination ports or ranges, such as V(8000-8010). Needs O(entries[].protocols).
        type: list
        elements: str
        default: []
      acknowledge_source:
        description: The far end knows that it will see O(entries[].address) from now on (allow-lists).
        type: bool
        default: false
  unacknowledged:
    description:
      - What to do where a far end would see another source address and O(entries[].acknowledge_source) is not set.
      - V(report) returns it in RV(source_changes). V(refuse) fails and names the address before and after.
    type: str
    choices: [report, refuse]
    default: report
  existing_connections:
    description:
      - Which live connections that the change makes wrong to end. V(unreplied) ends those that never got an answer.
      - V(all) ends established ones, too; they are cut off. V(keep) leaves all of them and needs no C(conntrack).
    type: str
    choices: [unreplied, all, keep]
    default: unreplied
  allow_foreign_address:
    description: Allow an address that no interface of the host has.
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
  - module: netpath.symmetry.policy_routing
"""

EXAMPLES = r"""
- name: Let the partner see an address of the first provider
  netpath.symmetry.source_nat:
    entries:
      - name: partner
        prefixes: [203.0.113.0/25]
        interface: wan_a
        address: 198.51.100.2
        acknowledge_source: true
    unacknowledged: refuse
"""

RETURN = r"""
changes:
  description: The plan, in order, with the conntrack entries to delete at its end.
  type: list
  elements: dict
  returned: success
  sample:
    - kind: nft
      op: add
      after: {what: element, name: snat_partner, elements: [203.0.113.0/25]}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["nft 'add element inet netpath_symmetry snat_partner { 203.0.113.0/25 }'"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["for h in $(nft -a list chain inet netpath_symmetry postrouting ...); do nft delete rule ...; done"]
connections:
  description: Live connections that the change makes wrong, and how many of them are ended.
  type: dict
  returned: success
  sample: {unreplied: 1, replied: 12, deleted: 1}
source_changes:
  description: The far ends that see another source address, by entry.
  type: list
  elements: dict
  returned: success
  sample: [{name: partner, before: [198.51.100.6], after: 198.51.100.2, acknowledged: true}]
kept:
  description: Foreign objects that were left in the way; always empty here.
  type: list
  elements: str
  returned: success
  sample: []
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import (
    ApplyError,
    carry_out,
    check_host,
    delete_connection,
    guarding_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nat import read_connections, read_table
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import read_entries
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import table_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.source_nat import (
    NatPlan,
    late_deletions,
    plan,
    source_report,
    standing,
)

ENTRY = {
    "name": {"type": "str", "required": True},
    "prefixes": {"type": "list", "elements": "str", "required": True},
    "interface": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "protocols": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "str", "default": []},
    "acknowledge_source": {"type": "bool", "default": False},
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "entries": {"type": "list", "elements": "dict", "default": [], "options": ENTRY},
    "unacknowledged": {"type": "str", "choices": ["report", "refuse"], "default": "report"},
    "existing_connections": {"type": "str", "choices": ["unreplied", "all", "keep"], "default": "unreplied"},
    "allow_foreign_address": {"type": "bool", "default": False},
    "require_guard": {"type": "bool", "default": False},
    "change_id": {"type": "str"},
}


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Plan, and in the real mode carry out; returns the module's result."""
    declared = params["entries"] if params["state"] == "present" else []
    entries = read_entries(declared, read_host(), params["allow_foreign_address"])
    table = read_table()
    before = standing(table)
    existing = params["existing_connections"]
    prefixes = [prefix for entry in (*entries, *before) for prefix in entry.prefixes]
    found: NatPlan = plan(table, entries, (), existing)
    if found.plan.changes and existing != "keep":
        found = plan(table, entries, read_connections(prefixes), existing)
    acknowledged = {entry["name"] for entry in declared if entry["acknowledge_source"]}
    report = source_report(found, acknowledged, params["unacknowledged"] == "refuse")
    check_host(found.plan.changes)
    deleted = found.deletions
    if found.plan.changes and not check_mode:
        carry_out(found.plan, lambda: table_text(read_table()), guarding_of(params))
        if existing != "keep":
            late = late_deletions(read_connections(prefixes), before, entries, existing)
            deleted += sum(delete_connection(change) for change in late)
    replied = sum(not flow.unreplied for flow in found.wrong)
    counts = {"unreplied": len(found.wrong) - replied, "replied": replied, "deleted": deleted}
    return {**found.plan.result(), "connections": counts, "source_changes": report}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
