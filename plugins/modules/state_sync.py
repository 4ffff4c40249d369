#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: state_sync
short_description: Share connection tracking state with other firewalls, by conntrackd
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Configures and runs conntrackd on one member of a pair or group of firewalls. The role
    P(netpath.symmetry.state_sync#role) finds the members in the inventory and runs this module on each.
  - conntrackd itself reads the new configuration before it is put in place. It is restarted only where what it was
    started with has changed.
  - The sync link is refused unless it carries nothing else (O(accept_shared_link)), and rules in the table
    C(inet netpath_symmetry) let only the peers reach the port there.
  - A configuration that this module has not written is refused by name, or taken over with O(adopt).
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.guarded
requirements:
  - conntrackd
  - nft
  - ip
options:
  state:
    description:
      - With V(absent), the daemon ends unless it ran before this module came, rules, parameters and files of ours go,
        and what was taken over is put back.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: This host among O(members).
    type: str
  members:
    description: The firewalls that share state, this host among them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the member is called.
        type: str
        required: true
      interface:
        description: The interface of its sync link.
        type: str
      address:
        description: Its address on the sync link, IPv4 or IPv6.
        type: str
      sysctls:
        description: What RV(seen) of that member has told. Members that differ are refused.
        type: dict
        default: {}
      version:
        description: The version of its conntrackd, as RV(seen) has told.
        type: str
      agreed:
        description: Options that all members must have alike, as RV(seen) has told. Members that differ are refused.
        type: dict
        default: {}
  other_groups:
    description: Other groups of the inventory that use multicast, so that no two use the same address and port.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The group.
        type: str
        required: true
      multicast_address:
        description: Its address.
        type: str
      port:
        description: Its port.
        type: int
  mode:
    description:
      - V(ftfw) is reliable, and for a pair only, as it counts the messages of one peer. V(notrack) is best effort, and
        takes any number of members. V(alarm) sends everything again and again.
    type: str
    choices: [ftfw, notrack, alarm]
    default: ftfw
  paths:
    description:
      - With V(split), both directions of a flow may cross different members, so what a peer sends goes into the kernel
        at once (C(DisableExternalCache)).
      - With V(failover), one member forwards at a time. What a peer sends waits in a cache until a failover commits it.
    type: str
    choices: [split, failover]
    default: split
  transport:
    description: How members reach each other. V(udp) is unicast and for a pair.
    type: str
    choices: [udp, multicast]
    default: udp
  multicast_address:
    description: The multicast address, V(225.0.0.50) or V(ff05::32) by default.
    type: str
  port:
    description: The UDP port.
    type: int
    default: 3780
  protocols:
    description: The protocols whose state is shared; all of them where the list is empty.
    type: list
    elements: str
    choices: [tcp, udp, icmp, icmpv6, sctp, dccp]
    default: []
  expectations:
    description: Helpers whose expectations are shared, such as V(ftp).
    type: list
    elements: str
    default: []
  ignore_addresses:
    description:
      - Addresses and prefixes whose flows are not shared, beside the addresses of this host, those of the sync link and
        those that never leave a host. Name virtual addresses that move between the members.
    type: list
    elements: str
    default: []
  sysctls:
    description:
      - Parameters of connection tracking to set, by their names below C(net/netfilter), such as C(nf_conntrack_max).
      - Members that differ in C(nf_conntrack_max), C(nf_conntrack_tcp_loose) or C(nf_conntrack_tcp_be_liberal) are
        refused unless the parameter is set here.
    type: dict
    default: {}
  accept_shared_link:
    description: Use an interface that carries other traffic, too. The protocol has no authentication.
    type: bool
    default: false
  restrict_peers:
    description: Let only the peers reach the port, on the sync link's interface.
    type: bool
    default: true
  adopt:
    description: Take over a configuration that this module has not written; it is kept beside it.
    type: bool
    default: false
  configuration:
    description: The configuration of conntrackd.
    type: path
    default: /etc/conntrackd/conntrackd.conf
  lock:
    description: Its lock file.
    type: path
    default: /var/lock/conntrack.lock
  socket:
    description: The socket at which it answers.
    type: path
    default: /var/run/conntrackd.ctl
  log:
    description: Its log file, which stays when the daemon goes. It logs to syslog without one.
    type: path
  service:
    description:
      - Who runs conntrackd. V(systemd) is the packaged unit with a drop-in, V(command) the program itself, until the
        next boot. With V(auto), systemd where it is process 1 of this network.
    type: str
    choices: [auto, systemd, command]
    default: auto
"""

EXAMPLES = r"""
- name: Share state with the other firewall of the pair
  netpath.symmetry.state_sync:
    name: fw1
    members:
      - {name: fw1, interface: sync0, address: 172.31.0.1}
      - {name: fw2, interface: sync0, address: 172.31.0.2}
"""

RETURN = r"""
seen:
  description: What the other members need to know of this host.
  type: dict
  returned: success
  sample: {sysctls: {nf_conntrack_max: 262144}, version: 1.4.7, agreed: {mode: ftfw, paths: split}}
runs_by:
  description: What runs the daemon, V(systemd) or V(process) (until the next boot); empty where none is to run.
  type: str
  returned: success
  sample: systemd
files:
  description: The files that were changed.
  type: list
  elements: str
  returned: success
  sample: [/etc/conntrackd/conntrackd.conf]
rules:
  description: The plan of the rules, for O(netpath.symmetry.persistence#module:planned).
  type: dict
  returned: success
  sample: {changes: [], commands: [], undo: [], kept: [], changed: false}
commands:
  description: Shell commands that do the same, for a reviewer.
  type: list
  elements: str
  returned: success
  sample: ["systemctl daemon-reload", "systemctl restart conntrackd.service"]
undo:
  description: Shell commands that take the change back, also where it was applied in part.
  type: list
  elements: str
  returned: success
  sample: ["! systemctl is-active -q conntrackd.service || systemctl stop conntrackd.service"]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import ApplyError, guarding_of
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.guarded_module import ARGUMENTS as GUARDED
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import deployment
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.wish import PROTOCOLS

MEMBER = {
    "name": {"type": "str", "required": True},
    "interface": {"type": "str"},
    "address": {"type": "str"},
    "sysctls": {"type": "dict", "default": {}},
    "version": {"type": "str"},
    "agreed": {"type": "dict", "default": {}},
}
OTHER = {
    "name": {"type": "str", "required": True},
    "multicast_address": {"type": "str"},
    "port": {"type": "int"},
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str"},
    "members": {"type": "list", "elements": "dict", "default": [], "options": MEMBER},
    "other_groups": {"type": "list", "elements": "dict", "default": [], "options": OTHER},
    "mode": {"type": "str", "choices": ["ftfw", "notrack", "alarm"], "default": "ftfw"},
    "paths": {"type": "str", "choices": ["split", "failover"], "default": "split"},
    "transport": {"type": "str", "choices": ["udp", "multicast"], "default": "udp"},
    "multicast_address": {"type": "str"},
    "port": {"type": "int", "default": 3780},
    "protocols": {"type": "list", "elements": "str", "choices": list(PROTOCOLS), "default": []},
    "expectations": {"type": "list", "elements": "str", "default": []},
    "ignore_addresses": {"type": "list", "elements": "str", "default": []},
    "sysctls": {"type": "dict", "default": {}},
    "accept_shared_link": {"type": "bool", "default": False},
    "restrict_peers": {"type": "bool", "default": True},
    "adopt": {"type": "bool", "default": False},
    "configuration": {"type": "path", "default": deployment.DEFAULT},
    "lock": {"type": "path", "default": "/var/lock/conntrack.lock"},
    "socket": {"type": "path", "default": "/var/run/conntrackd.ctl"},
    "log": {"type": "path"},
    "service": {"type": "str", "choices": ["auto", "systemd", "command"], "default": "auto"},
    **GUARDED,
}


def run(params: dict[str, t.Any], check_mode: bool) -> tuple[dict[str, t.Any], list[str]]:
    """Plan, and in the real mode carry out; returns the module's result, and what is to be warned of."""
    planned = deployment.plan(params)
    if planned.changed and not check_mode:
        deployment.carry_out_all(planned, guarding_of(params))
    return {**planned.result(), "seen": deployment.look(params)}, list(planned.warnings)


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        result, warnings = run(module.params, module.check_mode)
    except (PlanError, ApplyError, GuardError, CommandError, NetlinkError, PersistError) as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    if result["runs_by"] == "process":
        module.warn("systemd is not process 1 of this network: conntrackd runs as a process, until the next boot")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
